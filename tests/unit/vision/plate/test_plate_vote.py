"""The vote over readings: agreement, order, alignment."""

from dataclasses import dataclass, field

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from wayseal.vision.plate.confusion import load_confusion
from wayseal.vision.plate.recognise import ALPHABET
from wayseal.vision.plate.vote import PlateVote, align_texts


@dataclass(frozen=True)
class Read:
    """A reading with one surety for all its positions."""

    text: str
    surety: float = 0.9
    spread: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        rest = (1 - self.surety) / (len(ALPHABET) - 1)
        spread = np.full((len(self.text), len(ALPHABET)), rest)
        for place, character in enumerate(self.text):
            spread[place, ALPHABET.index(character)] = self.surety
        object.__setattr__(self, "spread", spread)


plates = st.text(ALPHABET, min_size=1, max_size=8)
reads = st.lists(st.tuples(plates, st.sampled_from([0.3, 0.5, 0.7, 0.9, 0.99])), min_size=1, max_size=7)


@given(reads, st.randoms())
def test_vote_any_order(given_reads: list[tuple[str, float]], random: object) -> None:
    """The order in which readings come never changes the outcome."""
    shuffled = list(given_reads)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    outcomes = []
    for order in (given_reads, shuffled):
        vote = PlateVote()
        for text, surety in order:
            vote.add(Read(text, surety))
        outcome = vote.result()
        assert outcome is not None
        outcomes.append((outcome.text, outcome.reads, outcome.votes))
    assert outcomes[0] == outcomes[1]


@given(plates, plates, st.floats(0.06, 0.5), st.floats(0.5, 0.999))
def test_agreement_beats_confidence(shared: str, other: str, low: float, high: float) -> None:
    """Two readings that agree win against one that is surer, whatever the sureties."""
    vote = PlateVote()
    for read in (Read(other, high), Read(shared, low), Read(shared, low)):
        vote.add(read)
    outcome = vote.result()
    assert outcome is not None
    assert outcome.text == shared
    assert outcome.reads == (3 if other == shared else 2)


def test_vote_by_position() -> None:
    """Three readings, each with another single error, give the plate that none of them read."""
    vote = PlateVote()
    for text in ("XBC123", "AXC123", "ABX123"):
        vote.add(Read(text))
    outcome = vote.result()
    assert outcome is not None
    assert outcome.text == "ABC123"
    assert outcome.reads == 0
    assert outcome.votes == 3


def test_vote_aligns_lengths() -> None:
    """A reading that lost its first character still votes for the others where they belong."""
    vote = PlateVote()
    for text in ("LGT582", "LGT5A2", "GT582"):
        vote.add(Read(text))
    outcome = vote.result()
    assert outcome is not None
    assert outcome.text == "LGT582"


def test_alignment_of_missing_character() -> None:
    """The cheapest alignment leaves out the character that the other string lacks."""
    pairs = align_texts("MRP73D", "MRP3D", load_confusion())
    assert pairs == [(0, 0), (1, 1), (2, 2), (4, 3), (5, 4)]


def test_no_vote() -> None:
    """Without readings, or with empty ones, there is no outcome."""
    vote = PlateVote()
    vote.add(Read(""))
    assert vote.result() is None


@dataclass(frozen=True)
class MixedRead:
    """A reading that is sure of all its positions but the first, and there believes in several signs."""

    text: str
    first: dict[str, float]
    surety: float = 0.98

    @property
    def spread(self) -> NDArray[np.float64]:
        """Each position's probabilities."""
        spread = np.array(Read(self.text, self.surety).spread)
        spread[0] = 0.001
        for sign, chance in self.first.items():
            spread[0, ALPHABET.index(sign)] = chance
        return np.asarray(spread / spread.sum(axis=1, keepdims=True))


def settle(*ballots: MixedRead | Read) -> str:
    """Return the part of a vote's outcome that is the number."""
    vote = PlateVote()
    for ballot in ballots:
        vote.add(ballot)
    outcome = vote.result()
    assert outcome is not None
    return outcome.text[outcome.number]


def test_emblem_is_no_character() -> None:
    """What is read now as one sign, now as another, before a number that is read surely, is not part of it."""
    emblem = [
        MixedRead("Y5555", {"Y": 0.4, "9": 0.3, "G": 0.2}),
        MixedRead("95555", {"9": 0.4, "Y": 0.3, "2": 0.2}),
        MixedRead("95555", {"9": 0.5, "1": 0.3}),
    ]
    assert settle(*emblem) == "5555"


def test_look_alikes_are_one_sign() -> None:
    """An end that is O or 0 in equal parts is a character whose name is in doubt, and stays."""
    round_end = MixedRead("0MYSTRZ", {"0": 0.45, "O": 0.45})
    assert settle(round_end, round_end) == "0MYSTRZ"


def test_blurred_plate_keeps_its_ends() -> None:
    """Where all characters are unsure an unsure end says nothing, and neither does a single reading."""
    blurred = MixedRead("Y5555", {"Y": 0.4, "9": 0.3}, surety=0.6)
    assert settle(blurred, blurred) == "Y5555"
    assert settle(MixedRead("Y5555", {"Y": 0.4, "9": 0.3})) == "Y5555"
