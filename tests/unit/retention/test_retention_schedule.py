"""Retention arithmetic: never early, at most an hour late, whatever the calendar does."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayseal.model.custody import Hold
from wayseal.model.errors import Invalid, NotFound
from wayseal.model.ids import EpochId, RecordId, epoch_id, epoch_span
from wayseal.retention.schedule import LATE_AFTER, Schedule, hold_class, load_schedule

HOUR = timedelta(hours=1)
SHIPPED = load_schedule()
ZONES = [ZoneInfo(name) for name in ("America/Chicago", "Europe/Berlin", "Asia/Kathmandu", "UTC")]
HOLD_ID = "01KB3Z6V8N4Q0T2Y5RWXEJ7MCH"

moments = st.builds(
    lambda hours, minutes, zone: (datetime(2020, 1, 1, tzinfo=UTC) + hours * HOUR + minutes).astimezone(zone),
    st.integers(0, 80 * 365 * 24) | st.sampled_from([45_263, 45_264, 71_566, 1_415]),
    st.timedeltas(timedelta(0), HOUR - timedelta(microseconds=1)),
    st.sampled_from(ZONES),
)
names = st.sampled_from(["citizen", "unknown", "non_citizen", "crossing", "ees"])


def add_years(moment: datetime, years: int) -> datetime:
    """Return the anniversary, 1 March standing in for a missing 29 February."""
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, month=3, day=1)


@given(sealed_at=moments, name=names)
def test_never_early_and_at_most_an_hour_late(sealed_at: datetime, name: str) -> None:
    """A record may live for its class's period, and its epoch is due within the hour after that: in any zone, across DST."""
    sealed_at = sealed_at.astimezone(UTC)
    kind = SHIPPED.find_class(name)
    allowed = add_years(sealed_at, kind.keep_years) + kind.keep
    due = SHIPPED.expires_at(epoch_id(name, sealed_at))
    assert allowed <= due
    assert due - allowed <= HOUR
    assert due == due.replace(minute=0, second=0, microsecond=0)


@given(sealed_at=moments, name=names, late=st.timedeltas(min_value=-3 * HOUR, max_value=3 * HOUR))
def test_plan_agrees_with_expiry(sealed_at: datetime, name: str, late: timedelta) -> None:
    """An epoch is due from its expiry on and not before, and overdue only once a sweep should have come by."""
    epoch = epoch_id(name, sealed_at)
    plan = SHIPPED.plan(SHIPPED.expires_at(epoch) + late, {epoch: 3})
    assert bool(plan.due) == (late >= timedelta(0))
    assert bool(plan.overdue) == (late > LATE_AFTER)
    assert plan.due_records + plan.live_records == 3
    assert plan.overdue_records in (0, 3)


@given(sealed_at=moments, jump=st.timedeltas(min_value=-2 * HOUR, max_value=2 * HOUR))
def test_clock_jumps_change_nothing_for_good(sealed_at: datetime, jump: timedelta) -> None:
    """Going back and forth in time, what is due at a given time is always the same: the plan remembers nothing."""
    epoch = epoch_id("citizen", sealed_at)
    now = SHIPPED.expires_at(epoch)
    before = SHIPPED.plan(now, {epoch: 1})
    SHIPPED.plan(now + jump, {epoch: 1})
    assert SHIPPED.plan(now, {epoch: 1}) == before


@pytest.mark.parametrize(
    ("epoch", "due"),
    [
        ("citizen/2026-11-22T07Z", "2026-11-22T20:00Z"),
        ("citizen/2026-12-31T23Z", "2027-01-01T12:00Z"),
        ("non_citizen/2028-02-20T10Z", "2028-03-05T11:00Z"),
        ("crossing/2028-02-28T23Z", "2043-03-01T00:00Z"),
        ("crossing/2025-02-28T23Z", "2040-02-29T00:00Z"),
        ("crossing/2028-02-29T10Z", "2043-03-01T11:00Z"),
        ("ees/2026-11-22T07Z", "2029-11-22T08:00Z"),
    ],
)
def test_known_dates(epoch: str, due: str) -> None:
    """Worked by hand: the end of the hour, then hours, days or calendar years, leap days included."""
    assert SHIPPED.expires_at(EpochId(epoch)) == datetime.fromisoformat(due)


def test_plan_is_oldest_first() -> None:
    """What has waited longest dies first, and unknown classes are set aside instead of blocking the rest."""
    epochs = {
        EpochId("citizen/2026-11-22T07Z"): 2,
        EpochId("citizen/2026-11-21T07Z"): 3,
        EpochId("non_citizen/2026-11-01T00Z"): 5,
        EpochId("misspelt/2026-11-01T00Z"): 7,
        EpochId("citizen/2026-11-23T07Z"): 11,
    }
    plan = SHIPPED.plan(datetime(2026, 11, 22, 20, tzinfo=UTC), epochs)
    assert [one.records for one in plan.due] == [5, 3, 2]
    assert plan.overdue_records == 8
    assert plan.unknown == ("misspelt/2026-11-01T00Z",)
    assert plan.live_records == 11


def test_every_class_names_its_law() -> None:
    """Each shipped class has a legal text, a source and the requirement it follows."""
    for kind in SHIPPED.classes.values():
        assert len(kind.legal_text) > 40
        assert kind.source.startswith("R-")


def test_unknown_is_never_kept_longer_than_a_citizen() -> None:
    """The rule for unknown people cannot be weakened by configuration alone (R-53)."""
    with pytest.raises(Invalid, match="outlive"):
        load_schedule(keep={"unknown": timedelta(days=1)})
    with pytest.raises(Invalid, match="outlive"):
        load_schedule(keep={"citizen": timedelta(hours=6)})
    both = load_schedule(keep={"citizen": timedelta(hours=6), "unknown": timedelta(hours=6)})
    assert both.find_class("unknown").keep == timedelta(hours=6)


def test_evaluation_needs_an_end_date() -> None:
    """Test pictures have no class at all until the site names the day on which they are gone (R-54)."""
    end = datetime(2026, 12, 31, tzinfo=UTC)
    epoch = EpochId("evaluation/2026-11-22T07Z")
    with pytest.raises(NotFound):
        SHIPPED.expires_at(epoch)
    dated = load_schedule(hard_ends={"evaluation": end})
    assert dated.expires_at(epoch) == end
    assert dated.expires_at(EpochId("evaluation/2025-01-01T00Z")) == datetime(2026, 1, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "changes",
    [
        {"keep": {"nonsense": HOUR}},
        {"keep": {"citizen": timedelta(0)}},
        {"keep": {"hold": HOUR}},
        {"hard_ends": {"nonsense": datetime(2027, 1, 1, tzinfo=UTC)}},
        {"hard_ends": {"evaluation": datetime(2027, 1, 1)}},  # noqa: DTZ001 - the point of the test
    ],
)
def test_bad_changes_are_refused(changes: dict[str, dict[str, object]]) -> None:
    """A misspelt class, a period of nothing, a period for holds, an end without a zone: refused."""
    with pytest.raises(Invalid):
        load_schedule(**changes)  # type: ignore[arg-type]


def make_hold(until: datetime, lifted_at: datetime | None = None) -> Hold:
    """Return a hold."""
    return Hold(HOLD_ID, (RecordId("R" * 26),), "audit", ("a:a", "b:b"), until - HOUR, until, lifted_at)


def test_hold_ends_when_it_says() -> None:
    """A hold's epochs are due when the hold ends, or when it was lifted; an unknown hold's are set aside."""
    until = datetime(2026, 12, 24, 17, 30, tzinfo=UTC)
    epoch = epoch_id(hold_class(HOLD_ID), until - timedelta(days=20))
    assert epoch_span(epoch)[0] == hold_class(HOLD_ID)
    schedule = SHIPPED.with_holds([make_hold(until)])
    assert schedule.expires_at(epoch) == until
    assert schedule.find_class(hold_class(HOLD_ID)).expires_at(epoch) == until
    lifted = SHIPPED.with_holds([make_hold(until, until - timedelta(days=3))])
    assert lifted.expires_at(epoch) == until - timedelta(days=3)
    assert SHIPPED.plan(until, {epoch: 1}).unknown == (epoch,)
    with pytest.raises(NotFound):
        schedule.find_class("hold")


def test_malformed_table_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shipped table with an unknown key, no legal text or no period does not load."""
    import wayseal.retention.schedule as room

    for text in (
        '[citizen]\nkeep_hours = 12\nlegal_text = "x"\n',
        '[citizen]\nkeep_hours = 12\nlegal_text = "x"\nsource = "y"\nkeep_weeks = 1\n',
        '[citizen]\nlegal_text = "x"\nsource = "y"\n',
    ):
        (tmp_path / "classes.toml").write_text(text)
        monkeypatch.setattr(room, "files", lambda _package: tmp_path)
        with pytest.raises(Invalid):
            load_schedule()


def test_schedules_are_values() -> None:
    """Two loads are equal, and a site's change makes another."""
    assert load_schedule() == Schedule(SHIPPED.classes)
    assert load_schedule(keep={"ees": timedelta(days=5 * 365)}) != SHIPPED
