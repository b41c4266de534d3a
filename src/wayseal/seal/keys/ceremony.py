"""The key ceremony's steps: an official's key, a draft, one signature at a time, and the charter they add up to.

Each step takes and gives bytes or values, so that officials can be on different machines and never on the network.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from wayseal.model.errors import Integrity, Invalid
from wayseal.seal.keys.charter import (
    FORMAT,
    Charter,
    decode_charter,
    encode_charter,
    read_first_charter,
    read_next_charter,
)
from wayseal.seal.keys.durable import make_folder
from wayseal.seal.keys.file_keeper import FileKeeper
from wayseal.seal.keys.identity import SigningIdentity
from wayseal.seal.keys.quorum import count_signatures, merge_signatures, read_body, sign_document
from wayseal.seal.keys.shares import SEED_SIZE, join_shares, split_seed


def make_official(name: str, folder: Path, passphrase: bytes) -> SigningIdentity:
    """Make an official's key under a file keeper in a folder (a drive of their own) and return it.

    Raises `Invalid` when the folder has a keeper already or the passphrase is short.
    """
    make_folder(folder)
    return SigningIdentity.load_or_create(name, FileKeeper.create(folder / "keeper", passphrase), folder)


def open_official(name: str, folder: Path, passphrase: bytes) -> SigningIdentity:
    """Return an official's key from their folder. Raises `KeeperLocked` for a wrong passphrase."""
    keeper = FileKeeper.open(folder / "keeper", passphrase)
    if not keeper.has_key(f"identity/{name}"):
        raise Invalid(f"the folder has no key of {name}", hint="Give the name with which the key was made.")
    return SigningIdentity.load_or_create(name, keeper, folder)


def make_shared_official(name: str, *, needed: int, total: int) -> tuple[bytes, tuple[str, ...]]:
    """Return the public key and the SLIP-39 word lists of a fresh key that exists nowhere but in those words."""
    seed = bytearray(os.urandom(SEED_SIZE))
    try:
        return SigningIdentity(name, seed).public, split_seed(seed, needed=needed, total=total)
    finally:
        seed[:] = bytes(SEED_SIZE)


def join_official(name: str, shares: Sequence[str]) -> SigningIdentity:
    """Return the key that word lists give back, for as long as the process lives."""
    seed = join_shares(shares)
    try:
        return SigningIdentity(name, seed)
    finally:
        seed[:] = bytes(len(seed))


def draft_charter(
    site: str,
    *,
    officials: Mapping[str, bytes],
    needed: int,
    roster_signers: Mapping[str, bytes],
    issued_at: datetime,
    days: int,
    after: Charter | None = None,
) -> bytes:
    """Return an unsigned charter, as a document for officials to sign. `after` is the one that it replaces."""
    start = issued_at.replace(microsecond=0)
    charter = Charter(
        site=site,
        version=1 if after is None else after.version + 1,
        issued_at=start,
        valid_until=start + timedelta(days=days),
        needed=needed,
        officials=officials,
        roster_signers=roster_signers,
    )
    return sign_document(FORMAT, encode_charter(charter), [])


def look_at(document: bytes) -> Charter:
    """Return what a draft or charter says, believed by nobody yet. Raises `Integrity` when it is no charter."""
    try:
        return decode_charter(read_body(document))
    except Invalid as error:
        raise Integrity(f"not a charter: {error}") from None


def add_signature(document: bytes, official: SigningIdentity) -> bytes:
    """Return the draft with this official's signature added. Officials of the charter before may sign too."""
    signed = sign_document(FORMAT, encode_charter(look_at(document)), [official])
    return merge_signatures([document, signed])


def finish_charter(documents: Sequence[bytes], *, after: Charter | None = None) -> bytes:
    """Return the charter from drafts that officials signed apart; `after` is the charter that it replaces.

    Raises `Integrity` while too few of the new officials, or of those of `after`, have signed.
    """
    merged = merge_signatures(documents)
    if after is None:
        read_first_charter(merged, fingerprint=look_at(merged).fingerprint)
    else:
        read_next_charter(merged, current=after)
    return merged


def list_signers(document: bytes) -> tuple[str, ...]:
    """Return the names of the charter's own officials whose signature on it holds."""
    charter = look_at(document)
    return tuple(
        name for name, public in charter.officials.items() if count_signatures(FORMAT, document, [public])
    )
