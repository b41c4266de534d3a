"""Site documents: lane configurations, schematics and contracts, sealed under the same rules as pictures (R-63).

Owns what a sealed site document holds (its name and its bytes) and how it is kept. Its kind is its record class, which is in
the clear; its name is not. Opening is `flow.release`'s.
"""

import json
from dataclasses import dataclass, field
from enum import StrEnum

from wayseal.flow.archive import Archive
from wayseal.model.custody import Kind, SealedRecord
from wayseal.model.errors import Invalid, SealBroken
from wayseal.model.ids import RecordId, new_ulid, within_epoch
from wayseal.seal.device import seal_body
from wayseal.store.centre import Arrival, put_records

DOCUMENT = "site_document"
VERSION = 1
LARGEST = 2**26 - 4096
_NAME_LIMIT = 255


class DocumentKind(StrEnum):
    """What a site document is; also its record class."""

    CONFIGURATION = "configuration"
    SCHEMATIC = "schematic"
    CONTRACT = "contract"


@dataclass(frozen=True, slots=True)
class SiteDocument:
    """A document with the name its file had. Both can be secret."""

    name: str = field(repr=False)
    media_type: str
    data: bytes = field(repr=False)


def pack_document(document: SiteDocument) -> bytes:
    """Return the bytes to seal: a line of JSON, then the document. Raises `Invalid` for one that is empty or too large."""
    if not 0 < len(document.data) <= LARGEST:
        raise Invalid("a document has 1 byte to 64 MiB", hint="Split it.")
    if not 0 < len(document.name) <= _NAME_LIMIT or not document.name.isprintable():
        raise Invalid("a document's name has 1 to 255 printable characters")
    head = {"document": DOCUMENT, "v": VERSION, "name": document.name, "media_type": document.media_type}
    return json.dumps(head, separators=(",", ":")).encode() + b"\n" + document.data


def unpack_document(body: bytes) -> SiteDocument:
    """Return the document that `pack_document` packed. Raises `SealBroken` for anything else."""
    line, gap, data = body.partition(b"\n")
    try:
        head = json.loads(line)
        if not gap or head["document"] != DOCUMENT or head["v"] != VERSION:
            raise SealBroken("a sealed record is not a site document")
        return SiteDocument(head["name"], head["media_type"], data)
    except (ValueError, KeyError, TypeError):
        raise SealBroken("a sealed record is not a site document") from None


def keep_document(archive: Archive, document: SiteDocument, kind: DocumentKind, *, lane: str) -> SealedRecord:
    """Seal, log and store a document, and return the sealed record. Durable when it returns.

    `lane` is the lane that it is about, or the site's own name for one about all of them.
    """
    keys = archive.keys_for(kind.value)
    now = within_epoch(keys[0].epoch, archive.clock())
    record = seal_body(
        pack_document(document), object_id=RecordId(new_ulid(now)), lane=lane, kind=Kind.DOCUMENT, epoch_keys=keys,
        sealed_at=now, signer=archive.signer,
    )  # fmt: skip
    header = record.header
    entry = {
        "type": "capture", "object": header.object_id, "lane": lane, "device": header.device, "epoch": header.epoch,
        "record_class": header.record_class, "kind": header.kind.value, "sealed_sha256": record.sha256,
        "size": len(record.data),
    }  # fmt: skip
    (index,) = archive.ledger.append([entry])
    put_records(archive.store, [Arrival(record, None, index)])
    return record
