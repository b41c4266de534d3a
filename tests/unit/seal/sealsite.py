"""A site's keys as the seal tests need them: a file keeper with a cheap passphrase, a vault, a lane and a keyroom."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from wayseal.model.custody import EpochKey, Kind, SealedRecord
from wayseal.model.ids import RecordId, epoch_id, new_ulid
from wayseal.seal.device import SealChain
from wayseal.seal.keys import EpochVault, FileKeeper, PassphraseCost, SigningIdentity

NOW = datetime(2026, 11, 22, 7, 9, 0, 123000, tzinfo=UTC)
PASSPHRASE = b"correct horse battery staple"
CHEAP = PassphraseCost(memory_kib=64, iterations=1, lanes=1)
EPOCH = epoch_id("citizen", NOW)
LONGER = epoch_id("non_citizen", NOW)


@dataclass
class Site:
    """One site: keeper and vault of the centre, and the signing identities of a lane and of the keyroom."""

    folder: Path
    keeper: FileKeeper
    vault: EpochVault
    lane: SigningIdentity
    keyroom: SigningIdentity

    def seal(self, body: bytes, *, kind: Kind = Kind.FACE, key: EpochKey | None = None) -> SealedRecord:
        """Return `body` sealed by the lane to the citizen epoch of NOW (or to `key`)."""
        chain = SealChain(self.lane, "lane-1")
        keys = [key or self.vault.create_epoch(EPOCH)]
        return chain.seal(body, object_id=RecordId(new_ulid(NOW)), kind=kind, epoch_keys=keys, sealed_at=NOW)


def make_site(folder: Path) -> Site:
    """Return a fresh site in a folder."""
    keeper = FileKeeper.create(folder / "keeper", PASSPHRASE, cost=CHEAP)
    return Site(
        folder=folder,
        keeper=keeper,
        vault=EpochVault(keeper, folder / "epochs", lambda: NOW),
        lane=SigningIdentity.load_or_create("lane-1", keeper, folder / "identities"),
        keyroom=SigningIdentity.load_or_create("keyroom", keeper, folder / "identities", post_quantum=True),
    )
