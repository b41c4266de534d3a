"""p22 and p24 at a real site with real witnesses: a ledger that was put back, forked or left alone; hours that outlived their time."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from drillparts import make_lane_host, make_view, open_doors
from lineparts import PASSPHRASE, Line, MovableClock, make_vehicle
from witnessparts import Bench, make_bench

from wayseal.flow.drill.expired import drill_expired
from wayseal.flow.drill.ledger import drill_ledger
from wayseal.flow.drill.view import Doors
from wayseal.flow.erase import erase_due
from wayseal.ledger.policy import parse_policy
from wayseal.model.border import Seat
from wayseal.model.ids import EpochId
from wayseal.model.oversight import Result
from wayseal.seal.envelope import parse_record
from wayseal.station.site import Site, init_site, open_site
from wayseal.station.witnessing import POLICY
from wayseal.store.centre import read_record
from wayseal.store.engine import read
from wayseal.store.records import iterate_day_records


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Where drills put sealed bytes aside."""
    return tmp_path / "scratch"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Three witnesses."""
    with make_bench(tmp_path / "bench") as made:
        yield made


@pytest.fixture
def witnessed(home: Path, clock: MovableClock, bench: Bench) -> Iterator[Site]:
    """A site whose ledger two of three witnesses cosign, at which a vehicle was seen."""
    init_site(home, PASSPHRASE, evaluation=True, witnesses=bench.policy(), clock=clock)
    with open_site(home, PASSPHRASE, clock=clock) as site:
        bench.serve(site, "audit", "privacy")
        line = Line(site, clock)
        line.drive(line.lane(), make_vehicle(clock, {Seat.DRIVER: 1}))
        yield site


def doors_of(site: Site, scratch: Path) -> Doors:
    """The doors, with the trust policy that the assessor holds: the log's keys, and two of three witnesses."""
    logs = [file.read_text(encoding="ascii") for file in sorted(site.ledger.folder.glob("log-*.vkey"))]
    text = "".join(f"log {key}" for key in logs) + (site.ledger.folder / POLICY).read_text(encoding="utf-8")
    return open_doors(site, scratch, witnesses=parse_policy(text))


def test_whole_ledger(witnessed: Site, scratch: Path) -> None:
    """A ledger that is whole, cosigned and continues what was seen passes, again and again."""
    earlier = ""
    for _ in range(2):
        seen = drill_ledger(
            make_view(witnessed, scratch, doors=doors_of(witnessed, scratch), earlier=earlier)
        )
        assert seen.result is Result.PASS, seen.reason
        facts = json.loads(seen.evidence)
        assert facts["gaps"] == 0
        assert facts["records"] > 0
        earlier = facts["checkpoint"]
        witnessed.ledger.append([{"type": "alarm", "alarm": "test"}])


def test_witness_missing(witnessed: Site, scratch: Path, bench: Bench) -> None:
    """With one witness of the two gone the quorum is missing, and that is a failure."""
    drill_ledger(make_view(witnessed, scratch, doors=doors_of(witnessed, scratch), earlier=""))
    bench.stop("privacy")
    witnessed.ledger.append([{"type": "alarm", "alarm": "test"}] * 100)
    seen = drill_ledger(make_view(witnessed, scratch, doors=doors_of(witnessed, scratch), earlier=""))
    assert seen.result is Result.FAIL
    assert "too few witnesses" in seen.reason or "entries follow the newest checkpoint" in seen.reason


def test_no_witnesses(site: Site, scratch: Path) -> None:
    """A site without witnesses fails, and says why; without the last checkpoint nothing can be said."""
    seen = drill_ledger(make_view(site, scratch, earlier=""))
    assert seen.result is Result.FAIL
    assert seen.reason == "the assessor's trust policy names no witnesses"
    again = drill_ledger(make_view(site, scratch, earlier=json.loads(seen.evidence)["checkpoint"]))
    assert again.reason == seen.reason
    assert drill_ledger(make_view(site, scratch)).result is Result.ERROR


def test_ledger_put_back(
    witnessed: Site, scratch: Path, home: Path, clock: MovableClock, tmp_path: Path
) -> None:
    """A ledger restored to an older state, in which everything agrees, is found by what was seen last time."""
    witnessed.sign_checkpoint()
    shutil.copytree(home, tmp_path / "older")
    witnessed.ledger.append([{"type": "alarm", "alarm": "test"}])
    seen = drill_ledger(make_view(witnessed, scratch, doors=doors_of(witnessed, scratch), earlier=""))
    later = json.loads(seen.evidence)["checkpoint"]
    policy = doors_of(witnessed, scratch).witnesses
    with open_site(tmp_path / "older", PASSPHRASE, clock=clock) as old:
        doors = replace(open_doors(old, scratch), witnesses=policy)
        doors = replace(doors, opener=replace(doors.opener, publish=None))
        seen = drill_ledger(make_view(old, scratch, doors=doors, earlier=later))
    assert seen.result is Result.FAIL
    assert "entries and had" in seen.reason


def test_forked_ledger(
    witnessed: Site, scratch: Path, home: Path, clock: MovableClock, tmp_path: Path
) -> None:
    """A second history of the same log, longer than what was seen, contradicts it."""
    witnessed.sign_checkpoint()
    shutil.copytree(home, tmp_path / "fork")
    witnessed.ledger.append([{"type": "alarm", "alarm": "one-story"}])
    earlier = witnessed.sign_checkpoint()
    policy = doors_of(witnessed, scratch).witnesses
    with open_site(tmp_path / "fork", PASSPHRASE, clock=clock) as fork:
        fork.ledger.append([{"type": "alarm", "alarm": "another-story"}] * 5)
        doors = replace(open_doors(fork, scratch), witnesses=policy)
        doors = replace(doors, opener=replace(doors.opener, publish=fork.sign_checkpoint))
        seen = drill_ledger(make_view(fork, scratch, doors=doors, earlier=earlier))
    assert seen.result is Result.FAIL
    assert "contradicts what the last assessment saw" in seen.reason


def test_missing_record(witnessed: Site, scratch: Path, clock: MovableClock) -> None:
    """A record that the lane sealed and that never reached the ledger leaves a gap in its device's chain."""
    seen = drill_ledger(make_view(witnessed, scratch, doors=doors_of(witnessed, scratch), earlier=""))
    assert json.loads(seen.evidence)["gaps"] == 0
    line = Line(witnessed, clock)
    lane = line.lane("lane2")
    line.drive(lane, make_vehicle(clock, {Seat.DRIVER: 1}))
    lane.keep(make_vehicle(clock, {Seat.DRIVER: 1}))
    lost = EpochId(f"{witnessed.settings.retention.default_class}/{clock():%Y-%m-%dT%H}Z")
    line.hosts["lane2"].outbox.forget_epoch(lost)
    line.drive(lane, make_vehicle(clock, {Seat.DRIVER: 2}))
    seen = drill_ledger(make_view(witnessed, scratch, doors=doors_of(witnessed, scratch), earlier=""))
    assert (seen.result, seen.reason) == (Result.FAIL, "1 records follow one that the ledger does not have")


def test_expired_is_gone(site: Site, scratch: Path, line: Line, clock: MovableClock) -> None:
    """After the sweep a sample of what has expired does not open; before it, what is overdue is told."""
    line.drive(line.lane(), make_vehicle(clock, {Seat.DRIVER: 1}))
    assert drill_expired(make_view(site, scratch)).result is Result.PASS
    clock.move(timedelta(hours=14))
    seen = drill_expired(make_view(site, scratch))
    assert seen.result is Result.FAIL
    assert "are overdue" in seen.reason
    erase_due(site.eraser)
    seen = drill_expired(make_view(site, scratch))
    assert seen.result is Result.PASS, seen.reason
    assert json.loads(seen.evidence)["sampled"] > 3


def test_expired_comes_back(site: Site, scratch: Path, line: Line, clock: MovableClock) -> None:
    """An hour that the ledger calls erased and that still has a key, with its record put back, is found twice over."""
    line.drive(line.lane(), make_vehicle(clock, {Seat.DRIVER: 1}))
    with read(site.store.engine) as connection:
        row = next(iter(iterate_day_records(connection, clock().date())))
    assert parse_record(read_record(site.store, row.object_id)).epoch == row.epoch
    (intent,) = site.ledger.append(
        [{"type": "erase", "object": row.epoch, "epoch": row.epoch, "count": 1, "reason": "expired"}]
    )
    site.ledger.append([{"type": "erase-done", "object": row.epoch, "epoch": row.epoch, "intent": intent}])
    seen = drill_expired(make_view(site, scratch))
    assert seen.result is Result.FAIL
    assert f"1 erased hours still have a key ({row.epoch})" in seen.reason


def test_unfinished_erasure(site: Site, scratch: Path, line: Line, clock: MovableClock) -> None:
    """An erasure that was begun and never finished is told after ten minutes."""
    line.drive(line.lane(), make_vehicle(clock, {Seat.DRIVER: 1}))
    epoch = "citizen/2026-11-21T07Z"
    site.ledger.append([{"type": "erase", "object": epoch, "epoch": epoch, "count": 1, "reason": "expired"}])
    assert drill_expired(make_view(site, scratch)).result is Result.PASS
    clock.move(timedelta(minutes=11))
    assert "begun and not finished" in drill_expired(make_view(site, scratch)).reason


def test_ledger_without_doors(site: Site, scratch: Path) -> None:
    """Without the site's doors both are errors; a device nobody has records of has no gap."""
    view = replace(make_view(site, scratch), doors=None)
    assert drill_ledger(view).result is Result.ERROR
    assert drill_expired(view).result is Result.ERROR
    other = make_view(site, scratch, equipment=make_lane_host(site, device_sha256="ab" * 32), earlier="")
    assert json.loads(drill_ledger(other).evidence)["records"] == 0
