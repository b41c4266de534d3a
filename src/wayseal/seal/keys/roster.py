"""The roster: which public epoch keys lanes may seal to, and which devices may seal, signed by m of n.

A lane trusts nothing else. Owns the format and its rules and does no I/O. A lane refuses a roster that is older than
the one it has: it keeps `version` and passes it in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from wayseal.model.clock import to_text
from wayseal.model.custody import EpochKey
from wayseal.model.errors import Integrity, Invalid, NotArmed
from wayseal.model.ids import EpochId, epoch_id, epoch_span
from wayseal.seal.device import DeviceSigner
from wayseal.seal.keys.quorum import (
    decode_bytes,
    decode_publics,
    encode_bytes,
    encode_publics,
    read_body,
    sign_document,
    verify_quorum,
)
from wayseal.seal.strict import decode_canonical, decode_time, encode_canonical, is_name
from wayseal.seal.suite import PUBLIC_SIZE, sha256

FORMAT: Final = "wayseal-roster/v1"
_FIELDS: Final = frozenset(
    ("devices", "epoch_keys", "format", "issued_at", "keyrooms", "valid_until", "version")
)


@dataclass(frozen=True, slots=True)
class Roster:
    """What a lane needs to know of the site: epoch keys, and the raw Ed25519 keys of devices and keyrooms by name."""

    version: int
    issued_at: datetime
    valid_until: datetime
    epoch_keys: tuple[EpochKey, ...] = field(repr=False)
    devices: Mapping[str, bytes] = field(repr=False)
    keyrooms: Mapping[str, bytes] = field(repr=False)
    by_digest: Mapping[str, tuple[str, bytes]] = field(init=False, repr=False, compare=False)
    """Name and key of each device by the SHA-256 (hex) of its key, as headers name it."""

    def __post_init__(self) -> None:
        known = {sha256(public).hex(): (name, public) for name, public in self.devices.items()}
        object.__setattr__(self, "by_digest", MappingProxyType(known))

    def keys_for(self, record_class: str, now: datetime) -> tuple[EpochKey, ...]:
        """Return the keys to seal to at `now`. Raises `NotArmed` when there is none, or the roster is not valid then."""
        epoch = epoch_id(record_class, now)
        keys = tuple(key for key in self.epoch_keys if key.epoch == epoch)
        if not self.issued_at <= now < self.valid_until or not keys:
            raise NotArmed(f"the roster has no key for the epoch {epoch}", epoch=epoch, version=self.version)
        return keys

    def device_public(self, digest: str) -> bytes | None:
        """Return the public key of the device whose SHA-256 (hex) a header names, or None when it is not listed."""
        return self.by_digest.get(digest, (None, None))[1]


def sign_roster(roster: Roster, signers: Sequence[DeviceSigner]) -> bytes:
    """Return the roster's bytes with one signature for each signer. Raises `Invalid` for what parsing would refuse."""
    body = encode_canonical(
        {
            "devices": encode_publics(roster.devices),
            "epoch_keys": [
                {"epoch": key.epoch, "public": encode_bytes(key.public)} for key in roster.epoch_keys
            ],
            "format": FORMAT,
            "issued_at": to_text(roster.issued_at),
            "keyrooms": encode_publics(roster.keyrooms),
            "valid_until": to_text(roster.valid_until),
            "version": roster.version,
        }
    )
    _decode(body)
    return sign_document(FORMAT, body, signers)


def parse_roster(data: bytes, officials: Sequence[bytes], *, needed: int = 1, newer_than: int = 0) -> Roster:
    """Return a roster that at least `needed` of these officials (raw Ed25519 keys) signed.

    The same bytes under the same keys are verified once and the roster kept: a centre reads it at every delivery.

    Raises `Integrity` when it is damaged, signed by too few, or its version is not above `newer_than` (a rollback).
    """
    roster = _verify_roster(bytes(data), tuple(map(bytes, officials)), needed)
    if roster.version <= newer_than:
        raise Integrity(f"the roster's version {roster.version} is not newer than {newer_than}")
    return roster


@lru_cache(maxsize=4)
def _verify_roster(data: bytes, officials: tuple[bytes, ...], needed: int) -> Roster:
    """Return the roster that enough officials signed. What is refused is not remembered."""
    body = verify_quorum(FORMAT, data, officials, needed=needed)
    try:
        return _decode(body)
    except Invalid as error:
        raise Integrity(f"the roster is not usable: {error}", hint="Fetch the roster again.") from None


def peek_version(data: bytes) -> int:
    """Return the version of a roster that was believed before, whoever signed it. Raises `Integrity` when it is damaged."""
    try:
        return _decode(read_body(data)).version
    except Invalid as error:
        raise Integrity(f"the roster is not usable: {error}", hint="Fetch the roster again.") from None


def _decode(body: bytes) -> Roster:
    """Return the roster that a body encodes. Raises `Invalid` for anything but the canonical form of a sound one."""
    fields = decode_canonical(body, _FIELDS)
    version, entries = fields["version"], fields["epoch_keys"]
    if fields["format"] != FORMAT or type(version) is not int or version < 1 or not isinstance(entries, list):
        raise Invalid("unknown format or version")
    issued_at, valid_until = decode_time(fields["issued_at"]), decode_time(fields["valid_until"])
    if issued_at >= valid_until:
        raise Invalid("it ends before it begins")
    devices, keyrooms = decode_publics(fields["devices"]), decode_publics(fields["keyrooms"])
    if not all(is_name(name) for name in (*devices, *keyrooms)):
        raise Invalid("a name is malformed")
    keys = tuple(_decode_key(entry) for entry in entries)
    return Roster(
        version, issued_at, valid_until, keys, MappingProxyType(devices), MappingProxyType(keyrooms)
    )


def _decode_key(entry: Any) -> EpochKey:
    if (
        not isinstance(entry, dict)
        or entry.keys() != {"epoch", "public"}
        or not isinstance(entry["epoch"], str)
    ):
        raise Invalid("an epoch key is malformed")
    epoch, public = EpochId(entry["epoch"]), decode_bytes(entry["public"])
    epoch_span(epoch)
    if len(public) != PUBLIC_SIZE:
        raise Invalid("an epoch key is malformed")
    return EpochKey(epoch, public)
