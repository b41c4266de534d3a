"""How sure a curve of misses against false positives is: a 95 % band, by drawing persons anew on both sides.

Arithmetic over scores, and its shading on a plot. A band says nothing about people who were not in the test at all.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wayseal.flow.measure.rates import Curve, Scores
from wayseal.model.errors import Invalid

RATES = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
"""Rates of false positives at which a band is given, where the test is large enough to show them."""
_ROUNDS = 400
_SEED = 17

Band = list[list[float]]
"""Rows [false positive rate, lowest miss rate, highest miss rate], rates falling."""


def find_band(
    mated: ArrayLike, mated_people: Sequence[str], others: ArrayLike, other_people: Sequence[str]
) -> Band:
    """Return the 95 % band of the miss rate at each rate of `RATES` that one search in this many can show.

    In every draw whole persons are taken, mates and strangers alike, and the threshold is chosen anew on the strangers drawn.
    Raises `Invalid` when a side is empty or its people are not as many as its scores.
    """
    mates, strangers = _Side(mated, mated_people), _Side(others, other_people)
    rates = [rate for rate in RATES if rate * strangers.scores.size >= 1]
    random = np.random.default_rng(_SEED)
    found = np.empty((_ROUNDS, len(rates)))
    for row in found:
        above = strangers.draw_above(random)
        below = mates.draw_below(random)
        for column, rate in enumerate(rates):
            # The lowest threshold with at most `rate` above it: just over the score at which more than that are reached.
            place = int(np.searchsorted(above[::-1], rate * above[0], side="right"))
            level = strangers.scores[len(above) - place - 1] if place < len(above) else -np.inf
            missed = int(np.searchsorted(mates.scores, level, side="right"))
            row[column] = below[missed]
    low, high = np.quantile(found, (0.025, 0.975), axis=0)
    return [list(map(float, one)) for one in zip(rates, low, high, strict=True)]


class _Side:
    """One side's scores in rising order, and how to weigh them by a draw of persons."""

    def __init__(self, values: ArrayLike, people: Sequence[str]) -> None:
        scores = np.asarray(values, dtype=np.float64)
        if scores.size == 0 or scores.size != len(people):
            raise Invalid("a band needs scores of both kinds, and whose each is")
        order = np.argsort(scores, kind="stable")
        self.scores: Scores = scores[order]
        names, member = np.unique(np.asarray(people), return_inverse=True)
        self._member, self._persons = member[order], len(names)

    def draw_below(self, random: np.random.Generator) -> NDArray[np.float64]:
        """Return, for k = 0 to n, the weight of the k lowest scores over the whole, in one draw of persons."""
        weights = self._draw(random)
        return np.asarray(np.concatenate([[0.0], np.cumsum(weights)]) / weights.sum(), dtype=np.float64)

    def draw_above(self, random: np.random.Generator) -> NDArray[np.float64]:
        """Return the weight of each score and of all above it, in one draw of persons."""
        return np.asarray(np.cumsum(self._draw(random)[::-1])[::-1], dtype=np.float64)

    def _draw(self, random: np.random.Generator) -> NDArray[np.float64]:
        """Return how often each score's person was drawn."""
        counts = np.bincount(random.integers(0, self._persons, self._persons), minlength=self._persons)
        return counts[self._member].astype(np.float64)


def shade_band(axes: Any, band: Band, curve: Curve, least: float) -> None:
    """Shade a band around its curve, which always lies inside; rates of 0 are drawn at `least`. Nothing for an empty band."""
    if not band:
        return
    rates, low, high = np.array(band).T
    at = np.array([curve.miss[int(np.argmax(curve.accept <= rate))] for rate in rates])
    edges = np.maximum(np.minimum(low, at), least), np.maximum(np.maximum(high, at), least)
    axes.fill_between(rates, *edges, alpha=0.2, label="95 %")
