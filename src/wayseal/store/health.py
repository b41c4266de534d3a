"""Rows of lane health: what a lane saw on a day, in counts, and its running sums.

Owns the `lane_days` and `lane_watch` tables. Each function takes a connection, so that a vehicle is counted together with
its answer, once.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select

from wayseal.store.schema_health import lane_days, lane_watch

QUALITY_BINS = 10
"""Tenths of the quality scale 0-100."""
STRANGER_BINS = 60
STRANGER_FROM, STRANGER_SPAN = -0.2, 1.2
"""Of the best score of a search that matched nobody, from -0.2 to 1.0 in steps of 0.02."""
SECOND_EDGES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Upper edges of the bins of seconds from capture to result; the last bin has none."""


@dataclass(frozen=True, slots=True)
class LaneDay:
    """One lane's day under one face model, in counts. The three shapes are counts by bin."""

    lane: str
    day: date
    model_sha256: str
    vehicles: int = 0
    occupants: int = 0
    captured: int = 0
    matched: int = 0
    referred: int = 0
    plates: int = 0
    quality: tuple[int, ...] = (0,) * QUALITY_BINS
    strangers: tuple[int, ...] = (0,) * STRANGER_BINS
    seconds: tuple[int, ...] = (0,) * (len(SECOND_EDGES) + 1)

    def plus(self, other: "LaneDay") -> "LaneDay":
        """Return both days' counts together, under this one's lane, day and model."""
        values: dict[str, Any] = {name: getattr(self, name) + getattr(other, name) for name in _COUNTS}
        for name in _SHAPES:
            pairs = zip(getattr(self, name), getattr(other, name), strict=True)
            values[name] = tuple(mine + yours for mine, yours in pairs)
        return replace(self, **values)


@dataclass(frozen=True, slots=True)
class WatchSum:
    """One running sum of a lane, and when it last raised an alarm."""

    lane: str
    measure: str
    total: float
    alarmed_at: datetime | None


_COUNTS = ("vehicles", "occupants", "captured", "matched", "referred", "plates")
_SHAPES = ("quality", "strangers", "seconds")


def add_to_day(connection: Connection, more: LaneDay) -> None:
    """Add counts to a lane's day. Concurrent writers of one lane's day wait for each other."""
    key = (
        (lane_days.c.lane == more.lane)
        & (lane_days.c.day == more.day.isoformat())
        & (lane_days.c.model_sha256 == more.model_sha256)
    )
    row = connection.execute(select(lane_days).where(key).with_for_update()).mappings().first()
    whole = more if row is None else _read_day(dict(row)).plus(more)
    values = {name: getattr(whole, name) for name in ("lane", "model_sha256", *_COUNTS)}
    values |= {name: json.dumps(list(getattr(whole, name))) for name in _SHAPES}
    _put(connection, lane_days, key, {**values, "day": whole.day.isoformat()})


def list_days(connection: Connection, *, lane: str | None = None, since: date | None = None) -> list[LaneDay]:
    """Return the days of all lanes or one, by lane and day, from a day on where given."""
    chosen = select(lane_days).order_by(lane_days.c.lane, lane_days.c.day, lane_days.c.model_sha256)
    if lane is not None:
        chosen = chosen.where(lane_days.c.lane == lane)
    if since is not None:
        chosen = chosen.where(lane_days.c.day >= since.isoformat())
    return [_read_day(dict(row)) for row in connection.execute(chosen).mappings()]


def find_last_model(connection: Connection, lane: str) -> str | None:
    """Return the model under which a lane was counted last; None for a new lane."""
    chosen = select(lane_days.c.model_sha256).where(lane_days.c.lane == lane).order_by(lane_days.c.day.desc())
    return connection.execute(chosen.limit(1)).scalar()


def list_sums(connection: Connection, lane: str | None = None) -> dict[tuple[str, str], WatchSum]:
    """Return the running sums by lane and measure."""
    chosen = select(lane_watch) if lane is None else select(lane_watch).where(lane_watch.c.lane == lane)
    rows = [WatchSum(**row) for row in connection.execute(chosen).mappings()]
    return {(row.lane, row.measure): row for row in rows}


def put_sums(connection: Connection, sums: Sequence[WatchSum]) -> None:
    """Write running sums."""
    for one in sums:
        key = (lane_watch.c.lane == one.lane) & (lane_watch.c.measure == one.measure)
        _put(connection, lane_watch, key, {name: getattr(one, name) for name in WatchSum.__slots__})


def _put(connection: Connection, table: Table, key: Any, values: dict[str, Any]) -> None:
    connection.execute(delete(table).where(key))
    connection.execute(insert(table).values(**values))


def _read_day(row: dict[str, Any]) -> LaneDay:
    values = row | {name: tuple(json.loads(row[name])) for name in _SHAPES}
    return LaneDay(**values | {"day": date.fromisoformat(row["day"])})
