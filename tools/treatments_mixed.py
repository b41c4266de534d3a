"""Shots of somebody else mixed into a track: what leaving out unlike shots is for, which no development video shows.

Pure arithmetic over the shots that capture chose; nothing is written.
"""

import numpy as np

from wayseal.vision import bestshot
from wayseal.vision.bestshot import KeptShot

_TRIALS, _SEED, _FEWEST = 400, 20261123, 4


def print_mixed(sets: list[tuple[str, list[KeptShot]]]) -> dict[str, list[float]]:
    """Print how like a fused template is to its own person and to the other whose shots were mixed in, all kept and unlike left out.

    The last of somebody's shots are exchanged for another person's. `sets` are whose the shots are, and the shots.
    """
    people = [(who, shots) for who, shots in sets if len(shots) >= _FEWEST]
    print(
        f"\n{len(people)} people with {_FEWEST} shots or more, {_TRIALS} pairs of two drawn\n\n"
        "| shots of somebody else | all kept: own | all kept: the other | unlike left out: own | unlike left out: the other |\n|---|---|---|---|---|"
    )
    report = {}
    for count in range(3):
        report[str(count)] = means = mix_shots(people, count)
        print(f"| {count} | " + " | ".join(f"{value:.3f}" for value in means) + " |", flush=True)
    return report


def mix_shots(people: list[tuple[str, list[KeptShot]]], count: int) -> list[float]:
    """Return the mean likeness to the own person and the other: all kept, then unlike left out."""
    chance, found = np.random.default_rng(_SEED), []
    while len(found) < _TRIALS:
        (own, mine), (other, theirs) = (
            people[place] for place in chance.choice(len(people), 2, replace=False)
        )
        if own == other:
            continue
        mixed = mine[: len(mine) - count] + theirs[:count]
        ends = [_fuse(shots) for shots in (mine, theirs)]
        found.append([_fuse(shots) @ end for shots in (mixed, _without_unlike(mixed)) for end in ends])
    return [float(value) for value in np.mean(found, axis=0)]


def _fuse(shots: list[KeptShot]) -> np.ndarray:
    """Return the direction of the fused template."""
    return bestshot._fuse(shots).vector  # noqa: SLF001


def _without_unlike(shots: list[KeptShot]) -> list[KeptShot]:
    """Return the shots that capture would fuse."""
    return bestshot._drop_strangers(shots)  # noqa: SLF001
