"""Epochs: one X-Wing pair for each hour and record class; the private seed lies wrapped under a KEK of its own.

Owns the epoch files: public half, wrapped seed, and after destruction a tombstone. Never gives a seed to anybody;
`seal.open` unwraps what it uses. Destroying the KEK ends every copy of everything sealed to the epoch, backups included.
"""

import base64
import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from wayseal.model.clock import Clock, from_text, to_text
from wayseal.model.custody import EpochKey
from wayseal.model.errors import Erased, Integrity
from wayseal.model.ids import EpochId, epoch_span
from wayseal.seal.keys.durable import (
    file_name,
    label_of,
    lock_folder,
    make_folder,
    read_json,
    wipe_file,
    write_file,
)
from wayseal.seal.keys.keeper import KeyKeeper
from wayseal.seal.suite import SEED_SIZE, derive_public, sha256

_LIVE: Final = ".epoch"
_DEAD: Final = ".destroyed"
_LIVE_FIELDS: Final = {"epoch": str, "public": str, "seed": str, "created_at": str}
_DEAD_FIELDS: Final = {"epoch": str, "public_sha256": str, "destroyed_at": str}


@dataclass(frozen=True, slots=True)
class Tombstone:
    """That an epoch's key is gone: since when, and the SHA-256 (hex) of the public half that can seal no more."""

    epoch: EpochId
    public_sha256: str
    destroyed_at: datetime


class Describes(Protocol):
    """What can say in one line what holds the keys and what its destruction is worth."""

    def describe(self) -> str:
        """Return that line; no secret, no path."""


class EpochBook(Protocol):
    """Epochs without their private halves: what erasing and holding need. `EpochVault` is one, and so is a remote keyroom's."""

    @property
    def keeper(self) -> Describes:
        """What holds the keys."""

    def create_epoch(self, epoch: EpochId) -> EpochKey:
        """Return the epoch's public key, made now unless it exists. Raises `Erased` when the epoch was destroyed."""

    def epoch_keys(self) -> tuple[EpochKey, ...]:
        """Return the public halves of the live epochs, in the order of their names."""

    def has(self, epoch: EpochId) -> bool:
        """Return whether records of this epoch can still be opened."""

    def destroy(self, epoch: EpochId) -> Tombstone:
        """Destroy the epoch's key and return the tombstone. Again is no error. Raises `Erased` for an unknown epoch."""


class EpochVault:
    """The epoch keys of one site. Safe for several processes; each step is whole or absent after a crash."""

    def __init__(self, keeper: KeyKeeper, folder: Path, clock: Clock) -> None:
        self.keeper = keeper
        self._folder = folder
        self._clock = clock
        make_folder(folder)

    def create_epoch(self, epoch: EpochId) -> EpochKey:
        """Return the epoch's public key, made now unless it exists. Raises `Erased` when the epoch was destroyed."""
        epoch_span(epoch)
        with lock_folder(self._folder):
            if self._path(epoch, _DEAD).exists():
                raise erased(epoch)
            alive = self.keeper.has_key(epoch)
            if self._path(epoch, _LIVE).exists():
                if not alive:
                    raise erased(epoch)
                return self.public_key(epoch)
            if not alive:
                self.keeper.create_key(epoch)
            return self._write_pair(epoch)

    def renew_wraps(self) -> int:
        """Wrap every live epoch's seed again, so that a keeper's new replica holds it too; return how many there are.

        For the day on which a device was replaced. May be called again after a crash.
        """
        count = 0
        for key in self.epoch_keys():
            with lock_folder(self._folder):
                epoch = key.epoch
                if not self.has(epoch):
                    continue  # destroyed since it was listed
                public, wrapped = self.read_pair(epoch)
                seed = self.keeper.unwrap(epoch, wrapped, seed_context(epoch, public))
                self._write_wrapped(epoch, public, seed)
                count += 1
        return count

    def _write_pair(self, epoch: EpochId) -> EpochKey:
        """Make the pair, write it with its seed wrapped, and return the public half."""
        seed = bytearray(os.urandom(SEED_SIZE))
        public = derive_public(seed)
        self._write_wrapped(epoch, public, seed)
        return EpochKey(epoch, public)

    def _write_wrapped(self, epoch: EpochId, public: bytes, seed: bytearray) -> None:
        """Write a pair's file and zero the seed."""
        try:
            wrapped = self.keeper.wrap(epoch, seed, seed_context(epoch, public))
        finally:
            seed[:] = bytes(len(seed))
        fields = {
            "epoch": epoch,
            "public": base64.b64encode(public).decode(),
            "seed": base64.b64encode(wrapped).decode(),
            "created_at": to_text(self._clock()),
        }
        write_file(self._path(epoch, _LIVE), json.dumps(fields).encode())

    def public_key(self, epoch: EpochId) -> EpochKey:
        """Return the public half of a live epoch. Raises `Erased` when there is none."""
        return EpochKey(epoch, self.read_pair(epoch)[0])

    def read_pair(self, epoch: EpochId) -> tuple[bytes, bytes]:
        """Return the raw public key and the wrapped seed. Raises `Erased` when the epoch is not there (any more)."""
        if self._path(epoch, _DEAD).exists():
            raise erased(epoch)
        try:
            fields = read_json(self._path(epoch, _LIVE), _LIVE_FIELDS)
        except FileNotFoundError:
            raise erased(epoch) from None
        try:
            public = base64.b64decode(fields["public"], validate=True)
            seed = base64.b64decode(fields["seed"], validate=True)
        except ValueError:
            raise Integrity(f"the key file of the epoch {epoch} is damaged") from None
        if fields["epoch"] != epoch:
            raise Integrity(f"the key file of the epoch {epoch} names another epoch")
        return public, seed

    def epoch_keys(self) -> tuple[EpochKey, ...]:
        """Return the public halves of the live epochs, in the order of their names."""
        found = sorted(label_of(path.name, _LIVE) for path in self._folder.glob("*" + _LIVE))
        return tuple(self.public_key(EpochId(name)) for name in found if self.has(EpochId(name)))

    def has(self, epoch: EpochId) -> bool:
        """Return whether records of this epoch can still be opened: no tombstone, and pair and KEK are there."""
        if self._path(epoch, _DEAD).exists() or not self._path(epoch, _LIVE).exists():
            return False
        return self.keeper.has_key(epoch)

    def destroy(self, epoch: EpochId) -> Tombstone:
        """Destroy the epoch's KEK, then its wrapped seed, and return the tombstone. Again is no error: the first counts.

        Raises `Erased` for an epoch that was never here. After a crash in between, a second call finishes the work.
        """
        epoch_span(epoch)
        with lock_folder(self._folder):
            tombstone = self.tombstone(epoch)
            if tombstone is None:
                public, _ = self.read_pair(epoch)
                self.keeper.destroy(epoch)
                tombstone = Tombstone(epoch, sha256(public).hex(), from_text(to_text(self._clock())))
                self._write_tombstone(tombstone)
            self.keeper.destroy(epoch)
            wipe_file(self._path(epoch, _LIVE))
        return tombstone

    def tombstone(self, epoch: EpochId) -> Tombstone | None:
        """Return the mark of a destroyed epoch, or None when it was not destroyed here."""
        try:
            fields = read_json(self._path(epoch, _DEAD), _DEAD_FIELDS)
        except FileNotFoundError:
            return None
        return Tombstone(EpochId(fields["epoch"]), fields["public_sha256"], from_text(fields["destroyed_at"]))

    def _write_tombstone(self, tombstone: Tombstone) -> None:
        fields = {
            "epoch": tombstone.epoch,
            "public_sha256": tombstone.public_sha256,
            "destroyed_at": to_text(tombstone.destroyed_at),
        }
        write_file(self._path(tombstone.epoch, _DEAD), json.dumps(fields).encode())

    def _path(self, epoch: EpochId, suffix: str) -> Path:
        return self._folder / file_name(epoch, suffix)


def seed_context(epoch: EpochId, public: bytes) -> bytes:
    """Return what a wrapped seed is bound to: its epoch and its public half."""
    return b"wayseal-epoch/v1/" + epoch.encode() + b"/" + sha256(public)


def erased(epoch: EpochId) -> Erased:
    """Return the error for an epoch whose key is not here."""
    return Erased(f"the key of the epoch {epoch} was destroyed, or it never was this site's", epoch=epoch)
