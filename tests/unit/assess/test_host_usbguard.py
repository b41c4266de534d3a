"""Probe 3 in detail: Debian's own settings fail, and what counts as an exact rule."""

from pathlib import Path

import pytest
from hosttree import HostTree, need_tools, read_debian_settings
from hypothesis import given
from hypothesis import strategies as st

from wayseal.assess.host.usbguard import check_audit, check_usbguard, config_path, is_exact
from wayseal.model.oversight import Result

HASH = 'hash "jEP/6WzviqdJ5VSeTUY8PatCNBKeaREvo2OqdplND/o="'
GENERATED = (
    f'allow id 1d6b:0002 serial "0000:00:14.0" name "xHCI" {HASH} with-interface 09:00:00\n'
    f'allow id 0951:1666 serial "60A44C413F8C" name "DataTraveler" {HASH} with-interface 08:06:50\n'
)
"""What Debian's package writes at its installation: allow whatever is plugged in, wherever it is plugged in later."""


@pytest.fixture
def debian_host(tmp_path: Path) -> HostTree:
    """A host with USBGuard as Debian installs it, and running."""
    need_tools()
    settings = read_debian_settings()
    tree = HostTree(tmp_path)
    tree.put("/proc/1/comm", "systemd\n")
    tree.put("/proc/9/comm", "usbguard-daemon\n")
    tree.put("/proc/cmdline", "quiet audit=1\n")
    tree.put("/etc/usbguard/usbguard-daemon.conf", settings)
    tree.put("/etc/usbguard/rules.conf", "", mode=0o600)
    return tree


def test_debian_settings_fail(debian_host: HostTree) -> None:
    """Debian's default settings are a failure though the daemon runs: group plugdev may let devices in."""
    seen = check_usbguard(debian_host.view())
    assert seen.result is Result.FAIL
    assert seen.reason == "group plugdev may change authorisations"
    assert check_audit(debian_host.view()).result is Result.FAIL


def test_debian_rules_fail(debian_host: HostTree) -> None:
    """The rules that Debian generates at installation fail too: they let a device in at any port."""
    debian_host.put("/etc/usbguard/rules.conf", GENERATED, mode=0o600)
    reason = check_usbguard(debian_host.view()).reason
    assert "rules.conf:1 allows a device without serial or hash and port" in reason
    assert "rules.conf:2 allows a device" in reason


def test_evidence_has_settings(debian_host: HostTree) -> None:
    """The evidence holds settings and digests of rule files, and nothing of the rules themselves."""
    debian_host.put("/etc/usbguard/rules.conf", GENERATED, mode=0o600)
    evidence = check_usbguard(debian_host.view()).evidence
    assert b'"IPCAllowedGroups":"root plugdev"' in evidence
    assert b"60A44C413F8C" not in evidence


@pytest.mark.parametrize(
    ("rule", "exact"),
    [
        (f'allow id 1:2 {HASH} via-port "1-2"', True),
        ('allow serial "X1" via-port "1-2" with-interface equals { 08:06:50 }', True),
        ('allow serial one-of { "X1" "X2" } via-port { "1-2" "1-3" }', True),
        ('allow serial "X1"', False),
        ('allow via-port "1-2"', False),
        ('allow id 1:2 serial "" via-port "1-2"', False),
        ('allow serial none-of { "X1" } via-port "1-2"', False),
        ('allow serial { "" } via-port "1-2"', False),
        ('allow serial "X1" via-port none-of { "1-2" }', False),
        ('allow serial "X1" # via-port "1-2"', False),
        ("allow with-interface 03:*:*", False),
        ("allow", False),
        ('allow serial "X1 via-port "1-2"', False),
        ("allow serial {", False),
        ('allow name "serial" via-port "1-2"', False),
        ('allow serial "X1" name "via-port" with-interface "x"', False),
        ('allow name "a \\" serial" hash "x" via-port "1-2"', True),
        ("allow serial X1 via-port 1-2", False),
    ],
)
def test_exact_rules(rule: str, *, exact: bool) -> None:
    """An allow rule is exact when it names serial or hash, and port; nothing negative, empty or commented out counts."""
    assert is_exact(rule) is exact


@given(st.text(max_size=80))
def test_any_text_is_judged(text: str) -> None:
    """Whatever stands in a rule, the judgement is yes or no and never an error."""
    assert is_exact(f"allow {text}") in (True, False)


@pytest.mark.parametrize(
    "arguments",
    [
        ["-f", "-s", "-c", "/etc/other.conf"],
        ["-fsc", "/etc/other.conf"],
        ["-fsc/etc/other.conf"],
        ["-l", "-c", "-c", "/etc/usbguard/usbguard-daemon.conf", "-c/etc/other.conf"],
    ],
)
def test_settings_of_the_running_daemon(debian_host: HostTree, arguments: list[str]) -> None:
    """The settings judged are those that the daemon was started with, however its options are spelled."""
    debian_host.put("/proc/9/comm", "usbguard-daemon\n")
    debian_host.put("/proc/9/cmdline", "\0".join(["/usr/sbin/usbguard-daemon", *arguments, ""]))
    assert config_path(debian_host.view()) == "/etc/other.conf"


@pytest.mark.parametrize("option", ["audit=0", "audit=off", "audit=OFF", "audit=1 audit=0"])
def test_kernel_without_audit_fails(debian_host: HostTree, option: str) -> None:
    """A kernel that was told in any of its words to do without audit takes no events."""
    debian_host.put("/proc/cmdline", f"root=/dev/dm-0 {option} quiet")
    seen = check_audit(debian_host.view())
    assert "the kernel was started with audit=" in seen.reason
    debian_host.put("/proc/cmdline", "root=/dev/dm-0 audit=0 audit=1")
    assert "the kernel was started" not in check_audit(debian_host.view()).reason
