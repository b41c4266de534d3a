"""A second reader of sealed records, written from docs/spec/sealed-record.md alone: it shares no code with Wayseal.

HPKE's key schedule (RFC 9180) and the X-Wing combiner are done by hand; only ML-KEM-768, X25519, AES-256-GCM, Ed25519
and the hashes come from the cryptography library. It reads what is valid and checks only what opening needs.
"""

import hashlib
import hmac
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SUITE_ID = b"HPKE" + bytes.fromhex("647a" + "0001" + "0002")


def read(
    data: bytes, seeds: dict[bytes, bytes], device: bytes, keyroom: bytes
) -> tuple[dict[str, Any], bytes]:
    """Return (header, body) of a record. `seeds` maps key ids to X-Wing seeds; the newest wrap that fits is used."""
    assert data[:9] == b"WAYSEAL1\x01"
    size = int.from_bytes(data[9:11], "big")
    header, rest = data[11 : 11 + size], data[11 + size :]
    fields = json.loads(header)
    end = 1 + rest[0] * 1184
    wraps, nonce, rest = rest[:end], rest[end : end + 12], rest[end + 12 :]
    ciphertext, signature, blocks = (
        rest[: fields["padded_size"] + 16],
        rest[fields["padded_size"] + 16 :][:64],
        rest[fields["padded_size"] + 80 :],
    )
    aad = hashlib.sha256(header).digest()
    signed = b"wayseal-record/v1/signature\x01" + size.to_bytes(2, "big") + header
    signed += hashlib.sha256(nonce + ciphertext).digest() + hashlib.sha256(wraps).digest()
    Ed25519PublicKey.from_public_bytes(device).verify(signature, signed)
    choices = [(wraps[at : at + 1184], b"wayseal-record/v1" + aad) for at in range(1, end, 1184)]
    for block in split_blocks(blocks, keyroom):
        choices.insert(0, block)
    key = next(open_wrap(seeds[wrap[:16]], wrap[16:], info) for wrap, info in choices if wrap[:16] in seeds)
    padded = AESGCM(key).decrypt(nonce, ciphertext, aad)
    return fields, padded.rstrip(b"\0")[:-1]


def split_blocks(data: bytes, keyroom: bytes) -> list[tuple[bytes, bytes]]:
    """Return (key id and wrap, info) of each re-wrap block, after its signature verified."""
    found = []
    while data:
        assert data[:4] == b"KEEP"
        size = int.from_bytes(data[4:6], "big")
        header, wrap, signature = data[6 : 6 + size], data[6 + size :][:1184], data[1190 + size :][:64]
        signed = (
            b"wayseal-rewrap/v1/signature" + hashlib.sha256(header).digest() + hashlib.sha256(wrap).digest()
        )
        Ed25519PublicKey.from_public_bytes(keyroom).verify(signature, signed)
        found.append((wrap, b"wayseal-rewrap/v1" + hashlib.sha256(header).digest()))
        data = data[1254 + size :]
    return found


def expand(seed: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    """Return the two private keys of an X-Wing seed."""
    expanded = hashlib.shake_256(seed).digest(96)
    return MLKEM768PrivateKey.from_seed_bytes(expanded[:64]), X25519PrivateKey.from_private_bytes(
        expanded[64:]
    )


def public_of(seed: bytes) -> bytes:
    """Return the raw X-Wing public key of a seed."""
    lattice, curve = expand(seed)
    return lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()


def decapsulate(seed: bytes, encapsulated: bytes) -> bytes:
    """Return X-Wing's shared secret."""
    lattice, curve = expand(seed)
    point = encapsulated[1088:]
    parts = (
        lattice.decapsulate(encapsulated[:1088]),
        curve.exchange(X25519PublicKey.from_public_bytes(point)),
        point,
        curve.public_key().public_bytes_raw(),
        b"\\.//^\\",
    )
    return hashlib.sha3_256(b"".join(parts)).digest()


def open_wrap(seed: bytes, message: bytes, info: bytes) -> bytes:
    """Return what an HPKE base-mode message (X-Wing, HKDF-SHA256, AES-256-GCM) holds."""
    shared = decapsulate(seed, message[:1120])
    context = b"\x00" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(shared, b"secret", b"")
    key, nonce = expand_label(secret, b"key", context, 32), expand_label(secret, b"base_nonce", context, 12)
    return AESGCM(key).decrypt(nonce, message[1120:], b"")


def extract(salt: bytes, label: bytes, material: bytes) -> bytes:
    """RFC 9180 LabeledExtract."""
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + SUITE_ID + label + material, "sha256")


def expand_label(secret: bytes, label: bytes, info: bytes, size: int) -> bytes:
    """RFC 9180 LabeledExpand, for at most one block of output."""
    labelled = size.to_bytes(2, "big") + b"HPKE-v1" + SUITE_ID + label + info
    return hmac.digest(secret, labelled + b"\x01", "sha256")[:size]
