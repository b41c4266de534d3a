"""The assessor is assessed: a clean host has no false alarm, and each seeded misconfiguration is caught by its own probe alone."""

import dataclasses
from pathlib import Path

import pytest
from hosttree import NOW, SIGNER, HostTree, make_tree, need_tools
from seededhost import SEEDED, Seeded

from wayseal.assess.bundle import parse_bundle
from wayseal.assess.catalogue import Where, find_probe, load_catalogue
from wayseal.assess.collector import assess_host, host_probes
from wayseal.assess.egress_policy import DAEMON, RULES
from wayseal.assess.host.keys import check_keys
from wayseal.assess.probe import Subject, run_part
from wayseal.flow.collect import declare_host
from wayseal.model.oversight import EquipmentKind, Observation, Result

SPECS = host_probes(load_catalogue(), EquipmentKind.LANE_HOST)


@pytest.fixture(scope="session")
def clean_host(tmp_path_factory: pytest.TempPathFactory) -> HostTree:
    """A lane computer where everything is as it should be."""
    need_tools()
    folder = tmp_path_factory.mktemp("host")
    (folder / "scratch").mkdir()
    return make_tree(folder / "root", folder / "scratch")


def look_at(tree: HostTree) -> dict[str, Observation]:
    """Return what every host probe saw."""
    raw = assess_host(
        "lane1-host",
        EquipmentKind.LANE_HOST,
        tree.view(),
        SPECS,
        nonce=bytes(32),
        signer=SIGNER,
        clock=lambda: NOW,
    )
    return {one.probe: one for one in parse_bundle(raw).observations}


def test_clean_host_passes(clean_host: HostTree) -> None:
    """A host as it should be passes every probe: no false alarm, nothing waved through as not applicable."""
    seen = look_at(clean_host)
    assert {name: one.reason for name, one in seen.items() if one.result is not Result.PASS} == {}
    assert len(seen) == 15


@pytest.mark.parametrize("seeded", SEEDED, ids=lambda one: f"{one.probe}-{one.name}")
def test_misconfiguration_is_caught(clean_host: HostTree, tmp_path: Path, seeded: Seeded) -> None:
    """A seeded misconfiguration fails its probe, the reason says where, and no other probe raises a false alarm."""
    tree = clean_host.copy(tmp_path / "root")
    seeded.sow(tree)
    seen = look_at(tree)
    caught = {name: one.reason for name, one in seen.items() if one.result is not Result.PASS}
    assert set(caught) == {seeded.probe}, caught
    assert seen[seeded.probe].result is Result.FAIL
    assert seeded.says in seen[seeded.probe].reason


RELIED = {
    "p01": ("/proc/sys/kernel/osrelease", "/proc/modules", "/etc/modprobe.d"),
    "p02": ("/sys/bus", "/sys/bus/usb/devices/usb1/authorized_default", "/sys/module/usbcore"),
    "p03": (DAEMON, RULES, "/proc/400"),
    "p04": (DAEMON, "/proc/401", "/proc/cmdline"),
    "p05": (
        "/proc/1/mountinfo",
        "/sys/block",
        "/sys/class/block",
        "/dev/sda3",
        "/dev/sda",
        "/var/lib/wayseal",
    ),
    "p06": ("/proc/sys/kernel/core_pattern", "/proc/500/limits", "/sys/class/block/dm-2"),
    "p13": ("/sys/class/tpm", "/sys/class/tpm/tpm0/pcr-sha256/7", "/proc/cmdline", "/sys/block/dm-0"),
    "p14": ("/sys/class/dmi", "/lib/firmware/bridge.bin", "/lib/firmware/bridge.bin.sig"),
    "p16": ("/etc/passwd", "/etc/shadow", "/proc/sys/kernel/yama", "/proc/sys/fs"),
    "p17": ("/usr/share/wayseal/sbom.cdx.json", "/usr/share/wayseal/sbom.cdx.json.sig", "/proc"),
    "p18": ("/usr/share/wayseal/known-exploited.json", "/var/lib/dpkg/status"),
    "p28": ("/sys/class/dmi", "/sys/block", "/sys/class/gpio"),
}
"""What each probe judges by."""


@pytest.mark.parametrize(
    ("probe", "name"), [(probe, name) for probe, names in RELIED.items() for name in names]
)
def test_nothing_to_see_is_no_pass(clean_host: HostTree, tmp_path: Path, probe: str, name: str) -> None:
    """A probe whose source is gone never passes, and is never waved through as not applicable."""
    tree = clean_host.copy(tmp_path / "root")
    tree.remove(name)
    subject = Subject(EquipmentKind.LANE_HOST, {Where.HOST: tree.view()})
    seen = run_part(find_probe(probe), Where.HOST, subject, lambda: NOW)
    assert seen.result in (Result.FAIL, Result.ERROR), seen.reason


def test_no_files_is_no_search(clean_host: HostTree, tmp_path: Path) -> None:
    """A search for keys that found no file to search says so."""
    tree = HostTree(tmp_path)
    tree.facts = clean_host.facts
    assert check_keys(tree.view()).reason == "there is no file to search"


def test_every_host_probe_is_seeded() -> None:
    """There is at least one seeded misconfiguration for each probe that has a host part."""
    assert {one.probe for one in SEEDED} == {spec.id for spec in SPECS}


def test_surveyed_host_passes(clean_host: HostTree, tmp_path: Path) -> None:
    """What a host shows at its enrolment is what it is held to: probes 13 and 28 pass until something changes."""
    tree = clean_host.copy(tmp_path / "root")
    found = declare_host(Path(tree.facts.spool), lambda: NOW, root=tree.root)
    assert found.chassis_serial == "CASE-001"
    assert found.verity_root == tree.facts.verity_root
    tree.remove("/sys/class/gpio")
    tree.facts = dataclasses.replace(found, signers=tree.facts.signers, firmware=tree.facts.firmware)
    seen = look_at(tree)
    assert {name: one.reason for name, one in seen.items() if one.result is not Result.PASS} == {}
    tree.put("/sys/block/sda/device/vpd_pg80", b"\0\x80\0\x08DISK-666")
    assert look_at(tree)["p28"].result is Result.FAIL
