"""Error rates as the field defines them, as pure functions over scores: no picture, no identity, no file.

Comparison rates (FMR, FNMR, EER) follow ISO/IEC 19795-1; identification rates (FPIR, FNIR) follow NIST's open-set
evaluations: a *mated* search has its traveller in the gallery, a *non-mated* one has not. A face that could not be
acquired has the score `MISSING`: it lies below every threshold, so it counts as a miss and never as a false alarm.
This module must never decide a threshold for the product; that is `match.calibrate`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wayseal.model.errors import Invalid

Scores = NDArray[np.float64]
Interval = tuple[float, float]

MISSING = float("-inf")
"""The score of a search or comparison that had no template."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A trade-off over all thresholds, from lenient to strict: `accept[i]` and `miss[i]` hold at `thresholds[i]`.

    For pairs `accept` is the FMR and `miss` the FNMR; for searches they are the FPIR and the FNIR.
    """

    thresholds: Scores
    accept: Scores
    miss: Scores


def trade_off(genuine: ArrayLike, impostor: ArrayLike) -> Curve:
    """Return the curve of false acceptances against misses; a score at or above a threshold is accepted.

    It has one point for each distinct finite score and one above them all. Raises `Invalid` when a side is empty.
    """
    mates, others = _check_scores(genuine, "genuine"), _check_scores(impostor, "impostor")
    levels = np.unique(np.concatenate([mates, others]))
    levels = levels[np.isfinite(levels)]
    top = np.nextafter(levels[-1], np.inf) if levels.size else 0.0
    levels = np.append(levels, top)
    return Curve(
        levels,
        1.0 - np.searchsorted(np.sort(others), levels, side="left") / others.size,
        np.searchsorted(np.sort(mates), levels, side="left") / mates.size,
    )


def auc(genuine: ArrayLike, impostor: ArrayLike) -> float:
    """Return the chance that a genuine score exceeds an impostor score, ties counting half (Mann-Whitney)."""
    mates, others = _check_scores(genuine, "genuine"), np.sort(_check_scores(impostor, "impostor"))
    below = np.searchsorted(others, mates, side="left").astype(np.float64)
    upto = np.searchsorted(others, mates, side="right")
    return float(np.mean(below + upto) / 2 / others.size)


def eer(genuine: ArrayLike, impostor: ArrayLike) -> float:
    """Return the equal error rate: the mean of both error rates where they are closest."""
    curve = trade_off(genuine, impostor)
    nearest = int(np.argmin(np.abs(curve.accept - curve.miss)))
    return float((curve.accept[nearest] + curve.miss[nearest]) / 2)


def fnmr_at_fmr(genuine: ArrayLike, impostor: ArrayLike, fmr: float) -> tuple[float, float]:
    """Return (FNMR, threshold) at the lowest threshold whose observed FMR is at most `fmr`."""
    return miss_at(trade_off(genuine, impostor), fmr)


def fnir_at_fpir(mated: ArrayLike, nonmated: ArrayLike, fpir: float) -> tuple[float, float]:
    """Return (FNIR, threshold) at the lowest threshold whose observed FPIR is at most `fpir`.

    `mated` holds the traveller's own score where it came first, else `MISSING`; `nonmated` each search's best score.
    """
    return miss_at(trade_off(mated, nonmated), fpir)


def miss_at(curve: Curve, accept: float) -> tuple[float, float]:
    """Return (miss rate, threshold) at the most lenient point of a curve with at most `accept` false acceptances."""
    first = int(np.argmax(curve.accept <= accept))
    return float(curve.miss[first]), float(curve.thresholds[first])


def miss_rate(mated: ArrayLike, threshold: float) -> float:
    """Return the share of genuine comparisons or mated searches below `threshold` (FNMR or FNIR)."""
    return float(np.mean(_check_scores(mated, "mated") < threshold))


def accept_rate(nonmated: ArrayLike, threshold: float) -> float:
    """Return the share of impostor comparisons or non-mated searches at or above `threshold` (FMR or FPIR)."""
    return float(np.mean(_check_scores(nonmated, "non-mated") >= threshold))


def rank_one(mated: ArrayLike) -> float:
    """Return the share of mated searches whose traveller came first, whatever the score."""
    return float(np.mean(np.isfinite(_check_scores(mated, "mated"))))


def thin_curve(curve: Curve, points: int = 200) -> list[list[float]]:
    """Return at most `points` pairs [accept, miss], accept rising: the lowest miss for each, evenly spread over the curve."""
    accepts, first = np.unique(curve.accept[::-1], return_index=True)
    best = np.minimum.accumulate(curve.miss[::-1])
    last = np.append(first[1:], curve.accept.size) - 1
    pairs = np.stack([accepts, best[last]], axis=1)
    if len(pairs) > points:
        spread = np.log10(np.maximum(pairs[:, 0], 1e-9)) - np.log10(np.maximum(pairs[:, 1], 1e-9))
        chosen = np.searchsorted(spread, np.linspace(spread[0], spread[-1], points))
        pairs = pairs[np.unique(chosen.clip(0, len(pairs) - 1))]
    return [[float(accept), float(miss)] for accept, miss in pairs]


def wilson_interval(count: int, total: int, confidence: float = 0.95) -> Interval:
    """Return Wilson's interval for `count` of `total` (0 of 0 gives 0 to 1). Assumes independent trials."""
    if total == 0:
        return 0.0, 1.0
    z = _normal_quantile(confidence)
    share, weight = count / total, z * z / total
    centre = (share + weight / 2) / (1 + weight)
    half = z * float(np.sqrt(share * (1 - share) / total + weight / total / 4)) / (1 + weight)
    low = 0.0 if count == 0 else max(0.0, centre - half)
    return low, 1.0 if count == total else min(1.0, centre + half)


def bootstrap_interval(
    values: ArrayLike,
    groups: Sequence[str],
    statistic: Callable[[Scores], float],
    *,
    rounds: int = 1000,
    confidence: float = 0.95,
    seed: int = 7,
) -> Interval:
    """Return a percentile interval of `statistic` that draws whole groups: probes of one person are not independent.

    `groups` names each value's person. A statistic that is a rate at 0 or 1 gets a width of 0 here; use Wilson's then.
    """
    scores = np.asarray(values, dtype=np.float64)
    if scores.size == 0 or scores.size != len(groups):
        raise Invalid("a bootstrap needs one group for each value, and at least one value")
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    order = np.argsort(member, kind="stable")
    parts = np.split(scores[order], np.cumsum(np.bincount(member))[:-1])
    draw = np.random.default_rng(seed)
    results = []
    for _ in range(rounds):
        chosen = draw.integers(0, len(parts), len(parts))
        results.append(statistic(np.concatenate([parts[index] for index in chosen])))
    edge = (1 - confidence) / 2
    return float(np.quantile(results, edge)), float(np.quantile(results, 1 - edge))


def rate_interval(hits: ArrayLike, groups: Sequence[str], *, seed: int = 7) -> Interval:
    """Return the 95 % interval of a rate over persons: the wider of the bootstrap by group and Wilson's over groups.

    `hits` is 1 or 0 for each trial. Wilson's part keeps a rate of 0 from looking certain.
    """
    events = np.asarray(hits, dtype=np.float64)
    low, high = bootstrap_interval(events, groups, lambda part: float(np.mean(part)), seed=seed)
    people = len(set(groups))
    wilson = wilson_interval(round(float(np.mean(events)) * people), people)
    return (min(low, wilson[0]), max(high, wilson[1]))


def _check_scores(values: ArrayLike, what: str) -> Scores:
    """Return the scores as floats. Raises `Invalid` when there are none or one is not a number."""
    scores = np.asarray(values, dtype=np.float64).ravel()
    if scores.size == 0:
        raise Invalid(f"no {what} scores", hint="A rate needs pairs or probes of both kinds.")
    if np.isnan(scores).any():
        raise Invalid(f"a {what} score is not a number")
    return scores


def _normal_quantile(confidence: float) -> float:
    """Return z so that a standard normal lies within plus or minus z with this probability."""
    return NormalDist().inv_cdf((1 + confidence) / 2)
