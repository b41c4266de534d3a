"""A second reader of export bundles, written from docs/spec/export.md alone. HPKE is the other second reader's, by hand."""

import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from independent_record_reader import open_wrap, public_of


def read_bundle(data: bytes, seed: bytes, sender: bytes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return (manifest, items) of a bundle whose sender's signature holds."""
    body, signature = data[:-64], data[-64:]
    message = b"wayseal-export/v1/signature" + hashlib.sha256(body).digest()
    Ed25519PublicKey.from_public_bytes(sender).verify(signature, message)
    assert body[:9] == b"WAYSEALX\x01"
    manifest, rest = take(body[9:])
    _, rest = take(rest)
    head = hashlib.sha256(body[: len(body) - len(rest)]).digest()
    assert rest[:16] == hashlib.sha256(public_of(seed)).digest()[:16]
    key = open_wrap(seed, rest[16:1184], b"wayseal-export/v1" + head)
    count, rest = rest[1184:1186], rest[1186:]
    items = []
    for number in range(int.from_bytes(count, "big")):
        sealed, rest = take(rest)
        aad = head + number.to_bytes(2, "big") + count
        plain = AESGCM(key).decrypt(number.to_bytes(12, "big"), sealed, aad)
        facts, content = take(plain)
        items.append(json.loads(facts) | {"data": content})
    assert rest == b""
    return json.loads(manifest), items


def take(data: bytes) -> tuple[bytes, bytes]:
    """Return the first sized part, and what follows."""
    size = int.from_bytes(data[:4], "big")
    return data[4 : 4 + size], data[4 + size :]
