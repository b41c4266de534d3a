"""The lane's durable queue: what the centre has not yet receipted. While a record waits here, here is the truth.

Owns the lane's own database file and segment folder. A row leaves the queue by a verified receipt and by nothing else;
its bytes go when their whole segment is released, or with their epoch (`expired`). Holds sealed bytes only.
"""

import json
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Select, bindparam, delete, func, insert, select, update

from wayseal.model.clock import Clock
from wayseal.model.custody import Kind, Receipt, SealedRecord
from wayseal.model.errors import Integrity, NotFound, Refused
from wayseal.model.ids import EncounterId, EpochId, RecordId, epoch_span
from wayseal.store.blobs import SegmentStore, segment_name
from wayseal.store.engine import open_file, read, scrub_deleted, write
from wayseal.store.frames import Frame, Position, whole_groups
from wayseal.store.locks import own_lock, share_lock
from wayseal.store.migrate import migrate
from wayseal.store.schema import outbox

QUEUED, SENT, RELEASED, EXPIRED = "queued", "sent", "released", "expired"
_WAITING = (QUEUED, SENT)
_KNOWN = select(outbox.c.object_id, outbox.c.sha256).where(
    outbox.c.object_id.in_(bindparam("ids", expanding=True))
)
_LAST = select(func.max(outbox.c.sequence))
_INSERT = insert(outbox)
_NEWEST = select(outbox.c.object_id).order_by(outbox.c.sequence.desc()).limit(1)
_WAITS = select(outbox.c.epoch).where(outbox.c.state.in_(_WAITING)).distinct()
_BARE = (
    select(outbox.c.epoch)
    .where(outbox.c.segment.is_(None) & (outbox.c.object_id != _NEWEST.scalar_subquery()))
    .distinct()
)
"""Epochs whose bytes are gone and whose rows are not yet: an unlinking died in between."""

_SENT = (
    update(outbox)
    .where((outbox.c.object_id == bindparam("id")) & ((outbox.c.state == QUEUED) | (outbox.c.state == SENT)))
    .values(state=SENT, sent_at=bindparam("now"), attempts=outbox.c.attempts + 1)
)
_RELEASE = (
    update(outbox)
    .where(outbox.c.object_id == bindparam("id"))
    .values(state=RELEASED, receipt_ledger_index=bindparam("index"), receipt_signature=bindparam("signature"))
)


@dataclass(frozen=True, slots=True)
class QueuedRecord:
    """A record that waits: what the carrier needs besides the bytes (`Outbox.read`)."""

    object_id: RecordId
    encounter: EncounterId | None
    kind: Kind
    epoch: EpochId
    sha256: str
    position: Position
    state: str
    queued_at: datetime
    attempts: int


class Outbox:
    """The queue under one folder. `verify_receipt` raises when a receipt is not signed by the centre.

    Everything here may be repeated after a crash: `put` of what is there, `release` of what was released.
    """

    def __init__(self, folder: Path, *, clock: Clock, verify_receipt: Callable[[Receipt], None]) -> None:
        self._engine = open_file(folder / "outbox.sqlite")
        migrate(self._engine, "lane")
        self._blobs = SegmentStore(folder / "segments", acknowledged=self._acknowledged_end)
        self._clock = clock
        # A put never overlaps with an unlinking or a recovery: of another thread, and of another process.
        self._lock, self._lock_file = threading.Lock(), folder / "outbox.lock"
        with own_lock(self._lock_file) as alone:
            if alone:
                self._adopt_frames()
        self._verify_receipt = verify_receipt

    @property
    def engine(self) -> Engine:
        """The lane's own database."""
        return self._engine

    def close(self) -> None:
        """Give back the database connections."""
        self._engine.dispose()

    def put(self, records: Sequence[SealedRecord], encounter: EncounterId | None = None) -> None:
        """Queue sealed records durably, as one group. When it returns they survive a power cut.

        One flush to disk makes bytes and rows safe: a row that a power cut undoes is made again from its frame's note.

        Raises `StoreFull` when the disk is full (nothing of the call is queued) and `Integrity` when a known id comes with
        other bytes.
        """
        with self._lock, share_lock(self._lock_file):
            groups: dict[EpochId, list[SealedRecord]] = {}
            for record in self._without_known(records):
                groups.setdefault(record.header.epoch, []).append(record)
            waiting = []
            for epoch, group in groups.items():
                notes = [_note(record, encounter) for record in group]
                positions = self._blobs.append(group, epoch, notes)
                waiting += [
                    Frame(record.header.object_id, place, record.sha256, note, intact=True)
                    for record, place, note in zip(group, positions, notes, strict=True)
                ]
            self._insert(waiting)

    def pending(self, limit: int = 64, *, without: Collection[EncounterId] = ()) -> list[QueuedRecord]:
        """Return what has no receipt yet, oldest first: queued and sent alike, since a send may have been lost.

        `without` names encounters to leave out: a centre that refuses one must not keep the others from it.
        """
        waiting = select(outbox).where(outbox.c.state.in_(_WAITING))
        if without:
            waiting = waiting.where(outbox.c.encounter.not_in(list(without)) | outbox.c.encounter.is_(None))
        with read(self._engine) as connection:
            return _fetch(connection, waiting.order_by(outbox.c.sequence).limit(limit))

    def read(self, object_id: RecordId) -> bytes:
        """Return a waiting record's sealed bytes. Raises `NotFound` when it does not wait here, `Integrity` when damaged."""
        return self._blobs.read(self._get(object_id).position)

    def head(self) -> str | None:
        """Return SHA-256 (hex) of the newest record ever queued here, from which a lane's chain goes on; None for none."""
        with read(self._engine) as connection:
            return connection.execute(_NEWEST.with_only_columns(outbox.c.sha256)).scalar()

    def read_waiting(self, waiting: QueuedRecord) -> bytes:
        """Return the sealed bytes of a record that `pending` told of, without asking again. Raises as `SegmentStore.read`."""
        return self._blobs.read(waiting.position)

    def mark_sent(self, *object_ids: RecordId) -> None:
        """Count an attempt to send, of all of them at once. They stay in `pending` until their receipts come."""
        now = self._clock()
        if object_ids:
            with write(self._engine, lazy=True) as connection:
                connection.execute(_SENT, [{"id": one, "now": now} for one in object_ids])

    def release(self, *receipts: Receipt) -> None:
        """Let records go, all or none, on the centre's signed word that it holds exactly these bytes. Again: nothing happens.

        A power cut may undo it; then the records are sent again, which changes nothing at the centre.

        Raises what `verify_receipt` raises, `Refused` when a receipt is for other bytes, `NotFound` for an unknown record.
        """
        for receipt in receipts:
            self._verify_receipt(receipt)
        if not receipts:
            return
        with write(self._engine, lazy=True) as connection:
            found = connection.execute(_KNOWN, {"ids": [one.object_id for one in receipts]}).all()
            known = {row.object_id: row.sha256 for row in found}
            for receipt in receipts:
                _check_receipt(receipt, known.get(receipt.object_id))
            connection.execute(_RELEASE, [
                {"id": one.object_id, "index": one.ledger_index, "signature": one.signature} for one in receipts
            ])  # fmt: skip

    def counts(self) -> dict[str, int]:
        """Return how many records are `queued`, `sent`, `released` and (the newest only, kept for `head`) `expired`."""
        totals = dict.fromkeys((QUEUED, SENT, RELEASED, EXPIRED), 0)
        with read(self._engine) as connection:
            for state, count in connection.execute(
                select(outbox.c.state, func.count()).group_by(outbox.c.state)
            ):
                totals[state] = count
        return totals

    def sweep(self, *, current: Sequence[EpochId] = ()) -> int:
        """Unlink the segments whose records are all released, except those of `current` epochs; return how many went.

        What an earlier call that died has left is finished too.
        """
        with self._lock, own_lock(self._lock_file, wait=True):
            with read(self._engine) as connection:
                needed = set(connection.execute(_WAITS).scalars()) | set(current)
                bare = set(connection.execute(_BARE).scalars())
            idle = sorted((bare | set(self._blobs.epochs())) - needed)
            for epoch in idle:
                self._unlink(epoch)
        return len(idle)

    def forget_epoch(self, epoch: EpochId) -> int:
        """Unlink an epoch's bytes and delete its rows, released or not, and return how many rows. For erased epochs."""
        with self._lock, own_lock(self._lock_file, wait=True):
            return self._unlink(epoch)

    def _unlink(self, epoch: EpochId) -> int:
        """Unlink a segment, delete its rows but for the newest of all, and return how many there were; the caller holds the lock.

        The rows say first, on the disk, that nothing lies there: receipts are written down without waiting for it, and a row that
        a power cut made wait again would wait for bytes that are gone.
        """
        here, gone = outbox.c.epoch == epoch, dict.fromkeys(("segment", "offset", "length"))
        with write(self._engine) as connection:
            removed = connection.execute(update(outbox).where(here).values(**gone)).rowcount
            connection.execute(
                update(outbox).where(here & outbox.c.state.in_(_WAITING)).values(state=EXPIRED)
            )
        self._blobs.unlink_epoch(epoch)
        with write(self._engine) as connection:
            newest = connection.execute(_NEWEST).scalar()
            connection.execute(delete(outbox).where(here & (outbox.c.object_id != newest)))
        scrub_deleted(self._engine)
        return removed

    def _acknowledged_end(self, epoch: EpochId) -> int:
        """Return how many bytes of a segment the rows vouch for."""
        end = select(func.max(outbox.c.offset + outbox.c.length)).where(
            outbox.c.segment == segment_name(epoch)
        )
        with read(self._engine) as connection:
            found = connection.execute(end).scalar()
        return 0 if found is None else int(found)

    def _without_known(self, records: Sequence[SealedRecord]) -> list[SealedRecord]:
        """Return the records that are not queued yet. Raises `Integrity` when one is, with other bytes."""
        unique = {record.header.object_id: record for record in records}
        with read(self._engine) as connection:
            known = connection.execute(_KNOWN, {"ids": list(unique)}).all()
        for object_id, digest in known:
            if unique.pop(object_id).sha256 != digest:
                raise Integrity("another record came under a known id", record=object_id)
        return list(unique.values())

    def _get(self, object_id: RecordId) -> QueuedRecord:
        with read(self._engine) as connection:
            chosen = (outbox.c.object_id == object_id) & outbox.c.segment.is_not(None)
            found = _fetch(connection, select(outbox).where(chosen))
        if not found:
            raise NotFound("no such record in the outbox", record=object_id)
        return found[0]

    def _insert(self, frames: Sequence[Frame]) -> None:
        """Insert rows for frames that are durable, in their order, after all that is there."""
        if not frames:
            return
        now = self._clock()
        with write(self._engine, lazy=True) as connection:
            last = connection.execute(_LAST).scalar() or 0
            rows = [_to_columns(frame, now) for frame in frames]
            connection.execute(_INSERT, [{**row, "sequence": last + n} for n, row in enumerate(rows, 1)])

    def _adopt_frames(self) -> None:
        """Make rows for whole groups that have none: what a crash left between the bytes and their rows."""
        total = select(outbox.c.segment, func.sum(outbox.c.length)).group_by(outbox.c.segment)
        with read(self._engine) as connection:
            vouched = {segment: int(size) for segment, size in connection.execute(total) if segment}
            known = set(connection.execute(select(outbox.c.object_id)).scalars())
        for epoch in sorted(self._blobs.epochs(), key=lambda one: epoch_span(one)[1]):
            if self._blobs.size(epoch) != vouched.get(segment_name(epoch), 0):
                whole = (frame for group in whole_groups(self._blobs.frames(epoch)) for frame in group)
                self._insert([f for f in whole if f.note and f.object_id not in known])


def _note(record: SealedRecord, encounter: EncounterId | None) -> bytes:
    """Return what a frame's note says of a queued record."""
    note = {"encounter": encounter, "kind": record.header.kind.value, "epoch": record.header.epoch}
    return json.dumps(note, separators=(",", ":")).encode()


def _check_receipt(receipt: Receipt, digest: str | None) -> None:
    """Raise unless a receipt is for the bytes that are queued under its id."""
    if digest is None:
        raise NotFound("no such record in the outbox", record=receipt.object_id)
    if digest != receipt.sha256:
        raise Refused(
            "the receipt is for other bytes",
            hint="Keep the receipt: the centre stored something else. The record stays queued.",
            record=receipt.object_id,
        )


def _to_columns(frame: Frame, queued_at: datetime) -> dict[str, Any]:
    """Return the row of a frame, without its place in the queue. Raises `Integrity` for a frame without a row's note."""
    try:
        note = json.loads(frame.note)
        own = {"encounter": note["encounter"], "kind": Kind(note["kind"]).value, "epoch": note["epoch"]}
    except (ValueError, KeyError, TypeError):
        raise Integrity("a frame without its note", record=frame.object_id) from None
    place = frame.position
    return own | {
        "object_id": frame.object_id,
        "sha256": frame.sha256,
        "segment": place.segment,
        "offset": place.offset,
        "length": place.length,
        "state": QUEUED,
        "queued_at": queued_at,
        "attempts": 0,
    }


def _fetch(connection: Connection, chosen: Select[Any]) -> list[QueuedRecord]:
    """Return the rows of a selection as waiting records."""
    return [
        QueuedRecord(
            object_id=row["object_id"],
            encounter=row["encounter"],
            kind=Kind(row["kind"]),
            epoch=row["epoch"],
            sha256=row["sha256"],
            position=Position(row["segment"], row["offset"], row["length"]),
            state=row["state"],
            queued_at=row["queued_at"],
            attempts=row["attempts"],
        )
        for row in connection.execute(chosen).mappings()
    ]
