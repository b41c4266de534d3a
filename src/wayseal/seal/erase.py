"""Erasure: the end of an epoch, as a receipt that says what was destroyed. Destroys keys, never files of records.

The caller logs the erasure before it calls and the receipt after it (`flow.erase`), and unlinks the dead bytes.
"""

from dataclasses import dataclass
from datetime import datetime

from wayseal.model.clock import to_text
from wayseal.model.ids import EpochId
from wayseal.seal.keys.vault import EpochBook


@dataclass(frozen=True, slots=True)
class ErasureReceipt:
    """That an epoch's key-encryption key was destroyed. Holds no key material.

    `public_sha256` (hex) names the public half, which lanes and rosters knew; `keeper` says what held the key and what
    its destruction is worth.
    """

    epoch: EpochId
    public_sha256: str
    destroyed_at: datetime
    keeper: str

    def fields(self) -> dict[str, str]:
        """Return the receipt as names and texts, ready for a ledger entry."""
        return {
            "epoch": self.epoch,
            "public_sha256": self.public_sha256,
            "destroyed_at": to_text(self.destroyed_at),
            "keeper": self.keeper,
        }


def destroy_epoch(vault: EpochBook, epoch: EpochId) -> ErasureReceipt:
    """Destroy an epoch's key for good and return the receipt. A second call returns the first one's receipt again.

    Raises `Erased` for an epoch that was never in this vault, `Unavailable` when the keeper does not answer.
    """
    tombstone = vault.destroy(epoch)
    return ErasureReceipt(
        epoch=tombstone.epoch,
        public_sha256=tombstone.public_sha256,
        destroyed_at=tombstone.destroyed_at,
        keeper=vault.keeper.describe(),
    )
