"""Rows of sealed records: where the bytes are, which epoch they die with, and what became of them.

Owns the `records` table. Each function takes a connection, so that a caller decides what commits together. Holds
metadata only, never what is inside a record.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, func, insert, select, update

from wayseal.model.clock import from_text, to_text
from wayseal.model.custody import Kind, RecordStatus, SealedRecord
from wayseal.model.errors import Erased, Integrity, NotFound
from wayseal.model.ids import EncounterId, EpochId, RecordId, epoch_span
from wayseal.store.blobs import segment_name
from wayseal.store.frames import Frame, Position
from wayseal.store.schema import records

_ALIVE = (RecordStatus.LIVE.value, RecordStatus.HELD.value)
# Built once: to build and compare them anew cost a third of a put's CPU.
_KNOWN = select(records).where(records.c.object_id.in_(bindparam("ids", expanding=True)))
_INSERT = insert(records)


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """One row. `epoch` and `record_class` are the effective ones (the longer class after a re-wrap); `position` is None once erased."""

    object_id: RecordId
    encounter: EncounterId | None
    lane: str
    device: str
    kind: Kind
    record_class: str
    epoch: EpochId
    sealed_at: datetime
    padded_size: int
    sha256: str
    position: Position | None
    ledger_index: int
    status: RecordStatus = RecordStatus.LIVE
    erased_at: datetime | None = None
    erase_ledger_index: int | None = None


def make_row(
    record: SealedRecord, position: Position, *, encounter: EncounterId | None, ledger_index: int
) -> StoredRecord:
    """Return the row of a record that arrives, under its header's epoch: the one that `read_note` makes of its note."""
    header = record.header
    return StoredRecord(
        object_id=header.object_id,
        encounter=encounter,
        lane=header.lane,
        device=header.device,
        kind=header.kind,
        record_class=header.record_class,
        epoch=header.epoch,
        sealed_at=header.sealed_at,
        padded_size=header.padded_size,
        sha256=record.sha256,
        position=position,
        ledger_index=ledger_index,
    )


def note_record(record: SealedRecord, *, encounter: EncounterId | None, ledger_index: int) -> bytes:
    """Return what a frame's note says of a record, from which `read_note` makes its row again. Nothing about a person."""
    header = record.header
    note = {
        "encounter": encounter,
        "lane": header.lane,
        "device": header.device,
        "kind": header.kind.value,
        "sealed_at": to_text(header.sealed_at),
        "padded_size": header.padded_size,
        "ledger_index": ledger_index,
    }
    return json.dumps(note, separators=(",", ":")).encode()


def read_note(frame: Frame, epoch: EpochId) -> StoredRecord:
    """Return the row of a frame in an epoch's segment. Raises `Integrity` for a frame without a row's note."""
    try:
        note = json.loads(frame.note)
        return StoredRecord(
            object_id=frame.object_id,
            encounter=note["encounter"],
            lane=note["lane"],
            device=note["device"],
            kind=Kind(note["kind"]),
            record_class=epoch_span(epoch)[0],
            epoch=epoch,
            sealed_at=from_text(note["sealed_at"]),
            padded_size=note["padded_size"],
            sha256=frame.sha256,
            position=frame.position,
            ledger_index=note["ledger_index"],
        )
    except (ValueError, KeyError, TypeError):
        raise Integrity("a frame without its note", record=frame.object_id) from None


def add_records(connection: Connection, rows: Sequence[StoredRecord]) -> None:
    """Insert rows. The caller has made their bytes durable. An id that is there already is `Invalid` at the end."""
    if rows:
        connection.execute(_INSERT, [_to_columns(row) for row in rows])


def get_record(connection: Connection, object_id: RecordId) -> StoredRecord:
    """Return a record's row, erased ones too. Raises `NotFound`."""
    row = connection.execute(select(records).where(records.c.object_id == object_id)).mappings().first()
    if row is None:
        raise NotFound("no such record", record=object_id)
    return _from_row(row)


def find_known(connection: Connection, object_ids: Sequence[RecordId]) -> dict[RecordId, StoredRecord]:
    """Return the rows of those ids that are there."""
    found: dict[RecordId, StoredRecord] = {}
    for start in range(0, len(object_ids), 500):
        asked = {"ids": list(object_ids[start : start + 500])}
        found |= {row["object_id"]: _from_row(row) for row in connection.execute(_KNOWN, asked).mappings()}
    return found


def list_encounter_records(connection: Connection, encounter: EncounterId) -> list[StoredRecord]:
    """Return the records of one encounter, oldest first."""
    chosen = select(records).where(records.c.encounter == encounter).order_by(records.c.object_id)
    return [_from_row(row) for row in connection.execute(chosen).mappings()]


def list_epoch_records(connection: Connection, epoch: EpochId) -> list[StoredRecord]:
    """Return all records whose effective epoch is `epoch`, erased ones too, in id order."""
    chosen = select(records).where(records.c.epoch == epoch).order_by(records.c.object_id)
    return [_from_row(row) for row in connection.execute(chosen).mappings()]


def iterate_day_records(connection: Connection, day: date) -> Iterator[StoredRecord]:
    """Yield the records sealed on a UTC day, whatever their status, in id order."""
    start = datetime.combine(day, time(), tzinfo=UTC)
    span = records.c.sealed_at.between(start, start + timedelta(days=1) - timedelta(microseconds=1))
    for row in connection.execute(select(records).where(span).order_by(records.c.object_id)).mappings():
        yield _from_row(row)


def count_alive(connection: Connection) -> dict[EpochId, int]:
    """Return how many records of each epoch can still be opened (live and held)."""
    counted = (
        select(records.c.epoch, func.count()).where(records.c.status.in_(_ALIVE)).group_by(records.c.epoch)
    )
    return {EpochId(epoch): count for epoch, count in connection.execute(counted)}


def count_held(connection: Connection) -> int:
    """Return how many records are under a hold."""
    held = select(func.count()).select_from(records).where(records.c.status == RecordStatus.HELD.value)
    return int(connection.execute(held).scalar_one())


def move_record(
    connection: Connection, object_id: RecordId, *, epoch: EpochId, sha256: str, position: Position
) -> None:
    """Make a re-wrapped copy the record: from now on it dies with `epoch`. Raises `NotFound`, and `Erased` when too late."""
    current = get_record(connection, object_id)
    if current.status is RecordStatus.ERASED:
        raise Erased("the record was erased before it could be kept", record=object_id)
    values = {"epoch": epoch, "record_class": epoch_span(epoch)[0], "sha256": sha256, **_place(position)}
    connection.execute(update(records).where(records.c.object_id == object_id).values(**values))


def set_held(connection: Connection, object_ids: Sequence[RecordId], *, held: bool) -> int:
    """Mark live records as held, or held ones as live again, and return how many changed. Erased ones stay erased."""
    before, after = _ALIVE if held else reversed(_ALIVE)
    changed = 0
    for start in range(0, len(object_ids), 500):
        chosen = records.c.object_id.in_(object_ids[start : start + 500]) & (records.c.status == before)
        changed += connection.execute(update(records).where(chosen).values(status=after)).rowcount
    return changed


def mark_erased(connection: Connection, epoch: EpochId, *, when: datetime, ledger_index: int) -> int:
    """Mark every record of an epoch as erased, forget where its bytes were, and return how many changed. Idempotent."""
    chosen = (records.c.epoch == epoch) & records.c.status.in_(_ALIVE)
    gone = {"status": RecordStatus.ERASED.value, "erased_at": when, "erase_ledger_index": ledger_index}
    gone |= dict.fromkeys(("segment", "offset", "length"))
    return connection.execute(update(records).where(chosen).values(**gone)).rowcount


def acknowledged_end(connection: Connection, epoch: EpochId) -> int:
    """Return how many bytes of an epoch's segment the rows vouch for; 0 when none."""
    end = func.max(records.c.offset + records.c.length)
    found = connection.execute(select(end).where(records.c.segment == segment_name(epoch))).scalar()
    return 0 if found is None else int(found)


def sum_segments(connection: Connection) -> dict[EpochId, int]:
    """Return the size in bytes that each epoch's segment has when nothing but acknowledged records is in it."""
    total = func.sum(records.c.length)
    chosen = (
        select(records.c.segment, total).where(records.c.segment.is_not(None)).group_by(records.c.segment)
    )
    return {EpochId(name.removesuffix(".seg")): int(size) for name, size in connection.execute(chosen)}


def check_same(known: StoredRecord, record: SealedRecord) -> None:
    """Raise `Integrity` when a record that comes again under a known id has other bytes."""
    if known.sha256 != record.sha256 and known.record_class == record.header.record_class:
        raise Integrity("another record came under a known id", record=known.object_id)


def digest_of(data: bytes) -> str:
    """Return SHA-256 (hex) of sealed bytes."""
    return hashlib.sha256(data).hexdigest()


def _place(position: Position | None) -> dict[str, Any]:
    if position is None:
        return dict.fromkeys(("segment", "offset", "length"))
    return {"segment": position.segment, "offset": position.offset, "length": position.length}


def _to_columns(row: StoredRecord) -> dict[str, Any]:
    return {
        "object_id": row.object_id,
        "encounter": row.encounter,
        "lane": row.lane,
        "device": row.device,
        "kind": row.kind.value,
        "record_class": row.record_class,
        "epoch": row.epoch,
        "sealed_at": row.sealed_at,
        "padded_size": row.padded_size,
        "sha256": row.sha256,
        **_place(row.position),
        "ledger_index": row.ledger_index,
        "status": row.status.value,
        "erased_at": row.erased_at,
        "erase_ledger_index": row.erase_ledger_index,
    }


def _from_row(row: RowMapping) -> StoredRecord:
    values = dict(row)
    segment, offset, length = (values.pop(name) for name in ("segment", "offset", "length"))
    values["position"] = None if segment is None else Position(segment, offset, length)
    values["kind"] = Kind(values["kind"])
    values["status"] = RecordStatus(values["status"])
    return StoredRecord(**values)
