"""The centre's own secrets: what signs the ledger and receipts, what seals its documents, what tags and keeps galleries.

Owns `HOME/centre`. None of these opens a record: the private halves of epoch keys are in the keyroom.
"""

from pathlib import Path

from wayseal.seal.keys import BlindIndex, FileKeeper, KeyKeeper, SigningIdentity

CENTRE = "centre"


class CentreKeys:
    """The centre's keys under its own keeper. `identity` is its device on the roster and signs receipts."""

    def __init__(self, folder: Path, keeper: KeyKeeper) -> None:
        identities = folder / "identities"
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
