"""Which characters are taken for which: the smoothing of readings and the plates that look like another.

Owns `confusion.toml`: how often the reader takes one character for another, measured. Pure arithmetic.
"""

import math
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from wayseal.vision.plate.recognise import ALPHABET, Columns

GAP_COST = 4.0
"""Cost of a character that one string has and the other lacks: about one read in fifty loses or gains one."""

FURTHEST = 4.0
"""How surprising a plate may be that is looked up in another's stead: what one misreading in fifty costs."""

MOST = 64
"""How many plates are looked up in another's stead: a text of nothing but O, I and Q has hundreds."""


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


def list_alike(text: str, confusion: Confusion | None = None) -> list[str]:
    """Return the plates that may have been read as `text` (A-Z, 0-9) or it as them, nearest first, without itself.

    One or two characters are other ones of the same look, together no more surprising than `FURTHEST`: O for 0 and 1 for I,
    never X for 4. A missing character is not among them: nearly every plate of an issuer is one character from another's.
    For look-ups only: what is stored is the text that was read.
    """
    table = confusion or load_confusion()
    swaps = [
        (table.cost(mine, letter), place, letter)
        for place, mine in enumerate(text)
        if mine in ALPHABET
        for letter in ALPHABET
        if letter != mine
    ]
    near = sorted(swap for swap in swaps if swap[0] <= FURTHEST)
    found = [(cost, _swap(text, (place, letter))) for cost, place, letter in near]
    for (cost, place, letter), (more, other, second) in combinations(near, 2):
        if cost + more <= FURTHEST and place != other:
            found.append((cost + more, _swap(text, (place, letter), (other, second))))
    return [plate for _, plate in sorted(found)[:MOST]]


def _swap(text: str, *swaps: tuple[int, str]) -> str:
    """Return the text with other characters at some places."""
    letters = list(text)
    for place, letter in swaps:
        letters[place] = letter
    return "".join(letters)


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
