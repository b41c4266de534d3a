"""Records, encounters and crossings: what the main line needs."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TIME = sa.BigInteger


def upgrade() -> None:
    """Make the three tables and their indexes."""
    op.create_table(
        "records",
        sa.Column("object_id", sa.String(26), nullable=False),
        sa.Column("encounter", sa.String(26)),
        sa.Column("lane", sa.String(63), nullable=False),
        sa.Column("device", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("record_class", sa.String(31), nullable=False),
        sa.Column("epoch", sa.String(48), nullable=False),
        sa.Column("sealed_at", TIME, nullable=False),
        sa.Column("padded_size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("segment", sa.String(64)),
        sa.Column("offset", sa.BigInteger),
        sa.Column("length", sa.BigInteger),
        sa.Column("ledger_index", sa.BigInteger, nullable=False),
        sa.Column("status", sa.String(8), nullable=False),
        sa.Column("erased_at", TIME),
        sa.Column("erase_ledger_index", sa.BigInteger),
        sa.PrimaryKeyConstraint("object_id", name="pk_records"),
    )
    op.create_index("ix_records_epoch_status", "records", ["epoch", "status"])
    op.create_index("ix_records_lane_sealed_at", "records", ["lane", "sealed_at"])
    op.create_index("ix_records_encounter", "records", ["encounter"])
    _create_encounters()
    _create_crossings()


def _create_encounters() -> None:
    op.create_table(
        "encounters",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("lane", sa.String(63), nullable=False),
        sa.Column("direction", sa.String(8), nullable=False),
        sa.Column("time", TIME, nullable=False),
        sa.Column("occupants_seen", sa.Integer, nullable=False),
        sa.Column("document", sa.String(26)),
        sa.Column("record_class", sa.String(31), nullable=False),
        sa.Column("epoch", sa.String(48), nullable=False),
        sa.Column("status", sa.String(8), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_encounters"),
    )
    op.create_index("ix_encounters_time", "encounters", ["time"])
    op.create_index("ix_encounters_epoch", "encounters", ["epoch"])


def _create_crossings() -> None:
    op.create_table(
        "crossings",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("encounter", sa.String(26), nullable=False),
        sa.Column("seat", sa.String(16), nullable=False),
        sa.Column("lane", sa.String(63), nullable=False),
        sa.Column("direction", sa.String(8), nullable=False),
        sa.Column("time", TIME, nullable=False),
        sa.Column("traveller_tag", sa.LargeBinary(32)),
        sa.Column("paired_with", sa.String(26)),
        sa.Column("document", sa.String(26)),
        sa.Column("decided", sa.Boolean, nullable=False),
        sa.Column("record_class", sa.String(31), nullable=False),
        sa.Column("epoch", sa.String(48), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_crossings"),
    )
    op.create_index("ix_crossings_traveller_tag", "crossings", ["traveller_tag"])
    op.create_index("ix_crossings_time", "crossings", ["time"])
    op.create_index("ix_crossings_epoch", "crossings", ["epoch"])
