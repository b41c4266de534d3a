"""The tables of oversight: who supplies and maintains equipment, what is known of it, and what is overdue.

Metadata only. People are staff ids; `observations.evidence` holds settings and listings, never a picture or a key. All but
`components` and `observations` are a projection of the ledger: `flow.oversee` makes them again from its entries.
"""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, LargeBinary, String, Table, Text

from wayseal.store.schema_base import UtcTime, centre

organisations = Table(
    "organisations",
    centre,
    Column("id", String(63), primary_key=True),
    Column("tier", String(16), nullable=False),
    Column("under", String(63), nullable=True),
    Column("registered_at", UtcTime, nullable=False),
    Column("standing", String(16), nullable=False),
    Column("standing_at", UtcTime, nullable=False),
    Column("standing_index", BigInteger, nullable=False),
)

contracts = Table(
    "contracts",
    centre,
    Column("id", String(63), primary_key=True),
    Column("organisation", String(63), ForeignKey("organisations.id"), nullable=False),
    Column("site", String(63), nullable=False),
    Column("permitted_data", Text, nullable=False),
    Column("place", String(63), nullable=False),
    Column("starts", UtcTime, nullable=False),
    Column("ends", UtcTime, nullable=False),
    Column("clauses_sha256", String(64), nullable=False),
)
Index("ix_contracts_organisation", contracts.c.organisation)

people = Table(
    "people",
    centre,
    Column("id", String(63), primary_key=True),
    Column("organisation", String(63), ForeignKey("organisations.id"), nullable=False),
    Column("role", String(63), nullable=False),
    Column("training_until", UtcTime, nullable=True),
    Column("left_at", UtcTime, nullable=True),
)
Index("ix_people_organisation", people.c.organisation)

equipment = Table(
    "equipment",
    centre,
    Column("id", String(63), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("model", String(63), nullable=False),
    Column("serial", String(64), nullable=False),
    Column("organisation", String(63), ForeignKey("organisations.id"), nullable=False),
    Column("site", String(63), nullable=False),
    Column("lane", String(63), nullable=True),
    Column("device_sha256", String(64), nullable=True),
    Column("enrolled_at", UtcTime, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
    Column("retired_at", UtcTime, nullable=True),
)
Index("ix_equipment_serial", equipment.c.serial, unique=True)
Index("ix_equipment_lane", equipment.c.lane)

components = Table(
    "components",
    centre,
    Column("model", String(63), primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("registered_at", UtcTime, nullable=False),
)

assessments = Table(
    "assessments",
    centre,
    Column("id", String(26), primary_key=True),
    Column("equipment", String(63), ForeignKey("equipment.id"), nullable=False),
    Column("cycle", String(8), nullable=False),
    Column("assessor", String(63), nullable=False),
    Column("nonce", String(64), nullable=False),
    Column("drawn_at", UtcTime, nullable=False),
    Column("started_at", UtcTime, nullable=True),
    Column("finished_at", UtcTime, nullable=True),
    Column("passed", Boolean, nullable=True),
)
Index("ix_assessments_equipment", assessments.c.equipment, assessments.c.finished_at)
Index("ix_assessments_nonce", assessments.c.nonce, unique=True)

observations = Table(
    "observations",
    centre,
    Column("assessment", String(26), ForeignKey("assessments.id"), primary_key=True),
    Column("probe", String(63), primary_key=True),
    Column("control", String(63), nullable=False),
    Column("version", String(32), nullable=False),
    Column("result", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("observed_at", UtcTime, nullable=False),
    Column("evidence", LargeBinary, nullable=False),
    Column("evidence_sha256", String(64), nullable=False),
)

findings = Table(
    "findings",
    centre,
    Column("id", String(26), primary_key=True),
    Column("subject", String(63), nullable=False),
    Column("probe", String(63), nullable=False),
    Column("opened_at", UtcTime, nullable=False),
    Column("assessment", String(26), nullable=True),
    Column("closed_at", UtcTime, nullable=True),
    Column("closed_by", String(63), nullable=True),
)
Index("ix_findings_subject", findings.c.subject, findings.c.closed_at)

poam_items = Table(
    "poam_items",
    centre,
    Column("id", String(26), primary_key=True),
    Column("finding", String(26), ForeignKey("findings.id"), nullable=False),
    Column("owner", String(63), nullable=False),
    Column("due", UtcTime, nullable=False),
    Column("closed_at", UtcTime, nullable=True),
)
Index("ix_poam_items_finding", poam_items.c.finding)

notices = Table(
    "notices",
    centre,
    Column("id", String(26), primary_key=True),
    Column("lane", String(63), nullable=False),
    Column("text_sha256", String(64), nullable=False),
    Column("starts", UtcTime, nullable=False),
    Column("ends", UtcTime, nullable=False),
)
Index("ix_notices_lane", notices.c.lane)

sign_offs = Table(
    "sign_offs",
    centre,
    Column("id", String(26), primary_key=True),
    Column("site", String(63), nullable=False),
    Column("duty", String(16), nullable=False),
    Column("principal", String(63), nullable=False),
    Column("signed_at", UtcTime, nullable=False),
    Column("until", UtcTime, nullable=False),
)
Index("ix_sign_offs_site", sign_offs.c.site)

returns = Table(
    "returns",
    centre,
    Column("id", String(26), primary_key=True),
    Column("contract", String(63), ForeignKey("contracts.id"), nullable=False),
    Column("returned", BigInteger, nullable=False),
    Column("destroyed", BigInteger, nullable=False),
    Column("signed_by", String(63), nullable=False),
    Column("signed_at", UtcTime, nullable=False),
)
Index("ix_returns_contract", returns.c.contract)

media = Table(
    "media",
    centre,
    Column("id", String(63), primary_key=True),
    Column("serial", String(64), nullable=False),
    Column("vendor_id", String(4), nullable=False),
    Column("product_id", String(4), nullable=False),
    Column("via_port", String(63), nullable=False),
    Column("work_order", String(63), nullable=False),
    Column("registered_at", UtcTime, nullable=False),
    Column("until", UtcTime, nullable=False),
    Column("removed_at", UtcTime, nullable=True),
    Column("descriptors_sha256", String(64), nullable=True),
)

lane_states = Table(
    "lane_states",
    centre,
    Column("lane", String(63), primary_key=True),
    Column("status", String(16), nullable=False),
    Column("reason", String(63), nullable=True),
    Column("since", UtcTime, nullable=False),
)

oversight_state = Table(
    "oversight_state",
    centre,
    Column("id", String(16), primary_key=True),
    Column("ledger_size", BigInteger, nullable=False),
)

PROJECTED = (
    oversight_state, lane_states, media, returns, sign_offs, notices, poam_items, findings, assessments, equipment, people,
    contracts, organisations,
)  # fmt: skip
"""What is made from the ledger, each table before those it refers to."""
OVERSIGHT_TABLES = (*PROJECTED, components, observations)
