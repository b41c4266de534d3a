"""What the two readers of a line say together.

The general reader knows 18,709 signs of print, the plate reader the 36 characters as plates draw them. Both stand on the same
features, but their peaks need not fall on the same columns, so they are weighed string by string. It knows no grammar.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wayseal.vision.plate.decode import score_strings, search_strings, spread_positions
from wayseal.vision.plate.recognise import Columns, Sight

GENERAL, PLATE = 0.7, 0.7
"""How much each reader's log-probability counts where both read."""
_FAINTEST = 1e-300


def propose_strings(sights: Sequence[Sight]) -> list[str]:
    """Return the strings of two to ten characters that either reader proposes in any look, sorted."""
    seen = [one.general for one in sights] + _plates(sights)
    return sorted({text for columns in seen for text in search_strings(columns) if 2 <= len(text) <= 10})


def pool_chances(sights: Sequence[Sight], strings: Sequence[str]) -> NDArray[np.float64]:
    """Return each string's log-probability: each reader's mean over the looks, the two readers weighed."""
    general = _mean_chances([one.general for one in sights], strings)
    plates = _plates(sights)
    return GENERAL * general + PLATE * _mean_chances(plates, strings) if plates else general


def spread_sights(sights: Sequence[Sight], text: str) -> NDArray[np.float64]:
    """Return (len(text), 36): each position's probabilities, the general reader's mean over the looks.

    The plate reader has no part in it: at an end, doubt of the general reader tells an emblem from a character.
    """
    spread: NDArray[np.float64] = np.mean([spread_positions(one.general, text) for one in sights], axis=0)
    return spread


def _plates(sights: Sequence[Sight]) -> list[Columns]:
    """Return what the plate reader saw, where it looked."""
    return [one.plate for one in sights if one.plate is not None]


def _mean_chances(columns: Sequence[Columns], strings: Sequence[str]) -> NDArray[np.float64]:
    """Return the logarithm of each string's mean probability over looks."""
    chances: NDArray[np.float64] = np.exp([score_strings(one, strings) for one in columns]).mean(axis=0)
    return np.asarray(np.log(chances + _FAINTEST))
