"""Delivery: items and manifest sealed to a recipient's key, as a Wayseal bundle or as a file for the age program.

Plaintext is packed in memory and leaves this module sealed; nothing here writes a file. For age, whose format has no room for
evidence in the clear, a sheet goes beside the file, so that both can be checked without a key.
"""

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pyrage
import rfc8785

from wayseal.export.approval import Signer
from wayseal.export.bundle import Item, Wrap, seal_bundle, verify_signature
from wayseal.export.evidence import Evidence, decode_evidence
from wayseal.export.manifest import decode_manifest
from wayseal.model.disclosure import BundleForm, Manifest
from wayseal.model.errors import Invalid

SHEET: Final = "wayseal-export-sheet/v1"
SHEET_SIGNED: Final = b"wayseal-export-sheet/v1\n"
_ENDINGS = {"image/jpeg": ".jpg", "image/png": ".png", "application/pdf": ".pdf"}
_AGE = re.compile(r"age1[0-9a-z]{20,}")


@dataclass(frozen=True, slots=True)
class Delivery:
    """Sealed bytes to hand over, and for age the sheet that goes with them."""

    data: bytes
    sheet: bytes | None = None

    @property
    def sha256(self) -> str:
        """SHA-256 (hex) of the sealed bytes."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a sheet says: a manifest with its evidence, and which sealed file they go with."""

    manifest_bytes: bytes
    manifest: Manifest
    evidence: Evidence
    bundle_sha256: str


def seal_delivery(
    manifest: bytes, evidence: bytes, items: Sequence[Item], *, key: str, wrap: Wrap, signer: Signer
) -> Delivery:
    """Return the items sealed for the manifest's recipient, whose key text is `key`. The caller has compared its digest."""
    if decode_manifest(manifest).form is BundleForm.WAYSEAL:
        public = bytes.fromhex(key)
        return Delivery(seal_bundle(manifest, evidence, items, public=public, wrap=wrap, signer=signer))
    archive = _pack_archive(manifest, evidence, items)
    data = pyrage.encrypt(archive, [read_age_key(key)])
    return Delivery(data, _sign_sheet(manifest, evidence, hashlib.sha256(data).hexdigest(), signer))


def read_age_key(text: str) -> pyrage.x25519.Recipient | pyrage.ssh.Recipient:
    """Return the recipient that an age or SSH public key names. Raises `Invalid`."""
    try:
        if _AGE.fullmatch(text):
            return pyrage.x25519.Recipient.from_str(text)
        return pyrage.ssh.Recipient.from_str(text)
    except pyrage.RecipientError:
        raise Invalid(
            "not an age recipient", hint="Give age1..., or an ssh-ed25519 or ssh-rsa public key."
        ) from None


def read_sheet(raw: bytes) -> Sheet:
    """Return a sheet whose sender's signature holds. Raises `Invalid` for another form, `Integrity` for a bad signature."""
    try:
        fields = json.loads(raw)
        unsigned = {name: value for name, value in fields.items() if name != "signature"}
        same = rfc8785.dumps(fields) == raw and fields["format"] == SHEET
        manifest = fields["manifest"].encode()
        read = Sheet(
            manifest, decode_manifest(manifest), decode_evidence(fields["evidence"].encode()), fields["bundle_sha256"]
        )  # fmt: skip
        signature = bytes.fromhex(fields["signature"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        same = False
    if not same:
        raise Invalid(
            "not an export", hint="Give the .wsx file of a release, or the .sheet.json beside an age file."
        )
    verify_signature(read.evidence.sender, signature, SHEET_SIGNED + rfc8785.dumps(unsigned))
    return read


def _sign_sheet(manifest: bytes, evidence: bytes, bundle_sha256: str, signer: Signer) -> bytes:
    """Return what goes beside an age file: manifest, evidence and the file's digest, signed by the sender."""
    fields: dict[str, str] = {
        "bundle_sha256": bundle_sha256,
        "evidence": evidence.decode(),
        "format": SHEET,
        "manifest": manifest.decode(),
    }
    signature = signer.sign(SHEET_SIGNED + rfc8785.dumps(fields)).hex()
    return rfc8785.dumps({**fields, "signature": signature})


def _pack_archive(manifest: bytes, evidence: bytes, items: Sequence[Item]) -> bytes:
    """Return a tar of everything, in memory: the same bytes for the same items."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        _add_file(archive, "manifest.json", manifest)
        _add_file(archive, "evidence.json", evidence)
        for item in items:
            _add_file(archive, name_file(item), item.data)
    return stream.getvalue()


def name_file(item: Item) -> str:
    """Return the file name of an item: its record id and an ending; never the name that a document had."""
    return f"{item.kind}/{item.record}{_ENDINGS.get(item.media_type, '.bin')}"


def _add_file(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), 0o600
    archive.addfile(entry, io.BytesIO(data))
