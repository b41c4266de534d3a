"""Rows of releases: which record may be opened, for what, by whom, until when, and whether it was.

Owns the `releases` table. The ledger is the truth; these rows make it quick to look up.
"""

import json
from datetime import datetime

from sqlalchemy import Connection, RowMapping, insert, select, update

from wayseal.model.custody import Purpose, Release
from wayseal.model.errors import NotFound, Refused
from wayseal.model.ids import RecordId
from wayseal.store.schema import releases


def add_release(connection: Connection, release: Release) -> None:
    """Insert a release whose intent is on the ledger already."""
    connection.execute(
        insert(releases).values(
            id=release.id,
            record=release.record,
            purpose=release.purpose.value,
            principal=release.principal,
            ledger_index=release.ledger_index,
            requested_at=release.requested_at,
            expires_at=release.expires_at,
            approved_by=json.dumps(list(release.approved_by)),
        )
    )


def get_release(connection: Connection, release_id: str) -> Release:
    """Return one release. Raises `NotFound`."""
    row = connection.execute(select(releases).where(releases.c.id == release_id)).mappings().first()
    if row is None:
        raise NotFound("no such release", release=release_id)
    return _from_row(row)


def list_releases(
    connection: Connection, *, record: RecordId | None = None, principal: str | None = None, limit: int = 1000
) -> list[Release]:
    """Return releases, newest first, of one record or principal where given."""
    chosen = select(releases).order_by(releases.c.requested_at.desc(), releases.c.id.desc()).limit(limit)
    if record is not None:
        chosen = chosen.where(releases.c.record == record)
    if principal is not None:
        chosen = chosen.where(releases.c.principal == principal)
    return [_from_row(row) for row in connection.execute(chosen).mappings()]


def list_unopened(connection: Connection, *, since: datetime, limit: int) -> list[Release]:
    """Return releases that were asked for since then and that nobody has opened, newest first."""
    chosen = select(releases).where(releases.c.opened_at.is_(None) & (releases.c.requested_at >= since))
    ordered = chosen.order_by(releases.c.requested_at.desc(), releases.c.id.desc()).limit(limit)
    return [_from_row(row) for row in connection.execute(ordered).mappings()]


def set_approvers(connection: Connection, release_id: str, approvers: tuple[str, ...]) -> None:
    """Note who has approved. Raises `NotFound`."""
    chosen = update(releases).where(releases.c.id == release_id)
    if connection.execute(chosen.values(approved_by=json.dumps(list(approvers)))).rowcount == 0:
        raise NotFound("no such release", release=release_id)


def mark_opened(connection: Connection, release_id: str, *, when: datetime, ledger_index: int) -> None:
    """Use a release up: one release opens one record once. Raises `Refused` when it was used already, or is not there."""
    unused = (releases.c.id == release_id) & releases.c.opened_at.is_(None)
    values = {"opened_at": when, "opened_ledger_index": ledger_index}
    if connection.execute(update(releases).where(unused).values(**values)).rowcount == 0:
        raise Refused("the release was used already", hint="Request another one for another look.")


def _from_row(row: RowMapping) -> Release:
    return Release(
        id=row["id"],
        record=RecordId(row["record"]),
        purpose=Purpose(row["purpose"]),
        principal=row["principal"],
        requested_at=row["requested_at"],
        expires_at=row["expires_at"],
        ledger_index=row["ledger_index"],
        approved_by=tuple(json.loads(row["approved_by"])),
    )
