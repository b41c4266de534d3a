"""The centre's store as one thing: rows and segment files that agree with each other after any crash.

Owns the order of writing: bytes with a note of their row durable first, then the rows; a row that a crash undid is made
again from its note at the next opening. The caller has written the ledger entries before. Must never accept what is not
sealed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from wayseal.model.custody import RecordStatus, SealedRecord
from wayseal.model.errors import Erased, Integrity
from wayseal.model.ids import EncounterId, EpochId, RecordId
from wayseal.store import crossings, encounters
from wayseal.store import records as rows
from wayseal.store.blobs import SegmentStore
from wayseal.store.engine import open_engine, read, scrub_deleted, write
from wayseal.store.frames import Position, whole_groups
from wayseal.store.locks import own_lock, share_lock
from wayseal.store.migrate import migrate
from wayseal.store.records import StoredRecord


@dataclass(frozen=True, slots=True)
class CentreStore:
    """An open store: the database and the segment files it vouches for."""

    engine: Engine
    blobs: SegmentStore

    def close(self) -> None:
        """Give back the database connections."""
        self.engine.dispose()


@dataclass(frozen=True, slots=True)
class Arrival:
    """One sealed record to keep, with its encounter and the index of the ledger entry that says it was captured."""

    record: SealedRecord
    encounter: EncounterId | None
    ledger_index: int


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was mended after a crash: rows made again, and frames voided."""

    adopted: int
    voided: int


@dataclass(frozen=True, slots=True)
class Purge:
    """What one purge removed: rows marked or deleted, and bytes unlinked."""

    records: int
    encounters: int
    crossings: int
    freed_bytes: int


def open_centre(folder: Path, url: str | None = None) -> CentreStore:
    """Open (or make) the store under `folder`: `records.sqlite` or the database at `url`, and `segments/`.

    Runs pending migrations, and brings rows and bytes together again after a crash.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = open_engine(url or f"sqlite:///{folder / 'records.sqlite'}")
    migrate(engine)

    def vouched(epoch: EpochId) -> int:
        with read(engine) as connection:
            return rows.acknowledged_end(connection, epoch)

    store = CentreStore(engine, SegmentStore(folder / "segments", acknowledged=vouched))
    recover_store(store)
    return store


def put_records(store: CentreStore, arrivals: Sequence[Arrival]) -> list[StoredRecord]:
    """Keep sealed records durably, each under its header's epoch, and return their rows in the order given.

    When it returns, all of it survives a power cut, for one flush to disk a segment. A record that is there already is not written again, so a lane
    may send as often as it likes. Raises `Integrity` when a known id comes with other bytes, `StoreFull` when the disk is
    full; then nothing of the last segment's group is kept.
    """
    with share_lock(_lock_file(store)):
        with read(store.engine) as connection:
            known = rows.find_known(connection, [a.record.header.object_id for a in arrivals])
        fresh: dict[RecordId, Arrival] = {}
        for arrival in arrivals:
            object_id = arrival.record.header.object_id
            if object_id in known:
                rows.check_same(known[object_id], arrival.record)
            else:
                fresh.setdefault(object_id, arrival)
        written = _append_groups(store, list(fresh.values()))
        with write(store.engine, lazy=True) as connection:
            rows.add_records(connection, written)
    known |= {row.object_id: row for row in written}
    return [known[arrival.record.header.object_id] for arrival in arrivals]


def move_record(store: CentreStore, record: SealedRecord, epoch: EpochId) -> Position:
    """Keep a re-wrapped record under a longer class's epoch, point its row there and void the old copy.

    The encounter or crossing whose document it is lives on with it.

    A crash leaves either the old copy or the new one as the record, never neither; the other is voided at the next opening.
    """
    object_id = record.header.object_id
    with share_lock(_lock_file(store)):
        with read(store.engine) as connection:
            current = rows.get_record(connection, object_id)
        note = rows.note_record(record, encounter=current.encounter, ledger_index=current.ledger_index)
        (position,) = store.blobs.append([record], epoch, [note])
        with write(store.engine) as connection:
            before = rows.get_record(connection, object_id).position
            rows.move_record(connection, object_id, epoch=epoch, sha256=record.sha256, position=position)
            encounters.follow_document(connection, object_id, epoch=epoch)
            crossings.follow_document(connection, object_id, epoch=epoch)
        if before is not None:
            store.blobs.void(before)
    return position


def read_record(store: CentreStore, object_id: RecordId) -> bytes:
    """Return a record's sealed bytes. Raises `NotFound`, `Erased`, or `Integrity` when they are not what was acknowledged."""
    with read(store.engine) as connection:
        row = rows.get_record(connection, object_id)
    if row.status is RecordStatus.ERASED or row.position is None:
        raise Erased("the record was erased", record=object_id, ledger_index=row.erase_ledger_index)
    data = store.blobs.read(row.position)
    if rows.digest_of(data) != row.sha256:
        raise Integrity("a sealed record is not the one that was acknowledged", record=object_id)
    return data


def recover_store(store: CentreStore) -> Recovery:
    """Make rows for whole frames that have none, and void frames whose row points elsewhere. Skips while a writer is at work.

    Such frames are what a crash leaves between the bytes and their rows, and after a move or a purge.
    """
    with own_lock(_lock_file(store)) as alone:
        if not alone:
            return Recovery(0, 0)
        with read(store.engine) as connection:
            vouched = rows.sum_segments(connection)
        uneven = [e for e in store.blobs.epochs() if store.blobs.size(e) != vouched.get(e, 0)]
        found = [_recover_segment(store, epoch) for epoch in uneven]
    return Recovery(sum(one.adopted for one in found), sum(one.voided for one in found))


def purge_epoch(store: CentreStore, epoch: EpochId, *, when: datetime, ledger_index: int) -> Purge:
    """Mark or delete an epoch's rows and unlink its bytes, waiting for writers to finish. Idempotent after any crash.

    The caller has destroyed the key already; this only tidies up what nobody can read any more.
    """
    with own_lock(_lock_file(store), wait=True):
        with write(store.engine) as connection:
            erased = rows.mark_erased(connection, epoch, when=when, ledger_index=ledger_index)
            documents = encounters.mark_erased(connection, epoch)
            gone = crossings.delete_epoch(connection, epoch)
        freed = store.blobs.unlink_epoch(epoch)
    if gone:
        scrub_deleted(store.engine)
    return Purge(records=erased, encounters=documents, crossings=gone, freed_bytes=freed)


def _recover_segment(store: CentreStore, epoch: EpochId) -> Recovery:
    """Bring one segment and its rows together again. Whole groups get their rows; torn ones, which nobody acknowledged, none."""
    frames = list(store.blobs.frames(epoch))
    with read(store.engine) as connection:
        known = rows.find_known(connection, [frame.object_id for frame in frames])
    whole = (frame for group in whole_groups(frames) for frame in group)
    lost = {f.object_id: f for f in whole if f.object_id not in known and f.note}
    strange = [f for f in frames if f.object_id in known and known[f.object_id].position != f.position]
    with write(store.engine) as connection:
        rows.add_records(connection, [rows.read_note(frame, epoch) for frame in lost.values()])
    for frame in strange:
        store.blobs.void(frame.position)
    return Recovery(len(lost), len(strange))


def _append_groups(store: CentreStore, arrivals: Sequence[Arrival]) -> list[StoredRecord]:
    """Append arrivals, one group per epoch, and return their rows (not yet written)."""
    groups: dict[EpochId, list[Arrival]] = {}
    for arrival in arrivals:
        groups.setdefault(arrival.record.header.epoch, []).append(arrival)
    written = []
    for epoch, group in groups.items():
        notes = [
            rows.note_record(a.record, encounter=a.encounter, ledger_index=a.ledger_index) for a in group
        ]
        positions = store.blobs.append([a.record for a in group], epoch, notes)
        for arrival, place in zip(group, positions, strict=True):
            written.append(
                rows.make_row(
                    arrival.record, place, encounter=arrival.encounter, ledger_index=arrival.ledger_index
                )
            )
    return written


def _lock_file(store: CentreStore) -> Path:
    return store.blobs.folder.parent / "store.lock"
