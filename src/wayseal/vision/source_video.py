"""Video files and RTSP cameras as streams of frames, decoded by PyAV on one thread.

Owns decoding and time stamps. The brightness plane of a frame is a view into the decoder's own buffer, which the view
keeps alive; colours are converted when asked and once.
"""

import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import av
import numpy as np

from wayseal.model.border import Frame, Pixels
from wayseal.model.clock import Clock, utc_now
from wayseal.model.errors import BadPicture, NotFound, Unavailable
from wayseal.vision.frames import SourceCounts
from wayseal.vision.picture import MAX_PIXELS

SCHEMES = frozenset({"rtsp", "rtsps"})
_FILE_OPTIONS = {
    # A playlist may name other files and hosts: only files that hold their own pictures are opened.
    "protocol_whitelist": "file",
    "format_whitelist": "mov,matroska,webm,avi,mpegts,mpeg,h264,hevc,m4v,mjpeg,flv,ogg,asf,ivf,dv,yuv4mpegpipe",
}
_VIDEO_HINT = "Check that a player opens it. An MP4 that was never closed has no index: record into Matroska or MPEG-TS instead."
_CAMERA_OPTIONS = {"rtsp_transport": "tcp", "protocol_whitelist": "rtsp,rtsps,rtp,srtp,tcp,tls,udp"}
_PLANAR = frozenset(
    {"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12", "nv21", "gray"}
)


class VideoSource:
    """A video file. Each frame that decodes is given, whatever the consumer's speed; damage is counted, not raised.

    Pictures that do not decode keep their place in the index, so that it goes on meaning the file's own frames.
    """

    def __init__(self, path: Path, *, clock: Clock = utc_now) -> None:
        if not path.is_file():
            raise NotFound(
                "there is no such video file", hint="Give a video file, a folder of pictures, or rtsp://."
            )
        try:
            self._container: Any = av.open(
                str(path.resolve()), options=_FILE_OPTIONS, metadata_errors="ignore"
            )
        except (av.error.FFmpegError, OSError, ValueError):
            if path.stat().st_size == 0:
                raise BadPicture("the video file is empty", reason="empty", hint=_VIDEO_HINT) from None
            raise BadPicture(
                "the file is no video that can be read, or it is cut off", hint=_VIDEO_HINT
            ) from None
        stream = _first_video(self._container)
        self._clock = clock
        self._closed = False
        self.counts = SourceCounts()
        self.frames_total: int | None = _count_frames(stream)
        self.live = False

    @property
    def missing(self) -> int:
        """How many of the announced pictures did not come: what a cut-off file has lost."""
        return max(0, (self.frames_total or 0) - self.counts.frames)

    def __iter__(self) -> Iterator[Frame]:
        """Give the frames; `time` counts on from when iteration began.

        Raises `BadPicture` at the end when nothing decoded: a lane that saw nothing must not look like an empty one.
        """
        started = self._clock()
        stamps = _Stamps(_frame_seconds(self._container.streams.video[0]))
        for picture in _decode_packets(self._container, self.counts, lambda: self._closed):
            seconds = stamps.next_seconds(picture)
            place = self.counts.frames + self.counts.broken
            yield make_frame(picture, place, started + timedelta(seconds=seconds), seconds)
            self.counts.frames += 1
        if not self.counts.frames and not self._closed:
            raise BadPicture("the video holds no picture that can be read", hint=_VIDEO_HINT)

    def close(self) -> None:
        """Close the file; an iteration that is under way ends."""
        self._closed = True
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class StreamSource:
    """An RTSP camera over TCP that is connected again when it falls silent.

    `timeout` bounds opening and each read, in seconds. A stream that stays away for `give_up` seconds ends when it had given
    frames, and raises `Unavailable` when it never did. Read it through `NewestFirst`.
    """

    def __init__(
        self, url: str, *, timeout: float = 5.0, give_up: float = 30.0, clock: Clock = utc_now
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in SCHEMES or not parts.hostname:
            raise NotFound("not a camera address", hint="Cameras are rtsp://HOST[:PORT]/PATH.")
        self._url = url
        self._host = parts.hostname
        self._timeout = timeout
        self._give_up = give_up
        self._clock = clock
        self._stop = threading.Event()
        self._first: float | None = None
        self.counts = SourceCounts()
        self.frames_total: int | None = None
        self.live = True

    def __iter__(self) -> Iterator[Frame]:
        """Give frames stamped with the clock at their arrival; `seconds` is monotonic and goes on over a reconnection."""
        silent_since = time.monotonic()
        pause = 0.25
        while not self._stop.is_set():
            before = self.counts.frames
            yield from self._read_connection()
            if self.counts.frames > before:
                silent_since, pause = time.monotonic(), 0.25
            if time.monotonic() - silent_since > self._give_up:
                break
            self._stop.wait(pause)
            pause = min(pause * 2, 4.0)
            self.counts.reconnects += 1
        if not self.counts.frames and not self._stop.is_set():
            raise Unavailable(
                f"the camera at {self._host} gives no picture", hint="Check its address and network."
            )

    def close(self) -> None:
        """End the iteration after the read that is under way, `timeout` seconds at most."""
        self._stop.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read_connection(self) -> Iterator[Frame]:
        """Give the frames of one connection, until it ends or fails."""
        try:
            container: Any = av.open(
                self._url,
                options={**_CAMERA_OPTIONS, "timeout": str(int(self._timeout * 1e6))},
                timeout=(self._timeout, self._timeout),
                metadata_errors="ignore",
            )
        except (av.error.FFmpegError, OSError, ValueError):
            return
        with container:
            _first_video(container)
            for picture in _decode_packets(container, self.counts, self._stop.is_set):
                arrived = time.monotonic()
                self._first = arrived if self._first is None else self._first
                yield make_frame(picture, self.counts.frames, self._clock(), arrived - self._first)
                self.counts.frames += 1


class _Stamps:
    """Stream time in seconds from the first picture; where a file's stamps are missing or run back, one frame is added."""

    def __init__(self, step: float) -> None:
        self._step = step
        self._origin: float | None = None
        self._last = -step

    def next_seconds(self, picture: Any) -> float:
        """Return the picture's time, always later than the one before."""
        stamp = picture.time
        if stamp is not None and self._origin is None:
            self._origin = stamp - max(0.0, self._last + self._step)
        seconds = None if stamp is None or self._origin is None else stamp - self._origin
        if seconds is None or seconds <= self._last:
            seconds = self._last + self._step
        self._last = seconds
        return float(seconds)


def make_frame(picture: Any, index: int, time: datetime, seconds: float) -> Frame:
    """Return a decoded PyAV picture as a `Frame`: the brightness plane as a read-only view, colours on demand."""
    if picture.format.name not in _PLANAR:
        picture = picture.reformat(format="yuv420p")
    plane = picture.planes[0]
    luma = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: picture.height, : picture.width]
    luma.flags.writeable = False
    return Frame(index, time, seconds, luma, _Colour(picture))


class _Colour:
    """The BGR picture of a decoded frame, converted at the first call and kept as long as the frame is."""

    __slots__ = ("_bgr", "_picture")

    def __init__(self, picture: Any) -> None:
        self._picture = picture
        self._bgr: Pixels | None = None

    def __call__(self) -> Pixels:
        if self._bgr is None:
            self._bgr = np.asarray(self._picture.to_ndarray(format="bgr24"), dtype=np.uint8)
        return self._bgr


def _first_video(container: Any) -> Any:
    """Return the container's first video stream, set to one thread. Raises `BadPicture` for none or for too large ones."""
    if not container.streams.video:
        raise BadPicture("the file or stream holds no video", hint=_VIDEO_HINT)
    stream = container.streams.video[0]
    if stream.width * stream.height > MAX_PIXELS:
        raise BadPicture("the video's pictures are too large", reason="too_large")
    stream.thread_count = 1
    return stream


def _decode_packets(container: Any, counts: SourceCounts, is_stopped: Any) -> Iterator[Any]:
    """Give the decoded pictures; packets that fail to decode and pictures marked corrupt are counted and skipped."""
    packets = container.demux(container.streams.video[0])
    while not is_stopped():
        try:
            packet = next(packets, None)
            pictures = packet.decode() if packet is not None else []
        except av.error.EOFError:
            return
        except av.error.InvalidDataError:
            counts.broken += 1
            continue
        except (av.error.FFmpegError, OSError):
            counts.broken += 1
            return
        if packet is None:
            return
        for picture in pictures:
            if picture.is_corrupt:
                counts.broken += 1
            else:
                yield picture


def _frame_seconds(stream: Any) -> float:
    """Return the nominal time between two pictures, 1/30 s when the stream does not say."""
    return float(1 / stream.average_rate) if stream.average_rate else 1 / 30


def _count_frames(stream: Any) -> int | None:
    """Return how many pictures a file announces, by its index or by its length."""
    if stream.frames:
        return int(stream.frames)
    if stream.duration and stream.time_base and stream.average_rate:
        return round(float(stream.duration * stream.time_base * stream.average_rate))
    return None
