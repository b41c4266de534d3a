"""What a lane prints holds up nothing: a reader who stops reading, and one who goes away, on one host and on two."""

import fcntl
import json
import os
import select
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import laneoutput
import pytest
from carrierparts import enrol_travellers, serve_centre
from keyroomparts import write_secret
from lineparts import PASSPHRASE

from wayseal.seal.keys import PassphraseCost
from wayseal.station.remote_lane import send_waiting
from wayseal.station.site import init_site, open_site

COUNT, FEW = 12, 4
DEADLINE = timedelta(seconds=240)
DONE = {
    "here": ("store/records.sqlite", "SELECT count(*) FROM encounters WHERE document IS NOT NULL"),
    "remote": ("lane/outbox.sqlite", "SELECT count(DISTINCT encounter) FROM outbox"),
}
"""Where it stands how many vehicles are done with: answered on one host, sealed and queued at a lane whose centre is away."""


@pytest.fixture(params=["here", "remote"])
def place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, Path]:
    """One host's home, or a lane's own home that has its keys, and whose centre is away."""
    monkeypatch.setattr(PassphraseCost.__init__, "__defaults__", (64, 1, 4))
    monkeypatch.setenv("WAYSEAL_KEYROOM__CANARY_ONE_IN", "100000")
    where, home = str(request.param), tmp_path / "home"
    init_site(tmp_path / "site" if where == "remote" else home, PASSPHRASE, evaluation=True)
    if where == "remote":
        with open_site(tmp_path / "site", PASSPHRASE) as site:
            enrol_travellers(site)
            with serve_centre(site) as centre, centre.add_lane(home) as lane:
                assert send_waiting(lane, lane.link, within_s=60).problem is None
    return where, home


@contextmanager
def run_lane(place: tuple[str, Path]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Give a lane at work whose stdout is a pipe that is full from the first byte on, and the pipe's reading end."""
    where, home = place
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    while select.select([], [writing], [], 0)[1]:
        os.write(writing, b"\n" * 512)
    environment = os.environ | {"WAYSEAL_PASSPHRASE_FILE": str(write_secret(home))}
    command = [sys.executable, laneoutput.__file__, where, str(home), str(COUNT)]
    process = subprocess.Popen(command, stdout=writing, stderr=subprocess.PIPE, env=environment)
    os.close(writing)
    try:
        yield process, reading
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def count_done(place: tuple[str, Path]) -> int:
    """Return how many vehicles are done with so far."""
    file, query = DONE[place[0]]
    if not (place[1] / file).exists():
        return 0
    database = sqlite3.connect(f"file:{place[1] / file}?mode=ro", uri=True, timeout=30)
    try:
        return int(database.execute(query).fetchone()[0])
    except sqlite3.OperationalError:  # not made yet
        return 0
    finally:
        database.close()


def await_done(place: tuple[str, Path], process: "subprocess.Popen[bytes]", count: int) -> None:
    """Wait until so many vehicles are done with. Fails when the lane ends before, or the deadline comes."""
    end = time.monotonic() + DEADLINE.total_seconds()
    while count_done(place) < count:
        assert time.monotonic() < end, "the lane stands still"
        try:
            process.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            continue
        assert count_done(place) >= count, process.communicate()


def test_reader_who_stops(place: tuple[str, Path]) -> None:
    """While nobody reads vehicles are sealed and answered all the same; whoever reads on at last gets every line and the summary."""
    with run_lane(place) as (process, reading):
        await_done(place, process, FEW)
        with os.fdopen(reading, "rb") as pipe:
            lines = [json.loads(line) for line in pipe.read().splitlines() if line]
        assert process.wait(timeout=DEADLINE.total_seconds()) == 0
    assert len({line["encounter"] for line in lines[:-1]}) == COUNT
    assert lines[-1]["summary"]["vehicles"] == COUNT
    assert count_done(place) == COUNT


def test_reader_who_goes(place: tuple[str, Path]) -> None:
    """A reader who went away ends nothing: every vehicle is done with, the exit code is 0, and stderr says that lines were lost."""
    with run_lane(place) as (process, reading):
        os.close(reading)
        _, err = process.communicate(timeout=DEADLINE.total_seconds())
        assert process.returncode == 0, err
    assert f"{COUNT + 1} lines of output were not read" in err.decode()
    assert count_done(place) == COUNT
