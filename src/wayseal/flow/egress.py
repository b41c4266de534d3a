"""The watch of a host's ports: what is plugged in goes on the ledger at once, and so does that the watch lives.

Owns the order (hear, log, beat) and what a silence means. Nothing here opens or mounts a device. Where a host has no ledger its
entries wait in a queue on disk; the centre takes them under the device that it knows the host by, and no other.
"""

import json
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

from wayseal.assess.egress_watch import DeviceEvent
from wayseal.ledger.entry import check_entry
from wayseal.ledger.reader import LedgerReader
from wayseal.model.clock import Clock, from_text, to_text
from wayseal.model.errors import Invalid, Refused
from wayseal.seal.keys.durable import lock_folder

PACE: Final = timedelta(minutes=5)
"""How often a watch says that it lives. A silence of twice that is a gap."""
LONGEST_PACE: Final = timedelta(hours=1)
QUEUE_LIMIT: Final = 10_000
DRIFT: Final = "egress-guard-drift"
"""The one alarm that a host raises by itself: its written policy was changed."""
_TYPES: Final = ("usb-event", "egress-watch")

Append = Callable[[Sequence[Mapping[str, Any]]], object]


class EventSource(Protocol):
    """What hears device events: the kernel's socket."""

    missed: int
    last: int

    def receive(self, timeout: float) -> list[DeviceEvent]:
        """Return what came within `timeout` seconds."""


def event_entry(device: str, event: DeviceEvent, now: datetime) -> dict[str, Any]:
    """Return the ledger entry of one event. It names ids, class and port; never what a device calls itself."""
    fields = {
        "port": event.port, "vendor_id": event.vendor_id, "product_id": event.product_id, "interface": event.interface,
    }  # fmt: skip
    known = {name: value for name, value in fields.items() if value is not None}
    return {"type": "usb-event", "object": device, "action": event.action, "time": to_text(now), **known}


class Watch:
    """One host's watch. `step` hears and logs; the caller repeats it, and calls `stop` at the end."""

    def __init__(
        self,
        device: str,
        source: EventSource,
        append: Append,
        clock: Clock,
        state: Path,
        *,
        pace: timedelta = PACE,
        boot: str = "",
    ) -> None:
        self._device = device
        self._source = source
        self._append = append
        self._clock = clock
        self._state = state
        self._pace = pace
        self._boot = boot
        self._events = 0
        self._told = 0
        self._next: datetime | None = None

    def start(self, present: Sequence[DeviceEvent] = ()) -> int:
        """Log that the watch begins, what is plugged in already, and how many events nobody heard since the last one.

        Returns that number. It is known only within one start of the kernel.
        """
        missed = self._unheard()
        now = self._clock()
        entries = [event_entry(self._device, event, now) for event in present]
        self._append([self._entry("started", now, missed), *entries])
        self._save()
        self._next = now + self._pace
        return missed

    def step(self, timeout: float) -> int:
        """Hear for at most `timeout` seconds and log what came; beat when it is time. Returns how many events came."""
        events = self._source.receive(timeout)
        now = self._clock()
        if events:
            self._append([event_entry(self._device, event, now) for event in events])
            self._events += len(events)
        if self._next is not None and now >= self._next:
            self._beat("beat", now)
        return len(events)

    def stop(self) -> None:
        """Log that the watch ends on purpose."""
        self._beat("stopped", self._clock())

    def _beat(self, action: str, now: datetime) -> None:
        self._append([self._entry(action, now, self._source.missed - self._told)])
        self._told, self._events = self._source.missed, 0
        self._save()
        self._next = now + self._pace

    def _entry(self, action: str, now: datetime, missed: int) -> dict[str, Any]:
        return {
            "type": "egress-watch", "object": self._device, "action": action, "time": to_text(now),
            "events": self._events, "missed": missed, "pace_s": round(self._pace.total_seconds()),
        }  # fmt: skip

    def _unheard(self) -> int:
        """Return how many events the kernel numbered since the watch last saved its place."""
        try:
            saved = json.loads(self._state.read_text(encoding="ascii"))
            boot, number = str(saved["boot"]), int(saved["number"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0
        return max(0, self._source.last - number) if boot == self._boot and boot else 0

    def _save(self) -> None:
        """Remember the newest event's number."""
        self._state.parent.mkdir(parents=True, exist_ok=True)
        part = self._state.with_suffix(".part")
        part.write_text(json.dumps({"boot": self._boot, "number": self._source.last}), encoding="ascii")
        part.replace(self._state)


@dataclass(frozen=True, slots=True)
class Silence:
    """A time in which nobody watched a host's ports, or in which events were lost. `until` is None while it lasts."""

    device: str
    since: datetime
    until: datetime | None
    reason: str
    missed: int


def list_silences(
    ledger: LedgerReader, device: str, now: datetime, *, newest: int | None = None
) -> list[Silence]:
    """Return every silence of a host's watch, from its first start on, oldest first; of the `newest` entries only where given.

    A watch that stopped on purpose, one that says nothing for twice its pace, and events that were numbered but not heard are
    all silences; so is a start that follows no stop. Where a host tells of itself later (`told-late`), the silence is the time
    in which the centre heard nothing: for that time there is only the host's own word, and its own clock.
    """
    found: list[Silence] = []
    last: dict[str, Any] | None = None
    indices = ledger.find(type="egress-watch", object=device)
    for index in indices[-newest:] if newest else indices:
        entry = ledger.entry(index)
        if last is not None:
            found += _between(last, entry)
        last = entry
    return found if last is None else found + _since(last, now)


def _between(last: Mapping[str, Any], entry: Mapping[str, Any]) -> list[Silence]:
    """Return the silence between two entries of one watch, if there was one."""
    since, until = when_seen(last), when_seen(entry)
    missed = int(entry.get("missed", 0))
    if last["action"] == "stopped":
        reason = "stopped"
    elif entry["action"] == "started":
        reason = "killed"
    elif until - since > _patience(last):
        reason = "late"
    elif missed:
        reason = "events-lost"
    elif _is_told_late(last, entry):
        since, until, reason = from_text(last["time"]), from_text(entry["time"]), "told-late"
    else:
        return []
    return [Silence(last["object"], since, until, reason, missed)]


def _is_told_late(last: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    """Say whether the centre heard nothing for longer than a watch may be silent, though the host says that it watched."""
    return "seen" in entry and from_text(entry["time"]) - from_text(last["time"]) > _patience(last)


def _since(last: Mapping[str, Any], now: datetime) -> list[Silence]:
    """Return the silence that lasts."""
    since = when_seen(last)
    if last["action"] == "stopped":
        return [Silence(last["object"], since, None, "stopped", 0)]
    if now - since > _patience(last):
        return [Silence(last["object"], since, None, "no-beat", 0)]
    return []


def _patience(last: Mapping[str, Any]) -> timedelta:
    """Return how long a watch may say nothing: twice the pace that it named, of which no host may name a longer one than an hour."""
    return 2 * min(timedelta(seconds=last.get("pace_s", PACE.total_seconds())), LONGEST_PACE)


class EntryQueue:
    """Entries of a host that has no ledger: one line each in a file, flushed before `put` returns, kept until they are taken."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def put(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Append all entries or none. Raises `Invalid` for one that no ledger would take; beyond 10,000 the queue takes no more.

        What a crash left half written goes first: no entry is joined to it.
        """
        for entry in entries:
            check_entry(entry)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with lock_folder(self._file.parent):
            if len(self.peek()) + len(entries) > QUEUE_LIMIT:
                raise Invalid("the queue of device events is full", hint="Let the lane reach its centre.")
            self._append("".join(json.dumps(dict(entry)) + "\n" for entry in entries).encode("ascii"))

    def _append(self, lines: bytes) -> None:
        """Write lines behind the last whole one. The caller holds the lock. What could not be written whole is taken back."""
        # Unbuffered: what is left in a buffer would be written after all, when the file is closed.
        with self._file.open("a+b", buffering=0) as file:
            file.seek(0)
            size = file.read().rfind(b"\n") + 1
            file.truncate(size)
            try:
                while lines:
                    lines = lines[file.write(lines) :]
                os.fsync(file.fileno())
            except OSError:
                file.truncate(size)
                raise

    def peek(self) -> list[dict[str, Any]]:
        """Return what waits, oldest first. A line that a crash left half written is left out."""
        try:
            lines = self._file.read_text(encoding="ascii").splitlines()
        except FileNotFoundError:
            return []
        found = []
        for line in lines:
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    def drop(self, told: Sequence[Mapping[str, Any]]) -> None:
        """Forget the oldest entries, which the centre has on its ledger; none when `told` are not the oldest any more.

        Somebody else carried some of them meanwhile, then; what was told twice is better than what was never told.
        """
        with lock_folder(self._file.parent):
            waiting = self.peek()
            if waiting[: len(told)] != list(told):
                return
            rest = waiting[len(told) :]
            part = self._file.with_suffix(".part")
            part.write_text("".join(json.dumps(entry) + "\n" for entry in rest), encoding="ascii")
            part.replace(self._file)


def take_entries(
    append: Append, lane: str, devices: Collection[str], entries: Sequence[Mapping[str, Any]], now: datetime
) -> int:
    """Append what a lane's queue brought, at the centre; return how many.

    Each gets the centre's time and keeps the host's own as `seen`: a host cannot date what it tells, nor tell it again as new.
    Raises `Refused` for entries of another type, or about a device that is not among the lane's `devices`.
    """
    taken = []
    for entry in entries:
        own = entry.get("type") in _TYPES or (entry.get("type"), entry.get("alarm")) == ("alarm", DRIFT)
        if not own or entry.get("object") not in devices:
            raise Refused("a host may only tell of its own ports", lane=lane)
        whole = {**entry, "lane": lane, "seen": entry.get("time"), "time": to_text(now)}
        check_entry(whole)
        taken.append(whole)
    if taken:
        append(taken)
    return len(taken)


def when_seen(entry: Mapping[str, Any]) -> datetime:
    """Return when a host saw what an entry tells, by the host's own clock, and no later than the centre was told.

    A beat from the future would cover every silence up to its time.
    """
    told = from_text(entry["time"])
    return min(from_text(entry["seen"]), told) if "seen" in entry else told
