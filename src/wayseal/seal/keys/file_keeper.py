"""The default keeper: one file for each KEK under a root key, and the root key under a passphrase (argon2id).

Nothing is in the clear on disk, and nothing opens without the passphrase. What it cannot do is answer for the medium:
remnants of a destroyed file may survive on flash or in a journal and open for whoever has the passphrase. An HSM or a
TPM keeper is the answer to that.
"""

import base64
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from wayseal.model.errors import Integrity, Invalid, KeeperLocked
from wayseal.seal.keys.durable import (
    file_name,
    label_of,
    lock_folder,
    make_folder,
    read_json,
    wipe_file,
    write_file,
)
from wayseal.seal.keys.keeper import check_label, no_key, wrong_wrap

_MAGIC: Final = b"WKEK1"
_SUFFIX: Final = ".kek"
_ROOT: Final = "keeper.json"
_ROOT_CONTEXT: Final = b"wayseal-file-keeper/v1/root"
_KEK_CONTEXT: Final = b"wayseal-file-keeper/v1/kek/"
_NONCE: Final = 12
_SHORTEST_PASSPHRASE: Final = 12
_ROOT_FIELDS: Final = {
    "format": str,
    "salt": str,
    "memory_kib": int,
    "iterations": int,
    "lanes": int,
    "root": str,
}


@dataclass(frozen=True, slots=True)
class PassphraseCost:
    """What one guess at the passphrase costs (argon2id). The default is RFC 9106's second recommended option."""

    memory_kib: int = 64 * 1024
    iterations: int = 3
    lanes: int = 4

    def check(self) -> None:
        """Raise `Integrity` for a cost that nobody sets: it would hang or exhaust the machine."""
        if not (8 * self.lanes <= self.memory_kib <= 4 * 1024 * 1024):
            raise Integrity("the keeper's passphrase parameters are damaged")
        if not (1 <= self.iterations <= 100 and 1 <= self.lanes <= 64):
            raise Integrity("the keeper's passphrase parameters are damaged")


class FileKeeper:
    """A `KeyKeeper` in a folder. `FileKeeper.create` makes one, `FileKeeper.open` opens it; both need the passphrase."""

    def __init__(self, folder: Path, root: bytes | bytearray) -> None:
        self._folder = folder
        self._root = AESGCM(root)

    @classmethod
    def create(cls, folder: Path, passphrase: bytes, *, cost: PassphraseCost | None = None) -> "FileKeeper":
        """Make a keeper in an empty or new folder. Raises `Invalid` when one is there or the passphrase is too short."""
        make_folder(folder, keep_out_of_backups=True)
        with lock_folder(folder):
            if (folder / _ROOT).exists():
                raise Invalid("there is a key keeper in this folder already", hint="Choose another home.")
            root = os.urandom(32)
            _write_root(folder, root, passphrase, cost or PassphraseCost())
        return cls(folder, root)

    @classmethod
    def open(cls, folder: Path, passphrase: bytes) -> "FileKeeper":
        """Open a keeper. Raises `KeeperLocked` for a wrong passphrase, and when no keeper is there."""
        if not (folder / _ROOT).is_file():
            raise KeeperLocked("there is no key keeper here", hint="Make the home first: wayseal init.")
        return cls(folder, _read_root(folder, passphrase))

    def change_passphrase(self, old: bytes, new: bytes, *, cost: PassphraseCost | None = None) -> None:
        """Put the root key under a new passphrase; KEKs stay. Raises `KeeperLocked` when `old` is wrong."""
        with lock_folder(self._folder):
            _write_root(self._folder, _read_root(self._folder, old), new, cost or PassphraseCost())

    def create_key(self, label: str) -> None:
        """Make a KEK file. See `KeyKeeper`."""
        path = self._path(label)
        nonce = os.urandom(_NONCE)
        sealed = self._root.encrypt(nonce, os.urandom(32), _KEK_CONTEXT + label.encode())
        with lock_folder(self._folder):
            if self.has_key(label):
                raise Invalid(
                    f"there is a key {label} already", hint="Destroy it first, or choose another label."
                )
            write_file(path, _MAGIC + nonce + sealed)

    def has_key(self, label: str) -> bool:
        """Return whether the KEK's file is there and was not overwritten. See `KeyKeeper`."""
        try:
            with self._path(label).open("rb") as file:
                return file.read(len(_MAGIC)) == _MAGIC
        except FileNotFoundError:
            return False

    def wrap(self, label: str, secret: bytes | bytearray, context: bytes) -> bytes:
        """Return nonce and AES-256-GCM of the secret. See `KeyKeeper`."""
        nonce = os.urandom(_NONCE)
        return nonce + self._load(label).encrypt(nonce, secret, context)

    def unwrap(self, label: str, blob: bytes, context: bytes) -> bytearray:
        """Return the secret. See `KeyKeeper`."""
        if len(blob) < _NONCE + 16:
            raise wrong_wrap(label)
        secret = bytearray(len(blob) - _NONCE - 16)
        try:
            self._load(label).decrypt_into(blob[:_NONCE], blob[_NONCE:], context, secret)
        except InvalidTag:
            raise wrong_wrap(label) from None
        return secret

    def destroy(self, label: str) -> None:
        """Overwrite and remove the KEK's file. See `KeyKeeper`."""
        with lock_folder(self._folder):
            wipe_file(self._path(label))

    def labels(self) -> tuple[str, ...]:
        """Return the labels of the KEK files. See `KeyKeeper`."""
        found = (label_of(path.name, _SUFFIX) for path in self._folder.glob("*" + _SUFFIX))
        return tuple(sorted(label for label in found if self.has_key(label)))

    def describe(self) -> str:
        """Say what this keeper is. See `KeyKeeper`."""
        return "file keeper with passphrase (argon2id); remnants on flash or in journals are not excluded"

    def _path(self, label: str) -> Path:
        return self._folder / file_name(check_label(label), _SUFFIX)

    def _load(self, label: str) -> AESGCM:
        """Return the KEK, ready to use. Raises `NotFound`, or `Integrity` when its file is damaged."""
        try:
            blob = self._path(label).read_bytes()
        except FileNotFoundError:
            raise no_key(label) from None
        if not blob.startswith(_MAGIC):
            raise no_key(label)
        kek = bytearray(32)
        body = blob[len(_MAGIC) :]
        try:
            self._root.decrypt_into(body[:_NONCE], body[_NONCE:], _KEK_CONTEXT + label.encode(), kek)
            return AESGCM(kek)
        except (InvalidTag, ValueError):
            raise Integrity(f"the file of the key {label} is damaged") from None
        finally:
            kek[:] = bytes(32)


def _derive(passphrase: bytes, salt: bytes, cost: PassphraseCost) -> AESGCM:
    """Return the key that a passphrase stands for. Takes the time and memory that `cost` says."""
    cost.check()
    kdf = Argon2id(
        salt=salt, length=32, iterations=cost.iterations, lanes=cost.lanes, memory_cost=cost.memory_kib
    )
    return AESGCM(kdf.derive(passphrase))


def _write_root(folder: Path, root: bytes | bytearray, passphrase: bytes, cost: PassphraseCost) -> None:
    """Write the root key under the passphrase, with the parameters that opening needs."""
    if len(passphrase) < _SHORTEST_PASSPHRASE:
        raise Invalid(
            f"the passphrase is too short: at least {_SHORTEST_PASSPHRASE} bytes",
            hint="Six random words are better than one clever one.",
        )
    salt, nonce = os.urandom(16), os.urandom(_NONCE)
    sealed = nonce + _derive(passphrase, salt, cost).encrypt(nonce, bytes(root), _ROOT_CONTEXT)
    fields = {
        "format": "wayseal-file-keeper/v1",
        "salt": base64.b64encode(salt).decode(),
        "memory_kib": cost.memory_kib,
        "iterations": cost.iterations,
        "lanes": cost.lanes,
        "root": base64.b64encode(sealed).decode(),
    }
    write_file(folder / _ROOT, json.dumps(fields, indent=1).encode())


def _read_root(folder: Path, passphrase: bytes) -> bytes:
    """Return the root key. Raises `KeeperLocked` for a wrong passphrase."""
    fields = read_json(folder / _ROOT, _ROOT_FIELDS)
    cost = PassphraseCost(fields["memory_kib"], fields["iterations"], fields["lanes"])
    try:
        salt, sealed = base64.b64decode(fields["salt"]), base64.b64decode(fields["root"])
        return _derive(passphrase, salt, cost).decrypt(sealed[:_NONCE], sealed[_NONCE:], _ROOT_CONTEXT)
    except InvalidTag:
        raise KeeperLocked("the passphrase does not open the key keeper") from None
    except ValueError:
        raise Integrity("the key keeper's root file is damaged") from None
