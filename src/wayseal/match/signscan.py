"""Which rows' sign bits are nearest to a query's: in C where the package was built with it, else in NumPy.

Both ways give the same rows and counts; a test compares them. Owns nothing but the loop: no file, no template.
"""

import ctypes
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Near = tuple[NDArray[np.int64], NDArray[np.uint16]]
Scan = Callable[[Words, Words, int, int, int], Near]
"""From (tables, rows) words, a query's words, begin, end and limit: the rows with fewer unequal bits, and their counts."""

LIBRARY = Path(__file__).with_name("_signscan.so")
STEP = 32768
"""Rows of a step in NumPy: its tables stay in the second-level cache."""


def scan_numpy(words: Words, query: Words, begin: int, end: int, limit: int) -> Near:
    """Return the near rows, in three NumPy passes a table over `STEP` rows at a time."""
    if end - begin > STEP:
        parts = [
            scan_numpy(words, query, start, min(start + STEP, end), limit)
            for start in range(begin, end, STEP)
        ]
        return np.concatenate([rows for rows, _ in parts]), np.concatenate([counts for _, counts in parts])
    unequal = np.zeros(end - begin, dtype=np.uint16)
    mixed = np.empty(end - begin, dtype=np.uint64)
    ones = np.empty(end - begin, dtype=np.uint8)
    for table, word in zip(words, query, strict=True):
        np.bitwise_xor(table[begin:end], word, out=mixed)
        np.bitwise_count(mixed, out=ones)
        np.add(unequal, ones, out=unequal)
    near = np.flatnonzero(unequal < limit)
    return near + begin, unequal[near]


def load_compiled(library: Path = LIBRARY) -> Scan | None:
    """Return the compiled scan, or None where the package was built without a compiler."""
    try:
        function = ctypes.CDLL(str(library)).scan_near
    except (OSError, AttributeError):
        return None
    place, size = ctypes.c_void_p, ctypes.c_size_t
    function.argtypes = [place, size, size, size, size, place, ctypes.c_uint16, place, place]
    function.restype = size

    def scan(words: Words, query: Words, begin: int, end: int, limit: int) -> Near:
        assert words.flags.c_contiguous and len(words) == len(query) and 0 <= begin <= end <= words.shape[1]  # noqa: S101, PT018
        near = np.empty(end - begin + 1, dtype=np.int64)
        counts = np.empty(end - begin + 1, dtype=np.uint16)
        found = function(
            words.ctypes.data, words.shape[1], len(words), begin, end, np.ascontiguousarray(query).ctypes.data,
            min(limit, 65535), near.ctypes.data, counts.ctypes.data,
        )  # fmt: skip
        return near[:found], counts[:found]

    return scan


scan_near: Scan = load_compiled() or scan_numpy
"""The faster one that is here."""
