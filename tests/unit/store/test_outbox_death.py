"""An outbox that dies, or loses power, while it lets a segment go: no row waits for bytes that are gone, and nothing is left over."""

import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import outboxdeath
import pytest
from sqlalchemy import event, func, select
from storesite import build_record

from wayseal.model.custody import Receipt
from wayseal.model.ids import EpochId
from wayseal.store import schema
from wayseal.store.blobs import SegmentStore
from wayseal.store.engine import open_file, read
from wayseal.store.outbox import Outbox

EPOCH = EpochId("citizen/2026-11-22T12Z")
PLACES = [
    ("commit", "before"),
    ("commit", "after"),
    ("unlink", "before"),
    ("unlink", "after"),
    ("fsync", "before"),
    ("fsync", "after"),
]


def open_outbox(folder: Path) -> Outbox:
    """Open the outbox in a folder; it believes every receipt."""
    return Outbox(folder, clock=lambda: datetime.now(UTC), verify_receipt=lambda _: None)


def count_rows(outbox: Outbox) -> tuple[int, int]:
    """Return how many rows there are, and how many say that their bytes are here."""
    with read(outbox.engine) as connection:
        row = connection.execute(select(func.count(), func.count(schema.outbox.c.segment))).one()
    return row[0], row[1]


@pytest.mark.parametrize("verb", ["sweep", "forget"])
@pytest.mark.parametrize(("place", "moment"), PLACES)
def test_killed_while_letting_go(tmp_path: Path, verb: str, place: str, moment: str) -> None:
    """Killed before or after each act: whatever waits can be read, the next call ends what was begun, and only the chain's head stays."""
    child = subprocess.run(
        [sys.executable, outboxdeath.__file__, str(tmp_path), verb, place, moment],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert child.returncode == -signal.SIGKILL, child.stderr
    outbox = open_outbox(tmp_path)
    waiting = outbox.pending()
    assert len(waiting) == (3 if (verb, place, moment) == ("forget", "commit", "before") else 0)
    assert [outbox.read_waiting(one) for one in waiting] == [build_record(number=n).data for n in (1, 2, 3)][: len(waiting)]  # fmt: skip
    if waiting:
        outbox.forget_epoch(EPOCH)
    outbox.sweep()
    assert (outbox.pending(), outbox.sweep(), count_rows(outbox)) == ([], 0, (1, 0))
    assert list((tmp_path / "segments").rglob("*.seg")) == []
    assert outbox.head() == build_record(number=3).sha256
    outbox.close()


def test_power_cut_at_the_unlinking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the bytes go, a flushed commit has said so: receipts alone, which a power cut may undo, are not enough."""
    outbox = open_outbox(tmp_path)
    record, other = build_record(number=1), build_record(number=2, record_class="non_citizen")
    outbox.put([record, other])
    flushed: list[str] = []
    event.listen(
        outbox.engine, "commit", lambda connection: flushed.append(connection.info["wayseal_writes"])
    )
    outbox.release(Receipt(record.header.object_id, record.sha256, 7, b"good"))
    assert flushed == ["NORMAL"]
    unlink, seen = SegmentStore.unlink_epoch, []

    def watched(store: SegmentStore, epoch: EpochId) -> int:
        engine = open_file(tmp_path / "outbox.sqlite")
        with read(engine) as connection:
            places = select(schema.outbox.c.segment).where(schema.outbox.c.epoch == epoch)
            seen.append((flushed[-1], list(connection.execute(places).scalars())))
        engine.dispose()
        return unlink(store, epoch)

    monkeypatch.setattr(SegmentStore, "unlink_epoch", watched)
    assert outbox.sweep() == 1
    assert seen == [("FULL", [None])]
    assert [one.object_id for one in outbox.pending()] == [other.header.object_id]
    outbox.close()
