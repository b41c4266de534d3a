"""Signed documents about a device, as the register filed them, and the one way to read them.

A document counts when somebody of the right organisation signed exactly its bytes (Ed25519, detached, 64 bytes), when it is
about this device or organisation, and when it is fresh. Reads bytes that are given; opens no file.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wayseal.model.clock import Clock, from_text
from wayseal.model.errors import Invalid
from wayseal.model.oversight import Contract, Equipment

DOCUMENT_LIMIT = 32 * 2**20
AHEAD = timedelta(days=1)
"""How far a date may lie in the future, for signers in other time zones who write only a day."""


@dataclass(frozen=True, slots=True)
class Document:
    """One filed document: its bytes, the detached signature over them, and when the register took it in."""

    data: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    filed_at: datetime


@dataclass(frozen=True, kw_only=True)
class DocumentView:
    """What the document parts look at. `None` means that nobody said, and makes an error."""

    equipment: Equipment
    agency: str
    clock: Clock
    documents: Mapping[str, Document]
    """By name: `port-locks`, `port-photo`, `firmware`, `sbom`, `vulnerability-feed`, `vendor-sweep`, `destroy-receipts`,
    `cloud`, and `contract-clauses.ID` for each contract."""
    signers: Mapping[str, tuple[bytes, ...]]
    """The registered Ed25519 public keys (32 bytes) of each organisation, by its id."""
    contracts: tuple[Contract, ...] | None = None
    declared_firmware: tuple[str, ...] | None = None
    """SHA-256 (hex) of each firmware in the model's component definition."""
    keeper: str | None = None
    """The kind of key keeper at the centre: `file`, `hsm`, `tpm` or what `KeyKeeper.describe` says."""
    erased: tuple[str, ...] | None = None
    """The epochs that the ledger says were erased since the last full assessment."""
    cloud_told: tuple[str, ...] | None = None
    """The cloud endpoints that the outside prober was told to try."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a document says, and what is wrong with it as a document. `facts` are for evidence: dates and digests."""

    fields: dict[str, Any]
    faults: list[str]
    facts: dict[str, Any]


def read_document(
    view: DocumentView, name: str, *, by: tuple[str, ...], age: timedelta, date_field: str = "date"
) -> Reading:
    """Return a JSON document and its faults: absent, unsigned, signed by another organisation than `by`, undated, stale.

    `date_field` names the date within, with dots. What it says of its subject is for the caller to compare.
    """
    document = view.documents.get(name)
    if document is None:
        return Reading({}, [f"there is no document {name}"], {"document": name, "filed": False})
    signer = find_signer(view, document, by)
    facts: dict[str, Any] = {"document": name, "filed": True, "signer": signer, "bytes": len(document.data)}
    faults = [] if signer else [f"{name} is not signed by {' or '.join(by)}"]
    fields = _parse(document.data)
    if fields is None:
        return Reading({}, [*faults, f"{name} is not a JSON object"], facts)
    date = _find(fields, date_field)
    facts["date"] = date if isinstance(date, str) else None
    faults += _judge_date(view, name, document, date, age)
    return Reading(fields, faults, facts)


def find_signer(view: DocumentView, document: Document, by: tuple[str, ...]) -> str | None:
    """Return which of the organisations signed a document's bytes, or None."""
    for organisation in by:
        for public in view.signers.get(organisation, ()):
            try:
                Ed25519PublicKey.from_public_bytes(public).verify(document.signature, document.data)
            except (InvalidSignature, ValueError):
                continue
            return organisation
    return None


def _parse(data: bytes) -> dict[str, Any] | None:
    """Return the JSON object that some bytes spell, or None."""
    if len(data) > DOCUMENT_LIMIT:
        return None
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _find(fields: Mapping[str, Any], path: str) -> Any:
    """Return the value at a dotted path, or None."""
    value: Any = fields
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _judge_date(view: DocumentView, name: str, document: Document, date: Any, age: timedelta) -> list[str]:
    """Return what is wrong with a document's date: none, too old, in the future, or after it was filed."""
    try:
        moment = from_text(date if isinstance(date, str) else "")
    except Invalid:
        return [f"{name} has no date"]
    now = view.clock()
    if now - moment > age:
        return [f"{name} is {(now - moment).days} days old, over {age.days}"]
    if moment - now > AHEAD:
        return [f"{name} is dated in the future"]
    return [f"{name} is dated after it was filed"] if moment - document.filed_at > AHEAD else []
