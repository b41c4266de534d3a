"""Which characters are taken for which: the smoothing of readings and the distance between plate strings.

Owns `confusion.toml`: how often the reader takes one character for another, measured. Pure arithmetic.
"""

import math
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from wayseal.vision.plate.recognise import ALPHABET, Columns

GAP_COST = 4.0
"""Cost of a character that one string has and the other lacks: about one read in fifty loses or gains one."""


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """`table[i, j]` is the probability that the true character is j where the reader says i; rows sum to 1."""

    table: NDArray[np.float64]

    def smooth_columns(self, columns: Columns) -> Columns:
        """Return columns in which each character shares its probability with those it is mistaken for."""
        smoothed = columns.copy()
        smoothed[:, 1:] = columns[:, 1:] @ self.table.astype(np.float32)
        return smoothed

    def cost(self, one: str, other: str) -> float:
        """Return how surprising it is that `one` was read for `other` or the other way round; 0 for equal characters."""
        if one == other:
            return 0.0
        row, column = ALPHABET.index(one), ALPHABET.index(other)
        return -math.log(max(self.table[row, column], self.table[column, row], 1e-6))


def plate_distance(one: str, other: str, confusion: "Confusion | None" = None) -> float:
    """Return the distance of two plate strings (A-Z, 0-9), 0 when equal: an edit distance in which look-alikes are near.

    A substitution costs the negative logarithm of the confusion's probability, a missing or extra character
    `GAP_COST`. So O for 0 costs about 2, X for 4 about 9 (then two gaps are nearer and count instead).
    """
    table = confusion or load_confusion()
    previous = [GAP_COST * place for place in range(len(other) + 1)]
    for row, mine in enumerate(one, start=1):
        current = [GAP_COST * row]
        for column, theirs in enumerate(other, start=1):
            swap = previous[column - 1] + table.cost(mine, theirs)
            current.append(min(swap, previous[column] + GAP_COST, current[-1] + GAP_COST))
        previous = current
    return previous[-1]


def find_nearest(
    text: str, expected: Iterable[str], *, furthest: float = GAP_COST
) -> list[tuple[str, float]]:
    """Return the expected plates within `furthest` of `text`, nearest first, equal distances by text.

    For look-ups in an expected set: the exact string read is what is stored, never the neighbour found here.
    """
    near = ((plate, plate_distance(text, plate)) for plate in set(expected))
    return sorted(
        ((plate, far) for plate, far in near if far <= furthest), key=lambda item: (item[1], item[0])
    )


@cache
def load_confusion() -> Confusion:
    """Return the measured confusions that ship with the package."""
    text = files("wayseal.vision.plate").joinpath("confusion.toml").read_text("utf-8")
    return build_confusion(tomllib.loads(text))


def build_confusion(table: dict[str, object]) -> Confusion:
    """Return confusions from a parsed table: `floor`, and `pairs` of "read>true" = probability."""
    size = len(ALPHABET)
    chances = np.full((size, size), float(str(table["floor"])))
    for pair, chance in dict(table["pairs"]).items():  # type: ignore[call-overload]
        chances[ALPHABET.index(pair[0]), ALPHABET.index(pair[2])] = float(chance)
    np.fill_diagonal(chances, 0.0)
    np.fill_diagonal(chances, 1.0 - chances.sum(axis=1))
    return Confusion(chances)
