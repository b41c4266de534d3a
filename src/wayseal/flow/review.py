"""Crossings: what an encounter leaves behind, an officer's decision on it, and the pairing of an exit with its entry.

A crossing names a traveller only when the match was clear or an officer said so (R-37). It holds no image and has a
record class of its own. Nothing here opens pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from wayseal.flow.archive import Archive, Paper
from wayseal.flow.documents import crossing_document, parse_crossing
from wayseal.flow.policy import Policy, Principal
from wayseal.flow.release import Opener
from wayseal.model.border import Crossing, Decision, Direction, Encounter, OccupantResult, Outcome, Verdict
from wayseal.model.clock import Clock, to_text
from wayseal.model.custody import Purpose
from wayseal.model.errors import Integrity, Invalid, Refused
from wayseal.model.ids import CrossingId, EpochId, RecordId, new_ulid
from wayseal.seal.envelope import parse_record
from wayseal.seal.keys import BlindIndex
from wayseal.store import crossings as rows
from wayseal.store.centre import read_record
from wayseal.store.crossings import StoredCrossing
from wayseal.store.engine import read, write

ALLOWED = {
    Direction.ENTRY: (Verdict.ADMIT, Verdict.REFER, Verdict.REFUSE),
    Direction.EXIT: (Verdict.DEPARTED, Verdict.REFER),
}
"""Which decisions an officer may take in which direction."""


@dataclass(frozen=True, slots=True)
class Register:
    """What writing and reading crossings needs. `record_class` is the crossings' own class."""

    archive: Archive
    opener: Opener
    policy: Policy
    index: BlindIndex
    record_class: str
    clock: Clock


def record_crossings(register: Register, encounter: Encounter) -> list[Crossing]:
    """Make one crossing for each occupant of an answered encounter, seal and store them, and pair exits with open entries.

    Repeating it after a crash makes none twice. The decision is still open; a clear match names the traveller.
    """
    with read(register.archive.store.engine) as connection:
        known = {row.seat for row in rows.list_crossings(connection, encounter=encounter.id)}
    fresh = [
        _make_crossing(register, encounter, person)
        for person in encounter.occupants
        if person.seat not in known
    ]
    if not fresh:
        return []
    sealed = register.archive.keep([_paper(register, crossing) for crossing in fresh])
    with write(register.archive.store.engine) as connection:
        rows.add_crossings(
            connection,
            [
                _row(register, crossing, record.header.object_id, record.epoch)
                for crossing, record in zip(fresh, sealed, strict=True)
            ],
        )
        return [replace(crossing, paired_with=_pair(register, connection, crossing)) for crossing in fresh]


def decide_crossing(
    register: Register,
    officer: Principal,
    crossing: CrossingId,
    *,
    verdict: Verdict,
    reason: str,
    traveller: str | None = None,
) -> Crossing:
    """Write an officer's decision on a crossing, once, and return the crossing with it.

    `traveller` is who the documents say it is; None keeps what is there. The ledger entry comes first. Raises `Refused` when
    it was decided before or policy forbids, `Invalid` for a verdict that does not fit the lane's direction.
    """
    with read(register.archive.store.engine) as connection:
        row = rows.get_crossing(connection, crossing)
    if row.decided:
        raise Refused(
            "this crossing was decided already", hint="A correction is a new decision by a supervisor."
        )
    if verdict not in ALLOWED[row.direction]:
        raise Invalid(
            f"{verdict.value} is no decision for an {row.direction.value} lane",
            hint="Use " + ", ".join(option.value for option in ALLOWED[row.direction]),
        )
    if not reason.strip():
        raise Invalid("a decision needs a reason", hint="Say in a few words what it rests on.")
    header = parse_record(read_record(register.archive.store, _document(row))).header
    ruling = register.policy.verify(officer, "decide", header, Purpose.PRIMARY_INSPECTION, register.clock())
    (current,) = read_crossings(register, officer, [row], Purpose.PRIMARY_INSPECTION)
    decided = replace(
        current,
        traveller=traveller or current.traveller,
        decision=Decision(verdict=verdict, reason=reason.strip(), officer=officer.id, time=register.clock()),
    )
    register.archive.ledger.append(
        [
            {
                "type": "decision", "object": crossing, "crossing": crossing, "encounter": row.encounter, "actor": officer.id,
                "org": officer.organisation, "lane": row.lane, "policy_sha256": ruling.policy_sha256,
                "overruled": current.traveller is not None and decided.traveller != current.traveller,
            }
        ]
    )  # fmt: skip
    (sealed,) = register.archive.keep([_paper(register, decided)])
    tag = _tag(register, decided.traveller)
    with write(register.archive.store.engine) as connection:
        rows.set_decided(
            connection, crossing, document=sealed.header.object_id, epoch=sealed.epoch, traveller_tag=tag
        )
        if row.paired_with is None:
            return replace(decided, paired_with=_pair(register, connection, decided))
    return decided


def read_crossings(
    register: Register,
    who: Principal,
    stored: Sequence[StoredCrossing],
    purpose: Purpose = Purpose.CROSSING_LIST,
) -> list[Crossing]:
    """Open crossings' documents, each under an intent of its own, and return them in order."""
    bodies = register.opener.read_now(who, [_document(row) for row in stored], purpose)
    return [
        parse_crossing(body, paired_with=row.paired_with) for row, body in zip(stored, bodies, strict=True)
    ]


def list_crossings(
    register: Register,
    who: Principal,
    *,
    unpaired: bool = False,
    since: datetime | None = None,
    before: datetime | None = None,
    limit: int = 1000,
) -> list[Crossing]:
    """Return crossings, newest first, from a time on and before one if given. `unpaired`: entries of known travellers without an exit."""
    with read(register.archive.store.engine) as connection:
        stored = rows.list_crossings(connection, unpaired=unpaired, since=since, before=before, limit=limit)
    return [one for one in read_crossings(register, who, stored) if not one.canary]


def _document(row: StoredCrossing) -> RecordId:
    """Return the id of a crossing's sealed document. Raises `Integrity` when the row names none."""
    if row.document is None:
        raise Integrity("a crossing without its document", crossing=row.id)
    return row.document


def _make_crossing(register: Register, encounter: Encounter, person: OccupantResult) -> Crossing:
    """Return an occupant's crossing, undecided."""
    clear = person.outcome is Outcome.MATCH and person.candidates
    return Crossing(
        id=CrossingId(new_ulid(register.clock())),
        encounter=encounter.id,
        seat=person.seat,
        traveller=person.candidates[0].traveller if clear else None,
        direction=encounter.direction,
        lane=encounter.lane,
        time=encounter.time,
        plate=None if encounter.plate is None else encounter.plate.text,
        decision=None,
        canary=encounter.canary,
    )


def _paper(register: Register, crossing: Crossing) -> Paper:
    """Return the document to seal for a crossing."""
    return Paper(crossing_document(crossing), crossing.lane, crossing.encounter, register.record_class)


def _row(register: Register, crossing: Crossing, document: RecordId, epoch: EpochId) -> StoredCrossing:
    """Return the row of a new crossing."""
    return StoredCrossing(
        id=crossing.id,
        encounter=crossing.encounter,
        seat=crossing.seat,
        lane=crossing.lane,
        direction=crossing.direction,
        time=crossing.time,
        traveller_tag=_tag(register, crossing.traveller),
        plate_tag=tag_plate(register.index, crossing.plate),
        paired_with=None,
        document=document,
        decided=False,
        record_class=register.record_class,
        epoch=epoch,
    )


def tag_plate(index: BlindIndex, plate: str | None) -> bytes | None:
    """Return the keyed tag under which a vehicle's crossings are found; None without a plate.

    Spaces and hyphens do not count.
    """
    text = strip_plate(plate)
    return index.tag("plate", text) if text else None


def strip_plate(plate: str | None) -> str:
    """Return a plate's letters and digits in capitals, empty without a plate."""
    return "".join(letter for letter in plate or "" if letter.isalnum()).upper()


def _tag(register: Register, traveller: str | None) -> bytes | None:
    """Return the keyed tag under which a traveller's crossings are found."""
    return None if traveller is None else register.index.tag("traveller", traveller)


def _pair(register: Register, connection: Connection, crossing: Crossing) -> CrossingId | None:
    """Pair an exit with the traveller's newest open entry and return that entry's id, or None."""
    tag = _tag(register, crossing.traveller)
    if crossing.direction is not Direction.EXIT or tag is None:
        return None
    entry = rows.find_open_entry(connection, tag, before=crossing.time)
    if entry is None:
        return None
    rows.pair_crossings(connection, entry.id, crossing.id)
    return entry.id


def describe_crossing(crossing: Crossing) -> dict[str, object]:
    """Return a crossing as the contract's JSON."""
    return {
        "crossing": crossing.id,
        "encounter": crossing.encounter,
        "seat": crossing.seat.value,
        "traveller": crossing.traveller,
        "direction": crossing.direction.value,
        "lane": crossing.lane,
        "time": to_text(crossing.time),
        "plate": crossing.plate,
        "decision": None if crossing.decision is None else crossing.decision.verdict.value,
        "reason": None if crossing.decision is None else crossing.decision.reason,
        "paired_with": crossing.paired_with,
    }
