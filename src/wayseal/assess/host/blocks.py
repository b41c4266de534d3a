"""Block devices of a host: its disks, what lies on what, and what is mounted, read from `/sys` and `/proc`."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from wayseal.assess.host.view import HostView
from wayseal.model.errors import Invalid

SECTOR: Final = 512
"""The unit of sizes in sysfs, whatever the disk's own is."""

_NOT_DISKS: Final = ("loop", "ram", "zram", "dm-", "md", "sr", "fd")
_IN_MEMORY: Final = frozenset((
    "autofs", "binder", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs",
    "fusectl", "hugetlbfs", "mqueue", "nsfs", "overlay", "proc", "pstore", "ramfs", "rpc_pipefs", "securityfs", "selinuxfs",
    "sysfs", "tmpfs", "tracefs",
))  # fmt: skip
"""Kinds of file systems that keep nothing on a disk of their own."""

BOOT_MOUNTS: Final = frozenset(("/boot", "/boot/efi", "/efi"))
"""What firmware and boot loader must be able to read: the only places that may lie outside encryption."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted file system: its device's kernel name (`dm-0`, `sda2`) or source, where it is, and whether read only."""

    device: str
    place: str
    read_only: bool


def list_disks(view: HostView) -> list[str]:
    """Return the kernel names of the whole disks that have a size, in order."""
    names = [name for name in view.list_names("/sys/block") if not name.startswith(_NOT_DISKS)]
    return [name for name in names if (view.read_text(f"/sys/block/{name}/size") or "0") != "0"]


def group_disks(view: HostView) -> dict[str, str | None]:
    """Return the serial of each physical disk by the first of its kernel names: namespaces and boot areas share a device."""
    found: dict[str, str | None] = {}
    known = set[Path]()
    for name in list_disks(view):
        device = view.path(f"/sys/block/{name}/device")
        place = device.resolve() if device.exists() else device
        if place not in known:
            known.add(place)
            found[name] = disk_serial(view, name)
    return found


def disk_serial(view: HostView, disk: str) -> str | None:
    """Return a disk's serial number, or None when the kernel knows none."""
    for name in (f"/sys/block/{disk}/device/serial", f"/sys/block/{disk}/serial"):
        serial = view.read_text(name)
        if serial:
            return serial
    page = view.read_bytes(f"/sys/block/{disk}/device/vpd_pg80")  # SCSI: 4 bytes of header, then ASCII
    return page[4:].decode("ascii", errors="replace").strip("\0 ") or None if page else None


def list_mounts(view: HostView) -> Iterator[Mount]:
    """Yield what the first process sees mounted (`/proc/1/mountinfo`), all but file systems that live in memory.

    A file system without a device of its own (btrfs, a network's) goes by its source; one from a network is named as it is.
    """
    for line in (view.read_text("/proc/1/mountinfo") or "").splitlines():
        before, _, after = line.partition(" - ")
        fields, kind, source = before.split(), *[*after.split(), "", ""][:2]
        if len(fields) < 6 or kind in _IN_MEMORY:
            continue
        name = _kernel_name(view, fields[2])
        if name is None:
            name = view.path(source).resolve().name if source.startswith("/dev/") else f"{kind} {source}"
        if not name.startswith(("loop", "ram", "zram")):
            yield Mount(name, fields[4], read_only="ro" in fields[5].split(","))


def _kernel_name(view: HostView, number: str) -> str | None:
    """Return the kernel name of a block device by its number (`254:0`)."""
    text = view.read_text(f"/sys/dev/block/{number}/uevent") or ""
    return next((line[8:] for line in text.splitlines() if line.startswith("DEVNAME=")), None)


def mapping_of(view: HostView, name: str) -> str:
    """Return the device mapper's UUID of a device (`CRYPT-LUKS2-...`), or an empty text."""
    return view.read_text(f"/sys/class/block/{name}/dm/uuid") or ""


def below(view: HostView, name: str) -> tuple[str, ...]:
    """Return the devices on which a mapped device lies."""
    return view.list_names(f"/sys/class/block/{name}/slaves")


def find_luks(view: HostView, name: str) -> list[str] | None:
    """Return the devices with LUKS2 headers under a device; None when some path down to a disk has none."""
    if mapping_of(view, name).startswith("CRYPT-LUKS2-"):
        return list(below(view, name))
    lower = below(view, name)
    found = [find_luks(view, one) for one in lower]
    if not lower or any(one is None for one in found):
        return None
    return [device for devices in found for device in devices or ()]


def open_disk(view: HostView, name: str) -> tuple[BinaryIO, int]:
    """Open a device for raw reading and return it with its size in bytes. Raises `Invalid` for anything else."""
    descriptor = os.open(view.path(f"/dev/{name}"), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(descriptor, "rb", buffering=0)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISBLK(mode) and not stat.S_ISREG(mode):
        file.close()
        raise Invalid(f"/dev/{name} is no disk")
    return file, os.lseek(descriptor, 0, os.SEEK_END)


def verified_extents(view: HostView, disk: str) -> list[tuple[int, int]]:
    """Return first byte and end of each partition of a disk that a verity mapping checks: signed, and written by nobody."""
    mapped = {
        lower
        for name in view.list_names("/sys/class/block")
        if mapping_of(view, name).startswith("CRYPT-VERITY-")
        for lower in below(view, name)
    }
    extents = []
    for part in mapped & set(view.list_names(f"/sys/block/{disk}")):
        start = int(view.read_text(f"/sys/block/{disk}/{part}/start") or 0) * SECTOR
        size = int(view.read_text(f"/sys/block/{disk}/{part}/size") or 0) * SECTOR
        extents.append((start, start + size))
    return sorted(extents)
