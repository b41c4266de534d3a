"""The blind index: keyed tags by which a plate or traveller is found again without being written down.

Whoever has the database and not the key can neither read a tag nor test a guess. Whoever has both can test guesses:
the tags are worth what the keeper is worth.
"""

import hmac
from pathlib import Path

from wayseal.model.errors import Invalid
from wayseal.seal.keys.keeper import KeyKeeper
from wayseal.seal.keys.secret import load_secret

TAG_SIZE = 16


class BlindIndex:
    """HMAC-SHA256 under a key that only the keeper opens, cut to 16 bytes. One index a site, or one an epoch."""

    def __init__(self, key: bytes | bytearray) -> None:
        self._state = hmac.new(key, b"wayseal-index/v1", "sha256")

    @classmethod
    def load_or_create(cls, keeper: KeyKeeper, folder: Path, *, name: str = "site") -> "BlindIndex":
        """Return the index of that name; its key is made at random now unless it exists."""
        key = load_secret(keeper, folder, purpose="index", name=name, size=32)
        try:
            return cls(key)
        finally:
            key[:] = bytes(len(key))

    def tag(self, domain: str, text: str) -> bytes:
        """Return the 16-byte tag of `text` in a domain (`plate`, `traveller`). Equal texts have equal tags.

        The caller brings the text into its normal form first. Raises `Invalid` for an empty domain.
        """
        if not domain:
            raise Invalid("a tag needs a domain", hint="Name what the text is: plate, traveller.")
        mac = self._state.copy()
        name = domain.encode()
        mac.update(len(name).to_bytes(2, "big") + name + text.encode())
        return mac.digest()[:TAG_SIZE]
