"""Groups of records that several callers append to one segment, made durable by one flush.

Owns the writing alone: which file, its lock and where it ends are `blobs`'. All of a group is written or none of it.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from wayseal.model.custody import SealedRecord
from wayseal.model.errors import StoreFull
from wayseal.model.ids import EpochId
from wayseal.store.frames import Position

FULL = {28, 122, 27}  # ENOSPC, EDQUOT, EFBIG
_MOST_PARTS = 1024  # IOV_MAX: what one call takes


@dataclass(slots=True)
class Append:
    """What one caller wants appended (`heads[i]` before the bytes of `records[i]`), and what became of it."""

    epoch: EpochId
    heads: Sequence[bytes]
    records: Sequence[SealedRecord]
    positions: list[Position] = field(default_factory=list)
    error: Exception | None = None
    done: bool = False

    def fail(self, error: Exception) -> None:
        """Note that nothing of it is kept."""
        self.error, self.positions = error, []


def write_appends(descriptor: int, name: str, end: int, appends: Sequence[Append]) -> int:
    """Write the groups from `end` on, flush once, note in each what became of it, and return the new end.

    A group that does not fit leaves no byte and does not keep the others out. When the flush fails, none of them is kept.
    """
    start = end
    for one in appends:
        try:
            end = _write_one(descriptor, name, end, one)
        except OSError as error:
            os.ftruncate(descriptor, end)
            one.fail(_explain(error, name))
    if end > start:
        try:
            os.fdatasync(descriptor)
        except OSError as error:
            os.ftruncate(descriptor, start)
            for one in appends:
                one.fail(_explain(error, name))
            return start
    return end


def _write_one(descriptor: int, name: str, end: int, one: Append) -> int:
    """Write one group, note where its records are, and return the end."""
    parts = [
        part for head, record in zip(one.heads, one.records, strict=True) for part in (head, record.data)
    ]
    _write_all(descriptor, parts, end)
    for head, record in zip(one.heads, one.records, strict=True):
        one.positions.append(Position(name, end, len(head) + len(record.data)))
        end += one.positions[-1].length
    return end


def _write_all(descriptor: int, parts: Sequence[bytes], offset: int) -> None:
    """Write the parts one after the other from `offset` on, without joining them, in as few calls as the system needs."""
    pending = [memoryview(part) for part in parts]
    while pending:
        written = os.pwritev(descriptor, pending[:_MOST_PARTS], offset)
        offset += written
        while pending and written >= len(pending[0]):
            written -= len(pending.pop(0))
        if written:
            pending[0] = pending[0][written:]


def _explain(error: OSError, name: str) -> Exception:
    """Return what a caller is told."""
    if error.errno in FULL:
        return StoreFull("the segment store took no more bytes", segment=name)
    return error
