"""One vehicle as it moves: its pose, its box, where its sides and its middle are.

Values and arithmetic; which points belong to a vehicle is decided in `vehicle_tracker`. Faces are tracked elsewhere, in the
coordinates that this module gives: a vehicle at 20 mph stands nearly still in them.
"""

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from wayseal.model.border import Box, Frame
from wayseal.vision.motion import Points, Similarity

PROOF = 5
"""Frames in which points must agree before they are believed to be a vehicle."""
_PROOF_GROWTH, _PROOF_SHIFT = 1.15, 60.0  # and how far it must have come: growth, or pixels across
_FLAT = 0.08  # height over width under which points are a line: vehicles reach 0.3, what is none stayed under 0.04
_EDGE = 0.025  # share of the picture's width at its sides where a vehicle is taken to be cut off
_SIDES = 20  # points that tell where a vehicle's sides are
_PACE_FRAMES = 8  # frames whose growth makes the pace
PART, LARGE_PART = 0.65, 0.75
"""Shares of a vehicle's growth that its parts have at least, small ones and large ones; what follows behind has less."""
_UNSURE = 0.0005  # growth a frame that may be noise where a vehicle stands
_SLOWEST = 0.002  # growth a frame that tells one vehicle from the next
_RECENT = 12  # frames whose points make the box
_REACH = 0.4  # a vehicle takes points that move with it this far outside its box (share of the box)
_PLAIN_TOP = (
    0.4  # share of its width by which a vehicle may rise above its points: glass and roof often have none
)
_REACH_ACROSS = 4.0  # the same for one that passes across: two such vehicles never fit into one picture


@dataclass(frozen=True, slots=True)
class Moment:
    """When something was: the frame's index, its UTC time and the stream's seconds. Holds no pixel."""

    index: int
    time: datetime
    seconds: float

    @classmethod
    def of(cls, frame: Frame) -> "Moment":
        """Return when a frame was taken."""
        return cls(frame.index, frame.time, frame.seconds)


@dataclass(slots=True, eq=False)
class VehicleTrack:
    """One vehicle as it moves. `pose` takes vehicle coordinates (pixels of the frame it was first seen in) to the frame's."""

    number: int
    entered: Moment
    seen: Moment
    pose: Similarity = field(default_factory=Similarity)
    movement: Similarity = field(default_factory=Similarity)
    """From one frame of the camera to the next, in full-frame pixels, also when frames between were not looked at."""
    agreed: int = 0
    points: int = 0
    shifts: int = 0
    """Frames in which it passed across."""
    box: Box = (0.0, 0.0, 0.0, 0.0)
    """What its points span, over the last few frames, in this frame's pixels."""
    follows: bool = False
    """Whether another vehicle was in the picture when it was first seen."""
    _growths: list[float] = field(default_factory=list)
    _spans: list[NDArray[np.float32]] = field(default_factory=list)
    _whole: list[tuple[float, float]] = field(default_factory=list)
    _lefts: list[float] = field(default_factory=list)
    _rights: list[float] = field(default_factory=list)
    _touches: list[int] = field(default_factory=lambda: [0, 0])

    @property
    def believed(self) -> bool:
        """Whether it moved together long enough, and far enough, to be a vehicle."""
        grown = abs(np.log(self.pose.scale)) > np.log(_PROOF_GROWTH)
        shifted = self.across and np.hypot(self.pose.dx, self.pose.dy) > _PROOF_SHIFT
        return self.agreed >= PROOF and bool(grown or shifted)

    @property
    def passed(self) -> bool:
        """Whether it was a vehicle, now that it has gone: not a line of points that an edge of the one before it left behind.

        By itself a line is believed: of a vehicle in the dark there may be no more than its lamps.
        """
        if not self.believed or not self._spans:
            return False
        spans = np.array(self._spans)
        wide, high = spans[:, 2] - spans[:, 0], spans[:, 3] - spans[:, 1]
        return float(np.quantile(high / np.maximum(wide, 1.0), 0.85)) > _FLAT or not self.follows

    @property
    def pace(self) -> float:
        """Its growth a frame, as a logarithm: the upper quartile of the frames followed last; 0 before any."""
        return float(np.percentile(self._growths, 75)) if self._growths else 0.0

    def may_own(self, growth: float, share: float) -> bool:
        """Return whether something that grows so much a frame (as a logarithm) can be part of it, `share` allowing for depth.

        What follows behind grows more slowly when all come nearer, and shrinks faster when all go away.
        """
        if self.pace > _UNSURE:
            return self.across or growth > share * self.pace
        return self.across or growth > self.pace / share - _UNSURE

    @property
    def across(self) -> bool:
        """Whether it passes across the picture rather than growing."""
        return abs(self.movement.scale - 1) < 0.004 and abs(self.movement.dx) > 4

    @property
    def stands(self) -> bool:
        """Whether it hardly moved since the last frame: a car that waits tells nothing new."""
        return (
            abs(self.movement.scale - 1) < 0.0008
            and float(np.hypot(self.movement.dx, self.movement.dy)) < 0.5
        )

    @property
    def crawls(self) -> bool:
        """Whether it stands, or came nearer by so little that all of a queue would have moved alike."""
        return self.stands or (not self.across and abs(self.movement.scale - 1) < _SLOWEST)

    @property
    def went_across(self) -> bool:
        """Whether all of its way was across: as large at the end as at the start, and far from where it began."""
        return 0.75 < self.pose.scale < 1.33 and abs(self.pose.dx) > 2 * _PROOF_SHIFT

    @property
    def axis(self) -> float | None:
        """The x of its middle in vehicle coordinates, from frames in which both its sides were inside; else None."""
        return (
            float(np.median([sum(pair) / 2 for pair in self._whole])) if len(self._whole) >= PROOF else None
        )

    @property
    def width(self) -> float | None:
        """What its points span from side to side, in vehicle coordinates; None when both sides were never inside."""
        return (
            float(np.median([high - low for low, high in self._whole])) if len(self._whole) >= PROOF else None
        )

    @property
    def left_side(self) -> float | None:
        """The x of its side on the picture's left, in vehicle coordinates; None when it was never inside."""
        return float(np.median(self._lefts)) if len(self._lefts) >= PROOF else None

    @property
    def right_side(self) -> float | None:
        """The x of its side on the picture's right, in vehicle coordinates; None when it was never inside."""
        return float(np.median(self._rights)) if len(self._rights) >= PROOF else None

    @property
    def reach_box(self) -> Box:
        """Where points that move with it belong to it, in this frame's pixels: all it ever spanned, and some more."""
        spans = np.array(self._spans)
        x0, y0 = rank_columns(spans[:, :2], 0.15)
        x1, y1 = rank_columns(spans[:, 2:], 0.85)
        whole = self.pose.move_box((float(x0), float(y0), float(x1 - x0), float(y1 - y0)))
        x, y, wide, high = join_boxes(whole, self.box)
        tall = (x, y - _PLAIN_TOP * wide, wide, high + _PLAIN_TOP * wide)
        return grow_box(tall, _REACH_ACROSS if self.across else _REACH)

    def leading_edge(self, *, goes_right: bool) -> float:
        """Return the x of the foremost points ever seen of a vehicle that passes across, in vehicle coordinates."""
        spans = np.array(self._spans)
        return float(spans[:, 2].max() if goes_right else spans[:, 0].min())

    def middle(self) -> float | None:
        """Return the x of the vehicle's middle in this frame, from frames in which both its sides were inside; else None."""
        axis = self.axis
        return None if axis is None else axis * self.pose.scale + self.pose.dx

    def follow(self, moved: Similarity, points: Points, frame: Frame, steps: int = 1) -> None:
        """Take the movement of `steps` frames and the (n, 2) full-frame points that agree with it."""
        self.pose = self.pose.then(moved)
        self.movement = moved.times(1 / steps)
        self._growths = [*self._growths[-_PACE_FRAMES + 1 :], float(np.log(self.movement.scale))]
        self.agreed += 1
        self.shifts += int(self.across)
        self.points = len(points)
        self.seen = Moment.of(frame)
        if not self.stands or not self._spans:
            self._span(points, frame)

    def coast(self, steps: int = 1) -> None:
        """Move on for `steps` frames as in those before: its points could not be followed."""
        moved = self.movement.times(steps)
        self.pose = self.pose.then(moved)
        self.box = moved.move_box(self.box)
        self.points = 0

    def _span(self, points: Points, frame: Frame) -> None:
        """Keep what the points span in vehicle coordinates, and their middle while both sides are inside the picture."""
        width = frame.luma.shape[1]
        left, top = rank_columns(points, 0.02)
        right, bottom = rank_columns(points, 0.98)
        low, high = self.pose.inverse().move(np.array([[left, top], [right, bottom]], dtype=np.float32))
        self._spans.append(np.array([*low, *high], dtype=np.float32))
        self._note_sides(points, (float(low[0]), float(high[0])), width)
        spans = np.array(self._spans[-_RECENT:])
        x0, y0 = rank_columns(spans[:, :2], 0.2)
        x1, y1 = rank_columns(spans[:, 2:], 0.8)
        self.box = self.pose.move_box((float(x0), float(y0), float(x1 - x0), float(y1 - y0)))

    def _note_sides(self, points: Points, sides: tuple[float, float], width: int) -> None:
        """Keep where the sides are, until the vehicle first reaches that edge of the picture: from then on it is cut off."""
        self._touches[0] += int(points[:, 0].min() < _EDGE * width)
        self._touches[1] += int(points[:, 0].max() > (1 - _EDGE) * width)
        inside = [touches < 2 for touches in self._touches]
        if len(points) < _SIDES:
            return
        if inside[0]:
            self._lefts.append(sides[0])
        if inside[1]:
            self._rights.append(sides[1])
        if all(inside):
            self._whole.append(sides)


def moves_alike(old: VehicleTrack, young: VehicleTrack) -> bool:
    """Return whether the younger's middle moves as the older's movement says, within a third of the way.

    What follows behind is farther away and grows more slowly; nothing that grows faster can be behind.
    """
    x, y, width, height = young.box
    middle = np.array([[x + width / 2, y + height / 2]], dtype=np.float32)
    expected = old.movement.move(middle)
    found = young.movement.move(middle)
    way = float(np.linalg.norm(expected - middle))
    growth = abs(old.movement.scale - young.movement.scale) < 0.35 * abs(old.movement.scale - 1) + _SLOWEST
    growth = growth and old.may_own(young.pace, LARGE_PART if young.believed else PART)
    return growth and float(np.linalg.norm(found - expected)) < 0.35 * way + 1.0


def rank_columns(values: NDArray[np.float32], share: float) -> NDArray[np.float64]:
    """Return `numpy.quantile(values, share, axis=0)` of (n, columns), in a tenth of its time for so few."""
    ordered = np.sort(values, axis=0).astype(np.float64)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return np.asarray(ordered[low] + (place - low) * (ordered[high] - ordered[low]))


def points_inside(points: Points, box: Box) -> NDArray[np.bool_]:
    """Return which (n, 2) points lie in a box."""
    x, y, width, height = box
    return np.asarray(
        (points[:, 0] >= x) & (points[:, 0] <= x + width) & (points[:, 1] >= y) & (points[:, 1] <= y + height)
    )


def grow_box(box: Box, share: float) -> Box:
    """Return a box that reaches `share` of its size further on each side."""
    x, y, width, height = box
    return (x - share * width, y - share * height, width * (1 + 2 * share), height * (1 + 2 * share))


def join_boxes(one: Box, other: Box) -> Box:
    """Return the smallest box around two."""
    x, y = min(one[0], other[0]), min(one[1], other[1])
    right, bottom = max(one[0] + one[2], other[0] + other[2]), max(one[1] + one[3], other[1] + other[3])
    return (x, y, right - x, bottom - y)


def share_inside(inner: Box, outer: Box) -> float:
    """Return the share of `inner` that lies in `outer`."""
    width = min(inner[0] + inner[2], outer[0] + outer[2]) - max(inner[0], outer[0])
    height = min(inner[1] + inner[3], outer[1] + outer[3]) - max(inner[1], outer[1])
    area = inner[2] * inner[3]
    return 0.0 if width <= 0 or height <= 0 or area <= 0 else width * height / area
