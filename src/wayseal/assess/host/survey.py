"""What a host shows when it is enrolled, as facts that later assessments hold it to.

Trust on first use: it says that nothing changed since, not that anything was right then. Firmware images, signers of bills and
feeds, and the quoting key cannot be found by looking; whoever enrols a host declares those.
"""

from dataclasses import replace

from wayseal.assess.host.blocks import group_disks
from wayseal.assess.host.boot import find_verity_root, read_pcrs
from wayseal.assess.host.facts import HostFacts
from wayseal.assess.host.machine import find_intrusion_sensors
from wayseal.assess.host.view import HostView


def survey_host(view: HostView) -> HostFacts:
    """Return the view's facts with the serials, versions and measurements that the host shows now. What it lacks stays undeclared."""
    return replace(
        view.facts,
        chassis_serial=view.read_text("/sys/class/dmi/id/chassis_serial") or None,
        disk_serials=tuple(sorted(serial for serial in group_disks(view).values() if serial)),
        seals=dict.fromkeys(find_intrusion_sensors(view), "0"),
        pcrs=read_pcrs(view),
        verity_root=find_verity_root(view),
        bios_version=view.read_text("/sys/class/dmi/id/bios_version") or None,
    )
