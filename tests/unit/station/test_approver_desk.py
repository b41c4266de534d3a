"""The approvers' door: nobody outside takes a place at it, and a challenge is worth one answer, of one person, for one errand."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayseal.model.errors import Refused
from wayseal.station.approver_desk import SESSIONS, ApproverSessions, Errand

NOW = datetime(2026, 11, 22, 9, 15, tzinfo=UTC)


class Hand:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """Return the pretended time."""
        return self.now


@pytest.fixture
def hand() -> Hand:
    """The clock."""
    return Hand()


@pytest.fixture
def door(hand: Hand) -> ApproverSessions:
    """The door."""
    return ApproverSessions(hand)


def test_outsiders_shut_nobody_out(door: ApproverSessions) -> None:
    """However many challenges strangers ask for, the next approver gets one and is let in, and the door remembers none of it."""
    for number in range(5000):
        door.challenge(f"stranger-{number % 7}", Errand.SIGN_IN)
    ticket, challenge = door.challenge("kim", Errand.SIGN_IN)
    assert door.read(ticket, "kim", Errand.SIGN_IN) == challenge
    door.use(challenge)
    assert door.find(door.begin("kim")) == "kim"
    assert (len(door._open), len(door._used)) == (1, 1)


def test_one_answer_of_one_person(door: ApproverSessions, hand: Hand) -> None:
    """A ticket is good for its person and errand, once, and for five minutes; its spelling does not matter."""
    ticket, challenge = door.challenge("kim", Errand.SIGN_IN)
    for approver, errand in (("lee", Errand.SIGN_IN), ("kim", Errand.ENROL)):
        with pytest.raises(Refused):
            door.read(ticket, approver, errand)
    door.use(door.read(ticket, "kim", Errand.SIGN_IN))
    for spelling in (ticket, ticket + "=", ticket[:8] + "\n" + ticket[8:]):
        with pytest.raises(Refused):
            door.read(spelling, "kim", Errand.SIGN_IN)
    with pytest.raises(Refused):
        door.use(challenge)
    late, _ = door.challenge("kim", Errand.SIGN_IN)
    hand.now += timedelta(minutes=5)
    with pytest.raises(Refused, match="too long"):
        door.read(late, "kim", Errand.SIGN_IN)
    fresh, made = door.challenge("kim", Errand.SIGN_IN)
    door.use(door.read(fresh, "kim", Errand.SIGN_IN))
    assert list(door._used) == [made]


@given(st.one_of(st.text(max_size=200), st.binary(max_size=120).map(bytes.hex)))
def test_noise_is_no_ticket(noise: str) -> None:
    """Whatever is sent in a ticket's place is refused, and another process's ticket too."""
    door, other = ApproverSessions(Hand()), ApproverSessions(Hand())
    for ticket in (noise, other.challenge("kim", Errand.SIGN_IN)[0]):
        with pytest.raises(Refused):
            door.read(ticket, "kim", Errand.SIGN_IN)


def test_one_approver_fills_no_door(door: ApproverSessions, hand: Hand) -> None:
    """An approver's ninth session ends their first, never another's; sessions end by themselves and by sign-out."""
    other = door.begin("lee")
    tokens = [door.begin("kim") for _ in range(SESSIONS + 1)]
    assert door.find(tokens[0]) is None
    assert [door.find(token) for token in tokens[1:]] == ["kim"] * SESSIONS
    assert door.find(other) == "lee"
    door.end(other)
    assert door.find(other) is None
    hand.now += timedelta(minutes=30)
    assert {door.find(token) for token in (*tokens, None, "")} == {None}
