"""Open the database named by a URL, set so that what was acknowledged survives and what was deleted does not.

Owns connections, pragmas and transactions. SQLite: WAL, synchronous=FULL, secure_delete, one writer at a time.
PostgreSQL: synchronous_commit on, and TLS to any other machine. Must never log a statement's parameters.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.pool import QueuePool

from wayseal.model.errors import Integrity, Invalid, StoreFull, Unavailable

BUSY_MS = 30_000
_BAD_URL = Invalid("not a database URL", hint="Use sqlite:///FILE or postgresql://USER@HOST/NAME.")
_WRITES = {"wayseal_writes": "FULL"}
_WRITES_LAZY = {"wayseal_writes": "NORMAL"}
_HERE = ("", "localhost", "127.0.0.1", "::1")
_PATIENCE = {"connect_timeout": "10", "tcp_user_timeout": "30000"}
"""Seconds for a connection, and milliseconds for a server that fell silent: libpq waits for minutes."""
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA secure_delete=ON",
    "PRAGMA foreign_keys=ON",
    f"PRAGMA busy_timeout={BUSY_MS}",
    "PRAGMA temp_store=MEMORY",
)


def open_engine(url: str) -> Engine:
    """Return an engine for `sqlite:///FILE` or `postgresql+psycopg://…`. Nothing is created except an empty SQLite file.

    Raises `Invalid` for any other URL. A SQLite file is made with mode 0600.
    """
    try:
        named = make_url(url)
    except (ArgumentError, ValueError):
        raise _BAD_URL from None
    if named.drivername in ("sqlite", "sqlite+pysqlite") and named.database not in (None, "", ":memory:"):
        return _open_sqlite(named)
    if named.drivername in ("postgresql", "postgresql+psycopg"):
        return create_engine(
            _complete_server(named.set(drivername="postgresql+psycopg")),
            hide_parameters=True,
            pool_pre_ping=True,
            connect_args={"options": "-c synchronous_commit=on"},
        )
    raise _BAD_URL


def _complete_server(url: URL) -> URL:
    """Return a PostgreSQL URL with what libpq would choose for us and what the URL does not name itself.

    To another machine libpq would go on in the clear with a server that offers no TLS; ours then refuses. `sslmode=verify-full`
    in the URL checks the server's certificate too.
    """
    places = [url.host or "", *_listed(url.query.get("host", ""))]
    here = all(place in _HERE or place.startswith("/") for place in places)
    chosen = _PATIENCE if here else {**_PATIENCE, "sslmode": "require"}
    return url.update_query_dict({name: value for name, value in chosen.items() if name not in url.query})


def _listed(value: str | tuple[str, ...]) -> tuple[str, ...]:
    """Return the values of a URL's parameter, which may stand there more than once."""
    return (value,) if isinstance(value, str) else value


def open_file(path: Path) -> Engine:
    """Return an engine for one SQLite file, making its folder (0700) and the file (0600) when they are not there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return open_engine(f"sqlite:///{path}")


@contextmanager
def write(engine: Engine, *, lazy: bool = False) -> Iterator[Connection]:
    """Give a connection inside one write transaction: committed durably at the end, rolled back on any error.

    On SQLite it takes the write lock at once and waits for it up to 30 s, so that two writers queue and never fail half way.
    `lazy` commits without waiting for the disk; a power cut may undo it, whole, until the next ordinary commit. Only for
    what can be made again. Raises `StoreFull` when the disk is full, `Invalid` for a row that is there already, and
    `Unavailable` when the lock or the server is out of reach.
    """
    options = _WRITES_LAZY if lazy else _WRITES
    with _translate(), engine.connect().execution_options(**options) as connection, connection.begin():
        if lazy and engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL synchronous_commit TO off")
        yield connection


@contextmanager
def read(engine: Engine) -> Iterator[Connection]:
    """Give a connection that sees one consistent state and changes nothing."""
    with _translate(), engine.connect() as connection:
        yield connection


def scrub_deleted(engine: Engine) -> None:
    """Fold the write-ahead log into the database and cut it to nothing, so that no deleted row's bytes stay in it.

    SQLite only: pages were overwritten by secure_delete already. On PostgreSQL the server recycles its own log, which is
    why nothing readable is ever given to it; here it only vacuums. Raises `Unavailable` while a reader holds the log.
    """
    if engine.dialect.name == "sqlite":
        raw = engine.raw_connection()
        try:
            busy = raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        finally:
            raw.close()
        if busy:
            raise Unavailable(
                "the database's log is in use", hint="Run the sweep again; a reader was in the way."
            )
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM"))


def _open_sqlite(url: URL) -> Engine:
    """Return a SQLite engine whose every connection carries the pragmas."""
    os.close(os.open(str(url.database), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    engine = create_engine(
        url,
        hide_parameters=True,
        poolclass=QueuePool,
        connect_args={"timeout": BUSY_MS / 1000, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _prepare(raw: Any, _record: object) -> None:
        raw.isolation_level = None  # transactions are begun by name, never by the driver
        for pragma in _PRAGMAS:
            raw.execute(pragma)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("wayseal_writes")
        raw = (
            connection.connection.driver_connection
        )  # past SQLAlchemy: three statements a write that nobody reads
        assert isinstance(raw, sqlite3.Connection)  # noqa: S101 - for the type checker
        if writes and connection.info.get("wayseal_writes") != writes:
            raw.execute(f"PRAGMA synchronous={writes}")
            connection.info["wayseal_writes"] = writes
        raw.execute("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


@contextmanager
def _translate() -> Iterator[None]:
    """Turn the driver's errors into Wayseal's; their text names no parameter."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        told = error.orig if isinstance(error, DBAPIError) else error
        reason = str(told).splitlines()[0] if told else type(error).__name__
        if any(word in reason for word in ("disk is full", "disk full", "No space left", "disk I/O error")):
            raise StoreFull("the database took no more bytes") from None
        if "malformed" in reason or "not a database" in reason:
            raise Integrity("the database file is damaged", hint="Restore the last backup; the ledger tells what is missing.") from None  # fmt: skip
        if isinstance(error, (IntegrityError, sqlite3.IntegrityError)):
            raise Invalid("a row contradicts the database", hint="Is it there already?") from None
        if isinstance(error, (OperationalError, sqlite3.OperationalError)):
            raise Unavailable("the database does not answer", reason=reason) from None
        raise
