"""Receipts: the recipient's signed word that an export has arrived, and later that it was deleted.

Owns the format and its signature. That a copy was deleted cannot be enforced or seen: the word is all there is.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wayseal.export.approval import Signer
from wayseal.model.clock import from_text, to_text
from wayseal.model.errors import Integrity, Invalid, Refused

FORMAT: Final = "wayseal-export-receipt/v1"
SIGNED: Final = b"wayseal-export-receipt/v1\n"
Outcome = Literal["received", "deleted"]


@dataclass(frozen=True, slots=True)
class ExportReceipt:
    """What a recipient says of one export: `received` or `deleted`, of which bundle, when."""

    export: str
    manifest_sha256: str
    bundle_sha256: str
    outcome: Outcome
    records: int
    at: datetime


def sign_receipt(receipt: ExportReceipt, signer: Signer) -> bytes:
    """Return the receipt with the recipient's signature, as RFC 8785 JSON."""
    return _encode(receipt, signer.sign(SIGNED + _encode(receipt)))


def read_receipt(raw: bytes) -> ExportReceipt:
    """Return what a receipt says, its signature unread. Raises `Invalid` for anything but the canonical form."""
    return _decode(raw)[0]


def verify_receipt(raw: bytes, receipt_key: bytes) -> ExportReceipt:
    """Return a receipt whose signature by the recipient's raw Ed25519 key holds. Raises `Invalid` or `Integrity`."""
    receipt, signature = _decode(raw)
    try:
        Ed25519PublicKey.from_public_bytes(receipt_key).verify(signature, SIGNED + _encode(receipt))
    except (InvalidSignature, ValueError):
        raise Integrity("the receipt's signature does not hold") from None
    return receipt


def check_receipt(receipt: ExportReceipt, *, export: str, manifest_sha256: str, bundle_sha256: str) -> None:
    """Raise `Refused` when a receipt is for another export, manifest or bundle."""
    named = (receipt.export, receipt.manifest_sha256, receipt.bundle_sha256)
    if named != (export, manifest_sha256, bundle_sha256):
        raise Refused("the receipt is for another export", hint="Ask the recipient for the right one.")


def digest_receipt(raw: bytes) -> str:
    """Return SHA-256 (hex) of a receipt's bytes."""
    return hashlib.sha256(raw).hexdigest()


def _encode(receipt: ExportReceipt, signature: bytes | None = None) -> bytes:
    """Return the canonical JSON, with the signature when there is one."""
    fields: dict[str, str | int] = {
        "at": to_text(receipt.at),
        "bundle_sha256": receipt.bundle_sha256,
        "export": receipt.export,
        "format": FORMAT,
        "manifest_sha256": receipt.manifest_sha256,
        "outcome": receipt.outcome,
        "records": receipt.records,
    }
    if signature is not None:
        fields["signature"] = signature.hex()
    return rfc8785.dumps(fields)


def _decode(raw: bytes) -> tuple[ExportReceipt, bytes]:
    try:
        fields = json.loads(raw[:4097])
        receipt = ExportReceipt(
            fields["export"], fields["manifest_sha256"], fields["bundle_sha256"], fields["outcome"],
            fields["records"], from_text(fields["at"]),
        )  # fmt: skip
        signature = bytes.fromhex(fields["signature"])
        same = _encode(receipt, signature) == raw and receipt.outcome in ("received", "deleted")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, Invalid):
        same = False
    if not same:
        raise Invalid("not an export receipt of version 1", hint="Make one: wayseal export open.")
    return receipt, signature
