"""Probes 1 and 2: the kernel has no driver for removable storage, and its ports start closed."""

import re
from typing import Final

from wayseal.assess.host.modules import builtin_modules, loaded_modules, module_files, refused_modules
from wayseal.assess.host.view import HostView
from wayseal.assess.probe import Seen, broken, judge, not_applicable, probe

DRIVERS: Final = (
    "usb_storage",
    "uas",
    "sdhci",
    "sdhci_pci",
    "sdhci_acpi",
    "mmc_block",
    "firewire_core",
    "firewire_sbp2",
)
"""Drivers of USB disks, memory cards and FireWire."""

_SIGNS: Final = {
    "usb_storage": "/sys/bus/usb/drivers/usb-storage",
    "uas": "/sys/bus/usb/drivers/uas",
    "sdhci_pci": "/sys/bus/pci/drivers/sdhci-pci",
    "mmc_block": "/sys/bus/mmc/drivers/mmcblk",
    "firewire_core": "/sys/bus/firewire",
}
"""What sysfs shows as soon as a driver is there, built in or loaded."""


_HOST_ROUTER: Final = re.compile(r"\d+-0")
"""The host's own Thunderbolt router, which the kernel always calls authorised."""


@probe("p01", where="host")
def check_drivers(view: HostView) -> Seen:
    """Pass when no storage driver is loaded, built in, or on disk without modprobe being told to refuse it."""
    if view.read_text("/proc/sys/kernel/osrelease") is None:
        return broken("the kernel's release cannot be read")
    if view.read_text("/proc/modules") is None and module_files(view):
        return broken("the list of loaded modules cannot be read")
    loaded, builtin = loaded_modules(view), builtin_modules(view)
    present = {name for name, sign in _SIGNS.items() if view.exists(sign)}
    files = module_files(view) & set(DRIVERS)
    loadable = files - refused_modules(view, files)
    faults = []
    for name in DRIVERS:
        if name in loaded:
            faults.append(f"{name} is loaded")
        elif name in builtin or name in present:
            faults.append(f"{name} is built into the kernel")
        elif name in loadable:
            faults.append(f"{name} can be loaded")
    state = {
        name: {
            "loaded": name in loaded,
            "built_in": name in builtin or name in present,
            "on_disk": name in files,
            "refused": name not in loadable and name in files,
        }
        for name in DRIVERS
    }
    return judge(faults, "no driver for removable storage is loaded or can be", drivers=state)


@probe("p02", where="host")
def check_ports(view: HostView) -> Seen:
    """Pass when every USB controller starts new devices unauthorised and no Thunderbolt device is authorised."""
    if not view.exists("/sys/bus"):
        return broken("the kernel's buses cannot be seen")
    usb, thunderbolt = view.exists("/sys/bus/usb"), view.exists("/sys/bus/thunderbolt")
    files = module_files(view) & {"usbcore", "thunderbolt"}
    loadable = files - refused_modules(view, files)
    if not usb and not thunderbolt and not loadable:
        return not_applicable(
            "no USB bus, no Thunderbolt bus, and no module that would make one",
            buses=view.list_names("/sys/bus"),
        )
    ports, faults = _read_usb(view) if usb else ({}, [])
    devices, more = _read_thunderbolt(view) if thunderbolt else ({}, [])
    default = view.read_text("/sys/module/usbcore/parameters/authorized_default")
    if default != "0" and (usb or "usbcore" in loadable):
        more.append(f"usbcore.authorized_default is {default or 'not set'}, not 0")
    return judge(
        [*faults, *more], "every port starts closed", usb=ports, thunderbolt=devices, usbcore_default=default
    )


def _read_usb(view: HostView) -> tuple[dict[str, str | None], list[str]]:
    """Return what each USB controller does with a new device, and what is wrong with it."""
    names = [name for name in view.list_names("/sys/bus/usb/devices") if name.startswith("usb")]
    ports = {name: view.read_text(f"/sys/bus/usb/devices/{name}/authorized_default") for name in names}
    return ports, [f"{name} authorises new devices" for name, value in ports.items() if value != "0"]


def _read_thunderbolt(view: HostView) -> tuple[dict[str, str], list[str]]:
    """Return the state of each Thunderbolt domain and device, and what is wrong with it."""
    state, faults, top = dict[str, str](), list[str](), "/sys/bus/thunderbolt/devices"
    for name in view.list_names(top):
        security = view.read_text(f"{top}/{name}/security")
        authorized = view.read_text(f"{top}/{name}/authorized")
        if security is not None:
            state[name] = f"security {security}"
            if security == "none":
                faults.append(f"{name} has security level none")
        elif authorized is not None and not _HOST_ROUTER.fullmatch(name):
            state[name] = f"authorized {authorized}"
            if authorized != "0":
                faults.append(f"Thunderbolt device {name} is authorised")
    return state, faults
