"""Rows of lane health by seat: of the occupants seen there on a day, how many were captured, matched, referred (R-03).

Owns the `lane_seats` table. Counts only. Each function takes a connection, so that a vehicle is counted together with its
answer, once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, insert, select, update

from wayseal.store.schema_health import lane_seats

_COUNTS = ("occupants", "captured", "matched", "referred")


@dataclass(frozen=True, slots=True)
class SeatDay:
    """One seat of one lane's vehicles on one day, in counts."""

    lane: str
    day: date
    seat: str
    occupants: int = 0
    captured: int = 0
    matched: int = 0
    referred: int = 0


def add_seats(connection: Connection, more: Sequence[SeatDay]) -> None:
    """Add counts to seats' days. Concurrent writers of one lane's day must take its `lane_days` row first."""
    for one in more:
        key = (
            (lane_seats.c.lane == one.lane)
            & (lane_seats.c.day == one.day.isoformat())
            & (lane_seats.c.seat == one.seat)
        )
        values = {name: lane_seats.c[name] + getattr(one, name) for name in _COUNTS}
        if connection.execute(update(lane_seats).where(key).values(**values)).rowcount == 0:
            fresh = {name: getattr(one, name) for name in ("lane", "seat", *_COUNTS)}
            connection.execute(insert(lane_seats).values(day=one.day.isoformat(), **fresh))


def list_seats(
    connection: Connection, *, since: date | None = None, until: date | None = None
) -> list[SeatDay]:
    """Return the seats' days of all lanes, by lane, day and seat, between two days where given."""
    chosen = select(lane_seats).order_by(lane_seats.c.lane, lane_seats.c.day, lane_seats.c.seat)
    if since is not None:
        chosen = chosen.where(lane_seats.c.day >= since.isoformat())
    if until is not None:
        chosen = chosen.where(lane_seats.c.day <= until.isoformat())
    rows = connection.execute(chosen).mappings()
    return [SeatDay(**{**row, "day": date.fromisoformat(row["day"])}) for row in rows]
