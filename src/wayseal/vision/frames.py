"""Streams of frames: what a source promises, its counts, and the newest-frame-wins queue for live ones.

Owns stamps, counts and back-pressure. Frames live in memory only; no source writes anything, and no error names more
than the host of a camera.
"""

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from wayseal.model.border import Frame
from wayseal.model.clock import Clock, utc_now

QUEUE_FRAMES = 15
"""Frames that a live source may be ahead of its consumer before the oldest is dropped: half a second at 30 fps."""


@dataclass(slots=True)
class SourceCounts:
    """What became of a source's pictures; read it at any time, it only grows.

    `broken` are pictures or packets that would not decode; `dropped` were decoded but overtaken by newer ones (live sources
    only); `reconnects` counts connections after the first.
    """

    frames: int = 0
    broken: int = 0
    dropped: int = 0
    reconnects: int = 0


class FrameSource(Protocol):
    """Anything that gives frames in order, once. Use it as a context manager, or call `close`."""

    @property
    def counts(self) -> SourceCounts:
        """What became of the pictures so far."""

    @property
    def frames_total(self) -> int | None:
        """How many pictures there should be; None when nobody knows."""

    @property
    def live(self) -> bool:
        """Whether the source goes on by itself, so that frames must be dropped when the consumer is slow."""

    def __iter__(self) -> Iterator[Frame]:
        """Give the frames. A file never drops one; a damaged picture is counted and skipped."""

    def close(self) -> None:
        """Release the file or connection; iteration then ends. Repeating it does nothing."""

    def __enter__(self) -> Self:
        """Return the source itself."""

    def __exit__(self, *_: object) -> None:
        """Close the source."""


def open_source(text: str, *, clock: Clock = utc_now) -> FrameSource:
    """Return the source that a path or URL names: a video file, a folder of pictures, or `rtsp://` (newest frame wins).

    Raises `BadPicture` for a file that is no video, `NotFound` for no file, `Unavailable` for a camera that is not there.
    """
    # Late, so that reading a folder needs no video library and the other way round.
    from wayseal.vision.source_folder import FolderSource  # noqa: PLC0415
    from wayseal.vision.source_video import StreamSource, VideoSource  # noqa: PLC0415

    if "://" in text:
        return NewestFirst(StreamSource(text, clock=clock))
    path = Path(text)
    if path.is_dir():
        return FolderSource(path, clock=clock)
    return VideoSource(path, clock=clock)


def count_lost(source: FrameSource) -> int:
    """Return how many pictures of a stream did not come: damaged ones, and those that a cut-off file had announced."""
    announced = source.frames_total or 0
    return max(source.counts.broken, announced - source.counts.frames)


class NewestFirst:
    """A live source read by a thread of its own: a slow consumer gets the newest frames, and the lost ones are counted."""

    def __init__(self, source: FrameSource, *, capacity: int = QUEUE_FRAMES) -> None:
        self._source = source
        self._waiting: deque[Frame] = deque()
        self._capacity = capacity
        self._changed = threading.Condition()
        self._ended = False
        self._failure: BaseException | None = None
        self._reader: threading.Thread | None = None

    @property
    def counts(self) -> SourceCounts:
        """The inner source's counts, with the frames dropped here."""
        return self._source.counts

    @property
    def frames_total(self) -> int | None:
        """Unknown for a live source."""
        return self._source.frames_total

    @property
    def live(self) -> bool:
        """Always true."""
        return True

    def __iter__(self) -> Iterator[Frame]:
        """Give frames as they come; the inner source's error, if any, comes after the frames that were read before it."""
        if self._reader is None:
            self._reader = threading.Thread(target=self._read_all, name="wayseal-frames", daemon=True)
            self._reader.start()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended)
                if not self._waiting:
                    break
                frame = self._waiting.popleft()
            yield frame
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Stop the reader and release the connection."""
        self._source.close()
        with self._changed:
            self._ended = True
            self._waiting.clear()
            self._changed.notify_all()
        if self._reader is not None and self._reader is not threading.current_thread():
            self._reader.join(timeout=10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read_all(self) -> None:
        """Take every frame of the source; the oldest waiting one makes room for a new one."""
        try:
            for frame in self._source:
                with self._changed:
                    if self._ended:
                        return
                    if len(self._waiting) >= self._capacity:
                        self._waiting.popleft()
                        self.counts.dropped += 1
                    self._waiting.append(frame)
                    self._changed.notify_all()
        except BaseException as error:  # noqa: BLE001 - handed to the consumer, whatever it is
            self._failure = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()
