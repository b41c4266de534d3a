"""The centre's own secrets: what signs the ledger and receipts, seals its documents, makes tags and keeps galleries.

Owns `HOME/centre`. None of these opens a record: the private halves of epoch keys are in the keyroom.
"""

import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wayseal.model.errors import SealBroken
from wayseal.seal.keys import BlindIndex, FileKeeper, KeyKeeper, SigningIdentity
from wayseal.seal.keys.secret import load_secret

CENTRE = "centre"


_NONCE = 12


class GalleryCipher:
    """AES-256-GCM under one gallery's key; a `TemplateCipher`."""

    def __init__(self, key: bytes | bytearray) -> None:
        self._key = AESGCM(key)

    def seal(self, data: bytes, context: bytes) -> bytes:
        """Return nonce and ciphertext of `data`, bound to `context`."""
        nonce = os.urandom(_NONCE)
        return nonce + self._key.encrypt(nonce, data, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Return what was sealed. Raises `SealBroken` for other bytes, another key or another context."""
        try:
            return self._key.decrypt(sealed[:_NONCE], sealed[_NONCE:], context)
        except (InvalidTag, ValueError):
            raise SealBroken("what the gallery keeps was altered, or is under another key") from None


class CentreKeys:
    """The centre's keys under its own keeper. `identity` is its device on the roster and signs receipts."""

    def __init__(self, folder: Path, keeper: KeyKeeper) -> None:
        identities = folder / "identities"
        self._identities = identities
        self.keeper = keeper
        self.log_signer = SigningIdentity.load_or_create("ledger", keeper, identities, post_quantum=True)
        self.identity = SigningIdentity.load_or_create(CENTRE, keeper, identities)
        self.index = BlindIndex.load_or_create(keeper, identities)

    @classmethod
    def create(cls, folder: Path, passphrase: bytes) -> "CentreKeys":
        """Make the centre's keys under a file keeper. Raises `Invalid` for a short passphrase or where some are already."""
        folder.mkdir(mode=0o700, parents=True)
        return cls(folder, FileKeeper.create(folder / "keeper", passphrase))

    @classmethod
    def open(cls, folder: Path, passphrase: bytes) -> "CentreKeys":
        """Open the centre's keys. Raises `KeeperLocked` for a wrong passphrase."""
        return cls(folder, FileKeeper.open(folder / "keeper", passphrase))

    def gallery_cipher(self, name: str) -> GalleryCipher:
        """Return the cipher of a gallery, whose key is made now unless it exists."""
        key = load_secret(self.keeper, self._identities, purpose="gallery", name=name, size=32)
        try:
            return GalleryCipher(key)
        finally:
            key[:] = bytes(len(key))
