"""Nearest templates: what an index answers, and the exact scan that is the default.

Exact means: every template was compared, at single precision. The scan (`match.dotscan`) reads the matrix once, for one
query or for many, at about the memory's own speed (docs/explanation/search.md has the figures).
An index knows owner numbers, never travellers; deciding is `match.search`.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wayseal.match.dotscan import scan_best
from wayseal.match.matrix import Numbers, TemplateMatrix, check_vectors

Floats = NDArray[np.float32]


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
        found = scan_best(self.matrix.rows, probes, wanted)
        size = self.matrix.size
        return [
            merge_owners(self.matrix.owners[rows], scores, k, scanned=size, reranked=0, exact=True)
            for rows, scores in found
        ]


def merge_owners(
    owners: Numbers, scores: Floats, k: int, *, scanned: int, reranked: int, exact: bool
) -> Hits:
    """Return rows as hits: each owner once with its best score, best first, equal scores by owner number."""
    order = np.lexsort((owners, -scores))
    _, first = np.unique(owners[order], return_index=True)
    keep = order[np.sort(first)][:k]
    return Hits(owners[keep], scores[keep].astype(np.float32), scanned, reranked, exact)
