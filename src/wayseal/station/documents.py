"""A site's own documents, put together from its parts: add one, list them without opening, open one under a release.

Owns no rule: the policy says who opens them, the schedule how long they live, and only an export ceremony takes one away.
"""

import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wayseal.flow.policy import Principal
from wayseal.flow.sitedocs import LARGEST, DocumentKind, SiteDocument, keep_document, unpack_document
from wayseal.model.clock import to_text
from wayseal.model.custody import Purpose, RecordStatus
from wayseal.model.errors import Invalid, NotFound, Refused
from wayseal.model.ids import RecordId, check_name, check_ulid
from wayseal.seal.envelope import parse_record
from wayseal.station.arming import introduce_centre
from wayseal.store.centre import read_record
from wayseal.store.documents import list_site_documents
from wayseal.store.engine import read
from wayseal.store.holds import list_holds
from wayseal.store.records import StoredRecord, get_record

if TYPE_CHECKING:
    from wayseal.station.site import Site

_KINDS = tuple(kind.value for kind in DocumentKind)


def add_document(
    site: "Site", file: Path, kind: DocumentKind, who: Principal, *, lane: str | None = None
) -> dict[str, Any]:
    """Seal a file as a document and return its row. The file itself stays where it is: its owner removes it.

    Raises `Refused` for somebody of a vendor or in bad standing: they put nothing into custody either.
    """
    if who.suspended or not who.training_valid or who.role == "vendor":
        raise Refused("a vendor, or somebody in bad standing, keeps no document here", actor=who.id)
    with file.open("rb") as stream:
        data = stream.read(LARGEST + 1)
    media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    introduce_centre(site)
    about = site.settings.site if lane is None else check_name(lane, what="lane id")
    record = keep_document(site.archive, SiteDocument(file.name, media_type, data), kind, lane=about)
    with read(site.store.engine) as connection:
        return describe_document(site, get_record(connection, record.header.object_id))


def list_documents(site: "Site", kind: DocumentKind | None = None) -> list[dict[str, Any]]:
    """Return the documents' rows, newest first. Nothing is opened, so their names are not told."""
    with read(site.store.engine) as connection:
        found = list_site_documents(connection, _KINDS if kind is None else (kind.value,))
    return [describe_document(site, row) for row in found]


def describe_document(site: "Site", row: StoredRecord) -> dict[str, Any]:
    """Return what is in the clear about a document."""
    alive = row.status is not RecordStatus.ERASED
    with read(site.store.engine) as connection:  # not the eraser's schedule: a list needs no keyroom
        schedule = site.schedule.with_holds(list_holds(connection))
    return {
        "document": row.object_id,
        "kind": row.record_class,
        "about": row.lane,
        "sealed_at": to_text(row.sealed_at),
        "expires_at": to_text(schedule.expires_at(row.epoch)) if alive else None,
        "padded_size": row.padded_size,
        "status": row.status.value,
        "ledger_index": row.ledger_index,
    }


def open_document(site: "Site", who: Principal, document: str) -> tuple[SiteDocument, dict[str, Any]]:
    """Open one document under a release of its own and return it, in memory, with the release's facts.

    Raises `NotFound` for a record that is no document, `Erased`, `Refused` naming the rule, and what an opening raises.
    """
    record = RecordId(check_ulid(document.upper()))
    with read(site.store.engine) as connection:
        row = get_record(connection, record)
    header = parse_record(read_record(site.store, record)).header
    if header.record_class not in _KINDS:
        raise NotFound("no such document", hint="List them: wayseal document list.", document=row.object_id)
    site.policy.verify(who, "open", header, Purpose.DOCUMENT_REVIEW, site.clock())
    (release,) = site.opener.request(who, [record], Purpose.DOCUMENT_REVIEW)
    (body,) = site.opener.open(who, [release])
    return unpack_document(body), {"release": release.id, "ledger_index": release.ledger_index}


def read_kind(text: str) -> DocumentKind:
    """Return a kind of document by its name. Raises `Invalid`."""
    try:
        return DocumentKind(text)
    except ValueError:
        raise Invalid("no such kind of document", hint="Kinds: " + ", ".join(_KINDS)) from None
