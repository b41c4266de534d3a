"""The keys around a sealed record: keepers, epochs, signing identities, the blind index and the roster.

Opening keys exist here only wrapped. The private half of an epoch is used in `seal.open` and nowhere else.
"""

from wayseal.seal.keys.blind_index import BlindIndex
from wayseal.seal.keys.charter import Charter
from wayseal.seal.keys.choice import KeeperChoice
from wayseal.seal.keys.file_keeper import FileKeeper, PassphraseCost
from wayseal.seal.keys.identity import SigningIdentity
from wayseal.seal.keys.keeper import KeyKeeper
from wayseal.seal.keys.mirror_keeper import MirrorKeeper
from wayseal.seal.keys.roster import Roster, parse_roster, sign_roster
from wayseal.seal.keys.vault import EpochVault

__all__ = [
    "BlindIndex",
    "Charter",
    "EpochVault",
    "FileKeeper",
    "KeeperChoice",
    "KeyKeeper",
    "MirrorKeeper",
    "PassphraseCost",
    "Roster",
    "SigningIdentity",
    "parse_roster",
    "sign_roster",
]
