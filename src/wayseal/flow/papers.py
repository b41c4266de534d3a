"""What people signed, gathered for the gate from the rows that keep it: for an export, for releases, for session grants, for a hold or for a petition.

Owns nothing and judges nothing: the gate verifies every byte of it again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from wayseal.export.approval import Subject
from wayseal.flow.grant import LONGEST
from wayseal.flow.petition import TYPES
from wayseal.flow.request import Paper, Word
from wayseal.ledger.reader import LedgerReader
from wayseal.model.clock import from_text, to_text
from wayseal.model.custody import Release
from wayseal.model.disclosure import Export, GivenApproval
from wayseal.model.errors import Unapproved
from wayseal.model.ids import EpochId, epoch_span
from wayseal.retention.schedule import find_hold
from wayseal.store import approvers as rows
from wayseal.store.centre import CentreStore
from wayseal.store.engine import read


def gather_words(ledger: LedgerReader, store: CentreStore, releases: Sequence[Release]) -> list[Paper]:
    """Return a paper for each release for which somebody of the appointed has signed; none where nobody has."""
    return _gather(ledger, store, Subject.RELEASE, {one.id: one.ledger_index for one in releases})


def gather_grants(ledger: LedgerReader, store: CentreStore, officer: str, now: datetime) -> list[Paper]:
    """Return a paper for each session grant of an officer that has not run out and that somebody of the appointed has signed."""
    found: dict[str, int] = {}
    for index in ledger.find(type="grant", actor=officer, since=to_text(now - LONGEST)):
        entry = ledger.entry(index)
        if now < from_text(entry["expires"]):
            found.setdefault(
                entry["object"], index
            )  # an id is given once; a later entry under it is nobody's
    return _gather(ledger, store, Subject.GRANT, found) if found else []


def gather_hold(ledger: LedgerReader, store: CentreStore, epoch: EpochId) -> list[Paper]:
    """Return the paper of an epoch's hold that somebody of the appointed has signed; none for an epoch of another class."""
    hold = find_hold(epoch_span(epoch)[0])
    if hold is None:
        return []
    found = ledger.find(type="hold", object=hold)
    return _gather(ledger, store, Subject.HOLD, {hold: found[0]}) if found else []


def gather_petition(ledger: LedgerReader, store: CentreStore, about: str, petition_id: str) -> list[Paper]:
    """Return the paper of a petition that somebody of the appointed has signed; none where nobody has."""
    found = ledger.find(type=TYPES[about], object=petition_id)
    return _gather(ledger, store, Subject(about), {petition_id: found[0]}) if found else []


def _gather(
    ledger: LedgerReader, store: CentreStore, about: Subject, places: Mapping[str, int]
) -> list[Paper]:
    """Return a paper for each of these, by the index of its entry, for which somebody of the appointed has signed."""
    with read(store.engine) as connection:
        given = rows.list_release_approvals(connection, list(places))
        if not given:  # nearly always: few releases need a second person
            return []
        appointed = rows.find_appointments(connection, [key for _, key, _ in given])
    papers = []
    for matter, index in places.items():
        words = [Word(raw, appointed[key]) for of, key, raw in given if of == matter and key in appointed]
        if words:
            papers.append(Paper(about, ledger.raw(index), tuple(words)))
    return papers


def gather_consent(store: CentreStore, export: Export, given: Sequence[GivenApproval]) -> Paper:
    """Return an export's manifest with what its approvers signed. Raises `Unapproved` for one whom nobody has appointed."""
    words = tuple(Word(one.approval, get_appointment(store, one.key, one.approver)) for one in given)
    return Paper(Subject.EXPORT, export.manifest, words)


def get_appointment(store: CentreStore, key: str, approver: str) -> bytes:
    """Return the officials' appointment of a credential. Raises `Unapproved` where there is none."""
    with read(store.engine) as connection:
        found = rows.find_appointments(connection, [key]).get(key)
    if found is None:
        raise Unapproved(
            "the site's officials have not appointed this approver",
            hint="wayseal export approver appoint NAME, or let the officials sign: docs/howto/export.md.",
            approver=approver,
        )
    return found
