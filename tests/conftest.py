"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of third parties' test pictures and videos; tests that need it are skipped where it is not there."""
    named = os.environ.get("WAYSEAL_TEST_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not (folder / "README.md").is_file():
        pytest.skip("no test data folder; set WAYSEAL_TEST_DATA")
    return folder
