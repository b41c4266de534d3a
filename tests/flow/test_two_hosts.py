"""Lane and centre as processes of their own: the commands as an operator types them, and deaths at every boundary."""

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from carrierparts import enrol_travellers, run_lane, start_centre, start_child
from keyroomparts import RUN, write_secret
from lineparts import PASSPHRASE
from session import Session

from wayseal.model.ids import EncounterId
from wayseal.seal.keys import PassphraseCost
from wayseal.seal.suite import sha256
from wayseal.station.centre_run import invite_lane
from wayseal.station.lane_home import join_lane, open_lane_home
from wayseal.station.site import init_site, open_site
from wayseal.store.encounters import get_encounter
from wayseal.store.engine import read

CENTRE_DEATHS = [
    ("wayseal.flow.encounter:_log_captures", "before"),
    ("wayseal.flow.encounter:_log_captures", "after"),
    ("wayseal.flow.encounter:put_records", "after"),
    ("wayseal.flow.encounter:_add_row", "after"),
    ("wayseal.station.carrier_desk:encode_receipts", "before"),
    ("wayseal.station.carrier_desk:encode_receipts", "after"),
    ("wayseal.station.matcher:Matcher.settle", "before"),
    ("wayseal.station.matcher:Matcher.settle", "after"),
]
LANE_DEATHS = [
    ("wayseal.store.outbox:Outbox.put", "before"),
    ("wayseal.store.outbox:Outbox.put", "after"),
    ("wayseal.store.outbox:Outbox.mark_sent", "after"),
    ("wayseal.station.carrier_link:CarrierLink.deliver", "before"),
    ("wayseal.station.carrier_link:CarrierLink.deliver", "after"),
    ("wayseal.store.outbox:Outbox.release", "before"),
    ("wayseal.store.outbox:Outbox.release", "after"),
]
SHORT = {CENTRE_DEATHS[5], LANE_DEATHS[4]}


def spread(deaths: list[tuple[str, str]]) -> list[object]:
    """Return the deaths as parameters; most of them are for the long form."""
    return [
        pytest.param(
            *one, id=f"{one[1]}-{one[0].rpartition(':')[2]}", marks=() if one in SHORT else pytest.mark.slow
        )
        for one in deaths
    ]


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The homes of a centre and of a lane that has joined it, whose passphrases cost little to try."""
    folder = tmp_path_factory.mktemp("hosts")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PassphraseCost.__init__, "__defaults__", (64, 1, 4))
        init_site(folder / "centre", PASSPHRASE, evaluation=True)
        with open_site(folder / "centre", PASSPHRASE) as site:
            enrol_travellers(site)
        process, port = start_centre(folder / "centre", 0)
        try:
            with open_site(folder / "centre", PASSPHRASE) as site:
                data = invite_lane(site, "lane1", direction=None, address=f"127.0.0.1:{port}")
            join_lane(folder / "lane", data, PASSPHRASE)
            with open_lane_home(folder / "lane", PASSPHRASE) as lane:
                lane.host.accept_roster(lane.link.fetch_roster(1).roster)
        finally:
            stop(process)
    return folder / "centre", folder / "lane"


@pytest.fixture
def port(homes: tuple[Path, Path]) -> int:
    """The port that the lane knows its centre by."""
    facts = json.loads((homes[1] / "lane.json").read_bytes())
    return int(facts["centre"].rpartition(":")[2])


def stop(process: "subprocess.Popen[str]") -> None:
    """End a process of ours, as a power cut would, and collect it."""
    process.kill()
    process.communicate()


def sealed_by(lane_out: str) -> list[EncounterId]:
    """Return the encounters that a lane's process printed: what it promised to keep."""
    lines = [json.loads(line) for line in lane_out.splitlines()]
    return [EncounterId(line["encounter"]) for line in lines if "encounter" in line]


def check_centre(home: Path, promised: list[EncounterId], *, answered: bool) -> None:
    """Fail unless the centre has every promised vehicle, each record of it once on the ledger and in the store."""
    with open_site(home, PASSPHRASE) as site:
        own = sha256(site.keys.identity.public).hex()
        entries = [site.ledger.entry(index) for index in site.ledger.find(type="capture")]
        counted = Counter(entry["object"] for entry in entries if entry["device"] != own)
        assert set(counted.values()) <= {1}
        known = {entry["encounter"] for entry in entries}
        assert set(promised) <= known
        with read(site.store.engine) as connection:
            rows = [get_encounter(connection, one) for one in promised]
        if answered:
            assert all(row.document is not None for row in rows)


def await_answers(home: Path, promised: list[EncounterId]) -> None:
    """Wait until a running centre has answered these, or for two minutes: its receipts come before its answers."""
    deadline, waiting = time.monotonic() + 120, True
    with open_site(home, PASSPHRASE) as site:
        while waiting and time.monotonic() < deadline:
            with read(site.store.engine) as connection:
                waiting = any(get_encounter(connection, one).document is None for one in promised)
            time.sleep(0.05)


def check_outbox(home: Path) -> None:
    """Fail unless a lane's outbox has nothing left to send."""
    with open_lane_home(home, PASSPHRASE) as lane:
        counts = lane.host.outbox.counts()
    assert (counts["queued"], counts["sent"]) == (0, 0)


@pytest.mark.parametrize(("boundary", "when"), spread(CENTRE_DEATHS))
def test_centre_dies(homes: tuple[Path, Path], port: int, boundary: str, when: str) -> None:
    """A centre that is killed while it takes vehicles in leaves nothing to repair: started again, it gets and answers all."""
    centre_home, lane_home = homes
    centre, _ = start_centre(centre_home, port, boundary, when)
    lane = start_child("lane", lane_home, 3)
    assert centre.wait(timeout=60) == -signal.SIGKILL
    centre.communicate()
    second, _ = start_centre(centre_home, port)
    try:
        out, err = lane.communicate(timeout=300)
        promised = sealed_by(out)
        await_answers(centre_home, promised)
    finally:
        lane.kill()
        stop(second)
    assert (lane.returncode, len(promised)) == (0, 3), err
    assert json.loads(out.splitlines()[-1])["waiting"] == 0
    check_centre(centre_home, promised, answered=True)
    check_outbox(lane_home)


def test_output_that_nobody_reads(homes: tuple[Path, Path], port: int) -> None:
    """A centre whose output is a full pipe answers every vehicle all the same, and ends when told to."""
    home, lane_home = homes
    command = [sys.executable, "-c", RUN, "--home", str(home), "centre", "run", "--json"]
    command += ["--listen", f"127.0.0.1:{port}", "--gallery", "port"]
    environment = os.environ | {"WAYSEAL_PASSPHRASE_FILE": str(write_secret(home))}
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    centre = subprocess.Popen(command, stdout=writing, stderr=writing, env=environment)
    try:
        assert b"listening" in os.read(reading, 200)
        while select.select([], [writing], [], 0)[1]:
            os.write(writing, b"x" * 512)
        lane = start_child("lane", lane_home, 3)
        out, err = lane.communicate(timeout=300)
        promised = sealed_by(out)
        assert (lane.returncode, len(promised)) == (0, 3), err
        centre.send_signal(signal.SIGTERM)
        assert centre.wait(timeout=120) == 0
        check_centre(home, promised, answered=True)
    finally:
        centre.kill()
        centre.wait()
        os.close(reading)
        os.close(writing)


@pytest.fixture(scope="module")
def standing_centre(homes: tuple[Path, Path]) -> Iterator[None]:
    """A centre that stays up."""
    facts = json.loads((homes[1] / "lane.json").read_bytes())
    process, _ = start_centre(homes[0], int(facts["centre"].rpartition(":")[2]))
    yield
    stop(process)


@pytest.mark.parametrize(("boundary", "when"), spread(LANE_DEATHS))
@pytest.mark.usefixtures("standing_centre")
def test_lane_dies(homes: tuple[Path, Path], boundary: str, when: str) -> None:
    """A lane that is killed anywhere has kept what it told of; started again it delivers that, and nothing twice."""
    first = run_lane(homes[1], 3, boundary, when)
    assert first.returncode == -signal.SIGKILL, first.stderr
    again = run_lane(homes[1], 0)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout.splitlines()[-1])["waiting"] == 0
    check_centre(homes[0], sealed_by(first.stdout), answered=False)
    check_outbox(homes[1])


def test_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Enrol at the centre, join at the lane, run the centre, send from the lane, revoke: with exit codes and words for each."""
    monkeypatch.setattr(PassphraseCost.__init__, "__defaults__", (64, 1, 4))
    init_site(tmp_path / "centre", PASSPHRASE, evaluation=True)
    secret, file = write_secret(tmp_path / "centre"), tmp_path / "join"
    centre, lane = (Session(tmp_path / name, secret, capsys) for name in ("centre", "lane"))
    process = start_command(centre, "centre", "run", "--listen", "127.0.0.1:0", "--json")
    try:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["listening"]
        enrolled = centre.call(
            "lane", "enrol", "--lane", "lane1", "--centre", address, "--out", file, "--json"
        )
        wrong = lane.call("lane", "join", file, "--fingerprint", "00")
        assert (wrong.code, "another fingerprint" in wrong.err) == (2, True)
        joined = lane.call("lane", "join", file, "--fingerprint", enrolled.json["fingerprint"], "--json")
        assert joined.json["lane"] == "lane1"
        summary = lane.call("lane", "send", "--json").json["summary"]
        assert (summary["waiting"], summary["tls"]["group"]) == (0, "X25519MLKEM768")
        status = lane.call("lane", "status", "--json")
        assert (status.code, status.json["charter"], status.json["centre"]["lanes"]) == (0, 1, 1)
        assert [one["state"] for one in centre.call("centre", "lanes", "--json").json] == ["enrolled"]
        assert centre.call("lane", "revoke", "--lane", "lane1").code == 2
        assert centre.call("lane", "revoke", "--lane", "lane1", "--yes").code == 0
        refused = lane.call("lane", "send")
        assert (refused.code, "lane-revoked" in refused.err) == (3, True)
    finally:
        process.terminate()
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "summary" in json.loads(out.splitlines()[-1])
    status = lane.call("lane", "status")
    assert (status.code, "lane-revoked" in status.out, "does not answer" in status.out) == (1, True, True)
    away = lane.call("lane", "run", "--lane", "lane2", "--source", tmp_path)
    assert (away.code, "this home is lane lane1's" in away.err) == (2, True)
    assert lane.call("lane", "run", "--lane", "lane1", "--source", tmp_path, "--gallery", "g").code == 2
    assert centre.call("lane", "run", "--lane", "lane1", "--source", "x", "--centre", "h:1").code == 2


def start_command(session: Session, *arguments: str) -> "subprocess.Popen[str]":
    """Start a command as a process."""
    environment = os.environ | {"WAYSEAL_PASSPHRASE_FILE": str(session.secret)}
    line = [sys.executable, "-c", RUN, "--home", str(session.home), *arguments]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_real_video_in_an_outage(
    homes: tuple[Path, Path], shared_data: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A lane's own command on a real video, its centre away: vehicles are sealed and wait; no line and no file says a plate."""
    lane = Session(homes[1], write_secret(tmp_path / "any"), capsys)
    video = shared_data / "lane" / "d01_day_mid_2veh.mp4"
    away = ("--centre", "127.0.0.1:1", "--drain", 0.1)
    run = lane.call("lane", "run", "--lane", "lane1", "--source", video, *away, "--json")
    assert run.code == 0, run.err
    assert "wait in the outbox" in run.err, repr(run.err)
    *vehicles, last = run.lines
    summary = last["summary"]
    assert (len(vehicles), summary["delivered"], summary["matched"], summary["tls"]) == (2, 0, None, None)
    assert summary["waiting"] >= 2
    truth = json.loads(video.with_suffix(".json").read_bytes())
    plates = [one["plate"]["text"].encode() for one in truth["vehicles"] if one["plate"]]
    written = run.out.encode() + b"".join(path.read_bytes() for path in homes[1].rglob("*") if path.is_file())
    assert plates
    assert [text for text in plates if text in written] == []
