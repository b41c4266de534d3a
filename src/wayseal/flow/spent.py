"""The keyroom's own memory: which intents were used, and the newest checkpoint it has seen.

A small durable file that only the keyroom writes. It is written before a key is unwrapped, so that after a crash an
intent may be lost but never used twice. Holds numbers and a hash, nothing about a person.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from wayseal.ledger.checkpoint import Checkpoint
from wayseal.ledger.proof import EMPTY_ROOT
from wayseal.model.errors import NoIntent, StoreFull, Unavailable

_SCHEMA = """
CREATE TABLE IF NOT EXISTS spent (entry INTEGER PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (one INTEGER PRIMARY KEY CHECK (one = 1), origin TEXT, size INTEGER, root BLOB);
"""


class StaleProof(Unavailable):
    """The gate has accepted another checkpoint meanwhile; the opener proves again from that one."""


class SpentIntents:
    """Used intents by ledger index, in one file. Threads and processes may share it."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._database = sqlite3.connect(file, check_same_thread=False, isolation_level=None, timeout=30)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def seen(self) -> Checkpoint:
        """Return the newest checkpoint accepted; an empty tree before the first."""
        with self._lock:
            row = self._database.execute("SELECT origin, size, root FROM seen").fetchone()
        return Checkpoint("none", 0, EMPTY_ROOT) if row is None else Checkpoint(row[0], row[1], bytes(row[2]))

    @contextmanager
    def spending(
        self, entries: Sequence[int], checkpoint: Checkpoint, *, after: Checkpoint
    ) -> Iterator[None]:
        """Mark intents as used and the checkpoint as seen, durably, unless the body of the `with` raises: then nothing is.

        Nobody else spends meanwhile. `after` is the checkpoint that this one was checked against. Raises, before the body runs,
        `NoIntent` when an intent was used before (or twice in this call), and `StaleProof` when `after` is no longer the newest.
        """
        with self._lock:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                self._advance(checkpoint, after)
                self._database.executemany("INSERT INTO spent VALUES (?)", [(entry,) for entry in entries])
                yield
                self._database.execute("COMMIT")
            except sqlite3.IntegrityError:
                raise NoIntent(
                    "the intent was used before", hint="One intent opens one record once. Log another."
                ) from None
            except sqlite3.OperationalError as error:
                raise StoreFull(f"the keyroom's memory took no more: {error}") from None
            finally:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")

    def _advance(self, checkpoint: Checkpoint, after: Checkpoint) -> None:
        """Write the checkpoint as the newest when `after` still was it."""
        row = self._database.execute("SELECT size FROM seen").fetchone()
        if (0 if row is None else row[0]) != after.size:
            raise StaleProof("another opener was quicker")
        self._database.execute(
            "INSERT OR REPLACE INTO seen VALUES (1, ?, ?, ?)",
            (checkpoint.origin, checkpoint.size, checkpoint.root),
        )
