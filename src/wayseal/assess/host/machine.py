"""Probes 23 and 28: the clock has two sources that agree with it, and the case and disks are those of the inventory."""

from dataclasses import dataclass
from typing import Final

from wayseal.assess.host.blocks import group_disks
from wayseal.assess.host.view import HostView
from wayseal.assess.probe import Seen, broken, judge, probe

MOST_OFFSET_S: Final = 1.0
_USABLE: Final = frozenset("*+-")
"""chrony's states of a source that agrees with the majority: selected, combined with it, or agreeing but not combined."""


@dataclass(frozen=True, slots=True)
class Source:
    """A time source as chrony sees it: its state (one letter, see chronyc's manual), its reach, and its offset in seconds."""

    name: str
    state: str
    reach: int
    offset_s: float


def parse_sources(text: str) -> list[Source]:
    """Return the sources of `chronyc -n -c sources`. Lines that are none are left out."""
    sources = []
    for line in text.splitlines():
        fields = line.split(",")
        try:
            sources.append(Source(fields[2], fields[1], int(fields[5], 8), float(fields[7])))
        except (IndexError, ValueError):
            continue
    return sources


def parse_tracking(text: str) -> float | None:
    """Return how many seconds the host's clock is from chrony's own time (`chronyc -n -c tracking`); None when not in step.

    Sources are measured against chrony's time. A chrony that may not set the clock follows its sources well, and the clock does not.
    """
    fields = text.strip().split(",")
    try:
        return None if fields[13] == "Not synchronised" else float(fields[4])
    except (IndexError, ValueError):
        return None


@probe("p23", where="host")
def check_time(view: HostView) -> Seen:
    """Pass when the host's clock is within a second of chrony's time, and that of enough reachable sources."""
    asked, tracked = (view.run(["chronyc", "-n", "-c", what]) for what in ("sources", "tracking"))
    if asked.code or tracked.code:
        return broken("chrony does not answer", code=asked.code or tracked.code)
    sources = parse_sources(asked.output.decode(errors="replace"))
    away = parse_tracking(tracked.output.decode(errors="replace"))
    good = [
        one for one in sources if one.state in _USABLE and one.reach and abs(one.offset_s) <= MOST_OFFSET_S
    ]
    faults = [
        f"source {one.name} is {one.offset_s:+.1f} s away"
        for one in sources
        if one.reach and abs(one.offset_s) > MOST_OFFSET_S
    ]
    if away is None:
        faults.append("the clock follows no source")
    elif not abs(away) <= MOST_OFFSET_S:
        faults.append(f"the clock is {away:+.1f} s from chrony's time")
    if len(good) < view.facts.time_sources:
        faults.append(f"{len(good)} time sources agree with the clock, not {view.facts.time_sources}")
    seen = [[one.name, one.state, one.reach, f"{one.offset_s:.6f}"] for one in sources]
    told = None if away is None else f"{away:.6f}"
    return judge(faults, f"the clock agrees with {len(good)} sources", sources=seen, clock_offset=told)


@probe("p28", where="host")
def check_case(view: HostView) -> Seen:
    """Pass when case and disks have the inventory's serials and every declared tamper sensor reads shut."""
    facts = view.facts
    missing = [] if facts.chassis_serial else ["the case"]
    missing += [] if facts.disk_serials else ["the disks"]
    if missing:
        return broken(f"the inventory has no serial of {' and '.join(missing)}")
    chassis = view.read_text("/sys/class/dmi/id/chassis_serial")
    disks = group_disks(view)
    sensors = {name: view.read_text(name) for name in sorted({*facts.seals, *find_intrusion_sensors(view)})}
    faults = [] if chassis == facts.chassis_serial else ["the case has another serial than the inventory"]
    found, listed = sorted(serial or "" for serial in disks.values()), sorted(facts.disk_serials)
    faults += [
        f"disk {name} is not in the inventory" for name, serial in disks.items() if serial not in listed
    ]
    faults += [f"a disk of the inventory is missing ({serial})" for serial in listed if serial not in found]
    if len(found) != len(set(found)):
        faults.append("two disks show one serial")
    for name, value in sensors.items():
        if value != facts.seals.get(name, "0"):
            faults.append(f"the case was opened ({name} reads {value or 'nothing'})")
    good = f"case, {len(disks)} disks and {len(sensors)} tamper sensors are as in the inventory"
    return judge(faults, good, chassis_serial=chassis, disks=disks, sensors=sensors)


def find_intrusion_sensors(view: HostView) -> list[str]:
    """Return the paths of the chassis intrusion alarms that the kernel knows; 1 means opened."""
    top = "/sys/class/hwmon"
    return [
        f"{top}/{chip}/{name}"
        for chip in view.list_names(top)
        for name in view.list_names(f"{top}/{chip}")
        if name.startswith("intrusion") and name.endswith("_alarm")
    ]
