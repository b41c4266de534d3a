"""Which vehicles are in the picture and how each moves: the first of the two tracking levels.

Works on a small brightness plane, so that frames without a vehicle cost next to nothing. A vehicle is a set of picture
points that move together for several frames. Rain, wipers and glare do not; they make no vehicle. Faces are tracked
elsewhere, in the coordinates that this module gives: a vehicle at 20 mph stands nearly still in them.
"""

from dataclasses import dataclass, field
from datetime import datetime

import cv2
import numpy as np
from numpy.typing import NDArray

from wayseal.model.border import Box, Frame, Pixels
from wayseal.vision.motion import Points, Similarity, fit_movement, fits_movement, follow_points

_SMALL = 640  # width of the plane that points are followed on
_TINY = 4  # the plane that tells whether anything moves at all is this much smaller again
_MOST_POINTS = 140
_NEW_EVERY = 3  # frames between searches for new points
_MOVING = 0.3  # small-plane pixels a frame; slower points belong to nothing
_FEWEST = 8  # points that make a vehicle
_BIRTH_GROWTH = 0.12  # growth a frame beyond which free points are noise, not a new vehicle
_PROOF = 5  # frames in which they must agree before it is believed
_PROOF_GROWTH, _PROOF_SHIFT = 1.15, 60.0  # and how far it must have come: growth, or pixels across
_EDGE = 0.025  # share of the picture's width at its sides where a vehicle is taken to be cut off
_SIDES = 20  # points that tell where a vehicle's sides are
_RECENT = 12  # frames whose points make the box
_REACH = 0.4  # a vehicle takes points that move with it this far outside its box (share of the box)
_REACH_ACROSS = 4.0  # the same for one that passes across: two such vehicles never fit into one picture
_PATIENCE_S = 0.2  # seconds without agreement before a vehicle counts as gone when it was leaving
_COAST_S = 0.6  # and when it was in the middle of the picture


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
    """From the last frame to this one, in full-frame pixels."""
    agreed: int = 0
    points: int = 0
    shifts: int = 0
    """Frames in which it passed across."""
    box: Box = (0.0, 0.0, 0.0, 0.0)
    """What its points span, over the last few frames, in this frame's pixels."""
    path: list[tuple[float, float]] = field(default_factory=list)
    """(stream seconds, logarithm of the scale) at each frame, for the speed."""
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
        return self.agreed >= _PROOF and bool(grown or shifted)

    @property
    def across(self) -> bool:
        """Whether it passes across the picture rather than growing."""
        return abs(self.movement.scale - 1) < 0.004 and abs(self.movement.dx) > 4

    @property
    def went_across(self) -> bool:
        """Whether all of its way was across: as large at the end as at the start, and far from where it began."""
        return 0.75 < self.pose.scale < 1.33 and abs(self.pose.dx) > 2 * _PROOF_SHIFT

    @property
    def reach(self) -> float:
        """How far outside its box it takes points that move with it, as a share of the box."""
        return _REACH_ACROSS if self.across else _REACH

    @property
    def axis(self) -> float | None:
        """The x of its middle in vehicle coordinates, from frames in which both its sides were inside; else None."""
        return (
            float(np.median([sum(pair) / 2 for pair in self._whole])) if len(self._whole) >= _PROOF else None
        )

    @property
    def width(self) -> float | None:
        """What its points span from side to side, in vehicle coordinates; None when both sides were never inside."""
        return (
            float(np.median([high - low for low, high in self._whole]))
            if len(self._whole) >= _PROOF
            else None
        )

    @property
    def left_side(self) -> float | None:
        """The x of its side on the picture's left, in vehicle coordinates; None when it was never inside."""
        return float(np.median(self._lefts)) if len(self._lefts) >= _PROOF else None

    @property
    def right_side(self) -> float | None:
        """The x of its side on the picture's right, in vehicle coordinates; None when it was never inside."""
        return float(np.median(self._rights)) if len(self._rights) >= _PROOF else None

    def leading_edge(self, *, goes_right: bool) -> float:
        """Return the x of the foremost points ever seen of a vehicle that passes across, in vehicle coordinates."""
        spans = np.array(self._spans)
        return float(spans[:, 2].max() if goes_right else spans[:, 0].min())

    def middle(self) -> float | None:
        """Return the x of the vehicle's middle in this frame, from frames in which both its sides were inside; else None."""
        axis = self.axis
        return None if axis is None else axis * self.pose.scale + self.pose.dx

    def follow(self, movement: Similarity, points: Points, frame: Frame) -> None:
        """Take one frame's movement and the (n, 2) full-frame points that agree with it."""
        self.pose = self.pose.then(movement)
        self.movement = movement
        self.agreed += 1
        self.shifts += int(self.across)
        self.points = len(points)
        self.seen = Moment.of(frame)
        self.path.append((frame.seconds, float(np.log(self.pose.scale))))
        self._span(points, frame)

    def coast(self) -> None:
        """Move on as in the frame before: its points could not be followed."""
        self.pose = self.pose.then(self.movement)
        self.box = self.movement.move_box(self.box)
        self.points = 0

    def _span(self, points: Points, frame: Frame) -> None:
        """Keep what the points span in vehicle coordinates, and their middle while both sides are inside the picture."""
        width = frame.luma.shape[1]
        left, top = np.percentile(points, 2, axis=0)
        right, bottom = np.percentile(points, 98, axis=0)
        low, high = self.pose.inverse().move(np.array([[left, top], [right, bottom]], dtype=np.float32))
        self._spans.append(np.array([*low, *high], dtype=np.float32))
        self._note_sides(points, (float(low[0]), float(high[0])), width)
        spans = np.array(self._spans[-_RECENT:])
        x0, y0 = np.percentile(spans[:, :2], 20, axis=0)
        x1, y1 = np.percentile(spans[:, 2:], 80, axis=0)
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


class VehicleTracker:
    """Follows all vehicles in one stream. Feed it every frame in order; `gone` are the ones that left with that frame."""

    def __init__(self) -> None:
        self.tracks: list[VehicleTrack] = []
        self._small: Pixels | None = None
        self._tiny: Pixels | None = None
        self._points: Points = np.zeros((0, 2), np.float32)
        self._owners: NDArray[np.int64] = np.zeros(0, np.int64)
        self._strikes: NDArray[np.int64] = np.zeros(0, np.int64)
        self._factor = 1.0
        self._number = 0
        self._since_new = 0

    def feed(self, frame: Frame) -> list[VehicleTrack]:
        """Take the next frame and return the believed vehicles that have left with it."""
        small, tiny = self._shrink(frame.luma)
        before, before_tiny = self._small, self._tiny
        self._small, self._tiny = small, tiny
        if before is None or before_tiny is None or before.shape != small.shape:
            return self._drop_all()
        moving = _moving_mask(before_tiny, tiny)
        if not self.tracks and not moving.any():
            self._clear_points()
            return []
        self._find_points(before, moving)
        ends, good = follow_points(before, small, self._points, self._expect_points())
        starts = self._points
        self._move_tracks(frame, starts, ends, good)
        self._join_points(starts, ends, good)
        self._start_track(frame, starts, ends, good)
        self._points, self._owners, self._strikes = ends[good], self._owners[good], self._strikes[good]
        self._merge_tracks()
        return self._drop_gone(frame)

    def finish(self) -> list[VehicleTrack]:
        """Return the believed vehicles that are still in the picture: the stream has ended."""
        left = [track for track in self.tracks if track.believed]
        self.tracks = []
        self._clear_points()
        return left

    def _shrink(self, luma: Pixels) -> tuple[Pixels, Pixels]:
        """Return the plane that points are followed on and the one that tells motion."""
        height, width = luma.shape
        self._factor = max(1.0, width / _SMALL)
        size = (round(width / self._factor), max(1, round(height / self._factor)))
        small = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        tiny_size = (max(1, size[0] // _TINY), max(1, size[1] // _TINY))
        tiny = cv2.resize(small, tiny_size, interpolation=cv2.INTER_AREA)
        return small, np.asarray(tiny, dtype=np.uint8)

    def _find_points(self, before: Pixels, moving: Pixels) -> None:
        """Add corners of the moving part of the last frame, every few frames or when there are few."""
        self._since_new += 1
        if self._since_new < _NEW_EVERY and len(self._points) > _MOST_POINTS // 2:
            return
        self._since_new = 0
        wanted = _MOST_POINTS + 60 * max(0, len(self.tracks) - 1) - len(self._points)
        if wanted < 10:
            return
        mask = cv2.resize(moving, before.shape[::-1], interpolation=cv2.INTER_NEAREST)
        for x, y in self._points.astype(int):
            cv2.circle(mask, (int(x), int(y)), 6, 0, -1)
        found = cv2.goodFeaturesToTrack(before, wanted, 0.01, 6, mask=mask)
        if found is None:
            return
        self._points = np.vstack([self._points, found[:, 0]]).astype(np.float32)
        self._owners = np.append(self._owners, np.zeros(len(found), np.int64))
        self._strikes = np.append(self._strikes, np.zeros(len(found), np.int64))

    def _expect_points(self) -> Points:
        """Return where each point should be now: a vehicle's points go on with it; a free one goes with the fastest across.

        Without any vehicle a free point is expected where it was.
        """
        expected = self._points.copy()
        across = [track for track in self.tracks if track.across]
        for track in self.tracks:
            own = self._owners == track.number
            if track in across:
                own = own | (self._owners == 0)
            movement = self._scaled(track.movement, 1 / self._factor)
            expected[own] = movement.move(self._points[own])
        return expected

    def _move_tracks(self, frame: Frame, starts: Points, ends: Points, good: NDArray[np.bool_]) -> None:
        """Let each vehicle follow its own points; a point that disagrees twice no longer belongs to it."""
        for track in self.tracks:
            own = np.flatnonzero((self._owners == track.number) & good)
            answer = fit_movement(
                starts[own],
                ends[own],
                guess=self._scaled(track.movement, 1 / self._factor),
                shift_only=track.shifts >= _PROOF,
                seed=frame.index,
            )
            if answer is None or answer[1].sum() < _FEWEST // 2:
                track.coast()
                continue
            movement, inliers = answer
            track.follow(self._scaled(movement, self._factor), ends[own][inliers] * self._factor, frame)
            self._strikes[own] = np.where(inliers, 0, self._strikes[own] + 1)
            self._owners[own[self._strikes[own] >= 2]] = 0

    def _join_points(self, starts: Points, ends: Points, good: NDArray[np.bool_]) -> None:
        """Give each free point to the vehicle whose movement it shares and whose box it is in."""
        for track in self.tracks:
            if track.points == 0:
                continue
            free = np.flatnonzero((self._owners == 0) & good)
            if free.size == 0:
                return
            movement = self._scaled(track.movement, 1 / self._factor)
            fits = fits_movement(movement, starts[free], ends[free])
            moves = np.linalg.norm(ends[free] - starts[free], axis=1) > _MOVING
            inside = _inside(ends[free] * self._factor, _grow(track.box, track.reach))
            chosen = free[fits & moves & inside]
            self._owners[chosen] = track.number
            self._strikes[chosen] = 0

    def _start_track(self, frame: Frame, starts: Points, ends: Points, good: NDArray[np.bool_]) -> None:
        """Make a new vehicle of free points that move together, or give them to one that was lost near by."""
        flow = np.linalg.norm(ends - starts, axis=1)
        free = np.flatnonzero((self._owners == 0) & good & (flow > _MOVING))
        if free.size < _FEWEST:
            return
        answer = fit_movement(starts[free], ends[free], seed=frame.index)
        if answer is None or answer[1].sum() < _FEWEST:
            return
        movement, inliers = answer
        if abs(movement.scale - 1) > _BIRTH_GROWTH:
            return
        own = free[inliers]
        points = ends[own] * self._factor
        if np.ptp(points[:, 0]) < 40 or np.ptp(points[:, 1]) < 16:
            return
        track = self._lost_near(points, movement.scale - 1)
        if track is None:
            if any(_inside(points, other.box).mean() > 0.6 for other in self.tracks if other.points):
                return
            self._number += 1
            track = VehicleTrack(self._number, Moment.of(frame), Moment.of(frame))
            self.tracks.append(track)
        self._owners[own] = track.number
        self._strikes[own] = 0
        if track.points == 0:
            track.follow(self._scaled(movement, self._factor), points, frame)

    def _lost_near(self, points: Points, growth: float) -> VehicleTrack | None:
        """Return the vehicle that lost its points and would be where these are, growing about as fast."""
        for track in self.tracks:
            before = track.movement.scale - 1
            alike = 0.5 * before - 0.01 < growth < 2 * before + 0.01
            near = _inside(points, _grow(track.box, 0.2)).mean() > 0.5
            if track.points == 0 and track.agreed and near and alike:
                return track
        return None

    def _merge_tracks(self) -> None:
        """Join a younger track that lies inside an older one and grows alike: both are parts of one vehicle."""
        for young in sorted(self.tracks, key=lambda track: -track.number):
            for old in self.tracks:
                if old.number >= young.number or not (old.points and young.points):
                    continue
                near = _overlap(young.box, _grow(old.box, old.reach)) > 0.5
                if near and _moves_alike(old, young):
                    self._owners[self._owners == young.number] = old.number
                    self.tracks.remove(young)
                    break

    def _drop_gone(self, frame: Frame) -> list[VehicleTrack]:
        """Return and forget the vehicles that have left; forget the unbelieved without a word."""
        gone = []
        height, width = frame.luma.shape
        for track in list(self.tracks):
            silent = frame.seconds - track.seen.seconds
            leaving = _overlap(track.box, (0.0, 0.0, float(width), float(height))) < 0.4
            patience = _PATIENCE_S if leaving or not track.believed else _COAST_S
            if silent > patience:
                self.tracks.remove(track)
                self._owners[self._owners == track.number] = 0
                gone += [track] if track.believed else []
        return gone

    def _drop_all(self) -> list[VehicleTrack]:
        """Forget everything: the first frame, or the picture's size has changed."""
        left = [track for track in self.tracks if track.believed]
        self.tracks = []
        self._clear_points()
        return left

    def _clear_points(self) -> None:
        """Forget all points."""
        self._points = np.zeros((0, 2), np.float32)
        self._owners = np.zeros(0, np.int64)
        self._strikes = np.zeros(0, np.int64)

    @staticmethod
    def _scaled(movement: Similarity, factor: float) -> Similarity:
        """Return a movement in pixels of a plane that is `factor` times as large."""
        return Similarity(movement.scale, movement.dx * factor, movement.dy * factor)


def _moves_alike(old: VehicleTrack, young: VehicleTrack) -> bool:
    """Return whether the younger's middle moves as the older's movement says, within a third of the way."""
    x, y, width, height = young.box
    middle = np.array([[x + width / 2, y + height / 2]], dtype=np.float32)
    expected = old.movement.move(middle)
    found = young.movement.move(middle)
    way = float(np.linalg.norm(expected - middle))
    growth = abs(old.movement.scale - young.movement.scale) < 0.35 * abs(old.movement.scale - 1) + 0.004
    return growth and float(np.linalg.norm(found - expected)) < 0.35 * way + 1.0


def _moving_mask(before: Pixels, after: Pixels) -> Pixels:
    """Return 255 where the tiny plane changed by more than its noise, widened by one cell; else 0."""
    change = cv2.absdiff(before, after)
    limit = max(3.0, 4.0 * float(np.median(change)) + 2.0)
    mask = (change > limit).astype(np.uint8) * 255
    if int((mask > 0).sum()) < 6:
        return np.zeros_like(mask)
    return np.asarray(cv2.dilate(mask, np.ones((3, 3), np.uint8)), dtype=np.uint8)


def _inside(points: Points, box: Box) -> NDArray[np.bool_]:
    """Return which (n, 2) points lie in a box."""
    x, y, width, height = box
    return np.asarray(
        (points[:, 0] >= x) & (points[:, 0] <= x + width) & (points[:, 1] >= y) & (points[:, 1] <= y + height)
    )


def _grow(box: Box, share: float) -> Box:
    """Return a box that reaches `share` of its size further on each side."""
    x, y, width, height = box
    return (x - share * width, y - share * height, width * (1 + 2 * share), height * (1 + 2 * share))


def _overlap(inner: Box, outer: Box) -> float:
    """Return the share of `inner` that lies in `outer`."""
    width = min(inner[0] + inner[2], outer[0] + outer[2]) - max(inner[0], outer[0])
    height = min(inner[1] + inner[3], outer[1] + outer[3]) - max(inner[1], outer[1])
    area = inner[2] * inner[3]
    return 0.0 if width <= 0 or height <= 0 or area <= 0 else width * height / area
