"""How often a calibration's interval holds the true rate, in made worlds where that rate is known: the four ways that were weighed.

Usage: made_worlds.py [--people 500 1000] [--worlds 150]

A world is a set of people of whom every pair has one likeness, drawn from a normal law and found from both sides, searched within
itself. A tail is fitted, its threshold taken at a rate, and the true rate there follows from the law. Persons are drawn all or half
as many; the interval is the draws' own quantiles, or a normal law about the stated rate on the scale of square roots.
"""

import argparse
from math import erfc, sqrt

import numpy as np

from wayseal.match.tail import exceed_all, fit_tail, scale_chance

RATES = (0.03, 0.01, 0.003)
_ROUNDS = 100


def make_world(people: int, chance: np.random.Generator) -> np.ndarray:
    """Return each person's best likeness with any other."""
    alike = np.triu(chance.standard_normal((people, people), dtype=np.float32), 1)
    alike += alike.T
    np.fill_diagonal(alike, -9)
    return alike.max(axis=1).astype(np.float64)


def try_world(people: int, chance: np.random.Generator) -> dict[tuple[float, str, str], tuple[bool, float]]:
    """Return, for each rate and way, whether the interval holds the true rate, and its upper end as a multiple of the stated one."""
    best = make_world(people, chance)
    fitted, found = fit_tail(best, people - 1), {}
    for drawn, count in (("all", people), ("half", people // 2)):
        tails = [fit_tail(best[chance.integers(0, people, count)], people - 1) for _ in range(_ROUNDS)]
        for rate in RATES:
            level = fitted.score_at(rate)
            true = scale_chance(erfc(level / sqrt(2)) / 2, fitted=1, wanted=people - 1)
            rates = exceed_all(tails, level)
            away = 1.96 * float(np.std(np.sqrt(rates)))
            ends = {
                "quantiles": tuple(np.quantile(rates, (0.025, 0.975))),
                "roots": (max(0.0, sqrt(rate) - away) ** 2, (sqrt(rate) + away) ** 2),
            }
            for way, (low, high) in ends.items():
                found[rate, drawn, way] = (bool(low <= true <= high), float(high) / rate)
    return found


def main() -> None:
    """Try the worlds and print a Markdown table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, nargs="+", default=[500, 1000])
    parser.add_argument("--worlds", type=int, default=150)
    chosen = parser.parse_args()
    ways = [(drawn, way) for drawn in ("all", "half") for way in ("quantiles", "roots")]
    print(
        "| people | rate | "
        + " | ".join(f"{drawn}, {way}" for drawn, way in ways)
        + " |\n|---"
        + "|---" * 5
        + "|"
    )
    for people in chosen.people:
        tried = [
            try_world(people, np.random.default_rng([people, number])) for number in range(chosen.worlds)
        ]
        for rate in RATES:
            cells = []
            for drawn, way in ways:
                one = [found[rate, drawn, way] for found in tried]
                cells.append(
                    f"{np.mean([held for held, _ in one]):.0%} (to {np.mean([end for _, end in one]):.1f} times)"
                )
            print(f"| {people:,} | {rate:g} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
