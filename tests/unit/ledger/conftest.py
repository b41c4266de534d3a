"""Ledgers for the ledger tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from ledgersite import make_ledger

from wayseal.ledger.log import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger of 300 entries under one signed checkpoint."""
    made = make_ledger(tmp_path / "ledger", 300)
    yield made
    made.close()
