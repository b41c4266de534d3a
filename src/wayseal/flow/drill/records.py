"""Records of a drill: noise under the seal, of any kind, about nobody."""

import os

from wayseal.flow.drill.view import DRILL, Doors
from wayseal.model.custody import Kind, SealedRecord
from wayseal.model.ids import EncounterId, RecordId, new_ulid, within_epoch
from wayseal.seal.device import seal_body
from wayseal.store.centre import Arrival, put_records

NOISE = 512


def make_noise() -> bytes:
    """Return bytes that show nothing."""
    return os.urandom(NOISE)


def keep_noise(doors: Doors, kind: Kind, record_class: str) -> tuple[SealedRecord, bytes]:
    """Seal, log and store noise as a record of a class's current hour; return it and what it holds.

    It names the lane `drill`, so that a day's balance of any real lane is what it was. Raises `Erased` when that hour's key is
    dead already.
    """
    keys = doors.archive.keys_for(record_class)
    now = within_epoch(keys[0].epoch, doors.archive.clock())
    body = make_noise()
    record = seal_body(
        body,
        object_id=RecordId(new_ulid(now)),
        lane=DRILL,
        kind=kind,
        epoch_keys=keys,
        sealed_at=now,
        signer=doors.archive.signer,
    )
    encounter = EncounterId(new_ulid(now))
    header = record.header
    (index,) = doors.ledger.append([
        {
            "type": "capture", "object": header.object_id, "encounter": encounter, "lane": DRILL, "device": header.device,
            "epoch": header.epoch, "record_class": header.record_class, "kind": kind.value,
            "sealed_sha256": record.sha256, "size": len(record.data),
        }
    ])  # fmt: skip
    put_records(doors.opener.store, [Arrival(record, encounter, index)])
    return record, body
