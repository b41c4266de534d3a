"""The values of this room: one way to look, one reading, one place that may be a plate. They compute nothing."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from wayseal.vision.plate.geometry import Quad

CREDITED = 0.5
"""None of 814 other lines in 319 pictures came above 0.05."""


@dataclass(frozen=True, slots=True)
class Look:
    """One way to rectify a line: how far to grow it (in heights), how to widen it, and how to treat its pixels."""

    across: float
    down: float
    stretch: float
    contrast: bool = True
    soften: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class PlateReading:
    """What was read once. `text` is personal data and never printed.

    `spread` is (len(text), 36): each position's probabilities over A-Z, 0-9. `alternatives` are the likeliest strings
    with their probabilities, best first.
    """

    text: str = field(repr=False)
    spread: NDArray[np.float64] = field(repr=False)
    alternatives: tuple[tuple[str, float], ...] = field(repr=False)
    score: float
    """The posterior probability of `text` among the alternatives; not calibrated (see `calibrate`)."""
    fit: float
    """Mean log-probability a character: how clearly the recogniser saw them."""
    odds: float
    """The grammars' log odds for `text` against random characters."""
    credit: float = 0.0
    """How surely the line opens with a copyright sign, in the look that is surest of it."""

    @property
    def is_credit(self) -> bool:
        """Whether the line is a photographer's credit laid over the picture, not a plate."""
        return self.credit > CREDITED

    def within(self, part: slice) -> "PlateReading":
        """Return the reading of a part of its characters; probabilities and odds stay those of the whole."""
        return replace(self, text=self.text[part], spread=self.spread[part])


@dataclass(frozen=True, slots=True, eq=False)
class PlateRegion:
    """A line that may be a plate's number. `score` is how plate-like it is (log odds), `seen` the detector's score."""

    quad: Quad = field(repr=False)
    score: float
    seen: float
    reading: PlateReading = field(repr=False)
