"""Seeded misconfigurations of a clean host: each is what somebody really does wrong, and exactly one probe must catch it."""

import dataclasses
import random
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import simplejpeg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hosttree import LANE, NOW, RELEASE, HostTree, java_store, make_bill, make_feed, make_luks

from wayseal.assess.egress_policy import DAEMON, MODPROBE, RULES
from wayseal.assess.host.view import Completed

Seed = Callable[[HostTree], object]


@dataclass(frozen=True)
class Seeded:
    """A misconfiguration: the probe that must catch it, a name, what its reason must mention, and the deed."""

    probe: str
    name: str
    says: str
    sow: Seed


def edit(name: str, old: str, new: str) -> Seed:
    """Return the deed of replacing a text in a file of the host; the text must be there."""

    def sow(tree: HostTree) -> None:
        text = tree.read(name)
        assert old in text, (name, old)
        tree.put(name, text.replace(old, new), mode=(tree.root / name.lstrip("/")).stat().st_mode & 0o777)

    return sow


def put(name: str, data: bytes | str, **options: int) -> Seed:
    """Return the deed of writing a file of the host."""
    return lambda tree: tree.put(name, data, **options)


def ssh_server(arguments: str, settings: str | None = None) -> Seed:
    """Return the deed of starting an SSH server that listens, as its title shows it, with a settings file of its own."""

    def sow(tree: HostTree) -> None:
        tree.put("/proc/600/comm", "sshd\n")
        tree.put(
            "/proc/600/cmdline",
            f"sshd: /usr/sbin/sshd {arguments} [listener] 0 of 10-100 startups\0".encode(),
        )
        if settings is not None:
            tree.put("/opt/sshd.conf", settings)

    return sow


def declare(**facts: object) -> Seed:
    """Return the deed of declaring something else of the host."""

    def sow(tree: HostTree) -> None:
        tree.facts = dataclasses.replace(tree.facts, **facts)

    return sow


def picture() -> bytes:
    """Return a JPEG of noise."""
    pixels = np.random.default_rng(5).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    return bytes(simplejpeg.encode_jpeg(pixels))


def show_on_disk(tree: HostTree) -> None:
    """A picture that was deleted, still in the free blocks of the disk."""
    noise = bytearray(random.Random(8).randbytes(2**20))
    noise[700_000 : 700_000 + len(picture())] = picture()
    tree.put("/dev/sda", bytes(noise))


def make_plain_var(tree: HostTree) -> None:
    """A disk that was exchanged on site and formatted without encryption."""
    tree.put("/sys/class/block/dm-1/dm/uuid", "LVM-0123456789\n")


def make_pbkdf2(tree: HostTree) -> None:
    """A key slot that somebody added with the old key derivation."""
    tree.remove("/dev/sda3")
    make_luks(tree.root / "dev/sda3", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000")


def make_weak_kdf(tree: HostTree) -> None:
    """A key slot that somebody made quick to open, and quick to guess."""
    tree.remove("/dev/sda3")
    options = (
        "--pbkdf",
        "argon2id",
        "--pbkdf-memory",
        "64",
        "--pbkdf-force-iterations",
        "4",
        "--pbkdf-parallel",
        "1",
    )
    make_luks(tree.root / "dev/sda3", *options)


def make_luks1(tree: HostTree) -> None:
    """An old header, which cannot have Argon2id at all."""
    tree.remove("/dev/sda3")
    path = tree.root / "dev/sda3"
    path.write_bytes(bytes(17 * 2**20))
    key = tree.root / "k"
    key.write_bytes(b"throw-away")
    command = ["/usr/sbin/cryptsetup", "luksFormat", "--type", "luks1", "--batch-mode", "--key-file", str(key),
               "--pbkdf-force-iterations", "1000", str(path)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    key.unlink()


def put_key(
    name: str, key: object, form: PrivateFormat = PrivateFormat.PKCS8, encoding: Encoding = Encoding.PEM
) -> Seed:
    """Return the deed of leaving a private key in a file."""
    data = key.private_bytes(encoding, form, NoEncryption())  # type: ignore[attr-defined]
    return put(name, data, mode=0o600)


def start_elsewhere(tree: HostTree) -> None:
    """The daemon runs with other settings than those that everybody looks at."""
    text = tree.read(DAEMON).replace("ImplicitPolicyTarget=block", "ImplicitPolicyTarget=allow")
    tree.put("/opt/usbguard.conf", text, mode=0o600)
    tree.put("/proc/400/cmdline", "/usr/bin/usbguard-daemon\0-c\0/opt/usbguard.conf\0")


def run_stranger(tree: HostTree) -> None:
    """A program that nobody listed."""
    tree.put("/usr/local/bin/sync-tool", b"\x7fELF sync", mode=0o755)
    tree.put("/proc/700/comm", "sync-tool\n")
    tree.link("/proc/700/exe", "/usr/local/bin/sync-tool")


def show_tracking(old: str, new: str) -> Seed:
    """Return the deed of chrony telling something else of the clock."""

    def sow(tree: HostTree) -> None:
        text = tree.chrony["tracking"].output.decode()
        assert old in text
        tree.chrony["tracking"] = Completed(0, text.replace(old, new).encode())

    return sow


def show_clock(*rows: str) -> Seed:
    """Return the deed of chrony seeing other sources."""

    def sow(tree: HostTree) -> None:
        tree.chrony["sources"] = Completed(0, "".join(f"{row}\n" for row in rows).encode())

    return sow


def unsealed_segment(tree: HostTree) -> None:
    """Somebody keeps something of his own in the spool, under a name that does not show it."""
    tree.put(f"{LANE}/segments/citizen/2026-11-22T09Z.seg", random.Random(9).randbytes(5000))


PLAIN_RULE = 'allow id 0951:1666 name "DataTraveler" with-interface 08:06:50\n'
GENERATED_RULE = (
    'allow id 1d6b:0002 serial "0000:00:14.0" name "xHCI Host Controller" '
    'hash "jEP/6WzviqdJ5VSeTUY8PatCNBKeaREvo2OqdplND/o=" parent-hash "G1ehGQdrl3dJ9HvW9w2HdC//pk87pKzFE1WY25bq8k4=" '
    'with-interface 09:00:00 with-connect-type ""\n'
)
AGE_KEY = "AGE-SECRET-KEY-1" + "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L" * 2
EPOCH_FILE = '{"epoch": "citizen/2026-11-22T08Z", "public": "AAAA", "seed": "AAAA", "created_at": "2026-11-22T08:00:00.000Z"}'

SEEDED: tuple[Seeded, ...] = (
    Seeded("p01", "only-blacklisted", "usb_storage can be loaded", edit(MODPROBE, "install usb_storage /bin/false", "blacklist usb_storage")),
    Seeded("p01", "loaded", "uas is loaded", edit("/proc/modules", "e1000e ", "uas 32768 0 - Live 0x0\ne1000e ")),
    Seeded("p01", "built-in", "mmc_block is built into the kernel", edit(f"/lib/modules/{RELEASE}/modules.builtin", "usbcore.ko", "usbcore.ko\nkernel/drivers/mmc/core/mmc_block.ko")),
    Seeded("p01", "overridden", "usb_storage can be loaded", put("/etc/modprobe.d/0-first.conf", "install usb-storage /sbin/insmod usb-storage.ko\n")),
    Seeded("p02", "port-open", "usb2 authorises new devices", put("/sys/bus/usb/devices/usb2/authorized_default", "1\n")),
    Seeded("p02", "thunderbolt-open", "security level none", put("/sys/bus/thunderbolt/devices/domain0/security", "none\n")),
    Seeded("p02", "thunderbolt-device", "Thunderbolt device 0-1 is authorised", put("/sys/bus/thunderbolt/devices/0-1/authorized", "1\n")),
    Seeded("p02", "new-hubs-open", "usbcore.authorized_default is -1", put("/sys/module/usbcore/parameters/authorized_default", "-1\n")),
    Seeded("p03", "plugdev", "group plugdev may change authorisations", edit(DAEMON, "IPCAllowedGroups=root", "IPCAllowedGroups=root plugdev")),
    Seeded("p03", "anybody", "anybody may change", lambda tree: (edit(DAEMON, "IPCAllowedUsers=root\n", "")(tree), edit(DAEMON, "IPCAllowedGroups=root\n", "")(tree))),
    Seeded("p03", "implicit-allow", "ImplicitPolicyTarget is allow", edit(DAEMON, "ImplicitPolicyTarget=block", "ImplicitPolicyTarget=allow")),
    Seeded("p03", "inserted-allow", "InsertedDevicePolicy is allow", edit(DAEMON, "InsertedDevicePolicy=apply-policy", "InsertedDevicePolicy=allow")),
    Seeded("p03", "present-keep", "PresentDevicePolicy is keep", edit(DAEMON, "PresentDevicePolicy=apply-policy", "PresentDevicePolicy=keep")),
    Seeded("p03", "restores", "RestoreControllerDeviceState is true", edit(DAEMON, "RestoreControllerDeviceState=false", "RestoreControllerDeviceState=true")),
    Seeded("p03", "set-twice", "ImplicitPolicyTarget is set twice", edit(DAEMON, "ImplicitPolicyTarget=block", "ImplicitPolicyTarget=block\nImplicitPolicyTarget=allow")),
    Seeded("p03", "other-settings", "ImplicitPolicyTarget is allow", start_elsewhere),
    Seeded("p03", "access-file", "access file vendor lets others", lambda tree: (edit(DAEMON, "IPCAllowedUsers", "IPCAccessControlFiles=/etc/usbguard/IPCAccessControl.d/\nIPCAllowedUsers")(tree), tree.put("/etc/usbguard/IPCAccessControl.d/vendor", "Devices=list,modify\n"))),
    Seeded("p03", "not-running", "usbguard-daemon does not run", put("/proc/400/comm", "sleep\n")),
    Seeded("p03", "any-stick", "rules.conf:1 allows a device without serial or hash and port", put(RULES, PLAIN_RULE, mode=0o600)),
    Seeded("p03", "generated-rules", "rules.conf:1 allows a device", put(RULES, GENERATED_RULE, mode=0o600)),
    Seeded("p03", "bad-grammar", "is not a rule file", put(RULES, "allow everything please\n", mode=0o600)),
    Seeded("p03", "no-rules", "no rule file can be read", lambda tree: tree.remove(RULES)),
    Seeded("p03", "loose-rules", "may be written by others", lambda tree: tree.put(RULES, tree.read(RULES), mode=0o666)),
    Seeded("p04", "file-audit", "AuditBackend is FileAudit", edit(DAEMON, "AuditBackend=LinuxAudit", "AuditBackend=FileAudit")),
    Seeded("p04", "auditd-stopped", "auditd does not run", put("/proc/401/comm", "sleep\n")),
    Seeded("p04", "audit-off", "started with audit=0", edit("/proc/cmdline", "audit=1", "audit=0")),
    Seeded("p05", "deleted-picture", "/dev/sda shows plaintext in 2 places (jpeg at byte 700000)", show_on_disk),
    Seeded("p05", "plain-disk", "/var is not encrypted", make_plain_var),
    Seeded("p05", "plain-btrfs", "/srv is not encrypted (sdc1)", edit("/proc/1/mountinfo", "25 22 8:1", "26 22 0:40 / /srv rw shared:5 - btrfs /dev/sdc1 rw\n25 22 8:1")),
    Seeded("p05", "network-folder", "/mnt is not encrypted (nfs4 files:/share)", edit("/proc/1/mountinfo", "25 22 8:1", "26 22 0:41 / /mnt rw shared:5 - nfs4 files:/share rw\n25 22 8:1")),
    Seeded("p05", "disk-vanishes", "/dev/sda cannot be read (FileNotFoundError)", lambda tree: tree.remove("/dev/sda")),
    Seeded("p05", "old-kdf", "pbkdf2, not argon2id", make_pbkdf2),
    Seeded("p05", "weak-kdf", "takes less than 32 MiB", make_weak_kdf),
    Seeded("p05", "old-header", "has no LUKS2 header", make_luks1),
    Seeded("p05", "picture-in-spool", "the spool shows plaintext (jpeg", put(f"{LANE}/segments/citizen/x.jpg", picture())),
    Seeded("p05", "debug-folder", "the spool shows plaintext (jpeg", put(f"{LANE}/debug/1.dat", bytes(100) + picture())),
    Seeded("p05", "unsealed-segment", "not of sealed records", unsealed_segment),
    Seeded("p06", "plain-swap", "swap on /dev/dm-2 is not encrypted", put("/sys/class/block/dm-2/dm/uuid", "LVM-2222\n")),
    Seeded("p06", "swap-file", "swap on /boot/efi/swap is not encrypted", edit("/proc/swaps", "/dev/dm-2 partition", "/boot/efi/swap file")),
    Seeded("p06", "cores", "core dumps go to core", put("/proc/sys/kernel/core_pattern", "core\n")),
    Seeded("p06", "core-pipe", "core dumps go to |/usr/lib/systemd", put("/proc/sys/kernel/core_pattern", "|/usr/lib/systemd/systemd-coredump %P\n")),
    Seeded("p06", "core-escape", "core dumps go to ?[31m/tmp/core", put("/proc/sys/kernel/core_pattern", "\x1b[31m/tmp/core\n")),
    Seeded("p06", "hibernates", "can hibernate", put("/sys/power/state", "freeze mem disk\n")),
    Seeded("p06", "lane-stopped", "does not run", put("/proc/500/cmdline", "/usr/bin/wayseal\0equipment\0assess\0")),
    Seeded("p06", "memlock", "may lock 65536 bytes", edit("/proc/500/limits", "268435456            268435456", "65536                65536")),
    Seeded("p07", "rsa-key", "pem private key", put_key("/home/vendor/decrypt.pem", generate_private_key(65537, 2048))),
    Seeded("p07", "x25519-der", "pkcs8-x25519", put_key("/opt/tool/k.bin", X25519PrivateKey.from_private_bytes(bytes(32)), encoding=Encoding.DER)),
    Seeded("p07", "age-key", "age in inode", put("/root/.config/keys.txt", f"# created\n{AGE_KEY}\n")),
    Seeded("p07", "behind-two-mib", "age in inode", put("/media/stick/film.bin", bytes(2 * 2**20) + AGE_KEY.encode())),
    Seeded("p07", "in-memory-disk", "age in inode", put("/dev/shm/k", f"{AGE_KEY}\n")),  # noqa: S108
    Seeded("p07", "left-behind", "age in inode", put("/var/tmp/k", f"{AGE_KEY}\n")),  # noqa: S108
    Seeded("p07", "mounted", "age in inode", put("/mnt/backup/k", f"{AGE_KEY}\n")),
    Seeded("p07", "java-keystore", "java-keystore", put("/opt/app/keys.jks", java_store(1))),
    Seeded("p07", "epoch-file", "epoch-seed", put("/var/lib/wayseal/keyroom/epochs/citizen%2F2026-11-22T08Z.epoch", EPOCH_FILE)),
    Seeded("p07", "epoch-kek", "epoch-kek", put("/var/lib/wayseal/keyroom/keks/citizen%2F2026-11-22T08Z.kek", b"WKEK1" + bytes(40))),
    Seeded("p07", "undeclared-signing-key", "pem private key", put_key("/srv/k.pem", Ed25519PrivateKey.from_private_bytes(bytes(32)))),
    Seeded("p07", "key-in-declared-place", "pem private key", put_key("/etc/ssl/private/server.key", X25519PrivateKey.from_private_bytes(bytes(32)))),
    Seeded("p07", "token", "PKCS#11 token", put("/var/lib/softhsm/tokens/1234/9f.object", b"\0" * 8)),
    Seeded("p07", "keyring", "kernel keyring", edit("/proc/keys", "invocation_id: 16", "wayseal:epoch: 32")),
    Seeded("p08", "foreign-suite", "sealed with suite 1", declare(suites=(2,))),
    Seeded("p08", "old-openssl", "below 99.0.0", declare(openssl_floor="99.0.0")),
    Seeded("p13", "other-kernel", "PCR 11 is not as declared", put("/sys/class/tpm/tpm0/pcr-sha256/11", "00" * 32)),
    Seeded("p13", "other-root", "not the signed one", edit("/proc/cmdline", "roothash=5c", "roothash=5d")),
    Seeded("p13", "no-verity", "verity hash none", put("/sys/block/dm-0/dm/uuid", "LVM-1\n")),
    Seeded("p13", "no-tpm", "no TPM", lambda tree: tree.remove("/sys/class/tpm/tpm0")),
    Seeded("p14", "unsigned-firmware", "is not signed", lambda tree: tree.remove("/lib/firmware/bridge.bin.sig")),
    Seeded("p14", "other-firmware", "is not the declared version", lambda tree: tree.sign("/lib/firmware/bridge.bin", b"firmware 4")),
    Seeded("p14", "other-bios", "BIOS version is F11", put("/sys/class/dmi/id/bios_version", "F11\n")),
    Seeded("p16", "ptrace", "sysctl_kernel_yama_ptrace_scope", put("/proc/sys/kernel/yama/ptrace_scope", "0\n")),
    Seeded("p16", "second-root", "accounts_no_uid_except_zero", edit("/etc/passwd", "wayseal:x:990", "toor:x:0:0:::/bin/sh\nwayseal:x:990")),
    Seeded("p16", "empty-password", "no_empty_passwords", edit("/etc/shadow", "wayseal:!", "wayseal:")),
    Seeded("p16", "ssh-passwords", "sshd_disable_password_auth", edit("/etc/ssh/sshd_config.d/10-wayseal.conf", "PasswordAuthentication no", "")),
    Seeded("p16", "ssh-pam-passwords", "wayseal_sshd_keyboard_interactive", edit("/etc/ssh/sshd_config.d/10-wayseal.conf", "ChallengeResponseAuthentication no", "")),
    Seeded("p16", "ssh-not-included", "sshd_disable_root_login", edit("/etc/ssh/sshd_config", "Include /etc/ssh/sshd_config.d/*.conf", "")),
    Seeded("p16", "ssh-started-with-option", "sshd_disable_password_auth_listening_1", ssh_server("-D -o PasswordAuthentication yes")),
    Seeded("p16", "ssh-started-with-file", "sshd_disable_root_login_listening_1", ssh_server("-f /opt/sshd.conf", "PermitRootLogin yes\n")),
    Seeded("p16", "ssh-file-is-gone", "sshd_disable_root_login_listening_1", ssh_server("-f /opt/sshd.conf")),
    Seeded("p16", "ssh-match", "sshd_disable_root_login", edit("/etc/ssh/sshd_config", "PermitRootLogin no", "PermitRootLogin yes")),
    Seeded("p17", "stranger", "not in the bill (/usr/local/bin/sync-tool)", run_stranger),
    Seeded("p17", "old-bill", "33 days old", lambda tree: tree.sign(tree.facts.sbom, make_bill(tree, NOW - timedelta(days=33)))),
    Seeded("p17", "self-signed-bill", "not signed by a declared signer", lambda tree: tree.sign(tree.facts.sbom, make_bill(tree, NOW), Ed25519PrivateKey.generate())),
    Seeded("p18", "open-hole", "CVE-2026-0001 in openssl", lambda tree: tree.sign(tree.facts.feed, make_feed(NOW, fixed="3.0.18-1"))),
    Seeded("p18", "old-feed", "9 days old", lambda tree: tree.sign(tree.facts.feed, make_feed(NOW - timedelta(days=9)))),
    Seeded("p23", "one-source", "1 time sources agree", show_clock("^,*,192.0.2.1,2,6,377,21,0.0000123,0.0000123,0.01")),
    Seeded("p23", "an-hour-off", "3600.0 s away", show_clock("^,*,192.0.2.1,2,6,377,21,0.1,0.1,0.01", "^,+,192.0.2.2,2,6,377,9,0.1,0.1,0.01", "^,x,192.0.2.3,2,6,377,9,3600.0,3600.0,0.01")),
    Seeded("p23", "falsetickers", "0 time sources agree", show_clock("^,x,192.0.2.1,2,6,377,21,0.1,0.1,0.01", "^,x,192.0.2.2,2,6,377,9,-0.9,-0.9,0.01")),
    Seeded("p23", "clock-not-set", "the clock is +3600.0 s from chrony's time", show_tracking(",0.000012345,", ",3600.000000000,")),
    Seeded("p23", "not-in-step", "follows no source", show_tracking("Normal", "Not synchronised")),
    Seeded("p28", "opened", "the case was opened", put("/sys/class/hwmon/hwmon0/intrusion0_alarm", "1\n")),
    Seeded("p28", "seal-broken", "gpio17/value reads 0", put("/sys/class/gpio/gpio17/value", "0\n")),
    Seeded("p28", "other-disk", "disk sda is not in the inventory", put("/sys/block/sda/device/vpd_pg80", b"\0\x80\0\x08DISK-666")),
    Seeded("p28", "one-serial-twice", "two disks show one serial", lambda tree: (tree.put("/sys/block/sdb/size", "2048\n"), tree.put("/sys/block/sdb/device/serial", "DISK-001\n"), tree.put("/dev/sdb", bytes(4096)))),
    Seeded("p28", "second-disk", "disk sdb is not in the inventory", lambda tree: (tree.put("/sys/block/sdb/size", "2048\n"), tree.put("/sys/block/sdb/device/serial", "USB-1\n"), tree.put("/dev/sdb", bytes(4096)))),
)  # fmt: skip
