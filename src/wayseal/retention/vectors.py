"""Find face templates in a run of bytes: L2-normalised float32 vectors of 128 or 512 numbers, at any alignment.

Owns the arithmetic only. Sealed (random) bytes cannot look like one: 60 of 64 neighbouring numbers would have to be of
ordinary size, which random bits are one time in nine.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

DIMENSIONS = (128, 512)
_BLOCK = 64  # numbers looked at together: a vector of 128 always covers one whole block
_TOLERANCE = 4e-6
"""How far a stored unit vector's squared length may be from one: single-precision rounding over 512 terms."""
_ALONE = 4096
"""In longer stretches of ordinary numbers (a model's weights) one window in thousands has length one by chance; there
only neighbours that both have it count."""


def find_vectors(chunk: bytes, *, limit: int = 64) -> list[int]:
    """Return offsets of unit vectors in a chunk, ascending, at most `limit`; of a stored matrix each row is one."""
    found: list[int] = []
    for first, last in _find_runs(chunk):
        found += _find_units(chunk, first, last, limit - len(found))
        if len(found) >= limit:
            break
    return sorted(found)


def _find_runs(chunk: bytes) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of stretches whose numbers at one alignment are all of ordinary size."""
    bytes_ = np.frombuffer(chunk, np.uint8)
    size = 4 * _BLOCK
    blocks = bytes_[: len(bytes_) // size * size].reshape(-1, _BLOCK, 4)
    sampled = _is_ordinary(blocks[:, ::8, :]).sum(axis=1, dtype=np.uint8)
    for lane in range(4):
        likely = np.flatnonzero(sampled[:, lane] >= 7)
        if likely.size == 0:
            continue
        full = _is_ordinary(blocks[likely, :, lane]).sum(axis=1, dtype=np.uint8)
        likely = likely[full >= _BLOCK - 4]
        for run in np.split(likely, np.flatnonzero(np.diff(likely) > 1) + 1):
            if run.size:
                yield _widen(bytes_, int(run[0]) * size, (int(run[-1]) + 1) * size, lane)


def _is_ordinary(top: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Say of each top byte of a little-endian float32 whether the number is between 1e-8 and 2 in size."""
    return ((top & np.uint8(0x7F)) - np.uint8(0x32)) < 14


def _widen(bytes_: NDArray[np.uint8], first: int, last: int, lane: int) -> tuple[int, int]:
    """Return the bounds of a run in whole numbers of its alignment, with room for the vector's ends on both sides."""
    reach = 4 * 512
    shift = (lane + 1) % 4
    start = max(0, first - reach)
    start += (shift - start) % 4
    return start, min(len(bytes_), last + reach)


def _find_units(chunk: bytes, first: int, last: int, limit: int) -> list[int]:
    """Return offsets between two bounds where a vector of length one starts."""
    count = (last - first) // 4
    with np.errstate(invalid="ignore"):  # arbitrary bytes hold signalling NaNs
        numbers = np.abs(np.frombuffer(chunk, "<f4", count, first).astype(np.float64))
        usable = numbers < 1
    squares = np.where(usable, numbers, 0.0) ** 2
    lengths_to = np.concatenate(([0.0], np.cumsum(squares)))
    strange_to = np.concatenate(([0], np.cumsum(~usable)))
    found: list[int] = []
    for size in sorted(DIMENSIONS, reverse=True):
        if count < size:
            continue
        clean = strange_to[size:] == strange_to[:-size]
        error = np.where(clean, np.abs(lengths_to[size:] - lengths_to[:-size] - 1.0), 1.0)
        for index in _find_minima(error, size):
            spread = squares[index : index + size]
            alone = count <= _ALONE or _has_neighbour(error, index, size)
            if len(found) < limit and alone and spread.max() < 0.5 and np.count_nonzero(spread) > size // 2:
                found.append(first + 4 * index)
    return found


def _find_minima(error: NDArray[np.float64], size: int) -> Iterator[int]:
    """Yield the best start of each group of neighbouring starts whose length is one within the tolerance."""
    near = np.flatnonzero(error < _TOLERANCE)
    for group in np.split(near, np.flatnonzero(np.diff(near) > size // 4) + 1):
        if group.size:
            yield int(group[np.argmin(error[group])])


def _has_neighbour(error: NDArray[np.float64], index: int, size: int) -> bool:
    """Say whether the vector right before or right after is a unit vector as well, as in a matrix of templates."""
    around = [place for place in (index - size, index + size) if 0 <= place < len(error)]
    return any(error[place] < _TOLERANCE for place in around)
