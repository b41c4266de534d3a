"""Engines and stores for the store's tests. Every test runs on SQLite and on a real PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from wayseal.store.centre import CentreStore, open_centre
from wayseal.store.engine import open_engine


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
