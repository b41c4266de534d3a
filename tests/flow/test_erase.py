"""Forgetting: on time, for every copy, and whatever interrupts it."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import erasingsite
import pytest
from erasingsite import START, Site, is_open, open_site

from wayseal.flow.erase import (
    commit_list,
    erase_due,
    erase_epoch,
    find_unfinished,
    log_clock_step,
    plan_erasure,
)
from wayseal.model.custody import RecordStatus
from wayseal.model.errors import Erased, Unavailable
from wayseal.model.ids import EpochId
from wayseal.retention.steady import ClockWatch
from wayseal.store.engine import read
from wayseal.store.records import get_record

HOUR = timedelta(hours=1)
END_OF_FIRST = START.replace(minute=0) + HOUR
DUE_FIRST = END_OF_FIRST + 12 * HOUR
STEPS = ("planned", "logged", "destroyed", "swept", "done")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site with an empty store."""
    opened = open_site(tmp_path / "site")
    yield opened
    opened.close()


def status_of(site: Site, object_id: str) -> RecordStatus:
    """Return a record's status."""
    with read(site.store.engine) as connection:
        return get_record(connection, object_id).status  # type: ignore[arg-type]


def test_expired_records_die_and_others_live(site: Site) -> None:
    """At the hour's end plus the class's period the epoch is unreadable, while the next hour's still opens."""
    first, second = site.capture(b"first"), site.capture(b"second", hours=1)
    site.now = DUE_FIRST
    (erasure,) = erase_due(site.eraser())
    assert erasure.records == 1
    assert erasure.overshoot == timedelta(0)
    assert status_of(site, first.header.object_id) is RecordStatus.ERASED
    with pytest.raises(Erased):
        site.open(first.header.object_id)
    with pytest.raises(Erased):
        site.open_sealed(first)
    assert site.open(second.header.object_id) == b"second"
    assert not (site.store.blobs.folder / "citizen" / "2026-11-22T07Z.seg").exists()


def test_nothing_dies_early(site: Site) -> None:
    """One microsecond before its time nothing is due and nothing is written on the ledger."""
    record = site.capture(b"body")
    site.now = DUE_FIRST - timedelta(microseconds=1)
    size = site.ledger.size
    assert erase_due(site.eraser()) == []
    assert site.ledger.size == size
    assert site.open(record.header.object_id) == b"body"


def test_ledger_tells_the_erasure(site: Site) -> None:
    """The ledger says which epoch, how many records and a commitment to their list, and then that it is done."""
    records = [site.capture(bytes([n])) for n in range(3)]
    site.now = DUE_FIRST + timedelta(minutes=5)
    (erasure,) = erase_due(site.eraser())
    entry = site.ledger.entry(erasure.intent)
    assert entry["object"] == "citizen/2026-11-22T07Z"
    assert entry["count"] == 3
    assert entry["records_sha256"] == commit_list([r.header.object_id for r in records])
    done = site.ledger.entry(erasure.done)
    assert (done["type"], done["intent"], done["overshoot_s"]) == ("erase-done", erasure.intent, 300)


def test_second_run_finds_nothing(site: Site) -> None:
    """Erasing is idempotent: the next sweep adds no entry."""
    site.capture(b"body")
    site.now = DUE_FIRST
    erase_due(site.eraser())
    size = site.ledger.size
    assert erase_due(site.eraser()) == []
    assert site.ledger.size == size


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("count", [1, 2])
def test_killed_at_every_boundary(tmp_path: Path, step: str, count: int) -> None:
    """Killed with SIGKILL at each boundary of the first or second epoch, the next run finishes what the ledger began."""
    folder = tmp_path / "site"
    site = open_site(folder)
    dying = [site.capture(b"a"), site.capture(b"b", hours=1)]
    living = site.capture(b"c", hours=5)
    site.close()
    erase_at = DUE_FIRST + HOUR
    child = subprocess.run(
        [sys.executable, erasingsite.__file__, str(folder), erase_at.isoformat(), step, str(count)],
        check=False,
        capture_output=True,
        timeout=60,
    )
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    site = open_site(folder)
    site.now = erase_at
    intents_before = len(site.ledger.find(type="erase"))
    destroyed = {r.header.epoch for r in dying if not site.vault.has(r.header.epoch)}
    assert destroyed <= {site.ledger.entry(i)["object"] for i in site.ledger.find(type="erase")}
    erase_due(site.eraser())
    assert not list(find_unfinished(site.ledger))
    assert len(site.ledger.find(type="erase")) == len(site.ledger.find(type="erase-done")) == 2
    assert intents_before <= 2
    assert [status_of(site, r.header.object_id) for r in dying] == [RecordStatus.ERASED] * 2
    assert not any(is_open(site, r.header.object_id) for r in dying)
    assert site.open(living.header.object_id) == b"c"
    site.close()


def test_restored_backup_stays_dark(tmp_path: Path) -> None:
    """Everything but the keeper restored from before an erasure: the erased hour opens nowhere, all others do."""
    folder, backup = tmp_path / "site", tmp_path / "backup"
    site = open_site(folder)
    dead, alive = site.capture(b"dead"), site.capture(b"alive", hours=3)
    shutil.copytree(folder, backup, ignore=shutil.ignore_patterns("keeper"))
    site.now = DUE_FIRST
    erase_due(site.eraser())
    site.close()
    for name in ("store", "ledger", "epochs", "identities"):
        shutil.rmtree(folder / name)
        shutil.copytree(backup / name, folder / name)
    restored = open_site(folder)
    restored.now = DUE_FIRST
    assert status_of(restored, dead.header.object_id) is RecordStatus.LIVE
    with pytest.raises(Erased):
        restored.open(dead.header.object_id)
    assert restored.open(alive.header.object_id) == b"alive"
    again = erase_due(restored.eraser())
    assert [e.epoch for e in again] == [dead.header.epoch]
    assert status_of(restored, dead.header.object_id) is RecordStatus.ERASED
    restored.close()


def test_clock_set_back_and_forward(site: Site) -> None:
    """A clock set back an hour erases nothing twice; set right again, it goes on where it was."""
    site.capture(b"a")
    site.capture(b"b", hours=1)
    site.now = DUE_FIRST
    assert len(erase_due(site.eraser())) == 1
    site.now = DUE_FIRST - HOUR
    assert erase_due(site.eraser()) == []
    site.now = DUE_FIRST + HOUR
    assert [e.epoch for e in erase_due(site.eraser())] == ["citizen/2026-11-22T08Z"]


def test_set_clock_is_on_the_ledger(site: Site, tmp_path: Path) -> None:
    """Setting the clock an hour forward and back again leaves two alarms that say so; running leaves none."""
    seconds = 0.0
    watch = ClockWatch(tmp_path / "clock.json", lambda: ("boot", seconds))
    for step, expected in ((0, 0), (3600, 3600), (0, 0), (-3600, -3600)):
        site.now += timedelta(seconds=step)
        assert log_clock_step(site.ledger, watch, site.clock) == timedelta(seconds=expected)
    alarms = [site.ledger.entry(index) for index in site.ledger.find(type="alarm")]
    assert [(a["reason"], a["count"]) for a in alarms] == [("set-forward", 3600), ("set-back", 3600)]


def test_late_arrival_dies_with_the_next_sweep(site: Site) -> None:
    """Bytes that a lane delivers after their epoch was erased are unreadable at once and gone with the next sweep."""
    record = site.capture(b"a")
    site.now = DUE_FIRST
    erase_due(site.eraser())
    site.store.blobs.append([record], record.header.epoch)
    assert plan_erasure(site.eraser()).due[0].epoch == record.header.epoch
    erase_due(site.eraser())
    assert site.store.blobs.epochs() == []


def test_failed_elsewhere_is_not_done(site: Site) -> None:
    """While another place cannot forget one epoch, that erasure is not reported done, others are; later it is, too."""
    first, second = site.capture(b"a"), site.capture(b"b", hours=1)
    site.now = DUE_FIRST + HOUR
    eraser = site.eraser()

    def unreachable(epoch: EpochId) -> None:
        if epoch == first.header.epoch:
            raise Unavailable("the lane does not answer")

    broken = type(eraser)(**{**{f: getattr(eraser, f) for f in eraser.__slots__}, "also": (unreachable,)})
    with pytest.raises(Unavailable):
        erase_due(broken)
    assert [epoch for epoch, _ in find_unfinished(site.ledger)] == [first.header.epoch]
    assert not is_open(site, first.header.object_id)
    assert not is_open(site, second.header.object_id)
    erase_due(site.eraser())
    assert not list(find_unfinished(site.ledger))


def test_erase_early_by_order(site: Site) -> None:
    """One epoch can be erased before its time, with the reason on the ledger and no lateness counted."""
    record = site.capture(b"a")
    erasure = erase_epoch(site.eraser(), record.header.epoch, reason="court-order")
    assert site.ledger.entry(erasure.intent)["reason"] == "court-order"
    assert erasure.overshoot == timedelta(0)
    assert not is_open(site, record.header.object_id)
