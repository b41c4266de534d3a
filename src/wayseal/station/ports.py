"""The process that watches a host's ports: hears, logs, beats, and ends what was let in for a work order when its time is over.

Owns putting the watch together, with the ledger where the host has one and with a queue where it has not. Needs no passphrase.
"""

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final

import wayseal.assess.host.media
import wayseal.assess.host.usbguard  # noqa: F401 - both register their probes
from wayseal.assess.catalogue import Where, find_probe
from wayseal.assess.egress_policy import RULES, guard_files, plan_guard, read_media, write_guard
from wayseal.assess.egress_watch import UeventSocket, list_present, read_boot, read_counter
from wayseal.assess.host.facts import HostFacts
from wayseal.assess.host.view import HostView, run_command
from wayseal.assess.probe import Subject, run_part
from wayseal.flow.egress import DRIFT, PACE, Append, EntryQueue, Watch
from wayseal.ledger.log import Ledger
from wayseal.ledger.reader import FILE_NAME
from wayseal.model.clock import Clock, to_text, utc_now
from wayseal.model.errors import Invalid, NotFound, Unavailable
from wayseal.model.oversight import EquipmentKind

QUEUE: Final = "egress/queue.jsonl"
STEP_S: Final = 0.5
RELOAD: Final = (
    ("udevadm", "control", "--reload"), ("systemctl", "restart", "usbguard"), ("modprobe", "-r", "uas", "usb_storage"),
)  # fmt: skip
"""What makes a host obey changed files at once."""


def open_sink(home: Path, clock: Clock) -> tuple[Append, Callable[[], None]]:
    """Return where a host's entries go (its ledger, or its queue), and how to close it."""
    if (home / "ledger" / FILE_NAME).is_file():
        ledger = Ledger(home / "ledger", clock=clock)
        return ledger.append, ledger.close
    if not home.is_dir():
        raise NotFound("there is no Wayseal home here", hint="A lane's home, or a site's, with --home.")
    return EntryQueue(home / QUEUE).put, lambda: None


def watch_ports(
    home: Path,
    device: str,
    clock: Clock,
    stop: threading.Event,
    *,
    root: Path = Path("/"),
    pace: timedelta = PACE,
    on_event: Callable[[int], None] = lambda _: None,
) -> int:
    """Watch until `stop` is set; return how many device events went on the ledger. Raises `Unavailable` without the right to."""
    append, close = open_sink(home, clock)
    count = 0
    try:
        with UeventSocket() as source:
            source.last = read_counter()
            watch = Watch(
                device, source, append, clock, home / "egress" / f"{device}.json", pace=pace, boot=read_boot()
            )
            watch.start(list_present())
            due = clock()
            while not stop.is_set():
                heard = watch.step(STEP_S)
                count += heard
                if heard:
                    on_event(heard)
                if clock() >= due:
                    renew_guard(root, device, append, clock)
                    due = clock() + pace
            watch.stop()
    finally:
        close()
    return count


def renew_guard(root: Path, device: str, append: Append, clock: Clock) -> int:
    """Write the policy again where it differs from what it must say now; return how many files that were.

    A medium whose time is over is no surprise. Anything else that had changed is, and raises an alarm on the ledger. Does
    nothing on a host where the policy was never written, or for a user who may not write it.
    """
    if not os.access(root / RULES, os.R_OK | os.W_OK):
        return 0
    now = clock()
    media = read_media(root, now)
    plan = plan_guard(root, guard_files(media, now))
    changed = [change for change in plan if change.state != "same"]
    if not changed:
        return 0
    if all(one.until > now for one in media):
        append([_drift(device, len(changed), to_text(now))])
    write_guard(root, plan)
    if root == Path("/"):
        for command in RELOAD:
            with suppress(Unavailable):
                run_command(command)
    return len(changed)


def _drift(device: str, count: int, time: str) -> Mapping[str, Any]:
    """Return the alarm of files that said something else than they must."""
    return {
        "type": "alarm", "alarm": DRIFT, "object": device, "severity": "high", "count": count, "time": time,
    }  # fmt: skip


def forward_queue(home: Path, send: Callable[[Sequence[Mapping[str, Any]]], None], *, most: int = 200) -> int:
    """Send what waits in a host's queue and forget what was taken; return how many. `send` raises when it was not."""
    queue = EntryQueue(home / QUEUE)
    waiting = queue.peek()[:most]
    if waiting:
        send(waiting)
        queue.drop(waiting)
    return len(waiting)


def check_guard(root: Path) -> list[dict[str, str]]:
    """Return what is wrong with a host's policy: its files as they must be, and the host parts of probes 1 to 4.

    The files are checked where the policy was written; media that it lets in make probe 1 fail, as they must.
    """
    now = utc_now()
    plan = plan_guard(root, guard_files(read_media(root, now), now))
    bad = [
        f"/{change.path} is {'missing' if change.state == 'new' else 'changed'}"
        for change in plan
        if change.state != "same"
    ]
    rows = [{"check": "files", "result": "fail" if bad else "pass", "reason": "; ".join(bad) or "as written"}]
    subject = Subject(
        EquipmentKind.LANE_HOST,
        {Where.HOST: HostView(HostFacts(), carve=_carve_nothing, read_suite=_no_suite, root=root)},
    )
    for name in ("p01", "p02", "p03", "p04"):
        seen = run_part(find_probe(name), Where.HOST, subject, utc_now)
        rows.append({"check": name, "result": seen.result.value, "reason": seen.reason})
    return rows


def _carve_nothing(_: BinaryIO) -> Iterable[tuple[int, str]]:
    """Probes 1 to 4 carve nothing."""
    return ()


def _no_suite(_: bytes) -> int:
    """Probes 1 to 4 read no sealed record."""
    raise Invalid("no sealed record is read here")
