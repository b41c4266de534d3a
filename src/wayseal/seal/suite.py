"""Suite 1's algorithms: X-Wing key pairs, the wrap of a data key, and the sizes that follow. Public halves only.

Owns the mapping between raw bytes and key objects. Never unwraps: that is `seal.open`'s alone.

Suite 1 is HPKE base mode (RFC 9180) with KEM MLKEM768-X25519 ("X-Wing", id 0x647A), HKDF-SHA256 and AES-256-GCM for
wraps, AES-256-GCM for the body, Ed25519 for signatures and SHA-256 for digests. A raw public key is ML-KEM-768's
1,184 bytes followed by X25519's 32; a private seed is the 32 bytes that SHAKE256 expands to 64 bytes for ML-KEM and 32
for X25519 (draft-connolly-cfrg-xwing-kem).
"""

import hashlib
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PublicKey, Suite

from wayseal.model.errors import Invalid

SUITE_1: Final = 1
SUITE_NAMES: Final = {SUITE_1: "X-Wing/HKDF-SHA256/AES-256-GCM + AES-256-GCM + Ed25519 + SHA-256"}
PUBLIC_SIZE: Final = 1216
SEED_SIZE: Final = 32
DATA_KEY_SIZE: Final = 32
WRAPPED_SIZE: Final = 1120 + DATA_KEY_SIZE + 16  # encapsulation, sealed data key, tag
KEY_ID_SIZE: Final = 16
NONCE_SIZE: Final = 12
TAG_SIZE: Final = 16
SIGNATURE_SIZE: Final = 64
_MLKEM_PUBLIC = 1184

HPKE: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def sha256(*parts: bytes | bytearray | memoryview) -> bytes:
    """Return the SHA-256 of the parts, one after the other."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


def key_id(public: bytes) -> bytes:
    """Return the 16 bytes that tell which key a wrap is for: the start of the SHA-256 of the raw public key."""
    return sha256(public)[:KEY_ID_SIZE]


@lru_cache(maxsize=256)
def load_public(public: bytes) -> MLKEM768X25519PublicKey:
    """Return the key object of a raw public key. Raises `Invalid` when the bytes are no X-Wing public key."""
    if len(public) != PUBLIC_SIZE:
        raise Invalid(
            f"an epoch key has {PUBLIC_SIZE} bytes, not {len(public)}", hint="Fetch the roster again."
        )
    try:
        lattice = MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_PUBLIC])
        curve = X25519PublicKey.from_public_bytes(public[_MLKEM_PUBLIC:])
    except ValueError:
        raise Invalid("not an epoch key", hint="Fetch the roster again.") from None
    return MLKEM768X25519PublicKey(lattice, curve)


def derive_public(seed: bytes | bytearray) -> bytes:
    """Return the raw public key (1,216 bytes) that belongs to a 32-byte private seed."""
    lattice, curve = expand_seed(seed)
    return lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()


def expand_seed(seed: bytes | bytearray) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    """Return the two private keys that a 32-byte X-Wing seed stands for."""
    if len(seed) != SEED_SIZE:
        raise Invalid(f"an X-Wing seed has {SEED_SIZE} bytes", hint="The vault's file is damaged.")
    expanded = bytearray(hashlib.shake_256(seed).digest(96))
    try:
        lattice = MLKEM768PrivateKey.from_seed_bytes(memoryview(expanded)[:64])
        curve = X25519PrivateKey.from_private_bytes(memoryview(expanded)[64:])
    finally:
        expanded[:] = bytes(len(expanded))
    return lattice, curve


def wrap_key(public: bytes, data_key: bytes | bytearray, info: bytes) -> bytes:
    """Return `data_key` sealed to a raw public key (1,168 bytes); only the same `info` opens it again."""
    return HPKE.encrypt(data_key, load_public(public), info)
