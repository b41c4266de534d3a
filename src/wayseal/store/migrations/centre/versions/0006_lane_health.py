"""Counts by lane and day, and the running sums behind the alert on a lane that falls below its minimum."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

COUNTS = ("vehicles", "occupants", "captured", "matched", "referred", "plates")
SHAPES = ("quality", "strangers", "seconds")


def upgrade() -> None:
    """Make the two tables."""
    op.create_table(
        "lane_days",
        sa.Column("lane", sa.String(63), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("model_sha256", sa.String(64), nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in COUNTS),
        *(sa.Column(name, sa.Text, nullable=False) for name in SHAPES),
        sa.PrimaryKeyConstraint("lane", "day", "model_sha256", name="pk_lane_days"),
    )
    op.create_table(
        "lane_watch",
        sa.Column("lane", sa.String(63), nullable=False),
        sa.Column("measure", sa.String(31), nullable=False),
        sa.Column("total", sa.Float, nullable=False),
        sa.Column("alarmed_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("lane", "measure", name="pk_lane_watch"),
    )
