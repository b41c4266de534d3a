"""Conservation of images: each planted loss, copy and untruth shows, and an honest day balances."""

import os
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from erasingsite import START, Site, open_site
from sqlalchemy import delete, update

from wayseal.flow.copies import find_sealed
from wayseal.flow.erase import Step, erase_due
from wayseal.flow.reconcile import Books, LaneBalance, open_drift_incidents, reconcile_day
from wayseal.model.clock import to_text
from wayseal.model.custody import SealedRecord
from wayseal.model.ids import EpochId, new_ulid
from wayseal.store.engine import write
from wayseal.store.outbox import Outbox
from wayseal.store.schema import records

DAY = date(2026, 11, 22)
DUE = START + timedelta(hours=13)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site with an empty store."""
    opened = open_site(tmp_path / "site")
    yield opened
    opened.close()


def balance(site: Site) -> LaneBalance:
    """Return the lane's balance of the day."""
    outboxes = tuple((site.folder / "lanes").glob("*"))
    books = Books(site.ledger, site.store, site.eraser().schedule, site.folder, outboxes)
    return reconcile_day(books, DAY)["lane-1"]


def figures(found: LaneBalance) -> tuple[int, int, int, int, int]:
    """Return captured, live, erased, exported and drift."""
    return found.captured, found.live, found.erased, found.exported, found.drift


def segment_of(site: Site, record: SealedRecord) -> Path:
    """Return the segment file of a record."""
    return site.store.blobs.folder / f"{record.header.epoch}.seg"


def test_honest_day_balances(site: Site) -> None:
    """Captured is live; after the erasure it is erased; records of other days do not count."""
    for number in range(3):
        site.capture(bytes([number]))
    site.capture(b"tomorrow", hours=20)
    assert figures(balance(site)) == (3, 3, 0, 0, 0)
    site.now = DUE
    erase_due(site.eraser())
    found = balance(site)
    assert figures(found) == (3, 0, 3, 0, 0)
    assert found.is_balanced
    assert found.images == 3


def test_rewrapped_record_counts_once(site: Site) -> None:
    """A record kept longer is one live record before and after its neighbours die."""
    kept = site.capture(b"kept")
    site.capture(b"gone")
    longer = EpochId("non_citizen/2026-11-22T07Z")
    site.vault.create_epoch(longer)
    site.keep(kept.header.object_id, longer, "decision")
    assert figures(balance(site)) == (2, 2, 0, 0, 0)
    site.now = DUE
    erase_due(site.eraser())
    assert figures(balance(site)) == (2, 1, 1, 0, 0)


def test_exported_records_are_their_own_account(site: Site) -> None:
    """What was released for export counts as exported, live or erased here."""
    record = site.capture(b"a")
    entry = {
        "type": "export-release",
        "time": to_text(site.now),
        "object": new_ulid(site.now),
        "manifest_sha256": "0" * 64,
        "recipient": "court",
        "records": [record.header.object_id],
    }
    site.ledger.append([entry])
    assert figures(balance(site)) == (1, 0, 0, 1, 0)
    site.now = DUE
    erase_due(site.eraser())
    assert figures(balance(site)) == (1, 0, 0, 1, 0)


def test_lost_segment_is_missing(site: Site) -> None:
    """An unlinked segment, a cut one and a flipped bit each show as a missing record, by name."""
    first, second = site.capture(b"a"), site.capture(b"b", hours=1)
    segment_of(site, first).unlink()
    found = balance(site)
    assert found.missing == [first.header.object_id]
    assert found.drift == 1
    os.truncate(segment_of(site, second), 500)
    assert balance(site).missing == [first.header.object_id, second.header.object_id]


def test_flipped_bit_is_missing(site: Site) -> None:
    """A damaged copy does not count as live."""
    record = site.capture(b"a")
    data = bytearray(segment_of(site, record).read_bytes())
    data[-1] ^= 1
    segment_of(site, record).write_bytes(data)
    assert balance(site).missing == [record.header.object_id]


@pytest.mark.parametrize("place", ["store/segments/citizen/2026-11-22T07Z.bak", "copy.bin", "ledger/x/y.dat"])
def test_planted_copy_is_extra(site: Site, place: str) -> None:
    """A copy of a segment anywhere below the home shows, whatever it is called."""
    record = site.capture(b"a")
    target = site.folder / place
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(b"prefix" * 700_000 + segment_of(site, record).read_bytes())
    found = balance(site)
    assert found.extra == [record.header.object_id]
    assert found.drift == -1


def test_overdue_copy_shows(site: Site) -> None:
    """A segment brought back after its erasure (the 105,000 plates) is an extra copy, at the centre or in an outbox."""
    record = site.capture(b"a")
    backup = segment_of(site, record).read_bytes()
    site.now = DUE
    erase_due(site.eraser())
    segment_of(site, record).write_bytes(backup)
    assert balance(site).extra == [record.header.object_id]
    segment_of(site, record).unlink()
    lane = site.folder / "lanes" / "lane-1" / "segments" / "citizen"
    lane.mkdir(parents=True)
    (lane / "2026-11-22T07Z.seg").write_bytes(backup)
    assert balance(site).extra == [record.header.object_id]


def test_outbox_copies_of_live_records_are_in_order(site: Site) -> None:
    """What still waits in a lane's outbox for its receipt is not an extra copy."""
    record = site.capture(b"a")
    outbox = Outbox(site.folder / "lanes" / "lane-1", clock=site.clock, verify_receipt=lambda _: None)
    outbox.put([record])
    outbox.close()
    assert balance(site).is_balanced


def test_row_without_capture_is_extra(site: Site) -> None:
    """A record that the store has and the ledger does not know shows as extra."""
    site.capture(b"a")
    planted = site.capture(b"b", logged=False)
    found = balance(site)
    assert found.extra == [planted.header.object_id]
    assert found.drift == -1


def test_deleted_row_is_missing(site: Site) -> None:
    """A row deleted by hand is a loss, even while the bytes are still there and the figures add up."""
    record = site.capture(b"a")
    with write(site.store.engine) as connection:
        connection.execute(delete(records).where(records.c.object_id == record.header.object_id))
    found = balance(site)
    assert found.missing == [record.header.object_id]
    assert not found.is_balanced


def test_false_erasure_does_not_count(site: Site) -> None:
    """A row marked erased without an erasure on the ledger is a loss without a record."""
    record = site.capture(b"a")
    segment_of(site, record).unlink()
    with write(site.store.engine) as connection:
        connection.execute(update(records).values(status="erased", erase_ledger_index=0, segment=None))
    assert balance(site).missing == [record.header.object_id]
    with write(site.store.engine) as connection:
        connection.execute(update(records).values(erase_ledger_index=10**6))
    assert balance(site).missing == [record.header.object_id]


def test_borrowed_erasure_does_not_count(site: Site) -> None:
    """A row that claims the erasure of another hour, to which the ledger never moved it, is a loss."""
    site.capture(b"a")
    stolen = site.capture(b"b", hours=5)
    site.now = DUE
    (erasure,) = erase_due(site.eraser())
    segment_of(site, stolen).unlink()
    with write(site.store.engine) as connection:
        values = {
            "status": "erased",
            "epoch": erasure.epoch,
            "erase_ledger_index": erasure.intent,
            "segment": None,
        }
        chosen = records.c.object_id == stolen.header.object_id
        connection.execute(update(records).where(chosen).values(**values))
    assert balance(site).missing == [stolen.header.object_id]


def test_forgotten_class_still_balances(site: Site) -> None:
    """Records of a class that the configuration no longer names are found on the ledger one by one."""
    site.capture(b"a", record_class="evaluation")
    assert figures(balance(site)) == (1, 1, 0, 0, 0)


@pytest.mark.parametrize("step", ["logged", "destroyed", "swept"])
def test_erasure_in_flight_is_no_drift(site: Site, step: Step) -> None:
    """Interrupted between the ledger's erase and its erase-done, the day balances as erased."""
    site.capture(b"a")
    site.now = DUE

    def stop(reached: Step, _epoch: EpochId) -> None:
        if reached == step:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        erase_due(site.eraser(stop))
    assert figures(balance(site)) == (1, 0, 1, 0, 0)


def test_drift_opens_one_incident(site: Site) -> None:
    """A day that does not balance opens an incident that names the records, once until something changes."""
    first, second = site.capture(b"a"), site.capture(b"b", hours=1)
    segment_of(site, first).unlink()
    (index,) = open_drift_incidents(site.ledger, DAY, {"lane-1": balance(site)}, site.clock)
    entry = site.ledger.entry(index)
    assert (entry["type"], entry["reason"], entry["records"]) == (
        "incident",
        "drift-2026-11-22",
        [first.header.object_id],
    )
    assert open_drift_incidents(site.ledger, DAY, {"lane-1": balance(site)}, site.clock) == []
    segment_of(site, second).unlink()
    assert len(open_drift_incidents(site.ledger, DAY, {"lane-1": balance(site)}, site.clock)) == 1


def test_sealed_records_are_found_across_reads(site: Site, tmp_path: Path) -> None:
    """Headers are found once each, also where they stand across two reads of a large file."""
    sealed = [site.capture(bytes([n])) for n in range(3)]
    file = tmp_path / "big"
    edge = 4 * 2**20
    file.write_bytes(bytes(edge - 100) + b"".join(r.data for r in sealed) + bytes(edge))
    assert list(find_sealed(file)) == [r.header.object_id for r in sealed]
    shutil.copyfile(segment_of(site, sealed[0]), file)
    assert len(list(find_sealed(file))) == 3
