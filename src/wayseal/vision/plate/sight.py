"""What the two readers of a line say together.

The general reader knows 18,709 signs of print, the plate reader the 36 characters as plates draw them. Both stand on the same
features, but their peaks need not fall on the same columns, so they are weighed string by string. It knows no grammar.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wayseal.vision.plate.decode import score_strings, search_strings, spread_positions
from wayseal.vision.plate.recognise import Sight

GENERAL, PLATE = 0.7, 0.7
"""How much each reader's log-probability counts."""
_FAINTEST = 1e-300


def propose_strings(sights: Sequence[Sight]) -> list[str]:
    """Return the strings of two to ten characters that either reader proposes in any look, sorted."""
    seen = (columns for one in sights for columns in (one.general, one.plate))
    return sorted({text for columns in seen for text in search_strings(columns) if 2 <= len(text) <= 10})


def pool_chances(sights: Sequence[Sight], strings: Sequence[str]) -> NDArray[np.float64]:
    """Return each string's log-probability: each reader's mean over the looks, the two readers weighed."""
    general = np.exp([score_strings(one.general, strings) for one in sights]).mean(axis=0)
    plate = np.exp([score_strings(one.plate, strings) for one in sights]).mean(axis=0)
    pooled: NDArray[np.float64] = GENERAL * np.log(general + _FAINTEST) + PLATE * np.log(plate + _FAINTEST)
    return pooled


def spread_sights(sights: Sequence[Sight], text: str) -> NDArray[np.float64]:
    """Return (len(text), 36): each position's probabilities, the mean over looks and readers."""
    columns = [column for one in sights for column in (one.general, one.plate)]
    spread: NDArray[np.float64] = np.mean([spread_positions(one, text) for one in columns], axis=0)
    return spread
