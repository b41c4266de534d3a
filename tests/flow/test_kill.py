"""Processes die: at every boundary between a ledger entry and its effect, and at random points.

Afterwards the next run finishes what was begun: nothing that was acknowledged is lost, nothing is half-written, each
sealed record is counted once, and the ledger explains the state.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lineparts import PASSPHRASE

from wayseal.ledger.check import read_vkeys, verify_ledger
from wayseal.model.custody import Kind, Purpose, RecordStatus
from wayseal.model.ids import EncounterId
from wayseal.seal.envelope import parse_record
from wayseal.station.portal import open_portal
from wayseal.station.site import Site, init_site, open_site
from wayseal.store import crossings as crossing_rows
from wayseal.store import records as record_rows
from wayseal.store.centre import read_record
from wayseal.store.engine import read

HERE = Path(__file__).parent
BOUNDARIES = [
    "wayseal.store.outbox:Outbox.put",
    "wayseal.store.outbox:Outbox.mark_sent",
    "wayseal.flow.encounter:_log_captures",
    "wayseal.flow.encounter:put_records",
    "wayseal.flow.encounter:_add_row",
    "wayseal.store.outbox:Outbox.release",
    "wayseal.flow.release:Opener.request",
    "wayseal.flow.spent:SpentIntents._spend",
    "wayseal.flow.release:Opener._log_done",
    "wayseal.flow.archive:put_records",
    "wayseal.flow.identify:_keep_answer",
    "wayseal.flow.identify:_mark_answered",
    "wayseal.store.encounters:set_document",
    "wayseal.store.crossings:add_crossings",
    "wayseal.ledger.log:Ledger.append",
    "wayseal.ledger.log:Ledger.sign_checkpoint",
    "wayseal.seal.keys.vault:EpochVault.create_epoch",
    "wayseal.station.keyroom:sign_roster#1",
]
HANDFUL = 20
"""Pictures that one officer opens of themselves: more of them are a bulk release, which takes a second person."""
SHORT = [BOUNDARIES[4], BOUNDARIES[6], BOUNDARIES[8], BOUNDARIES[11]]


def run_lane(home: Path, *arguments: str, count: int = 3) -> subprocess.Popen[str]:
    """Start a lane process."""
    paths = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, str(HERE / "killable.py"), str(home), str(count), *arguments],
        env={**os.environ, "PYTHONPATH": paths}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def verify_home(home: Path, acknowledged: set[str]) -> None:
    """Run once more, then check that store, ledger, outbox and acknowledgements agree."""
    finishing = run_lane(home, count=1)
    out, err = finishing.communicate(timeout=120)
    assert finishing.returncode == 0, err
    acknowledged |= set(out.split())
    with open_site(home, PASSPHRASE) as site:
        verify_ledger(site.ledger.folder / "ledger.sqlite", read_vkeys(site.ledger.folder))
        _verify_counts(site, acknowledged)
        host = site.open_lane("lane1")
        assert host.outbox.pending() == []


def _verify_counts(site: Site, acknowledged: set[str]) -> None:
    """Check each encounter: answered, complete, readable, its captures once on the ledger, one crossing a seat."""
    portal = open_portal(
        site, f"auditor-{site.ledger.size}", "officer"
    )  # each check with an allowance of its own
    rows = {row.id: row for row in portal.rows(limit=10_000)}
    assert acknowledged <= set(rows)
    lines = portal.lines(list(rows.values()))
    assert all(len(line["occupants"]) == 2 for line in lines)
    for encounter in rows:
        with read(site.store.engine) as connection:
            records = record_rows.list_encounter_records(connection, EncounterId(encounter))
            seats = [
                row.seat for row in crossing_rows.list_crossings(connection, encounter=EncounterId(encounter))
            ]
        assert sorted(seats) == ["driver", "front_passenger"]
        assert [row.kind for row in records].count(Kind.FACE) == 2
        for row in records:
            assert row.status is RecordStatus.LIVE
            assert parse_record(read_record(site.store, row.object_id)).header.object_id == row.object_id
            captures = site.ledger.find(type="capture", object=row.object_id)
            assert captures == [row.ledger_index]
    faces = [line["occupants"][0]["record"] for line in lines][:100]
    for first in range(0, len(faces), HANDFUL):
        some = faces[first : first + HANDFUL]
        officer = site.principal(f"{portal.who.id}-{first}", "officer")
        assert len(site.opener.read_now(officer, some, Purpose.PRIMARY_INSPECTION)) == len(some)


@pytest.fixture
def made(tmp_path: Path, cheap_passphrase: None) -> Path:  # noqa: ARG001 - used for its effect
    """A home, ready."""
    init_site(tmp_path / "home", PASSPHRASE, evaluation=True)
    return tmp_path / "home"


def _die_at(home: Path, boundaries: list[str]) -> set[str]:
    """Kill one process before and one after each boundary, and return what they had acknowledged."""
    acknowledged: set[str] = set()
    for boundary in boundaries:
        for when in ("before", "after"):
            dying = run_lane(home, boundary, when)
            out, err = dying.communicate(timeout=120)
            assert dying.returncode == -signal.SIGKILL, f"{boundary} {when}: {err}"
            acknowledged |= set(out.split())
    return acknowledged


def test_death_at_boundaries(made: Path) -> None:
    """A process dies before and after each step that changes something; the next run explains and completes it."""
    verify_home(made, _die_at(made, SHORT))


@pytest.mark.slow
def test_death_at_every_boundary_chaos(made: Path) -> None:
    """The same at every boundary, with a full check after each."""
    for boundary in BOUNDARIES:
        verify_home(made, _die_at(made, [boundary]))


def _kill_at_random(home: Path, times: int) -> set[str]:
    """Kill lane processes at random moments and return what they had acknowledged."""
    rng = random.Random(7)
    acknowledged: set[str] = set()
    for _ in range(times):
        running = run_lane(home, count=1000)
        assert running.stdout is not None
        for _ in range(rng.randrange(1, 4)):  # let it get to work before the moment is drawn
            acknowledged.add(running.stdout.readline().strip())
        time.sleep(rng.random() * 0.3)  # the random moment itself
        running.kill()
        acknowledged |= set(running.communicate(timeout=30)[0].split())
    return acknowledged - {""}


def test_random_deaths(made: Path) -> None:
    """Killed at four random moments, the site loses nothing it had acknowledged."""
    acknowledged = _kill_at_random(made, 4)
    assert len(acknowledged) >= 4
    verify_home(made, acknowledged)


@pytest.mark.slow
def test_random_deaths_chaos(made: Path) -> None:
    """The same, twenty times."""
    verify_home(made, _kill_at_random(made, 20))


def test_full_disk(made: Path) -> None:
    """When no file can grow any more the lane stops with a clear error, and goes on once there is room."""
    limited = subprocess.run(
        ["bash", "-c", 'ulimit -f 200; exec "$@"', "bash", sys.executable, str(HERE / "killable.py"), str(made), "400"],
        env={**os.environ, "PYTHONPATH": str(HERE)}, capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert limited.returncode != 0
    assert "StoreFull" in limited.stderr, limited.stderr[-2000:]
    verify_home(made, set(limited.stdout.split()))
