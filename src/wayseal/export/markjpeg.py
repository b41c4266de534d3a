"""What a JPEG's own rounding says about a mark: not the rounded value counts, but which bin the true one fell into.

A coefficient that would have been rounded to nought anyway says nothing; one that stood near the edge of its bin and fell on
the other side says much. This is the locally best detector for known bins; plain subtraction loses most of it.
"""

import io
import warnings
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from scipy.special import ndtr

from wayseal.export.markcode import Floats

_SIGMAS = np.geomspace(0.6, 40.0, 14)
_BLOCKS = 1500
_FAR = 3.0
_COSINES = np.array(
    [
        [np.sqrt((1 if k == 0 else 2) / 8) * np.cos((2 * n + 1) * k * np.pi / 16) for n in range(8)]
        for k in range(8)
    ],
    dtype=np.float32,
)


@dataclass(frozen=True, slots=True)
class Compression:
    """A JPEG's quantisation of brightness: the (8, 8) steps, rows of vertical frequency, on blocks from the upper left corner.

    `size` is the (width, height) of the file: pixels that were resized since do not lie on its blocks.
    """

    steps: Floats = field(repr=False)
    size: tuple[int, int]


def read_compression(data: bytes) -> Compression | None:
    """Return how a file was compressed, or None when it is no JPEG whose pixels are as its blocks lie."""
    if not data.startswith(b"\xff\xd8"):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its header alone is read, whatever size it says
            image = Image.open(io.BytesIO(data), formats=("JPEG",))
        table = getattr(image, "quantization", {}).get(0)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError):
        return None
    if (
        table is None
        or len(table) != 64
        or image.getexif().get(0x0112, 1) != 1
        or image.mode not in {"RGB", "L"}
    ):
        return None
    return Compression(np.asarray(table, dtype=np.float32).reshape(8, 8), image.size)


def score_bins(leak: Floats, model: Floats, compression: Compression) -> Floats:
    """Return for each pixel the slope of the log-likelihood of the leak's bins at the model: where a mark would push it.

    How far the model may be off is estimated for each of the 64 frequencies, by maximum likelihood.
    """
    found, expected = _to_blocks(leak - 128), _to_blocks(model - 128)
    steps = compression.steps
    centre = np.rint(found / steps) * steps
    low, high = (centre - steps / 2) - expected, (centre + steps / 2) - expected
    sigma = _estimate_sigma(low, high)
    slope = _slope(low / sigma, high / sigma) / sigma
    return _from_blocks(slope.astype(np.float32), leak.shape)


def _slope(low: NDArray[np.float32], high: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the normal law's mean between two standard bounds: linear far out, where the law says nothing any more."""
    mass = ndtr(high) - ndtr(low)
    peak = (np.exp(-0.5 * low * low) - np.exp(-0.5 * high * high)) / np.sqrt(2 * np.pi)
    near = np.where(np.abs(low) < np.abs(high), low, high)
    far = mass < 1e-4
    slope = np.where(far, near, peak / np.where(far, 1.0, mass))
    return np.clip(slope, -_FAR, _FAR).astype(np.float32)


def _estimate_sigma(low: NDArray[np.float32], high: NDArray[np.float32]) -> Floats:
    """Return the likeliest spread of the model's error at each of the 64 frequencies, (8, 8)."""
    skip = max(1, len(low) // _BLOCKS)
    low, high = low[::skip], high[::skip]
    chance = [np.log(ndtr(high / s) - ndtr(low / s) + 1e-3).sum(axis=0) for s in _SIGMAS]
    return np.asarray(_SIGMAS[np.argmax(np.stack(chance), axis=0)], dtype=np.float32)


def _to_blocks(plane: Floats) -> NDArray[np.float32]:
    """Return the (blocks, 8, 8) cosine coefficients of a plane whose sides are padded to eights by repetition."""
    height, width = plane.shape
    padded = np.pad(plane, ((0, -height % 8), (0, -width % 8)), mode="edge")
    blocks = padded.reshape(padded.shape[0] // 8, 8, padded.shape[1] // 8, 8).swapaxes(1, 2).reshape(-1, 8, 8)
    return np.asarray(_COSINES @ blocks @ _COSINES.T, dtype=np.float32)


def _from_blocks(coefficients: NDArray[np.float32], shape: tuple[int, int]) -> Floats:
    """Return the plane of (blocks, 8, 8) coefficients."""
    rows, columns = -(-shape[0] // 8), -(-shape[1] // 8)
    blocks = (_COSINES.T @ coefficients @ _COSINES).reshape(rows, columns, 8, 8).swapaxes(1, 2)
    return np.asarray(blocks.reshape(rows * 8, columns * 8)[: shape[0], : shape[1]], dtype=np.float32)
