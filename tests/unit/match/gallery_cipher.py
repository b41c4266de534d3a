"""A cipher for test galleries: AES-256-GCM under a key in memory, as a site's key keeper would hold it."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wayseal.model.errors import SealBroken


class MemoryCipher:
    """Seals under one key."""

    def __init__(self, key: bytes = b"k" * 32) -> None:
        self._cipher = AESGCM(key)

    def seal(self, data: bytes, context: bytes) -> bytes:
        """Return nonce and ciphertext."""
        nonce = os.urandom(12)
        return nonce + self._cipher.encrypt(nonce, data, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Return the plaintext, or raise `SealBroken`."""
        try:
            return self._cipher.decrypt(sealed[:12], sealed[12:], context)
        except (InvalidTag, ValueError):
            raise SealBroken("a manifest does not open") from None
