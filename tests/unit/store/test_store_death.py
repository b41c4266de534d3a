"""A writer killed at every boundary of a delivery: what it acknowledged is there, and deliveries are there whole or not at all."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import storedeath
from storesite import build_record

from wayseal.model.ids import EpochId, RecordId
from wayseal.store.centre import Arrival, open_centre, put_records, read_record
from wayseal.store.engine import read
from wayseal.store.records import list_epoch_records

EPOCH = EpochId("citizen/2026-11-22T12Z")
PLACES = [
    ("pwritev", "before"),
    ("pwritev", "half"),
    ("pwritev", "after"),
    ("fdatasync", "before"),
    ("fdatasync", "after"),
    ("commit", "before"),
    ("commit", "after"),
]


@pytest.mark.parametrize(("place", "moment"), PLACES)
def test_killed_at_each_boundary(tmp_path: Path, place: str, moment: str) -> None:
    """Killed in the third delivery, before, in the middle of and after each act on disk."""
    child = subprocess.run(
        [sys.executable, storedeath.__file__, str(tmp_path / "store"), place, moment, "3"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert child.returncode == -signal.SIGKILL, child.stderr
    acknowledged = int(child.stdout.split()[-1])
    assert acknowledged == 2 * storedeath.GROUP
    store = open_centre(tmp_path / "store")
    with read(store.engine) as connection:
        there = [int(row.object_id) for row in list_epoch_records(connection, EPOCH)]
    assert there in (list(range(1, acknowledged + 1)), list(range(1, acknowledged + storedeath.GROUP + 1)))
    records = [build_record(size=storedeath.SIZE, number=n) for n in range(1, 13)]
    put_records(store, [Arrival(record, None, 0) for record in records])
    for record in records:
        assert read_record(store, RecordId(record.header.object_id)) == record.data
    store.close()
    store = open_centre(tmp_path / "store")
    assert len(list(store.blobs.frames(EPOCH))) == len(records)
    store.close()
