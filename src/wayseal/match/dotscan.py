"""The best rows of a matrix for each query: in C where the package was built with it, else in NumPy.

Both ways compare every row at single precision and give the same rows but for ties and for the last bit of a score; tests
compare them. Owns nothing but the loop: no file, no owner, no traveller.
"""

import ctypes
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
Best = tuple[NDArray[np.int64], NDArray[np.float32]]
Scan = Callable[[Rows, Rows, int], list[Best]]
"""From (n, dimension) rows, (m, dimension) queries and a number: that many best (rows, scores) a query, in no order."""

LIBRARY = Path(__file__).with_name("_dotscan.so")
_PEAK = 512  # scores whose highest stands for them while the best rows are looked for
_BATCH_ROWS = 4096  # a step of a batch: 2 MiB of 128 numbers
_BATCH_FROM = 5  # from this many queries on, one matrix product beats as many scans in NumPy
_TILE_FROM = 3  # and a tile of queries beats as many scans in C


def scan_numpy(rows: Rows, probes: Rows, wanted: int) -> list[Best]:
    """Return the best rows, reading the matrix once for each query or, from five queries on, once for all of them."""
    if min(wanted, len(rows)) < 1:
        return _nothing(probes)
    if len(probes) < _BATCH_FROM:
        return [_scan_one(rows, probe, wanted) for probe in probes]
    return _scan_batch(rows, probes, wanted)


def load_compiled(library: Path = LIBRARY, *, width: int | None = None) -> Scan | None:
    """Return the compiled scan, or None where the package was built without a compiler.

    `width`, for tests, takes narrower vectors than this processor's; None too where they would be wider.
    """
    try:
        kernel = ctypes.CDLL(str(library))
        function, widest = kernel.scan_best, int(kernel.dot_width())
    except (OSError, AttributeError):
        return None
    if width is not None and width > widest:
        return None
    place, size = ctypes.c_void_p, ctypes.c_size_t
    function.argtypes = [size, size, place, size, size, place, size, size, place, place, place]
    function.restype = None
    lanes = width or widest

    def scan(rows: Rows, probes: Rows, wanted: int) -> list[Best]:
        assert rows.flags.c_contiguous and rows.dtype == np.float32 and rows.shape[1:] == probes.shape[1:]  # noqa: S101, PT018
        kept = min(wanted, len(rows))
        if kept < 1 or not len(probes):
            return _nothing(probes)
        tile = 1 if len(probes) < _TILE_FROM else lanes if len(probes) <= lanes else 2 * lanes
        tiles = -(-len(probes) // tile)
        floors = np.full(tiles * tile, np.inf, dtype=np.float32)
        floors[: len(probes)] = -np.inf
        scores = np.full((len(floors), kept), -np.inf, dtype=np.float32)
        found = np.zeros((len(floors), kept), dtype=np.int64)
        queries = np.zeros((len(floors), rows.shape[1]), dtype=np.float32)
        queries[: len(probes)] = probes
        queries = np.ascontiguousarray(queries.reshape(tiles, tile, -1).transpose(0, 2, 1))
        function(
            lanes, tile, rows.ctypes.data, len(rows), rows.shape[1], queries.ctypes.data, tiles, kept,
            floors.ctypes.data, scores.ctypes.data, found.ctypes.data,
        )  # fmt: skip
        return list(zip(found[: len(probes)], scores[: len(probes)], strict=True))

    return scan


def _nothing(probes: Rows) -> list[Best]:
    """Return no rows for each query."""
    return [(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)) for _ in probes]


class _Best:
    """The best rows of one query so far. `floor` is the score that a row must exceed to matter."""

    def __init__(self, wanted: int) -> None:
        self.floor = -np.inf
        self._wanted = wanted
        self._rows = [np.empty(0, dtype=np.int64)]
        self._scores = [np.empty(0, dtype=np.float32)]
        self._held = 0

    def offer(self, start: int, scores: NDArray[np.float32]) -> None:
        """Take in the scores of rows `start` onwards."""
        if scores.size == 0 or scores.max() <= self.floor:
            return
        better = np.flatnonzero(scores > self.floor)
        self._rows.append(better + start)
        self._scores.append(scores[better])
        self._held += len(better)
        if self._held > 4 * self._wanted or (self.floor == -np.inf and self._held > self._wanted):
            self._shrink()

    def _shrink(self) -> None:
        """Keep the best rows only, and raise the floor to the worst of them."""
        rows, scores = np.concatenate(self._rows), np.concatenate(self._scores)
        if len(rows) > self._wanted:
            keep = keep_best(scores, self._wanted)
            rows, scores = rows[keep], scores[keep]
            self.floor = float(scores.min())
        self._rows, self._scores, self._held = [rows], [scores], len(rows)

    def finish(self) -> Best:
        """Return (rows, scores) of the best, in no order."""
        self._shrink()
        return self._rows[0], self._scores[0]


def _scan_one(rows: Rows, probe: NDArray[np.float32], wanted: int) -> Best:
    """Return the best of one query."""
    scores = np.vecdot(rows, probe)
    whole = len(scores) // _PEAK
    if whole < 4 * wanted:
        keep = keep_best(scores, wanted)
        return keep, scores[keep]
    # The wanted-th highest peak is a floor that at least as many scores reach, so only few have to be sorted out.
    peaks = scores[: whole * _PEAK].reshape(whole, _PEAK).max(axis=1)
    floor = np.partition(peaks, whole - wanted)[whole - wanted]
    high = np.flatnonzero(peaks >= floor)[:, None] * _PEAK + np.arange(_PEAK)
    near = np.concatenate([high.ravel(), np.arange(whole * _PEAK, len(scores))])
    near = near[scores[near] >= floor]
    keep = near[keep_best(scores[near], wanted)]
    return keep, scores[keep]


def _scan_batch(rows: Rows, probes: Rows, wanted: int) -> list[Best]:
    """Return the best of each of many queries, block by block."""
    best = [_Best(wanted) for _ in probes]
    floors = np.full(len(probes), -np.inf, dtype=np.float32)
    buffer = np.empty((len(probes), _BATCH_ROWS), dtype=np.float32)
    for start in range(0, len(rows), _BATCH_ROWS):
        block = rows[start : start + _BATCH_ROWS]
        scores = buffer[:, : len(block)] if len(block) < _BATCH_ROWS else buffer
        np.matmul(probes, block.T, out=scores)
        highest = scores.max(axis=1)
        for which in np.flatnonzero(highest > floors):
            best[which].offer(start, scores[which])
            floors[which] = best[which].floor
    return [one.finish() for one in best]


def keep_best(scores: NDArray[np.float32], wanted: int) -> NDArray[np.int64]:
    """Return the places of the `wanted` highest scores, all when there are fewer, in no order."""
    if len(scores) <= wanted:
        return np.arange(len(scores))
    return np.argpartition(scores, len(scores) - wanted)[-wanted:]


scan_best: Scan = load_compiled() or scan_numpy
"""The faster one that is here."""
