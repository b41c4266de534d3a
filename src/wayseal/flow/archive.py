"""Documents that the centre itself makes (answers, crossings): sealed, logged, stored, like everything else.

Owns the order seal, ledger entry, bytes. Takes plaintext in memory and leaves only sealed bytes behind; it cannot open.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wayseal.flow.documents import pack_json
from wayseal.ledger.log import Ledger
from wayseal.model.clock import Clock
from wayseal.model.custody import EpochKey, Kind, SealedRecord
from wayseal.model.ids import EncounterId, EpochId, RecordId, new_ulid, within_epoch
from wayseal.seal.device import DeviceSigner, seal_body
from wayseal.store.centre import Arrival, CentreStore, put_records

KeysFor = Callable[[str], Sequence[EpochKey]]
"""From a record class to the keys of its current hour."""


@dataclass(frozen=True, slots=True)
class Paper:
    """One document to keep: what it says, the lane it is about, its encounter and its record class.

    `epoch` is the hour whose key it dies with, where that is not the present one: an answer must not outlive its faces.
    """

    value: Mapping[str, Any]
    lane: str
    encounter: EncounterId
    record_class: str
    epoch: EpochId | None = None


@dataclass(frozen=True, slots=True)
class Archive:
    """Where the centre's documents go. `signer` is the centre's own device identity, on the roster like a lane's."""

    ledger: Ledger
    store: CentreStore
    signer: DeviceSigner
    keys_for: KeysFor
    keys_of: Callable[[EpochId], Sequence[EpochKey]]
    clock: Clock

    def keep(self, papers: Sequence[Paper]) -> list[SealedRecord]:
        """Seal, log and store documents as one group, and return the sealed records in order. Durable when it returns."""
        records = [self._seal(paper) for paper in papers]
        indices = self.ledger.append(
            [_capture_entry(record, paper) for record, paper in zip(records, papers, strict=True)]
        )
        arrivals = [
            Arrival(record, paper.encounter, index)
            for record, paper, index in zip(records, papers, indices, strict=True)
        ]
        put_records(self.store, arrivals)
        return records

    def _seal(self, paper: Paper) -> SealedRecord:
        """Return a document sealed to its own hour, or else to its class's current one."""
        keys = self.keys_for(paper.record_class)
        if paper.epoch is not None and paper.epoch != keys[0].epoch:
            keys = self.keys_of(paper.epoch)
        now = within_epoch(keys[0].epoch, self.clock())
        return seal_body(
            pack_json(paper.value),
            object_id=RecordId(new_ulid(now)),
            lane=paper.lane,
            kind=Kind.DOCUMENT,
            epoch_keys=keys,
            sealed_at=now,
            signer=self.signer,
        )


def _capture_entry(record: SealedRecord, paper: Paper) -> dict[str, Any]:
    """Return the ledger entry for a document the centre made."""
    header = record.header
    return {
        "type": "capture",
        "object": header.object_id,
        "encounter": paper.encounter,
        "lane": header.lane,
        "device": header.device,
        "epoch": header.epoch,
        "record_class": header.record_class,
        "kind": header.kind.value,
        "sealed_sha256": record.sha256,
        "size": len(record.data),
    }
