"""The site's charters, from the first to the one in force: whom lanes and centre believe to sign rosters.

Owns `HOME/centre/charters`, one public file a version. Each version is on the ledger before it is in the folder, so that a
folder which was rolled back contradicts the ledger. Only officials sign charters; nothing here can.
"""

from datetime import datetime, timedelta
from pathlib import Path

from wayseal.flow.standing import CHARTER
from wayseal.ledger.log import Ledger
from wayseal.ledger.reader import LedgerReader
from wayseal.model.clock import Clock
from wayseal.model.errors import Integrity, Invalid, NotArmed, NotFound
from wayseal.seal.device import DeviceSigner
from wayseal.seal.keys import Charter, KeyKeeper, SigningIdentity
from wayseal.seal.keys.ceremony import add_signature, draft_charter, look_at
from wayseal.seal.keys.charter import follow_charters, read_first_charter, read_next_charter
from wayseal.seal.keys.durable import make_folder, write_file

OBJECT = CHARTER
KEYROOM = "keyroom"
FOUNDER = "site"
"""Name of the one official of a home's first charter, whose key is in the keyroom until people take its place."""
_EMBEDDED_DAYS = 3650
_SUFFIX = ".charter"


class CharterBook:
    """The charters of one home."""

    def __init__(self, folder: Path, ledger: LedgerReader) -> None:
        make_folder(folder)
        self._folder = folder
        self._ledger = ledger

    def chain(self) -> tuple[bytes, ...]:
        """Return every charter as it was signed, oldest first. Raises `NotFound` for a home that has none."""
        files = sorted(
            self._folder.glob("*" + _SUFFIX), key=lambda path: int(path.name.removesuffix(_SUFFIX))
        )
        if not files:
            raise NotFound("this home has no charter", hint="Make the home again: wayseal init.")
        return tuple(file.read_bytes() for file in files)

    def current(self) -> Charter:
        """Return the charter in force, followed from the first one that the ledger names.

        Raises `Integrity` when a link is missing or not signed by a quorum, or the newest is not the one that the ledger
        names last: somebody has put an older one back.
        """
        known = self._fingerprints()
        charter = follow_charters(self.chain(), fingerprint=known[0] if known else "")
        if charter.fingerprint != known[-1]:
            raise Integrity(
                "the charter here is not the one that the ledger names last",
                hint="Install that one again: wayseal ceremony install.",
                version=charter.version,
            )
        return charter

    @property
    def first_fingerprint(self) -> str:
        """SHA-256 (hex) of the first charter, as the ledger has it: what a lane is enrolled with."""
        return self._fingerprints()[0]

    def after(self, version: int) -> tuple[bytes, ...]:
        """Return the charters that a lane with this version still needs, oldest first."""
        return tuple(data for data in self.chain() if look_at(data).version > version)

    def found(self, data: bytes, ledger: Ledger) -> Charter:
        """Take a new home's first charter. Raises `Invalid` when there is one, `Integrity`."""
        if self._fingerprints():
            raise Invalid("this home has a charter", hint="Its officials sign the next one.")
        return self._write(read_first_charter(data, fingerprint=look_at(data).fingerprint), data, ledger)

    def install(self, data: bytes, ledger: Ledger) -> Charter:
        """Take the next charter. Raises `Integrity` unless quorums of the old and of the new officials signed it.

        The same again is no error: a crash may have left the ledger ahead of the folder.
        """
        known = self._fingerprints()
        current = follow_charters(self.chain(), fingerprint=known[0] if known else "")
        charter = read_next_charter(data, current=current)
        return charter if charter == current else self._write(charter, data, ledger)

    def _write(self, charter: Charter, data: bytes, ledger: Ledger) -> Charter:
        if charter.fingerprint not in self._fingerprints()[-1:]:
            entry = {"type": "config", "object": OBJECT, "config_sha256": charter.fingerprint}
            ledger.append([{**entry, "version": charter.version}])
        write_file(self._folder / f"{charter.version}{_SUFFIX}", data)
        return charter

    def _fingerprints(self) -> list[str]:
        """Return what the ledger says of charters, oldest first, each where it came first: a superseded one does not come back."""
        found = self._ledger.find(type="config", object=OBJECT)
        return list(dict.fromkeys(self._ledger.entry(index)["config_sha256"] for index in found))


def load_founder(keeper: KeyKeeper, keyroom: Path) -> SigningIdentity:
    """Return the key of the one official of a home's first charter, made now unless it exists. It lies in the keyroom."""
    return SigningIdentity.load_or_create(f"official-{FOUNDER}", keeper, keyroom / "identities")


def embed_charter(site: str, founder: SigningIdentity, official: DeviceSigner, clock: Clock) -> bytes:
    """Return a new home's first charter: one official, whose key the home holds, lets the home's keyroom sign rosters.

    It begins a day early, for hosts whose clocks differ.
    """
    draft = draft_charter(
        site,
        officials={FOUNDER: founder.public},
        needed=1,
        roster_signers={KEYROOM: official.public},
        issued_at=clock() - timedelta(days=1),
        days=_EMBEDDED_DAYS,
    )
    return add_signature(draft, founder)


def check_official(charter: Charter, official: bytes, now: datetime) -> None:
    """Raise `Integrity` unless the charter lets this keyroom key sign rosters, `NotArmed` outside its time."""
    if official not in charter.roster_signers.values():
        raise Integrity(
            "the charter does not name this keyroom's roster key",
            hint="The officials have to sign a charter that does: docs/howto/key-ceremony.md.",
            version=charter.version,
        )
    if not charter.issued_at <= now < charter.valid_until:
        raise NotArmed("the site's charter is not valid now", hint="The officials have to sign a new one.")
