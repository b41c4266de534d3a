"""What was declared of a host before anybody looked: inventory, component definition, trusted signers, and limits.

The assessor sends it with the nonce, and the bundle names its digest: a host cannot choose what it is measured against.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

import rfc8785

from wayseal.model.errors import Invalid

BOOT_PCRS: Final = (0, 2, 4, 7, 11)
"""Firmware, option ROMs, boot loader, secure boot state, and the unified kernel image."""


@dataclass(frozen=True, slots=True)
class HostFacts:
    """The declared state of one host. Paths are paths of the host; digests are SHA-256 in hex."""

    spool: str = "/var/lib/wayseal/lanes"
    """Folder whose segment files may hold sealed records and nothing else but the queue's database."""
    service: str = "wayseal"
    """The name of the lane's process as the kernel knows it (`/proc/PID/comm`)."""
    key_folders: tuple[str, ...] = (
        "/etc",
        "/root",
        "/home",
        "/opt",
        "/srv",
        "/usr/local",
        "/var/lib",
        "/run",
        "/tmp",  # noqa: S108 - searched, not used
        "/var/tmp",  # noqa: S108
        "/var/backups",
        "/var/mail",
        "/var/spool",
        "/dev/shm",  # noqa: S108
        "/mnt",
        "/media",
        "/boot",
    )
    """Where keys are searched: wherever somebody may write, and what may be mounted beside the disk."""
    signing_keys: tuple[str, ...] = (
        "/etc/ssh/ssh_host_*_key",
        "/etc/ssl/private/*",
        "/var/lib/wayseal/lanes/*/tls/*",
    )
    """Patterns of the files that may hold keys, of kinds that only sign."""
    chassis_serial: str | None = None
    disk_serials: tuple[str, ...] = ()
    seals: Mapping[str, str] = field(default_factory=dict)
    """What each tamper sensor reads when the case is shut, by path: `hwmon0/intrusion0_alarm` is 0, a GPIO seal 1."""
    suites: tuple[int, ...] = (1,)
    openssl_floor: str = "3.0.0"
    memlock_bytes: int = 64 * 2**20
    """How much memory the lane's process must be allowed to lock."""
    pcrs: Mapping[str, str] = field(default_factory=dict)
    """Golden SHA-256 PCR values by number, as text: those of `BOOT_PCRS`."""
    verity_root: str | None = None
    firmware: Mapping[str, str] = field(default_factory=dict)
    """Digest by path of each firmware image that the host can show."""
    bios_version: str | None = None
    signers: tuple[str, ...] = ()
    """Raw Ed25519 public keys (hex) of those who may sign firmware, bills of materials and vulnerability feeds."""
    sbom: str = "/usr/share/wayseal/sbom.cdx.json"
    feed: str = "/usr/share/wayseal/known-exploited.json"
    time_sources: int = 2
    quote_handle: str = "0x81010002"
    """The persistent handle of the TPM's quoting key."""
    tcti: str = ""

    def encode(self) -> bytes:
        """Return the facts as RFC 8785 JSON."""
        return rfc8785.dumps(json.loads(json.dumps(asdict(self))))

    @property
    def sha256(self) -> str:
        """SHA-256 (hex) of the encoded facts: what a bundle names."""
        return hashlib.sha256(self.encode()).hexdigest()


def decode_facts(raw: bytes) -> HostFacts:
    """Return the facts that canonical JSON encodes. Raises `Invalid` for a missing, unknown or wrong field."""
    wrong = Invalid("not the facts of a host", hint="Write them with HostFacts.encode.")
    try:
        values: dict[str, Any] = json.loads(raw)
        values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        facts = HostFacts(**values)
        same = facts.encode() == raw and set(values) == {one.name for one in fields(HostFacts)}
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise wrong from None
    if not same or not all(
        _has_type(getattr(facts, name), default) for name, default in asdict(HostFacts()).items()
    ):
        raise wrong
    return facts


def _has_type(value: Any, default: Any) -> bool:
    """Say whether a value is of the kind that the default of its field is; None stands for optional text."""
    if default is None:
        return value is None or isinstance(value, str)
    return isinstance(value, type(default)) and not isinstance(value, bool)
