"""For large galleries: a scan of sign bits, then exact re-ranking of the nearest 2,000.

Each template is turned by fixed random rotations and kept as one bit a coordinate. Counting unequal bits reads a small
part of what the exact scan reads; the rows with the fewest are then compared exactly. A mate can be missed, so answers
say `exact=False` unless every row was re-ranked. Deleting is deleting: there is no graph that remembers.
Source for the idea: M. Charikar, "Similarity estimation techniques from rounding algorithms", STOC 2002.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wayseal.match.dotscan import keep_best
from wayseal.match.index import Floats, Hits, merge_owners
from wayseal.match.matrix import Numbers, TemplateMatrix, Vectors, check_vectors
from wayseal.match.signscan import Words, scan_near
from wayseal.model.errors import Invalid

_BLOCK = 16384  # rows a step: each table of a step stays in the second-level cache
_SEED = 20261122  # of the rotations; another seed gives other bits, and equally good ones


def rotate_signs(dimension: int, bits: int) -> Floats:
    """Return the (dimension, bits) directions whose signs are kept: random rotations side by side.

    Orthogonal directions say more together than independent ones do. `bits` must be a multiple of 64.
    """
    if bits <= 0 or bits % 64:
        raise Invalid(f"{bits} sign bits", hint="Take a multiple of 64.")
    draw = np.random.default_rng(_SEED)
    turns = -(-bits // dimension)
    parts = [np.linalg.qr(draw.standard_normal((dimension, dimension)))[0] for _ in range(turns)]
    return np.ascontiguousarray(np.concatenate(parts, axis=1)[:, :bits], dtype=np.float32)


class SignBitIndex:
    """Scans `bits` sign bits a template and compares the `rerank` nearest exactly.

    `bits` defaults to 512 whatever the dimension: 128 numbers need more bits than they have signs (measured).
    """

    def __init__(self, dimension: int, *, bits: int = 512, rerank: int = 2000, room: int = 0) -> None:
        self.matrix = TemplateMatrix(dimension, room=room)
        self.rerank = rerank
        self._directions = rotate_signs(dimension, bits)
        self._words = np.empty((bits // 64, room), dtype=np.uint64)

    def add(self, owners: ArrayLike, vectors: ArrayLike) -> None:
        """Add templates with their owners; all or none."""
        start = self.matrix.size
        self.matrix.add(owners, vectors)
        if self.matrix.size > self._words.shape[1]:
            words = np.empty((len(self._words), max(self.matrix.size, 2 * start, 256)), dtype=np.uint64)
            words[:, :start] = self._words[:, :start]
            self._words = words
        for begin in range(start, self.matrix.size, _BLOCK):
            end = min(begin + _BLOCK, self.matrix.size)
            self._words[:, begin:end] = self._pack(self.matrix.rows[begin:end])

    def remove(self, owners: ArrayLike) -> int:
        """Forget owners' templates and bits, and return how many there were."""
        before = self.matrix.size
        for source, target in self.matrix.remove(owners):
            self._words[:, target] = self._words[:, source]
        self._words[:, self.matrix.size : before] = 0
        return before - self.matrix.size

    def search(self, queries: ArrayLike, k: int) -> list[Hits]:
        """Return each query's `k` nearest owners among the rows whose bits are nearest."""
        probes = check_vectors(queries, self.matrix.dimension)
        wanted = max(self.rerank, k * max(1, self.matrix.most_per_owner))
        return [self._search_one(probe, k, wanted) for probe in probes]

    def _search_one(self, probe: Floats, k: int, wanted: int) -> Hits:
        """Return one query's hits."""
        rows = self._scan(self._pack(probe[None, :])[:, 0], wanted)
        scores = np.vecdot(self.matrix.rows[rows], probe)
        size, compared = self.matrix.size, len(rows)
        best = k * max(1, self.matrix.most_per_owner)  # among so many rows are the k best owners
        keep = keep_best(scores, best)
        owners = self.matrix.owners[rows[keep]]
        return merge_owners(owners, scores[keep], k, scanned=size, reranked=compared, exact=compared == size)

    def _scan(self, words: Words, wanted: int) -> Numbers:
        """Return the `wanted` rows (all, when there are fewer) with the fewest unequal bits."""
        limit = 64 * len(words) + 1
        rows: list[Numbers] = []
        counts: list[NDArray[np.uint16]] = []
        held = 0
        start, end = 0, min(2 * wanted, self.matrix.size)
        while start < end:
            near, tally = scan_near(self._words, words, start, end, limit)
            start, end = (
                end,
                min(2 * end, self.matrix.size),
            )  # twice as many rows hold about as many that are nearer
            rows.append(near)
            counts.append(tally)
            held += len(near)
            if held > 2 * wanted:
                pool, tally = _keep_fewest(np.concatenate(rows), np.concatenate(counts), wanted)
                limit = int(tally.max())
                rows, counts, held = [pool], [tally], wanted
        if not rows:
            return np.empty(0, dtype=np.int64)
        return _keep_fewest(np.concatenate(rows), np.concatenate(counts), wanted)[0]

    def _pack(self, rows: Vectors) -> Words:
        """Return the sign bits of rows as (words, rows)."""
        signs = np.packbits(rows @ self._directions > 0, axis=1)
        return np.ascontiguousarray(signs.view(np.uint64).T)


def _keep_fewest(
    rows: Numbers, counts: NDArray[np.uint16], wanted: int
) -> tuple[Numbers, NDArray[np.uint16]]:
    """Return the `wanted` rows with the lowest counts, and their counts."""
    if len(rows) <= wanted:
        return rows, counts
    keep = np.argpartition(counts, wanted)[:wanted]
    return rows[keep], counts[keep]
