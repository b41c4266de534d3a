"""The key with which a keyroom signs rosters, and its exchange for the next one without stopping a lane.

Owns `HOME/keyroom/roster-key`, the name of the key in use. The next key is made ahead, named by the next charter, and
taken into use when that charter is installed. The old key signs nothing from then on.
"""

import re
from dataclasses import replace
from pathlib import Path

from wayseal.ledger.log import Ledger
from wayseal.model.errors import Integrity
from wayseal.seal.keys import KeyKeeper, Roster, SigningIdentity, parse_roster, sign_roster
from wayseal.seal.keys.durable import write_file
from wayseal.seal.suite import sha256

FIRST = "roster"
_FILE = "roster-key"
_NAME = re.compile(r"roster(?:-([0-9]{1,6}))?")


def load_official(keeper: KeyKeeper, folder: Path) -> SigningIdentity:
    """Return the key that signs rosters now. Raises `Integrity` when the file that names it is damaged."""
    return SigningIdentity.load_or_create(_name_in_use(folder), keeper, folder / "identities")


def make_next_official(keeper: KeyKeeper, folder: Path) -> SigningIdentity:
    """Return the key that comes after the one in use, made now unless it exists. It signs nothing yet."""
    found = _NAME.fullmatch(_name_in_use(folder))
    number = int(found[1] or 1) + 1 if found else 2
    return SigningIdentity.load_or_create(f"roster-{number}", keeper, folder / "identities")


def switch_official(keeper: KeyKeeper, folder: Path, official: SigningIdentity, ledger: Ledger) -> None:
    """Take a key into use: the newest roster is signed again by it, under the next version, on the ledger first.

    Nothing of the roster changes, so that lanes which fetch it go on with the same keys. Again is no error.
    """
    old = load_official(keeper, folder)
    file = folder / "roster.json"
    if file.exists() and old.public != official.public:
        before = parse_roster(file.read_bytes(), [old.public, official.public])
        roster = replace(before, version=before.version + 1)
        data = sign_roster(roster, [official])
        ledger.append([roster_entry(roster, data)])
        write_file(file, data)
    write_file(folder / _FILE, official.name.encode())


def roster_entry(roster: Roster, data: bytes) -> dict[str, object]:
    """Return the ledger entry for a roster."""
    return {
        "type": "roster", "object": "roster", "roster_sha256": sha256(data).hex(), "version": roster.version, "signers": 1,
        "lanes": sorted(roster.devices),
    }  # fmt: skip


def _name_in_use(folder: Path) -> str:
    try:
        name = (folder / _FILE).read_text(encoding="ascii")
    except FileNotFoundError:
        return FIRST
    except UnicodeDecodeError:
        name = ""
    if not _NAME.fullmatch(name):
        raise Integrity("the file that names the keyroom's roster key is damaged")
    return name
