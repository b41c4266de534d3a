"""How two tracks grew while both were followed: what one frame cannot tell, the way they came together does.

Arithmetic on growth only. Near the point from which everything grows, and wherever a queue crawls, parts of one vehicle and
two vehicles move alike from frame to frame; over a tenth of growth they part by the ratio of their distances.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import log

from wayseal.vision.vehicle import VehicleTrack

_LAGS = 0.56
"""Share of the older one's growth under which the younger one is another vehicle: a roof close to the camera has little more."""
_CRAWL, _ALIKE, _LOOKS = 0.003, 0.75, 3
"""Growth a frame of an older one, share of it, and looks in a row, from which a follower grows alike."""
_FALLEN = 0.85
"""Share of the fastest growth so far under which an older one has slowed down: what comes nearer evenly never does."""
_ENOUGH = 12
"""Points of each that tell its growth well enough."""
_TOLD = 0.08
"""Growth of the older one, as a logarithm, from which their ways together tell them apart."""


@dataclass(slots=True)
class CompanyRecord:
    """What each two tracks grew by in the frames in which both were followed, older one first."""

    _grown: dict[tuple[int, int], tuple[float, float]] = field(default_factory=dict)
    _alike: dict[tuple[int, int], int] = field(default_factory=dict)
    _fastest: dict[int, float] = field(default_factory=dict)
    apart: set[tuple[int, int]] = field(default_factory=set)
    """Numbers of older ones with those of younger ones that surely lagged behind them."""

    def note(self, tracks: Sequence[VehicleTrack], steps: int) -> None:
        """Add one step of `steps` frames, and forget the pairs of tracks that are gone."""
        ordered = sorted(tracks, key=lambda track: track.number)
        self._fastest = {
            track.number: max(track.pace, self._fastest.get(track.number, 0.0)) for track in ordered
        }
        kept = {}
        for old, young in combinations(ordered, 2):
            key = (old.number, young.number)
            mine, theirs = self._grown.get(key, (0.0, 0.0))
            if min(old.points, young.points) >= _ENOUGH and not (old.across or young.across):
                mine += steps * log(old.movement.scale)
                theirs += steps * log(young.movement.scale)
            kept[key] = (mine, theirs)
            if mine > _TOLD and theirs < _LAGS * mine:
                self.apart.add(key)
        self._grown = kept
        self.apart &= kept.keys()

    def note_ghost(self, old: VehicleTrack, young: VehicleTrack, *, inside: bool, above: bool) -> bool:
        """Return whether the older one has gone and lives on in the points of the one that follows.

        Its points are `inside` the follower's box, or `above` the follower's in the picture, where no vehicle before it can
        be: a leader that brakes alone is below. When they grow alike for some looks, either the older one fell to the
        follower's growth and is a ghost, or the follower's points are the older one's again and both are one.
        """
        key = (old.number, young.number)
        mine, theirs = log(old.movement.scale), log(young.movement.scale)
        alike = mine > _CRAWL and ((inside and theirs > _ALIKE * mine) or (above and theirs > mine))
        self._alike[key] = self._alike.get(key, 0) + 1 if alike else 0
        if self._alike[key] < _LOOKS:
            return False
        if mine < _FALLEN * self._fastest.get(old.number, 0.0):
            return True
        self.apart.discard(key)
        self._grown[key] = (0.0, 0.0)
        return False

    def are_apart(self, old: VehicleTrack, young: VehicleTrack) -> bool:
        """Return whether the younger one ever surely lagged behind the older one: it is the vehicle that follows."""
        return (old.number, young.number) in self.apart
