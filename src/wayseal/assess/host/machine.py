"""Probes 23 and 28: the clock has two sources that agree with it, and the case and disks are those of the inventory."""

from dataclasses import dataclass
from typing import Final

from wayseal.assess.host.blocks import disk_serial, list_disks
from wayseal.assess.host.view import HostView
from wayseal.assess.probe import Seen, broken, judge, probe

MOST_OFFSET_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Source:
    """A time source as chrony sees it: its state (`*` in use, `+` combined with it), and its offset in seconds."""

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


@probe("p23", where="host")
def check_time(view: HostView) -> Seen:
    """Pass when chrony follows enough reachable sources, each within a second of the host's clock."""
    asked = view.run(["chronyc", "-n", "-c", "sources"])
    if asked.code:
        return broken("chrony does not answer", code=asked.code)
    sources = parse_sources(asked.output.decode(errors="replace"))
    good = [one for one in sources if one.state in "*+" and one.reach and abs(one.offset_s) <= MOST_OFFSET_S]
    faults = [
        f"source {one.name} is {one.offset_s:+.1f} s away"
        for one in sources
        if one.reach and abs(one.offset_s) > MOST_OFFSET_S
    ]
    if len(good) < view.facts.time_sources:
        faults.append(f"{len(good)} time sources are in use, not {view.facts.time_sources}")
    seen = [[one.name, one.state, one.reach, f"{one.offset_s:.6f}"] for one in sources]
    return judge(faults, f"the clock agrees with {len(good)} sources", sources=seen)


@probe("p28", where="host")
def check_case(view: HostView) -> Seen:
    """Pass when case and disks have the inventory's serials and every declared tamper sensor reads shut."""
    facts = view.facts
    if facts.chassis_serial is None or not facts.disk_serials:
        return broken("the inventory has no serials of case and disks")
    chassis = view.read_text("/sys/class/dmi/id/chassis_serial")
    disks = {name: disk_serial(view, name) for name in list_disks(view)}
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
