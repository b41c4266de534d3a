"""Nearest templates: what an index answers, and the exact scan that is the default.

Exact means: every template was compared, at single precision. The scan reads the matrix once for one query at about
the memory's own speed, and does the work of a batch in cache-sized blocks (docs/explanation/search.md has the figures).
An index knows owner numbers, never travellers; deciding is `match.search`.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wayseal.match.matrix import Numbers, TemplateMatrix, Vectors, check_vectors

Floats = NDArray[np.float32]

_PEAK = 512  # scores whose highest stands for them while the best rows are looked for
_BATCH_ROWS = 4096  # a step of a batch: 2 MiB of 128 numbers
_BATCH_FROM = 5  # from this many queries on, one matrix product beats as many scans


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """The nearest owners of one query, best first, each once with its best score, and what was done to find them.

    `exact` says that no template could have been missed: all `scanned` ones were compared at full precision.
    """

    owners: Numbers
    scores: Floats
    scanned: int
    reranked: int
    exact: bool


class TemplateIndex(Protocol):
    """Finds the owners whose templates are nearest to a query."""

    matrix: TemplateMatrix

    def add(self, owners: ArrayLike, vectors: ArrayLike) -> None:
        """Add templates with their owners; all or none."""

    def remove(self, owners: ArrayLike) -> int:
        """Forget owners' templates and return how many there were. They are in no answer from now on."""

    def search(self, queries: ArrayLike, k: int) -> list[Hits]:
        """Return each query's `k` nearest owners. Raises `Invalid` for a query that is no unit vector."""


class ExactIndex:
    """Compares every template with every query. One thread a query; run queries side by side for more."""

    def __init__(self, dimension: int, *, room: int = 0) -> None:
        self.matrix = TemplateMatrix(dimension, room=room)

    def add(self, owners: ArrayLike, vectors: ArrayLike) -> None:
        """Add templates with their owners; all or none."""
        self.matrix.add(owners, vectors)

    def remove(self, owners: ArrayLike) -> int:
        """Forget owners' templates and return how many there were."""
        before = self.matrix.size
        self.matrix.remove(owners)
        return before - self.matrix.size

    def search(self, queries: ArrayLike, k: int) -> list[Hits]:
        """Return each query's `k` nearest owners, exactly."""
        probes = check_vectors(queries, self.matrix.dimension)
        wanted = k * max(1, self.matrix.most_per_owner)
        if len(probes) < _BATCH_FROM:
            found = [scan_rows(self.matrix.rows, probe, wanted) for probe in probes]
        else:
            found = scan_batch(self.matrix.rows, probes, wanted)
        size = self.matrix.size
        return [
            merge_owners(self.matrix.owners[rows], scores, k, scanned=size, reranked=0, exact=True)
            for rows, scores in found
        ]


class _Best:
    """The best rows of one query so far. `floor` is the score that a row must exceed to matter."""

    def __init__(self, wanted: int) -> None:
        self.floor = -np.inf
        self._wanted = wanted
        self._rows: list[Numbers] = [np.empty(0, dtype=np.int64)]
        self._scores: list[Floats] = [np.empty(0, dtype=np.float32)]
        self._held = 0

    def offer(self, start: int, scores: Floats) -> None:
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
            keep = _keep_best(scores, self._wanted)
            rows, scores = rows[keep], scores[keep]
            self.floor = float(scores.min())
        self._rows, self._scores, self._held = [rows], [scores], len(rows)

    def finish(self) -> tuple[Numbers, Floats]:
        """Return (rows, scores) of the best, in no order."""
        self._shrink()
        return self._rows[0], self._scores[0]


def scan_rows(rows: Vectors, probe: Floats, wanted: int) -> tuple[Numbers, Floats]:
    """Return the `wanted` best (rows, scores) for one query, in no order, reading the matrix once on this thread."""
    scores = np.vecdot(rows, probe)
    whole = len(scores) // _PEAK
    if whole < 4 * wanted:
        keep = _keep_best(scores, wanted)
        return keep, scores[keep]
    # The wanted-th highest peak is a floor that at least as many scores reach, so only few have to be sorted out.
    peaks = scores[: whole * _PEAK].reshape(whole, _PEAK).max(axis=1)
    floor = np.partition(peaks, whole - wanted)[whole - wanted]
    high = np.flatnonzero(peaks >= floor)[:, None] * _PEAK + np.arange(_PEAK)
    near = np.concatenate([high.ravel(), np.arange(whole * _PEAK, len(scores))])
    near = near[scores[near] >= floor]
    keep = near[_keep_best(scores[near], wanted)]
    return keep, scores[keep]


def scan_batch(rows: Vectors, probes: Vectors, wanted: int) -> list[tuple[Numbers, Floats]]:
    """Return the `wanted` best (rows, scores) for each query, in no order, reading the matrix once for all of them."""
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


def _keep_best(scores: Floats, wanted: int) -> Numbers:
    """Return the places of the `wanted` highest scores, all when there are fewer, in no order."""
    if len(scores) <= wanted:
        return np.arange(len(scores))
    return np.argpartition(scores, len(scores) - wanted)[-wanted:]


def merge_owners(
    owners: Numbers, scores: Floats, k: int, *, scanned: int, reranked: int, exact: bool
) -> Hits:
    """Return rows as hits: each owner once with its best score, best first, equal scores by owner number."""
    order = np.lexsort((owners, -scores))
    _, first = np.unique(owners[order], return_index=True)
    keep = order[np.sort(first)][:k]
    return Hits(owners[keep], scores[keep].astype(np.float32), scanned, reranked, exact)
