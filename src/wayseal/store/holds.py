"""Rows of legal holds. Owns `holds` and `hold_records`; what a hold may be is decided in `retention.hold` (R-51)."""

from datetime import datetime

from sqlalchemy import Connection, RowMapping, insert, or_, select, update

from wayseal.model.custody import Hold
from wayseal.model.errors import NotFound
from wayseal.model.ids import RecordId
from wayseal.store.schema import hold_records, holds


def add_hold(connection: Connection, hold: Hold, *, ledger_index: int) -> None:
    """Insert a hold with its records, which must all be there."""
    connection.execute(
        insert(holds).values(
            id=hold.id,
            reason=hold.reason,
            approver_a=hold.approvers[0],
            approver_b=hold.approvers[1],
            placed_at=hold.placed_at,
            until=hold.until,
            lifted_at=hold.lifted_at,
            ledger_index=ledger_index,
        )
    )
    connection.execute(insert(hold_records), [{"hold": hold.id, "object_id": one} for one in hold.records])


def get_hold(connection: Connection, hold_id: str) -> Hold:
    """Return one hold, lifted or not. Raises `NotFound`."""
    row = connection.execute(select(holds).where(holds.c.id == hold_id)).mappings().first()
    if row is None:
        raise NotFound("no such hold", hold=hold_id)
    return _with_records(connection, row)


def list_holds(connection: Connection, *, active_at: datetime | None = None) -> list[Hold]:
    """Return holds in id order; with `active_at` only those that are in force then."""
    chosen = select(holds).order_by(holds.c.id)
    if active_at is not None:
        in_force = or_(holds.c.lifted_at.is_(None), holds.c.lifted_at > active_at)
        chosen = chosen.where(holds.c.placed_at <= active_at, holds.c.until > active_at, in_force)
    return [_with_records(connection, row) for row in connection.execute(chosen).mappings().all()]


def lift_hold(connection: Connection, hold_id: str, *, when: datetime) -> None:
    """Note that a hold was lifted. Raises `NotFound` when there is none in force under that id."""
    chosen = (holds.c.id == hold_id) & holds.c.lifted_at.is_(None)
    if connection.execute(update(holds).where(chosen).values(lifted_at=when)).rowcount == 0:
        raise NotFound("no hold in force under that id", hold=hold_id)


def _with_records(connection: Connection, row: RowMapping) -> Hold:
    named = select(hold_records.c.object_id).where(hold_records.c.hold == row["id"])
    found = connection.execute(named.order_by(hold_records.c.object_id)).scalars()
    return Hold(
        id=row["id"],
        records=tuple(RecordId(object_id) for object_id in found),
        reason=row["reason"],
        approvers=(row["approver_a"], row["approver_b"]),
        placed_at=row["placed_at"],
        until=row["until"],
        lifted_at=row["lifted_at"],
    )
