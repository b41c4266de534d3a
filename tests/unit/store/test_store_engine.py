"""The engine keeps what was acknowledged and leaves nothing of what was deleted."""

import socket
import sqlite3
import stat
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from wayseal.model.errors import Integrity, Invalid, StoreFull, Unavailable
from wayseal.store.engine import open_engine, open_file, read, scrub_deleted, write

NEEDLE = b"remains-of-a-row"


def test_pragmas_are_set_on_each_connection(tmp_path: Path) -> None:
    """Write-ahead log, full synchronisation, secure delete and foreign keys hold on every pooled connection."""
    engine = open_file(tmp_path / "deep" / "a.sqlite")
    with read(engine) as one, read(engine) as two:
        for connection in (one, two):
            assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
            assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
            assert connection.execute(text("PRAGMA secure_delete")).scalar() == 1
            assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    assert stat.S_IMODE((tmp_path / "deep" / "a.sqlite").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "deep").stat().st_mode) == 0o700
    engine.dispose()


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense", "sqlite+nosuch:///x", ""])
def test_other_urls_are_refused(url: str) -> None:
    """Only the two engines that the suite runs on are opened."""
    with pytest.raises(Invalid):
        open_engine(url)


def refuse_encryption(listener: socket.socket, heard: list[bytes]) -> None:
    """Answer one client as a PostgreSQL without TLS does, and keep whatever it says after that."""
    line, _ = listener.accept()
    with line:
        line.settimeout(60)
        while len(request := line.recv(8)) == 8 and request.startswith(b"\x00\x00\x00\x08"):
            line.sendall(b"N")
        heard.append(request)


def test_nothing_in_the_clear_to_other_machines() -> None:
    """With a server on another machine that offers no TLS nobody talks: not even the user's name goes over the line."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.2", 0)) as listener:
        listener.settimeout(60)
        thread = threading.Thread(target=refuse_encryption, args=(listener, heard))
        thread.start()
        engine = open_engine(f"postgresql://keeper@127.0.0.2:{listener.getsockname()[1]}/records")
        with pytest.raises(Unavailable, match="does not answer"), read(engine):
            pass
        thread.join(60)
    engine.dispose()
    assert heard == [b""]


def test_url_has_the_last_word() -> None:
    """What the URL names is not changed; a server on this machine needs no TLS; patience is bounded everywhere."""
    own = open_engine(
        "postgresql://keeper@db.example/records?sslmode=verify-full&connect_timeout=3"
    ).url.query
    assert (own["sslmode"], own["connect_timeout"], own["tcp_user_timeout"]) == ("verify-full", "3", "30000")
    for here in ("postgresql:///records?host=/run/postgresql", "postgresql://keeper@localhost/records"):
        query = open_engine(here).url.query
        assert ("sslmode" in query, query["connect_timeout"]) == (False, "10")
    mixed = open_engine("postgresql:///records?host=/run/postgresql&host=db.example").url.query
    assert mixed["sslmode"] == "require"


def test_failed_write_leaves_nothing(database_url: str) -> None:
    """An error inside a write transaction rolls all of it back, on both engines."""
    engine = open_engine(database_url)
    with write(engine) as connection:
        connection.execute(text("CREATE TABLE t (a INTEGER PRIMARY KEY)"))

    def insert_twice() -> None:
        with write(engine) as connection:
            connection.execute(text("INSERT INTO t VALUES (1)"))
            connection.execute(text("INSERT INTO t VALUES (1)"))

    with pytest.raises(Invalid):
        insert_twice()
    with read(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM t")).scalar() == 0
    engine.dispose()


def test_writers_queue(database_url: str) -> None:
    """Threads that read a number and write it back lose no update: one writer at a time."""
    engine = open_engine(database_url)
    chosen = "SELECT a FROM t" if engine.dialect.name == "sqlite" else "SELECT a FROM t FOR UPDATE"
    with write(engine) as connection:
        connection.execute(text("CREATE TABLE t (a INTEGER)"))
        connection.execute(text("INSERT INTO t VALUES (0)"))

    def add_ten() -> None:
        for _ in range(10):
            with write(engine) as connection:
                value = connection.execute(text(chosen)).scalar_one()
                connection.execute(text("UPDATE t SET a = :a"), {"a": value + 1})

    threads = [threading.Thread(target=add_ten) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with read(engine) as connection:
        assert connection.execute(text("SELECT a FROM t")).scalar() == 40
    engine.dispose()


def test_deleted_rows_leave_no_bytes(tmp_path: Path) -> None:
    """After a delete and a scrub, neither the database nor its log holds the row's bytes; before it they do."""
    path = tmp_path / "a.sqlite"
    engine = open_file(path)
    with write(engine) as connection:
        connection.execute(text("CREATE TABLE t (a BLOB)"))
        for _ in range(400):
            connection.execute(text("INSERT INTO t VALUES (:a)"), {"a": NEEDLE * 50})
    files = [path, tmp_path / "a.sqlite-wal"]
    assert any(NEEDLE in file.read_bytes() for file in files)
    with write(engine) as connection:
        connection.execute(text("DELETE FROM t"))
    scrub_deleted(engine)
    assert not any(NEEDLE in file.read_bytes() for file in tmp_path.iterdir())
    engine.dispose()


def test_damaged_file_is_an_integrity_error(tmp_path: Path) -> None:
    """A file that is no database is named as damage, not as a crash."""
    path = tmp_path / "a.sqlite"
    path.write_bytes(b"not a database at all" * 100)
    engine = open_file(path)
    with pytest.raises(Integrity), read(engine) as connection:
        connection.execute(text("SELECT 1 FROM sqlite_master"))
    engine.dispose()


def test_full_database_says_so(tmp_path: Path) -> None:
    """When the database can take no more pages the error is StoreFull and the transaction is gone."""
    engine = open_file(tmp_path / "a.sqlite")
    with write(engine) as connection:
        connection.execute(text("CREATE TABLE t (a BLOB)"))

    def fill() -> None:
        with write(engine) as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 20")
            for _ in range(100):
                connection.execute(text("INSERT INTO t VALUES (zeroblob(4000))"))

    with pytest.raises(StoreFull):
        fill()
    engine.dispose()
    with sqlite3.connect(tmp_path / "a.sqlite") as raw:
        assert raw.execute("SELECT count(*) FROM t").fetchone() == (0,)
    raw.close()


def test_errors_carry_no_values(database_url: str) -> None:
    """A database error's text does not repeat what was being written."""
    engine = open_engine(database_url)
    with write(engine) as connection:
        connection.execute(text("CREATE TABLE t (a VARCHAR(200) PRIMARY KEY)"))

    def insert_twice() -> None:
        with write(engine) as connection:
            for _ in range(2):
                connection.execute(text("INSERT INTO t VALUES (:a)"), {"a": "a-long-tag-0123456789"})

    with pytest.raises(Invalid) as caught:
        insert_twice()
    assert "a-long-tag-0123456789" not in str(caught.value)
    engine.dispose()
