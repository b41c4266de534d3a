"""What modprobe would do, judged from the files alone, is what the real modprobe says it would do."""

import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hosttree import NOW, RELEASE, HostTree

from wayseal.assess.egress_policy import MODPROBE, guard_files
from wayseal.assess.host.modules import module_files, refused_modules

DRIVERS = ("usb_storage", "uas", "sdhci")
CONFIGS = {
    "policy": {MODPROBE: guard_files((), NOW)[MODPROBE]},
    "none": {},
    "blacklist": {"etc/modprobe.d/a.conf": "blacklist usb_storage\nblacklist uas\n"},
    "pattern": {"etc/modprobe.d/a.conf": "install us* /bin/false\n"},
    "first-counts": {
        "etc/modprobe.d/a.conf": "install uas /bin/false\ninstall usb-storage /sbin/insmod x\n",
        "etc/modprobe.d/b.conf": "install usb-storage /bin/false\ninstall uas /sbin/insmod x\n",
    },
    "hidden": {
        "etc/modprobe.d/media.conf": "# nothing\n",
        "lib/modprobe.d/media.conf": "install usb_storage /bin/false\n",
        "lib/modprobe.d/other.conf": "install sdhci /bin/true \\\n",
    },
}


def make_module() -> bytes:
    """Return an ELF object with no code: enough for depmod to list it as a module."""
    names = b"\0.shstrtab\0"
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 1, 62, 1, 0, 0, 64 + 16, 0, 64, 0, 0, 64, 2, 1
    )
    empty = bytes(64)
    table = struct.pack("<IIQQQQIIQQ", 1, 3, 0, 0, 64, len(names), 0, 0, 1, 0)
    return header + names.ljust(16, b"\0") + empty + table


def ask_modprobe(root: Path, name: str) -> str:
    """Return what the real modprobe would do for a module of the tree, whatever this machine's own settings say."""
    (root / "etc" / "modprobe.d").mkdir(
        parents=True, exist_ok=True
    )  # without a folder it reads the machine's
    configs = [root / folder / "modprobe.d" for folder in ("etc", "run", "usr/local/lib", "lib")]
    chosen = [part for folder in configs if folder.is_dir() for part in ("-C", str(folder))]
    command = ["modprobe", "-n", "-v", "--show-depends", "-S", RELEASE, "-d", str(root), *chosen, name]
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    return subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "PATH": path}
    ).stdout


@pytest.mark.parametrize("config", CONFIGS)
def test_agrees_with_modprobe(tmp_path: Path, config: str) -> None:
    """A module counts as refused exactly when modprobe would run the refusing command instead of inserting it."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    if shutil.which("modprobe", path=path) is None or shutil.which("depmod", path=path) is None:
        pytest.skip("modprobe and depmod are not installed (Debian: kmod)")
    tree = HostTree(tmp_path)
    tree.put("/proc/sys/kernel/osrelease", RELEASE)
    for name in DRIVERS:
        tree.put(f"/lib/modules/{RELEASE}/kernel/{name.replace('_', '-')}.ko", make_module())
    subprocess.run(
        [shutil.which("depmod", path=path), "-b", str(tmp_path), RELEASE], check=True, capture_output=True
    )
    for name, text in CONFIGS[config].items():
        tree.put(name, text)
    assert module_files(tree.view()) == set(DRIVERS)
    refused = refused_modules(tree.view(), DRIVERS)
    for name in DRIVERS:
        said = ask_modprobe(tmp_path, name)
        refuses = said.split()[:2] in (["install", "/bin/false"], ["install", "/bin/true"])
        assert refuses == (name in refused), (said, refused)


@pytest.mark.parametrize("then", ["|| /sbin/insmod /tmp/x.ko", "; true", "$CMDLINE_OPTS"])
def test_refusal_that_goes_on_is_none(tmp_path: Path, then: str) -> None:
    """An install line is a shell's command: false, or true, with anything after it refuses nothing."""
    tree = HostTree(tmp_path)
    tree.put("/etc/modprobe.d/a.conf", f"install uas /bin/false {then}\ninstall usb-storage /bin/false\n")
    assert refused_modules(tree.view(), ["uas", "usb_storage"]) == {"usb_storage"}
