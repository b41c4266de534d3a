"""The tables of disclosure: recipients, approvers with their public keys, exports, and what was signed for them.

Metadata only: record ids, staff ids, public keys and signatures. The ledger is the truth; these rows hold the bytes that it
commits to.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from wayseal.store.schema_base import UtcTime, centre

recipients = Table(
    "recipients",
    centre,
    Column("name", String(63), primary_key=True),
    Column("organisation", String(63), nullable=False),
    Column("form", String(8), nullable=False),
    Column("key", Text, nullable=False),
    Column("key_sha256", String(64), nullable=False),
    Column("receipt_key", LargeBinary, nullable=True),
    Column("registered_at", UtcTime, nullable=False),
    Column("retired_at", UtcTime, nullable=True),
)

approvers = Table(
    "approvers",
    centre,
    Column("id", String(63), primary_key=True),
    Column("organisation", String(63), nullable=False),
    Column("role", String(63), nullable=False),
    Column("registered_at", UtcTime, nullable=False),
    Column("revoked_at", UtcTime, nullable=True),
    Column("code_sha256", String(64), nullable=True),
    Column("code_until", UtcTime, nullable=True),
)

approver_keys = Table(
    "approver_keys",
    centre,
    Column("id", String(64), primary_key=True),
    Column("approver", String(63), ForeignKey("approvers.id"), nullable=False),
    Column("form", String(8), nullable=False),
    Column("public", LargeBinary, nullable=False),
    Column("credential", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("enrolled_at", UtcTime, nullable=False),
)

exports = Table(
    "exports",
    centre,
    Column("id", String(26), primary_key=True),
    Column("manifest", LargeBinary, nullable=False),
    Column("manifest_sha256", String(64), nullable=False),
    Column("recipient", String(63), ForeignKey("recipients.name"), nullable=False),
    Column("requester", String(63), nullable=False),
    Column("records", Integer, nullable=False),
    Column("requested_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("request_index", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("mark", String(26), nullable=True),
    Column("bundle_sha256", String(64), nullable=True),
    Column("released_at", UtcTime, nullable=True),
    Column("release_index", BigInteger, nullable=True),
    Column("received_at", UtcTime, nullable=True),
    Column("deleted_at", UtcTime, nullable=True),
)
Index("ix_exports_recipient_released_at", exports.c.recipient, exports.c.released_at)

export_approvals = Table(
    "export_approvals",
    centre,
    Column("export", String(26), ForeignKey("exports.id"), primary_key=True),
    Column("organisation", String(63), primary_key=True),
    Column("approver", String(63), ForeignKey("approvers.id"), nullable=False),
    Column("key", String(64), nullable=False),
    Column("approval", LargeBinary, nullable=False),
    Column("approved_at", UtcTime, nullable=False),
    Column("shown_at", UtcTime, nullable=True),
    Column("ledger_index", BigInteger, nullable=False),
)

export_ballots = Table(
    "export_ballots",
    centre,
    Column("digest", String(64), primary_key=True),
    Column("approver", String(63), ForeignKey("approvers.id"), primary_key=True),
    Column("export", String(26), ForeignKey("exports.id"), nullable=False),
    Column("checkpoint", Text, nullable=False),
    Column("shown_at", UtcTime, nullable=False),
    Column("outcome", String(16), nullable=True),
    Column("answered_at", UtcTime, nullable=True),
)
Index("ix_export_ballots_approver", export_ballots.c.approver)

appointments = Table(
    "appointments",
    centre,
    Column("key", String(64), ForeignKey("approver_keys.id"), primary_key=True),
    Column("document", LargeBinary, nullable=False),
)

release_approvals = Table(
    "release_approvals",
    centre,
    Column("release", String(26), primary_key=True),
    Column("approver", String(63), ForeignKey("approvers.id"), primary_key=True),
    Column("key", String(64), nullable=False),
    Column("approval", LargeBinary, nullable=False),
)

EXPORT_TABLES = (
    recipients, approvers, approver_keys, exports, export_approvals, export_ballots, appointments, release_approvals
)  # fmt: skip
"""All of them, in an order in which they can be made."""
