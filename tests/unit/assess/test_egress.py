"""The removable media policy as files, and the parser of what the kernel says."""

import shutil
import struct
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayseal.assess.egress_policy import (
    DAEMON,
    RULES,
    allow_line,
    guard_files,
    plan_guard,
    read_hash,
    read_media,
    show_hash,
    write_guard,
)
from wayseal.assess.egress_watch import WATCHED, parse_uevent, read_event
from wayseal.assess.host.usbguard import is_exact
from wayseal.model.errors import Invalid
from wayseal.model.oversight import Medium

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
KERNEL = (
    b"add@/devices/pci0000:00/usb1/1-2/1-2:1.0\0ACTION=add\0DEVPATH=/devices/pci0000:00/usb1/1-2/1-2:1.0\0SUBSYSTEM=usb\0"
    b"DEVTYPE=usb_interface\0PRODUCT=781/5567/100\0INTERFACE=8/6/80\0SEQNUM=4711\0"
)


HASH = "jEP/6WzviqdJ5VSeTUY8PatCNBKeaREvo2OqdplND/o="


def make_medium(**other: str) -> Medium:
    """A medium that is in force for two hours."""
    values = {
        "id": "stick-1",
        "serial": "4C530001",
        "vendor_id": "0781",
        "product_id": "5567",
        "via_port": "1-2",
        "descriptors_sha256": read_hash(HASH),
        **other,
    }
    return Medium(work_order="wo-17", registered_at=NOW, until=NOW + timedelta(hours=2), **values)


def parse_rules(text: str, folder: Path) -> int:
    """The exit code of USBGuard's own parser."""
    if shutil.which("usbguard-rule-parser") is None:
        pytest.skip("usbguard is not installed")
    (folder / "rules.conf").write_text(text)
    return subprocess.run(
        ["usbguard-rule-parser", "-f", folder / "rules.conf"], capture_output=True, check=False
    ).returncode


def test_rules_parse(tmp_path: Path) -> None:
    """USBGuard's own parser takes the rules, with and without a medium; what lets one in names device and port exactly."""
    for media in ([], [make_medium()]):
        assert parse_rules(guard_files(media, NOW)[RULES], tmp_path) == 0
    assert parse_rules("allow everything", tmp_path) != 0
    line = allow_line(make_medium())
    assert is_exact(line)
    assert f'hash "{HASH}"' in line


@pytest.mark.parametrize(
    "other",
    [
        {"serial": 'x" allow'}, {"serial": ""}, {"serial": "a\nallow"}, {"via_port": "any"}, {"via_port": "1-2\n"},
        {"vendor_id": "*"}, {"product_id": "55670"}, {"descriptors_sha256": "ab"}, {"descriptors_sha256": "x" * 64},
    ],
)  # fmt: skip
def test_medium_refused(other: dict[str, str]) -> None:
    """A serial, id or port that could say something else in a rule is refused."""
    with pytest.raises(Invalid):
        allow_line(make_medium(**other))


def test_rule_of_before(tmp_path: Path) -> None:
    """A rule that an earlier version wrote, without a hash, is read back all the same, so that it ends in time."""
    old = replace(make_medium(), descriptors_sha256=None)
    write_guard(tmp_path, plan_guard(tmp_path, guard_files([old], NOW)))
    assert "hash" not in (tmp_path / RULES).read_text()
    assert read_media(tmp_path, NOW) == [old]


@pytest.mark.parametrize("text", ["", "ab", HASH[:-1], HASH + "A", f"{HASH} allow", "A" * 44, "0" * 63])
def test_hash_refused(text: str) -> None:
    """What is no hash of a device is refused; USBGuard's own form, with or without its quotes, and hex are the same hash."""
    with pytest.raises(Invalid):
        read_hash(text)
    assert read_hash(f'"{HASH}"') == read_hash(HASH) == read_hash(read_hash(HASH))
    assert show_hash(read_hash(HASH)) == HASH


@pytest.mark.parametrize("when", [NOW - timedelta(seconds=1), NOW + timedelta(hours=2)])
def test_medium_not_in_force(when: datetime) -> None:
    """Before its registration and from its end on, nothing of a medium is in the files."""
    assert guard_files([make_medium()], when) == guard_files([], when)


def test_medium_round_trip(tmp_path: Path) -> None:
    """What was let in can be read back from the rules alone; a second write changes nothing."""
    files = guard_files([make_medium()], NOW)
    assert write_guard(tmp_path, plan_guard(tmp_path, files)) == 5
    assert write_guard(tmp_path, plan_guard(tmp_path, files)) == 0
    assert read_media(tmp_path, NOW) == [make_medium()]
    assert (tmp_path / DAEMON).stat().st_mode & 0o777 == 0o600


def test_settings_close() -> None:
    """The settings name no group but root, block by default, and report to the audit log."""
    lines = guard_files([], NOW)[DAEMON].splitlines()
    assert "IPCAllowedGroups=root" in lines
    assert {"ImplicitPolicyTarget=block", "AuditBackend=LinuxAudit", "AuthorizedDefault=none"} <= set(lines)


def test_kernel_message() -> None:
    """The kernel's message about a disk's interface is read: who made it, what it is, where."""
    fields = parse_uevent(KERNEL)
    assert fields is not None
    event = read_event(fields, authorized=None)
    assert event is not None
    assert (event.action, event.vendor_id, event.product_id) == ("add", "0781", "5567")
    assert (event.interface, event.port) == ("08.06.50", "1-2-1.0")


def test_udev_message() -> None:
    """Udev's own framing, which umockdev speaks, gives the same fields; one cut short gives none."""
    body = KERNEL.split(b"\0", 1)[1]
    head = b"libudev\0\xfe\xed\xca\xfe" + struct.pack("=III", 40, 40, len(body)) + bytes(16)
    assert parse_uevent(head + body) == parse_uevent(KERNEL)
    assert parse_uevent(head[:20]) is None


@pytest.mark.parametrize(("authorized", "action"), [("0", "refused"), ("1", "allowed"), (None, "add")])
def test_authorised(authorized: str | None, action: str) -> None:
    """A device that came is refused or allowed as its own file in sysfs says."""
    fields = {"ACTION": "add", "SUBSYSTEM": "usb", "DEVTYPE": "usb_device", "DEVPATH": "/devices/usb1/1-2"}
    event = read_event(fields, authorized=authorized)
    assert event is not None
    assert event.action == action


def test_device_names_nothing() -> None:
    """What a device calls itself cannot reach the ledger: strange characters in a field leave the field out."""
    fields = parse_uevent(KERNEL.replace(b"PRODUCT=781/5567/100", b"PRODUCT=\xe2\x80\xae781"))
    assert fields is not None
    assert "PRODUCT" not in fields


@given(st.binary(max_size=300))
def test_any_message(data: bytes) -> None:
    """Any bytes on the socket are plain fields or nothing, and plain fields an event where they are about a device that is watched."""
    for message in (data, b"libudev\0\xfe\xed\xca\xfe" + data, b"add@/x\0ACTION=add\0" + data):
        fields = parse_uevent(message)
        if fields is None:
            continue
        assert fields.keys() >= {"ACTION", "DEVPATH", "SUBSYSTEM"}
        assert all(text.isascii() and text.isprintable() for pair in fields.items() for text in pair)
        told = fields["SUBSYSTEM"] in WATCHED and fields["ACTION"] in ("add", "remove")
        event = read_event(fields, authorized=None)
        assert (event is not None) == told
        assert event is None or (event.action, event.subsystem) == (fields["ACTION"], fields["SUBSYSTEM"])


@given(
    st.dictionaries(st.sampled_from(["PRODUCT", "INTERFACE", "DEVTYPE"]), st.text(max_size=12)),
    st.text(max_size=20),
)
def test_any_fields(more: dict[str, str], path: str) -> None:
    """Any values make an event that the ledger takes."""
    from wayseal.flow.egress import event_entry
    from wayseal.ledger.entry import check_entry

    event = read_event({"ACTION": "add", "SUBSYSTEM": "usb", "DEVPATH": path, **more}, authorized=None)
    assert event is not None
    entry = event_entry("h1", event, NOW)
    check_entry(entry)
    assert (entry["action"], entry["port"]) == ("add", event.port)
