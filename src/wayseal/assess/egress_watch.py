"""Hear from the kernel what is plugged in: uevents by netlink, parsed strictly, with every one that was missed counted.

Reads only; nothing here mounts, authorises or opens a device. Understands the kernel's own format and udev's, which `umockdev`
speaks. The kernel numbers its events: a gap in the numbers is a count of what was not heard.
"""

import re
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from wayseal.model.errors import Unavailable

NETLINK_KOBJECT_UEVENT: Final = 15
KERNEL_GROUP: Final = 1
MESSAGE_LIMIT: Final = 65536
WATCHED: Final = ("usb", "block", "mmc", "firewire", "thunderbolt")
_UDEV_MAGIC = b"libudev\0\xfe\xed\xca\xfe"
_FIELD = re.compile(r"[A-Z][A-Z0-9_]{0,40}=[\x20-\x7e]{0,500}")
_NOT_NAME = re.compile(r"[^a-z0-9._-]+")
_CREDENTIALS = struct.Struct("iII")


@dataclass(frozen=True, slots=True)
class DeviceEvent:
    """Something came, went, or was let in. `action` is the ledger's word; the ids are USB's, None for other buses."""

    action: str
    subsystem: str
    port: str
    vendor_id: str | None
    product_id: str | None
    interface: str | None


def parse_uevent(data: bytes) -> dict[str, str] | None:
    """Return the fields of one message in the kernel's or udev's format, or None when it is neither.

    Fields that are not plain ASCII are left out: a device may not choose what our logs say.
    """
    if data.startswith(_UDEV_MAGIC):
        if len(data) < 24:
            return None
        start, length = struct.unpack_from("=II", data, 16)
        body = data[start : start + length]
    else:
        head, zero, body = data.partition(b"\0")
        if not zero or not re.fullmatch(rb"[a-z]{2,10}@/[\x21-\x7e]{1,4000}", head):
            return None
    texts = [part.decode("ascii", errors="replace") for part in body.split(b"\0")]
    fields = dict(text.split("=", 1) for text in texts if _FIELD.fullmatch(text))
    return fields if {"ACTION", "DEVPATH", "SUBSYSTEM"} <= set(fields) else None


def read_event(fields: Mapping[str, str], *, authorized: str | None) -> DeviceEvent | None:
    """Return what a message tells, or None when it is about something else.

    `authorized` is the device's own file in sysfs: a device that came and is not authorised was refused.
    """
    action, subsystem = fields["ACTION"], fields["SUBSYSTEM"]
    if subsystem not in WATCHED or action not in ("add", "remove"):
        return None
    is_device = fields.get("DEVTYPE") == "usb_device"
    if action == "add" and is_device:
        action = {"0": "refused", "1": "allowed"}.get(authorized or "", "add")
    ids = fields.get("PRODUCT", "").split("/")
    usb = subsystem == "usb" and len(ids) == 3
    return DeviceEvent(
        action=action,
        subsystem=subsystem,
        port=_name(fields["DEVPATH"].rpartition("/")[2]),
        vendor_id=_hex(ids[0], 16) if usb else None,
        product_id=_hex(ids[1], 16) if usb else None,
        interface=_interface(fields.get("INTERFACE", "")) if subsystem == "usb" else subsystem,
    )


def _name(text: str) -> str:
    """Return a device's place as the ledger takes it."""
    return _NOT_NAME.sub("-", text.lower()).strip("-._")[:63] or "unknown"


def _hex(text: str, base: int) -> str | None:
    """Return a USB id with four hexadecimal digits, or None."""
    try:
        number = int(text, base)
    except ValueError:
        return None
    return f"{number:04x}" if 0 <= number < 1 << 16 else None


def _interface(text: str) -> str | None:
    """Return an interface's class, subclass and protocol: the kernel's `8/6/80` becomes `08.06.50`."""
    parts = text.split("/")
    if len(parts) != 3 or not all(part.isdigit() and int(part) < 256 for part in parts):
        return None
    return ".".join(f"{int(part):02x}" for part in parts)


class UeventSocket:
    """The kernel's announcements. `missed` counts those that the kernel numbered and this socket never got."""

    def __init__(self, *, sysfs: Path = Path("/sys")) -> None:
        self._sysfs = sysfs
        self.last = 0
        self.missed = 0
        try:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_KOBJECT_UEVENT)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            self._socket.bind((0, KERNEL_GROUP))
        except OSError as error:
            raise Unavailable(
                f"the kernel's device events cannot be heard: {error.strerror}", hint="Watch as root."
            ) from None

    def receive(self, timeout: float) -> list[DeviceEvent]:
        """Return what came within `timeout` seconds: at most one message, none when nothing came."""
        self._socket.settimeout(timeout)
        try:
            data, ancillary, _, sender = self._socket.recvmsg(MESSAGE_LIMIT, 1024)
        except (TimeoutError, BlockingIOError):
            return []
        except OSError:  # ENOBUFS: messages were lost; the next number tells how many
            return []
        if not self._is_kernel(ancillary, sender):
            return []
        fields = parse_uevent(data)
        if fields is None:
            return []
        self._count(fields.get("SEQNUM", ""))
        event = read_event(fields, authorized=self._authorized(fields["DEVPATH"]))
        return [] if event is None else [event]

    def _is_kernel(self, ancillary: list[tuple[int, int, bytes]], sender: object) -> bool:
        """Return whether a message comes from the kernel: netlink address 0, and root's credentials."""
        if not isinstance(sender, tuple) or sender[0] != 0:
            return False
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
                return bool(_CREDENTIALS.unpack_from(data)[1] == 0)
        return False

    def _count(self, number: str) -> None:
        """Count the numbers that were left out."""
        if not number.isdigit():
            return
        if self.last and int(number) > self.last + 1:
            self.missed += int(number) - self.last - 1
        self.last = max(self.last, int(number))

    def _authorized(self, devpath: str) -> str | None:
        """Return what sysfs says of a device's authorisation, or None."""
        if ".." in devpath.split("/"):
            return None
        try:
            return (self._sysfs / devpath.lstrip("/") / "authorized").read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return None

    def close(self) -> None:
        """Stop hearing."""
        self._socket.close()

    def __enter__(self) -> Self:
        """Return the socket itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop hearing."""
        self.close()


def read_counter(sysfs: Path = Path("/sys")) -> int:
    """Return the number of the kernel's newest event; 0 where the kernel does not tell."""
    try:
        return int((sysfs / "kernel" / "uevent_seqnum").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def read_boot(proc: Path = Path("/proc")) -> str:
    """Return the id of this start of the kernel; empty where there is none."""
    try:
        return (proc / "sys" / "kernel" / "random" / "boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def list_present(sysfs: Path = Path("/sys")) -> list[DeviceEvent]:
    """Return the USB devices that are plugged in now, as events: a watch that begins tells what came before it."""
    found = []
    for path in sorted((sysfs / "bus" / "usb" / "devices").glob("*-*")):
        values = [_read_attribute(path, name) for name in ("idVendor", "idProduct", "authorized")]
        if ":" in path.name or values[0] is None:
            continue
        action = "refused" if values[2] == "0" else "allowed"
        ids = [None if value is None else _hex(value, 16) for value in values[:2]]
        found.append(DeviceEvent(action, "usb", _name(path.name), ids[0], ids[1], None))
    return found


def _read_attribute(device: Path, name: str) -> str | None:
    """Return one attribute of a device, or None."""
    try:
        return (device / name).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
