"""Rows of public notices, of joint sign-offs, and of what each lane was last told: armed or disarmed."""

from datetime import datetime

from sqlalchemy import Connection, select

from wayseal.model.oversight import Duty, LaneState, Notice, SignOff
from wayseal.store.rows import put_row
from wayseal.store.schema_oversight import lane_states, notices, sign_offs


def put_notice(connection: Connection, notice: Notice) -> None:
    """Write a lane's public notice."""
    put_row(connection, notices, {name: getattr(notice, name) for name in Notice.__slots__})


def list_notices(
    connection: Connection, *, lane: str | None = None, since: datetime | None = None
) -> list[Notice]:
    """Return notices in the order in which they begin, of one lane where named."""
    chosen = select(notices).order_by(notices.c.starts, notices.c.id)
    if lane is not None:
        chosen = chosen.where(notices.c.lane == lane)
    if since is not None:
        chosen = chosen.where(notices.c.starts >= since)
    return [Notice(**row) for row in connection.execute(chosen).mappings()]


def put_sign_off(connection: Connection, sign_off: SignOff) -> None:
    """Write one half of a site's joint sign-off."""
    values = {name: getattr(sign_off, name) for name in SignOff.__slots__}
    put_row(connection, sign_offs, {**values, "duty": sign_off.duty.value})


def list_sign_offs(connection: Connection, *, site: str | None = None) -> list[SignOff]:
    """Return sign-offs, oldest first, of one site where named."""
    chosen = select(sign_offs).order_by(sign_offs.c.id)
    if site is not None:
        chosen = chosen.where(sign_offs.c.site == site)
    return [SignOff(**{**row, "duty": Duty(row["duty"])}) for row in connection.execute(chosen).mappings()]


def put_lane_state(connection: Connection, state: LaneState) -> None:
    """Write what a lane was last told."""
    status = "armed" if state.armed else "disarmed"
    values = {"lane": state.lane, "status": status, "reason": state.reason, "since": state.since}
    put_row(connection, lane_states, values)


def list_lane_states(connection: Connection) -> dict[str, LaneState]:
    """Return what each lane was last told, by lane."""
    rows = connection.execute(select(lane_states)).mappings()
    return {
        row["lane"]: LaneState(row["lane"], row["status"] == "armed", row["reason"], row["since"])
        for row in rows
    }
