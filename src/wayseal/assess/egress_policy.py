"""What a lane host's files must say so that removable media do nothing: kernel, modprobe, udev and USBGuard, in that order.

Owns the texts and their paths; writes below a root that the caller names, and never talks to the kernel or a daemon. Each layer
refuses on its own. A medium is let in only by serial, product, descriptors and port, for its work order's life: while one is, the storage
drivers must be loadable, and probe 1 fails and says so.
"""

import base64
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from wayseal.model.clock import from_text, to_text
from wayseal.model.errors import Invalid
from wayseal.model.oversight import Medium

MODPROBE: Final = "etc/modprobe.d/00-wayseal-media.conf"
BOOT: Final = "etc/default/grub.d/wayseal-media.cfg"
UDEV: Final = "etc/udev/rules.d/01-wayseal-media.rules"
DAEMON: Final = "etc/usbguard/usbguard-daemon.conf"
RULES: Final = "etc/usbguard/rules.conf"

CARD_DRIVERS: Final = (
    "sdhci", "sdhci_pci", "sdhci_acpi", "mmc_block", "firewire_core", "firewire_ohci", "firewire_sbp2",
)  # fmt: skip
DISK_DRIVERS: Final = ("usb_storage", "uas")
NETWORK_DRIVERS: Final = ("rndis_host", "cdc_ether", "cdc_ncm", "ipheth")
"""Telephones that offer themselves as a network card."""

REFUSED_INTERFACES: Final = (
    ("08:*:*", "disks"), ("06:*:*", "cameras and telephones (PTP)"), ("02:*:*", "modems and network cards"),
    ("0a:*:*", "their data"), ("e0:*:*", "wireless, RNDIS"), ("ef:04:*", "RNDIS"), ("fe:*:*", "firmware upload"),
    ("03:*:*", "keyboards and mice: a stick may type"),
)  # fmt: skip

_SETTINGS: Final = {
    "RuleFile": "/etc/usbguard/rules.conf",
    "ImplicitPolicyTarget": "block",
    "PresentDevicePolicy": "apply-policy",
    "PresentControllerPolicy": "keep",
    "InsertedDevicePolicy": "apply-policy",
    "AuthorizedDefault": "none",
    "RestoreControllerDeviceState": "false",
    "DeviceManagerBackend": "uevent",
    "IPCAllowedUsers": "root",
    "IPCAllowedGroups": "root",
    "DeviceRulesWithPort": "true",
    "AuditBackend": "LinuxAudit",
    "HidePII": "false",
}
_NOTE = "# Written by wayseal egress guard write; changes here are found by its check and undone by the next write.\n"
_SERIAL = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_USB_ID = re.compile(r"[0-9a-f]{4}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_HASH_BYTES: Final = 32
_PORT = re.compile(r"[0-9]{1,3}-[0-9]{1,3}(\.[0-9]{1,3}){0,6}")


@dataclass(frozen=True, slots=True)
class Change:
    """One file of the policy: where, what it must say, and what becomes of it (`new`, `changed` or `same`)."""

    path: str
    text: str
    state: str


def guard_files(media: Sequence[Medium], now: datetime) -> dict[str, str]:
    """Return the text of each file by its path below the root. Media whose time has ended, or not begun, are not in them."""
    live = [one for one in media if one.removed_at is None and one.registered_at <= now < one.until]
    return {
        MODPROBE: _modprobe(open_disks=bool(live)),
        BOOT: f'{_NOTE}GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX usbcore.authorized_default=0"\n',
        UDEV: _udev(open_disks=bool(live)),
        DAEMON: _NOTE + "".join(f"{name}={value}\n" for name, value in _SETTINGS.items()),
        RULES: _rules(live),
    }


def _modprobe(*, open_disks: bool) -> str:
    """Return the lines by which modprobe refuses drivers; `install` refuses, `blacklist` alone does not."""
    refused = (*CARD_DRIVERS, *NETWORK_DRIVERS, *(() if open_disks else DISK_DRIVERS))
    lines = [f"install {name} /bin/false\n" for name in refused]
    return "".join([_NOTE, "options usbcore authorized_default=0\n", *lines])


def _udev(*, open_disks: bool) -> str:
    """Return rules that take a storage interface's authorisation away, and keep disks from being mounted by a desktop."""
    lines = [_NOTE]
    if not open_disks:
        lines.append(
            'ACTION=="add", SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_interface", ATTR{bInterfaceClass}=="08", ATTR{authorized}="0"\n'
        )
    lines += [
        'ACTION=="add|change", SUBSYSTEM=="block", SUBSYSTEMS=="usb|mmc|firewire", ENV{UDISKS_IGNORE}="1", ENV{SYSTEMD_READY}="0"\n',
        'ACTION=="add", SUBSYSTEM=="thunderbolt", ATTR{authorized}="0"\n',
    ]
    return "".join(lines)


def _rules(live: Sequence[Medium]) -> str:
    """Return USBGuard's rules: the media that are let in, then what is rejected by its interface; all else is blocked."""
    lines = [_NOTE]
    for one in sorted(live, key=lambda medium: medium.id):
        lines += [f"# {one.id}, work order {one.work_order}, until {to_text(one.until)}\n", allow_line(one)]
    patterns = " ".join(pattern for pattern, _ in REFUSED_INTERFACES)
    return "".join([*lines, f"reject with-interface one-of {{ {patterns} }}\n"])


def allow_line(medium: Medium) -> str:
    """Return the rule that lets one medium in: by ids, serial, port, and the hash of its descriptors where it was registered.

    Raises `Invalid` for a serial, id or port that no USB device has, or a digest that is none.
    """
    fits = _SERIAL.fullmatch(medium.serial) and _PORT.fullmatch(medium.via_port)
    if not fits or not all(map(_USB_ID.fullmatch, (medium.vendor_id, medium.product_id))):
        raise Invalid("the medium's serial, ids or port are not a USB device's", medium=medium.id)
    known = "" if medium.descriptors_sha256 is None else f'hash "{show_hash(medium.descriptors_sha256)}" '
    return (
        f'allow id {medium.vendor_id}:{medium.product_id} serial "{medium.serial}" {known}via-port "{medium.via_port}" '
        "with-interface equals { 08:06:50 }\n"
    )


def read_hash(text: str) -> str:
    """Return a device's hash as USBGuard lists it (44 letters of base64), or in hex, as SHA-256 in hex. Raises `Invalid`."""
    if _DIGEST.fullmatch(text):
        return text
    try:
        raw = base64.b64decode(text.strip('"'), validate=True)
    except ValueError:
        raw = b""
    if len(raw) != _HASH_BYTES:
        raise Invalid(
            "not the hash of a USB device",
            hint="usbguard list-devices shows it while the medium is plugged in: 44 signs, the last one =.",
        )
    return raw.hex()


def show_hash(digest: str) -> str:
    """Return a digest as USBGuard writes it. Raises `Invalid`."""
    if not _DIGEST.fullmatch(digest):
        raise Invalid("not the hash of a USB device")
    return base64.b64encode(bytes.fromhex(digest)).decode("ascii")


_WRITTEN = re.compile(
    r"^# (?P<id>[a-z0-9._-]+), work order (?P<order>[a-z0-9._-]+), until (?P<until>\S+)\n"
    r'allow id (?P<vendor>[0-9a-f]{4}):(?P<product>[0-9a-f]{4}) serial "(?P<serial>[^"\n]+)" (?:hash "(?P<hash>[A-Za-z0-9+/]{43}=)" )?via-port "(?P<port>[^"\n]+)" ',
    re.MULTILINE,
)


def read_media(root: Path, now: datetime) -> list[Medium]:
    """Return the media that the written rules let in, by the rules' own notes: a host needs no register to end them in time."""
    try:
        text = (root / RULES).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    return [
        Medium(
            found["id"], found["serial"], found["vendor"], found["product"], found["port"], found["order"], now,
            from_text(found["until"]), descriptors_sha256=read_hash(found["hash"]) if found["hash"] else None,
        )
        for found in _WRITTEN.finditer(text)
    ]  # fmt: skip


def plan_guard(root: Path, files: dict[str, str]) -> tuple[Change, ...]:
    """Return what writing would change below the root. Changes nothing."""
    return tuple(Change(path, text, _state(root / path, text)) for path, text in files.items())


def _state(path: Path, text: str) -> str:
    """Return what becomes of a file."""
    try:
        return (
            "same"
            if path.read_text(encoding="utf-8") == text and path.stat().st_mode & 0o077 == 0
            else "changed"
        )
    except FileNotFoundError:
        return "new"
    except (UnicodeDecodeError, NotADirectoryError):
        return "changed"


def write_guard(root: Path, plan: Sequence[Change]) -> int:
    """Write what a plan would change, each file whole or not at all and readable by root only; return how many."""
    wanted = [change for change in plan if change.state != "same"]
    for change in wanted:
        path = root / change.path
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=".wayseal-", dir=path.parent)  # mode 0600
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(change.text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    return len(wanted)


FOLLOW_UP: Final = (
    ("udevadm control --reload", "udev reads its rules"),
    ("systemctl restart usbguard", "USBGuard reads its settings and rules, and judges what is plugged in"),
    ("for d in /sys/bus/usb/devices/usb*/authorized_default; do echo 0 > $d; done", "ports start closed, without a restart"),
    ("modprobe -r uas usb_storage", "storage drivers that are loaded go"),
    ("update-initramfs -u && update-grub", "the next start keeps all this"),
)  # fmt: skip
"""What has to be run after writing to `/`, and why."""
