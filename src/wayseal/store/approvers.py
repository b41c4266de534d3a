"""Rows of the two sides of a disclosure: recipients, and approvers with their public keys.

Owns `recipients`, `approvers`, `approver_keys`, `appointments` and `release_approvals`. Whose signature counts is decided in
`flow.consent` and at the gate; the ledger says what a row must say.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping, insert, select, update

from wayseal.model.disclosure import Approver, ApproverKey, BundleForm, CredentialForm, Recipient
from wayseal.model.errors import NotFound
from wayseal.store.rows import put_row
from wayseal.store.schema_exports import (
    appointments,
    approver_keys,
    approvers,
    recipients,
    release_approvals,
)


def put_recipient(connection: Connection, recipient: Recipient) -> None:
    """Insert a recipient, or replace the one of that name."""
    values = {
        "name": recipient.name,
        "organisation": recipient.organisation,
        "form": recipient.form.value,
        "key": recipient.key,
        "key_sha256": recipient.key_sha256,
        "receipt_key": recipient.receipt_key,
        "registered_at": recipient.registered_at,
        "retired_at": recipient.retired_at,
    }
    put_row(connection, recipients, values)


def get_recipient(connection: Connection, name: str) -> Recipient:
    """Return a recipient, retired ones too. Raises `NotFound`."""
    row = connection.execute(select(recipients).where(recipients.c.name == name)).mappings().first()
    if row is None:
        raise NotFound("no such recipient", hint="Register one: wayseal export recipient add.")
    return _to_recipient(row)


def list_recipients(connection: Connection) -> list[Recipient]:
    """Return all recipients by name."""
    rows = connection.execute(select(recipients).order_by(recipients.c.name)).mappings()
    return [_to_recipient(row) for row in rows]


def retire_recipient(connection: Connection, name: str, *, when: datetime) -> None:
    """Note that nothing goes to a recipient any more."""
    connection.execute(update(recipients).where(recipients.c.name == name).values(retired_at=when))


def add_approver(
    connection: Connection, approver: Approver, *, code_sha256: str | None, code_until: datetime | None
) -> None:
    """Insert an approver. The code is what they enrol an authenticator with. `Invalid` at the end when they are there already."""
    connection.execute(
        insert(approvers).values(
            id=approver.id,
            organisation=approver.organisation,
            role=approver.role,
            registered_at=approver.registered_at,
            revoked_at=approver.revoked_at,
            code_sha256=code_sha256,
            code_until=code_until,
        )
    )


def get_approver(connection: Connection, approver: str) -> Approver:
    """Return an approver, revoked ones too. Raises `NotFound`."""
    row = connection.execute(select(approvers).where(approvers.c.id == approver)).mappings().first()
    if row is None:
        raise NotFound(
            "nobody of that staff id may approve exports", hint="Register them: wayseal export approver add."
        )
    return _to_approver(row)


def list_approvers(connection: Connection) -> list[Approver]:
    """Return all approvers by staff id."""
    return [
        _to_approver(row) for row in connection.execute(select(approvers).order_by(approvers.c.id)).mappings()
    ]


def revoke_approver(connection: Connection, approver: str, *, when: datetime) -> None:
    """Note that somebody's signature counts no more."""
    connection.execute(update(approvers).where(approvers.c.id == approver).values(revoked_at=when))


def set_code(connection: Connection, approver: str, code_sha256: str, *, until: datetime) -> None:
    """Note an approver's enrolment code in place of an older one."""
    values = {"code_sha256": code_sha256, "code_until": until}
    connection.execute(update(approvers).where(approvers.c.id == approver).values(**values))


def take_code(connection: Connection, approver: str, code_sha256: str, *, now: datetime) -> bool:
    """Use an enrolment code up and say whether it was the right one, in time."""
    right = (approvers.c.id == approver) & (approvers.c.code_sha256 == code_sha256)
    chosen = update(approvers).where(right & (approvers.c.code_until > now))
    return connection.execute(chosen.values(code_sha256=None, code_until=None)).rowcount == 1


def add_key(connection: Connection, key: ApproverKey) -> None:
    """Insert a credential. `Invalid` at the end when somebody has that very key already."""
    connection.execute(
        insert(approver_keys).values(
            id=key.id,
            approver=key.approver,
            form=key.form.value,
            public=key.public,
            credential=key.credential,
            sign_count=key.sign_count,
            enrolled_at=key.enrolled_at,
        )
    )


def list_keys(connection: Connection, approver: str) -> list[ApproverKey]:
    """Return an approver's credentials, oldest first."""
    chosen = select(approver_keys).where(approver_keys.c.approver == approver)
    rows = connection.execute(chosen.order_by(approver_keys.c.enrolled_at)).mappings()
    return [_to_key(row) for row in rows]


def find_keys(connection: Connection, ids: Sequence[str]) -> dict[str, ApproverKey]:
    """Return those credentials of `ids` that are there, by id."""
    rows = connection.execute(select(approver_keys).where(approver_keys.c.id.in_(list(ids)))).mappings()
    return {row["id"]: _to_key(row) for row in rows}


def set_sign_count(connection: Connection, key_id: str, count: int) -> None:
    """Note an authenticator's counter, which must grow with each signature."""
    connection.execute(update(approver_keys).where(approver_keys.c.id == key_id).values(sign_count=count))


def put_appointment(connection: Connection, key_id: str, document: bytes) -> None:
    """Keep the officials' appointment of a credential, in place of an older one."""
    put_row(connection, appointments, {"key": key_id, "document": document})


def find_appointments(connection: Connection, keys: Sequence[str]) -> dict[str, bytes]:
    """Return the appointments of those credentials of `keys` that have one, by credential."""
    chosen = select(appointments).where(appointments.c.key.in_(list(keys)))
    return {row["key"]: row["document"] for row in connection.execute(chosen).mappings()}


def put_release_approval(
    connection: Connection, release: str, approver: str, *, key: str, approval: bytes
) -> None:
    """Keep what somebody signed for a release, a session grant or a hold, by its id, in place of what they signed before."""
    values = {"release": release, "approver": approver, "key": key, "approval": approval}
    put_row(connection, release_approvals, values)


def list_release_approvals(connection: Connection, releases: Sequence[str]) -> list[tuple[str, str, bytes]]:
    """Return (id, credential, approval) of everything that was signed for these releases, session grants or holds."""
    chosen = select(release_approvals).where(release_approvals.c.release.in_(list(releases)))
    rows = connection.execute(chosen.order_by(release_approvals.c.release, release_approvals.c.approver))
    return [(row["release"], row["key"], row["approval"]) for row in rows.mappings()]


def _to_recipient(row: RowMapping) -> Recipient:
    return Recipient(**{**row, "form": BundleForm(row["form"])})


def _to_approver(row: RowMapping) -> Approver:
    fields = ("id", "organisation", "role", "registered_at", "revoked_at")
    return Approver(**{name: row[name] for name in fields})


def _to_key(row: RowMapping) -> ApproverKey:
    return ApproverKey(**{**row, "form": CredentialForm(row["form"])})
