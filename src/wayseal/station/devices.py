"""Enrolling equipment at a site, this machine among it: its serial number, and what is declared of it.

What is declared of this machine is what is found when it is enrolled; whoever knows better replaces it.
"""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wayseal.flow.collect import declare_host
from wayseal.flow.oversee.describe import show_equipment
from wayseal.flow.oversee.fitness import judge_lane
from wayseal.flow.oversee.register import NewEquipment, add_component, enrol_equipment
from wayseal.station.arming import advise
from wayseal.store.engine import read
from wayseal.store.oversight.equipment import list_components

if TYPE_CHECKING:
    from wayseal.station.site import Site

_SERIALS = (Path("/sys/class/dmi/id/product_serial"), Path("/sys/class/dmi/id/board_serial"))
_NONE = frozenset(("", "none", "default string", "to be filled by o.e.m.", "not specified", "0"))


def read_serial() -> str:
    """Return this machine's serial number; where the firmware has none, a digest of the system's machine id."""
    for file in _SERIALS:
        try:
            text = file.read_text(encoding="ascii", errors="replace").strip()
        except OSError:
            continue
        clean = "".join(sign if sign.isalnum() or sign in "._:/+-" else "-" for sign in text)[:64]
        if text.lower() not in _NONE and clean[:1].isalnum():
            return clean
    try:
        machine = Path("/etc/machine-id").read_bytes().strip()
    except OSError:
        machine = b""
    return "machine-" + hashlib.sha256(b"wayseal-serial/v1\x00" + machine).hexdigest()[:32]


def enrol_device(
    site: "Site", device: str, new: NewEquipment, *, actor: str, this_host: bool = False
) -> dict[str, Any]:
    """Enrol a device and return its row, with what its lane still lacks. This machine gets the default component definition."""
    enrol_equipment(site.oversight, device, new, actor=actor)
    if this_host:
        facts = declare_host(site.home.resolve() / "lanes", site.clock)
        add_component(site.oversight, f"facts.{device}", facts.encode(), actor=actor)
    with read(site.store.engine) as rows:
        known = list_components(rows)
    row = show_equipment(site.oversight, device)
    row["component_sha256"] = known.get(f"facts.{device}") or known.get(new.model)
    if new.lane is not None:
        fitness = judge_lane(site.oversight, new.lane, site.clock())
        about = {"lane": new.lane, "device": device, "organisation": new.organisation}
        row["lane_needs"] = [{"reason": one, "do": advise(one, **about)} for one in fitness.reasons]
    return row
