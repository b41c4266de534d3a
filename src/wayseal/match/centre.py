"""The mean face without the two who are compared: how strangers' scores are counted for people whom a calibration never saw.

Pure arithmetic over templates in memory. `match.calibrate` keeps the mean of everybody; this one serves the fit alone.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Places = NDArray[np.intp]

_ROWS = 1024  # probes that are compared at once: memory, not speed


@dataclass(frozen=True, slots=True, eq=False)
class Centre:
    """The sums of a gallery's templates, from which the mean of all but any two people follows.

    A calibration's people are in its mean face, those it will be used on are not. A mean that holds the two who are compared, taken
    away from both, lowers their score: among n people by 1 / n, where the mean of n others raises that of strangers to it by as much.
    `by_person` has a row of zeros more, so that the place -1 stands for somebody who is not in the gallery.
    """

    total: Vectors = field(repr=False)
    by_person: Vectors = field(repr=False)
    counts: Vectors = field(repr=False)

    @classmethod
    def of(cls, vectors: Vectors, member: Places) -> "Centre":
        """Return the sums of templates (n, d), where `member[i]` says whose the i-th one is, counted from 0."""
        by_person = np.zeros((int(member.max()) + 2, vectors.shape[1]), dtype=np.float32)
        np.add.at(by_person, member, vectors)
        counts = np.bincount(member, minlength=len(by_person)).astype(np.float32)
        return cls(vectors.sum(axis=0), by_person, counts)

    def compare(self, probes: Vectors, own: Places, others: Vectors, whose: Places) -> Vectors:
        """Return the cosines of probes (rows, of the people `own`) with templates (columns, of `whose`), each pair without its mean.

        Meaningless where both are of one person. Lengths are made 1 again after the mean is gone.
        """
        parts = range(0, len(probes), _ROWS)
        rows = [
            self._compare_few(probes[part : part + _ROWS], own[part : part + _ROWS], others, whose)
            for part in parts
        ]
        return np.concatenate(rows)

    def _compare_few(self, probes: Vectors, own: Places, others: Vectors, whose: Places) -> Vectors:
        """Return `compare` of so many probes that the table of scores fits into memory several times."""
        mine, theirs = self.by_person[own], self.by_person[whose]
        rest = self.counts.sum() - self.counts[own][:, None] - self.counts[whose][None, :]
        left = (
            self.total - mine
        )  # the sums are this less `theirs`; dot products of all of it, without forming it for each pair
        with_probe = ((probes * left).sum(axis=1)[:, None] - probes @ theirs.T) / rest
        with_other = (others @ self.total - (others * theirs).sum(axis=1))[None, :] - mine @ others.T
        with_other /= rest
        square = (left**2).sum(axis=1)[:, None] + (theirs**2).sum(axis=1)[None, :] - 2 * left @ theirs.T
        square /= rest**2
        lengths = (1 - 2 * with_probe + square) * (1 - 2 * with_other + square)
        raw = probes @ others.T - with_probe - with_other + square
        return np.asarray(raw / np.sqrt(np.maximum(lengths, 1e-12)), dtype=np.float32)
