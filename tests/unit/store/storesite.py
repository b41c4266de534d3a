"""Sealed-looking records for the store's tests, for tests and the processes that tests start."""

import hashlib
import itertools
from datetime import UTC, datetime

from wayseal.model.custody import Kind, SealedRecord, SealHeader
from wayseal.model.ids import RecordId, epoch_id

NOON = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
_serial = itertools.count(1)


def build_record(
    *,
    size: int = 500,
    when: datetime = NOON,
    record_class: str = "citizen",
    kind: Kind = Kind.FACE,
    lane: str = "lane-1",
    number: int | None = None,
) -> SealedRecord:
    """Return a record whose bytes stand for ciphertext: pseudo-random, with the digest that belongs to them."""
    serial = next(_serial) if number is None else number
    data = hashlib.shake_256(f"{serial}/{size}".encode()).digest(size)
    header = SealHeader(
        object_id=RecordId(f"{serial:026d}"),
        lane=lane,
        device="d" * 64,
        epoch=epoch_id(record_class, when),
        record_class=record_class,
        kind=kind,
        padded_size=size,
        previous="0" * 64,
        sealed_at=when,
    )
    return SealedRecord(header, data)
