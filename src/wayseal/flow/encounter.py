"""From a vehicle seen to sealed records in the centre's store: the lane's half and the centre's half of one arrow.

The lane seals every part before anything is written. The centre checks who sealed it, writes the ledger entry, then the
bytes, then signs the receipt that empties the lane's outbox. Nothing here can open a record.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from wayseal.flow.documents import pack_json, pack_template, pass_document
from wayseal.ledger.log import Ledger
from wayseal.model.border import Direction, Occupant, VehiclePass
from wayseal.model.clock import Clock
from wayseal.model.custody import EpochKey, Kind, Receipt, SealedRecord, SealHeader
from wayseal.model.errors import Integrity, Invalid, NotArmed, NotFound, Refused, SealBroken
from wayseal.model.ids import EncounterId, RecordId, check_ulid, epoch_span, new_ulid, within_epoch
from wayseal.seal.device import SealChain
from wayseal.seal.envelope import verify_record
from wayseal.seal.strict import encode_canonical
from wayseal.store import encounters as encounter_rows
from wayseal.store.centre import Arrival, CentreStore, put_records
from wayseal.store.engine import read, write
from wayseal.vision.pdq import hash_jpeg

LATEST = timedelta(days=8)
"""How late a lane may deliver: the longest outage a lane is sized for, and a day."""


Mark = Callable[[bytes, RecordId], bytes]
"""Gives a record's picture with the lane's own mark (`marking.mark_at_lane`)."""


class EpochKeys(Protocol):
    """Where a lane finds the public key of the current hour. Raises `NotArmed` when it has none."""

    def current(self) -> Sequence[EpochKey]:
        """Return the keys of the current hour's epoch of the shortest class, one per keeper replica."""


class ReceiptSigner(Protocol):
    """What signs for the centre."""

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature of `message`."""


_PICTURES = (Kind.FACE, Kind.PLATE, Kind.SCENE)
_HASH_BYTES = 32
"""A PDQ hash."""


@dataclass(frozen=True, slots=True)
class SealedPass:
    """One vehicle as it leaves the lane's memory: sealed records and nothing else. The pass document is the last.

    `names` gives the id of each by what it is: `face.<seat>`, `plate`, `document`.
    """

    encounter: EncounterId
    records: tuple[SealedRecord, ...]
    names: Mapping[str, RecordId] = field(default_factory=dict)


def seal_pass(
    seen: VehiclePass,
    *,
    lane: str,
    direction: Direction,
    chain: SealChain,
    keys: EpochKeys,
    clock: Clock,
    mark: Mark = lambda data, _: data,
) -> SealedPass:
    """Return every picture, the plate, every template and the pass document of a vehicle, each sealed and signed.

    All are sealed to the epoch of this moment, in the shortest class. `mark` writes the lane's mark into each picture; a canary's
    pictures are noise and take none. Raises `NotArmed` without a key; then nothing of the vehicle remains.
    """
    encounter = EncounterId(new_ulid(clock()))
    epoch_keys = keys.current()
    records: list[SealedRecord] = []
    names: dict[str, RecordId] = {}
    hashes: dict[str, str] = {}

    def keep(name: str, kind: Kind, body: bytes) -> None:
        now = within_epoch(epoch_keys[0].epoch, clock())
        object_id = RecordId(new_ulid(now))
        if kind in _PICTURES and seen.canary:
            hashes[name] = secrets.token_hex(_HASH_BYTES)
        elif kind in _PICTURES:
            body = mark(body, object_id)
            hashes.update(hash_jpeg(name, body))
        record = chain.seal(body, object_id=object_id, kind=kind, epoch_keys=epoch_keys, sealed_at=now)
        names[name] = record.header.object_id
        records.append(record)

    for person in seen.occupants:
        _keep_occupant(person, keep)
    if seen.plate is not None and seen.plate.picture is not None:
        keep("plate", Kind.PLATE, seen.plate.picture.data)
    if seen.scene is not None:
        keep("scene", Kind.SCENE, seen.scene.data)
    document = pass_document(
        seen, encounter=encounter, lane=lane, direction=direction, records=names, hashes=hashes
    )
    keep("document", Kind.DOCUMENT, pack_json(document))
    return SealedPass(encounter, tuple(records), names)


class _Keep(Protocol):
    def __call__(self, name: str, kind: Kind, body: bytes) -> None: ...


def _keep_occupant(person: Occupant, keep: _Keep) -> None:
    """Seal an occupant's picture and template, where there are any."""
    if person.picture is not None:
        keep(f"face.{person.seat.value}", Kind.FACE, person.picture.data)
    if person.template is not None:
        second = b"" if person.second is None else pack_template(person.second)
        keep(f"template.{person.seat.value}", Kind.TEMPLATE, pack_template(person.template) + second)


def receipt_bytes(object_id: str, sha256: str, ledger_index: int) -> bytes:
    """Return what a receipt's signature covers."""
    body = encode_canonical({"ledger_index": ledger_index, "object_id": object_id, "sha256": sha256})
    return b"wayseal-receipt/v1\x00" + body


@dataclass(frozen=True, slots=True)
class Intake:
    """The centre's door: what it needs to take sealed records in.

    `devices` maps SHA-256 (hex) to (lane, public key); `record_class` is the only class that lanes may seal to.
    """

    ledger: Ledger
    store: CentreStore
    devices: Mapping[str, tuple[str, bytes]]
    record_class: str
    signer: ReceiptSigner
    clock: Clock


def receive_pass(
    intake: Intake, encounter: EncounterId, records: Sequence[SealedRecord], *, direction: Direction
) -> list[Receipt]:
    """Take one vehicle's sealed records in and return a signed receipt for each, once ledger and store are on disk.

    Steps: (1) signature of a device on the roster, for the lane it is registered to; (2) an hour that is neither in the
    future nor older than `LATEST`; (3) one lane, each record once, and an encounter that is nobody else's; (4) `capture`
    entries for what the ledger does not have yet; (5) bytes and rows; (6) the encounter's row; (7) receipts. Sending again
    is harmless at every step. Raises `Refused` for an unknown device or another lane's encounter, `SealBroken` for altered
    bytes, `Integrity` for other bytes under a known id; then nothing of the pass is kept.
    """
    for record in records:
        _verify_origin(intake, record)
    _verify_delivery(intake, encounter, records)
    indices = _log_captures(intake, encounter, records, direction)
    put_records(
        intake.store,
        [Arrival(record, encounter, indices[record.header.object_id]) for record in records],
    )
    _add_row(intake, encounter, records[-1].header, direction)
    return [_sign_receipt(intake, record, indices[record.header.object_id]) for record in records]


def _add_row(intake: Intake, encounter: EncounterId, header: SealHeader, direction: Direction) -> None:
    """Insert the encounter's row unless it is there. The matcher fills in what only the sealed document knows."""
    row = encounter_rows.StoredEncounter(
        id=encounter,
        lane=header.lane,
        direction=direction,
        time=header.sealed_at,
        occupants_seen=0,
        document=None,
        record_class=header.record_class,
        epoch=header.epoch,
    )
    with write(intake.store.engine) as connection:
        try:
            encounter_rows.get_encounter(connection, encounter)
        except NotFound:
            encounter_rows.add_encounters(connection, [row])


def _verify_origin(intake: Intake, record: SealedRecord) -> None:
    """Raise unless a registered device of the record's own lane sealed it, in an hour that can be."""
    header = record.header
    device = intake.devices.get(header.device)
    if device is None:
        raise Refused(
            "a record from a device that is not on the roster", hint="Enrol the lane first.", lane=header.lane
        )
    lane, public = device
    if lane != header.lane:
        raise SealBroken("a device sealed for another lane than its own", record=header.object_id)
    if header.record_class != intake.record_class:
        raise Refused(
            "a lane seals to the shortest class only",
            record=header.object_id,
            record_class=header.record_class,
        )
    verify_record(record, public)
    now = intake.clock()
    _, start, end = epoch_span(header.epoch)
    if start > now + timedelta(minutes=5) or end < now - LATEST:
        raise NotArmed("a record from an hour that cannot be", record=header.object_id, epoch=header.epoch)


def _verify_delivery(intake: Intake, encounter: EncounterId, records: Sequence[SealedRecord]) -> None:
    """Raise unless the records are one lane's, each is there once, and the encounter is new or that lane's own."""
    check_ulid(encounter)
    lanes = {record.header.lane for record in records}
    if len(lanes) != 1 or len({record.header.object_id for record in records}) != len(records):
        raise Invalid("a delivery is one vehicle's records, each once", hint="Send one vehicle at a time.")
    with read(intake.store.engine) as connection:
        try:
            known = encounter_rows.get_encounter(connection, encounter)
        except NotFound:
            return
    if known.lane not in lanes:
        raise Refused("that encounter is another lane's", encounter=encounter)


def _log_captures(
    intake: Intake, encounter: EncounterId, records: Sequence[SealedRecord], direction: Direction
) -> dict[RecordId, int]:
    """Return each record's ledger index, appending entries for those that have none yet."""
    indices: dict[RecordId, int] = {}
    fresh = []
    for record in records:
        found = intake.ledger.find(type="capture", object=record.header.object_id)
        if found:
            if intake.ledger.entry(found[0]).get("sealed_sha256") != record.sha256:
                raise Integrity("another record came under a known id", record=record.header.object_id)
            indices[record.header.object_id] = found[0]
        else:
            fresh.append(record)
    entries = [
        {
            "type": "capture",
            "object": record.header.object_id,
            "encounter": encounter,
            "lane": record.header.lane,
            "device": record.header.device,
            "epoch": record.header.epoch,
            "record_class": record.header.record_class,
            "kind": record.header.kind.value,
            "sealed_sha256": record.sha256,
            "size": len(record.data),
            "direction": direction.value,
        }
        for record in fresh
    ]
    appended = intake.ledger.append(entries)
    indices.update(zip((record.header.object_id for record in fresh), appended, strict=True))
    return indices


def _sign_receipt(intake: Intake, record: SealedRecord, ledger_index: int) -> Receipt:
    """Return the centre's word for one record."""
    object_id = record.header.object_id
    signature = intake.signer.sign(receipt_bytes(object_id, record.sha256, ledger_index))
    return Receipt(object_id=object_id, sha256=record.sha256, ledger_index=ledger_index, signature=signature)
