"""Which vehicles are in the picture and how each moves: the first of the two tracking levels.

Works on a small brightness plane, so that frames without a vehicle cost next to nothing. A vehicle is a set of picture
points that move together for several frames. Rain, wipers and glare do not; they make no vehicle.
"""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from wayseal.model.border import Frame, Pixels
from wayseal.vision.company import CompanyRecord
from wayseal.vision.motion import Points, Similarity, fit_movement, fits_movement, follow_points
from wayseal.vision.points import FREE, PointSet
from wayseal.vision.vehicle import (
    LARGE_PART,
    PART,
    PROOF,
    Moment,
    VehicleTrack,
    grow_box,
    moves_alike,
    points_inside,
    share_inside,
)

_SMALL = 640  # width of the plane that points are followed on
_TINY = 4  # the plane that tells whether anything moves at all is this much smaller again
_MOST_POINTS = 140
_NEW_EVERY = 3  # frames between searches for new points
_MOVING = 0.3  # small-plane pixels a frame; slower points belong to nothing
_FEWEST = 8  # points that make a vehicle
_SURE = 24  # points that tell a vehicle's growth whatever it was before
_CRAWL = 0.004  # growth a frame below which a vehicle may stop at any moment
_MARGIN, _ON_IT = 0.1, 0.6  # share by which a box is widened, and of points that must lie in it
_COVERED = (
    0.8  # share of an older one's box by which a younger one's covers it: a piece was found before the whole
)
_NOISE = 0.05  # small-plane pixels by which followed points miss their way
_REMAINS_S = 1.0  # seconds after which nothing is left of a vehicle that has gone
_MOST_STEPS = 8  # frames over which a movement is carried on
_SLOW = 0.06  # growth a frame up to which a vehicle may be looked at in every other one
_BIRTH_GROWTH = 0.12  # growth a frame beyond which free points are noise, not a new vehicle
_BIRTH_TIMES, _BIRTH_LEAST = 3.0, 0.03  # and times the growth of what is before it, and the least such limit
_BIRTH_WAY, _BIRTH_MISS = (
    0.5,
    0.3,
)  # small-plane pixels they must move, and the share of it they may miss on average
_PATIENCE_S = 0.2  # seconds without agreement before a vehicle counts as gone when it was leaving
_COAST_S = 0.6  # and when it was in the middle of the picture


class VehicleTracker:
    """Follows all vehicles in one stream. Feed it every frame in order; `gone` are the ones that left with that frame."""

    def __init__(self) -> None:
        self.tracks: list[VehicleTrack] = []
        self._small: Pixels | None = None
        self._tiny: Pixels | None = None
        self._points = PointSet()
        self._company = CompanyRecord()
        self._gone: list[VehicleTrack] = []
        self._number = 0
        self._since_new = 0
        self._index = 0
        self._steps = 1  # frames of the camera since the last one that was fed

    @property
    def steady(self) -> bool:
        """Whether every vehicle is known, followed and comes nearer so slowly that every other frame tells as much."""
        return bool(self.tracks) and all(
            track.believed and track.points and not track.across and abs(track.movement.scale - 1) < _SLOW
            for track in self.tracks
        )

    def feed(self, frame: Frame) -> list[VehicleTrack]:
        """Take the next frame and return the believed vehicles that have left with it."""
        self._steps, self._index = min(max(1, frame.index - self._index), _MOST_STEPS), frame.index
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
        starts = self._points.places
        ends, good = follow_points(before, small, starts, self._expect_points(), self._doubt_points())
        self._move_tracks(frame, starts, ends, good)
        self._company.note(self.tracks, self._steps)
        self._contest_points(starts, ends, good)
        self._join_points(starts, ends, good)
        self._start_track(frame, starts, ends, good)
        self._points.move(ends, good)
        self._merge_tracks()
        return self._drop_ghosts() + self._drop_gone(frame)

    def finish(self) -> list[VehicleTrack]:
        """Return the believed vehicles that are still in the picture: the stream has ended."""
        left = [track for track in self.tracks if track.passed]
        self.tracks = []
        self._clear_points()
        return left

    def _shrink(self, luma: Pixels) -> tuple[Pixels, Pixels]:
        """Return the plane that points are followed on and the one that tells motion."""
        height, width = luma.shape
        factor = self._points.factor = max(1.0, width / _SMALL)
        size = (round(width / factor), max(1, round(height / factor)))
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
        for x, y in self._points.places.astype(int):
            cv2.circle(mask, (int(x), int(y)), 6, 0, -1)
        found = cv2.goodFeaturesToTrack(before, wanted, 0.01, 6, mask=mask)
        if found is not None:
            self._points.add(np.asarray(found[:, 0], dtype=np.float32))

    def _expect_points(self) -> Points:
        """Return where each point should be now: a vehicle's points go on with it; a free one goes with the fastest across.

        Without any vehicle a free point is expected where it was.
        """
        places, owners = self._points.places, self._points.owners
        expected = places.copy()
        across = [track for track in self.tracks if track.across]
        for track in self.tracks:
            own = owners == track.number
            if track in across:
                own = own | (owners == FREE)
            expected[own] = self._expect(track).move(places[own])
        return expected

    def _doubt_points(self) -> NDArray[np.bool_]:
        """Return which points must prove themselves: the free ones, and all of vehicles that shift too far for a fit to tell."""
        sure = [track.number for track in self.tracks if track.agreed >= PROOF and not track.shifts]
        return ~np.isin(self._points.owners, sure) | (self._points.strikes > 0)

    def _move_tracks(self, frame: Frame, starts: Points, ends: Points, good: NDArray[np.bool_]) -> None:
        """Let each vehicle follow its own points; a point that disagrees twice no longer belongs to it."""
        for track in self.tracks:
            own = np.flatnonzero((self._points.owners == track.number) & good)
            answer = fit_movement(
                starts[own],
                ends[own],
                guess=self._expect(track),
                shift_only=track.shifts >= PROOF,
                seed=frame.index,
            )
            if answer is None or answer[1].sum() < _FEWEST // 2 or self._falls_back(track, *answer):
                track.coast(self._steps)
                continue
            movement, inliers = answer
            near = ends[own][inliers] * self._points.factor
            track.follow(_scaled(movement, self._points.factor), near, frame, self._steps)
            self._points.note_agreement(own, inliers)
            self._points.free_strays(own, track, ends)

    def _contest_points(self, starts: Points, ends: Points, good: NDArray[np.bool_]) -> None:
        """Give points to the vehicle behind when for some frames its movement told their way better than their owner's."""
        for old in self.tracks:
            own = np.flatnonzero((self._points.owners == old.number) & good)
            rivals = [young for young in self.tracks if self._follows(old, young)]
            if not rivals or own.size == 0:
                continue
            misses = np.array([
                np.linalg.norm(self._expect(track).move(starts[own]) - ends[own], axis=1)
                for track in (old, *rivals)
            ])  # fmt: skip
            nearest = misses[1:].argmin(axis=0)
            gone_over = self._points.note_rival(own, misses[1:].min(axis=0) + _NOISE < misses[0])
            for place, rival in enumerate(rivals):
                self._points.give(own[gone_over & (nearest == place)], rival, ends)

    def _follows(self, old: VehicleTrack, young: VehicleTrack) -> bool:
        """Return whether the younger one is told from the older one by now, and both are followed."""
        older = old.number < young.number and bool(old.points) and bool(young.points)
        return older and self._company.are_apart(old, young)

    def _falls_back(self, track: VehicleTrack, movement: Similarity, inliers: NDArray[np.bool_]) -> bool:
        """Return whether a few last points are no longer the vehicle's: its growth neither halves nor doubles at once.

        Nor does anything grow faster than what is about to run over the camera.
        """
        growth = float(np.log(movement.scale)) / self._steps
        few = inliers.sum() < _SURE and not track.across
        if few and abs(growth) > self._birth_limit():
            return True
        few = few and track.pace > _CRAWL
        return abs(growth) > _BIRTH_GROWTH or bool(few and not 0.5 < growth / track.pace < 1.8)

    def _join_points(self, starts: Points, ends: Points, good: NDArray[np.bool_]) -> None:
        """Give each free point to the vehicle whose movement it shares and whose box it is in."""
        for track in self.tracks:
            if track.points == 0:
                continue
            points = self._points
            free = np.flatnonzero((points.owners == FREE) & (points.refused != track.number) & good)
            if free.size == 0:
                continue
            fits = fits_movement(self._expect(track), starts[free], ends[free])
            moves = np.linalg.norm(ends[free] - starts[free], axis=1) > _MOVING
            inside = points_inside(ends[free] * points.factor, track.reach_box)
            points.give(free[fits & moves & inside], track, ends)

    def _start_track(self, frame: Frame, starts: Points, ends: Points, good: NDArray[np.bool_]) -> None:
        """Make a new vehicle of free points that move together, or give them to one that was lost near by."""
        flow = np.linalg.norm(ends - starts, axis=1)
        free = np.flatnonzero((self._points.owners == FREE) & good & (flow > _MOVING))
        if free.size < _FEWEST:
            return
        answer = fit_movement(starts[free], ends[free], seed=frame.index)
        if answer is None or answer[1].sum() < _FEWEST:
            return
        movement, inliers = answer
        own = free[inliers]
        way = float(flow[own].mean())
        miss = float(np.linalg.norm(movement.move(starts[own]) - ends[own], axis=1).mean())
        if (
            abs(movement.scale - 1) > self._birth_limit() * self._steps
            or way < _BIRTH_WAY
            or miss > _BIRTH_MISS * way
        ):
            return
        points = ends[own] * self._points.factor
        if np.ptp(points[:, 0]) < 40 or np.ptp(points[:, 1]) < 16:
            return
        growth = float(np.log(movement.scale)) / self._steps
        track = self._lost_near(points, growth)
        if track is None:
            held = [other for other in self.tracks if other.points]
            held += [other for other in self._gone if other.may_own(growth, PART)]
            if any(points_inside(points, other.box).mean() > 0.6 for other in held):
                return
            self._number += 1
            follows = any(other.believed for other in self.tracks)
            track = VehicleTrack(self._number, Moment.of(frame), Moment.of(frame), follows=follows)
            self.tracks.append(track)
        if track.points == 0:
            track.follow(_scaled(movement, self._points.factor), points, frame, self._steps)
        self._points.give(own, track, ends)

    def _birth_limit(self) -> float:
        """Return the growth a frame beyond which free points are noise: nothing grows far faster than what is before it."""
        paces = [track.pace for track in self.tracks if track.believed and track.points and not track.across]
        fastest = max(paces, default=0.0)
        if fastest <= _CRAWL:
            return _BIRTH_GROWTH
        return min(_BIRTH_GROWTH, max(_BIRTH_LEAST, _BIRTH_TIMES * fastest))

    def _lost_near(self, points: Points, growth: float) -> VehicleTrack | None:
        """Return the vehicle that lost its points and would be where these are, growing no slower than it did."""
        for track in self.tracks:
            near = points_inside(points, track.reach_box).mean() > 0.5
            behind = [other for other in self.tracks if self._company.are_apart(track, other)]
            if any(abs(growth - other.pace) < abs(growth - track.pace) for other in behind):
                continue
            if track.points == 0 and track.agreed and near and track.may_own(growth, LARGE_PART):
                return track
        return None

    def _merge_tracks(self) -> None:
        """Join a younger track that lies inside an older one and grows alike: both are parts of one vehicle.

        What stands tells nothing: all of a queue stands alike.
        """
        for young in sorted(self.tracks, key=lambda track: -track.number):
            for old in self.tracks:
                if old.number >= young.number or not young.points or old.crawls or young.stands:
                    continue
                near = share_inside(young.box, old.reach_box) > 0.5
                near = near or share_inside(old.box, young.box) > _COVERED
                if near and moves_alike(old, young) and not self._company.are_apart(old, young):
                    theirs = np.flatnonzero(self._points.owners == young.number)
                    self._points.give(theirs, old, self._points.places)
                    self.tracks.remove(young)
                    break

    def _drop_ghosts(self) -> list[VehicleTrack]:
        """Return and forget the vehicles that have left and whose last points are the next one's."""
        ghosts = [track for track in self.tracks if self._is_ghost(track)]
        for track in ghosts:
            self.tracks.remove(track)
            self._points.free_all(track.number)
        self._gone += [replace(track) for track in ghosts]
        return [track for track in ghosts if track.passed]

    def _is_ghost(self, old: VehicleTrack) -> bool:
        """Return whether a vehicle moves as one that follows it, and its points are that one's or lie above them."""
        own = self._points.places[self._points.owners == old.number] * self._points.factor
        verdicts = []
        for young in self.tracks:
            theirs = self._points.places[self._points.owners == young.number] * self._points.factor
            if self._follows(old, young) and len(own) and len(theirs):
                inside = bool(points_inside(own, grow_box(young.box, _MARGIN)).mean() > _ON_IT)
                above = bool(np.median(own[:, 1]) < np.median(theirs[:, 1]))
                verdicts.append(self._company.note_ghost(old, young, inside=inside, above=above))
        return any(verdicts)

    def _drop_gone(self, frame: Frame) -> list[VehicleTrack]:
        """Return and forget the vehicles that have left; forget the unbelieved without a word."""
        gone = []
        height, width = frame.luma.shape
        for track in list(self.tracks):
            silent = frame.seconds - track.seen.seconds
            leaving = share_inside(track.box, (0.0, 0.0, float(width), float(height))) < 0.4
            patience = _PATIENCE_S if leaving or not track.believed else _COAST_S
            if silent > patience:
                self.tracks.remove(track)
                self._points.free_all(track.number)
                gone += [track] if track.passed else []
        late = [track for track in self._gone if frame.seconds - track.seen.seconds < _REMAINS_S]
        self._gone = late + [replace(track) for track in gone if not track.across]
        for track in self._gone:
            track.coast(self._steps)
        return gone

    def _drop_all(self) -> list[VehicleTrack]:
        """Forget everything: the first frame, or the picture's size has changed."""
        left = [track for track in self.tracks if track.passed]
        self.tracks, self._gone = [], []
        self._clear_points()
        return left

    def _clear_points(self) -> None:
        """Forget all points."""
        self._points = PointSet(self._points.factor)

    def _expect(self, track: VehicleTrack) -> Similarity:
        """Return how a vehicle should have moved since the last frame that was fed, in pixels of the small plane."""
        return _scaled(track.movement.times(self._steps), 1 / self._points.factor)


def _scaled(movement: Similarity, factor: float) -> Similarity:
    """Return a movement in pixels of a plane that is `factor` times as large."""
    return Similarity(movement.scale, movement.dx * factor, movement.dy * factor)


def _moving_mask(before: Pixels, after: Pixels) -> Pixels:
    """Return 255 where the tiny plane changed by more than its noise, widened by one cell; else 0."""
    change = np.asarray(cv2.absdiff(before, after), dtype=np.uint8)
    limit = 3.0 + 6.0 * _quiet_mean(change, 0.6)
    mask = (change > limit).astype(np.uint8) * 255
    if int((mask > 0).sum()) < 6:
        return np.zeros_like(mask)
    return np.asarray(cv2.dilate(mask, np.ones((3, 3), np.uint8)), dtype=np.uint8)


def _quiet_mean(values: Pixels, share: float) -> float:
    """Return the mean of the smallest `share` of a plane's bytes, by counting: sorting them took longer than all else here."""
    counts = np.bincount(values.ravel(), minlength=256)
    wanted = int(share * values.size)
    taken = np.minimum(counts, np.maximum(wanted - (np.cumsum(counts) - counts), 0))
    return float(taken @ np.arange(256)) / wanted
