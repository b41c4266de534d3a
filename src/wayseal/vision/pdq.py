"""PDQ: a 256-bit hash of a whole picture that stays nearly the same through JPEG, resizing and brightness.

The published algorithm ("The TMK+PDQF video-hashing algorithm and the PDQ image-hashing algorithm", 2019), bit for bit that of the
reference code. It finds candidates and names nobody: a cut of a tenth changes it beyond use. As personal as the picture.
"""

from functools import lru_cache

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from wayseal.model.border import Pixels

Bits = NDArray[np.bool_]
NEAR = 31
"""Of 256 bits, how many may differ in the same picture; among unlike faces the least seen is 82."""
_SIDE = 64
_KEPT = 16


def hash_picture(luma: NDArray[np.floating] | Pixels) -> Bits:
    """Return the 256 bits of a brightness plane, most significant first, as the reference prints them."""
    plane = np.asarray(luma, dtype=np.float32)
    for _ in range(2):
        plane = _smooth(plane)
    small = plane[_centres(plane.shape[0])][:, _centres(plane.shape[1])]
    waves = _cosines()
    kept = (waves @ small @ waves.T).ravel()
    median = np.partition(kept, 127)[127]
    return np.asarray((kept > median)[::-1])


def hash_jpeg(name: str, data: bytes) -> dict[str, str]:
    """Return `{name: hex}` of a JPEG's hash, or nothing for bytes that are no JPEG."""
    try:
        luma = simplejpeg.decode_jpeg(data, colorspace="GRAY")[..., 0]
    except ValueError:
        return {}
    return {name: np.packbits(hash_picture(luma)).tobytes().hex()}


def read_hash(text: str) -> Bits:
    """Return the bits that `hash_jpeg` wrote as hexadecimal."""
    return np.unpackbits(np.frombuffer(bytes.fromhex(text), np.uint8)).astype(bool)


def count_differences(first: Bits, others: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return how many bits of each of (n, 256) hashes differ."""
    return np.asarray(np.count_nonzero(others != first, axis=1))


def _window(side: int) -> int:
    """Return the box width that a side of that many pixels is smoothed with."""
    return (side + 2 * _SIDE - 1) // (2 * _SIDE)


def _smooth(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return means over a box; at the edges over what there is."""
    height, width = plane.shape
    box = _window(width), _window(height)
    before = tuple(side - (side + 2) // 2 for side in box)
    anchor = tuple(min(max(left, 0), side - 1) for left, side in zip(before, box, strict=True))
    total = cv2.boxFilter(
        plane, cv2.CV_32F, box, anchor=anchor, normalize=False, borderType=cv2.BORDER_CONSTANT
    )
    across, down = (_count(side, reach) for side, reach in ((width, box[0]), (height, box[1])))
    return np.asarray(total / np.outer(down, across), dtype=np.float32)


def _count(length: int, window: int) -> NDArray[np.float32]:
    """Return how many samples each box along a side holds."""
    at, right = np.arange(length), (window + 2) // 2
    held = np.minimum(at + right, length) - np.maximum(at - (window - right), 0)
    return np.asarray(held, dtype=np.float32)


def _centres(side: int) -> NDArray[np.int64]:
    """Return where the 64 samples of a side are taken."""
    return ((np.arange(_SIDE) + 0.5) * side / _SIDE).astype(np.int64)


@lru_cache(maxsize=1)
def _cosines() -> NDArray[np.float64]:
    """Return the (16, 64) cosine waves, without the constant one."""
    wave, at = np.arange(1, _KEPT + 1)[:, None], np.arange(_SIDE)[None, :]
    return np.asarray(np.sqrt(2 / _SIDE) * np.cos(np.pi / (2 * _SIDE) * wave * (2 * at + 1)))
