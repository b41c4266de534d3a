"""The ledger's one SQLite file: its tables, its connections, its write lock.

Owns SQL and durability (WAL, every commit flushed to disk before it returns) and nothing of what the rows mean. It must
never change or delete an entry or a node; triggers refuse both.
"""

import errno
import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wayseal.model.errors import LedgerBroken, NotFound, StoreFull, Unavailable

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE entries (
    number INTEGER PRIMARY KEY, type TEXT NOT NULL, time TEXT NOT NULL,
    actor TEXT, org TEXT, device TEXT, lane TEXT, data BLOB NOT NULL);
CREATE INDEX entries_type ON entries (type);
CREATE INDEX entries_time ON entries (time);
CREATE INDEX entries_actor ON entries (actor) WHERE actor IS NOT NULL;
CREATE INDEX entries_org ON entries (org) WHERE org IS NOT NULL;
CREATE INDEX entries_device ON entries (device) WHERE device IS NOT NULL;
CREATE TABLE refs (ref TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (ref, number)) WITHOUT ROWID;
CREATE TABLE nodes (
    level INTEGER NOT NULL, number INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (level, number)) WITHOUT ROWID;
CREATE TABLE checkpoints (size INTEGER PRIMARY KEY, root BLOB NOT NULL, note TEXT NOT NULL, cosigned INTEGER NOT NULL);
"""
_GUARD = """
CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""
_BUSY_S = 60.0
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
_WRITE_ERRORS = {
    "SQLITE_FULL",
    "SQLITE_IOERR_WRITE",
    "SQLITE_IOERR_FSYNC",
    "SQLITE_IOERR_TRUNCATE",
    "SQLITE_IOERR_SHMSIZE",
}
_BUSY_ERRORS = (
    "SQLITE_BUSY",
    "SQLITE_LOCKED",
    "SQLITE_CANTOPEN",
    "SQLITE_READONLY",
    "SQLITE_IOERR",
    "SQLITE_PERM",
)


def create_tables(file: Path) -> None:
    """Make the file with empty tables, readable by its owner only. Raises `Unavailable` when it is there already."""
    if file.exists():
        raise Unavailable(
            f"there is a ledger already: {file.name}",
            hint="Choose another home; ledgers are never overwritten.",
        )
    with explain_disk("the ledger's folder"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
    connection = _connect(file)
    try:
        guards = [
            _GUARD.format(table=table, verb=verb)
            for table in ("entries", "refs", "nodes")
            for verb in ("UPDATE", "DELETE")
        ]
        connection.executescript("BEGIN IMMEDIATE;" + _SCHEMA + "".join(guards) + "COMMIT;")
    finally:
        connection.close()


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-16000"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _connect_reader(file: Path) -> sqlite3.Connection:
    """Return a connection to read with, also on media that cannot be written, where nobody else writes either.

    A file that somebody has open for writing has its write-ahead log beside it, and is read in the usual way.
    """
    if os.access(file.parent, os.W_OK) or file.with_name(f"{file.name}-wal").exists():
        return _connect(file)
    place = f"{file.resolve().as_uri()}?immutable=1"
    return sqlite3.connect(place, uri=True, isolation_level=None, check_same_thread=False)


@contextmanager
def explain_sqlite() -> Iterator[None]:
    """Turn SQLite's errors into the project's: full disk, busy or missing file, damaged file."""
    try:
        yield
    except sqlite3.OperationalError as error:
        name = getattr(error, "sqlite_errorname", "")
        if name in _WRITE_ERRORS:
            raise StoreFull("the ledger could not be written", reason=name) from error
        if name.startswith(_BUSY_ERRORS):
            raise Unavailable("the ledger does not answer", reason=name) from error
        raise LedgerBroken("the ledger file is damaged", reason=name or "unreadable") from error
    except sqlite3.DatabaseError as error:
        name = getattr(error, "sqlite_errorname", "")
        raise LedgerBroken("the ledger file is damaged", reason=name or "not a database") from error


@contextmanager
def explain_disk(what: str) -> Iterator[None]:
    """Turn the operating system's errors into the project's: full disk, or a place that cannot be read or written."""
    try:
        yield
    except OSError as error:
        reason = errno.errorcode.get(error.errno or 0, "unknown")
        if error.errno in _FULL:
            raise StoreFull(f"{what} could not be written", reason=reason) from error
        raise Unavailable(f"{what} cannot be read or written", reason=reason) from error


def as_bytes(value: Any) -> bytes:
    """Return a cell that must hold bytes. Raises `LedgerBroken` when it holds anything else."""
    if not isinstance(value, bytes):
        raise LedgerBroken("the ledger file is damaged", reason="a cell of another type")
    return value


class Tables:
    """A reading and, once it is needed, a writing connection to the file; for many threads, and beside other processes."""

    def __init__(self, file: Path) -> None:
        if not file.is_file():
            if any(file.parent.glob("*.vkey")):
                raise LedgerBroken("the ledger is gone; only its public keys are here")
            raise NotFound(f"no ledger at {file.name}", hint="Make a home first: wayseal init.")
        self._file = file
        self._reading, self._writing = threading.Lock(), threading.Lock()
        self._writer: sqlite3.Connection | None = None
        with explain_sqlite():
            self._reader = _connect_reader(file)
            self._reader.execute("PRAGMA query_only=ON")

    def close(self) -> None:
        """Close both connections. Everything appended is on disk already."""
        self._reader.close()
        if self._writer is not None:
            self._writer.close()

    def query(self, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of one SELECT."""
        with self._reading, explain_sqlite():
            return self._reader.execute(sql, values).fetchall()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Give a connection inside a transaction that no other thread or process can enter; flushed to disk on leaving.

        Any error rolls everything back.
        """
        with self._writing, self._lock_processes(), explain_sqlite():
            if self._writer is None:
                self._writer = _connect(self._file)
            connection = self._writer
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Give a connection of its own that sees one unchanging state, for long reads beside appends."""
        with self._reading, explain_sqlite():
            self._reader.execute("BEGIN")
            try:
                yield self._reader
            finally:
                self._reader.execute("ROLLBACK")

    @contextmanager
    def _lock_processes(self) -> Iterator[None]:
        """Hold the file lock that queues the writers of all processes fairly, where SQLite would only poll."""
        with explain_disk("the ledger's lock"):
            handle = self._file.with_name(f"{self._file.name}.lock").open("ab")
        with handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def read_meta(connection: sqlite3.Connection, key: str) -> str:
    """Return one fixed fact about the ledger. Raises `LedgerBroken` when it is missing."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    if row is None:
        raise LedgerBroken(f"the ledger file does not say its {key}")
    return str(row[0])
