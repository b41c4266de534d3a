"""What a mark is made of: secret codes of plus and minus ones, and the waves of a picture that carry them.

Keys come in from outside and never leave. Nothing here sees a pixel.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from wayseal.model.errors import Invalid

Floats = NDArray[np.float32]

DENSE = 128.0
"""Half-waves per side up to which every wave carries a bit; above, each octave carries about as many as the one before."""
LOWEST = 3.0
"""Half-waves under which nothing is written: there every fit of brightness would wipe it out."""
TILT = 0.4
"""How fast the waves weaken with their frequency: coarse waves survive, fine ones are many."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How marks are spread over pictures. What was marked by one is read by the same one, and by no other.

    `highest` is the finest wave, of the highest frequency that a picture holds: finer ones do not survive JPEG or a smaller size.
    `gamma` is how much more a busy spot carries than a flat one.
    """

    number: int
    highest: float
    gamma: float


RECIPES = {
    one.number: one for one in (Recipe(1, highest=0.28, gamma=0.6), Recipe(2, highest=0.34, gamma=0.5))
}
"""By number. None is ever changed or removed: copies that it marked are out there."""
NEWEST = RECIPES[max(RECIPES)]
"""What is written now."""


def find_recipe(number: int) -> Recipe:
    """Return a recipe. Raises `Invalid` for one that this program does not know."""
    if number not in RECIPES:
        raise Invalid(
            "a mark was written by a recipe that this program does not know",
            hint="Trace with the newest version of the program.",
        )
    return RECIPES[number]


class Channel(StrEnum):
    """Where a picture got its mark: given to a recipient, shown in a session, or taken at a lane."""

    EXPORT = "export"
    SESSION = "session"
    LANE = "lane"


@dataclass(frozen=True, slots=True)
class MarkKey:
    """The secret of one recipient, session or lane. Whoever has it can write that mark, and take it out."""

    channel: Channel
    id: str
    secret: bytes = field(repr=False)


class MarkRoot:
    """The root of all mark keys of a site, from which each one is derived again when it is needed."""

    def __init__(self, secret: bytes | bytearray) -> None:
        self._state = hmac.new(secret, b"wayseal-mark/v1", "sha256")

    def key(self, channel: Channel, mark_id: str) -> MarkKey:
        """Return the key of a mark id in a channel: HMAC-SHA-256 of both, so that no channel can pass for another."""
        mac = self._state.copy()
        mac.update(channel.value.encode() + b"\x00" + mark_id.encode())
        return MarkKey(channel, mark_id, mac.digest())


def make_codes(keys: Sequence[MarkKey], pictures: Sequence[str], count: int) -> NDArray[np.uint8]:
    """Return (keys, count) codes of 0 and 1, each for the record id beside its key: no two pictures share a code.

    SHAKE-256 under HMAC-SHA-256: without the key a code is no different from coin tosses.
    """
    size = -(-count // 8)
    rows = [
        hashlib.shake_256(hmac.digest(key.secret, b"code\x00" + picture.encode(), "sha256")).digest(size)
        for key, picture in zip(keys, pictures, strict=True)
    ]
    packed = np.frombuffer(b"".join(rows), np.uint8).reshape(len(keys), size)
    return np.unpackbits(packed, axis=1, count=count)


@dataclass(frozen=True, slots=True)
class Waves:
    """The cosine waves that carry the bits of pictures of one size. `shape` is the padded (height, width) of the transform."""

    shape: tuple[int, int]
    rows: NDArray[np.int32] = field(repr=False)
    columns: NDArray[np.int32] = field(repr=False)
    strength: Floats = field(repr=False)

    @property
    def count(self) -> int:
        """How many bits a picture of this size carries."""
        return len(self.rows)

    def spread(self, code: NDArray[np.uint8]) -> Floats:
        """Return the pattern of one code (0 and 1) over the padded shape."""
        plane = np.zeros(self.shape, np.float32)
        plane[self.rows, self.columns] = self.strength * (code.astype(np.float32) * 2 - 1)
        return np.asarray(cv2.idct(plane), dtype=np.float32)

    def gather(self, plane: Floats) -> Floats:
        """Return a transformed plane's values at the waves, in the order of a code."""
        return plane[self.rows, self.columns]


@lru_cache(maxsize=16)
def make_waves(height: int, width: int, recipe: Recipe = NEWEST) -> Waves:
    """Return a recipe's waves of pictures of that size. Public and the same everywhere: the secret is in the code."""
    shape = (_even(height), _even(width))
    v = np.arange(shape[0], dtype=np.float64)[:, None]
    u = np.arange(shape[1], dtype=np.float64)[None, :]
    radius = np.hypot(u, v)
    fineness = np.hypot(u / shape[1], v / shape[0])
    wanted = (radius >= LOWEST) & (fineness <= recipe.highest)
    chance = np.minimum(1.0, (DENSE / np.maximum(radius, 1.0)) ** 2)
    wanted &= _scatter(shape) < chance
    rows, columns = np.nonzero(wanted)
    reach = np.maximum(fineness[rows, columns], 0.02)
    strength = (reach**-TILT).astype(np.float32)
    return Waves(shape, rows.astype(np.int32), columns.astype(np.int32), strength)


def _even(side: int) -> int:
    """Return the next size that the cosine transform takes quickly: OpenCV's is for even sizes only."""
    return 2 * cv2.getOptimalDFTSize(-(-max(side, 8) // 2))


def _scatter(shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return fixed numbers from 0 to 1 over a plane, spread evenly (Roberts 2018, additive recurrence on two primes)."""
    v = np.arange(shape[0], dtype=np.float64)[:, None]
    u = np.arange(shape[1], dtype=np.float64)[None, :]
    return np.asarray((u * 0.7548776662466927 + v * 0.5698402909980532) % 1.0)
