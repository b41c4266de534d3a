"""One plate from many readings: a vote, position by position.

Agreement outranks confidence: a character that two readings share beats one that a single reading is surer of. The
result does not depend on the order in which readings came.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wayseal.vision.plate.confusion import GAP_COST, Confusion, load_confusion
from wayseal.vision.plate.recognise import ALPHABET

_GROUPS = ("0ODQ", "1I", "2Z", "5S", "6G", "8B")
_ALIKE = [[ALPHABET.index(one) for one in group] for group in (*_GROUPS, *ALPHABET)]
_SHORTEST = 4
_SURE = 0.9
_DOUBTFUL = 0.55
"""Of 286 ends of numbers read right in lane frames one was below this, on a plate blurred throughout."""


class Ballot(Protocol):
    """One reading as the vote sees it: its text, and (len(text), 36) probabilities over A-Z, 0-9."""

    @property
    def text(self) -> str:
        """The characters read."""

    @property
    def spread(self) -> NDArray[np.float64]:
        """Each position's probabilities."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the readings say together. `reads` is how many of them are exactly `text`; `votes` how many were cast.

    `characters` is each position's probability: the mean over the readings that speak for the position. `number` is the
    part of `text` that is the plate's number: all of it, unless a sign at an end was never read surely.
    """

    text: str = field(repr=False)
    reads: int
    votes: int
    characters: tuple[float, ...]
    number: slice


@dataclass(slots=True)
class PlateVote:
    """Collects readings of one plate and says what they amount to."""

    confusion: Confusion = field(default_factory=load_confusion, repr=False)
    _ballots: list[Ballot] = field(default_factory=list, repr=False)

    def add(self, ballot: Ballot) -> None:
        """Take one reading. An empty one casts no vote."""
        if ballot.text:
            self._ballots.append(ballot)

    def __len__(self) -> int:
        return len(self._ballots)

    def result(self) -> Verdict | None:
        """Return the vote's outcome, or None when nothing was read.

        The length is the one that most readings have (then the surest, then the longest). Readings of other lengths are
        aligned to it and vote where they align. Each position takes the character with the most votes, then the most
        probability, then the first of A-Z, 0-9.
        """
        if not self._ballots:
            return None
        reference = _pick_reference(self._ballots)
        counts = np.zeros((len(reference.text), len(ALPHABET)))
        belief = np.zeros_like(counts)
        voters = np.zeros(len(reference.text))
        for ballot in sorted(self._ballots, key=_fixed_order):
            for place, mine in align_texts(reference.text, ballot.text, self.confusion):
                counts[place, ALPHABET.index(ballot.text[mine])] += 1
                belief[place] += ballot.spread[mine]
                voters[place] += 1
        winners = np.argmax(counts + belief.round(9) / (len(self._ballots) + 1), axis=1)
        text = "".join(ALPHABET[winner] for winner in winners)
        chances = belief[np.arange(len(winners)), winners] / voters
        reads = sum(ballot.text == text for ballot in self._ballots)
        number = find_number(belief / np.maximum(voters, 1)[:, None], len(self._ballots))
        return Verdict(text, reads, len(self._ballots), tuple(float(chance) for chance in chances), number)


def find_number(belief: NDArray[np.float64], votes: int) -> slice:
    """Return which positions are the number, from each position's mean probabilities over several readings, (length, 36).

    An emblem or a stack of small letters beside the number is read as one character or another: whatever wins there is
    less likely than not, look-alikes taken together, while the number's own characters are sure. A character that is
    merely blurred stands among others that are blurred too, and stays.
    """
    length = len(belief)
    sure = np.array([max(float(row[alike].sum()) for alike in _ALIKE) for row in belief])
    if votes < 2 or length < _SHORTEST or float(np.median(sure[1:-1])) < _SURE:
        return slice(0, length)
    return slice(int(sure[0] < _DOUBTFUL), length - int(sure[-1] < _DOUBTFUL))


def _surety(ballot: Ballot) -> float:
    """Return a reading's mean probability a character."""
    return float(np.mean(ballot.spread.max(axis=1)))


def _fixed_order(ballot: Ballot) -> tuple[str, float]:
    """Return a key that puts readings in one order, however they came."""
    return ballot.text, _surety(ballot)


def _pick_reference(ballots: Sequence[Ballot]) -> Ballot:
    """Return the reading that the others are aligned to: of the commonest length, the commonest text, then the surest."""
    lengths: Counter[int] = Counter(len(ballot.text) for ballot in ballots)
    texts: Counter[str] = Counter(ballot.text for ballot in ballots)
    best: dict[int, float] = {}
    for ballot in ballots:
        size = len(ballot.text)
        best[size] = max(best.get(size, 0.0), round(_surety(ballot), 9))
    return max(
        ballots,
        key=lambda one: (
            lengths[len(one.text)], best[len(one.text)], len(one.text), texts[one.text], _surety(one), one.text,
        ),
    )  # fmt: skip


def align_texts(one: str, other: str, confusion: Confusion) -> list[tuple[int, int]]:
    """Return which position of `one` answers to which of `other`: the cheapest alignment under the confusions.

    Equal lengths align place by place: cameras shift less often than characters are confused. For the same reason two
    characters that are nothing alike still answer to one another rather than both being left out.
    """
    if len(one) == len(other):
        return [(place, place) for place in range(len(one))]

    def swap(row: int, column: int) -> float:
        return min(confusion.cost(one[row - 1], other[column - 1]), 1.9 * GAP_COST)

    costs = np.zeros((len(one) + 1, len(other) + 1))
    costs[:, 0] = GAP_COST * np.arange(len(one) + 1)
    costs[0, :] = GAP_COST * np.arange(len(other) + 1)
    for row in range(1, len(one) + 1):
        for column in range(1, len(other) + 1):
            both = costs[row - 1, column - 1] + swap(row, column)
            costs[row, column] = min(
                both, costs[row - 1, column] + GAP_COST, costs[row, column - 1] + GAP_COST
            )
    pairs = []
    row, column = len(one), len(other)
    while row and column:
        here = costs[row, column]
        if here == costs[row - 1, column - 1] + swap(row, column):
            row, column = row - 1, column - 1
            pairs.append((row, column))
        elif here == costs[row - 1, column] + GAP_COST:
            row -= 1
        else:
            column -= 1
    return pairs[::-1]
