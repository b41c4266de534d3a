"""The roster: which public epoch keys lanes may seal to, and which devices may seal, signed by m of n officials.

A lane trusts nothing else. Owns the format and its rules and does no I/O. A lane refuses a roster that is older than
the one it has: it keeps `version` and passes it in.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wayseal.model.clock import to_text
from wayseal.model.custody import EpochKey
from wayseal.model.errors import Integrity, Invalid, NotArmed
from wayseal.model.ids import EpochId, check_name, epoch_id, epoch_span
from wayseal.seal.device import DeviceSigner
from wayseal.seal.strict import decode_canonical, decode_time, encode_canonical
from wayseal.seal.suite import PUBLIC_SIZE, sha256

LIMIT: Final = 8 * 1024 * 1024
_SIGNED: Final = b"wayseal-roster/v1\n"
_FIELDS: Final = frozenset(
    ("devices", "epoch_keys", "format", "issued_at", "keyrooms", "valid_until", "version")
)
_FORMAT: Final = "wayseal-roster/v1"


@dataclass(frozen=True, slots=True)
class Roster:
    """What a lane needs to know of the site: epoch keys, and the raw Ed25519 keys of devices and keyrooms by name."""

    version: int
    issued_at: datetime
    valid_until: datetime
    epoch_keys: tuple[EpochKey, ...] = field(repr=False)
    devices: Mapping[str, bytes] = field(repr=False)
    keyrooms: Mapping[str, bytes] = field(repr=False)

    def keys_for(self, record_class: str, now: datetime) -> tuple[EpochKey, ...]:
        """Return the keys to seal to at `now`. Raises `NotArmed` when there is none, or the roster is not valid then."""
        epoch = epoch_id(record_class, now)
        keys = tuple(key for key in self.epoch_keys if key.epoch == epoch)
        if not self.issued_at <= now < self.valid_until or not keys:
            raise NotArmed(f"the roster has no key for the epoch {epoch}", epoch=epoch, version=self.version)
        return keys

    def device_public(self, digest: str) -> bytes | None:
        """Return the public key of the device whose SHA-256 (hex) a header names, or None when it is not listed."""
        return next((public for public in self.devices.values() if sha256(public).hex() == digest), None)


def sign_roster(roster: Roster, officials: Sequence[DeviceSigner]) -> bytes:
    """Return the roster's bytes with one signature for each official, in the order of their keys."""
    body = _encode(roster)
    signatures = {
        sha256(official.public).hex(): _text(official.sign(_SIGNED + body)) for official in officials
    }
    return encode_canonical({"roster": _text(body), "signatures": signatures})


def parse_roster(data: bytes, officials: Sequence[bytes], *, needed: int = 1, newer_than: int = 0) -> Roster:
    """Return a roster that at least `needed` of these officials (raw Ed25519 keys) signed.

    Raises `Integrity` when it is damaged, signed by too few, or its version is not above `newer_than` (a rollback).
    """
    if needed < 1 or needed > len({bytes(public) for public in officials}):
        raise Invalid(
            "the roster's quorum cannot be met", hint="Ask for 1 to as many signatures as officials."
        )
    try:
        outer = decode_canonical(data, ("roster", "signatures"))
        body = _bytes(outer["roster"])
        signed = _count_signatures(body, outer["signatures"], officials)
        roster = _decode(body)
    except (Invalid, ValueError, TypeError, KeyError, AttributeError) as error:
        reason = str(error) if isinstance(error, Invalid) else "malformed"
        raise Integrity(f"the roster is not usable: {reason}", hint="Fetch the roster again.") from None
    if signed < needed:
        raise Integrity(f"the roster has {signed} valid signatures of officials, {needed} are needed")
    if roster.version <= newer_than:
        raise Integrity(f"the roster's version {roster.version} is not newer than {newer_than}")
    return roster


def _count_signatures(body: bytes, signatures: Mapping[str, Any], officials: Sequence[bytes]) -> int:
    """Return how many different officials signed the body; a wrong signature of a known one is an error."""
    known = {sha256(public).hex(): public for public in officials}
    count = 0
    for digest, signature in signatures.items():
        if digest not in known:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(known[digest]).verify(_bytes(signature), _SIGNED + body)
        except InvalidSignature:
            raise Invalid("an official's signature does not verify") from None
        count += 1
    return count


def _encode(roster: Roster) -> bytes:
    body = encode_canonical(
        {
            "devices": {name: _text(public) for name, public in roster.devices.items()},
            "epoch_keys": [{"epoch": key.epoch, "public": _text(key.public)} for key in roster.epoch_keys],
            "format": _FORMAT,
            "issued_at": to_text(roster.issued_at),
            "keyrooms": {name: _text(public) for name, public in roster.keyrooms.items()},
            "valid_until": to_text(roster.valid_until),
            "version": roster.version,
        }
    )
    _decode(body)
    return body


def _decode(body: bytes) -> Roster:
    fields = decode_canonical(body, _FIELDS)
    version = fields["version"]
    if fields["format"] != _FORMAT or type(version) is not int or version < 1:
        raise Invalid("unknown format or version")
    issued_at, valid_until = decode_time(fields["issued_at"]), decode_time(fields["valid_until"])
    if issued_at >= valid_until:
        raise Invalid("it ends before it begins")
    keys = tuple(_decode_key(entry) for entry in fields["epoch_keys"])
    devices, keyrooms = _decode_names(fields["devices"]), _decode_names(fields["keyrooms"])
    return Roster(version, issued_at, valid_until, keys, devices, keyrooms)


def _decode_key(entry: Mapping[str, str]) -> EpochKey:
    epoch, public = EpochId(entry["epoch"]), _bytes(entry["public"])
    epoch_span(epoch)
    if len(entry) != 2 or len(public) != PUBLIC_SIZE:
        raise Invalid("malformed epoch key")
    return EpochKey(epoch, public)


def _decode_names(entries: Mapping[str, str]) -> dict[str, bytes]:
    names = {check_name(name): _bytes(public) for name, public in entries.items()}
    if any(len(public) != 32 for public in names.values()):
        raise Invalid("malformed Ed25519 key")
    return names


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    data = base64.b64decode(text, validate=True)
    if _text(data) != text:
        raise Invalid("not canonical base64")
    return data
