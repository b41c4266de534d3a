"""Which number each traveller has: a table that takes in tens of thousands of ids in a few passes of NumPy.

A dictionary of a million ids takes longer to fill than the templates take to read (measured). Here the ids' own hashes lie
in one open-addressed array. Ids are personal data: they are in memory alone, and in no error.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from wayseal.model.errors import Invalid

Numbers = NDArray[np.int64]

_FREE, _GONE = -1, -2
_FEW = 64  # up to this many ids, plain Python is faster


class NameTable:
    """Ids in order of their numbers, 0 onwards. Two ids never share a number, and a number is never given twice."""

    def __init__(self) -> None:
        self._names: list[str | None] = []
        self._hashes: Numbers = np.empty(0, dtype=np.int64)  # by number; room for more
        self._slots = np.full(256, _FREE, dtype=np.int32)  # number, free or gone
        self._used = 0  # slots that are not free

    def __len__(self) -> int:
        """How many numbers were given or passed over."""
        return len(self._names)

    def __iter__(self) -> Iterator[str]:
        """Yield the ids that are there, by number."""
        return (name for name in self._names if name is not None)

    def name_of(self, number: int) -> str:
        """Return the id with a number. Raises `Invalid` when it was forgotten."""
        name = self._names[number]
        if name is None:
            raise Invalid("an owner number of a forgotten traveller")
        return name

    def find(self, name: str) -> int | None:
        """Return an id's number, or None when it is not there."""
        slot = self._look(name, hash(name))
        return int(self._slots[slot]) if self._slots[slot] >= 0 else None

    def forget(self, name: str) -> int | None:
        """Forget an id and return the number it had, which nobody gets again; None when it is not there."""
        slot = self._look(name, hash(name))
        number = int(self._slots[slot])
        if number < 0:
            return None
        self._slots[slot] = _GONE
        self._names[number] = None
        return number

    def add(self, names: Sequence[str]) -> Numbers:
        """Return the numbers of ids, giving the next ones to new ids, one place in the order for each id passed.

        The number of the i-th id, when new, is the length before plus i; where it was known that number stays nobody's.
        """
        first, count = len(self._names), len(names)
        hashes = np.fromiter(map(hash, names), dtype=np.int64, count=count)
        self.reserve(first + count)
        self._hashes[first : first + count] = hashes
        self._names.extend(names)
        numbers = np.arange(first, first + count)
        alike = range(count) if count <= _FEW else self._claim(numbers, hashes)
        for place in sorted(alike):
            slot = self._look(names[place], int(hashes[place]))
            holder = int(self._slots[slot])
            if holder < 0:
                self._slots[slot] = first + place
                self._used += 1
            elif holder != first + place:
                numbers[place] = holder
                self._names[first + place] = None
        return numbers

    def _claim(self, numbers: Numbers, hashes: Numbers) -> list[int]:
        """Give each id a free slot, all at once, and return the places of those whose hash another holds already."""
        waiting = np.arange(len(numbers))
        slots = self._first_slot(hashes)
        alike: list[int] = []
        while waiting.size:
            holder = self._slots[slots]
            free = holder == _FREE
            self._slots[slots[free][::-1]] = numbers[waiting[free]][
                ::-1
            ]  # of several on one slot the first stays
            holder = self._slots[slots]
            mine = holder == numbers[waiting]
            self._used += int(mine.sum())
            same = (holder >= 0) & ~mine & (self._hashes[np.maximum(holder, 0)] == hashes[waiting])
            alike += waiting[same].tolist()
            rest = ~mine & ~same
            waiting, slots = waiting[rest], (slots[rest] + 1) & (len(self._slots) - 1)
        return alike

    def _look(self, name: str, value: int) -> int:
        """Return the slot where an id is, or the free one where it would go."""
        slot = int(self._first_slot(np.int64(value)))
        while (number := int(self._slots[slot])) != _FREE:
            if number >= 0 and self._hashes[number] == value and self._names[number] == name:
                return slot
            slot = (slot + 1) & (len(self._slots) - 1)
        return slot

    def _first_slot(self, hashes: Numbers | np.int64) -> Numbers:
        """Return where to begin to look for hashes."""
        return np.asarray(hashes & (len(self._slots) - 1))

    def reserve(self, size: int) -> None:
        """Make room for `size` numbers in all, with at most half of the slots used."""
        if size > len(self._hashes):
            more = np.empty(max(size, 2 * len(self._hashes), 256), dtype=np.int64)
            more[: len(self._names)] = self._hashes[: len(self._names)]
            self._hashes = more
        if 2 * (self._used + size - len(self._names)) > len(self._slots):
            live = np.flatnonzero([name is not None for name in self._names])
            room = 1 << (2 * (len(live) + size - len(self._names))).bit_length()
            self._slots, self._used = np.full(room, _FREE, dtype=np.int32), 0
            self._place(live)

    def _place(self, numbers: Numbers) -> None:
        """Give slots to ids of which no two are equal."""
        for place in self._claim(
            numbers, self._hashes[numbers]
        ):  # equal hashes of different ids: next to never
            number = int(numbers[place])
            name = self._names[number]
            assert name is not None  # noqa: S101 - for the type checker
            self._slots[self._look(name, int(self._hashes[number]))] = number
            self._used += 1
