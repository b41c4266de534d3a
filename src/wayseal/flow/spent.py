"""The keyroom's own memory: which intents and releases were used, what it has opened for exports, and the newest checkpoint it has seen.

A small durable file that only the keyroom writes. It is written before a key is unwrapped, so that after a crash an
intent may be lost but never used twice. Holds numbers, ids, names of recipients and a hash, nothing about a traveller.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from wayseal.ledger.checkpoint import Checkpoint
from wayseal.ledger.proof import EMPTY_ROOT
from wayseal.model.disclosure import Manifest
from wayseal.model.errors import NoIntent, StoreFull, Unavailable
from wayseal.model.ids import RecordId

_KEPT_S = 2 * 86_400
"""Longer than any intent stays good, and any day of a recipient lasts."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS spent (entry INTEGER PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS released (release TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS released_at ON released (at);
CREATE TABLE IF NOT EXISTS given (
  export TEXT, record TEXT, at INTEGER, recipient TEXT, organisation TEXT, key_sha256 TEXT, PRIMARY KEY (export, record)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (one INTEGER PRIMARY KEY CHECK (one = 1), origin TEXT, size INTEGER, root BLOB);
"""


class StaleProof(Unavailable):
    """The gate has accepted another checkpoint meanwhile; the opener proves again from that one."""


@dataclass(frozen=True, slots=True)
class Given:
    """What was opened for exports, within one spending: counted and noted together with it, or not at all."""

    _database: sqlite3.Connection

    def count_others(self, manifest: Manifest, since: datetime) -> int:
        """Return how many records other exports gave since then to this recipient, their organisation or their key."""
        same = "recipient = ? OR organisation = ? OR key_sha256 = ?"
        sql = f"SELECT COUNT(*) FROM given WHERE at >= ? AND export <> ? AND ({same})"  # noqa: S608 - our own text
        values = (
            int(since.timestamp()), manifest.export, manifest.recipient, manifest.recipient_organisation,
            manifest.key_sha256,
        )  # fmt: skip
        return int(self._database.execute(sql, values).fetchone()[0])

    def note(self, manifest: Manifest, record: RecordId, now: datetime) -> None:
        """Note a record that is about to be opened for an export, and forget those of earlier days."""
        at = int(now.timestamp())
        self._database.execute("DELETE FROM given WHERE at < ?", (at - _KEPT_S,))
        values = (
            manifest.export, record, at, manifest.recipient, manifest.recipient_organisation, manifest.key_sha256
        )  # fmt: skip
        self._database.execute("INSERT OR REPLACE INTO given VALUES (?, ?, ?, ?, ?, ?)", values)


class SpentIntents:
    """Used intents by ledger index, and used releases by id, in one file. Threads and processes may share it.

    A release is used once although the ledger may hold its intent twice, word for word: what a second person has signed would be
    good for both.
    """

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
        self, intents: Sequence[tuple[int, str]], checkpoint: Checkpoint, *, after: Checkpoint, now: datetime
    ) -> Iterator[Given]:
        """Mark intents, each with its release, as used and the checkpoint as seen, durably, unless the body of the `with` raises: then nothing is.

        Nobody else spends meanwhile. `after` is the checkpoint that this one was checked against. Raises, before the body runs,
        `NoIntent` when an intent or its release was used before (or twice in this call), and `StaleProof` when `after` is no longer
        the newest.
        """
        with self._lock:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                self._advance(checkpoint, after)
                self._spend(intents, int(now.timestamp()))
                yield Given(self._database)
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

    def _spend(self, intents: Sequence[tuple[int, str]], at: int) -> None:
        """Write intents and releases down as used, and forget the releases whose intents nobody can use any more."""
        self._database.executemany("INSERT INTO spent VALUES (?)", [(entry,) for entry, _ in intents])
        self._database.executemany(
            "INSERT INTO released VALUES (?, ?)", [(release, at) for _, release in intents]
        )
        if intents:
            self._database.execute("DELETE FROM released WHERE at < ?", (at - _KEPT_S,))

    def _advance(self, checkpoint: Checkpoint, after: Checkpoint) -> None:
        """Write the checkpoint as the newest when `after` still was it."""
        row = self._database.execute("SELECT size FROM seen").fetchone()
        if (0 if row is None else row[0]) != after.size:
            raise StaleProof("another opener was quicker")
        self._database.execute(
            "INSERT OR REPLACE INTO seen VALUES (1, ?, ?, ?)",
            (checkpoint.origin, checkpoint.size, checkpoint.root),
        )
