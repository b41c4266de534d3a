"""The tables of the centre and of the lane's outbox: metadata only.

Owns names, types and constraints of columns. Must never grow a column for a plate, a traveller's name, a candidate, a
picture or a template: those live inside sealed records. `traveller_tag` is a keyed HMAC, useless without its key.
Migrations (`store.migrations`) build the same tables; a test compares the two.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from wayseal.store.schema_base import UtcTime, centre, lane
from wayseal.store.schema_exports import EXPORT_TABLES
from wayseal.store.schema_health import HEALTH_TABLES
from wayseal.store.schema_oversight import OVERSIGHT_TABLES

__all__ = [
    "EXPORT_TABLES",
    "HEALTH_TABLES",
    "OVERSIGHT_TABLES",
    "UtcTime",
    "centre",
    "crossings",
    "encounters",
    "hold_records",
    "holds",
    "lane",
    "outbox",
    "records",
    "releases",
]

records = Table(
    "records",
    centre,
    Column("object_id", String(26), primary_key=True),
    Column("encounter", String(26), nullable=True),
    Column("lane", String(63), nullable=False),
    Column("device", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("record_class", String(31), nullable=False),
    Column("epoch", String(48), nullable=False),
    Column("sealed_at", UtcTime, nullable=False),
    Column("padded_size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("segment", String(64), nullable=True),
    Column("offset", BigInteger, nullable=True),
    Column("length", BigInteger, nullable=True),
    Column("ledger_index", BigInteger, nullable=False),
    Column("status", String(8), nullable=False),
    Column("erased_at", UtcTime, nullable=True),
    Column("erase_ledger_index", BigInteger, nullable=True),
)
Index("ix_records_epoch_status", records.c.epoch, records.c.status)
Index("ix_records_lane_sealed_at", records.c.lane, records.c.sealed_at)
Index("ix_records_encounter", records.c.encounter)

encounters = Table(
    "encounters",
    centre,
    Column("id", String(26), primary_key=True),
    Column("lane", String(63), nullable=False),
    Column("direction", String(8), nullable=False),
    Column("time", UtcTime, nullable=False),
    Column("occupants_seen", Integer, nullable=False),
    Column("document", String(26), nullable=True),
    Column("record_class", String(31), nullable=False),
    Column("epoch", String(48), nullable=False),
    Column("status", String(8), nullable=False),
)
Index("ix_encounters_time", encounters.c.time)
Index("ix_encounters_epoch", encounters.c.epoch)

crossings = Table(
    "crossings",
    centre,
    Column("id", String(26), primary_key=True),
    Column("encounter", String(26), nullable=False),
    Column("seat", String(16), nullable=False),
    Column("lane", String(63), nullable=False),
    Column("direction", String(8), nullable=False),
    Column("time", UtcTime, nullable=False),
    Column("traveller_tag", LargeBinary(32), nullable=True),
    Column("plate_tag", LargeBinary(32), nullable=True),
    Column("paired_with", String(26), nullable=True),
    Column("document", String(26), nullable=True),
    Column("decided", Boolean, nullable=False),
    Column("record_class", String(31), nullable=False),
    Column("epoch", String(48), nullable=False),
)
Index("ix_crossings_traveller_tag", crossings.c.traveller_tag)
Index("ix_crossings_plate_tag", crossings.c.plate_tag)
Index("ix_crossings_time", crossings.c.time)
Index("ix_crossings_epoch", crossings.c.epoch)

holds = Table(
    "holds",
    centre,
    Column("id", String(26), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("approver_a", String(128), nullable=False),
    Column("approver_b", String(128), nullable=False),
    Column("placed_at", UtcTime, nullable=False),
    Column("until", UtcTime, nullable=False),
    Column("lifted_at", UtcTime, nullable=True),
    Column("ledger_index", BigInteger, nullable=False),
)

hold_records = Table(
    "hold_records",
    centre,
    Column("hold", String(26), ForeignKey("holds.id"), primary_key=True),
    Column("object_id", String(26), ForeignKey("records.object_id"), primary_key=True),
)

releases = Table(
    "releases",
    centre,
    Column("id", String(26), primary_key=True),
    Column("record", String(26), nullable=False),
    Column("purpose", String(32), nullable=False),
    Column("principal", String(128), nullable=False),
    Column("ledger_index", BigInteger, nullable=False),
    Column("requested_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("approved_by", Text, nullable=False),
    Column("opened_at", UtcTime, nullable=True),
    Column("opened_ledger_index", BigInteger, nullable=True),
)
Index("ix_releases_record", releases.c.record)
Index("ix_releases_principal", releases.c.principal)

outbox = Table(
    "outbox",
    lane,
    Column("object_id", String(26), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("encounter", String(26), nullable=True),
    Column("kind", String(16), nullable=False),
    Column("epoch", String(48), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("segment", String(64), nullable=True),
    Column("offset", BigInteger, nullable=True),
    Column("length", BigInteger, nullable=True),
    Column("state", String(8), nullable=False),
    Column("queued_at", UtcTime, nullable=False),
    Column("sent_at", UtcTime, nullable=True),
    Column("attempts", Integer, nullable=False),
    Column("receipt_ledger_index", BigInteger, nullable=True),
    Column("receipt_signature", LargeBinary, nullable=True),
)
Index("ix_outbox_sequence", outbox.c.sequence, unique=True)
Index("ix_outbox_state_sequence", outbox.c.state, outbox.c.sequence)
Index("ix_outbox_epoch", outbox.c.epoch)
