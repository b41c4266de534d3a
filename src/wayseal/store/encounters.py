"""Rows of encounters: that a vehicle passed, when and where, and which sealed document holds its answers.

Owns the `encounters` table. What was seen (plate, candidates, outcomes) is only inside the document record.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select, update

from wayseal.model.border import Direction
from wayseal.model.custody import RecordStatus
from wayseal.model.errors import NotFound
from wayseal.model.ids import EncounterId, EpochId, RecordId, epoch_span
from wayseal.store.schema import encounters

# Built once: a delivery asks twice and inserts once.
_ONE = select(encounters).where(encounters.c.id == bindparam("one"))
_INSERT = insert(encounters)


@dataclass(frozen=True, slots=True)
class StoredEncounter:
    """One row. `epoch` is the effective epoch of its document; `document` is None until the answer was sealed."""

    id: EncounterId
    lane: str
    direction: Direction
    time: datetime
    occupants_seen: int
    document: RecordId | None
    record_class: str
    epoch: EpochId
    status: RecordStatus = RecordStatus.LIVE


def add_encounters(connection: Connection, rows: Sequence[StoredEncounter]) -> None:
    """Insert encounters. An id that is there already is `Invalid` at the end."""
    if rows:
        connection.execute(_INSERT, [asdict(row) for row in rows])


def get_encounter(connection: Connection, encounter: EncounterId) -> StoredEncounter:
    """Return one encounter, erased ones too. Raises `NotFound`."""
    row = connection.execute(_ONE, {"one": encounter}).mappings().first()
    if row is None:
        raise NotFound("no such encounter", encounter=encounter)
    return _from_row(dict(row))


def list_encounters(
    connection: Connection,
    *,
    lane: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 1000,
) -> list[StoredEncounter]:
    """Return encounters, newest first, of a lane and of times in [since, until) where given."""
    chosen = select(encounters).order_by(encounters.c.time.desc(), encounters.c.id.desc()).limit(limit)
    if lane is not None:
        chosen = chosen.where(encounters.c.lane == lane)
    if since is not None:
        chosen = chosen.where(encounters.c.time >= since)
    if until is not None:
        chosen = chosen.where(encounters.c.time < until)
    return [_from_row(dict(row)) for row in connection.execute(chosen).mappings()]


def set_document(
    connection: Connection, encounter: EncounterId, document: RecordId, *, epoch: EpochId
) -> None:
    """Name the record that holds an encounter's answers, and the epoch it dies with. Raises `NotFound`."""
    values = {"document": document, "epoch": epoch, "record_class": epoch_span(epoch)[0]}
    changed = connection.execute(update(encounters).where(encounters.c.id == encounter).values(**values))
    if changed.rowcount == 0:
        raise NotFound("no such encounter", encounter=encounter)


def set_seen(connection: Connection, encounter: EncounterId, *, time: datetime, occupants_seen: int) -> None:
    """Note when the vehicle left and how many people were seen, which only its sealed document knew. Raises `NotFound`."""
    values = {"time": time, "occupants_seen": occupants_seen}
    changed = connection.execute(update(encounters).where(encounters.c.id == encounter).values(**values))
    if changed.rowcount == 0:
        raise NotFound("no such encounter", encounter=encounter)


def set_status(connection: Connection, encounter: EncounterId, status: RecordStatus) -> None:
    """Say whether an encounter's document is live or held. Raises `NotFound`."""
    chosen = update(encounters).where(encounters.c.id == encounter).values(status=status)
    if connection.execute(chosen).rowcount == 0:
        raise NotFound("no such encounter", encounter=encounter)


def follow_document(connection: Connection, document: RecordId, *, epoch: EpochId) -> None:
    """Let the encounter whose answers a record holds, if any does, live and die with the record's new epoch."""
    values = {"epoch": epoch, "record_class": epoch_span(epoch)[0]}
    connection.execute(update(encounters).where(encounters.c.document == document).values(**values))


def mark_erased(connection: Connection, epoch: EpochId) -> int:
    """Mark the encounters whose document died with an epoch, and return how many changed. Idempotent."""
    chosen = (encounters.c.epoch == epoch) & (encounters.c.status != RecordStatus.ERASED)
    return connection.execute(update(encounters).where(chosen).values(status=RecordStatus.ERASED)).rowcount


def _from_row(row: dict[str, object]) -> StoredEncounter:
    direction, status = Direction(str(row.pop("direction"))), RecordStatus(str(row.pop("status")))
    return StoredEncounter(direction=direction, status=status, **row)  # type: ignore[arg-type]
