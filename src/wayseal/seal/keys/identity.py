"""Signing identities: who seals, who keeps the ledger, who receipts, who signs rosters. Sign and verify, nothing else.

A seed never leaves: it lies wrapped under the keeper and is in memory only inside the key objects.
"""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from wayseal.model.errors import Unavailable
from wayseal.seal.keys.keeper import KeyKeeper
from wayseal.seal.keys.secret import load_secret


class SigningIdentity:
    """An Ed25519 key with a name and, where asked for, an ML-DSA-44 key beside it (signatures that outlive Ed25519)."""

    def __init__(
        self, name: str, seed: bytes | bytearray, *, mldsa_seed: bytes | bytearray | None = None
    ) -> None:
        self.name = name
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._mldsa = None if mldsa_seed is None else MLDSA44PrivateKey.from_seed_bytes(mldsa_seed)

    @classmethod
    def load_or_create(
        cls, name: str, keeper: KeyKeeper, folder: Path, *, post_quantum: bool = False
    ) -> "SigningIdentity":
        """Return the identity of that name, made now unless its file is there. `post_quantum` adds ML-DSA-44."""
        seeds = [load_secret(keeper, folder, purpose="identity", name=name, size=32)]
        if post_quantum:
            seeds.append(load_secret(keeper, folder, purpose="identity-mldsa", name=name, size=32))
        try:
            return cls(name, seeds[0], mldsa_seed=seeds[1] if post_quantum else None)
        finally:
            for seed in seeds:
                seed[:] = bytes(len(seed))

    @property
    def public(self) -> bytes:
        """The raw Ed25519 public key, 32 bytes."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature, 64 bytes."""
        return self._key.sign(message)

    @property
    def mldsa_public(self) -> bytes | None:
        """The raw ML-DSA-44 public key (1,312 bytes), or None when this identity has none."""
        return None if self._mldsa is None else self._mldsa.public_key().public_bytes_raw()

    def mldsa_sign(self, message: bytes) -> bytes:
        """Return the ML-DSA-44 signature (2,420 bytes, empty context). Raises `Unavailable` when there is no such key."""
        if self._mldsa is None:
            raise Unavailable(
                f"the identity {self.name} has no ML-DSA key", hint="Load it with post_quantum=True."
            )
        return self._mldsa.sign(message)

    def __repr__(self) -> str:
        return f"SigningIdentity({self.name!r})"
