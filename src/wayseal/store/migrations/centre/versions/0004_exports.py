"""Recipients, approvers with their keys, exports, the ballots shown for them and the approvals given."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

TIME = sa.BigInteger


def upgrade() -> None:
    """Make the tables and their indexes."""
    _make_people()
    _make_exports()
    _make_votes()


def _make_people() -> None:
    """Who may receive, and who may approve."""
    op.create_table(
        "recipients",
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("organisation", sa.String(63), nullable=False),
        sa.Column("form", sa.String(8), nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("key_sha256", sa.String(64), nullable=False),
        sa.Column("receipt_key", sa.LargeBinary),
        sa.Column("registered_at", TIME, nullable=False),
        sa.Column("retired_at", TIME),
        sa.PrimaryKeyConstraint("name", name="pk_recipients"),
    )
    op.create_table(
        "approvers",
        sa.Column("id", sa.String(63), nullable=False),
        sa.Column("organisation", sa.String(63), nullable=False),
        sa.Column("role", sa.String(63), nullable=False),
        sa.Column("registered_at", TIME, nullable=False),
        sa.Column("revoked_at", TIME),
        sa.Column("code_sha256", sa.String(64)),
        sa.Column("code_until", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_approvers"),
    )
    op.create_table(
        "approver_keys",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("approver", sa.String(63), nullable=False),
        sa.Column("form", sa.String(8), nullable=False),
        sa.Column("public", sa.LargeBinary, nullable=False),
        sa.Column("credential", sa.LargeBinary, nullable=False),
        sa.Column("sign_count", sa.BigInteger, nullable=False),
        sa.Column("enrolled_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_approver_keys"),
        sa.ForeignKeyConstraint(["approver"], ["approvers.id"], name="fk_approver_keys_approver"),
    )


def _make_exports() -> None:
    """What was asked for, and what became of it."""
    op.create_table(
        "exports",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("manifest", sa.LargeBinary, nullable=False),
        sa.Column("manifest_sha256", sa.String(64), nullable=False),
        sa.Column("recipient", sa.String(63), nullable=False),
        sa.Column("requester", sa.String(63), nullable=False),
        sa.Column("records", sa.Integer, nullable=False),
        sa.Column("requested_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("request_index", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("mark", sa.String(26)),
        sa.Column("bundle_sha256", sa.String(64)),
        sa.Column("released_at", TIME),
        sa.Column("release_index", sa.BigInteger),
        sa.Column("received_at", TIME),
        sa.Column("deleted_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_exports"),
        sa.ForeignKeyConstraint(["recipient"], ["recipients.name"], name="fk_exports_recipient"),
    )
    op.create_index("ix_exports_recipient_released_at", "exports", ["recipient", "released_at"])


def _make_votes() -> None:
    """What was put before approvers, and what they signed."""
    op.create_table(
        "export_approvals",
        sa.Column("export", sa.String(26), nullable=False),
        sa.Column("organisation", sa.String(63), nullable=False),
        sa.Column("approver", sa.String(63), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("approval", sa.LargeBinary, nullable=False),
        sa.Column("approved_at", TIME, nullable=False),
        sa.Column("shown_at", TIME),
        sa.Column("ledger_index", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("export", "organisation", name="pk_export_approvals"),
        sa.ForeignKeyConstraint(["export"], ["exports.id"], name="fk_export_approvals_export"),
        sa.ForeignKeyConstraint(["approver"], ["approvers.id"], name="fk_export_approvals_approver"),
    )
    op.create_table(
        "export_ballots",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("export", sa.String(26), nullable=False),
        sa.Column("approver", sa.String(63), nullable=False),
        sa.Column("checkpoint", sa.Text, nullable=False),
        sa.Column("shown_at", TIME, nullable=False),
        sa.Column("outcome", sa.String(16)),
        sa.Column("answered_at", TIME),
        sa.PrimaryKeyConstraint("digest", "approver", name="pk_export_ballots"),
        sa.ForeignKeyConstraint(["export"], ["exports.id"], name="fk_export_ballots_export"),
        sa.ForeignKeyConstraint(["approver"], ["approvers.id"], name="fk_export_ballots_approver"),
    )
    op.create_index("ix_export_ballots_approver", "export_ballots", ["approver"])
