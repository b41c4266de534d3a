"""Allowances, drift and canaries: what stops a thief who sits in somebody's place, and what tells on them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wayseal.flow.canary import CanaryBook, hatch_canary
from wayseal.flow.meter import Meter, Pool, pool_of
from wayseal.model.border import PlainImage
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
        try:
            meter.take("officer-7", [Kind.FACE], now)
            opened += 1
        except QuotaExceeded:
            now += timedelta(seconds=6)
    assert 24 * 300 <= opened <= 24 * 300 + 120


def test_usual_work_is_silent(meter: Meter) -> None:
    """A usual day raises no alarm and meets no limit."""
    alarms = [
        meter.take("officer-7", [Kind.FACE], START + timedelta(hours=hour, minutes=minute))
        for hour in range(10) for minute in range(0, 60, 2)
    ]  # fmt: skip
    assert [alarm for alarm in alarms if alarm] == []


def test_steady_excess_raises_alarm(meter: Meter) -> None:
    """Five times the usual rate, far below the limit, is told within two hours, and told again while it lasts."""
    told = [
        START + timedelta(seconds=18 * number)
        for number in range(1000)
        if meter.take("officer-7", [Kind.FACE], START + timedelta(seconds=18 * number))
    ]
    assert told
    assert told[0] - START < timedelta(hours=2)
    assert len(told) > 1


def test_all_or_none(meter: Meter) -> None:
    """A batch that does not fit draws nothing from any allowance."""
    with pytest.raises(QuotaExceeded):
        meter.take("x", [Kind.FACE] * 121 + [Kind.TEMPLATE], START)
    assert meter.take("x", [Kind.FACE] * 120, START) in ([], ["pictures"])


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
        try:
            meter.take("x", [Kind.FACE] * count, now)
            opened += count
        except QuotaExceeded:
            pass
    meter.close()
    assert opened <= 120 + forward / 3600 * 300 + 1e-6


def test_survives_a_restart(tmp_path: Path) -> None:
    """A spent allowance is still spent after the keyroom was started anew."""
    Meter(tmp_path / "m.sqlite", POOLS).take("x", [Kind.FACE] * 120, START)
    with pytest.raises(QuotaExceeded):
        Meter(tmp_path / "m.sqlite", POOLS).take("x", [Kind.FACE], START)


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


def test_canary_looks_like_its_neighbour() -> None:
    """About one call in so many gives a canary; it has the size of a face picture and is no face."""
    face = PlainImage(b"\xff\xd8\xff" + b"x" * 9000 + b"\xff\xd9", 112, 140)
    hatched = [hatch_canary(face, one_in=20) for _ in range(2000)]
    canaries = [one for one in hatched if one is not None]
    assert 50 <= len(canaries) <= 160
    assert all(len(one.data) == len(face.data) for one in canaries)
    assert len({one.data for one in canaries}) == len(canaries)
