"""The lane's outbox."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table and its indexes."""
    op.create_table(
        "outbox",
        sa.Column("object_id", sa.String(26), nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("encounter", sa.String(26)),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("epoch", sa.String(48), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("segment", sa.String(64)),
        sa.Column("offset", sa.BigInteger),
        sa.Column("length", sa.BigInteger),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("queued_at", sa.BigInteger, nullable=False),
        sa.Column("sent_at", sa.BigInteger),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("receipt_ledger_index", sa.BigInteger),
        sa.Column("receipt_signature", sa.LargeBinary),
        sa.PrimaryKeyConstraint("object_id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_sequence", "outbox", ["sequence"], unique=True)
    op.create_index("ix_outbox_state_sequence", "outbox", ["state", "sequence"])
    op.create_index("ix_outbox_epoch", "outbox", ["epoch"])
