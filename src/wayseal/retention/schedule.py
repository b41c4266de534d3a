"""Record classes as data, and what is due at a given time: pure arithmetic on hours of UTC.

Owns the periods, their legal text and the site's changes to them. Never erases anything and never asks what time it is.
Each hold is a class of its own (`hold-<id>`) that ends when the hold does.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

from wayseal.model.custody import Hold, RecordClass
from wayseal.model.errors import Invalid, NotFound
from wayseal.model.ids import EpochId, check_ulid, epoch_span

HOLD = "hold"
LATE_AFTER = timedelta(minutes=10)
"""How long after its time an epoch may wait for the next sweep before it counts as overdue."""

_NO_PERIOD = timedelta(days=365_000)
_FIELDS = {"keep_hours", "keep_years", "needs_hard_end", "never_longer_than", "legal_text", "source"}


@dataclass(frozen=True, slots=True)
class DueEpoch:
    """An epoch whose time has come, how many records die with it, and since when it should be dead."""

    epoch: EpochId
    records: int
    expired_at: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sweep at `now` would erase (oldest first), which of it is overdue, and how much lives on.

    `unknown` are epochs of classes that nobody defined: they are never erased, and somebody has to look at them.
    """

    now: datetime
    due: tuple[DueEpoch, ...]
    overdue: tuple[DueEpoch, ...]
    unknown: tuple[EpochId, ...]
    live_records: int

    @property
    def due_records(self) -> int:
        """How many records the due epochs hold."""
        return sum(epoch.records for epoch in self.due)

    @property
    def overdue_records(self) -> int:
        """How many records should have been unreadable already."""
        return sum(epoch.records for epoch in self.overdue)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The record classes in force at one site, by name, and when each known hold ends, by its class's name."""

    classes: Mapping[str, RecordClass]
    hold_ends: Mapping[str, datetime] = field(default_factory=dict)

    def with_holds(self, holds: Iterable[Hold]) -> "Schedule":
        """Return the schedule that also knows these holds; a lifted one ended when it was lifted."""
        ends = {hold_class(hold.id): hold.lifted_at or hold.until for hold in holds}
        return replace(self, hold_ends={**self.hold_ends, **ends})

    def find_class(self, name: str) -> RecordClass:
        """Return a class. Raises `NotFound` for a class nobody defined, and for the class of an unknown hold."""
        found = self.classes.get(HOLD if is_hold(name) else name)
        if found is None or name == HOLD or (is_hold(name) and name not in self.hold_ends):
            raise NotFound(f"no such record class: {name}", hint="Known: " + ", ".join(sorted(self.classes)))
        if is_hold(name):
            return replace(found, name=name, keep=_NO_PERIOD, hard_end=self.hold_ends[name])
        return found

    def expires_at(self, epoch: EpochId) -> datetime:
        """Return when an epoch's key must be destroyed. Raises `NotFound` for a class nobody defined."""
        return self.find_class(epoch_span(epoch)[0]).expires_at(epoch)

    def plan(self, now: datetime, epochs: Mapping[EpochId, int]) -> Plan:
        """Return what is due among `epochs` (with their numbers of readable records): never early, at most an hour late.

        Held records are in epochs of their own and so need no exception here.
        """
        expiries, unknown = {}, []
        for epoch in epochs:
            try:
                expiries[epoch] = self.expires_at(epoch)
            except NotFound:
                unknown.append(epoch)
        due = sorted(
            (DueEpoch(epoch, epochs[epoch], when) for epoch, when in expiries.items() if when <= now),
            key=lambda one: (one.expired_at, one.epoch),
        )
        late = tuple(one for one in due if one.expired_at + LATE_AFTER < now)
        living = sum(epochs[epoch] for epoch, when in expiries.items() if when > now)
        return Plan(now, due=tuple(due), overdue=late, unknown=tuple(sorted(unknown)), live_records=living)


def load_schedule(
    *, keep: Mapping[str, timedelta] | None = None, hard_ends: Mapping[str, datetime] | None = None
) -> Schedule:
    """Return the shipped classes with a site's own periods and end dates laid over them.

    A class that needs an end date and was given none is left out: it cannot be used. Raises `Invalid` for a class that is
    not shipped, for a period that is not positive, and where a class may not outlive another but would.
    """
    raw = _read_shipped()
    classes = {name: _build_class(name, fields) for name, fields in raw.items()}
    for name, period in (keep or {}).items():
        classes[name] = _change_period(classes, name, period)
    for name, end in (hard_ends or {}).items():
        if name not in classes or end.tzinfo is None:
            raise Invalid(
                f"no end date can be set for {name!r}", hint="Name a shipped class and a time with a zone."
            )
        classes[name] = replace(classes[name], hard_end=end)
    for name, fields in raw.items():
        limit = fields.get("never_longer_than")
        if limit is not None and _longer(classes[name], classes[limit]):
            raise Invalid(f"class {name} would outlive {limit}", hint=f"Shorten {name} as well (R-53).")
        if fields.get("needs_hard_end") and classes[name].hard_end is None:
            del classes[name]
    return Schedule(classes)


def hold_class(hold_id: str) -> str:
    """Return the class of one hold's records, so that they have keys of their own and die together."""
    return f"{HOLD}-{check_ulid(hold_id).lower()}"


def find_hold(name: str) -> str | None:
    """Return the hold whose records a class or an epoch keeps; None for one of another kind."""
    return name.removeprefix(f"{HOLD}-").upper() if is_hold(name) else None


def is_hold(name: str) -> bool:
    """Say whether a class or an epoch belongs to a hold."""
    return name.startswith(f"{HOLD}-")


def _read_shipped() -> dict[str, dict[str, Any]]:
    """Return the shipped table of classes."""
    text = files("wayseal.retention").joinpath("classes.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _build_class(name: str, fields: Mapping[str, Any]) -> RecordClass:
    """Return one class from its table. Raises `Invalid` for unknown keys, missing words or a negative period."""
    hours, years = fields.get("keep_hours", 0), fields.get("keep_years", 0)
    words = (fields.get("legal_text"), fields.get("source"))
    if (
        set(fields) - _FIELDS
        or not all(words)
        or hours < 0
        or years < 0
        or (hours == years == 0 and name != HOLD)
    ):
        raise Invalid(
            f"record class {name!r} is malformed", hint="See retention/classes.toml for what it takes."
        )
    return RecordClass(name, timedelta(hours=hours), str(words[0]), str(words[1]), keep_years=years)


def _change_period(classes: Mapping[str, RecordClass], name: str, period: timedelta) -> RecordClass:
    """Return a class with a site's own period. Raises `Invalid`."""
    if name not in classes or name == HOLD or period <= timedelta(0):
        raise Invalid(
            f"the period of class {name!r} cannot be changed so",
            hint="Name a shipped class and a positive period.",
        )
    return replace(classes[name], keep=period, keep_years=0)


def _longer(one: RecordClass, other: RecordClass) -> bool:
    """Say whether one class keeps longer than another from the same hour."""
    probe = EpochId("probe/2001-01-01T00Z")
    return one.expires_at(probe) > other.expires_at(probe)
