"""A new passphrase for every file keeper under one home. Keys stay as they are; only what opens them changes."""

from pathlib import Path

from wayseal.model.errors import KeeperLocked, NotFound
from wayseal.seal.keys.file_keeper import FileKeeper, PassphraseCost


def change_passphrases(home: Path, old: bytes, new: bytes, *, cost: PassphraseCost | None = None) -> int:
    """Put every file keeper under `home` from the old passphrase to the new one and return how many there are.

    May be called again after a crash: keepers that have the new passphrase already stay. Raises `KeeperLocked` when one
    opens with neither (before it, those in the order of their paths are changed), `NotFound` when there is no keeper.
    """
    folders = sorted(file.parent for file in home.rglob("keeper.json"))
    if not folders:
        raise NotFound(
            "there is no file keeper under this home", hint="HSM PINs are changed with the vendor's tool."
        )
    for folder in folders:
        try:
            FileKeeper.open(folder, old).change_passphrase(old, new, cost=cost)
        except KeeperLocked:
            FileKeeper.open(folder, new)
    return len(folders)
