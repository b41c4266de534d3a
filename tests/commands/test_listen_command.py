"""`wayseal equipment listen` as a process: it listens, notes what arrives, and ends when it is told to."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from wayseal.assess.outside.egress import make_token

RUN = "import sys; from wayseal.cli.main import main; sys.argv[0] = 'wayseal'; main()"


def free_port(kind: socket.SocketKind) -> int:
    """Return a port of loopback at which nobody listens."""
    with socket.socket(socket.AF_INET, kind) as line:
        line.bind(("127.0.0.1", 0))
        return int(line.getsockname()[1])


def test_listener_notes(tmp_path: Path) -> None:
    """A token over TCP and one over UDP are noted, other bytes are not, and the count is told at the end."""
    notes, tcp, udp = tmp_path / "notes", free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM)
    words = ["equipment", "listen", "--notes", str(notes), "--address", "127.0.0.1", "--json"]
    command = [sys.executable, "-c", RUN, *words, "--tcp", str(tcp), "--udp", str(udp)]
    environment = {**os.environ, "WAYSEAL_HOME": str(tmp_path / "no-home")}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stderr is not None
            assert process.stderr.readline().strip() == "listening"
            first, second = make_token(), make_token()
            with socket.create_connection(("127.0.0.1", tcp)) as line:
                line.sendall(f"wayseal-canary-{first}".encode())
                line.shutdown(socket.SHUT_WR)
                assert line.recv(1) == b""
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
                datagram.sendto(b"nothing to see", ("127.0.0.1", udp))
                datagram.sendto(f"wayseal-canary-{second}".encode(), ("127.0.0.1", udp))
            with socket.create_connection(("127.0.0.1", tcp)) as line:  # closed after all before it was taken
                line.shutdown(socket.SHUT_WR)
                assert line.recv(1) == b""
            process.send_signal(signal.SIGTERM)
            assert process.stdout is not None
            assert json.loads(process.stdout.read()) == {"arrived": 2}
            assert process.wait(10) == 0
        finally:
            process.kill()
    assert set(notes.read_text(encoding="ascii").split()) == {first, second}


def test_listener_refuses(tmp_path: Path) -> None:
    """Ports that are none, or an address of another machine, end the command with an error and without a file."""
    for extra in (["--address", "127.0.0.1", "--tcp", "99999"], ["--address", "203.0.113.77", "--tcp", "9"]):
        command = [
            sys.executable,
            "-c",
            RUN,
            "equipment",
            "listen",
            "--notes",
            str(tmp_path / "notes"),
            *extra,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode in {2, 5}
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "notes").exists()
