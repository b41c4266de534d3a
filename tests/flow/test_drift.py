"""Drift sums: rare alarms at the fair share, quick ones at the poor share; counts that add up."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lineparts import Line, MovableClock, make_vehicle

from wayseal.flow.drift import ALARM_AT, LIMITS, LaneWatch, Limit, count_encounter, follow_sum, list_trials
from wayseal.flow.health import (
    describe_health,
    find_middle,
    find_stranger_tail,
    plot_health,
    read_health,
)
from wayseal.flow.identify import identify_encounter
from wayseal.model.border import Encounter, Seat
from wayseal.model.errors import Invalid
from wayseal.store.engine import read
from wayseal.store.health import STRANGER_BINS, LaneDay, WatchSum
from wayseal.store.health_seats import list_seats

NOW = datetime(2026, 11, 22, 7, tzinfo=UTC)
START = WatchSum("lane-1", "capture-rate", 0.0, None)


def count_alarms(limit: Limit, share: float, trials: int, seed: int) -> int:
    """Return how often a sum raises an alarm over many trials that fail with a share."""
    failures = np.random.default_rng(seed).random(trials) < share
    up, down = limit.step(failed=True), limit.step(failed=False)
    total, alarms = 0.0, 0
    for failed in failures.tolist():
        total = max(0.0, total + (up if failed else down))
        if total > ALARM_AT:
            total, alarms = 0.0, alarms + 1
    return alarms


@pytest.mark.parametrize("measure", sorted(LIMITS))
def test_fair_lane_is_left_in_peace(measure: str) -> None:
    """At the fair share there is less than one alarm in 10,000 trials: at most 30 in 300,000, and in truth far fewer."""
    assert count_alarms(LIMITS[measure], LIMITS[measure].fair, 300_000, seed=1) <= 30


@pytest.mark.parametrize("measure", sorted(LIMITS))
def test_poor_lane_is_told_soon(measure: str) -> None:
    """At the poor share an alarm comes within 700 trials on average; a busy lane sees a hundred occupants an hour."""
    assert count_alarms(LIMITS[measure], LIMITS[measure].poor, 70_000, seed=2) >= 100


@given(st.lists(st.booleans(), max_size=400), st.integers(1, 20))
def test_sum_does_not_depend_on_how_trials_are_grouped(trials: list[bool], size: int) -> None:
    """Vehicles of any number of occupants lead to the same sum as their occupants one by one."""
    whole, _ = follow_sum(START, LIMITS["capture-rate"], trials, NOW)
    parts = START
    for begin in range(0, len(trials), size):
        parts, _ = follow_sum(parts, LIMITS["capture-rate"], trials[begin : begin + size], NOW)
    assert parts.total == pytest.approx(whole.total)


def drive(line: Line, people: dict[Seat, int | None]) -> Encounter:
    """Let a vehicle pass a lane that is watched."""
    sealed = line.lane().keep(make_vehicle(line.clock, people))
    line.lane().send_pending()
    return identify_encounter(line.work, sealed.encounter)


@pytest.fixture
def watched(line: Line) -> Line:
    """A line whose encounters are counted."""
    line.watch = LaneWatch(line.site.ledger, line.clock).count
    return line


def test_lane_below_its_minimum_raises_an_alarm(watched: Line) -> None:
    """A lane that captures nobody any more is on the ledger after a few dozen vehicles, by lane and measure, and of no person."""
    for _ in range(12):
        drive(watched, {Seat.DRIVER: None, Seat.FRONT_PASSENGER: None, Seat.REAR_LEFT: None})
    alarms = [
        watched.site.ledger.entry(index) for index in watched.site.ledger.find(type="alarm", lane="lane1")
    ]
    assert {alarm["alarm"] for alarm in alarms} == {"lane-capture-rate"}
    assert all(alarm.keys() == {"type", "time", "actor", "alarm", "severity", "lane"} for alarm in alarms)
    shown = describe_health(*read_health(watched.site.store.engine), watched.clock())
    (day,) = shown["days"]
    assert (day["vehicles"], day["occupants_seen"], day["captured_rate"]) == (12, 36, 0.0)
    watch = {row["measure"]: row for row in shown["watch"]}
    assert watch["capture-rate"]["alarmed_today"]
    assert watch["seconds-to-result"]["alarmed"] is None


def test_counts_add_up(watched: Line, clock: MovableClock) -> None:
    """Vehicles, occupants, faces, matches and shapes of a day are the sums of its encounters; days and lanes are apart."""
    first = drive(watched, {Seat.DRIVER: 1, Seat.FRONT_PASSENGER: None})
    second = drive(watched, {Seat.DRIVER: 77})
    clock.move(timedelta(days=1))
    drive(watched, {Seat.DRIVER: 1})
    today, tomorrow = read_health(watched.site.store.engine)[0]
    assert (today.vehicles, today.occupants, today.captured, today.matched) == (2, 3, 2, 1)
    assert sum(today.quality) == today.captured
    assert sum(today.seconds) == today.vehicles
    assert (tomorrow.vehicles, tomorrow.matched) == (1, 1)
    whole = count_encounter(first).plus(count_encounter(second))
    assert (whole.captured, whole.quality) == (today.captured, today.quality)
    assert len(list_trials(first)["capture-rate"]) == 2
    day = describe_health([today], {}, clock())["days"][0]
    assert day["stranger_score_p95"] == find_stranger_tail(today)


def test_seats_are_counted(watched: Line, clock: MovableClock) -> None:
    """Each seat's day has its occupants, captured or not; days are apart."""
    drive(watched, {Seat.DRIVER: 1, Seat.FRONT_PASSENGER: None})
    drive(watched, {Seat.DRIVER: 77})
    clock.move(timedelta(days=1))
    drive(watched, {Seat.DRIVER: 1})
    with read(watched.site.store.engine) as connection:
        rows = list_seats(connection)
        today = list_seats(connection, until=rows[0].day)
    counts = {(row.seat, row.occupants, row.captured, row.matched) for row in today}
    assert counts == {("driver", 2, 2, 1), ("front_passenger", 1, 0, 0)}
    assert sum(row.occupants for row in rows) == 4


def test_repeated_answer_counts_once(watched: Line) -> None:
    """An encounter that is asked for again after its answer is not counted again."""
    answered = drive(watched, {Seat.DRIVER: 1})
    identify_encounter(watched.work, answered.id)
    (day,) = read_health(watched.site.store.engine)[0]
    assert day.vehicles == 1


def test_plot(watched: Line, tmp_path: Path) -> None:
    """The plot is a picture; without a day, or with a strange name, it is refused."""
    drive(watched, {Seat.DRIVER: 1})
    days, _ = read_health(watched.site.store.engine)
    plot_health(days, tmp_path / "health.svg")
    assert b"<svg" in (tmp_path / "health.svg").read_bytes()
    with pytest.raises(Invalid):
        plot_health([], tmp_path / "none.svg")
    with pytest.raises(Invalid):
        plot_health(days, tmp_path / "plot.strange")


@given(st.lists(st.integers(0, STRANGER_BINS - 1), min_size=1, max_size=60))
def test_stranger_tail_holds_nineteen_of_twenty(bins: list[int]) -> None:
    """At least 95 of 100 searches lie below the tail's score, and fewer one bin lower; without a search there is none."""
    counts = tuple(bins.count(place) for place in range(STRANGER_BINS))
    tail = find_stranger_tail(LaneDay("lane-1", NOW.date(), "model", strangers=counts))
    assert tail is not None
    place = round((tail + 0.2) / 0.02)
    assert 20 * sum(counts[:place]) >= 19 * len(bins) > 20 * sum(counts[: place - 1])
    assert find_stranger_tail(LaneDay("lane-1", NOW.date(), "model")) is None


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40))
def test_middle_is_the_median(bins: list[int]) -> None:
    """The two middle bins are those of the sorted faces, also where an even number lies half in one bin, half in another."""
    counts = [bins.count(place) for place in range(10)]
    ordered = sorted(bins)
    assert find_middle(counts) == (ordered[(len(bins) - 1) // 2], ordered[len(bins) // 2])
    assert find_middle([0] * 10) is None
