"""A USB drive is plugged into the lane computer: what its written policy makes of it, and what the watch of its ports tells.

Owns the emulated insertion: the kernel's own message for a mass-storage device, into the program's own watch. Where `umockdev` is
installed the message goes through the kernel's socket of a machine that it makes up; elsewhere it is handed to the watch, which the
evidence says.
"""

import json
import re
import shutil
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

from wayseal.assess.egress_policy import (
    BOOT,
    DAEMON,
    MODPROBE,
    RULES,
    guard_files,
    plan_guard,
    write_guard,
)
from wayseal.assess.egress_watch import DeviceEvent, parse_uevent, read_event
from wayseal.flow.egress import Watch
from wayseal.model.clock import utc_now
from wayseal.station.ports import QUEUE, check_guard, open_sink
from wayseal.testing.breach.scale import LANE
from wayseal.testing.breach.stage import Stage
from wayseal.testing.breach.story import Found, Outcome

WITHIN = timedelta(seconds=1)
DISK, KEYBOARD = "781/5567/100", "46d/c31c/100"
"""What is plugged in: the thief's drive, and beside it, as a control, a keyboard that the machine lets in."""
_MESSAGE = (
    "add@/devices/pci0000:00/usb1/1-2\0ACTION=add\0DEVPATH=/devices/pci0000:00/usb1/1-2\0SUBSYSTEM=usb\0"
    "DEVTYPE=usb_device\0PRODUCT={product}\0SEQNUM=1\0"
)


def plug_in(stage: Stage) -> Found:
    """Plug a drive into the lane computer: is it let in, and does the centre's ledger say so?"""
    root = stage.folder / "lane1-root"
    if not (root / RULES).exists():
        write_guard(root, plan_guard(root, guard_files([], utc_now())))
    ways_in, before = list_ways_in(root), stage.site.ledger.size
    _insert(stage, root, KEYBOARD, authorized="1")
    how, seconds = _insert(stage, root, DISK, authorized="1" if ways_in else "0")
    _carry_to_centre(stage)
    fresh = [index for index in stage.site.ledger.find(type="usb-event") if index >= before]
    events = [stage.site.ledger.entry(index) for index in fresh]
    told = [one for one in events if one.get("product_id") == "5567"]
    others = {one["action"] for one in events if one.get("product_id") == "c31c"}
    files = check_guard(root)[0]
    faults = {
        "let-in": bool(ways_in) or any(one["action"] != "refused" for one in told),
        "watch-tells-no-difference": others != {"allowed"},
        "reader-blind": not list_ways_in(stage.thief / "no-such-root"),
        "not-on-the-ledger": not told,
        "told-too-late": seconds is None or seconds > WITHIN.total_seconds(),
        "policy-changed": files["result"] != "pass",
    }
    evidence = {
        "emulated_by": how, "control_told_as": sorted(others), "ways_in": ways_in, "policy_files": files["result"], "seconds_to_note": seconds,
        "ledger": [{"index": index, "action": stage.site.ledger.entry(index)["action"]} for index in fresh],
    }  # fmt: skip
    return Found.judge(Outcome.BLOCKED, faults, evidence)


def list_ways_in(root: Path) -> list[str]:
    """Return how a technician at the keyboard gets a disk in under the files below `root`; none where every layer refuses.

    The kernel's default, USBGuard's rules for a disk without an allow of its own, and who may tell the daemon to allow it.
    """
    ways = []
    texts = {name: _read(root / name) for name in (MODPROBE, BOOT, RULES, DAEMON)}
    settings = dict(
        line.split("=", 1) for line in texts[DAEMON].splitlines() if re.match(r"[A-Za-z]+=", line)
    )
    others = [
        name
        for key in ("IPCAllowedUsers", "IPCAllowedGroups")
        for name in settings.get(key, "").split()
        if name != "root"
    ]
    if others:
        ways.append("technician-allows-it")
    rules = [line for line in texts[RULES].splitlines() if line and not line.startswith("#")]
    if any(line.startswith("allow") and "id " not in line for line in rules):
        ways.append("rules-allow-any")
    refused = any(line.startswith(("reject", "block")) and "08:*:*" in line for line in rules)
    if not refused and settings.get("ImplicitPolicyTarget") not in ("block", "reject"):
        ways.append("usbguard-does-not-refuse")
    if (
        "usbcore.authorized_default=0" not in texts[BOOT]
        or "install usb_storage /bin/false" not in texts[MODPROBE]
    ):
        ways.append("kernel-takes-disks")
    return ways


def _insert(stage: Stage, root: Path, product: str, *, authorized: str) -> tuple[str, float | None]:
    """Plug a device in; return how that was emulated, and after how many seconds the lane's own queue had it."""
    how = "message handed to the watch; umockdev is not installed"
    if shutil.which("umockdev-wrapper") is not None:
        code = [
            sys.executable,
            "-m",
            "wayseal.testing.breach.stick",
            str(stage.lane_home),
            str(root),
            LANE,
            authorized,
            product,
        ]
        done = subprocess.run(
            ["umockdev-wrapper", *code], capture_output=True, text=True, timeout=120, check=False
        )
        if done.returncode == 0:
            return "umockdev", json.loads(done.stdout)["seconds"]
        how = "message handed to the watch; umockdev does not work here"
    append, close = open_sink(stage.lane_home, utc_now)
    fields = parse_uevent(_MESSAGE.format(product=product).encode())
    event = None if fields is None else read_event(fields, authorized=authorized)
    watch = Watch(LANE, _Announced(event), append, utc_now, stage.lane_home / "egress" / "drill.json")
    watch.start()
    began = time.monotonic()
    heard = watch.step(0.1)
    took = time.monotonic() - began
    watch.stop()
    close()
    return how, took if heard else None


class _Announced:
    """A source that announces one device."""

    def __init__(self, event: DeviceEvent | None) -> None:
        self._events = [] if event is None else [event]
        self.missed, self.last = 0, 1

    def receive(self, timeout: float) -> list[DeviceEvent]:  # noqa: ARG002 - as any source
        """Return it once."""
        events, self._events = self._events, []
        return events


def _carry_to_centre(stage: Stage) -> None:
    """Wait until the lane's own process has carried its host's queue to the centre's ledger."""
    queue = stage.lane_home / QUEUE

    def empty() -> bool:
        return not queue.exists() or not queue.read_bytes().strip()

    stage.wait_for(empty, "the lane's port queue")


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""
