"""Allowances, drift and canaries: what stops a thief who sits in somebody's place, and what tells on them."""

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wayseal.flow.canary import APART_S, CanaryBook, Decoys, make_decoy
from wayseal.flow.guard import Guard
from wayseal.flow.meter import Draw, Meter, Pool, Shared, pool_of
from wayseal.flow.policy import Principal
from wayseal.model.border import Occupant, PlainImage, Seat, VehiclePass
from wayseal.model.custody import Kind
from wayseal.model.errors import QuotaExceeded
from wayseal.model.ids import RecordId, new_ulid

START = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
POOLS = (
    Pool("pictures", 300, 120, 40),
    Pool("templates", 1000, 1000, 1000),
    Pool("documents", 1000, 1000, 1000),
)


@pytest.fixture
def meter(tmp_path: Path) -> Meter:
    """Allowances as a site has them."""
    return Meter(tmp_path / "meter.sqlite", POOLS)


def test_thief_at_full_speed_is_capped(meter: Meter) -> None:
    """Somebody who opens as fast as possible for a day gets the burst and the hourly flow, and not one more."""
    opened, now = 0, START
    while now < START + timedelta(hours=24):
        if meter.draw("officer-7", [Kind.FACE], now).short is None:
            opened += 1
        else:
            now += timedelta(seconds=6)
    assert 24 * 300 <= opened <= 24 * 300 + 120


def test_usual_work_is_silent(meter: Meter) -> None:
    """A usual day raises no alarm and meets no limit."""
    alarms = [
        meter.draw("officer-7", [Kind.FACE], START + timedelta(hours=hour, minutes=minute))
        for hour in range(10) for minute in range(0, 60, 2)
    ]  # fmt: skip
    assert set(alarms) == {Draw()}


def test_steady_excess_raises_alarm(meter: Meter) -> None:
    """Five times the usual rate, far below the limit, is told within two hours, and told again while it lasts."""
    told = [
        START + timedelta(seconds=18 * number)
        for number in range(1000)
        if meter.draw("officer-7", [Kind.FACE], START + timedelta(seconds=18 * number)).suspicious
    ]
    assert told
    assert told[0] - START < timedelta(hours=2)
    assert len(told) > 1


def test_all_or_none(meter: Meter) -> None:
    """A batch that does not fit draws nothing from any allowance."""
    assert meter.draw("x", [Kind.FACE] * 121 + [Kind.TEMPLATE], START).short == ("x", "pictures")
    assert meter.draw("x", [Kind.FACE] * 120, START).short is None


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(-7200, 7200), st.integers(1, 200)), max_size=30))
def test_clock_never_makes_tokens(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int]]
) -> None:
    """However the clock jumps, no more is opened than the burst and what flowed in over the forward jumps."""
    meter = Meter(tmp_path_factory.mktemp("m") / "meter.sqlite", POOLS)
    now, opened, forward = START, 0, 0.0
    for jump, count in steps:
        now += timedelta(seconds=jump)
        forward += max(0, jump)
        if meter.draw("x", [Kind.FACE] * count, now).short is None:
            opened += count
    meter.close()
    assert opened <= 120 + forward / 3600 * 300 + 1e-6


def test_survives_a_restart(tmp_path: Path) -> None:
    """A spent allowance is still spent after the keyroom was started anew."""
    assert Meter(tmp_path / "m.sqlite", POOLS).draw("x", [Kind.FACE] * 120, START).short is None
    assert Meter(tmp_path / "m.sqlite", POOLS).draw("x", [Kind.FACE], START).short == ("x", "pictures")


def test_overtaken_requests_gain_nothing(meter: Meter) -> None:
    """Requests that waited at the door and are counted in any order get what the last of them would have got alone."""
    assert meter.draw("x", [Kind.FACE] * 120, START).short is None
    waiting = [START + timedelta(seconds=60 * (number % 2)) for number in range(100)]
    opened = sum(meter.draw("x", [Kind.FACE], now).short is None for now in waiting)
    assert opened == 60 * 300 // 3600


def test_clock_set_back_stops_nobody(meter: Meter) -> None:
    """After a clock that was years ahead, and was set right, an allowance fills again as before."""
    meter.draw("x", [Kind.FACE] * 120, START + timedelta(days=900))
    assert meter.draw("x", [Kind.FACE], START).short == ("x", "pictures")
    assert meter.draw("x", [Kind.FACE] * 100, START + timedelta(minutes=20)).short is None


def test_unusual_rate_is_told_with_the_refusal(meter: Meter, tmp_path: Path) -> None:
    """Whoever asks for far more than there is is told on for the rate as well as for the refusal, in the very request that passes the alarm."""
    told: list[Mapping[str, Any]] = []
    guard = Guard(meter, CanaryBook(tmp_path / "c.sqlite", b"k" * 32), told.extend, shared_factor=10)
    who = Principal("officer-7", "officer", "agency")
    with pytest.raises(QuotaExceeded, match="pictures") as refusal:
        guard.draw(who, [Kind.FACE] * 250, START, client="centre")
    assert refusal.value.facts == {"account": "officer-7", "pool": "pictures"}
    assert [one["alarm"] for one in told] == ["unusual-rate-pictures", "quota"]
    told.clear()
    with pytest.raises(QuotaExceeded):
        guard.draw(who, [Kind.FACE] * 130, START, client="centre")
    assert [one["alarm"] for one in told] == ["quota"]


def test_pools() -> None:
    """Every kind of record draws on one allowance."""
    assert {kind: pool_of(kind) for kind in Kind} == {
        Kind.FACE: "pictures", Kind.PLATE: "pictures", Kind.SCENE: "pictures", Kind.TEMPLATE: "templates",
        Kind.DOCUMENT: "documents",
    }  # fmt: skip


def test_canary_book(tmp_path: Path) -> None:
    """A canary is known after a restart, others are not, and without the key the file says nothing."""
    canary, other = (RecordId(new_ulid(START)) for _ in range(2))
    CanaryBook(tmp_path / "c.sqlite", b"k" * 32).add(canary)
    book = CanaryBook(tmp_path / "c.sqlite", b"k" * 32)
    assert (book.is_canary(canary), book.is_canary(other)) == (True, False)
    assert not CanaryBook(tmp_path / "c.sqlite", b"x" * 32).is_canary(canary)
    book.close()
    assert canary.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_one_in_so_many() -> None:
    """About one vehicle in so many is the model of a canary, which passes some seconds later and never right behind another."""
    decoys, now, laid = Decoys(one_in=20, rng=random.Random(4)), START, []
    for number in range(3000):
        now += timedelta(seconds=1)
        if number % 8 == 0:
            decoys.note(make_pass(now))
            last = now
        decoy = decoys.take_due(now)
        if decoy is not None:
            laid.append(decoy)
            assert now - last >= timedelta(seconds=APART_S)
            assert (decoy.left, decoy.canary) == (now, True)
    assert 8 <= len(laid) <= 32


def test_vehicle_without_faces_is_no_model() -> None:
    """Only a vehicle with a face is followed by a canary."""
    decoys = Decoys(one_in=1, rng=random.Random(4))
    decoys.note(replace(make_pass(START), occupants=()))
    assert decoys.take_due(START + timedelta(hours=1)) is None


def make_pass(now: datetime) -> VehiclePass:
    """A vehicle with one face."""
    face = PlainImage(b"\xff\xd8\xff" + b"x" * 9000 + b"\xff\xd9", 112, 140)
    return VehiclePass(
        1, now - timedelta(seconds=2), now, 20.0, None, (Occupant(Seat.DRIVER, None, face, None),), 1, 30
    )


def test_noise_is_as_long_as_a_picture() -> None:
    """A canary's picture is about as long as its model's, never the same twice, and shows nobody."""
    rng = random.Random(9)
    made = [make_decoy(make_pass(START), START, rng).occupants[0].picture for _ in range(200)]
    data = [one.data for one in made if one is not None]
    assert len(set(data)) == 200
    assert all(8000 < len(one) < 10000 for one in data)
    assert all(b"x" * 9 not in one for one in data)


def test_shared_account_stops_invented_names(meter: Meter) -> None:
    """People who draw on a shared account get no more together than it holds, and what is refused draws on nobody."""
    shared = [Shared("organisation/agency", 2.0)]
    for name in ("a", "b"):
        meter.draw(name, [Kind.FACE] * 120, START, shared=shared)
    assert meter.draw("c", [Kind.FACE], START, shared=shared).short == ("organisation/agency", "pictures")
    assert meter.draw("c", [Kind.FACE] * 120, START).short is None
    assert meter.draw("d", [Kind.TEMPLATE], START, shared=shared) == Draw()
    assert meter.draw("d", [], START, shared=shared) == Draw()


def test_pictures_are_counted(meter: Meter) -> None:
    """Pictures are counted for the hour and for their session; refused ones and documents are not."""
    meter.draw("a", [Kind.FACE, Kind.PLATE, Kind.DOCUMENT], START, sessions=["s", "s"])
    assert meter.draw("a", [Kind.FACE] * 500, START, sessions=["s"] * 500).short is not None
    assert (meter.count_recent("a", START), meter.count_session("s")) == (2, 2)
    assert meter.count_recent("b", START) == 0
    assert meter.count_recent("a", START + timedelta(minutes=59)) == 2
    assert meter.count_recent("a", START + timedelta(minutes=60)) == 0
    assert meter.count_session("s") == 2
