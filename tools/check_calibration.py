"""Whether calibrations keep their promise on people they never saw: how often the interval holds, and FPIR down to 0.001 over all galleries.

Usage: check_calibration.py DATA [--source lfw] [--splits 20] [--json FILE]

Each split of the people gives two trials: one half calibrates, the other is searched, and the other way round. Searched are all
galleries at once: a stranger's chance of a false positive is taken over every gallery of GALLERY other people that the half
allows, one picture each, by inclusion probabilities. So a rate rests on every pair of people of the half and not on one draw of
a gallery. Bands count people and not searches: two people alike make false positives in both directions and in every gallery.
Templates stay in memory.
"""

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path
from statistics import NormalDist

import numpy as np
from fit_calibration import LIGHTS, RATES, Faces, print_table, read_faces
from scipy.stats import chi2

from wayseal.flow.measure.rates import wilson_interval
from wayseal.match.calibrate import Calibration, fit_calibration
from wayseal.match.strangers import Looks

GALLERY = 253
"""Templates in each gallery: a quarter of the people, as in the table of the promise."""
_SEED = 20261122
_SURE = 1.959964


@dataclass(frozen=True, eq=False)
class Alike:
    """Who is taken for whom: `rates[i, j]` is what people i and j, searched for each other, add to the false positive rate.

    Upper triangle only. The sum is the rate but for strangers who are like two of a gallery, who count once in `rate`.
    """

    rate: float
    rates: np.ndarray = field(repr=False)

    def variance(self) -> float:
        """Return the variance of the sum over draws of people: pairs that share a person are not independent.

        Source: dyadic clustering (Aronow, Samii and Assenova, Political Analysis 23, 2015). Never below that of independent pairs.
        """
        each = (self.rates + self.rates.T).sum(axis=1)
        pairs = float((self.rates**2).sum())
        return max(float(((each - each.mean()) ** 2).sum()) - pairs, pairs)

    def band(self) -> tuple[float, float]:
        """Return the 95 % band of the rate, as of a weighted sum of rare events (Fay and Feuer, Statistics in Medicine 16, 1997)."""
        total, variance, most = float(self.rates.sum()), self.variance(), float(self.rates.max())
        if total == 0:
            return 0.0, 1.0
        low = variance / (2 * total) * chi2.ppf(0.025, 2 * total**2 / variance)
        wide, centre = variance + most**2, total + most
        high = wide / (2 * centre) * chi2.ppf(0.975, 2 * centre**2 / wide)
        return self.rate / total * float(low), self.rate / total * float(high)


@dataclass(frozen=True, eq=False)
class Trial:
    """One half's promise and what the other half gave: interval, rate, the variance of its sum, and who was like whom."""

    low: float
    high: float
    stated: float
    got: Alike
    people: np.ndarray = field(repr=False)


def search_galleries(
    calibration: Calibration, faces: Faces, light: str, part: np.ndarray, level: float
) -> Alike:
    """Return the false positives of a half's people in all galleries of the same half, at one threshold."""
    _, member = np.unique(faces.people[part], return_inverse=True)
    order, counts = np.argsort(member, kind="stable"), np.bincount(member)
    starts = np.r_[0, np.cumsum(counts)[:-1]]
    scores = calibration.prepare(faces.probes[light][part]) @ calibration.prepare(faces.enrolled[part]).T
    shares = np.add.reduceat((scores >= level)[:, order], starts, axis=1) / counts
    shares[np.arange(len(member)), member] = 0.0  # nobody is a stranger to himself
    shares *= min(1.0, GALLERY / (len(counts) - 1))
    rate = float((1 - np.exp(np.log1p(-np.minimum(shares, 1 - 1e-9)).sum(axis=1))).mean())
    both = np.add.reduceat(shares[order], starts, axis=0) / len(member)
    return Alike(rate, np.triu(both + both.T, 1))


def run_trials(faces: Faces, splits: int) -> dict[tuple[str, float], list[Trial]]:
    """Return the trials of each light and rate."""
    random, found = np.random.default_rng(_SEED), {}
    names = np.unique(faces.people)
    for _ in range(splits):
        inside = np.isin(faces.people, random.permutation(names)[: len(names) // 2])
        for half in (inside, ~inside):
            fitted, rest = np.flatnonzero(half), np.flatnonzero(~half)
            people = faces.people[fitted].tolist()
            made = fit_calibration(
                faces.enrolled[fitted], people, model_sha256="", source="",
                probes=[Looks(faces.probes[light][fitted], people) for light in LIGHTS],
            )  # fmt: skip
            for light in LIGHTS:
                for rate in RATES:
                    level = made.threshold(GALLERY, rate)
                    got = search_galleries(made, faces, light, rest, level)
                    trial = Trial(*made.interval(GALLERY, level), rate, got, np.unique(faces.people[rest]))
                    found.setdefault((light, rate), []).append(trial)
    return found


def count_coverage(trials: list[Trial]) -> dict[str, float | str]:
    """Return in how many trials the achieved rate lies within the stated interval, alone and with the other half's uncertainty.

    The other half has as few people as the first, so a right interval for the rate itself holds less than 95 % of what such
    halves show: `exact_would` says how much. Square roots, since rates of rare events spread like their own root.
    """
    crowding = np.sum([one.got.variance() for one in trials]) / np.sum(
        [one.got.rates.sum() for one in trials]
    )
    own = np.sqrt(crowding) / 2
    spread = np.array([(np.sqrt(one.high) - np.sqrt(one.low)) / (2 * _SURE) for one in trials])
    middle = np.array([(np.sqrt(one.high) + np.sqrt(one.low)) / 2 for one in trials])
    roots = np.sqrt([one.got.rate for one in trials])
    inside = sum(one.low <= one.got.rate <= one.high for one in trials)
    both = int((np.abs(roots - middle) <= _SURE * np.hypot(spread, own)).sum())
    normal = NormalDist()
    exact = np.mean([2 * normal.cdf(_SURE * one / np.hypot(one, own)) - 1 for one in spread])
    low, high = wilson_interval(both, len(trials))
    return {
        "trials": len(trials), "stated": f"{np.mean([one.low for one in trials]):.4f} to {np.mean([one.high for one in trials]):.4f}",
        "achieved": float(np.mean([one.got.rate for one in trials])), "inside": f"{inside} ({inside / len(trials):.0%})",
        "exact_would": f"{exact:.0%}", "inside_both": f"{both} ({both / len(trials):.0%})", "ci95": f"{low:.0%} to {high:.0%}",
    }  # fmt: skip


def pool_trials(trials: list[Trial], people: np.ndarray) -> dict[str, float | str]:
    """Return the rate over all trials with its band over people, and how many pairs of people it rests on."""
    total = np.zeros((len(people), len(people)))
    for one in trials:
        place = np.searchsorted(people, one.people)
        total[np.ix_(place, place)] += one.got.rates / len(trials)
    pooled = Alike(float(np.mean([one.got.rate for one in trials])), total)
    low, high = pooled.band()
    pairs = pooled.rates[pooled.rates > 0]
    return {
        "people": len(people), "pairs": f"{len(people) * (len(people) - 1) // 2:,}", "alike": len(pairs),
        "alike_in_effect": round(float(pairs.sum() ** 2 / (pairs**2).sum()), 1), "achieved": pooled.rate, "ci95": f"{low:.4f} to {high:.4f}",
    }  # fmt: skip


def main() -> None:
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--source", default="lfw")
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    faces = read_faces(chosen.data, chosen.source)
    found = run_trials(faces, chosen.splits)
    people = np.unique(faces.people)
    tables = {
        name: [{"probes": light, "wanted": f"{rate:g}", **make(trials)} for (light, rate), trials in found.items()]
        for name, make in (("coverage", count_coverage), ("pooled", lambda some: pool_trials(some, people)))
    }  # fmt: skip
    for rows in tables.values():
        print_table(rows)
    if chosen.json:
        chosen.json.write_text(json.dumps(tables, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
