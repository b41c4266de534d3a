"""The keeper with a TPM 2: all KEKs lie in one table file, whose key is in the TPM and is replaced at each destruction.

So every copy of the table from before a destruction, on flash, in a journal or in a backup, is dead: the key it needs
was overwritten inside the TPM. The table's key passes through this process's memory and, on a discrete TPM, over the
board's bus. Each destruction writes the TPM's NV memory once; makers promise about 100,000 writes. Tested with swtpm.
"""

import json
import os
import threading
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wayseal.model.errors import Integrity, Invalid, KeeperLocked
from wayseal.seal.keys.durable import lock_folder, make_folder, wipe_file, write_file
from wayseal.seal.keys.keeper import check_label, no_key, wrong_wrap
from wayseal.seal.keys.tpm_device import SECRET_SIZE, TpmIndex

DEFAULT_INDEX: Final = 0x1500016
_MAGIC: Final = b"WTPM1"
_NONCE: Final = 12


class TpmKeeper:
    """A `KeyKeeper` in a folder and a TPM. Safe for several threads and processes on one machine."""

    def __init__(self, folder: Path, index: TpmIndex, root: bytes) -> None:
        self._folder = folder
        self._index = index
        self._root = root
        self._lock = threading.Lock()

    @classmethod
    def create(
        cls, folder: Path, passphrase: bytes, *, tcti: str = "", index: int = DEFAULT_INDEX
    ) -> "TpmKeeper":
        """Make a keeper: a fresh NV index and an empty table. Raises `Invalid` when index or folder are taken."""
        make_folder(folder, keep_out_of_backups=True)
        with lock_folder(folder):
            if (folder / "table").exists():
                raise Invalid("there is a key keeper in this folder already", hint="Choose another home.")
            keeper = cls(folder, TpmIndex(index, passphrase, tcti), os.urandom(SECRET_SIZE))
            keeper._index.define(keeper._root)
            keeper._write_table("table", {}, keeper._root)
        return keeper

    @classmethod
    def open(
        cls, folder: Path, passphrase: bytes, *, tcti: str = "", index: int = DEFAULT_INDEX
    ) -> "TpmKeeper":
        """Open a keeper. Raises `KeeperLocked` for a wrong passphrase or another TPM, `Unavailable` without a TPM."""
        if not (folder / "table").is_file() and not (folder / "table.next").is_file():
            raise KeeperLocked("there is no key keeper here", hint="Make the home first: wayseal init.")
        device = TpmIndex(index, passphrase, tcti)
        keeper = cls(folder, device, device.read())
        keeper.labels()
        return keeper

    def create_key(self, label: str) -> None:
        """Add a KEK to the table. See `KeyKeeper`."""
        check_label(label)
        with self._lock, lock_folder(self._folder):
            table = self._read_table()
            if label in table:
                raise Invalid(
                    f"there is a key {label} already", hint="Destroy it first, or choose another label."
                )
            self._write_table("table", {**table, label: os.urandom(32).hex()}, self._root)

    def has_key(self, label: str) -> bool:
        """Return whether the table has the KEK. See `KeyKeeper`."""
        return check_label(label) in self.labels()

    def wrap(self, label: str, secret: bytes | bytearray, context: bytes) -> bytes:
        """Return nonce and AES-256-GCM of the secret. See `KeyKeeper`."""
        nonce = os.urandom(_NONCE)
        return nonce + self._get(label).encrypt(nonce, secret, context)

    def unwrap(self, label: str, blob: bytes, context: bytes) -> bytearray:
        """Return the secret. See `KeyKeeper`."""
        if len(blob) < _NONCE + 16:
            raise wrong_wrap(label)
        secret = bytearray(len(blob) - _NONCE - 16)
        try:
            self._get(label).decrypt_into(blob[:_NONCE], blob[_NONCE:], context, secret)
        except InvalidTag:
            raise wrong_wrap(label) from None
        return secret

    def destroy(self, label: str) -> None:
        """Write the table without the KEK under a new key, put that key into the TPM, drop the old table.

        The TPM's write is the moment of death: a crash before it changes nothing, a crash after it is finished by the
        next call of any kind. See `KeyKeeper`.
        """
        check_label(label)
        with self._lock, lock_folder(self._folder):
            table = self._read_table()
            if label not in table:
                return
            del table[label]
            fresh = os.urandom(SECRET_SIZE)
            self._write_table("table.next", table, fresh)
            self._index.write(fresh)
            self._root = fresh
            self._adopt_next()

    def labels(self) -> tuple[str, ...]:
        """Return the labels in the table. See `KeyKeeper`."""
        with self._lock, lock_folder(self._folder):
            return tuple(sorted(self._read_table()))

    def describe(self) -> str:
        """Say what this keeper is. See `KeyKeeper`."""
        return "TPM 2 keeper; each destruction replaces the table's key inside the TPM, old copies are dead"

    def _get(self, label: str) -> AESGCM:
        with self._lock, lock_folder(self._folder):
            kek = self._read_table().get(check_label(label))
        if kek is None:
            raise no_key(label)
        return AESGCM(bytes.fromhex(kek))

    def _read_table(self) -> dict[str, str]:
        """Return the KEKs by label, finishing what a crash interrupted. The caller holds the folder's lock.

        While a next table is there, only the TPM knows which of the two is the present one, and it is asked.
        """
        if (self._folder / "table.next").exists():
            self._root = self._index.read()
            if self._decrypt("table.next") is not None:
                self._adopt_next()
            elif self._decrypt("table") is not None:
                wipe_file(self._folder / "table.next")
        table = self._decrypt("table")
        if table is None:  # another process has replaced its key
            self._root = self._index.read()
            table = self._decrypt("table")
        if table is None:
            raise Integrity(
                "the key table is not the one that the TPM has the key of",
                hint="Never restore a keeper's folder from a backup: put the present one back.",
            )
        return table

    def _decrypt(self, name: str) -> dict[str, str] | None:
        """Return the table in that file, or None when it is not there or not under our key."""
        try:
            blob = (self._folder / name).read_bytes()
            nonce, sealed = blob[len(_MAGIC) :][:_NONCE], blob[len(_MAGIC) + _NONCE :]
            table: dict[str, str] = json.loads(AESGCM(self._root).decrypt(nonce, sealed, _MAGIC))
        except (FileNotFoundError, InvalidTag, ValueError):
            return None
        return table

    def _write_table(self, name: str, table: dict[str, str], root: bytes) -> None:
        nonce = os.urandom(_NONCE)
        sealed = AESGCM(root).encrypt(nonce, json.dumps(table).encode(), _MAGIC)
        write_file(self._folder / name, _MAGIC + nonce + sealed)

    def _adopt_next(self) -> None:
        """Make the next table the table."""
        write_file(self._folder / "table", (self._folder / "table.next").read_bytes())
        wipe_file(self._folder / "table.next")
