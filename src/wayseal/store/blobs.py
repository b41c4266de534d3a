"""Sealed bytes on disk: append-only segment files, one per record class and hour, so that unlinking a file purges an hour.

Owns framing, group commit, torn tails and the refusal of every path outside its folder. Takes sealed records by type and
nothing else; it cannot open them. What the frames look like is on this page:

    frame = "WSG1" | state (1 byte: L live, V void) | payload length (u32 BE) | object id (26 ASCII) | SHA-256(payload)
            | CRC-32 of the fields before it, with the state taken as L (u32 BE) | payload
"""

import fcntl
import hashlib
import os
import re
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wayseal.model.custody import SealedRecord
from wayseal.model.errors import Erased, Integrity, Invalid, StoreFull
from wayseal.model.ids import EpochId, RecordId, epoch_span

MAGIC = b"WSG1"
_HEAD = struct.Struct(">4scI26s32sI")
FRAME_HEAD = _HEAD.size
_Head = tuple[bytes, bytes, int, bytes, bytes, int]
_SEGMENT = re.compile(r"([a-z0-9][a-z0-9_-]{0,30})/(\d{4}-\d{2}-\d{2}T\d{2})Z\.seg")
_FULL = {28, 122, 27}  # ENOSPC, EDQUOT, EFBIG
_MAX_PAYLOAD = 80 * 2**20


@dataclass(frozen=True, slots=True)
class Position:
    """Where a record's bytes are: segment name, offset of its frame and length of the payload in bytes."""

    segment: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as found in a segment. `intact` says whether the payload has the digest that the frame names."""

    object_id: RecordId
    position: Position
    sha256: str
    intact: bool


class BlobStore(Protocol):
    """Where sealed bytes go. Two implementations: segment files here, a bucket elsewhere."""

    def append(self, records: Sequence[SealedRecord], epoch: EpochId) -> list[Position]:
        """Keep the records durably, in order, under one epoch; return where they are. All or nothing."""
        ...

    def read(self, position: Position) -> bytes:
        """Return the sealed bytes at a position. Raises `Integrity` when they are damaged, `Erased` when gone."""
        ...

    def unlink_epoch(self, epoch: EpochId) -> int:
        """Remove all bytes of an epoch and return how many; 0 when there were none. Idempotent."""
        ...

    def epochs(self) -> list[EpochId]:
        """Return the epochs that have bytes here, in name order."""
        ...


def segment_name(epoch: EpochId) -> str:
    """Return the segment of an epoch: `citizen/2026-11-22T07Z.seg`. Raises `Invalid` for a malformed epoch."""
    epoch_span(epoch)
    return f"{epoch}.seg"


def _no_claim(_epoch: EpochId) -> int:
    return 0


class SegmentStore:
    """Segment files under one folder (made with mode 0700).

    `acknowledged(epoch)` returns how many bytes of a segment other records vouch for (`records.acknowledged_end`); a
    damaged end below it is refused as `Integrity`, a torn end above it was never acknowledged and is cut off.
    Threads may share one store; processes may share one folder (appends take a lock on the segment).
    """

    def __init__(self, folder: Path, *, acknowledged: Callable[[EpochId], int] = _no_claim) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder.resolve()
        self._acknowledged = acknowledged
        self._lock = threading.Lock()
        self._whole: dict[str, int] = {}  # segment -> end of the last frame known to be whole

    @property
    def folder(self) -> Path:
        """The folder that holds the segments."""
        return self._folder

    def append(self, records: Sequence[SealedRecord], epoch: EpochId) -> list[Position]:
        """Write the records as one group and return when one fdatasync has made them all durable.

        Raises `StoreFull` when the disk takes no more; then nothing of the group is kept. `Integrity` when the segment's
        acknowledged part is damaged. `Invalid` for anything that is not a sealed record whose digest is right.
        """
        frames = [_frame_record(record) for record in records]
        name = segment_name(epoch)
        if not frames:
            return []
        with self._lock, self._opened(name) as descriptor:
            end = self._find_end(descriptor, name, epoch)
            try:
                _write_all(descriptor, frames, end)
                os.fdatasync(descriptor)
            except OSError as error:
                os.ftruncate(descriptor, end)
                if error.errno in _FULL:
                    raise StoreFull("the segment store took no more bytes", segment=name) from None
                raise
            positions = []
            for frame in frames:
                positions.append(Position(name, end, len(frame) - _HEAD.size))
                end += len(frame)
            self._whole[name] = end
        return positions

    def read(self, position: Position) -> bytes:
        """Return the sealed bytes at a position.

        Raises `Erased` when the segment or the frame is gone, `Integrity` (it names the record) when bytes were changed
        or cut, `Invalid` for a name that is no segment.
        """
        path = self._path(position.segment)
        try:
            with path.open("rb") as file:
                file.seek(position.offset)
                head, payload = file.read(_HEAD.size), file.read(position.length)
        except FileNotFoundError:
            raise Erased("the segment of this record was unlinked", segment=position.segment) from None
        object_id, digest, live = _parse_head(head, position.length, position.segment)
        if not live:
            raise Erased("the record was never acknowledged and is void", record=object_id)
        if hashlib.sha256(payload).digest() != digest:
            raise Integrity(
                "a sealed record is damaged or cut short", record=object_id, segment=position.segment
            )
        return payload

    def unlink_epoch(self, epoch: EpochId) -> int:
        """Unlink the epoch's segment, make that durable, and return how many bytes it held; 0 when there was none."""
        name = segment_name(epoch)
        path = self._path(name)
        with self._lock:
            self._whole.pop(name, None)
            try:
                size = path.stat().st_size
                path.unlink()
            except FileNotFoundError:
                return 0
            sync_folder(path.parent)
        return size

    def epochs(self) -> list[EpochId]:
        """Return the epochs that have a segment file, in name order."""
        found = (f"{path.parent.name}/{path.name}" for path in self._folder.glob("*/*.seg"))
        return sorted(EpochId(name.removesuffix(".seg")) for name in found if _SEGMENT.fullmatch(name))

    def size(self, epoch: EpochId) -> int:
        """Return how many bytes an epoch's segment has; 0 when there is none."""
        try:
            return self._path(segment_name(epoch)).stat().st_size
        except FileNotFoundError:
            return 0

    def strays(self) -> list[Path]:
        """Return the files under the folder that are no segments: copies that nobody accounts for."""
        names = (path for path in self._folder.rglob("*") if path.is_file() or path.is_symlink())
        return sorted(p for p in names if not _SEGMENT.fullmatch(p.relative_to(self._folder).as_posix()))

    def frames(self, epoch: EpochId, *, check: bool = True) -> Iterator[Frame]:
        """Yield the live frames of an epoch in order, up to the first torn one; `check` also hashes each payload."""
        name = segment_name(epoch)
        try:
            file = self._path(name).open("rb")
        except FileNotFoundError:
            return
        with file:
            for head, offset in _walk(file.fileno()):
                _, state, length, object_id, digest, _ = head
                if state != b"L":
                    continue
                payload = os.pread(file.fileno(), length, offset + _HEAD.size) if check else b""
                intact = not check or hashlib.sha256(payload).digest() == digest
                position = Position(name, offset, length)
                yield Frame(RecordId(object_id.decode()), position, digest.hex(), intact)

    def void(self, position: Position) -> None:
        """Overwrite a frame that no row vouches for with zeros and mark it void, durably. Idempotent."""
        with self._lock, self._opened(position.segment) as descriptor:
            _parse_head(os.pread(descriptor, _HEAD.size, position.offset), position.length, position.segment)
            os.pwrite(descriptor, b"V", position.offset + len(MAGIC))
            os.pwrite(descriptor, bytes(position.length), position.offset + _HEAD.size)
            os.fdatasync(descriptor)

    def _path(self, name: str) -> Path:
        """Return the file of a segment name. Raises `Invalid` for any name that could lead elsewhere."""
        if not _SEGMENT.fullmatch(name):
            raise Invalid("not a segment name", hint="Positions come from append(); do not make them up.")
        path = self._folder / name
        if path.is_symlink() or path.parent.is_symlink():
            raise Invalid("a segment is a link to elsewhere", hint="Remove the link: the store follows none.")
        return path

    @contextmanager
    def _opened(self, name: str) -> Iterator[int]:
        """Give a locked descriptor of a segment, made with mode 0600 and durable in its folder."""
        path = self._path(name)
        if not path.parent.is_dir():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            sync_folder(self._folder)
        fresh = not path.exists()
        descriptor = _open_or_full(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if fresh:
                sync_folder(path.parent)
            yield descriptor
        finally:
            os.close(descriptor)

    def _find_end(self, descriptor: int, name: str, epoch: EpochId) -> int:
        """Return where the next frame goes, cutting off a torn end that nobody acknowledged."""
        status = os.fstat(descriptor)
        if status.st_nlink == 0:
            raise Erased("the epoch was erased in the meantime", segment=name)
        size, end = status.st_size, self._whole.get(name, 0)
        if end > size:
            end = 0
        for head, offset in _walk(descriptor, end):
            end = offset + _HEAD.size + head[2]
        if end < self._acknowledged(epoch):
            raise Integrity("a segment is shorter than its records", segment=name, whole_bytes=end)
        if end < size:
            os.ftruncate(descriptor, end)
        return end


def sync_folder(folder: Path) -> None:
    """Make names made or removed in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open_or_full(path: Path) -> int:
    """Open a segment for reading and writing, turning a full disk into `StoreFull`."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        if error.errno in _FULL:
            raise StoreFull("the segment store took no new file") from None
        raise


def _frame_record(record: SealedRecord) -> bytes:
    """Return the frame of one sealed record. Raises `Invalid` when it is something else or its digest is not its own."""
    if not isinstance(record, SealedRecord):
        raise Invalid(
            "only sealed records are stored", hint="Seal it first; nothing reaches the disk in the clear."
        )
    digest = hashlib.sha256(record.data).digest()
    if digest.hex() != record.sha256 or not 0 < len(record.data) <= _MAX_PAYLOAD:
        raise Invalid("a sealed record's digest or size is not its own", hint="Seal it again.")
    fields = (MAGIC, b"L", len(record.data), record.header.object_id.encode("ascii"), digest)
    crc = zlib.crc32(_HEAD.pack(*fields, 0)[:-4])
    return _HEAD.pack(*fields, crc) + record.data


def _read_head(head: bytes) -> _Head | None:
    """Return a frame head's fields, or None when it is torn or foreign."""
    if len(head) != _HEAD.size or head[:4] != MAGIC or head[4:5] not in (b"L", b"V"):
        return None
    fields: _Head = _HEAD.unpack(head)
    return fields if zlib.crc32(MAGIC + b"L" + head[5:-4]) == fields[5] else None


def _parse_head(head: bytes, length: int, segment: str) -> tuple[str, bytes, bool]:
    """Return object id, digest and liveness of the frame that a position points at. Raises `Integrity` otherwise."""
    fields = _read_head(head)
    if fields is None or fields[2] != length:
        raise Integrity("no frame where a record should be", segment=segment)
    return fields[3].decode(), fields[4], fields[1] == b"L"


def _walk(descriptor: int, offset: int = 0) -> Iterator[tuple[_Head, int]]:
    """Yield (head fields, offset) of each whole frame from `offset` on, and stop at the first torn one."""
    size = os.fstat(descriptor).st_size
    while True:
        fields = _read_head(os.pread(descriptor, _HEAD.size, offset))
        if fields is None or offset + _HEAD.size + fields[2] > size:
            return
        yield fields, offset
        offset += _HEAD.size + fields[2]


def _write_all(descriptor: int, frames: Sequence[bytes], offset: int) -> None:
    """Write all frames at `offset` with as few calls as the system needs."""
    pending = memoryview(b"".join(frames)) if len(frames) > 1 else memoryview(frames[0])
    while pending:
        written = os.pwrite(descriptor, pending, offset)
        pending, offset = pending[written:], offset + written


__all__ = ["FRAME_HEAD", "BlobStore", "Frame", "Position", "SegmentStore", "segment_name", "sync_folder"]
