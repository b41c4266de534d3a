"""Lane videos as another camera would have filmed them: mirrored, fewer frames, darker, softer, coded harder, another window.

Alters decoded frames and the truth alike. Nothing is written; what is coded again stays in memory.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Self

import av
import cv2
import numpy as np

from wayseal.flow.measure.lane_truth import FaceTruth, LaneTruth, OccupantTruth, VehicleTruth
from wayseal.model.border import Frame, Pixels, Seat
from wayseal.vision.frames import FrameSource, SourceCounts, open_source
from wayseal.vision.source_video import make_frame

Change = Callable[[Pixels], Pixels]
_OTHER_SIDE = {Seat.REAR_LEFT: Seat.REAR_RIGHT, Seat.REAR_RIGHT: Seat.REAR_LEFT}


@dataclass(frozen=True)
class Alteration:
    """What is done to a video. `change` makes a new one of each picture; the rest says what that does to the truth.

    Of `every` frames one is kept, after the first `skip`; places become `scale` * (place - `cut` * size), from the other side when
    `mirrored`. `crf` codes it again with H.264 at that rate factor.
    """

    change: Callable[[], Change] | None = None
    every: int = 1
    skip: int = 0
    scale: float = 1.0
    cut: float = 0.0
    mirrored: bool = False
    crf: int | None = None

    @property
    def steering(self) -> str:
        """The driver's side after it."""
        return "right" if self.mirrored else "left"


@dataclass
class AlteredVideo:
    """A video file under an alteration, as a source of frames."""

    path: str
    alteration: Alteration
    counts: SourceCounts = field(default_factory=SourceCounts)
    frames_total: int | None = None
    live: bool = False

    def __iter__(self) -> Iterator[Frame]:
        """Give the altered frames, counted anew."""
        with open_source(self.path) as source:
            for frame in self._alter(source):
                yield frame
                self.counts.frames += 1

    def close(self) -> None:
        """Do nothing: the file is closed when the iteration ends."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _alter(self, source: FrameSource) -> Iterator[Frame]:
        """Give the frames that are kept, each changed."""
        one = self.alteration
        change = None if one.change is None else one.change()
        kept = (
            frame for frame in source if frame.index >= one.skip and (frame.index - one.skip) % one.every == 0
        )
        numbered = (replace(frame, index=(frame.index - one.skip) // one.every) for frame in kept)
        if one.crf is not None:
            yield from code_again(numbered, one.crf)
        else:
            yield from (
                frame if change is None else _with_pixels(frame, change(frame.colour())) for frame in numbered
            )


def _with_pixels(frame: Frame, bgr: Pixels) -> Frame:
    """Return a frame that shows other pixels; its brightness has the limited range that cameras send."""
    grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY).astype(np.float32)
    luma = np.asarray(np.round(16 + grey * (219 / 255)), dtype=np.uint8)
    return replace(frame, luma=luma, colour=lambda: bgr)


def code_again(frames: Iterator[Frame], crf: int) -> Iterator[Frame]:
    """Give the frames after H.264 at a constant rate factor, in memory."""
    waiting: list[Frame] = []
    encoder: Any = None
    decoder: Any = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1

    def decoded(packets: Any) -> Iterator[Frame]:
        for packet in packets:
            for picture in decoder.decode(packet):
                old = waiting.pop(0)
                yield make_frame(picture, old.index, old.time, old.seconds)

    for frame in frames:
        if encoder is None:
            encoder = av.CodecContext.create("libx264", "w")
            encoder.height, encoder.width = frame.luma.shape
            encoder.pix_fmt, encoder.time_base, encoder.thread_count = "yuv420p", Fraction(1, 30), 1
            encoder.options = {"crf": str(crf), "preset": "veryfast"}
        waiting.append(frame)
        picture = av.VideoFrame.from_ndarray(frame.colour(), format="bgr24").reformat(format="yuv420p")
        picture.pts = frame.index
        yield from decoded(encoder.encode(picture))
    if encoder is not None:
        yield from decoded([*encoder.encode(None), None])


def alter_truth(truth: LaneTruth, one: Alteration, width: int, height: int) -> LaneTruth:
    """Return the truth of an altered video whose frames were (width, height) pixels."""

    def move(index: int) -> int | None:
        place, rest = divmod(index - one.skip, one.every)
        return place if place >= 0 and rest == 0 else None

    def face(known: FaceTruth) -> FaceTruth:
        x, y, wide, high = known.box
        x = width - x - wide if one.mirrored else x
        box = (
            (x - one.cut * width) * one.scale,
            (y - one.cut * height) * one.scale,
            wide * one.scale,
            high * one.scale,
        )
        return FaceTruth(box, known.eye_distance * one.scale, known.visible)

    def person(known: OccupantTruth) -> OccupantTruth:
        faces = {new: face(old) for index, old in known.faces.items() if (new := move(index)) is not None}
        seat = _OTHER_SIDE.get(known.seat, known.seat) if one.mirrored else known.seat
        return OccupantTruth(seat, known.identity, faces)

    def vehicle(known: VehicleTruth) -> VehicleTruth:
        frames = [new for index in known.frames if (new := move(index)) is not None]
        people = [person(other) for other in known.occupants]
        return replace(
            known, occupants=people, frames=frames, plate_counts=known.plate_counts and not one.mirrored
        )

    return replace(
        truth,
        frames=(truth.frames - one.skip + one.every - 1) // one.every,
        fps=truth.fps / one.every,
        focal_px=None if truth.focal_px is None else truth.focal_px * one.scale,
        vehicles=[vehicle(known) for known in truth.vehicles],
    )


def _always(change: Change) -> Callable[[], Change]:
    """Return a maker of a change that has no memory."""
    return lambda: change


def _bend(gamma: float) -> Callable[[], Change]:
    """Return a change of the tone curve."""
    table = np.asarray(np.round(255 * (np.arange(256) / 255) ** gamma), dtype=np.uint8)
    return _always(lambda bgr: np.asarray(cv2.LUT(bgr, table), dtype=np.uint8))


def _darken(gain: float, sigma: float) -> Callable[[], Change]:
    """Return a change that darkens and adds noise, which never repeats from frame to frame."""

    def start() -> Change:
        chance = np.random.default_rng(3)
        bank = chance.normal(0, sigma, (1080 + 256, 1920 + 256, 3)).astype(np.float32)

        def change(bgr: Pixels) -> Pixels:
            top, left = chance.integers(0, 256, 2)
            height, width = bgr.shape[:2]
            noisy = bgr * np.float32(gain) + bank[top : top + height, left : left + width]
            return np.asarray(np.clip(np.round(noisy), 0, 255), dtype=np.uint8)

        return change

    return start


def _crop(share: float) -> Callable[[], Change]:
    """Return a change that cuts a share of the size off each edge."""

    def change(bgr: Pixels) -> Pixels:
        high, wide = (round(share * side) for side in bgr.shape[:2])
        return np.ascontiguousarray(bgr[high : bgr.shape[0] - high, wide : bgr.shape[1] - wide])

    return _always(change)


def _tint(blue: float, red: float) -> Callable[[], Change]:
    """Return a change of the white balance."""
    gains = np.array([blue, 1.0, red], np.float32)
    return _always(lambda bgr: np.asarray(np.clip(np.round(bgr * gains), 0, 255), dtype=np.uint8))


ALTERATIONS: dict[str, Alteration] = {
    "as filmed": Alteration(),
    "mirrored": Alteration(_always(lambda bgr: np.ascontiguousarray(bgr[:, ::-1])), mirrored=True),
    "every second frame": Alteration(every=2),
    "one frame later": Alteration(skip=1),
    "gamma 0.8": Alteration(_bend(0.8)),
    "gamma 1.25": Alteration(_bend(1.25)),
    "half as bright, noise 6": Alteration(_darken(0.5, 6.0)),
    "defocused by 1 px": Alteration(_always(lambda bgr: np.asarray(cv2.GaussianBlur(bgr, (0, 0), 1.0), np.uint8))),
    "H.264 again, CRF 30": Alteration(crf=30),
    "edges cropped by 2 %": Alteration(_crop(0.02), cut=0.02),
    "scaled by 0.9": Alteration(
        _always(lambda bgr: np.asarray(cv2.resize(bgr, None, fx=0.9, fy=0.9, interpolation=cv2.INTER_AREA), np.uint8)),
        scale=0.9,
    ),
    "warmer colours": Alteration(_tint(0.85, 1.15)),
}  # fmt: skip
"""By name; the first leaves the video as it is."""
