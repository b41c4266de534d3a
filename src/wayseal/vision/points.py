"""The picture points that vehicles are made of: where each is, whose it is, and whether it still keeps its owner's company.

Arithmetic on arrays only. Near the point from which everything grows, two vehicles that follow each other move so alike
from one frame to the next that no single frame tells them apart; over several frames they part, and this is where it shows.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wayseal.vision.motion import Points
from wayseal.vision.vehicle import VehicleTrack

FREE = 0
"""The owner of a point that belongs to no vehicle."""
_WAY = 10.0  # frame pixels that a point or its owner must have come before they are compared
_ASTRAY = (
    0.42  # share of that way by which a point may miss: a roof misses by a third, the vehicle behind by half
)
_DRAWN = 3  # frames in a row in which a rival must tell a point's way better
_STRIKES = 2  # frames in a row in which a point may disagree with its owner's movement


def _no_points() -> Points:
    return np.zeros((0, 2), np.float32)


def _no_numbers() -> NDArray[np.int64]:
    return np.zeros(0, np.int64)


@dataclass(slots=True, eq=False)
class PointSet:
    """All points in one stream. `places` are pixels of the small plane; a frame's pixel is `factor` times as large."""

    factor: float = 1.0
    places: Points = field(default_factory=_no_points)
    owners: NDArray[np.int64] = field(default_factory=_no_numbers)
    refused: NDArray[np.int64] = field(default_factory=_no_numbers)
    """The vehicle that a point turned out not to belong to, else 0."""
    strikes: NDArray[np.int64] = field(default_factory=_no_numbers)
    drawn: NDArray[np.int64] = field(default_factory=_no_numbers)
    """Frames in a row in which another vehicle's movement told a point's way better than its owner's."""
    _anchors: Points = field(default_factory=_no_points)
    """Where each point was in its owner's coordinates when it was taken."""
    _starts: Points = field(default_factory=_no_points)
    """And in the frame's pixels."""

    def __len__(self) -> int:
        """Return how many points there are."""
        return len(self.places)

    def add(self, found: Points) -> None:
        """Add free points at (n, 2) places of the small plane."""
        none = np.zeros(len(found), np.int64)
        self.places = np.vstack([self.places, found]).astype(np.float32)
        self.owners, self.refused = np.append(self.owners, none), np.append(self.refused, none)
        self.strikes, self.drawn = np.append(self.strikes, none), np.append(self.drawn, none)
        self._anchors = np.vstack([self._anchors, found]).astype(np.float32)
        self._starts = np.vstack([self._starts, found]).astype(np.float32)

    def move(self, ends: Points, good: NDArray[np.bool_]) -> None:
        """Put the points where they went, and forget those that were lost."""
        self.places, self.owners, self.refused = ends[good], self.owners[good], self.refused[good]
        self.strikes, self.drawn = self.strikes[good], self.drawn[good]
        self._anchors, self._starts = self._anchors[good], self._starts[good]

    def give(self, chosen: NDArray[np.int64], track: VehicleTrack, ends: Points) -> None:
        """Make the chosen points a vehicle's; `ends` are the places of all points in the frame of its present pose."""
        self.owners[chosen] = track.number
        self.strikes[chosen] = 0
        self.drawn[chosen] = 0
        self._starts[chosen] = ends[chosen] * self.factor
        self._anchors[chosen] = track.pose.inverse().move(self._starts[chosen])

    def note_agreement(self, own: NDArray[np.int64], inliers: NDArray[np.bool_]) -> None:
        """Free the points of one vehicle that disagreed with its movement in two frames on end."""
        self.strikes[own] = np.where(inliers, 0, self.strikes[own] + 1)
        self.owners[own[self.strikes[own] >= _STRIKES]] = FREE

    def free_strays(self, own: NDArray[np.int64], track: VehicleTrack, ends: Points) -> None:
        """Free the points that have parted from their vehicle since it took them; it never takes them again."""
        here, expected = ends[own] * self.factor, track.pose.move(self._anchors[own])
        way = np.maximum(
            np.linalg.norm(here - self._starts[own], axis=1),
            np.linalg.norm(expected - self._starts[own], axis=1),
        )
        astray = own[(way > _WAY) & (np.linalg.norm(here - expected, axis=1) > _ASTRAY * way)]
        self.owners[astray], self.refused[astray] = FREE, track.number

    def note_rival(self, own: NDArray[np.int64], better: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Count, of one vehicle's points, those whose way a rival's movement tells better; return which have gone over to it."""
        self.drawn[own] = np.where(better, self.drawn[own] + 1, 0)
        return np.asarray(self.drawn[own] >= _DRAWN)

    def free_all(self, number: int) -> None:
        """Free all points of a vehicle."""
        self.owners[self.owners == number] = FREE
