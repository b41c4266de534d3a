"""What waits for a signature: releases that a second person may have to approve, session grants that have just begun, holds, and petitions.

Owns where each stands, read from the ledger and the rows. It opens nothing and decides nothing: who may sign is `flow.countersign`'s
to say, and what a signature is worth the gate's.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from wayseal.export.approval import Subject
from wayseal.flow.countersign import Matter, find_settled
from wayseal.flow.disclose import Disclosure
from wayseal.flow.grant import LONGEST
from wayseal.flow.habits import Habits
from wayseal.flow.meter import PICTURES, pool_of
from wayseal.flow.petition import FEWEST, LIFE, TYPES
from wayseal.ledger.reader import LedgerReader
from wayseal.model.clock import from_text, to_text
from wayseal.model.custody import RecordStatus, Release
from wayseal.model.errors import Refused
from wayseal.model.ids import RecordId
from wayseal.retention.hold import LONGEST as LONGEST_HOLD
from wayseal.store.engine import read
from wayseal.store.records import StoredRecord, find_known
from wayseal.store.releases import list_unopened

MOST = 200


class Place(StrEnum):
    """Where a matter stands. `done`: a petition that was carried out."""

    WAITS = "waits"
    SIGNED = "signed"
    DECLINED = "declined"
    OPENED = "opened"
    DONE = "done"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Signed:
    """Somebody's signature as the ledger tells of it, and until when it is good."""

    by: str
    role: str
    at: datetime
    good_until: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """A release or a grant, where it stands, until when it can be used, and who has signed or declined it."""

    matter: Matter
    place: Place
    until: datetime
    signed: tuple[Signed, ...]
    declined_by: str | None = None
    reason: str | None = None
    declined_signed: bool = False
    """Whether they signed their no."""
    record: StoredRecord | None = None
    """The record of a release, as far as it is still there."""
    together: int = 1
    """Releases that the same person asked for in the same moment."""

    @property
    def is_open(self) -> bool:
        """Whether a signature would still help."""
        return self.place in (Place.WAITS, Place.SIGNED)


def check_declined(ledger: LedgerReader, release: Release) -> None:
    """Raise `Refused`, with the reason's code, for a release that a second person has declined."""
    for index in ledger.find(type="release-decline", object=release.id):
        reason = ledger.entry(index)["reason"]
        raise Refused(
            f"a second person has declined this release: {reason}",
            hint="If it is needed, ask again and tell them why.",
        )


def list_grants(desk: Disclosure) -> list[Waiting]:
    """Return the session grants that are in force or were until now, newest first."""
    now = desk.now()
    found = [
        look_at_grant(desk, Matter(Subject.GRANT, entry["object"], index, entry))
        for index, entry in _read(desk, type="grant", since=to_text(now - LONGEST))
    ]
    return [one for one in reversed(found) if one.is_open]


def list_holds(desk: Disclosure) -> list[Waiting]:
    """Return the holds on the ledger that have not ended and that fewer than both have signed, newest first."""
    found = [
        look_at_hold(desk, Matter(Subject.HOLD, entry["object"], index, entry))
        for index, entry in _read(desk, type="hold", since=to_text(desk.now() - LONGEST_HOLD))
    ]
    return [one for one in reversed(found) if one.place is Place.WAITS]


def look_at_hold(desk: Disclosure, matter: Matter) -> Waiting:
    """Return where a hold stands: it waits until both whom it names have signed."""
    named = set(matter.entry["approvers"])
    return _judge(desk, matter, from_text(matter.entry["until"]), "lift", lambda by: by >= named)


def list_petitions(desk: Disclosure, about: Subject) -> list[Waiting]:
    """Return the reinstatements, or the lifts, that wait for signatures or for being carried out, newest first."""
    found = [
        look_at_petition(desk, Matter(about, entry["object"], index, entry))
        for index, entry in _read(desk, type=TYPES[about.value], since=to_text(desk.now() - LIFE))
    ]
    return [one for one in reversed(found) if one.is_open]


def look_at_petition(desk: Disclosure, matter: Matter) -> Waiting:
    """Return where a petition stands: it waits until two whom it names have signed, and then to be carried out."""
    named = set(matter.entry["approvers"])
    until = from_text(matter.entry["expires"])
    found = _judge(desk, matter, until, "", lambda by: len(by & named) >= FEWEST)
    return replace(found, place=Place.DONE) if find_settled(desk, matter) is not None else found


def list_releases(desk: Disclosure, habits: Habits) -> list[Waiting]:
    """Return the releases of pictures that nobody has opened yet and that may still be, newest first, at most 200."""
    now = desk.now()
    with read(desk.store.engine) as connection:
        releases = list_unopened(connection, since=now - habits.approval_wait, limit=MOST)
        records = find_known(connection, [one.record for one in releases])
    pictures = [
        one
        for one in releases
        if one.record in records
        and pool_of(records[one.record].kind) == PICTURES
        and records[one.record].status is not RecordStatus.ERASED
    ]
    found = [_look_at_release(desk, one, habits, pictures, records[one.record]) for one in pictures]
    return [one for one in found if one.is_open]


def look_at_release(desk: Disclosure, matter: Matter, habits: Habits) -> Waiting:
    """Return where a release stands."""
    at = from_text(matter.entry["time"])
    with read(desk.store.engine) as connection:
        releases = list_unopened(connection, since=at - timedelta(seconds=1), limit=MOST)
        found = find_known(connection, [RecordId(matter.entry["object"])])
    record = next(iter(found.values()), None)
    asked = next((one for one in releases if one.id == matter.id), None)
    if asked is not None:
        return _look_at_release(desk, asked, habits, releases, record)
    return _judge_release(desk, matter, habits, record, 1)


def look_at_grant(desk: Disclosure, matter: Matter) -> Waiting:
    """Return where a session grant stands."""
    return _judge(desk, matter, from_text(matter.entry["expires"]), "grant-end", bool)


def _judge(
    desk: Disclosure, matter: Matter, until: datetime, ending: str, suffices: Callable[[set[str]], bool]
) -> Waiting:
    """Return where a grant, a hold or a petition stands that an entry of type `ending`, if any, ends early. `suffices` is asked about who has signed."""
    signed = _list_signed(desk, matter, lambda _: until)
    declined = next(_read(desk, type=f"{matter.about}-decline", object=matter.id), None)
    place = Place.SIGNED if suffices({one.by for one in signed}) else Place.WAITS
    if declined is not None:
        place = Place.DECLINED
    elif until <= desk.now() or (ending and desk.ledger.find(type=ending, object=matter.id)):
        place = Place.OVER
    return Waiting(matter, place, until, signed, *_tell_declined(declined))


def _look_at_release(
    desk: Disclosure, asked: Release, habits: Habits, others: list[Release], record: StoredRecord | None
) -> Waiting:
    """Return where a release stands that is among the unopened ones."""
    entry = desk.ledger.entry(asked.ledger_index)
    same = [
        one for one in others if (one.principal, one.requested_at) == (asked.principal, asked.requested_at)
    ]
    matter = Matter(Subject.RELEASE, asked.id, asked.ledger_index, entry)
    return _judge_release(desk, matter, habits, record, len(same))


def _judge_release(
    desk: Disclosure, matter: Matter, habits: Habits, record: StoredRecord | None, together: int
) -> Waiting:
    """Return where a release stands: an approval is good for the release life, and the intent waits no longer than the wait."""
    now, until = desk.now(), from_text(matter.entry["time"]) + habits.approval_wait
    signed = _list_signed(desk, matter, lambda at: at + habits.life)
    declined = next(_read(desk, type="release-decline", object=matter.id), None)
    done = _read(desk, type="open-done", object=matter.id)
    place = Place.SIGNED if any(one.good_until > now for one in signed) else Place.WAITS
    if any(entry.get("outcome") == "opened" for _, entry in done):
        place = Place.OPENED
    elif declined is not None:
        place = Place.DECLINED
    elif until <= now:
        place = Place.OVER
    return Waiting(matter, place, until, signed, *_tell_declined(declined), record=record, together=together)


def _list_signed(
    desk: Disclosure, matter: Matter, good: Callable[[datetime], datetime]
) -> tuple[Signed, ...]:
    """Return the approvals of a release or a grant that the ledger tells of."""
    return tuple(
        Signed(entry["actor"], entry["role"], from_text(entry["time"]), good(from_text(entry["time"])))
        for _, entry in _read(desk, type=f"{matter.about}-approve", object=matter.id)
    )


def _tell_declined(declined: tuple[int, dict[str, Any]] | None) -> tuple[str | None, str | None, bool]:
    """Return who declined, the reason's code, and whether they signed it."""
    if declined is None:
        return None, None, False
    return declined[1]["actor"], declined[1]["reason"], "approval_sha256" in declined[1]


def _read(desk: Disclosure, **wanted: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield entries with their indices."""
    for index in desk.ledger.find(**wanted):
        yield index, desk.ledger.entry(index)
