"""The thief's tools: find sealed records and key material on what was taken, and try every key on every record.

Written against docs/spec/sealed-record.md with a cryptography library alone; a thief has the source of this program, but not the
keyroom. Holds what it opened only as counts. The tools are tried on a record whose key is among the loot each time: a thief whose
tools do not work proves nothing.
"""

import base64
import binascii
import hashlib
import json
import mmap
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

from wayseal.model.clock import utc_now
from wayseal.model.custody import EpochKey, Kind, SealHeader
from wayseal.model.errors import Integrity, Invalid, KeeperLocked, NotFound, SealBroken, WaysealError
from wayseal.model.ids import RecordId, epoch_id, new_ulid
from wayseal.seal.device import seal_body
from wayseal.seal.envelope import INFO, MAGIC, Envelope, Wrap, read_envelope
from wayseal.seal.keys import EpochVault, FileKeeper, SigningIdentity
from wayseal.seal.keys.vault import seed_context
from wayseal.seal.suite import HPKE, PUBLIC_SIZE, SEED_SIZE, derive_public, expand_seed, key_id

LARGE = 1 << 20
SMALL = 512
_TEXT = re.compile(rb"[A-Za-z0-9+/=_-]{20,4096}")
_STARTS = {
    Kind.FACE: b"\xff\xd8\xff",
    Kind.PLATE: b"\xff\xd8\xff",
    Kind.SCENE: b"\xff\xd8\xff",
    Kind.DOCUMENT: b"{",
}
_CONTROL_BODY = b"\xff\xd8\xff a control record of the drill"


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed record on a medium: what trying keys needs at once, and where its bytes are. `raw` is set where they are at hand."""

    header: SealHeader
    aad: bytes
    wraps: tuple[Wrap, ...]
    nonce: bytes
    start: bytes
    place: tuple[Path, int, int] | None
    raw: bytes = field(default=b"", repr=False)

    @classmethod
    def of(cls, envelope: Envelope, place: tuple[Path, int, int] | None = None) -> "Sealed":
        """Return a record that was found at (file, offset, size), or one at hand."""
        raw = b"" if place is not None else bytes(envelope.original)
        start = bytes(envelope.ciphertext[:3])
        return cls(envelope.header, envelope.aad, envelope.wraps, envelope.nonce, start, place, raw)

    def read(self) -> Envelope:
        """Return the whole record."""
        if self.place is None:
            return read_envelope(self.raw)
        file, at, size = self.place
        with file.open("rb") as stream:
            stream.seek(at)
            return read_envelope(stream.read(size))


@dataclass(frozen=True, slots=True)
class Loot:
    """What was found on a medium: sealed records, candidates for keys (32 bytes each), and keepers that a passphrase opened."""

    records: tuple[Sealed, ...]
    keys: tuple[bytes, ...] = field(repr=False)
    keepers: int = 0
    keepers_opened: int = 0
    publics: frozenset[bytes] = field(default=frozenset(), repr=False)
    """Epochs' public halves, as rosters list them: they let a thief try a private half quickly."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What trying came to: how many records, keys and tries, and which records opened."""

    records: int
    keys: int
    tries: int
    opened: frozenset[RecordId]
    keepers: int
    keepers_opened: int
    records_seen: frozenset[RecordId] = frozenset()
    """Which records were there to be tried."""

    def describe(self) -> dict[str, object]:
        """Return the figures as evidence."""
        return {
            "sealed_records": self.records, "keys_tried": self.keys, "tries": self.tries, "opened": len(self.opened),
            "keepers_found": self.keepers, "keepers_opened": self.keepers_opened, "control_opened": True,
        }  # fmt: skip


def search_loot(paths: Iterable[Path], guesses: Iterable[bytes] = ()) -> Loot:
    """Return what lies in folders: every sealed record, and everything that could be a key, keepers opened by the guesses included."""
    files = [file for path in paths for file in _list_files(path)]
    words, records = {*guesses}, dict[bytes, Sealed]()
    keys: dict[bytes, None] = {}
    publics = set[bytes]()
    for file in files:
        size = file.stat().st_size
        if not size:
            continue
        with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as pages:
            for at, envelope in find_records(pages):
                found = Sealed.of(envelope, (file, at, len(envelope.original)))
                records[found.aad] = found
        if size <= LARGE:
            data = file.read_bytes()
            keys.update(dict.fromkeys(_list_keys(data)))
            publics |= {
                raw for text in _TEXT.findall(data) for raw in _decode(text) if len(raw) == PUBLIC_SIZE
            }
            words |= _list_words(file, data)
    keepers = [file.parent for file in files if file.name == "keeper.json"]
    opened = 0
    for folder in keepers:
        keeper = _open_keeper(folder, sorted(words))
        if keeper is not None:
            opened += 1
            keys.update(dict.fromkeys(_empty_keeper(keeper, folder, files)))
    return Loot(tuple(records.values()), tuple(keys), len(keepers), opened, frozenset(publics))


def find_records(data: bytes | mmap.mmap) -> Iterator[tuple[int, Envelope]]:
    """Yield (offset, record) of every sealed record in a run of bytes, wherever it lies."""
    at = data.find(MAGIC)
    while at >= 0:
        with suppress(ValueError, KeyError, IndexError, Invalid, SealBroken):
            yield at, read_envelope(data[at : at + _length_at(data, at)])
        at = data.find(MAGIC, at + 1)


def _length_at(data: bytes | mmap.mmap, at: int) -> int:
    """Return how long the device's part of a record is, by its own header."""
    size = int.from_bytes(data[at + 9 : at + 11], "big")
    header = json.loads(data[at + 11 : at + 11 + size])
    wraps = at + 11 + size
    return wraps + 1 + data[wraps] * 1184 + 12 + int(header["padded_size"]) + 16 + 64 - at


def try_keys(loot: Loot) -> Tried:
    """Try every key on every record: as the private half that its wraps are sealed to, and as its data key.

    A private half is tried where its public half's digest is named, which the format tells; a data key on the first block of
    every record and, where that looks like a picture or a document, on the whole. Raises `Integrity` when the control fails.
    """
    control, seed = make_control()
    keys_here = loot.keys if loot.records else ()
    records = (*loot.records, Sealed.of(control))
    keys = tuple(dict.fromkeys((*keys_here, seed)))
    opened = _try_seeds(records, keys, {*loot.publics, derive_public(seed)}) | _try_data_keys(records, keys)
    if control.header.object_id not in opened:
        raise Integrity("the thief's tools do not open a record whose key they have: the drill shows nothing")
    return Tried(
        len(loot.records), len(loot.keys), len(loot.keys) * len(loot.records) * 2,
        frozenset(opened - {control.header.object_id}), loot.keepers, loot.keepers_opened,
        frozenset(one.header.object_id for one in loot.records),
    )  # fmt: skip


def make_control() -> tuple[Envelope, bytes]:
    """Return a record of nobody and the private seed that opens it."""
    seed, now = os.urandom(SEED_SIZE), utc_now()
    epoch = epoch_id("citizen", now)
    record = seal_body(
        _CONTROL_BODY, object_id=RecordId(new_ulid(now)), lane="control", kind=Kind.FACE,
        epoch_keys=[EpochKey(epoch, derive_public(seed))], sealed_at=now,
        signer=SigningIdentity("control", os.urandom(32)),
    )  # fmt: skip
    return read_envelope(record.data), seed


def _try_seeds(records: Iterable[Sealed], keys: Iterable[bytes], publics: Iterable[bytes]) -> set[RecordId]:
    """Return the records that some key opens as an epoch's private half.

    Where the public half of every wrap is known, a key is first tried on its short part (X25519), which is ten times quicker.
    """
    wanted: dict[bytes, list[tuple[Sealed, bytes, bytes]]] = {}
    for one in records:
        for wrap in one.wraps:
            wanted.setdefault(wrap.key_id, []).append((one, wrap.sealed_key, INFO + one.aad))
    known = {key_id(public): public[-32:] for public in publics}
    short = {known[name] for name in wanted} if wanted.keys() <= known.keys() else None
    opened = set()
    for seed in keys:
        if short is not None and _short_public(seed) not in short:
            continue
        for one, sealed, info in wanted.get(key_id(derive_public(seed)), ()):
            with suppress(InvalidTag, ValueError):
                data_key = HPKE.decrypt(sealed, MLKEM768X25519PrivateKey(*expand_seed(seed)), info)
                if _opens(one, data_key):
                    opened.add(one.header.object_id)
    return opened


def _short_public(seed: bytes) -> bytes:
    """Return the X25519 part of the public half that belongs to an X-Wing seed."""
    private = X25519PrivateKey.from_private_bytes(hashlib.shake_256(seed).digest(96)[64:])
    return private.public_key().public_bytes_raw()


def _try_data_keys(records: Iterable[Sealed], keys: Iterable[bytes]) -> set[RecordId]:
    """Return the records that some key opens as their data key: the first block of all records at once for each key."""
    known = [(one, _STARTS[one.header.kind]) for one in records if one.header.kind in _STARTS]
    counters = b"".join(one.nonce + b"\0\0\0\2" for one, _ in known)
    first = np.frombuffer(b"".join(one.start for one, _ in known), np.uint8).reshape(-1, 3)
    starts = np.frombuffer(b"".join(start.ljust(3, b"\0") for _, start in known), np.uint8).reshape(-1, 3)
    matters = starts != 0
    opened = set()
    for key in keys:
        stream = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(counters)  # noqa: S305 - counter mode by hand
        plain = np.frombuffer(stream, np.uint8).reshape(-1, 16)[:, :3] ^ first
        for place in np.flatnonzero(((plain == starts) | ~matters).all(axis=1)):
            if _opens(known[place][0], key):
                opened.add(known[place][0].header.object_id)
    return opened


def _opens(sealed: Sealed, data_key: bytes) -> bool:
    """Say whether a data key opens a record. What it shows is not kept."""
    record = sealed.read()
    try:
        AESGCM(data_key).decrypt(record.nonce, bytes(record.ciphertext), record.aad)
    except (InvalidTag, ValueError):
        return False
    return True


def _list_files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    for folder, _, names in os.walk(path):
        yield from (
            file
            for name in sorted(names)
            if (file := Path(folder) / name).is_file() and not file.is_symlink()
        )


def _list_keys(data: bytes) -> Iterator[bytes]:
    """Yield what could be 32 bytes of key: texts in hex and base64, and small files, each at every offset."""
    for found in _TEXT.finditer(data):
        for raw in _decode(found.group()):
            if SEED_SIZE <= len(raw) <= 128:
                yield from _slide(raw)
    if len(data) <= SMALL:
        yield from _slide(data)


def _decode(text: bytes) -> Iterator[bytes]:
    with suppress(ValueError):
        yield bytes.fromhex(text.decode())
    with suppress(ValueError, binascii.Error):
        yield base64.b64decode(
            text + b"=" * (-len(text) % 4), altchars=b"-_" if {45, 95} & set(text) else None
        )


def _slide(raw: bytes) -> Iterator[bytes]:
    """Yield every run of 32 bytes that is not plain text."""
    for at in range(len(raw) - SEED_SIZE + 1):
        part = raw[at : at + SEED_SIZE]
        if len(set(part)) > 16 and not part.isascii():
            yield part


def _list_words(file: Path, data: bytes) -> set[bytes]:
    """Return what could be a passphrase: the whole of a short one-line text file."""
    text = data.strip()
    return (
        {text}
        if 12 <= len(text) <= 200 and b"\n" not in text and text.isascii() and file.suffix != ".json"
        else set()
    )


def _open_keeper(folder: Path, words: Iterable[bytes]) -> FileKeeper | None:
    """Return a key keeper that one of the words opens, or None."""
    for word in words:
        with suppress(KeeperLocked, Integrity):
            return FileKeeper.open(folder, word)
    return None


def _empty_keeper(keeper: FileKeeper, folder: Path, files: Iterable[Path]) -> Iterator[bytes]:
    """Yield every secret that an open keeper unwraps: epochs' seeds first, then whatever lies wrapped beside it."""
    for place in {file.parent for file in files if file.suffix == ".epoch"}:
        vault = EpochVault(keeper, place, utc_now)
        for key in vault.epoch_keys():
            with suppress(WaysealError):
                public, wrapped = vault.read_pair(key.epoch)
                yield bytes(keeper.unwrap(key.epoch, wrapped, seed_context(key.epoch, public)))
    for file in files:
        if file.suffix == ".secret" and file.is_relative_to(folder.parent):
            label = file.name.removesuffix(".secret").replace("%2F", "/")
            with suppress(WaysealError, NotFound):
                secret = bytes(
                    keeper.unwrap(label, file.read_bytes(), b"wayseal-secret/v1/" + label.encode())
                )
                yield from _slide(secret) if len(secret) >= SEED_SIZE else ()


COMMON = (
    b"correct horse battery staple",
    b"Password123!",
    b"administrator",
    b"wayseal-wayseal",
    b"changeme-changeme",
)
"""What people choose who choose badly, at the keeper's least length."""
