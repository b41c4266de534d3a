"""The centre's own secrets: what signs the ledger and receipts, seals its documents, makes tags and keeps galleries.

Owns `HOME/centre`. None of these opens a record: the private halves of epoch keys are in the keyroom.
"""

from pathlib import Path

from wayseal.export.markcode import MarkRoot
from wayseal.model.errors import Integrity, NotFound, SealBroken
from wayseal.seal.keys import BlindIndex, FileKeeper, KeyKeeper, SigningIdentity
from wayseal.seal.keys.durable import make_folder
from wayseal.seal.keys.secret import load_secret
from wayseal.seal.suite import sha256

CENTRE = "centre"


class PictureCipher:
    """Seals each picture of one gallery under a key of its own, so that one can be forgotten wherever it was copied to.

    The keys lie in a keeper of the gallery's, by a digest of the picture's context, which must say nothing without a key.
    """

    def __init__(self, keeper: KeyKeeper) -> None:
        self._keeper = keeper

    def seal(self, data: bytes, context: bytes) -> bytes:
        """Return `data` sealed under the key of its context, made now unless it exists."""
        label = _label(context)
        if not self._keeper.has_key(label):
            self._keeper.create_key(label)
        return self._keeper.wrap(label, data, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Return what was sealed. Raises `SealBroken` for other bytes, another context, or a key that was destroyed."""
        try:
            return bytes(self._keeper.unwrap(_label(context), sealed, context))
        except (NotFound, Integrity):
            raise SealBroken("what the gallery keeps was altered, or its key is gone") from None

    def destroy(self, context: bytes) -> None:
        """Destroy the key of a context for good: no copy of what it sealed opens any more."""
        self._keeper.destroy(_label(context))


def _label(context: bytes) -> str:
    """Return under which label the key of a context lies."""
    return "picture/" + sha256(context).hex()[:32]


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

    def mark_root(self) -> MarkRoot:
        """Return the root of this site's mark keys, made at random now unless it exists."""
        secret = load_secret(self.keeper, self._identities, purpose="mark", name="root", size=32)
        try:
            return MarkRoot(secret)
        finally:
            secret[:] = bytes(len(secret))

    def gallery_cipher(self, name: str) -> PictureCipher:
        """Return the cipher of a gallery's pictures, whose keys lie under a key that is made now unless it exists."""
        folder = self._identities.parent / "pictures" / name
        make_folder(folder, keep_out_of_backups=True)
        key = load_secret(self.keeper, self._identities, purpose="gallery", name=name, size=32)
        try:
            return PictureCipher(FileKeeper(folder, key))
        finally:
            key[:] = bytes(len(key))
