"""Counts by lane, day and seat: capture is reported for each position in the vehicle, with its occupants as denominator."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

COUNTS = ("occupants", "captured", "matched", "referred")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "lane_seats",
        sa.Column("lane", sa.String(63), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("seat", sa.String(16), nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in COUNTS),
        sa.PrimaryKeyConstraint("lane", "day", "seat", name="pk_lane_seats"),
    )
