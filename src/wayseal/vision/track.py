"""Who is who from frame to frame inside one vehicle: the second of the two tracking levels.

Faces are followed in the vehicle's own coordinates, where they stand nearly still at any speed. The assignment is one to
one. Nothing here looks at who somebody is: only places and sizes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from wayseal.vision.detect import IN_TRACK, Detection
from wayseal.vision.motion import Similarity
from wayseal.vision.vehicle import Moment

_BIRTH = 0.55  # score that begins a track: hidden faces never reach more
_REACH = 1.3  # inter-eye distances a face may miss its predicted place; neighbours sit four apart
_DRIFT_FRAMES = 6  # sightings over which a face's own drift is measured
_SIZE_CHANGE = 1.6  # factor by which two sightings of one face may differ in size
_JOINING = 3  # sightings on each side of a gap that tell whether a track goes on behind it
_JOINED_CHANGE = (
    1.35  # factor by which the middle of such sightings may differ in size: they waver less than single ones
)
_REFUSED = 1e6


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """One detection of one face.

    `place` (x, y of the middle between the eyes) and `size` (between the eyes) are in vehicle coordinates; `scale` is the
    vehicle's pose at that moment.
    """

    moment: Moment
    found: Detection = field(repr=False)
    place: tuple[float, float]
    size: float
    scale: float


@dataclass(slots=True, eq=False)
class FaceTrack:
    """All sightings of one face in one vehicle, oldest first; `number` is unique within the vehicle."""

    number: int
    sightings: list[Sighting] = field(default_factory=list)
    elsewhere: bool = False
    """Whether its way so far says that it is not in this vehicle (`belonging`)."""

    @property
    def last(self) -> Sighting:
        """The newest sighting."""
        return self.sightings[-1]

    @property
    def best_score(self) -> float:
        """The highest score any sighting had."""
        return max(sighting.found.score for sighting in self.sightings)

    @property
    def steady(self) -> float:
        """The detector's score in the middle of its sightings."""
        return float(np.median([sighting.found.score for sighting in self.sightings]))

    def expected_place(self, seconds: float) -> tuple[float, float]:
        """Return where the face should be at a stream time, in vehicle coordinates: its last place plus its own drift."""
        recent = self.sightings[-_DRIFT_FRAMES:]
        last = recent[-1]
        if len(recent) < 3 or last.moment.seconds - recent[0].moment.seconds <= 0:
            return last.place
        times = np.array([sighting.moment.seconds for sighting in recent])
        places = np.array([sighting.place for sighting in recent])
        apart = times - times.mean()
        slope = apart @ places / float(apart @ apart)
        ahead = min(seconds - last.moment.seconds, 0.3)
        return float(last.place[0] + slope[0] * ahead), float(last.place[1] + slope[1] * ahead)


class FaceTracker:
    """Follows the faces of one vehicle. Feed it each searched frame's detections; sightings go onto `tracks`."""

    def __init__(self) -> None:
        self.tracks: list[FaceTrack] = []
        self._number = 0

    def feed(
        self, moment: Moment, pose: Similarity, found: Sequence[Detection]
    ) -> list[tuple[FaceTrack, Sighting]]:
        """Give each detection to at most one track and each track at most one detection; return the pairs.

        `pose` takes vehicle coordinates to the frame's. A detection below 0.55 begins no track, one below 0.6 continues
        none that is not exactly there (half the reach). Whether a track is somebody is judged later, from all of it.
        """
        sightings = [_see(moment, pose, detection) for detection in found]
        pairs: list[tuple[FaceTrack, Sighting]] = []
        taken: set[int] = set()
        for row, column in match_places(self._cost(moment, sightings)):
            self.tracks[row].sightings.append(sightings[column])
            pairs.append((self.tracks[row], sightings[column]))
            taken.add(column)
        for column, sighting in enumerate(sightings):
            if column in taken or sighting.found.score < _BIRTH or self._crowded(sighting):
                continue
            self._number += 1
            track = FaceTrack(self._number, [sighting])
            self.tracks.append(track)
            pairs.append((track, sighting))
        return pairs

    def _cost(self, moment: Moment, sightings: Sequence[Sighting]) -> NDArray[np.float64]:
        """Return (tracks, sightings) misses in inter-eye distances; refused pairs cost a million."""
        cost = np.full((len(self.tracks), len(sightings)), _REFUSED)
        for row, track in enumerate(self.tracks):
            x, y = track.expected_place(moment.seconds)
            for column, sighting in enumerate(sightings):
                ratio = sighting.size / max(track.last.size, 1e-6)
                if not 1 / _SIZE_CHANGE < ratio < _SIZE_CHANGE:
                    continue
                miss = float(np.hypot(sighting.place[0] - x, sighting.place[1] - y)) / max(
                    track.last.size, 1e-6
                )
                reach = _REACH if sighting.found.score >= IN_TRACK else _REACH / 2
                if miss < reach:
                    cost[row, column] = miss + abs(np.log(ratio))
        return cost

    def _crowded(self, sighting: Sighting) -> bool:
        """Return whether a track was seen in this very frame within one inter-eye distance: the same face twice."""
        return any(
            track.last.moment.index == sighting.moment.index
            and np.hypot(track.last.place[0] - sighting.place[0], track.last.place[1] - sighting.place[1])
            < max(sighting.size, track.last.size)
            for track in self.tracks
        )


def match_places(cost: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return the one-to-one pairs (row, column) of least total cost; pairs that cost a million or more are left out.

    Source: the assignment problem (Kuhn 1955), solved by scipy.
    """
    if cost.size == 0:
        return []
    rows, columns = linear_sum_assignment(cost)
    return [
        (int(row), int(column))
        for row, column in zip(rows, columns, strict=True)
        if cost[row, column] < _REFUSED
    ]


def join_broken(tracks: Sequence[FaceTrack]) -> list[FaceTrack]:
    """Return the tracks with those joined that are one face: same place and size, never seen in the same frame."""
    joined: list[FaceTrack] = []
    for track in sorted(tracks, key=lambda one: -len(one.sightings)):
        home = next((other for other in joined if _same_face(other, track)), None)
        if home is None:
            joined.append(FaceTrack(track.number, list(track.sightings)))
        else:
            home.sightings = sorted(
                [*home.sightings, *track.sightings], key=lambda sighting: sighting.moment.seconds
            )
    return joined


def _same_face(one: FaceTrack, other: FaceTrack) -> bool:
    """Return whether two tracks can be one face: where they are nearest in time they lie within one inter-eye distance.

    Three sightings of each tell that, since a single one at the end of a track is often the worst of it.
    """
    frames = {sighting.moment.index for sighting in one.sightings}
    if any(sighting.moment.index in frames for sighting in other.sightings):
        return False
    near = min(
        ((mine, theirs) for mine in one.sightings for theirs in (other.sightings[0], other.last)),
        key=lambda pair: abs(pair[0].moment.seconds - pair[1].moment.seconds),
    )
    seconds = (near[0].moment.seconds + near[1].moment.seconds) / 2
    (x, y, size), (other_x, other_y, other_size) = _place_at(one, seconds), _place_at(other, seconds)
    ratio = size / max(other_size, 1e-6)
    apart = np.hypot(x - other_x, y - other_y)
    return bool(apart < 1.2 * max(size, other_size) and 1 / _JOINED_CHANGE < ratio < _JOINED_CHANGE)


def _place_at(track: FaceTrack, seconds: float) -> tuple[float, float, float]:
    """Return the middle place (x, y) and size of the sightings of a track that are nearest to a stream time."""
    nearest = sorted(track.sightings, key=lambda one: abs(one.moment.seconds - seconds))[:_JOINING]
    x, y, size = np.median([(*one.place, one.size) for one in nearest], axis=0)
    return float(x), float(y), float(size)


def _see(moment: Moment, pose: Similarity, found: Detection) -> Sighting:
    """Return a detection as seen from the vehicle."""
    eyes = found.landmarks[:2].mean(axis=0)
    back = pose.inverse()
    x, y = back.move(eyes[None])[0]
    return Sighting(
        moment, found, (float(x), float(y)), found.inter_eye_px / max(pose.scale, 1e-6), pose.scale
    )
