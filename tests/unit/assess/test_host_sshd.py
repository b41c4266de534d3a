"""SSH servers as they were started: the options of a running one, and the word of sshd itself."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hosttree import HostTree

from wayseal.assess.host.facts import HostFacts
from wayseal.assess.host.hardening import Server, ask_server, list_servers, parse_server, read_server
from wayseal.assess.host.processes import list_processes, read_arguments
from wayseal.assess.host.view import HostView, run_command

SSHD = "/usr/sbin/sshd"


@pytest.mark.parametrize(
    ("line", "server"),
    [
        ("sshd -D", Server()),
        ("sshd -D -f /opt/a.conf -p 2222", Server("/opt/a.conf")),
        ("sshd -De -f/opt/a.conf", Server("/opt/a.conf")),
        ("sshd -o PermitRootLogin=yes -D", Server(options=("PermitRootLogin=yes",))),
        ("sshd -o PermitRootLogin yes -o Port=22 -4", Server(options=("PermitRootLogin yes", "Port=22"))),
        ("sshd -oPermitRootLogin=yes", Server(options=("PermitRootLogin=yes",))),
        ("sshd -f /opt/a.conf -f /opt/b.conf", Server("/opt/b.conf")),
    ],
)
def test_command_lines(line: str, server: Server) -> None:
    """File and options are read as getopt reads them, also from a title that lost its quotes."""
    assert parse_server(line.split()) == server


def test_sessions_are_no_servers(tmp_path: Path) -> None:
    """The process of one login is not a server; one that listens is, by its title or by its plain command line."""
    tree = HostTree(tmp_path)
    lines = [
        b"sshd: wayseal [priv]\0",
        b"sshd: /usr/sbin/sshd -D -o PermitRootLogin=no [listener] 0 of 10-100 startups\0",
    ]
    for pid, line in enumerate([*lines, b"/usr/sbin/sshd\0-D\0-o\0PermitRootLogin yes\0"], 70):
        tree.put(f"/proc/{pid}/comm", "sshd\n")
        tree.put(f"/proc/{pid}/cmdline", line)
    found = list(list_servers(tree.view()))
    assert [one.options for one in found] == [("PermitRootLogin=no",), ("PermitRootLogin yes",)]


def test_option_comes_before_file(tmp_path: Path) -> None:
    """What the command line says counts, as with sshd itself: the first value of a word is the one in force."""
    tree = HostTree(tmp_path)
    tree.put("/etc/ssh/sshd_config", "PasswordAuthentication no\nPermitRootLogin no\n")
    values, conditional = read_server(tree.view(), Server(options=("PasswordAuthentication yes",)))
    assert (values["passwordauthentication"], values["permitrootlogin"], conditional) == ("yes", "no", [])


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A folder with a host key and a settings file that keeps every rule."""
    if not os.access(SSHD, os.X_OK) or shutil.which("ssh-keygen") is None:
        pytest.skip("no sshd; tools/setup-system installs it")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    Path("/run/sshd").mkdir(exist_ok=True)
    (tmp_path / "sshd.conf").write_text(
        f"HostKey {tmp_path / 'key'}\nPidFile none\nListenAddress 127.0.0.1\nUsePAM no\nPermitRootLogin no\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nMatch User root\n PermitEmptyPasswords yes\n"
    )
    return tmp_path


def test_sshd_tells(keys: Path) -> None:
    """The real program's word: of file and options together, with the Match block of whom it is asked for."""
    good = ask_server(run_command, Server(str(keys / "sshd.conf")))
    assert (good["permitrootlogin"], good["passwordauthentication"], good["permitemptypasswords"]) == (
        "no",
        "no",
        "yes",
    )
    worse = ask_server(run_command, Server(str(keys / "sshd.conf"), ("PasswordAuthentication yes",)))
    assert worse["passwordauthentication"] == "yes"
    gone = ask_server(run_command, Server(str(keys / "gone.conf")))
    assert set(gone.values()) == {"sshd -T ended with 1"}


@pytest.fixture
def listening(keys: Path) -> Iterator[int]:
    """A real server that was started with an option over its file; its process number."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [SSHD, "-D", "-f", str(keys / "sshd.conf"), "-o", "PasswordAuthentication yes", "-p", str(port)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        deadline = time.monotonic() + 60
        while b"[listener]" not in Path(f"/proc/{server.pid}/cmdline").read_bytes():
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)  # waiting for a server to say that it is up, not for time to pass
        yield server.pid
        server.terminate()


def test_running_server_is_read(listening: int, keys: Path) -> None:
    """A real server's title gives its file and the option that overrules it."""
    view = HostView(HostFacts(), carve=lambda _: (), read_suite=lambda _: 0)
    (mine,) = [one for one in list_processes(view) if one.pid == listening]
    title, _, _ = read_arguments(view, mine)[0].removeprefix("sshd: ").partition(" [listener]")
    server = parse_server(title.split())
    assert server == Server(str(keys / "sshd.conf"), ("PasswordAuthentication yes",))
    assert server in list(list_servers(view))
    assert read_server(view, server)[0]["passwordauthentication"] == "yes"
    assert ask_server(run_command, server)["passwordauthentication"] == "yes"
