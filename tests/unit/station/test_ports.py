"""The watch of a host's ports, with the real kernel's socket and with a machine that umockdev makes up."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hosttree import read_debian_settings

from wayseal.assess.egress_policy import MODPROBE, RULES, guard_files, plan_guard, write_guard
from wayseal.assess.egress_watch import UeventSocket, read_counter
from wayseal.flow.egress import EntryQueue, list_silences
from wayseal.ledger.log import Ledger
from wayseal.ledger.reader import LedgerReader
from wayseal.model.clock import utc_now
from wayseal.model.oversight import Medium
from wayseal.station.ports import QUEUE, check_guard, forward_queue, renew_guard, watch_ports

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
CHILD = Path(__file__).with_name("portchild.py")
KERNEL_DEVICES = sorted(Path("/sys/class/block").glob("*/uevent"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a ledger."""
    Ledger.create(tmp_path / "home" / "ledger", origin="port.example/test").close()
    return tmp_path / "home"


def test_disk_plugged_in(home: Path) -> None:
    """A disk that is plugged in is on the ledger as refused, with its ids and port, and nothing is mounted by it."""
    if shutil.which("umockdev-wrapper") is None:
        pytest.skip("umockdev is not installed")
    before = Path("/proc/self/mountinfo").read_text()
    done = subprocess.run(
        ["umockdev-wrapper", sys.executable, CHILD, home],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    seen = json.loads(done.stdout)
    entry = seen["entry"]
    assert (entry["action"], entry["port"]) == ("refused", "1-2")
    assert (entry["vendor_id"], entry["product_id"], entry["object"]) == ("0781", "5567", "lane-host-1")
    added = set(seen["mounts"].splitlines()) - set(
        before.splitlines()
    )  # other tests may mount things meanwhile
    assert not [line for line in added if "/dev/sd" in line or "usb" in line or "/media" in line]


@pytest.mark.skipif(os.geteuid() != 0 or not KERNEL_DEVICES, reason="needs root and a block device")
def test_kernel_event() -> None:
    """The kernel's own announcement of a block device comes through its socket, numbered and from the kernel."""
    with UeventSocket() as source:
        source.last = read_counter()
        KERNEL_DEVICES[0].write_text("add")
        heard = next(found for _ in range(240) if (found := source.receive(0.5)))
        assert [event.action for event in heard] == ["add"]
        assert source.missed == 0
        assert source.last >= 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_watch_killed(home: Path) -> None:
    """A watch that is killed is a silence on the ledger as soon as the next one begins; one that is stopped says so itself."""
    command = [
        sys.executable,
        "-m",
        "wayseal",
        "--home",
        str(home),
        "egress",
        "guard",
        "watch",
        "--root",
        str(home),
    ]
    first = subprocess.Popen(
        [sys.executable, "-c", "from wayseal.cli.main import main; main()", *command[3:]], stderr=subprocess.PIPE
    )  # fmt: skip
    assert first.stderr is not None
    assert first.stderr.readline() == b"watching\n"
    ledger = LedgerReader(home / "ledger")
    while not ledger.find(type="egress-watch"):
        assert first.poll() is None
    first.send_signal(signal.SIGKILL)
    first.wait()
    first.stderr.close()
    stop = threading.Event()
    stop.set()
    watch_ports(home, "this-host", utc_now, stop, root=home)
    (killed, stopped) = list_silences(ledger, "this-host", utc_now())
    assert (killed.reason, stopped.reason, stopped.until) == ("killed", "stopped", None)


def test_no_ledger_here(tmp_path: Path) -> None:
    """In a home without a ledger the entries wait, and go when the centre takes them; what it did not take stays."""
    queue = EntryQueue(tmp_path / QUEUE)
    queue.put(
        [{"type": "usb-event", "object": "h1", "action": "add", "time": "2026-11-22T10:00:00.000Z"}] * 3
    )

    def refuse(_: object) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        forward_queue(tmp_path, refuse)
    assert len(queue.peek()) == 3
    taken: list[object] = []
    assert forward_queue(tmp_path, taken.extend, most=2) == 2
    assert (len(taken), len(queue.peek())) == (2, 1)


def beat(number: int) -> dict[str, object]:
    """An entry that can be told from the others."""
    return {
        "type": "egress-watch",
        "object": "h1",
        "action": "beat",
        "events": number,
        "time": "2026-11-22T10:00:00.000Z",
    }


def test_torn_line(tmp_path: Path) -> None:
    """A line that a power cut left half written takes no later entry with it."""
    queue = EntryQueue(tmp_path / QUEUE)
    queue.put([beat(1)])
    with (tmp_path / QUEUE).open("a") as file:
        file.write('{"type": "egress-w')
    queue.put([beat(2)])
    assert queue.peek() == [beat(1), beat(2)]


def test_disk_full(tmp_path: Path) -> None:
    """Entries that find no room are refused whole, and leave the file as it was."""
    queue = EntryQueue(tmp_path / QUEUE)
    queue.put([beat(1)])
    before = (tmp_path / QUEUE).read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 9, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            queue.put([beat(2), beat(3)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / QUEUE).read_bytes() == before


def test_two_carriers(tmp_path: Path) -> None:
    """Whoever carries the queue at the same time makes nobody forget what was not told."""
    queue = EntryQueue(tmp_path / QUEUE)
    queue.put([beat(1), beat(2)])
    taken: list[object] = []

    def send(entries: object) -> None:
        assert entries == [beat(1)]
        forward_queue(tmp_path, taken.extend, most=1)

    assert forward_queue(tmp_path, send, most=1) == 1
    assert (taken, queue.peek()) == ([beat(1)], [beat(2)])


def medium(until: datetime) -> Medium:
    """A registered medium."""
    return Medium("stick-1", "4C530001", "0781", "5567", "1-2", "wo-17", NOW - timedelta(hours=1), until)


def test_medium_ends(home: Path, tmp_path: Path) -> None:
    """What was let in for a work order is taken out when its time is over, without an alarm and without a register."""
    root = tmp_path / "root"
    until = NOW + timedelta(hours=2)
    write_guard(root, plan_guard(root, guard_files([medium(until)], NOW)))
    assert "allow id 0781:5567" in (root / RULES).read_text()
    assert "usb_storage" not in (root / MODPROBE).read_text()
    ledger = Ledger(home / "ledger")
    assert renew_guard(root, "h1", ledger.append, lambda: until - timedelta(seconds=1)) == 0
    assert renew_guard(root, "h1", ledger.append, lambda: until) > 0
    assert "allow" not in (root / RULES).read_text()
    assert "install usb_storage /bin/false" in (root / MODPROBE).read_text()
    assert ledger.find(type="alarm") == []
    ledger.close()


def test_policy_edited(home: Path, tmp_path: Path) -> None:
    """Somebody's own line in the rules is undone, and raises an alarm on the ledger."""
    root = tmp_path / "root"
    write_guard(root, plan_guard(root, guard_files([], NOW)))
    with (root / RULES).open("a") as file:
        file.write("allow\n")
    assert check_guard(root)[0] == {
        "check": "files",
        "result": "fail",
        "reason": "/etc/usbguard/rules.conf is changed",
    }
    ledger = Ledger(home / "ledger")
    assert renew_guard(root, "h1", ledger.append, lambda: NOW) == 1
    (index,) = ledger.find(type="alarm")
    assert ledger.entry(index)["alarm"] == "egress-guard-drift"
    ledger.close()
    assert check_guard(root)[0]["result"] == "pass"
    assert renew_guard(tmp_path / "other", "h1", ledger.append, lambda: NOW) == 0


def test_debian_settings(tmp_path: Path) -> None:
    """Debian's own USBGuard settings, as the package ships them, do not pass."""
    shipped = read_debian_settings()
    (tmp_path / "etc" / "usbguard").mkdir(parents=True)
    (tmp_path / "etc" / "usbguard" / "usbguard-daemon.conf").write_bytes(shipped)
    rows = {row["check"]: row for row in check_guard(tmp_path)}
    assert rows["p03"]["result"] == "fail"
    assert "plugdev" in rows["p03"]["reason"]
