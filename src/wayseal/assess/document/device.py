"""Documents about a device: port locks (p02), firmware (p14), bill of materials (p17), vulnerability feed (p18)."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from wayseal.assess.document.view import DocumentView, read_document
from wayseal.assess.probe import Seen, broken, judge, probe
from wayseal.model.clock import from_text
from wayseal.model.errors import Invalid

FULL_CYCLE = timedelta(days=90)
BILL_AGE = timedelta(days=30)
FEED_AGE = timedelta(days=7)
FIRMWARE_AGE = timedelta(days=3650)
"""A firmware's own date is when its maker signed it; being old is p18's concern."""


@probe("p02", where="document")
def check_locks(view: DocumentView) -> Seen:
    """Pass when the agency signed, within 90 days, which port of this device has which lock, with the digest of a filed photograph.

    The photograph is never looked at here and is in no evidence.
    """
    read = read_document(view, "port-locks", by=(view.agency,), age=FULL_CYCLE)
    faults = list(read.faults)
    if not faults:
        faults += _about(view, read.fields)
        ports = read.fields.get("ports")
        locked = [one for one in ports if _is_locked(one)] if isinstance(ports, list) else []
        if not locked or len(locked) != len(ports or ()):
            faults.append("port-locks names a port without a lock, or no port at all")
        photo = view.documents.get("port-photo")
        digest = None if photo is None else hashlib.sha256(photo.data).hexdigest()
        if digest is None or digest != read.fields.get("photo_sha256"):
            faults.append("the photograph of the locks is not filed, or is another one")
    return judge(faults, "every port is locked, and a photograph is filed", **read.facts)


def _is_locked(port: Any) -> bool:
    return isinstance(port, dict) and bool(port.get("port")) and bool(port.get("lock"))


def _about(view: DocumentView, fields: dict[str, Any]) -> Iterator[str]:
    """Yield that a document is about another device."""
    if fields.get("equipment") != view.equipment.id or fields.get("serial") != view.equipment.serial:
        yield "port-locks is about another device"


@probe("p14", where="document")
def check_firmware(view: DocumentView) -> Seen:
    """Pass when the maker signed the firmware's digest for this model, and the component definition has that digest."""
    if view.declared_firmware is None:
        return broken("the assessor was not told the component definition's firmware")
    read = read_document(view, "firmware", by=(view.equipment.organisation,), age=FIRMWARE_AGE)
    faults = list(read.faults)
    if not faults:
        if read.fields.get("model") != view.equipment.model:
            faults.append("the firmware is for another model")
        if read.fields.get("sha256") not in view.declared_firmware:
            faults.append("the signed firmware is not in the component definition")
    facts = {
        **read.facts,
        "sha256": _short(read.fields.get("sha256")),
        "declared": list(view.declared_firmware),
    }
    return judge(faults, "the signed firmware is the one of the component definition", **facts)


@probe("p17", where="document")
def check_bill(view: DocumentView) -> Seen:
    """Pass when the maker signed a CycloneDX bill of at most 30 days for this model whose components have digests."""
    read = read_document(
        view, "sbom", by=(view.equipment.organisation,), age=BILL_AGE, date_field="metadata.timestamp"
    )
    faults = list(read.faults)
    components = read.fields.get("components")
    listed = components if isinstance(components, list) else []
    if not faults:
        if read.fields.get("bomFormat") != "CycloneDX":
            faults.append("sbom is not CycloneDX")
        if _subject(read.fields) != view.equipment.model:
            faults.append("sbom is of another model")
        bare = sum(not _has_digest(one) for one in listed)
        if not listed or bare:
            faults.append(f"{bare} of {len(listed)} components have no SHA-256")
    return judge(faults, f"{len(listed)} components, signed and fresh", **read.facts, components=len(listed))


def _subject(fields: dict[str, Any]) -> Any:
    """Return the name of what a CycloneDX bill is of."""
    metadata = fields.get("metadata")
    component = metadata.get("component") if isinstance(metadata, dict) else None
    return component.get("name") if isinstance(component, dict) else None


def _has_digest(component: Any) -> bool:
    hashes = component.get("hashes") if isinstance(component, dict) else None
    return isinstance(hashes, list) and any(
        isinstance(one, dict) and one.get("alg") == "SHA-256" and _short(one.get("content")) for one in hashes
    )


@probe("p18", where="document")
def check_feed(view: DocumentView) -> Seen:
    """Pass when the agency or its assessor signed a vulnerability feed of at most 7 days in which every entry is whole.

    Which packages of the device are in it is the host part's to compare.
    """
    signers = tuple(name for name in view.signers if name != view.equipment.organisation)
    read = read_document(view, "vulnerability-feed", by=(view.agency, *signers), age=FEED_AGE)
    faults = list(read.faults)
    entries = read.fields.get("vulnerabilities")
    if not faults and not (isinstance(entries, list) and all(map(_is_whole, entries))):
        faults.append("vulnerability-feed has an entry without id, package, fixed version or date")
    count = len(entries) if isinstance(entries, list) else 0
    return judge(faults, f"{count} vulnerabilities, signed and fresh", **read.facts, vulnerabilities=count)


def _is_whole(entry: Any) -> bool:
    if not isinstance(entry, dict):
        return False
    try:
        from_text(str(entry.get("since")))
    except Invalid:
        return False
    return all(isinstance(entry.get(name), str) and entry[name] for name in ("id", "package", "fixed"))


def _short(value: Any) -> str | None:
    """Return a SHA-256 digest in hexadecimal digits, None for anything else."""
    text = value if isinstance(value, str) else ""
    return text if len(text) == 64 and set(text) <= set("0123456789abcdef") else None
