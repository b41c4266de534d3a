"""Probe 23 with a real chrony: a client of two servers on loopback, none of which touches the machine's clock."""

import os
import shutil
import socket as socketlib
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event

import pytest
from hosttree import HostTree
from hypothesis import given
from hypothesis import strategies as st

from wayseal.assess.host.machine import check_time, parse_sources, parse_tracking
from wayseal.assess.host.view import Completed, run_command
from wayseal.model.oversight import Result

SEARCH = f"{os.environ['PATH']}:/usr/sbin:/sbin"
ADDRESSES = ("127.0.0.1", "127.0.0.2")
LONGEST = 120


def free_port(address: str) -> int:
    """Return a UDP port that nobody listens on."""
    with socketlib.socket(socketlib.AF_INET, socketlib.SOCK_DGRAM) as line:
        line.bind((address, 0))
        return int(line.getsockname()[1])


def ask(socket: Path, *command: str) -> str:
    """Return what chronyc prints, in the form that machines read; nothing where chronyd does not answer."""
    words = ["chronyc", "-h", str(socket), "-n", "-c", *command]
    said = subprocess.run(words, capture_output=True, text=True, check=False)
    return said.stdout if said.returncode == 0 else ""


def wait_until(ready: Callable[[], bool], otherwise: str) -> None:
    """Return when `ready`, however slow the machine is; fail after two minutes."""
    deadline, pause = time.monotonic() + LONGEST, Event()
    while not ready():
        if time.monotonic() > deadline:
            pytest.fail(otherwise)
        pause.wait(0.05)


@contextmanager
def run_chrony(folder: Path, name: str, *lines: str) -> Iterator[Path]:
    """Run a chronyd that never sets the clock and give its command socket."""
    socket = folder / f"{name}.sock"
    config = folder / f"{name}.conf"
    common = ("cmdport 0", f"bindcmdaddress {socket}", f"pidfile {folder / name}.pid")
    config.write_text("".join(f"{line}\n" for line in (*common, *lines)))
    program = shutil.which("chronyd", path=SEARCH)
    assert program is not None
    process = subprocess.Popen(
        [program, "-x", "-u", "root", "-d", "-f", str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: bool(ask(socket, "tracking")), f"chronyd {name} did not start")
        yield socket
    finally:
        process.terminate()
        process.wait(timeout=LONGEST)


@contextmanager
def ask_chrony(folder: Path, *offsets: float) -> Iterator[HostTree]:
    """Give a host whose chrony follows one server on loopback for each offset, which that server is made to be away."""
    if shutil.which("chronyd", path=SEARCH) is None or os.geteuid() != 0:
        pytest.skip("chrony is not installed (Debian: chrony), or this is not root")
    folder.chmod(0o700)
    with ExitStack() as stack:
        servers = []
        for address, offset in zip(ADDRESSES, offsets, strict=False):
            port = free_port(address)
            lines = (f"port {port}", f"bindaddress {address}", "local stratum 8", "allow 127.0.0.0/8")
            stack.enter_context(run_chrony(folder, f"server{port}", *lines))
            servers.append(f"server {address} port {port} iburst minpoll -2 maxpoll -2 trust offset {offset}")
        socket = stack.enter_context(run_chrony(folder, "client", "port 0", *servers))
        wait_for_sources(socket, len(offsets))
        tree = HostTree(folder)

        def run(command: Sequence[str]) -> Completed:
            return run_command([command[0], "-h", str(socket), *command[1:]])

        tree.run = run  # type: ignore[method-assign]
        yield tree


def wait_for_sources(socket: Path, count: int) -> None:
    """Return when chrony has heard each server four times."""

    def all_heard() -> bool:
        return [one.reach >= 0o17 for one in parse_sources(ask(socket, "sources"))] == [True] * count

    wait_until(all_heard, "chrony heard no server")


def test_two_sources_pass(tmp_path: Path) -> None:
    """A clock that two reachable servers agree with passes."""
    with ask_chrony(tmp_path, 0, 0) as tree:
        seen = check_time(tree.view())
    assert seen.result is Result.PASS, seen.reason


def test_one_source_fails(tmp_path: Path) -> None:
    """One server is not two."""
    with ask_chrony(tmp_path, 0) as tree:
        seen = check_time(tree.view())
    assert (seen.result, seen.reason) == (Result.FAIL, "1 time sources agree with the clock, not 2")


def test_an_hour_off_fails(tmp_path: Path) -> None:
    """A clock that is an hour from two servers fails, also while chrony, which may not set it, says that it follows them."""
    with ask_chrony(tmp_path, 3600, 3600) as tree:
        seen = check_time(tree.view())
    assert seen.result is Result.FAIL
    assert seen.reason == "the clock is +3600.0 s from chrony's time"


def test_silent_chrony_is_an_error(tmp_path: Path) -> None:
    """A chrony that does not answer is an error: nothing is known about the clock."""
    tree = HostTree(tmp_path)
    tree.chrony["tracking"] = Completed(1, b"", b"506 Cannot talk to daemon")
    assert check_time(tree.view()).result is Result.ERROR


@given(st.text(max_size=200))
def test_any_output_is_read(text: str) -> None:
    """Whatever chronyc prints, lines that are no sources are left out, and what is no time is not one."""
    assert len(parse_sources(text)) <= len(text.splitlines())
    assert parse_tracking(text) is None or text.count(",") >= 13
