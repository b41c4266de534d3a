"""The arithmetic of what is due: exact periods in UTC, whatever calendars, zones and other machines' clocks do."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayseal.flow.oversee.desk import Rules
from wayseal.flow.oversee.schedule import SKEW, cover, is_fresh, next_due, plan_device
from wayseal.model.oversight import AssessmentKind, Equipment, EquipmentKind
from wayseal.store.oversight.assessments import DrawnAssessment

ZONES = [ZoneInfo(name) for name in ("America/Chicago", "Europe/Berlin", "Pacific/Chatham", "UTC")]
START = datetime(2024, 2, 27, tzinfo=UTC)
moments = st.integers(0, 315_000_000).map(
    lambda second: datetime(2023, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
)
periods = st.timedeltas(timedelta(hours=1), timedelta(days=366))
HOUR = timedelta(hours=1)


def make_device(enrolled: datetime, changed: datetime | None = None) -> Equipment:
    """A lane computer."""
    return Equipment(
        "host-1", EquipmentKind.LANE_HOST, "edge-7", "SN-1", "sub", "port", "lane1", None, enrolled, changed or enrolled
    )  # fmt: skip


def make_run(
    finished: datetime, kind: AssessmentKind = AssessmentKind.FULL, *, passed: bool = True
) -> DrawnAssessment:
    """A recorded assessment."""
    return DrawnAssessment("A" * 26, "host-1", kind, "lab", "ab" * 32, finished, finished, finished, passed)


@given(moments, periods, st.sampled_from(ZONES), st.timedeltas(timedelta(0), timedelta(days=400)))
def test_zone_changes_nothing(done: datetime, period: timedelta, zone: ZoneInfo, later: timedelta) -> None:
    """Whether something is fresh does not depend on the zone in which its time or the present is written."""
    now = done + later
    assert is_fresh(done.astimezone(zone), period, now) == is_fresh(done, period, now.astimezone(zone))
    assert is_fresh(done, period, now) == (later < period)


@given(moments, periods)
def test_fresh_until_the_last_microsecond(done: datetime, period: timedelta) -> None:
    """It counts until just before the period is over, and never after."""
    tick = timedelta(microseconds=1)
    assert is_fresh(done, period, done + period - tick)
    assert not is_fresh(done, period, done + period)


@given(moments, periods, st.timedeltas(SKEW + timedelta(microseconds=1), timedelta(days=1)))
def test_future_is_not_fresh(now: datetime, period: timedelta, ahead: timedelta) -> None:
    """What another machine's clock puts into the future does not count, however long the period."""
    assert not is_fresh(now + ahead, period, now)


def test_leap_day_is_a_day() -> None:
    """Ninety days over a 29th of February end on the ninetieth day, not on a calendar's guess."""
    assert next_due(START, timedelta(days=90), START) == datetime(2024, 5, 27, tzinfo=UTC)
    assert next_due(START.replace(year=2023), timedelta(days=90), START.replace(year=2023)) == datetime(
        2023, 5, 28, tzinfo=UTC
    )


def test_hour_that_comes_twice() -> None:
    """Daily probes at the same wall time after clocks were put back an hour came 25 hours later: overdue."""
    zone = ZoneInfo("America/Chicago")
    done = datetime(2026, 10, 31, 12, tzinfo=zone)
    again = datetime(2026, 11, 1, 12, tzinfo=zone)
    assert again.astimezone(UTC) - done.astimezone(UTC) == timedelta(hours=25)
    assert not is_fresh(done.astimezone(UTC), timedelta(hours=24), again.astimezone(UTC))


@given(moments, st.integers(0, 120), st.integers(0, 120))
def test_never_assessed_is_due_at_once(now: datetime, enrolled_days: int, changed_days: int) -> None:
    """A device without an assessment since its last change is due since that change, whatever came before it."""
    enrolled = now - timedelta(days=enrolled_days + changed_days)
    changed = now - timedelta(days=changed_days)
    plan = plan_device(make_device(enrolled, changed), [make_run(changed - HOUR)], Rules(), now)
    assert plan.full == plan.daily == changed
    assert not plan.assessed
    assert not plan.passing


@given(moments, st.lists(st.tuples(st.integers(1, 5000), st.booleans(), st.booleans()), max_size=8))
def test_only_the_newest_runs_count(now: datetime, runs: list[tuple[int, bool, bool]]) -> None:
    """The plan follows the newest full run and the newest run of all, in whatever order the rows come."""
    done = [
        make_run(
            now - timedelta(minutes=ago),
            AssessmentKind.DAILY if daily else AssessmentKind.FULL,
            passed=passed,
        )
        for ago, daily, passed in runs
    ]
    device = make_device(now - timedelta(days=10))
    plan = plan_device(device, done, Rules(), now)
    assert plan == plan_device(device, done[::-1], Rules(), now) or len({one[0] for one in runs}) < len(runs)
    full = [ago for ago, daily, _ in runs if not daily]
    assert plan.assessed == bool(full)
    assert plan.full == (now - timedelta(minutes=min(full)) + Rules().full if full else device.changed_at)
    if plan.passing:
        assert min(ago for ago, _, _ in runs) < 24 * 60


@pytest.mark.parametrize("ahead", [timedelta(minutes=4), timedelta(hours=1)])
def test_clock_an_hour_ahead(ahead: timedelta) -> None:
    """A run that an assessor's clock dates an hour ahead does not count yet; a few minutes do."""
    now = START + timedelta(days=5)
    plan = plan_device(make_device(START), [make_run(now + ahead)], Rules(), now)
    assert plan.assessed == (ahead < SKEW)


@given(st.lists(st.integers(0, 200), max_size=30))
def test_coverage_adds_up(ages: list[int]) -> None:
    """Assessed and due are the total, and passing is never more than assessed."""
    now = START + timedelta(days=300)
    plans = [
        plan_device(make_device(START), [make_run(now - timedelta(days=age))], Rules(), now) for age in ages
    ]
    figure = cover(plans, Rules(), now)
    assert figure.assessed + figure.due == figure.total == len(ages)
    assert figure.assessed == sum(age < 90 for age in ages)
    assert figure.passing == sum(age < 1 for age in ages)
    assert len(figure.attention) == sum(age > 60 for age in ages)
