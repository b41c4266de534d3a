"""How sure a plate is: from a reading's marks to the share of such readings that are exactly right.

Owns the fitted curves. A confidence of 0.9 means that nine of ten plates with it are right to the last character
(docs/explanation/plates.md shows how far that held).
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

INTERCEPT = 1.262
MARGIN = 0.621
FIT = 2.028
WEAKEST = 0.423
"""Logistic regression, ridge 1.0, on 131 stills (openalpr/benchmarks endtoend, us and eu), checked by five-fold cross-validation:
for the general reader alone, as in lanes."""
STILL = (1.072, 0.509, 1.101)
"""The same for both readers together, as on stills: offset, margin, fit. The weakest character said nothing beside them."""
AGREEMENT = 0.15
"""Log odds that each doubling of agreeing readings adds. Small on purpose: readings of one vehicle share their errors."""
AGAINST = 2.0
"""Log odds that dissent takes away, times the share of readings that say something else."""


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
    total = INTERCEPT + MARGIN * margin + FIT * float(np.mean(fits)) + WEAKEST * (weakest - 0.5)
    total += AGREEMENT * math.log2(max(reads, 1)) - AGAINST * (votes - reads) / max(votes, 1)
    return 1.0 / (1.0 + math.exp(-total))


def rate_still(score: float, fit: float) -> float:
    """Return the probability that a still's plate, read by both readers, is right to the last character."""
    offset, margin, clarity = STILL
    return 1.0 / (1.0 + math.exp(-(offset + margin * _logit(score) + clarity * fit)))


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
