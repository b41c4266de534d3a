"""Officials' appointments of approvers, and what second persons signed for a release."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "appointments",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_appointments"),
        sa.ForeignKeyConstraint(["key"], ["approver_keys.id"], name="fk_appointments_key"),
    )
    op.create_table(
        "release_approvals",
        sa.Column("release", sa.String(26), nullable=False),
        sa.Column("approver", sa.String(63), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("approval", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("release", "approver", name="pk_release_approvals"),
        sa.ForeignKeyConstraint(["approver"], ["approvers.id"], name="fk_release_approvals_approver"),
    )
