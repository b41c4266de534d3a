"""Records of a drill: noise under the seal, of any kind, about nobody."""

import os

from wayseal.flow.archive import Archive
from wayseal.flow.drill.view import DRILL, Doors
from wayseal.model.custody import Kind, SealedRecord
from wayseal.model.ids import EncounterId, RecordId, new_ulid, within_epoch
from wayseal.seal.device import seal_body
from wayseal.store.centre import Arrival, CentreStore, put_records

NOISE = 512


def make_noise() -> bytes:
    """Return bytes that show nothing."""
    return os.urandom(NOISE)


def keep_noise(doors: Doors, kind: Kind, record_class: str) -> tuple[SealedRecord, bytes]:
    """Keep noise as a record of a class's current hour; return it and what it holds. Raises as `keep_record`."""
    body = make_noise()
    return keep_record(doors.archive, doors.opener.store, kind, record_class, body), body


def keep_record(
    archive: Archive, store: CentreStore, kind: Kind, record_class: str, body: bytes
) -> SealedRecord:
    """Seal, log and store a drill's record, sealed by the centre to a class's current hour, and return it.

    It names the lane `drill`, so that a day's balance of any real lane is what it was. Raises `Erased` when that hour's key is
    dead already.
    """
    keys = archive.keys_for(record_class)
    now = within_epoch(keys[0].epoch, archive.clock())
    record = seal_body(
        body,
        object_id=RecordId(new_ulid(now)),
        lane=DRILL,
        kind=kind,
        epoch_keys=keys,
        sealed_at=now,
        signer=archive.signer,
    )
    encounter = EncounterId(new_ulid(now))
    header = record.header
    (index,) = archive.ledger.append([
        {
            "type": "capture", "object": header.object_id, "encounter": encounter, "lane": DRILL, "device": header.device,
            "epoch": header.epoch, "record_class": header.record_class, "kind": kind.value,
            "sealed_sha256": record.sha256, "size": len(record.data),
        }
    ])  # fmt: skip
    put_records(store, [Arrival(record, encounter, index)])
    return record
