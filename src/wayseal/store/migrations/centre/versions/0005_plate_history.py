"""A keyed tag of the plate on each crossing, by which the travellers of a vehicle that comes again are expected."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column and its index. Crossings from before have no tag and announce nobody."""
    op.add_column("crossings", sa.Column("plate_tag", sa.LargeBinary(32)))
    op.create_index("ix_crossings_plate_tag", "crossings", ["plate_tag"])
