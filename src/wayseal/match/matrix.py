"""Templates in memory: one float32 matrix, its rows' owners, and deletion that leaves nothing behind.

This is the matcher's working copy of a gallery. It must never be written anywhere: `match.gallery` keeps the sealed one.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wayseal.match.ahead import take_pages
from wayseal.model.errors import Invalid

Vectors = NDArray[np.float32]
Numbers = NDArray[np.int64]

_UNIT_TOLERANCE = 1e-3


def check_vectors(vectors: ArrayLike, dimension: int) -> Vectors:
    """Return vectors as a C-ordered (n, `dimension`) float32 array of unit length.

    One vector may be given flat. Raises `Invalid` for another size, a value that is no number, or a length that is not 1.
    """
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    rows = rows[None, :] if rows.ndim == 1 else rows
    if rows.ndim != 2 or rows.shape[1] != dimension:
        raise Invalid(f"a template of shape {rows.shape[1:]} where {dimension} numbers are expected")
    lengths = np.sqrt(np.vecdot(rows, rows))
    if not np.isfinite(lengths).all():
        raise Invalid("a template with a value that is not a number")
    if lengths.size and float(np.abs(lengths - 1).max()) > _UNIT_TOLERANCE:
        raise Invalid("a template that is not of unit length", hint="Divide the vector by its length first.")
    return rows


class TemplateMatrix:
    """Rows of templates with an owner number each; several rows may have one owner.

    `add` copies in, doubling the room as needed; `remove` moves last rows into the gaps and overwrites what it leaves.
    Owner numbers are small non-negative integers, chosen by the gallery. Not safe for a writer beside readers.
    """

    def __init__(self, dimension: int, *, room: int = 0) -> None:
        self.dimension = dimension
        self.size = 0
        self._rows = np.empty((room, dimension), dtype=np.float32)
        self._owners = np.empty(room, dtype=np.int64)
        self._most: int | None = 0

    @property
    def rows(self) -> Vectors:
        """The templates, (size, dimension), as a view: valid until the next change."""
        return self._rows[: self.size]

    @property
    def owners(self) -> Numbers:
        """The owner of each row, as a view: valid until the next change."""
        return self._owners[: self.size]

    @property
    def room(self) -> int:
        """How many rows fit before anything is moved."""
        return len(self._rows)

    @property
    def most_per_owner(self) -> int:
        """The largest number of rows that one owner has."""
        if self._most is None:
            self._most = int(np.bincount(self.owners).max()) if self.size else 0
        return self._most

    def add(self, owners: ArrayLike, vectors: ArrayLike) -> None:
        """Add rows, `owners[i]` owning `vectors[i]`; all or none. Raises `Invalid` as `check_vectors` does."""
        rows = check_vectors(vectors, self.dimension)
        numbers = np.atleast_1d(np.asarray(owners, dtype=np.int64))
        if numbers.shape != (len(rows),) or (numbers.size and int(numbers.min()) < 0):
            raise Invalid("each template needs one owner number, 0 or more")
        end = self.size + len(rows)
        if end > len(self._rows):
            self._grow(max(end, 2 * len(self._rows), 256))
        self._rows[self.size : end] = rows
        self._owners[self.size : end] = numbers
        self.size = end
        self._most = None

    def remove(self, owners: ArrayLike) -> list[tuple[int, int]]:
        """Drop owners' rows and return the moves made, as (from row, to row), for tables kept beside this one."""
        going = np.isin(self.owners, owners)
        gone = np.flatnonzero(going)
        left = self.size - len(gone)
        holes = gone[gone < left]
        movers = left + np.flatnonzero(~going[left:])
        self._rows[holes] = self._rows[movers]
        self._owners[holes] = self._owners[movers]
        self._rows[left : self.size] = 0
        self.size = left
        self._most = None
        return list(zip(movers.tolist(), holes.tolist(), strict=True))

    def reserve(self, room: int) -> None:
        """Make room for `room` rows in all, so that adding them moves nothing and waits for no memory."""
        if room > len(self._rows):
            self._grow(room)
            take_pages(self._rows)

    def _grow(self, room: int) -> None:
        """Make room for `room` rows; the old rows are overwritten before their memory is given back."""
        rows = np.empty((room, self.dimension), dtype=np.float32)
        owners = np.empty(room, dtype=np.int64)
        rows[: self.size] = self.rows
        owners[: self.size] = self.owners
        self._rows[:] = 0
        self._rows, self._owners = rows, owners
