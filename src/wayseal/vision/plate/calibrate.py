"""How sure a plate is: from a reading's marks to the share of such readings that are exactly right.

Owns the fitted curve. A confidence of 0.9 means that nine of ten plates with it are right to the last character
(docs/explanation/plates.md shows how far that held).
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

INTERCEPT = 1.072
MARGIN = 0.509
FIT = 1.101
"""Logistic regression, ridge 1.0, on 131 stills (openalpr/benchmarks endtoend, us and eu), checked by five-fold cross-validation.
The weakest character was tried as a third mark; beside these two it said nothing."""
AGREEMENT = 0.15
"""Log odds that each doubling of agreeing readings adds. Small on purpose: readings of one vehicle share their errors."""
AGAINST = 2.0
"""Log odds that dissent takes away, times the share of readings that say something else."""


def rate_confidence(
    scores: Sequence[float], fits: Sequence[float], *, reads: int = 1, votes: int = 1
) -> float:
    """Return the probability that a plate is right to the last character.

    `scores` are the agreeing readings' posterior probabilities, `fits` their mean log-probability a character; `reads` of
    `votes` readings agreed.
    """
    if not scores:
        return 0.0
    margin = float(np.mean([_logit(score) for score in scores]))
    total = INTERCEPT + MARGIN * margin + FIT * float(np.mean(fits))
    total += AGREEMENT * math.log2(max(reads, 1)) - AGAINST * (votes - reads) / max(votes, 1)
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
