"""The export bundle `wayseal-export/v1`: a manifest, its evidence, and items sealed to one recipient's key, signed by the sender.

Owns the layout, which `docs/spec/export.md` gives in full. Parsing is strict. It holds no key: the caller brings the
functions that wrap the bundle's data key for the recipient and sign for the sender, and the recipient's side brings the
data key back. Plaintext items are in the caller's memory only.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import rfc8785
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wayseal.export.approval import Signer
from wayseal.export.evidence import Evidence, decode_evidence
from wayseal.export.manifest import decode_manifest
from wayseal.model.disclosure import Manifest
from wayseal.model.errors import Integrity, Invalid, SealBroken

MAGIC: Final = b"WAYSEALX"
VERSION: Final = 1
INFO: Final = b"wayseal-export/v1"
SIGNED: Final = b"wayseal-export/v1/signature"
KEY_ID_SIZE: Final = 16
WRAPPED_SIZE: Final = 1168
DATA_KEY_SIZE: Final = 32
SIGNATURE_SIZE: Final = 64
ITEM_LIMIT: Final = 2**26 + 4096
_ITEM_FIELDS = {"kind", "media_type", "name", "record", "sha256"}

Wrap = Callable[[bytes, bytearray, bytes], bytes]
"""(recipient's raw public key, data key, info) to the HPKE message (`seal.suite.wrap_key`)."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing in an export. `name` is a document's own; a picture's is empty. `data` can show a person."""

    record: str
    kind: str
    media_type: str
    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle taken apart, nothing of it verified or opened. `body` is everything that the signature is over."""

    manifest_bytes: bytes
    manifest: Manifest
    evidence: Evidence
    head_sha256: bytes
    key_id: bytes
    wrapped: bytes
    items: tuple[memoryview, ...]
    body: memoryview
    signature: bytes


def seal_bundle(
    manifest: bytes, evidence: bytes, items: Sequence[Item], *, public: bytes, wrap: Wrap, signer: Signer
) -> bytes:
    """Return the bundle's bytes: items sealed under a fresh key, the key wrapped for the recipient, all of it signed."""
    head = b"".join((MAGIC, bytes((VERSION,)), _sized(manifest), _sized(evidence)))
    digest = hashlib.sha256(head).digest()
    data_key = bytearray(os.urandom(DATA_KEY_SIZE))
    try:
        cipher = AESGCM(data_key)
        wrapped = wrap(public, data_key, INFO + digest)
        sealed = [
            cipher.encrypt(_nonce(number), _encode_item(item), _item_aad(digest, number, len(items)))
            for number, item in enumerate(items)
        ]
    finally:
        data_key[:] = bytes(DATA_KEY_SIZE)
    key_id = hashlib.sha256(public).digest()[:KEY_ID_SIZE]
    count = len(items).to_bytes(2, "big")
    body = b"".join((head, key_id, wrapped, count, *map(_sized, sealed)))
    return body + signer.sign(SIGNED + hashlib.sha256(body).digest())


def read_bundle(data: bytes) -> Bundle:
    """Return a bundle's parts. Raises `Invalid` for anything that is not exactly one bundle. Nothing is verified."""
    cursor = _Cursor(data)
    if cursor.take(len(MAGIC) + 1) != MAGIC + bytes((VERSION,)):
        raise Invalid("not an export bundle of version 1")
    manifest, evidence = bytes(cursor.sized()), bytes(cursor.sized())
    digest = hashlib.sha256(data[: cursor.position]).digest()
    key_id, wrapped = bytes(cursor.take(KEY_ID_SIZE)), bytes(cursor.take(WRAPPED_SIZE))
    count = int.from_bytes(cursor.take(2), "big")
    items = tuple(cursor.sized() for _ in range(count))
    body = memoryview(data)[: cursor.position]
    signature = bytes(cursor.take(SIGNATURE_SIZE))
    read = decode_manifest(manifest)
    if cursor.position != len(data) or count != len(read.records):
        raise Invalid("an export bundle holds more or less than its manifest says")
    return Bundle(
        manifest_bytes=manifest, manifest=read, evidence=decode_evidence(evidence), head_sha256=digest,
        key_id=key_id, wrapped=wrapped, items=items, body=body, signature=signature,
    )  # fmt: skip


def verify_sender(bundle: Bundle) -> bytes:
    """Return the raw key of the sender, whose signature over the whole bundle holds. Raises `Integrity`.

    The caller checks that it is the key of the site that it expects.
    """
    verify_signature(bundle.evidence.sender, bundle.signature, SIGNED + hashlib.sha256(bundle.body).digest())
    return bundle.evidence.sender


def verify_signature(public: bytes, signature: bytes, message: bytes) -> None:
    """Raise `Integrity` unless the raw Ed25519 key signed the message."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise Integrity("the sender's signature does not hold") from None


def open_items(bundle: Bundle, data_key: bytearray) -> Iterator[Item]:
    """Yield the items in the manifest's order. Raises `SealBroken` for another key, or an altered or misplaced item."""
    cipher = AESGCM(data_key)
    for number, sealed in enumerate(bundle.items):
        aad = _item_aad(bundle.head_sha256, number, len(bundle.items))
        try:
            item = _decode_item(cipher.decrypt(_nonce(number), sealed, aad))
        except (InvalidTag, ValueError, TypeError, KeyError):
            raise SealBroken("an item of the export does not open", item=number) from None
        if item.record != bundle.manifest.records[number]:
            raise SealBroken("an item of the export is another than the manifest says", item=number)
        yield item


def digest_bundle(data: bytes) -> str:
    """Return SHA-256 (hex) of a delivery's bytes, as the ledger's `export-release` entry has it."""
    return hashlib.sha256(data).hexdigest()


def _encode_item(item: Item) -> bytes:
    """Return an item's plaintext: its facts as sized JSON, then its bytes."""
    facts = {
        "kind": item.kind,
        "media_type": item.media_type,
        "name": item.name,
        "record": item.record,
        "sha256": hashlib.sha256(item.data).hexdigest(),
    }
    return _sized(rfc8785.dumps(facts)) + item.data


def _decode_item(plain: bytes) -> Item:
    """Return the item. Raises ValueError or KeyError when it is malformed."""
    size = int.from_bytes(plain[:4], "big")
    facts, data = json.loads(plain[4 : 4 + size]), plain[4 + size :]
    if set(facts) != _ITEM_FIELDS or facts["sha256"] != hashlib.sha256(data).hexdigest():
        raise ValueError("an item's facts are not its own")
    return Item(facts["record"], facts["kind"], facts["media_type"], facts["name"], data)


def _sized(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _nonce(number: int) -> bytes:
    """Return an item's nonce: its number. The data key is fresh for each bundle, so none is ever used twice."""
    return number.to_bytes(12, "big")


def _item_aad(head_sha256: bytes, number: int, count: int) -> bytes:
    return head_sha256 + number.to_bytes(2, "big") + count.to_bytes(2, "big")


class _Cursor:
    """Bytes taken in order and never past the end."""

    def __init__(self, data: bytes) -> None:
        self._view = memoryview(data)
        self.position = 0

    def take(self, size: int) -> memoryview:
        """Return the next `size` bytes. Raises `Invalid` when they are not there."""
        if size > len(self._view) - self.position:
            raise Invalid("an export bundle is cut off")
        self.position += size
        return self._view[self.position - size : self.position]

    def sized(self) -> memoryview:
        """Return the next sized part. Raises `Invalid` when it is not there or larger than an item may be."""
        size = int.from_bytes(self.take(4), "big")
        if size > ITEM_LIMIT:
            raise Invalid("a part of an export bundle is too large")
        return self.take(size)
