"""A clean lane computer as a tree of files: everything a host probe reads, made with the real tools and the real formats."""

import hashlib
import json
import os
import random
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from wayseal.assess.collector import Signer
from wayseal.assess.egress_policy import guard_files, plan_guard, write_guard
from wayseal.assess.host.facts import BOOT_PCRS, HostFacts
from wayseal.assess.host.hardening import SYSCTLS
from wayseal.assess.host.view import Completed, HostView, run_command
from wayseal.flow.collect import host_view
from wayseal.model.clock import to_text
from wayseal.model.custody import Kind
from wayseal.model.ids import RecordId, epoch_id, new_ulid
from wayseal.seal.device import SealChain
from wayseal.seal.keys import EpochVault, FileKeeper, PassphraseCost, SigningIdentity
from wayseal.store.outbox import Outbox

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
RELEASE = "6.1.0-30-amd64"
LANE = "/var/lib/wayseal/lanes/lane1"
MAKER = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"maker").digest())
DEVICE = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"device").digest())
SIGNER = Signer(DEVICE.public_key().public_bytes_raw(), DEVICE.sign)
ROOT_HASH = "5c" * 32
SOURCES = (
    "^,*,192.0.2.1,2,6,377,21,0.000012345,0.000012345,0.010000000\n"
    "^,-,192.0.2.2,2,6,377,22,-0.000023456,-0.000023456,0.012000000\n"
)
TRACKING = (
    "C0000201,192.0.2.1,3,1795348500.557806259,0.000012345,-0.000000753,0.000000753,"
    "-1.240,-0.269,5.273,0.000006449,0.000007080,64.3,Normal\n"
)
LOGO = bytes.fromhex("89504e470d0a1a0a0000000d49484452") + bytes(64)
MODULES = (
    "usb/storage/usb-storage",
    "usb/storage/uas",
    "mmc/host/sdhci",
    "mmc/core/mmc_block",
    "net/e1000e/e1000e",
)
PROGRAMS = {"systemd": 1, "usbguard-daemon": 400, "auditd": 401, "wayseal": 500, "chronyd": 402}
TOOLS = ("usbguard-rule-parser", "cryptsetup", "openssl", "dpkg")


def read_debian_settings() -> bytes:
    """Return USBGuard's settings as Debian ships them; skip the test where it is absent or this machine has its own."""
    shipped = Path("/etc/usbguard/usbguard-daemon.conf")
    if shutil.which("dpkg-query") is None or not shipped.is_file():
        pytest.skip("Debian's usbguard is not installed (tools/system-packages.txt)")
    known = subprocess.run(
        ["dpkg-query", "-W", "-f=${Conffiles}", "usbguard"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    data = shipped.read_bytes()
    if hashlib.md5(data, usedforsecurity=False).hexdigest() not in known.stdout.split():
        pytest.skip("this machine's usbguard has settings of its own, not Debian's")
    return data


def need_tools() -> None:
    """Skip the test where a program that the probes start is not installed."""
    missing = [
        tool for tool in TOOLS if shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None
    ]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (tools/system-packages.txt)")


class HostTree:
    """A host below a folder. `put` replaces a file (a copy of the tree shares the bytes of the others)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.chrony = {"sources": Completed(0, SOURCES.encode()), "tracking": Completed(0, TRACKING.encode())}
        self.facts = HostFacts()

    def put(self, name: str, data: bytes | str, *, mode: int = 0o644) -> Path:
        """Write a file of the host."""
        path = self.root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        path.chmod(mode)
        return path

    def link(self, name: str, target: str) -> None:
        """Make a symbolic link of the host."""
        path = self.root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(target)

    def remove(self, name: str) -> None:
        """Remove a file or folder of the host."""
        path = self.root / name.lstrip("/")
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    def read(self, name: str) -> str:
        """Return a text file of the host."""
        return (self.root / name.lstrip("/")).read_text()

    def sign(self, name: str, data: bytes | str, key: Ed25519PrivateKey = MAKER) -> None:
        """Write a file and its detached signature."""
        path = self.put(name, data)
        self.put(f"{name}.sig", key.sign(path.read_bytes()))

    def run(self, command: Sequence[str]) -> Completed:
        """Run a program for real; only chrony, which asks a running daemon, answers from here."""
        return self.chrony[command[-1]] if command[0] == "chronyc" else run_command(command)

    def view(self) -> HostView:
        """Return the view of this host."""
        return host_view(self.facts, lambda: NOW, root=self.root, run=self.run)

    def copy(self, root: Path) -> "HostTree":
        """Return a copy whose files can be replaced without changing this tree's."""
        shutil.copytree(self.root, root, symlinks=True, copy_function=os.link)
        tree = HostTree(root)
        tree.chrony, tree.facts = dict(self.chrony), self.facts
        return tree


def make_tree(root: Path, scratch: Path) -> HostTree:
    """Return a host where every probe passes. `scratch` holds what belongs to the centre."""
    tree = HostTree(root)
    _add_kernel(tree)
    _add_disks(tree, scratch)
    _add_processes(tree)
    _add_settings(tree)
    _add_lane(tree, scratch)
    tree.facts = _add_inventory(tree)
    write_guard(root, plan_guard(root, guard_files((), NOW)))
    return tree


def _add_kernel(tree: HostTree) -> None:
    """The kernel: modules on disk that modprobe refuses, USB and Thunderbolt controllers that start closed."""
    tree.put("/proc/sys/kernel/osrelease", f"{RELEASE}\n")
    tree.put("/proc/modules", "e1000e 331776 0 - Live 0x0000000000000000\nxhci_hcd 323584 1 - Live 0x0\n")
    for name in MODULES:
        tree.put(f"/lib/modules/{RELEASE}/kernel/drivers/{name}.ko.xz", b"\xfd7zXZ\0")
    tree.put(
        f"/lib/modules/{RELEASE}/modules.builtin",
        "kernel/drivers/usb/core/usbcore.ko\nkernel/fs/ext4/ext4.ko\n",
    )
    for name in ("usb1", "usb2"):
        tree.put(f"/sys/bus/usb/devices/{name}/authorized_default", "0\n")
    tree.put("/sys/bus/usb/devices/1-1/authorized", "1\n")
    tree.put("/sys/module/usbcore/parameters/authorized_default", "0\n")
    tree.put("/sys/bus/thunderbolt/devices/domain0/security", "user\n")
    tree.put("/sys/bus/thunderbolt/devices/0-0/authorized", "1\n")
    tree.put("/sys/bus/thunderbolt/devices/0-1/authorized", "0\n")
    tree.put(
        "/proc/cmdline", f"root=/dev/mapper/root roothash={ROOT_HASH} usbcore.authorized_default=0 audit=1\n"
    )


def make_luks(path: Path, *options: str) -> None:
    """Write a real LUKS2 header into a file, with a cheap but real key derivation."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(17 * 2**20)
    key = path.with_name("key")
    key.write_bytes(b"throw-away")
    command = [
        "cryptsetup",
        "luksFormat",
        "--type",
        "luks2",
        "--batch-mode",
        "--key-file",
        str(key),
        *options,
        str(path),
    ]
    subprocess.run(
        command,
        check=True,
        capture_output=True,
        env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"},
    )
    key.unlink()


ARGON2ID = (
    "--pbkdf",
    "argon2id",
    "--pbkdf-memory",
    "32768",
    "--pbkdf-force-iterations",
    "4",
    "--pbkdf-parallel",
    "1",
)


def _add_disks(tree: HostTree, scratch: Path) -> None:
    """One disk: a read-only verity root, /var under LUKS2, swap under a key of this boot, an ESP in the clear."""
    make_luks(scratch / "luks.img", *ARGON2ID)
    (tree.root / "dev").mkdir(parents=True)
    shutil.move(scratch / "luks.img", tree.root / "dev/sda3")
    disk = bytearray(random.Random(7).randbytes(2**20))
    disk[2**18 + 4096 : 2**18 + 4096 + len(LOGO)] = LOGO  # in the signed image, where pictures belong
    tree.put("/dev/sda", bytes(disk))
    tree.put("/sys/block/sda/sda2/start", f"{2**18 // 512}\n")
    tree.put("/sys/block/sda/sda2/size", f"{2**18 // 512}\n")
    tree.put("/sys/block/sda/size", "2048\n")
    tree.put("/sys/block/sda/device/vpd_pg80", b"\0\x80\0\x08DISK-001")
    for name in (
        "mmcblk0",
        "mmcblk0boot0",
    ):  # one chip, and a part of it that is a disk of its own to the kernel
        tree.put(f"/sys/block/{name}/size", "8\n")
        tree.put(f"/dev/{name}", bytes(4096))
        tree.link(f"/sys/block/{name}/device", "/sys/devices/mmc0")
    tree.put("/sys/devices/mmc0/serial", "0x1234abcd\n")
    mappings = {
        "dm-0": ("CRYPT-VERITY-0123-root", "sda2", "253:0"),
        "dm-1": ("CRYPT-LUKS2-4567-var", "sda3", "253:1"),
        "dm-2": ("CRYPT-PLAIN-swap", "sda4", "253:2"),
    }
    for name, (uuid, lower, number) in mappings.items():
        for top in ("/sys/block", "/sys/class/block"):
            tree.put(f"{top}/{name}/dm/uuid", f"{uuid}\n")
            tree.put(f"{top}/{name}/size", "32768\n")
        tree.put(f"/sys/class/block/{name}/slaves/{lower}/size", "32768\n")
        tree.put(f"/sys/dev/block/{number}/uevent", f"MAJOR=253\nDEVNAME={name}\nDEVTYPE=disk\n")
    tree.put("/sys/dev/block/8:1/uevent", "DEVNAME=sda1\nDEVTYPE=partition\n")
    tree.put(
        "/proc/1/mountinfo",
        "22 1 253:0 / / ro,relatime shared:1 - ext4 /dev/mapper/root ro\n"
        "23 22 0:21 / /proc rw,nosuid shared:2 - proc proc rw\n"
        "24 22 253:1 / /var rw,relatime shared:3 - ext4 /dev/mapper/var rw\n"
        "25 22 8:1 / /boot/efi rw,relatime shared:4 - vfat /dev/sda1 rw\n",
    )
    tree.put("/proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n/dev/dm-2 partition 16384 0 -2\n")
    tree.put("/dev/dm-2", b"")


def _add_processes(tree: HostTree) -> None:
    """What runs, each with its executable, and a kernel thread that has none."""
    for name, pid in PROGRAMS.items():
        tree.put(f"/usr/bin/{name}", f"\x7fELF {name}".encode(), mode=0o755)
        tree.put(f"/proc/{pid}/comm", f"{name}\n")
        tree.put(
            f"/proc/{pid}/cmdline",
            f"/usr/bin/{name}\0lane\0run\0" if name == "wayseal" else f"/usr/bin/{name}\0-f\0",
        )
        tree.link(f"/proc/{pid}/exe", f"/usr/bin/{name}")
    tree.put("/proc/2/comm", "kthreadd\n")
    tree.put(
        f"/proc/{PROGRAMS['wayseal']}/limits",
        "Limit                     Soft Limit           Hard Limit           Units\n"
        "Max core file size        0                    0                    bytes\n"
        "Max locked memory         268435456            268435456            bytes\n",
    )


def java_store(tag: int) -> bytes:
    """Return a Java key store with one entry: 2 for a trusted certificate, 1 for a private key."""
    entry = tag.to_bytes(4, "big") + b"\0\x02ca" + bytes(8) + b"\0\x05X.509" + b"\0\0\0\x04cert"
    return b"\xfe\xed\xfe\xed\0\0\0\x02\0\0\0\x01" + entry + bytes(20)


def _add_settings(tree: HostTree) -> None:
    """Kernel settings by the rules, accounts, an SSH server, sleep states, keyrings."""
    for name, good in SYSCTLS.values():
        tree.put(f"/proc/sys/{name}", f"{good[0]}\n")
    tree.put("/proc/sys/kernel/core_pattern", "|/bin/false\n")
    tree.put("/proc/sys/kernel/modules_disabled", "0\n")
    tree.put("/sys/power/state", "freeze mem\n")
    tree.put(
        "/etc/passwd",
        "root:x:0:0:root:/root:/bin/bash\nwayseal:x:990:990::/var/lib/wayseal:/usr/sbin/nologin\n",
    )
    tree.put("/etc/shadow", "root:*:19700:0:99999:7:::\nwayseal:!:19700::::::\n", mode=0o640)
    tree.put(
        "/etc/ssh/sshd_config",
        "Include /etc/ssh/sshd_config.d/*.conf\nPasswordAuthentication yes\nMatch User ops\n PermitRootLogin no\n",
    )
    tree.put("/etc/ssl/certs/java/cacerts", java_store(2))
    tree.put(
        "/etc/ssh/sshd_config.d/10-wayseal.conf",
        "PermitRootLogin no\nPasswordAuthentication no\nChallengeResponseAuthentication no\n",
    )
    host_key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"host").digest())
    pem = host_key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    tree.put("/etc/ssh/ssh_host_ed25519_key", pem, mode=0o600)
    tree.put(
        "/proc/keys",
        "01caa2d6 I------     1 perm 1f030000     0     0 keyring   .dns_resolver: empty\n"
        "2f9c1d00 I--Q---     3 perm 3f010000     0     0 user      cryptsetup:4567-d0: 64\n"
        "3c0a7b11 I--Q---     1 perm 0b0b0000     0     0 user      invocation_id: 16\n",
    )


def _add_lane(tree: HostTree, scratch: Path) -> None:
    """The lane's own folder: its signing key under its keeper, its TLS key, and two sealed records that wait."""
    cost = PassphraseCost(memory_kib=64, iterations=1, lanes=1)
    folder = tree.root / LANE.lstrip("/")
    folder.mkdir(parents=True)
    keeper = FileKeeper.create(folder / "keys", b"words of the lane", cost=cost)
    identity = SigningIdentity.load_or_create("lane1", keeper, folder / "identity")
    key = generate_private_key(SECP256R1())
    tree.put(
        f"{LANE}/tls/key.pem",
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        mode=0o600,
    )
    vault = EpochVault(
        FileKeeper.create(scratch / "keeper", b"words of the centre", cost=cost),
        scratch / "epochs",
        lambda: NOW,
    )
    epoch_key = vault.create_epoch(epoch_id("citizen", NOW))
    chain = SealChain(identity, "lane1")
    outbox = Outbox(folder, clock=lambda: NOW, verify_receipt=lambda _receipt: None)
    records = [
        chain.seal(
            b"picture",
            object_id=RecordId(new_ulid(NOW)),
            kind=Kind.FACE,
            epoch_keys=[epoch_key],
            sealed_at=NOW,
        )
        for _ in range(2)
    ]
    outbox.put(records)
    outbox.close()


def _add_inventory(tree: HostTree) -> HostFacts:
    """Case, firmware, measurements, bill of materials and vulnerability feed, and the facts that declare them."""
    tree.put("/sys/class/dmi/id/chassis_serial", "CASE-001\n")
    tree.put("/sys/class/dmi/id/bios_version", "F12\n")
    tree.put("/sys/class/hwmon/hwmon0/intrusion0_alarm", "0\n")
    tree.put("/sys/class/gpio/gpio17/value", "1\n")
    pcrs = {str(number): hashlib.sha256(b"pcr%d" % number).hexdigest() for number in BOOT_PCRS}
    for number, value in pcrs.items():
        tree.put(f"/sys/class/tpm/tpm0/pcr-sha256/{number}", f"{value.upper()}\n")
    firmware = b"camera bridge firmware 3"
    tree.sign("/lib/firmware/bridge.bin", firmware)
    tree.sign("/usr/share/wayseal/sbom.cdx.json", make_bill(tree, NOW - timedelta(days=3)))
    tree.sign("/usr/share/wayseal/known-exploited.json", make_feed(NOW - timedelta(days=1)))
    tree.put(
        "/var/lib/dpkg/status",
        "Package: openssl\nStatus: install ok installed\nVersion: 3.0.17-1~deb12u3\n\n"
        "Package: sudo\nStatus: deinstall ok config-files\nVersion: 1.9.13p3-1\n",
    )
    return HostFacts(
        chassis_serial="CASE-001",
        disk_serials=("DISK-001", "0x1234abcd"),
        seals={"/sys/class/gpio/gpio17/value": "1"},
        pcrs=pcrs,
        verity_root=ROOT_HASH,
        firmware={"/lib/firmware/bridge.bin": hashlib.sha256(firmware).hexdigest()},
        bios_version="F12",
        signers=(MAKER.public_key().public_bytes_raw().hex(),),
        tcti="swtpm:path=/nowhere",
    )


def make_bill(tree: HostTree, made_at: datetime, *, without: str = "") -> str:
    """Return a CycloneDX bill of everything in /usr/bin, one component inside another as makers nest them."""
    inner = [
        {
            "type": "application",
            "name": path.name,
            "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}],
        }
        for path in sorted((tree.root / "usr/bin").iterdir())
        if path.name != without
    ]
    return json.dumps(
        {
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "metadata": {"timestamp": to_text(made_at)},
            "components": [{"type": "operating-system", "name": "image", "components": inner}],
        }
    )


def make_feed(
    made_at: datetime, *, since: datetime = NOW - timedelta(days=60), fixed: str = "3.0.17-1~deb12u2"
) -> str:
    """Return a feed of two holes: one in openssl, and one in a package that is not installed."""
    holes = [
        {"id": "CVE-2026-0001", "package": "openssl", "fixed": fixed, "since": to_text(since)},
        {"id": "CVE-2026-0002", "package": "sudo", "fixed": "1.9.15-1", "since": to_text(since)},
    ]
    return json.dumps({"date": to_text(made_at), "vulnerabilities": holes})
