"""The frames of a segment file: how sealed bytes lie on disk, so that a torn end or a flipped bit shows.

Pure packing and walking; `blobs` decides what is kept, cut or voided. A frame is

    "WSG1" | state (1 byte: L live, V void) | number in its group, from 0 (u16) | size of the group (u16)
    | note length (u16) | payload length (u32) | object id (26 ASCII)
    | SHA-256(payload) | CRC-32 of everything before it, with the state taken as L, and of the note (u32) | note | payload

Numbers are big-endian. The note is the row that belongs to the payload, so that rows can be made again from segments; the
numbers say whether a whole group is there.
"""

import hashlib
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from wayseal.model.custody import SealedRecord
from wayseal.model.errors import Integrity, Invalid
from wayseal.model.ids import RecordId

MAGIC = b"WSG1"
LIVE, VOID = b"L", b"V"
STATE_AT = len(MAGIC)
_HEAD = struct.Struct(">4scHHHI26s32sI")
_MAX_PAYLOAD = 80 * 2**20
_MAX_NOTE = 4096


@dataclass(frozen=True, slots=True)
class Position:
    """Where a record's frame is: segment name, offset and length of the whole frame in bytes."""

    segment: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as found in a segment. `intact` says whether the payload has the digest that the frame names.

    `place` is its number in its group, from 0, and the group's size.
    """

    object_id: RecordId
    position: Position
    sha256: str
    note: bytes
    intact: bool
    place: tuple[int, int] = (0, 1)


@dataclass(frozen=True, slots=True)
class Head:
    """A frame's fixed part, and its note."""

    live: bool
    object_id: RecordId
    digest: bytes
    note: bytes
    payload_at: int
    length: int
    place: tuple[int, int]


def frame_head(record: SealedRecord, note: bytes = b"", place: tuple[int, int] = (0, 1)) -> bytes:
    """Return what comes before a sealed record's bytes in its frame: the head, with its number in its group and the group's size, and the note.

    Raises `Invalid` for anything that is no sealed record. Its digest is its own: the type computes it.
    """
    if not isinstance(record, SealedRecord):
        raise Invalid(
            "only sealed records are stored", hint="Seal it first; nothing reaches the disk in the clear."
        )
    if not 0 < len(record.data) <= _MAX_PAYLOAD or len(note) > _MAX_NOTE:
        raise Invalid("a sealed record's size is none that is stored", hint="Seal it again.")
    object_id, digest = record.header.object_id.encode("ascii"), bytes.fromhex(record.sha256)
    fields = (MAGIC, LIVE, *place, len(note), len(record.data), object_id, digest)
    crc = zlib.crc32(note, zlib.crc32(_HEAD.pack(*fields, 0)[:-4]))
    return _HEAD.pack(*fields, crc) + note


def read_head(descriptor: int, offset: int) -> Head | None:
    """Return the head of the frame at an offset of an open segment, or None when it is torn or foreign."""
    raw = os.pread(descriptor, _HEAD.size + _MAX_NOTE, offset)
    if len(raw) < _HEAD.size:
        return None
    magic, state, number, of, note_size, size, object_id, digest, crc = _HEAD.unpack_from(raw)
    note = raw[_HEAD.size : _HEAD.size + note_size]
    if magic != MAGIC or state not in (LIVE, VOID) or len(note) != note_size:
        return None
    if zlib.crc32(note, zlib.crc32(MAGIC + LIVE + raw[STATE_AT + 1 : _HEAD.size - 4])) != crc:
        return None
    start = offset + _HEAD.size + note_size
    name = RecordId(object_id.decode("ascii", "replace"))
    return Head(state == LIVE, name, digest, note, start, _HEAD.size + note_size + size, (number, of))


def read_payload(descriptor: int, head: Head, offset: int) -> bytes | None:
    """Return a frame's payload, or None when it is cut short or has another digest than the head names."""
    payload = os.pread(descriptor, offset + head.length - head.payload_at, head.payload_at)
    return payload if hashlib.sha256(payload).digest() == head.digest else None


def get_head(descriptor: int, position: Position) -> Head:
    """Return the head of the frame that a position points at. Raises `Integrity` when there is none."""
    head = read_head(descriptor, position.offset)
    if head is None or head.length != position.length:
        raise Integrity("no frame where a record should be", segment=position.segment)
    return head


def walk_frames(descriptor: int, offset: int = 0) -> Iterator[tuple[Head, int]]:
    """Yield (head, offset) of each whole frame from `offset` on, and stop at the first torn one."""
    size = os.fstat(descriptor).st_size
    while True:
        head = read_head(descriptor, offset)
        if head is None or offset + head.length > size:
            return
        yield head, offset
        offset += head.length


def whole_groups(frames: Iterable[Frame]) -> Iterator[list[Frame]]:
    """Yield the groups that are complete and whose every payload is intact; what a crash cut short is left out."""
    group: list[Frame] = []
    for frame in frames:
        number, size = frame.place
        group = [*group, frame] if number == len(group) else [frame]
        if number == size - 1 and len(group) == size and all(one.intact for one in group):
            yield group
        if number == size - 1:
            group = []
