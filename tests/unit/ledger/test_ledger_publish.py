"""Publishing over HTTP: real witnesses in processes and threads, dead ones, slow ones, dishonest ones, and somebody else's."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from ledgersite import (
    LOG,
    LOG_KEYS,
    ORIGIN,
    Hands,
    import_oracles,
    make_capture,
    make_ledger,
    make_policy,
    make_request,
    make_witness,
    serve_witness,
)

from wayseal.ledger import history
from wayseal.ledger.check import read_vkeys, verify_ledger
from wayseal.ledger.checkpoint import (
    Checkpoint,
    SeedSigner,
    cosign_checkpoint,
    read_checkpoint,
    sign_checkpoint,
    witness_keys,
)
from wayseal.ledger.log import Ledger
from wayseal.ledger.note import format_signatures, parse_note, parse_vkey
from wayseal.ledger.policy import parse_policy
from wayseal.ledger.publish import (
    Publication,
    WitnessAhead,
    WitnessRestored,
    publish_checkpoint,
    require_quorum,
)
from wayseal.ledger.reader import FILE_NAME
from wayseal.ledger.tiles import export_tiles, verify_export
from wayseal.ledger.witness import MAX_REQUEST
from wayseal.ledger.witness_http import MAX_CONNECTIONS
from wayseal.model.clock import utc_now
from wayseal.model.errors import LedgerBroken, Refused, Unavailable

ORACLES = Path(__file__).resolve().parents[3] / ".tools" / "oracles"


@contextmanager
def answer_with(act: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve whatever `act` does with each connection, and give the URL."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                act(connection)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def free_url() -> str:
    """Return a loopback URL where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def publish(ledger: Ledger, policy: str, timeout_s: float = 60.0) -> Publication:
    """Publish the ledger's newest checkpoint under a policy."""
    return publish_checkpoint(ledger, LOG, parse_policy(policy), timeout_s=timeout_s)


def test_quorum_of_real_witnesses_stands(ledger: Ledger, tmp_path: Path) -> None:
    """Two of three witnesses up: the quorum stands, all four lines are kept, and the third's failure is told."""
    witnesses = [make_witness(tmp_path / name, f"{name}.example") for name in ("w1", "w2", "w3")]
    with serve_witness(witnesses[0]) as one, serve_witness(witnesses[1]) as two:
        dead = free_url()
        policy = make_policy(
            {one: witnesses[0].keys, two: witnesses[1].keys, dead: witnesses[2].keys}, threshold="2"
        )
        for size in (300, 301, 650):
            ledger.append([make_capture(number) for number in range(ledger.size, size)])
            done = publish(ledger, policy)
            assert done.quorum
            assert set(done.failures) == {dead}
            assert isinstance(done.failures[dead], Unavailable)
            checkpoint, good = parse_policy(policy).verify(done.note)
            assert (checkpoint.size, checkpoint.root, len(good)) == (size, ledger.root(), 6)
            assert (
                ledger.latest_checkpoint(cosigned=True)
                == done.note
                == (ledger.folder / "checkpoint").read_text()
            )
        require_quorum(done)
    ledger.prove(5).verify(ledger.raw(5), parse_policy(policy))
    (ledger.folder / "policy").write_text(policy)
    export_tiles(ledger, tmp_path / "export")
    for found in (
        verify_ledger(ledger.folder / FILE_NAME, read_vkeys(ledger.folder)),
        verify_export(tmp_path / "export"),
    ):
        assert (found.cosigned_size, len(found.signatures), len(found.cosignatures)) == (650, 2, 4)


def test_missing_quorum_is_told_and_nothing_is_lost(ledger: Ledger, tmp_path: Path) -> None:
    """Without the quorum the cosignatures that came are kept; whoever needs the quorum is refused."""
    witnesses = [make_witness(tmp_path / name, f"{name}.example") for name in ("w1", "w2")]
    with serve_witness(witnesses[0]) as one:
        done = publish(ledger, make_policy({one: witnesses[0].keys, free_url(): witnesses[1].keys}))
    assert not done.quorum
    assert len(parse_note(str(ledger.latest_checkpoint(cosigned=True))).signatures) == 4
    with pytest.raises(Refused, match="too few witnesses"):
        require_quorum(done)


def test_policy_without_witnesses_needs_none(ledger: Ledger) -> None:
    """With `quorum none` nobody is asked, and the checkpoint stands."""
    assert publish(ledger, f"log {LOG_KEYS[0]}\nquorum none\n").quorum


def test_log_that_lost_track_catches_up(ledger: Ledger, tmp_path: Path) -> None:
    """When an answer was lost, the witness's correction is followed and the log's state catches up."""
    witness = make_witness(tmp_path / "w1")
    witness.add_checkpoint(make_request(ledger, 0))
    ledger.append([make_capture(300)])
    with serve_witness(witness) as url:
        assert publish(ledger, make_policy({url: witness.keys})).quorum


def test_rolled_back_ledger_is_told_by_the_witness(tmp_path: Path) -> None:
    """A ledger put back to an older state, folder and all, learns it from the first witness it asks."""
    ledger = make_ledger(tmp_path / "ledger", 20)
    witness = make_witness(tmp_path / "w1")
    witness.add_checkpoint(make_request(ledger, 0))
    ledger.close()
    shorter = make_ledger(tmp_path / "restored", 10)
    with serve_witness(witness) as url:
        done = publish(shorter, make_policy({url: witness.keys}))
    assert isinstance(done.failures[url], WitnessAhead)
    assert not done.quorum
    shorter.close()


def test_forked_ledger_is_told_by_the_witness(tmp_path: Path) -> None:
    """A ledger with another history is refused its cosignature and told why."""
    honest = make_ledger(tmp_path / "honest", 20)
    witness = make_witness(tmp_path / "w1")
    witness.add_checkpoint(make_request(honest, 0))
    fork = Ledger.create(tmp_path / "fork", origin=ORIGIN, clock=Hands())
    fork.append([make_capture(number + 1) for number in range(25)])
    with serve_witness(witness) as url:
        done = publish(fork, make_policy({url: witness.keys}))
    assert isinstance(done.failures[url], LedgerBroken)
    assert "inconsistent" in str(done.failures[url])
    honest.close()
    fork.close()


def test_restored_witness_is_found_by_the_log_and_retires(ledger: Ledger, tmp_path: Path) -> None:
    """A witness that forgot what it cosigned, undetected by itself, is found out by the log's memory and signs no more."""
    witness = make_witness(tmp_path / "w1")
    with serve_witness(witness) as url:
        policy = make_policy({url: witness.keys})
        publish(ledger, policy)
        kept = {file: file.read_bytes() for file in (witness.state_file(ORIGIN), tmp_path / "w1.anchor")}
        ledger.append([make_capture(300)])
        assert publish(ledger, policy).quorum
        for file, data in kept.items():
            file.write_bytes(data)
        ledger.append([make_capture(301)])
        done = publish(ledger, policy)
        assert isinstance(done.failures[url], WitnessRestored)
        assert isinstance(publish(ledger, policy).failures[url], Unavailable)
        assert witness.check_health().status == 503


@pytest.mark.parametrize("reply", [
    b"", b"nonsense", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000,
    b"HTTP/1.1 409 Conflict\r\nContent-Length: 3\r\n\r\n-1\n", b"HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\n0\n", b"HTTP/1.1 500 No\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\xff", b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n",
])  # fmt: skip
def test_nonsense_answers_fail_alone(ledger: Ledger, tmp_path: Path, reply: bytes) -> None:
    """A witness that answers nonsense is a failure of its own; the others' cosignatures are kept."""

    def act(connection: socket.socket) -> None:
        connection.settimeout(5)
        connection.recv(65536)
        with suppress(OSError):  # the asker may have heard enough and hung up
            connection.sendall(reply)
            connection.shutdown(socket.SHUT_WR)

    good, bad = make_witness(tmp_path / "w1", "w1.example"), make_witness(tmp_path / "w2", "w2.example")
    with serve_witness(good) as one, answer_with(act) as two:
        done = publish(ledger, make_policy({one: good.keys, two: bad.keys}, threshold="any"))
    assert done.quorum
    assert set(done.failures) == {two}


def test_no_redirect_is_followed(ledger: Ledger, tmp_path: Path) -> None:
    """A witness that points elsewhere fails where it is: nobody else hears from the log on its word."""
    asked = []

    def note(connection: socket.socket) -> None:
        asked.append(connection.recv(65536))

    bad = make_witness(tmp_path / "w1")
    with answer_with(note) as elsewhere:

        def point(connection: socket.socket) -> None:
            connection.settimeout(60)
            connection.recv(65536)
            connection.sendall(
                f"HTTP/1.1 302 Found\r\nLocation: {elsewhere}/\r\nContent-Length: 0\r\n\r\n".encode()
            )
            connection.shutdown(socket.SHUT_WR)

        with answer_with(point) as url:
            done = publish(ledger, make_policy({url: bad.keys}, threshold="any"))
    assert isinstance(done.failures[url], Unavailable)
    assert asked == []


def test_foreign_cosignature_is_not_taken(ledger: Ledger, tmp_path: Path) -> None:
    """Good-looking lines of a stranger, or over another checkpoint, are not kept."""
    stranger = SeedSigner(b"\x61" * 32, b"\x62" * 32)
    witness = make_witness(tmp_path / "w1")
    point = read_checkpoint(ledger.sign_checkpoint(LOG))
    lines = format_signatures(cosign_checkpoint(point, "auditor.example/w1", stranger, clock=Hands()))
    with pytest.raises(LedgerBroken, match="no cosignature"):
        ledger.add_cosignatures(ledger.sign_checkpoint(LOG), lines, witness.keys)
    keys = witness_keys("stranger.example", stranger)
    other = cosign_checkpoint(
        Checkpoint(ORIGIN, 300, b"\x01" * 32), "stranger.example", stranger, clock=Hands()
    )
    with pytest.raises(LedgerBroken, match="does not verify"):
        ledger.add_cosignatures(ledger.sign_checkpoint(LOG), format_signatures(other), keys)
    elsewhere = sign_checkpoint(Checkpoint(ORIGIN, 299, ledger.root(299)), LOG, clock=Hands())
    lines = format_signatures(
        cosign_checkpoint(read_checkpoint(elsewhere), "stranger.example", stranger, clock=Hands())
    )
    with pytest.raises(LedgerBroken, match="does not keep"):
        ledger.add_cosignatures(elsewhere, lines, keys)
    assert ledger.latest_checkpoint(cosigned=True) is None


def test_old_cosigned_checkpoints_are_thinned_out(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest cosigned checkpoints are all kept, older ones one a block; what is kept still verifies."""
    monkeypatch.setattr(history, "KEPT_COSIGNED", 5)
    monkeypatch.setattr(history, "KEPT_BLOCK", 16)
    witness = SeedSigner(b"\x63" * 32)
    keys = witness_keys("w.example", witness)
    for _ in range(40):
        ledger.append([make_capture(number) for number in range(ledger.size, ledger.size + 3)])
        note = ledger.sign_checkpoint(LOG)
        lines = format_signatures(
            cosign_checkpoint(read_checkpoint(note), "w.example", witness, clock=Hands())
        )
        ledger.add_cosignatures(note, lines, keys)
    with ledger._tables.snapshot() as connection:
        sizes = [read_checkpoint(kept).size for kept in history.read_all(connection)]
    assert sizes[-5:] == [408, 411, 414, 417, 420]
    assert sizes[:-5] == [303, 306, 321, 336, 354, 369, 384, 402]
    found = verify_ledger(ledger.folder / FILE_NAME, [*LOG_KEYS, *keys])
    assert (found.cosigned_size, len(found.cosignatures)) == (420, 1)


def test_dripping_witness_is_not_waited_for(ledger: Ledger, tmp_path: Path) -> None:
    """A witness that sends one byte and then nothing costs the time-out, and the others stand."""
    release = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"H")
        release.wait(300)

    good, bad = make_witness(tmp_path / "w1", "w1.example"), make_witness(tmp_path / "w2", "w2.example")
    with serve_witness(good) as one, answer_with(drip) as two:
        done = publish(ledger, make_policy({one: good.keys, two: bad.keys}, threshold="any"), timeout_s=5.0)
        release.set()
    assert done.quorum
    assert isinstance(done.failures[two], Unavailable)


# --- the server


def request(
    url: str, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    """Send one request and return status and body."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_server_keeps_its_limits(ledger: Ledger, tmp_path: Path) -> None:
    """Unknown paths are 404, no length is 411, too much is 413, and the protocol goes on working beside all of it."""
    witness = make_witness(tmp_path / "w1")
    with serve_witness(witness) as url:
        assert request(url, "GET", "/healthz") == (200, b"ok\n")
        assert request(url, "GET", "/")[0] == request(url, "POST", "/other", b"x")[0] == 404
        assert request(url, "PUT", "/add-checkpoint", b"x")[0] == 501
        assert request(url, "POST", "/add-checkpoint", headers={"Transfer-Encoding": "chunked"})[0] == 411
        for length in ("-1", "1e3", "٣", "", "1,2"):
            assert raw_request(url, f"Content-Length: {length}") == 411
        for length in (str(MAX_REQUEST + 1), "9" * 30):
            assert raw_request(url, f"Content-Length: {length}") == 413
        assert request(url, "POST", "/add-checkpoint", b"nonsense")[0] == 400
        status, body = request(url, "POST", "/add-checkpoint", make_request(ledger, 0))
        assert (status, body.count(b"\n")) == (200, 2)


def raw_request(url: str, header: str) -> int:
    """Send a POST with one header spelled as given; return the status."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(f"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\n{header}\r\n\r\n".encode())
        return int(connection.recv(64).split(b" ")[1])


def test_server_survives_a_crowd_and_half_requests(ledger: Ledger, tmp_path: Path) -> None:
    """More silent connections than slots do not stop the witness for good: when they go, it answers again."""
    witness = make_witness(tmp_path / "w1")
    with serve_witness(witness) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        crowd = [socket.create_connection((host, int(port)), timeout=60) for _ in range(MAX_CONNECTIONS + 8)]
        for connection in crowd:
            connection.sendall(b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
        turned_away = sum(is_closed(connection) for connection in crowd[MAX_CONNECTIONS:])
        assert turned_away == 8
        for connection in crowd:
            connection.close()
        assert ask_until_answered(url, make_request(ledger, 0)) == 200


def is_closed(connection: socket.socket) -> bool:
    """Say whether the other side hung up."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def ask_until_answered(url: str, body: bytes) -> int:
    """Send a request until a slot is free, for at most two minutes; return the status."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            return request(url, "POST", "/add-checkpoint", body)[0]
        except (OSError, http.client.HTTPException):
            continue
    pytest.fail("the witness never answered again")


@contextmanager
def run_witness(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run `wayseal witness run` as a process of its own and give its URL."""
    command = [
        sys.executable,
        "-c",
        "from wayseal.cli.main import main; main()",
        "witness",
        "run",
        "--dir",
        str(folder),
        "--listen",
        "127.0.0.1:0",
    ]
    for key in LOG_KEYS:
        command += ["--log", str(key)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip().rpartition(" ")[2], process
    finally:
        process.kill()
        process.communicate()


def test_witness_is_a_process_that_may_die(ledger: Ledger, tmp_path: Path) -> None:
    """A witness in a process of its own cosigns, is killed, comes back and goes on; told to stop, it stops cleanly."""
    witness = make_witness(tmp_path / "w1")
    with run_witness(witness.folder) as (url, process):
        assert publish(ledger, make_policy({url: witness.keys})).quorum
        os.kill(process.pid, signal.SIGKILL)
    ledger.append([make_capture(300)])
    with run_witness(witness.folder) as (url, process):
        assert publish(ledger, make_policy({url: witness.keys})).quorum
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 0
    state = witness.read_state(ORIGIN)
    assert state is not None
    assert state.checkpoint.size == 301


# --- somebody else's witness, and somebody else's log


def start_foreign_witness(folder: Path) -> tuple[subprocess.Popen[str], str, str]:
    """Start the independent witness for the test log; return its process, verifier key and URL."""
    environment = {**os.environ, "PYTHONPATH": str(ORACLES), "PYTHONUNBUFFERED": "1"}
    base = [sys.executable, "-m", "aics_witness"]
    config = ["--config", str(folder / "witness.json")]
    folder.mkdir()
    made = subprocess.run(
        [*base, "init", *config, "--name", "foreign.example/w1"],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )
    vkey = next(word for word in made.stdout.split() if word.startswith("foreign.example/w1+"))
    subprocess.run(
        [*base, "add-log", *config, "--origin", ORIGIN, "--vkey", str(LOG_KEYS[0])],
        check=True,
        capture_output=True,
        env=environment,
    )
    url = free_url()
    process = subprocess.Popen(
        [*base, "serve", *config, "--listen", url.removeprefix("http://")],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stderr is not None
    while "listen" not in process.stderr.readline().lower():
        assert process.poll() is None, "the foreign witness did not start"
    return process, vkey, url


def test_somebody_elses_witness_cosigns_our_ledger(ledger: Ledger, tmp_path: Path) -> None:
    """An independent witness implementation follows our log over HTTP, twice, and its cosignatures make the quorum."""
    import_oracles()
    process, vkey, url = start_foreign_witness(tmp_path / "foreign")
    try:
        policy = make_policy({url: (parse_vkey(vkey),)})
        assert publish(ledger, policy).failures == {}
        ledger.append([make_capture(300)])
        done = publish(ledger, policy)
        assert done.quorum, done.failures
    finally:
        process.kill()
        process.communicate()


def test_our_witness_cosigns_somebody_elses_feed(ledger: Ledger, tmp_path: Path) -> None:
    """An independent client feeds our witness: sizes, conflicts and proofs are understood, and our cosignature verifies for it."""
    import_oracles()
    from aics_witness.feeder import WitnessClient, WitnessRejected

    witness = make_witness(tmp_path / "w1", clock=utc_now)
    with serve_witness(witness) as url, WitnessClient(url, str(witness.keys[0])) as client:
        for _ in range(2):
            line = client.submit(ledger.sign_checkpoint(LOG), ledger.consistency)
            assert "auditor.example/w1" in line
            ledger.append([make_capture(ledger.size)])
        fork = Ledger.create(tmp_path / "fork", origin=ORIGIN, clock=Hands())
        fork.append([make_capture(number + 1) for number in range(400)])
        with pytest.raises(WitnessRejected) as caught:
            client.submit(fork.sign_checkpoint(LOG), fork.consistency)
        assert caught.value.status == 422
        fork.close()
