"""Changing who stands behind a site: signing as its first official, and putting the next charter into force.

Owns the order of a change: the charter is checked, then on the ledger, then in the home, and only then does the keyroom sign
with the key that it names. The keyroom must be stopped meanwhile; lanes go on with the keys that they have.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wayseal.ledger.log import Ledger
from wayseal.model.clock import Clock
from wayseal.model.errors import Refused
from wayseal.seal.keys import Charter, SigningIdentity
from wayseal.seal.keys.ceremony import add_signature, look_at
from wayseal.station.charters import CharterBook, load_founder
from wayseal.station.keyroom import Keyroom
from wayseal.station.keyroom_trust import KeyroomPin, write_pin
from wayseal.station.roster_key import make_next_official, switch_official
from wayseal.station.settings import SiteSettings


@dataclass(frozen=True, slots=True)
class ChangeRoom:
    """A stopped keyroom and the home around it, for one change."""

    home: Path
    keyroom: Keyroom
    ledger: Ledger

    @property
    def folder(self) -> Path:
        """The keyroom's own folder."""
        return self.home / "keyroom"

    @property
    def book(self) -> CharterBook:
        """The home's charters."""
        return CharterBook(self.home / "centre" / "charters", self.ledger)

    def next_official(self) -> SigningIdentity:
        """Return the roster key that comes after the one in use, made now unless it exists."""
        return make_next_official(self.keyroom.keeper, self.folder)

    def sign_as_founder(self, document: bytes) -> bytes:
        """Return a draft with the signature of this home's first official: of whoever knows the keyroom's passphrase."""
        return add_signature(document, load_founder(self.keyroom.keeper, self.folder))

    def install(self, data: bytes) -> Charter:
        """Put the next charter into force, and the roster key that it names. May be repeated after a crash.

        Raises `Integrity` unless quorums of the old and of the new officials signed it, `Refused` when it names no key of
        this keyroom; then nothing has changed.
        """
        named = set(look_at(data).roster_signers.values())
        official = next(
            (one for one in (self.next_official(), self.keyroom.official) if one.public in named), None
        )
        if official is None:
            raise Refused(
                "the charter names no roster key of this keyroom",
                hint="Draft it with --this-site, or with --next-key for the key that comes next.",
            )
        charter = self.book.install(data, self.ledger)
        switch_official(self.keyroom.keeper, self.folder, official, self.ledger)
        write_pin(self.home / "centre", KeyroomPin(official.public, self.keyroom.identity.public))
        return charter


@contextmanager
def open_change(home: Path, passphrase: bytes, settings: SiteSettings, clock: Clock) -> Iterator[ChangeRoom]:
    """Give a home's keyroom for a change, alone. Raises `Unavailable` while anybody has it open, `KeeperLocked`."""
    keyroom = Keyroom.open(home / "keyroom", passphrase, settings, clock, alone=True)
    try:
        ledger = Ledger(home / "ledger", clock=clock)
        try:
            yield ChangeRoom(home, keyroom, ledger)
        finally:
            ledger.close()
    finally:
        keyroom.close()
