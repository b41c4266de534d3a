"""The statistics of naming somebody: scores of candidate keys against decoys, and when they suffice.

A code is a row of coin tosses to whoever lacks its key, so by Hoeffding's bound the score of an innocent key exceeds z with a
chance of at most exp(-z*z/2), whatever was done to the picture and however its noise is distributed. No normal law is assumed.
"""

import math
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wayseal.export.markcode import Channel, MarkKey, make_codes
from wayseal.export.markread import Evidence

DECOYS = 2000
NAMED = 7.0
"""Standard deviations of the decoys that one picture must show before anybody is named by it."""
SINGLE = 1e-6
"""Chance that any of a picture's candidates is named although innocent; beyond 40,000 candidates it asks for more than 7."""
COMBINED = 1e-9
"""The same chance for somebody who is named by several pictures together, over all recipients of the trace."""
_BATCH = 256


@dataclass(frozen=True, slots=True)
class Scores:
    """How strongly each key is in a leak, in standard deviations of the decoys; `decoys` are the decoys' own."""

    z: NDArray[np.float64] = field(repr=False)
    decoys: NDArray[np.float64] = field(repr=False)


def score_keys(
    evidence: Evidence, keys: Sequence[MarkKey], pictures: Sequence[str], *, decoys: int = DECOYS
) -> Scores:
    """Return the scores of candidate keys, each for the record id beside it, and of fresh random decoys.

    The divisor is the decoys' spread or the one that theory gives, whichever is larger.
    """
    chance = [MarkKey(Channel.EXPORT, "", secrets.token_bytes(32)) for _ in range(decoys)]
    noise = _correlate(evidence, chance, [""] * decoys)
    spread = max(float(np.std(noise)) if decoys else 0.0, float(np.linalg.norm(evidence.chips)), 1e-12)
    return Scores(_correlate(evidence, keys, pictures) / spread, noise / spread)


def bound_chance(z: float, candidates: int) -> float:
    """Return at most how likely any of so many innocent candidates scores z or more."""
    return min(1.0, candidates * math.exp(-0.5 * z * z)) if z > 0 else 1.0


def suffices(z: float, candidates: int) -> bool:
    """Say whether one picture's score names its candidate."""
    return z >= NAMED and bound_chance(z, candidates) <= SINGLE


def combine_chances(chances: Iterable[float]) -> float:
    """Return the chance of so small a product of independent chances (Fisher 1925), each at most what it says."""
    logs = [-math.log(max(chance, 1e-300)) for chance in chances]
    total, term, series = sum(logs), 1.0, 0.0
    for number in range(len(logs)):
        series += term
        term *= total / (number + 1)
    return min(1.0, math.exp(-total) * series)


def _correlate(evidence: Evidence, keys: Sequence[MarkKey], pictures: Sequence[str]) -> NDArray[np.float64]:
    """Return the sum of chips under each key's signs."""
    chips = evidence.chips
    total, parts = float(chips.sum()), []
    for first in range(0, len(keys), _BATCH):
        part = slice(first, first + _BATCH)
        codes = make_codes(keys[part], pictures[part], len(chips))
        parts.append(2.0 * (codes.astype(np.float32) @ chips).astype(np.float64) - total)
    return np.concatenate(parts) if parts else np.zeros(0)
