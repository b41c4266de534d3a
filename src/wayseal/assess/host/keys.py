"""Probe 7: no key that opens records lies on the lane computer: in files, tokens, keyrings, or a keyroom's own folders.

A lane may hold keys that only sign, where they were declared. What is found is told by kind and inode, never by its bytes,
and not by its file's name. A raw 32-byte seed without any form around it cannot be told from chance; see the ADR.
"""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from wayseal.assess.host.view import HostView
from wayseal.assess.probe import Seen, broken, judge, probe

FILE_LIMIT: Final = 32 * 2**20
"""How much of each file is read: a key may be appended to something larger. How many were longer is evidence."""

FILES_LIMIT: Final = 100_000
_PEM: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]{0,30}PRIVATE KEY)-----[\s\S]{16,20000}?-----END \1-----")
_MARKS: Final[tuple[tuple[str, bytes, re.Pattern[bytes]], ...]] = (
    ("age", b"SECRET-KEY-", re.compile(rb"AGE-SECRET-KEY-(?:PQ-)?1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{40,}")),
    ("age", b"secret-key-", re.compile(rb"age-secret-key-(?:pq-)?1[qpzry9x8gf2tvdw0s3jn54khce6mua7l]{40,}")),
    ("pkcs8-x25519", b"\x03\x2b\x65\x6e\x04\x22", re.compile(rb"\x02\x01.\x30\x05\x06\x03\x2b\x65\x6e\x04\x22\x04\x20", re.DOTALL)),
    ("pkcs8-ml-kem", b"\x86\x48\x01\x65\x03\x04\x04", re.compile(rb"\x02\x01\x00\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x04[\x01-\x03]")),
    ("pkcs8-rsa", b"\xf7\x0d\x01\x01\x01\x05", re.compile(rb"\x02\x01\x00\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x04\x82")),
    ("pkcs12", b"\xf7\x0d\x01\x07\x01", re.compile(rb"\A\x30\x82..\x02\x01\x03\x30.{0,4}\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01", re.DOTALL)),
    ("gnupg", b"private-key", re.compile(rb"\((?:\d+:|)(?:protected-|shadowed-)?private-key[( \n]")),
    ("jwk", b'"kty"', re.compile(rb'"kty"\s*:\s*"(?:OKP|EC|RSA)"[^}]{0,4000}"d"\s*:\s*"[A-Za-z0-9_-]{20,}"')),
    ("epoch-seed", b'{"epoch"', re.compile(rb'\A\{"epoch": ?"[^"]{1,60}"[^}]{0,3000}"seed": ?"')),
)  # fmt: skip
"""Forms of private keys that can open something, and the files of a keyroom: kind, bytes that must be there, form."""

_JAVA: Final = b"\xfe\xed\xfe\xed"
_KEK: Final = b"WKEK1"
_EPOCH_LABEL: Final = re.compile(r"%2F\d{4}-\d{2}-\d{2}T\d{2}Z")
_KEYRING_LINE: Final = re.compile(r"^[0-9a-f]{8} \S+ +\d+ \S+ [0-9a-f]{8} +\d+ +\d+ (\S+) +(.*)$")


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A key on the host: where (inode, or the name of a token or keyring) and of what kind."""

    place: str
    kind: str


@probe("p07", where="host")
def check_keys(view: HostView) -> Seen:
    """Pass when files, PKCS#11 tokens and kernel keyrings of the host hold no key that could open a record."""
    count, longer, found = _search_files(view)
    found += [*_search_tokens(view), *_search_keyrings(view)]
    faults = (
        [f"{len(found)} keys that could open records ({found[0].kind} in {found[0].place})"] if found else []
    )
    if count > FILES_LIMIT and not found:
        return broken(f"more than {FILES_LIMIT} files: the rest was not searched", files=count)
    if not count:
        return broken("there is no file to search", folders=list(view.facts.key_folders))
    facts = {
        "folders": list(view.facts.key_folders),
        "files": count,
        "longer_than_read": longer,
        "found": [[one.place, one.kind] for one in found[:100]],
    }
    return judge(faults, f"no key that opens records in {count} files, in tokens or in keyrings", **facts)


def _search_files(view: HostView) -> tuple[int, int, list[FoundKey]]:
    """Return how many files were read, how many of them not to their end, and the keys in them."""
    count, longer, found, seen = 0, 0, list[FoundKey](), set[tuple[int, int]]()
    for name, path in _list_files(view):
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        data = _read_start(path)
        count += 1
        longer += status.st_size > FILE_LIMIT
        declared = any(fnmatch(name, pattern) for pattern in view.facts.signing_keys)
        found += [
            FoundKey(f"inode {status.st_ino}", kind) for kind in key_kinds(name, data, declared=declared)
        ]
        if count > FILES_LIMIT:
            break
    return count, longer, found


def _list_files(view: HostView) -> Iterator[tuple[str, Path]]:
    """Yield host path and real path of everything in the folders where keys are kept; links are not followed."""
    for folder in view.facts.key_folders:
        top = view.path(folder)
        for place, _, names in os.walk(top):
            for name in sorted(names):
                path = Path(place, name)
                yield f"{folder}/{path.relative_to(top)}", path


def _read_start(path: Path) -> bytes:
    """Return a file's first 32 MiB; a file that went away meanwhile is empty."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return b""
    with os.fdopen(descriptor, "rb") as file:
        return file.read(FILE_LIMIT)


def key_kinds(name: str, data: bytes, *, declared: bool) -> list[str]:
    """Return the kinds of keys in a file that may not be there. `declared` files may hold keys that only sign."""
    kinds = [kind for kind, literal, form in _MARKS if literal in data and form.search(data)]
    if data.startswith(_JAVA) and not _is_trust_store(data):
        kinds.append("java-keystore")
    if data.startswith(_KEK) and _EPOCH_LABEL.search(Path(name).name):
        kinds.append("epoch-kek")
    found = _PEM.finditer(data) if b"PRIVATE KEY-----" in data else ()
    blocks = (one for one in found if not (declared and _only_signs(one.group())))
    return kinds + [f"pem {block[1].decode().lower()}" for block in blocks]


def _is_trust_store(data: bytes) -> bool:
    """Say whether a Java key store (JKS) holds certificates alone; one that cannot be read to its end does not count as such."""
    count, at = int.from_bytes(data[8:12], "big"), 12
    for _ in range(count):
        if data[at : at + 4] != b"\0\0\0\2":  # 1 would be a private key
            return False
        at += 4 + 2 + int.from_bytes(data[at + 4 : at + 6], "big") + 8  # alias, date
        at += 2 + int.from_bytes(data[at : at + 2], "big")  # the certificate's type
        at += 4 + int.from_bytes(data[at : at + 4], "big")
    return at + 20 == len(data)  # the store's own digest


def _only_signs(pem: bytes) -> bool:
    """Say whether a PEM block is a key for signatures: OpenSSH host keys, Ed25519, or a P-256 key for TLS 1.3."""
    if b"OPENSSH PRIVATE KEY" in pem:
        return True
    try:
        key = load_pem_private_key(pem, password=None)
    except (TypeError, ValueError):  # encrypted, or of no kind that we know
        return False
    return isinstance(key, Ed25519PrivateKey | EllipticCurvePrivateKey)


def _search_tokens(view: HostView) -> Iterator[FoundKey]:
    """Yield PKCS#11 software tokens that hold objects (SoftHSM keeps one file for each)."""
    top = "/var/lib/softhsm/tokens"
    for token in view.list_names(top):
        names = view.list_names(f"{top}/{token}")
        objects = [name for name in names if name.endswith(".object") and name != "token.object"]
        if objects:
            yield FoundKey("a PKCS#11 token", f"{len(objects)} objects")


def _search_keyrings(view: HostView) -> Iterator[FoundKey]:
    """Yield what the kernel's keyrings hold beside the keys of the disks: user keys of the size of a seed or more."""
    for line in (view.read_text("/proc/keys") or "").splitlines():
        match = _KEYRING_LINE.match(line)
        if match is None or match[1] != "user":
            continue
        description, _, size = match[2].rpartition(": ")
        if not description.startswith("cryptsetup:") and size.isdigit() and int(size) >= 32:
            yield FoundKey("a kernel keyring", f"user key of {size} bytes")
