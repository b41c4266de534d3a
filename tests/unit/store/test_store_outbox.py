"""The outbox: nothing leaves it without the centre's word, and nothing is lost with the process."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import storechild
from sqlalchemy import delete
from storesite import NOON, build_record

from wayseal.model.custody import Receipt, SealedRecord
from wayseal.model.errors import Integrity, NotFound, Refused, SealBroken
from wayseal.model.ids import EncounterId, EpochId, RecordId
from wayseal.store import schema
from wayseal.store.engine import write
from wayseal.store.locks import share_lock
from wayseal.store.outbox import Outbox

EPOCH = EpochId("citizen/2026-11-22T12Z")
GOOD = b"signed by the centre"


def verify(receipt: Receipt) -> None:
    """Accept receipts with the right signature only."""
    if receipt.signature != GOOD:
        raise SealBroken("not the centre's signature")


def receipt_for(record: SealedRecord, *, signature: bytes = GOOD, sha256: str | None = None) -> Receipt:
    """Return a receipt."""
    return Receipt(record.header.object_id, sha256 or record.sha256, 7, signature)


def reopen(folder: Path) -> Outbox:
    """Open the outbox in a folder."""
    return Outbox(folder, clock=lambda: NOON, verify_receipt=verify)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    """An empty outbox."""
    opened = reopen(tmp_path / "outbox")
    yield opened
    opened.close()


def test_records_wait_until_receipted(outbox: Outbox) -> None:
    """Queued and sent records stay pending; a verified receipt lets one go, once and for all."""
    records = [build_record() for _ in range(3)]
    outbox.put(records, EncounterId("E" * 26))
    first = records[0].header.object_id
    outbox.mark_sent(first)
    assert [q.object_id for q in outbox.pending()] == [r.header.object_id for r in records]
    assert outbox.pending(1)[0].attempts == 1
    assert outbox.read(first) == records[0].data
    outbox.release(receipt_for(records[0]))
    outbox.release(receipt_for(records[0]))
    outbox.mark_sent(first)
    assert outbox.counts() == {"queued": 2, "sent": 0, "released": 1, "expired": 0}


@pytest.mark.parametrize(
    ("signature", "sha256", "error"), [(b"forged", None, SealBroken), (GOOD, "0" * 64, Refused)]
)
def test_bad_receipt_releases_nothing(
    outbox: Outbox, signature: bytes, sha256: str | None, error: type[Exception]
) -> None:
    """A forged receipt, or an honest one for other bytes, leaves the record waiting."""
    record = build_record()
    outbox.put([record])
    with pytest.raises(error):
        outbox.release(receipt_for(record, signature=signature, sha256=sha256))
    assert len(outbox.pending()) == 1


def test_vehicle_goes_whole(outbox: Outbox) -> None:
    """A vehicle's records are sent and released in one step each; one bad receipt among good ones releases none."""
    records = [build_record() for _ in range(3)]
    outbox.put(records, EncounterId("E" * 26))
    waiting = outbox.pending()
    assert [outbox.read_waiting(one) for one in waiting] == [one.data for one in records]
    outbox.mark_sent(*(one.object_id for one in waiting))
    good = [receipt_for(one) for one in records]
    for bad, error in (
        (receipt_for(records[1], sha256="0" * 64), Refused),
        (receipt_for(build_record()), NotFound),
    ):
        with pytest.raises(error):
            outbox.release(good[0], bad, good[2])
        assert outbox.counts()["sent"] == 3
    outbox.release(*good)
    assert outbox.counts() == {"queued": 0, "sent": 0, "released": 3, "expired": 0}


def test_receipt_for_a_stranger(outbox: Outbox) -> None:
    """A receipt for a record that never was here is not found."""
    with pytest.raises(NotFound):
        outbox.release(receipt_for(build_record()))
    with pytest.raises(NotFound):
        outbox.read(RecordId("X" * 26))


def test_putting_again_changes_nothing(outbox: Outbox) -> None:
    """The same record twice is one row; other bytes under its id are refused."""
    record = build_record(number=800_001)
    outbox.put([record, record])
    outbox.put([record])
    assert len(outbox.pending()) == 1
    with pytest.raises(Integrity):
        outbox.put([build_record(number=800_001, size=501)])


def test_sweep_unlinks_what_was_receipted(outbox: Outbox, tmp_path: Path) -> None:
    """A segment goes when all its records are receipted, unless lanes still write to it; the chain's head stays known."""
    records = [build_record() for _ in range(2)]
    outbox.put(records)
    outbox.release(receipt_for(records[0]))
    assert outbox.sweep() == 0
    outbox.release(receipt_for(records[1]))
    assert outbox.sweep(current=[EPOCH]) == 0
    assert outbox.sweep() == 1
    assert list((tmp_path / "outbox" / "segments").rglob("*.seg")) == []
    assert outbox.head() == records[1].sha256
    assert outbox.pending() == []
    with pytest.raises(NotFound):
        outbox.read(records[1].header.object_id)


def test_forgotten_epoch_leaves_no_bytes(outbox: Outbox, tmp_path: Path) -> None:
    """An erased epoch goes from the outbox whole, receipted or not, and stays gone; other epochs wait on."""
    record, other = build_record(), build_record(record_class="non_citizen")
    outbox.put([other])
    outbox.put([record])
    assert outbox.forget_epoch(EPOCH) == 1
    assert [q.object_id for q in outbox.pending()] == [other.header.object_id]
    assert outbox.counts()["expired"] == 1
    files = [f for f in (tmp_path / "outbox").rglob("*") if f.is_file()]
    assert not any(record.data[:40] in file.read_bytes() for file in files)
    assert outbox.forget_epoch(EPOCH) == 1
    assert outbox.head() == record.sha256


def test_outbox_survives_a_restart(tmp_path: Path) -> None:
    """Opened again, it holds what it held, in the same order, with the same head."""
    first = reopen(tmp_path)
    assert first.head() is None
    records = [build_record() for _ in range(5)]
    for record in records:
        first.put([record])
    first.close()
    again = reopen(tmp_path)
    assert [q.sha256 for q in again.pending()] == [r.sha256 for r in records]
    assert again.head() == records[-1].sha256
    again.close()


def test_lost_rows_are_queued_again(tmp_path: Path) -> None:
    """Rows that a power cut undid are made again from the segments, last in the queue, and the chain's head is right."""
    first = reopen(tmp_path)
    records = [build_record() for _ in range(4)]
    first.put(records[:2], EncounterId("E" * 26))
    first.put(records[2:])
    with write(first.engine) as connection:
        connection.execute(delete(schema.outbox).where(schema.outbox.c.sequence > 1))
    first.close()
    again = reopen(tmp_path)
    waiting = again.pending()
    assert [q.sha256 for q in waiting] == [r.sha256 for r in records]
    assert [q.encounter for q in waiting] == ["E" * 26, "E" * 26, None, None]
    assert again.head() == records[-1].sha256
    assert again.read(records[3].header.object_id) == records[3].data
    again.close()


def test_second_process_leaves_a_put_alone(tmp_path: Path) -> None:
    """Opened by a sweep while the lane is between bytes and rows, the outbox adopts nothing; afterwards it does."""
    first = reopen(tmp_path)
    record = build_record()
    first.put([record])
    with write(first.engine) as connection:
        connection.execute(delete(schema.outbox))
    with share_lock(tmp_path / "outbox.lock"):
        second = reopen(tmp_path)
        assert second.pending() == []
        second.close()
    third = reopen(tmp_path)
    assert [q.sha256 for q in third.pending()] == [record.sha256]
    third.close()
    first.close()


@pytest.mark.parametrize("lines", [1, 5])
def test_killed_lane_lost_nothing(tmp_path: Path, lines: int) -> None:
    """A lane killed with SIGKILL while it queues: all that was acknowledged waits, whole, and can be queued on."""
    with subprocess.Popen(
        [sys.executable, storechild.__file__, "outbox", str(tmp_path), "3"],
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        acknowledged = [child.stdout.readline().split() for _ in range(lines)]
        child.send_signal(signal.SIGKILL)
    outbox = reopen(tmp_path)
    for object_id in (one for group in acknowledged for one in group):
        assert outbox.read(RecordId(object_id)) == build_record(size=30_000, number=int(object_id)).data
    waiting = len(outbox.pending(10_000))
    outbox.put([build_record(number=700_001)])
    assert len(outbox.pending(10_000)) == waiting + 1
    outbox.close()
