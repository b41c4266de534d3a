"""What is due when: pure arithmetic on times in UTC, and the coverage that follows. Nothing overdue is ever typed in.

A period is so many times 24 hours, whatever the calendar does. An assessment from the future is no assessment.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from wayseal.flow.oversee.desk import Rules
from wayseal.model.oversight import AssessmentKind, Equipment
from wayseal.store.oversight import assessments as assessment_rows
from wayseal.store.oversight.assessments import DrawnAssessment

SKEW = timedelta(minutes=5)
"""How far ahead another machine's clock may be."""
LOOK_BACK = 400
"""How many of a device's assessments are looked at."""


@dataclass(frozen=True, slots=True)
class Due:
    """When a device must next be assessed: the whole catalogue, and the daily probes. A time in the past is overdue."""

    equipment: str
    full: datetime
    daily: datetime
    assessed: bool
    passing: bool


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of `total` devices, those with a full assessment in its cycle, those without, those that pass, and those due soon."""

    total: int
    assessed: int
    due: int
    passing: int
    attention: tuple[str, ...]


def is_fresh(when: datetime | None, period: timedelta, now: datetime) -> bool:
    """Say whether something done at `when` still counts at `now`: not from the future, and within `period`."""
    if when is None:
        return False
    done = when.astimezone(UTC)  # in a zone, adding a day would add a day of the calendar
    return done - SKEW <= now < done + period


def next_due(last: datetime | None, period: timedelta, since: datetime) -> datetime:
    """Return when something is due that was last done at `last`, or never since `since`: then at once."""
    return since if last is None or last < since else last.astimezone(UTC) + period


def plan_device(device: Equipment, done: Sequence[DrawnAssessment], rules: Rules, now: datetime) -> Due:
    """Return what is due for a device, from its recorded assessments in any order."""
    recorded = [one for one in done if one.finished_at is not None and one.finished_at - SKEW <= now]
    full = [one for one in recorded if one.kind is not AssessmentKind.DAILY]
    last_full = max((one.finished_at for one in full if one.finished_at), default=None)
    last_any = max((one.finished_at for one in recorded if one.finished_at), default=None)
    newest = {one.kind is AssessmentKind.DAILY: one for one in sorted(recorded, key=_when)}
    current = any(one.finished_at == last_full and one.drawn_at >= device.changed_at for one in full)
    return Due(
        equipment=device.id,
        full=next_due(last_full, rules.full, device.changed_at),
        daily=next_due(last_any, rules.daily, device.changed_at),
        assessed=current and is_fresh(last_full, rules.full, now),
        passing=current
        and is_fresh(last_full, rules.full, now)
        and is_fresh(last_any, rules.daily, now)
        and all(one.passed for one in _standing_runs(newest)),
    )


def _standing_runs(newest: dict[bool, DrawnAssessment]) -> list[DrawnAssessment]:
    """Return the newest full run, and the newest daily one when it came after it."""
    full, daily = newest.get(False), newest.get(True)
    return [one for one in (full, daily) if one is not None and (full is None or _when(one) >= _when(full))]


def _when(one: DrawnAssessment) -> datetime:
    """Return when a recorded assessment ended; drawn ones sort by when they were drawn."""
    return one.finished_at or one.drawn_at


def latest_full(rows: Connection, device: str) -> DrawnAssessment | None:
    """Return the newest recorded assessment of a device's whole catalogue, or None."""
    done = assessment_rows.list_drawn(rows, equipment=device, limit=LOOK_BACK)
    full = [
        one for one in done if one.finished_at is not None and one.kind is not AssessmentKind.DAILY
    ]  # newest first
    return max(full, key=_when, default=None)


def plan_one(rows: Connection, device: Equipment, rules: Rules, now: datetime) -> Due:
    """Return what is due for one device."""
    done = assessment_rows.list_drawn(rows, equipment=device.id, limit=LOOK_BACK)
    return plan_device(device, done, rules, now)


def cover(plans: Sequence[Due], rules: Rules, now: datetime) -> Coverage:
    """Return the live coverage figure of a set of devices."""
    assessed = sum(one.assessed for one in plans)
    soon = tuple(one.equipment for one in plans if one.full < now + rules.ahead)
    passing = sum(one.passing for one in plans)
    return Coverage(len(plans), assessed, len(plans) - assessed, passing, soon)
