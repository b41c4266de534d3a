"""Tidy up after a key is dead: unlink segments, mark rows, and find what an interrupted sweep left behind.

Owns nothing that matters for secrecy: without the key the bytes are noise. It must never touch an epoch whose key lives.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from wayseal.model.errors import Refused
from wayseal.model.ids import EpochId
from wayseal.store.centre import CentreStore, Purge, purge_epoch
from wayseal.store.engine import read
from wayseal.store.records import count_alive

HasKey = Callable[[EpochId], bool]


def sweep_epoch(
    store: CentreStore, epoch: EpochId, *, has_key: HasKey, when: datetime, ledger_index: int
) -> Purge:
    """Remove an erased epoch's bytes and mark its rows with the ledger entry that erased it. Repeatable at any point.

    Raises `Refused` while the epoch's key is alive.
    """
    if has_key(epoch):
        raise Refused(
            "the epoch can still be opened", hint="Destroy its key first: wayseal retention run.", epoch=epoch
        )
    return purge_epoch(store, epoch, when=when, ledger_index=ledger_index)


def list_epochs(store: CentreStore, keys: Iterable[EpochId]) -> dict[EpochId, int]:
    """Return every epoch that has a key, a readable row or a segment, with how many records can still be opened."""
    with read(store.engine) as connection:
        known = count_alive(connection)
    for epoch in (*keys, *store.blobs.epochs()):
        known.setdefault(epoch, 0)
    return known
