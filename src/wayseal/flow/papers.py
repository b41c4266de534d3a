"""What people signed, gathered for the gate from the rows that keep it: for an export, or for releases.

Owns nothing and judges nothing: the gate verifies every byte of it again.
"""

from collections.abc import Sequence

from wayseal.export.approval import Subject
from wayseal.flow.request import Paper, Word
from wayseal.ledger.reader import LedgerReader
from wayseal.model.custody import Release
from wayseal.model.disclosure import Export, GivenApproval
from wayseal.model.errors import Unapproved
from wayseal.store import approvers as rows
from wayseal.store.centre import CentreStore
from wayseal.store.engine import read


def gather_words(ledger: LedgerReader, store: CentreStore, releases: Sequence[Release]) -> list[Paper]:
    """Return a paper for each release for which somebody of the appointed has signed; none where nobody has."""
    with read(store.engine) as connection:
        given = rows.list_release_approvals(connection, [one.id for one in releases])
        if not given:  # nearly always: few releases need a second person
            return []
        appointed = rows.find_appointments(connection, [key for _, key, _ in given])
    papers = []
    for release in releases:
        words = [Word(raw, appointed[key]) for of, key, raw in given if of == release.id and key in appointed]
        if words:
            papers.append(Paper(Subject.RELEASE, ledger.raw(release.ledger_index), tuple(words)))
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
