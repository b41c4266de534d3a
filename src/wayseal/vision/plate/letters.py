"""The plate reader's own eye: from the recogniser's features to the 36 characters, as number plates draw them.

Owns `letters.npz`, a small network of two layers. It was trained on drawn plates only (`tools/fit_plate_letters.py`): no
photograph had a part in it, so what it reads in photographs is a fair test. It decides nothing.
"""

from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class LetterNet:
    """Two layers over a window of columns.

    `mean` and `spread` (features,) bring features to one scale; `first` is (window * features, hidden), `second`
    (hidden, 37), each with its offsets.
    """

    mean: Weights = field(repr=False)
    spread: Weights = field(repr=False)
    first: Weights = field(repr=False)
    first_offset: Weights = field(repr=False)
    second: Weights = field(repr=False)
    second_offset: Weights = field(repr=False)

    def read_features(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (T, 37) probabilities for (T, features) of one line: "no character", then A-Z and 0-9."""
        scaled = (features - self.mean) / self.spread
        hidden = np.maximum(self._window(scaled) @ self.first + self.first_offset, 0.0)
        logits = hidden @ self.second + self.second_offset
        chances = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(chances / chances.sum(axis=1, keepdims=True), np.float32)

    def _window(self, scaled: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return each column beside its neighbours, zeros beyond the ends."""
        reach = len(self.first) // scaled.shape[1] // 2
        padded = np.pad(scaled, ((reach, reach), (0, 0)))
        return np.concatenate([padded[step : step + len(scaled)] for step in range(2 * reach + 1)], axis=1)


def parse_letters(data: bytes) -> LetterNet:
    """Return the network in the bytes of an .npz file, which keeps halves of the precision."""
    with np.load(BytesIO(data), allow_pickle=False) as kept:
        return LetterNet(**{name: kept[name].astype(np.float32) for name in LetterNet.__slots__})


@cache
def load_letters() -> LetterNet:
    """Return the network that ships with the package."""
    return parse_letters(files("wayseal.vision.plate").joinpath("letters.npz").read_bytes())
