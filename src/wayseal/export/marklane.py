"""Did a leak pass the lane's seal? The lane's mark must be in the sealed original, and the leak must follow the original in it.

Two questions, each with its own decoys. Whether the original carries the lane's mark is read blind, from the original alone: a
lane that does not mark, or marks with another key, is never named. Whether the leak carries what the original does is read by
taking the mark out of a copy of the original: a picture from a tapped camera, or from somebody else's, follows the copy.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wayseal.export.mark import draw_pattern
from wayseal.export.markcode import RECIPES, Floats, MarkKey, Recipe
from wayseal.export.markread import View, gather_evidence, read_blind
from wayseal.export.markscore import Scores, bound_chance, score_keys, suffices

_HALF = 0.5


@dataclass(frozen=True, slots=True)
class LaneReading:
    """How strongly a record's original carries its lane's mark (`z`, with decoy lanes), and whether a leak of it follows.

    `follows` is how much better the leak fits the original than one without the mark, in standard deviations; `share` is about 1
    when it does so wholly, and 0 when it fits the original without the mark.
    """

    z: float
    follows: float
    share: float
    decoys: NDArray[np.float64] = field(repr=False)

    @property
    def is_after_seal(self) -> bool:
        """Whether the leak has in the mark's place what the sealed original has there, whatever that is."""
        return suffices(self.follows, len(RECIPES)) and self.share > _HALF

    @property
    def chance(self) -> float:
        """At most how likely an original without the lane's mark looks as if it had it, by any recipe."""
        return bound_chance(self.z, len(RECIPES))

    @property
    def carries(self) -> bool:
        """Whether the leak comes from the sealed picture or one like it, and that is marked by the lane."""
        return self.is_after_seal and suffices(self.z, len(RECIPES))


def read_lane_mark(original: Floats, view: View, key: MarkKey, picture: str) -> LaneReading:
    """Return whether a view of a leak carries the mark of a lane, of which `original` is the sealed picture (its brightness).

    By which recipe the lane marks is not told: each is tried, the newest first, and what the best says counts.
    """
    found = None
    for number in sorted(RECIPES, reverse=True):
        reading = _read_by(RECIPES[number], original, view, key, picture)
        if reading.carries:
            return reading
        found = reading if found is None or reading.z > found.z else found
    assert found is not None  # noqa: S101 - there is a recipe
    return found


def _read_by(recipe: Recipe, original: Floats, view: View, key: MarkKey, picture: str) -> LaneReading:
    """Return what a leak says by one recipe."""
    blind = score_keys(read_blind(original, recipe), [key], [picture])
    with_mark = _score(_take_out(original, key, picture, recipe), view, key, picture, recipe)
    against = _score(original, view, key, picture, recipe)
    there, lacking = max(float(with_mark.z[0]), 0.0), max(-float(against.z[0]), 0.0)
    share = there / (there + lacking) if there + lacking > 0 else 0.0
    return LaneReading(float(blind.z[0]), float(with_mark.z[0]), share, blind.decoys)


def _take_out(original: Floats, key: MarkKey, picture: str, recipe: Recipe) -> Floats:
    """Return the original without its mark; where it is quite black or white the mark had been cut off."""
    bare = original
    for _ in range(
        2
    ):  # the pattern's weights come from the bare picture: the first guess of it gives better ones
        pattern = draw_pattern(bare, key, picture, recipe)
        cut_off = ((original >= 254.5) & (pattern > 0)) | ((original <= 0.5) & (pattern < 0))
        bare = np.asarray(original - np.where(cut_off, 0, pattern), dtype=np.float32)
    return bare


def _score(original: Floats, view: View, key: MarkKey, picture: str, recipe: Recipe) -> Scores:
    """Return the scores of one key."""
    return score_keys(gather_evidence(original, view, recipe), [key], [picture])
