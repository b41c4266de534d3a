"""Did a leak pass the lane's seal? The lane's mark is in the sealed original already, so it is sought by taking it out.

A leak of the sealed picture differs from the original without the mark by the mark, and from the original itself by nothing; a
picture from a tapped camera, or from somebody else's, the other way about. Only the first is said to be the lane's.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wayseal.export.mark import draw_pattern
from wayseal.export.markcode import Floats, MarkKey
from wayseal.export.markread import View, gather_evidence
from wayseal.export.markscore import Scores, score_keys, suffices

_HALF = 0.5


@dataclass(frozen=True, slots=True)
class LaneReading:
    """How strongly a leak carries its record's lane mark; `share` is about 1 when it is all there and 0 when it never was."""

    z: float
    share: float
    decoys: NDArray[np.float64] = field(repr=False)

    @property
    def carries(self) -> bool:
        """Whether the leak comes from the sealed picture or one like it, not from before the lane's mark."""
        return suffices(self.z, 1) and self.share > _HALF


def read_lane_mark(original: Floats, view: View, key: MarkKey, picture: str) -> LaneReading:
    """Return whether a view of a leak carries the lane's mark that the sealed original (its brightness) carries."""
    with_mark = _score(_take_out(original, key, picture), view, key, picture)
    against = _score(original, view, key, picture)
    there, lacking = max(float(with_mark.z[0]), 0.0), max(-float(against.z[0]), 0.0)
    share = there / (there + lacking) if there + lacking > 0 else 0.0
    return LaneReading(float(with_mark.z[0]), share, with_mark.decoys)


def _take_out(original: Floats, key: MarkKey, picture: str) -> Floats:
    """Return the original without its mark; where it is quite black or white the mark had been cut off."""
    bare = original
    for _ in range(
        2
    ):  # the pattern's weights come from the bare picture: the first guess of it gives better ones
        pattern = draw_pattern(bare, key, picture)
        cut_off = ((original >= 254.5) & (pattern > 0)) | ((original <= 0.5) & (pattern < 0))
        bare = np.asarray(original - np.where(cut_off, 0, pattern), dtype=np.float32)
    return bare


def _score(original: Floats, view: View, key: MarkKey, picture: str) -> Scores:
    """Return the scores of one key."""
    return score_keys(gather_evidence(original, view), [key], [picture])
