"""The register of third parties and their equipment, assessments with their evidence, findings, duties and lane states."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TIME = sa.BigInteger


def upgrade() -> None:
    """Make the tables and their indexes."""
    _make_register()
    _make_assessments()
    _make_duties()


def _make_register() -> None:
    """Who there is, and what equipment."""
    op.create_table(
        "organisations",
        sa.Column("id", sa.String(63), nullable=False),
        sa.Column("tier", sa.String(16), nullable=False),
        sa.Column("under", sa.String(63)),
        sa.Column("registered_at", TIME, nullable=False),
        sa.Column("standing", sa.String(16), nullable=False),
        sa.Column("standing_at", TIME, nullable=False),
        sa.Column("standing_index", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_organisations"),
    )
    op.create_table(
        "contracts",
        sa.Column("id", sa.String(63), nullable=False),
        sa.Column("organisation", sa.String(63), nullable=False),
        sa.Column("site", sa.String(63), nullable=False),
        sa.Column("permitted_data", sa.Text, nullable=False),
        sa.Column("place", sa.String(63), nullable=False),
        sa.Column("starts", TIME, nullable=False),
        sa.Column("ends", TIME, nullable=False),
        sa.Column("clauses_sha256", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_contracts"),
        sa.ForeignKeyConstraint(["organisation"], ["organisations.id"], name="fk_contracts_organisation"),
    )
    op.create_index("ix_contracts_organisation", "contracts", ["organisation"])
    op.create_table(
        "people",
        sa.Column("id", sa.String(63), nullable=False),
        sa.Column("organisation", sa.String(63), nullable=False),
        sa.Column("role", sa.String(63), nullable=False),
        sa.Column("training_until", TIME),
        sa.Column("left_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_people"),
        sa.ForeignKeyConstraint(["organisation"], ["organisations.id"], name="fk_people_organisation"),
    )
    op.create_index("ix_people_organisation", "people", ["organisation"])
    op.create_table(
        "equipment",
        sa.Column("id", sa.String(63), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("model", sa.String(63), nullable=False),
        sa.Column("serial", sa.String(64), nullable=False),
        sa.Column("organisation", sa.String(63), nullable=False),
        sa.Column("site", sa.String(63), nullable=False),
        sa.Column("lane", sa.String(63)),
        sa.Column("device_sha256", sa.String(64)),
        sa.Column("enrolled_at", TIME, nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.Column("retired_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_equipment"),
        sa.ForeignKeyConstraint(["organisation"], ["organisations.id"], name="fk_equipment_organisation"),
    )
    op.create_index("ix_equipment_lane", "equipment", ["lane"])
    op.create_index("ix_equipment_serial", "equipment", ["serial"], unique=True)
    op.create_table(
        "components",
        sa.Column("model", sa.String(63), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("registered_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("model", name="pk_components"),
    )


def _make_assessments() -> None:
    """What was assessed, seen and found."""
    op.create_table(
        "assessments",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("equipment", sa.String(63), nullable=False),
        sa.Column("cycle", sa.String(8), nullable=False),
        sa.Column("assessor", sa.String(63), nullable=False),
        sa.Column("nonce", sa.String(64), nullable=False),
        sa.Column("drawn_at", TIME, nullable=False),
        sa.Column("started_at", TIME),
        sa.Column("finished_at", TIME),
        sa.Column("passed", sa.Boolean),
        sa.PrimaryKeyConstraint("id", name="pk_assessments"),
        sa.ForeignKeyConstraint(["equipment"], ["equipment.id"], name="fk_assessments_equipment"),
    )
    op.create_index("ix_assessments_equipment", "assessments", ["equipment", "finished_at"])
    op.create_index("ix_assessments_nonce", "assessments", ["nonce"], unique=True)
    op.create_table(
        "observations",
        sa.Column("assessment", sa.String(26), nullable=False),
        sa.Column("probe", sa.String(63), nullable=False),
        sa.Column("control", sa.String(63), nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("result", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("observed_at", TIME, nullable=False),
        sa.Column("evidence", sa.LargeBinary, nullable=False),
        sa.Column("evidence_sha256", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("assessment", "probe", name="pk_observations"),
        sa.ForeignKeyConstraint(["assessment"], ["assessments.id"], name="fk_observations_assessment"),
    )
    op.create_table(
        "findings",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("subject", sa.String(63), nullable=False),
        sa.Column("probe", sa.String(63), nullable=False),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("assessment", sa.String(26)),
        sa.Column("closed_at", TIME),
        sa.Column("closed_by", sa.String(63)),
        sa.PrimaryKeyConstraint("id", name="pk_findings"),
    )
    op.create_index("ix_findings_subject", "findings", ["subject", "closed_at"])
    op.create_table(
        "poam_items",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("finding", sa.String(26), nullable=False),
        sa.Column("owner", sa.String(63), nullable=False),
        sa.Column("due", TIME, nullable=False),
        sa.Column("closed_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_poam_items"),
        sa.ForeignKeyConstraint(["finding"], ["findings.id"], name="fk_poam_items_finding"),
    )
    op.create_index("ix_poam_items_finding", "poam_items", ["finding"])


def _make_duties() -> None:
    """Notices, sign-offs, returns, media, and the state of lanes."""
    op.create_table(
        "notices",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("lane", sa.String(63), nullable=False),
        sa.Column("text_sha256", sa.String(64), nullable=False),
        sa.Column("starts", TIME, nullable=False),
        sa.Column("ends", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notices"),
    )
    op.create_index("ix_notices_lane", "notices", ["lane"])
    op.create_table(
        "sign_offs",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("site", sa.String(63), nullable=False),
        sa.Column("duty", sa.String(16), nullable=False),
        sa.Column("principal", sa.String(63), nullable=False),
        sa.Column("signed_at", TIME, nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sign_offs"),
    )
    op.create_index("ix_sign_offs_site", "sign_offs", ["site"])
    op.create_table(
        "returns",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("contract", sa.String(63), nullable=False),
        sa.Column("returned", sa.BigInteger, nullable=False),
        sa.Column("destroyed", sa.BigInteger, nullable=False),
        sa.Column("signed_by", sa.String(63), nullable=False),
        sa.Column("signed_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_returns"),
        sa.ForeignKeyConstraint(["contract"], ["contracts.id"], name="fk_returns_contract"),
    )
    op.create_index("ix_returns_contract", "returns", ["contract"])
    op.create_table(
        "media",
        sa.Column("id", sa.String(63), nullable=False),
        sa.Column("serial", sa.String(64), nullable=False),
        sa.Column("vendor_id", sa.String(4), nullable=False),
        sa.Column("product_id", sa.String(4), nullable=False),
        sa.Column("via_port", sa.String(63), nullable=False),
        sa.Column("work_order", sa.String(63), nullable=False),
        sa.Column("registered_at", TIME, nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.Column("removed_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_media"),
    )
    op.create_table(
        "lane_states",
        sa.Column("lane", sa.String(63), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(63)),
        sa.Column("since", TIME, nullable=False),
        sa.PrimaryKeyConstraint("lane", name="pk_lane_states"),
    )
    op.create_table(
        "oversight_state",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("ledger_size", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_oversight_state"),
    )
