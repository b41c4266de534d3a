"""The tail of impostor maxima: how likely is it that somebody who is not in a gallery reaches a score there.

Pure arithmetic over scores. The fit is the generalised Pareto distribution over a high level, by probability-weighted
moments (J. Hosking and J. Wallis, "Parameter and quantile estimation for the generalized Pareto distribution",
Technometrics 29, 1987). Below the level the observed quantiles are used as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wayseal.model.errors import Invalid

Scores = NDArray[np.float64]

SHARE = 0.1
"""The share of maxima that counts as the tail."""
_POINTS = 31
_FEWEST = 200
_TRIES = 3
_STRAIGHT = 1e-6  # below this shape the tail is taken as exponential


@dataclass(frozen=True, slots=True)
class Tail:
    """The distribution of the best score of a non-mated search in a gallery of `gallery_size` templates.

    `body` holds its quantiles from 0 to 1 - `share`, evenly spaced; beyond the last one, `shape` and `scale` describe
    what is left.
    """

    gallery_size: int
    body: tuple[float, ...]
    shape: float
    scale: float
    share: float = SHARE
    """The share of maxima beyond `start`."""

    @property
    def start(self) -> float:
        """The score at which the tail begins."""
        return self.body[-1]

    def is_sound(self) -> bool:
        """Return whether the figures are finite numbers that describe a distribution: a file may hold anything."""
        figures = np.array([*self.body, self.shape, self.scale, self.share], dtype=np.float64)
        return bool(
            self.gallery_size >= 1
            and len(self.body) >= 2
            and np.isfinite(figures).all()
            and self.scale > 0
            and 0 < self.share < 1
            and (np.diff(figures[: len(self.body)]) >= 0).all()
        )

    def exceedance(self, score: float) -> float:
        """Return the chance that a non-mated search in a gallery of `gallery_size` reaches `score`."""
        if score < self.start:
            return 1.0 - float(np.interp(score, self.body, _levels(self), left=0.0))
        return self.share * _survive((score - self.start) / self.scale, self.shape)

    def score_at(self, chance: float) -> float:
        """Return the score that is reached with this chance (above 0, at most 1): the inverse of `exceedance`."""
        if chance > self.share:
            return float(np.interp(1.0 - chance, _levels(self), self.body))
        ratio = chance / self.share
        if abs(self.shape) < _STRAIGHT:
            return self.start - self.scale * float(np.log(ratio))
        return self.start + self.scale / self.shape * float(ratio**-self.shape - 1.0)


def exceed_all(tails: Sequence[Tail], score: float) -> Scores:
    """Return each tail's `exceedance` of one score: hundreds of refits at once, as each search asks for an interval."""
    starts, shapes, scales, shares = np.array(
        [(tail.start, tail.shape, tail.scale, tail.share) for tail in tails]
    ).T
    over = np.maximum(score - starts, 0.0) / scales
    straight = np.abs(shapes) < _STRAIGHT
    safe = np.where(straight, 1.0, shapes)
    inside = np.maximum(1.0 + safe * over, 0.0)
    with np.errstate(divide="ignore"):
        bent = np.where(inside > 0, inside ** (-1.0 / safe), 0.0)
    found = shares * np.where(straight, np.exp(-over), bent)
    for place in np.flatnonzero(score < starts).tolist():
        found[place] = tails[place].exceedance(score)
    return np.asarray(found, dtype=np.float64)


def fit_tail(maxima: Scores, gallery_size: int, *, share: float = SHARE) -> Tail:
    """Return the tail fitted to the best scores of non-mated searches in galleries of one size.

    `share` of them count as the tail. Raises `Invalid` for fewer than 200 searches: less than 20 points of tail say nothing.
    """
    if maxima.size < _FEWEST or not np.isfinite(maxima).all():
        raise Invalid(
            f"{maxima.size} usable non-mated searches", hint=f"A tail needs {_FEWEST} at the very least."
        )
    body = np.quantile(maxima, np.linspace(0.0, 1 - share, _POINTS))
    over = np.sort(maxima[maxima > body[-1]] - body[-1])
    if over.size == 0 or float(over[-1]) <= 0:
        raise Invalid("the best non-mated scores are all equal")
    shape, scale = fit_excess(over)
    return Tail(gallery_size, tuple(round(float(level), 5) for level in body), shape, scale, share)


def fit_excess(over: Scores) -> tuple[float, float]:
    """Return the shape and scale of a generalised Pareto distribution from sorted excesses, by probability-weighted moments."""
    first = float(over.mean())
    place = (np.arange(1, over.size + 1) - 0.35) / over.size
    second = float(np.mean((1 - place) * over))
    shape = 2.0 - first / (first - 2 * second)
    scale = 2 * first * second / (first - 2 * second)
    return round(shape, 6), round(scale, 6)


def draw_tails(
    maxima: Scores, people: Sequence[str], gallery_size: int, *, rounds: int, seed: int
) -> list[Tail]:
    """Return tails refitted to random draws of persons, as many as `rounds`: the uncertainty of `fit_tail`.

    `people` names the probe's person of each search; all searches of one person are drawn together. A draw has half as many
    persons as there are: whoever is searched is enrolled too, so two people alike are found from both sides, and as many
    searches as persons hold every pair of people twice. A draw whose whole tail is one score, the best pair's drawn again and again,
    is drawn anew: of 100 people one in some thousands is. Raises `Invalid` when all are.
    """
    _, member = np.unique(np.asarray(people), return_inverse=True)
    order = np.argsort(member, kind="stable")
    parts = np.split(maxima[order], np.cumsum(np.bincount(member))[:-1])
    random = np.random.default_rng(seed)
    count = max(1, len(parts) // 2)
    tails: list[Tail] = []
    for _ in range(_TRIES * rounds):
        drawn = np.concatenate([parts[i] for i in random.integers(0, len(parts), count)])
        if drawn.max() > np.quantile(drawn, 1 - SHARE):
            tails.append(fit_tail(drawn, gallery_size))
        if len(tails) == rounds:
            return tails
    raise Invalid("the best non-mated scores are nearly all equal", hint="Take pictures of more people.")


def scale_chance(chance: float, *, fitted: int, wanted: int) -> float:
    """Return the chance of a false positive among `wanted` templates, given the one among `fitted`.

    Takes templates as independent: 1 - (1 - chance)^(wanted / fitted). Probes differ in how many they resemble, so
    this is good near `fitted` and a bound's sketch far from it: `match.calibrate` limits how far it is used.
    """
    return -float(np.expm1(np.log1p(-min(chance, 1 - 1e-15)) * wanted / fitted))


def _levels(tail: Tail) -> Scores:
    """Return the probabilities of a tail's body."""
    return np.linspace(0.0, 1 - tail.share, len(tail.body))


def _survive(excess: float, shape: float) -> float:
    """Return the generalised Pareto chance of exceeding `excess` scales."""
    if abs(shape) < _STRAIGHT:
        return float(np.exp(-excess))
    inside = 1.0 + shape * excess
    return float(inside ** (-1.0 / shape)) if inside > 0 else 0.0
