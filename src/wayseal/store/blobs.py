"""Sealed bytes on disk: append-only segment files, one per record class and hour, so that unlinking a file purges an hour.

Owns group commit, torn ends and the refusal of every path outside its folder; `frames` has the format. Takes sealed records
by type and nothing else; it cannot open them.
"""

import fcntl
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from wayseal.model.custody import SealedRecord
from wayseal.model.errors import Erased, Integrity, Invalid, StoreFull, Unavailable
from wayseal.model.ids import EpochId, epoch_span
from wayseal.store.appends import FULL, Append, write_appends
from wayseal.store.frames import (
    STATE_AT,
    VOID,
    Frame,
    Position,
    frame_head,
    get_head,
    read_payload,
    walk_frames,
)

_SEGMENT = re.compile(r"([a-z0-9][a-z0-9_-]{0,30})/(\d{4}-\d{2}-\d{2}T\d{2})Z\.seg")


class BlobStore(Protocol):
    """Where sealed bytes go, as floors above may rely on it. `SegmentStore` ships; a bucket has to keep these promises."""

    def append(
        self, records: Sequence[SealedRecord], epoch: EpochId, notes: Sequence[bytes] = ()
    ) -> list[Position]:
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

    `acknowledged(epoch)` returns how many bytes of a segment rows vouch for (`records.acknowledged_end`); a damaged end
    below it is refused as `Integrity`, a torn end above it was never acknowledged and is cut off.
    Threads may share one store; processes may share one folder (appends take a lock on the segment).
    """

    def __init__(self, folder: Path, *, acknowledged: Callable[[EpochId], int] = _no_claim) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder.resolve()
        self._acknowledged = acknowledged
        self._queue: list[Append] = []
        self._queueing, self._lock = threading.Lock(), threading.Lock()
        self._whole: dict[str, int] = {}  # segment -> end of the last frame known to be whole

    @property
    def folder(self) -> Path:
        """The folder that holds the segments."""
        return self._folder

    def append(
        self, records: Sequence[SealedRecord], epoch: EpochId, notes: Sequence[bytes] = ()
    ) -> list[Position]:
        """Write the records as one group and return when a flush has made them all durable.

        Calls that arrive together share one flush. `notes`, one a record, lie beside them. Raises `StoreFull` when the
        disk takes no more; then nothing of the group is kept. `Integrity` when the segment's acknowledged part is damaged.
        `Invalid` for anything that is not a sealed record.
        """
        noted = zip(records, notes or [b""] * len(records), strict=True)
        heads = [frame_head(r, note, (n, len(records))) for n, (r, note) in enumerate(noted)]
        one = Append(epoch, heads, records)
        segment_name(epoch)
        if not heads:
            return []
        with self._queueing:
            self._queue.append(one)
        with self._lock:
            if not one.done:
                with self._queueing:
                    waiting, self._queue = self._queue, []
                self._write_waiting(waiting)
        if one.error is not None:
            raise one.error
        return one.positions

    def _write_waiting(self, waiting: Sequence[Append]) -> None:
        """Write what callers wait for, segment by segment, and note in each what became of it."""
        try:
            for epoch in dict.fromkeys(one.epoch for one in waiting):
                self._write_segment(epoch, [one for one in waiting if one.epoch == epoch])
        finally:  # also when this thread is interrupted: the others must not take silence for success
            for one in waiting:
                if not one.done:
                    one.fail(Unavailable("the store was interrupted while it wrote", hint="Send it again."))
                one.done = True

    def _write_segment(self, epoch: EpochId, here: Sequence[Append]) -> None:
        """Write what goes to one segment. What fails for all of them is each caller's error."""
        name = segment_name(epoch)
        try:
            with self._opened(name) as descriptor:
                end = self._find_end(descriptor, name, epoch)
                self._whole[name] = write_appends(descriptor, name, end, here)
        except Exception as error:  # noqa: BLE001 - each caller raises its own
            for one in here:
                one.fail(error)
        for one in here:
            one.done = True

    def read(self, position: Position) -> bytes:
        """Return the sealed bytes at a position.

        Raises `Erased` when the segment or the frame is gone, `Integrity` (it names the record) when bytes were changed
        or cut, `Invalid` for a name that is no segment.
        """
        try:
            descriptor = os.open(self._path(position.segment), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise Erased("the segment of this record was unlinked", segment=position.segment) from None
        try:
            head = get_head(descriptor, position)
            if not head.live:
                raise Erased("the record's copy here is void", record=head.object_id)
            payload = read_payload(descriptor, head, position.offset)
        finally:
            os.close(descriptor)
        if payload is None:
            raise Integrity(
                "a sealed record is damaged or cut short", record=head.object_id, segment=position.segment
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
            descriptor = os.open(self._path(name), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            for head, offset in walk_frames(descriptor):
                if head.live:
                    intact = not check or read_payload(descriptor, head, offset) is not None
                    position = Position(name, offset, head.length)
                    yield Frame(head.object_id, position, head.digest.hex(), head.note, intact, head.place)
        finally:
            os.close(descriptor)

    def void(self, position: Position) -> None:
        """Overwrite a frame's payload with zeros and mark it void, durably. Idempotent."""
        with self._lock, self._opened(position.segment) as descriptor:
            head = get_head(descriptor, position)
            os.pwrite(descriptor, VOID, position.offset + STATE_AT)
            os.pwrite(descriptor, bytes(position.offset + head.length - head.payload_at), head.payload_at)
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
        if end == size > 0:
            return end
        if end > size:
            end = 0
        for head, offset in walk_frames(descriptor, end):
            end = offset + head.length
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
        if error.errno in FULL:
            raise StoreFull("the segment store took no new file") from None
        raise
