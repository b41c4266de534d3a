"""Holds with their records, and the releases by which records are opened."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TIME = sa.BigInteger


def upgrade() -> None:
    """Make the three tables and their indexes."""
    op.create_table(
        "holds",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("approver_a", sa.String(128), nullable=False),
        sa.Column("approver_b", sa.String(128), nullable=False),
        sa.Column("placed_at", TIME, nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.Column("lifted_at", TIME),
        sa.Column("ledger_index", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_holds"),
    )
    op.create_table(
        "hold_records",
        sa.Column("hold", sa.String(26), nullable=False),
        sa.Column("object_id", sa.String(26), nullable=False),
        sa.PrimaryKeyConstraint("hold", "object_id", name="pk_hold_records"),
        sa.ForeignKeyConstraint(["hold"], ["holds.id"], name="fk_hold_records_hold"),
        sa.ForeignKeyConstraint(["object_id"], ["records.object_id"], name="fk_hold_records_object_id"),
    )
    op.create_table(
        "releases",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("record", sa.String(26), nullable=False),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("principal", sa.String(128), nullable=False),
        sa.Column("ledger_index", sa.BigInteger, nullable=False),
        sa.Column("requested_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("approved_by", sa.Text, nullable=False),
        sa.Column("opened_at", TIME),
        sa.Column("opened_ledger_index", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_releases"),
    )
    op.create_index("ix_releases_record", "releases", ["record"])
    op.create_index("ix_releases_principal", "releases", ["principal"])
