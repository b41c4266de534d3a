"""How sure a plate is: from a reading's marks to the share of such readings that are exactly right.

Owns the fitted curve (docs/explanation/plates.md says on what, and how it was checked). A confidence of 0.9 means that nine
of ten plates with it are right to the last character.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

INTERCEPT = 0.3
MARGIN = 0.6
FIT = 1.2
WEAKEST = 1.5
AGREEMENT = 0.8


def rate_confidence(
    scores: Sequence[float], fits: Sequence[float], weakest: float, *, reads: int = 1, votes: int = 1
) -> float:
    """Return the probability that a plate is right to the last character.

    `scores` are the agreeing readings' posterior probabilities, `fits` their mean log-probability a character, `weakest`
    the least sure position's probability; `reads` of `votes` readings agreed.
    """
    if not scores:
        return 0.0
    margin = float(np.mean([_logit(score) for score in scores]))
    against = votes - reads
    total = INTERCEPT + MARGIN * margin + FIT * float(np.mean(fits)) + WEAKEST * (weakest - 0.5)
    total += AGREEMENT * (math.log2(max(reads, 1)) - against / max(votes, 1))
    return 1.0 / (1.0 + math.exp(-total))


def _logit(chance: float) -> float:
    """Return the log odds of a probability, kept within 6 on either side."""
    return max(-6.0, min(6.0, math.log(max(chance, 1e-6) / max(1.0 - chance, 1e-6))))


def tabulate_reliability(
    confidences: NDArray[np.float64], right: NDArray[np.bool_], bins: int = 5
) -> list[tuple[float, float, int]]:
    """Return (mean confidence, share right, count) for each filled bin of equal width."""
    places = np.minimum((confidences * bins).astype(int), bins - 1)
    rows = []
    for place in range(bins):
        inside = places == place
        if inside.any():
            rows.append((float(confidences[inside].mean()), float(right[inside].mean()), int(inside.sum())))
    return rows
