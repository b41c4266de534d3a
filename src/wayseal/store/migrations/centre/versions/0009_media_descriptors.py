"""A medium is known by its USB descriptors too: a serial number alone is what any programmable stick can claim."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column; media of before have none, and end within four hours."""
    op.add_column("media", sa.Column("descriptors_sha256", sa.String(64), nullable=True))
