"""Rows of exports: what was asked for, what was shown to approvers, what they signed, and how far each export has come.

Owns `exports`, `export_approvals` and `export_ballots`. The ledger is the truth; a row that says something else is refused by
`flow.disclose`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from wayseal.model.disclosure import Export, ExportState, GivenApproval
from wayseal.model.errors import NotFound
from wayseal.store.schema_exports import export_approvals, export_ballots, exports


def add_export(connection: Connection, export: Export) -> None:
    """Insert an export whose request is on the ledger already."""
    connection.execute(
        insert(exports).values(
            id=export.id,
            manifest=export.manifest,
            manifest_sha256=export.manifest_sha256,
            recipient=export.recipient,
            requester=export.requester,
            records=export.records,
            requested_at=export.requested_at,
            expires_at=export.expires_at,
            request_index=export.request_index,
            state=export.state.value,
        )
    )


def get_export(connection: Connection, export_id: str) -> Export:
    """Return one export. Raises `NotFound`."""
    row = connection.execute(select(exports).where(exports.c.id == export_id)).mappings().first()
    if row is None:
        raise NotFound("no such export", hint="List them: wayseal export list.")
    return _to_export(row)


def list_exports(connection: Connection, *, since: datetime | None = None) -> list[Export]:
    """Return exports, newest first."""
    chosen = select(exports).order_by(exports.c.id.desc())
    if since is not None:
        chosen = chosen.where(exports.c.requested_at >= since)
    return [_to_export(row) for row in connection.execute(chosen).mappings()]


def mark_declined(connection: Connection, export_id: str) -> None:
    """Note that an approver refused it."""
    waiting = (exports.c.id == export_id) & (exports.c.state == ExportState.REQUESTED.value)
    connection.execute(update(exports).where(waiting).values(state=ExportState.DECLINED.value))


def mark_released(connection: Connection, export_id: str, released: Mapping[str, Any]) -> None:
    """Note what the ledger says of the release: `mark`, `bundle_sha256`, `released_at`, `release_index`. May be repeated."""
    values = {**released, "state": ExportState.RELEASED.value}
    connection.execute(update(exports).where(exports.c.id == export_id).values(**values))


def mark_followed(connection: Connection, export_id: str, outcome: str, *, when: datetime) -> None:
    """Note that the recipient has `received` or `deleted` what was given; the first time counts."""
    column = {"received": exports.c.received_at, "deleted": exports.c.deleted_at}[outcome]
    chosen = update(exports).where(exports.c.id == export_id, column.is_(None))
    connection.execute(chosen.values({column: when}))


def add_approval(connection: Connection, given: GivenApproval) -> None:
    """Insert an approval whose entry is on the ledger. `Invalid` at the end when its organisation has approved already."""
    connection.execute(
        insert(export_approvals).values(
            export=given.export,
            organisation=given.organisation,
            approver=given.approver,
            key=given.key,
            approval=given.approval,
            approved_at=given.approved_at,
            shown_at=given.shown_at,
            ledger_index=given.ledger_index,
        )
    )


def list_approvals(connection: Connection, export_id: str) -> list[GivenApproval]:
    """Return an export's approvals in the order of the ledger."""
    chosen = select(export_approvals).where(export_approvals.c.export == export_id)
    rows = connection.execute(chosen.order_by(export_approvals.c.ledger_index)).mappings()
    return [GivenApproval(**row) for row in rows]


def show_ballot(
    connection: Connection, digest: str, approver: str, *, export: str, checkpoint: str, now: datetime
) -> None:
    """Note that a manifest was put before an approver under a checkpoint. The first time counts."""
    same = (export_ballots.c.digest == digest) & (export_ballots.c.approver == approver)
    if connection.execute(select(export_ballots.c.digest).where(same)).first() is None:
        connection.execute(
            insert(export_ballots).values(
                digest=digest, approver=approver, export=export, checkpoint=checkpoint, shown_at=now
            )
        )


def find_ballot(connection: Connection, export: str, approver: str) -> datetime | None:
    """Return when an export was first put before an approver, None when it was not."""
    chosen = select(func.min(export_ballots.c.shown_at)).where(
        export_ballots.c.export == export, export_ballots.c.approver == approver
    )
    return connection.execute(chosen).scalar()


def answer_ballots(
    connection: Connection, export: str, approver: str, outcome: str, *, now: datetime
) -> None:
    """Note that an approver has `approved` or `declined` what was put before them."""
    mine = (export_ballots.c.export == export) & (export_ballots.c.approver == approver)
    open_ones = update(export_ballots).where(mine, export_ballots.c.outcome.is_(None))
    connection.execute(open_ones.values(outcome=outcome, answered_at=now))


def list_votes(
    connection: Connection, approver: str
) -> list[tuple[str, str | None, datetime, datetime | None]]:
    """Return (export, outcome, first shown, answered) of everything that was put before an approver, oldest first."""
    c = export_ballots.c
    chosen = select(c.export, func.max(c.outcome), func.min(c.shown_at), func.max(c.answered_at))
    rows = connection.execute(chosen.where(c.approver == approver).group_by(c.export).order_by(c.export))
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def _to_export(row: RowMapping) -> Export:
    return Export(**{**row, "state": ExportState(row["state"])})
