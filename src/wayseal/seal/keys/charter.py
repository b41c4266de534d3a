"""The charter: the site's root of trust. Named officials, how many of them must agree, and whom they let sign rosters.

Rosters change every few hours and are signed by the keyroom's machine; the charter says for months which machine that
is, and only people sign it, m of n. A lane that has one charter takes the next only when enough officials of the *old*
one and enough of the new one signed it: so people and machines are exchanged without a visit to any lane, and nobody
below the quorum can exchange them. Owns the format and its rules and does no I/O.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from wayseal.model.clock import to_text
from wayseal.model.errors import Integrity, Invalid, NotArmed
from wayseal.seal.keys.quorum import decode_publics, encode_publics, read_body, verify_quorum
from wayseal.seal.keys.roster import Roster, parse_roster
from wayseal.seal.strict import decode_canonical, decode_time, encode_canonical, is_name
from wayseal.seal.suite import sha256

FORMAT: Final = "wayseal-charter/v1"
_FIELDS: Final = frozenset(
    ("format", "issued_at", "needed", "officials", "roster_signers", "site", "valid_until", "version")
)


@dataclass(frozen=True, slots=True)
class Charter:
    """Who stands behind a site. `officials` and `roster_signers` are raw Ed25519 keys by name; `needed` is m of n."""

    site: str
    version: int
    issued_at: datetime
    valid_until: datetime
    needed: int
    officials: Mapping[str, bytes] = field(repr=False)
    roster_signers: Mapping[str, bytes] = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the body: what officials read to each other before they sign."""
        return sha256(encode_charter(self)).hex()


def encode_charter(charter: Charter) -> bytes:
    """Return the body that officials sign. Raises `Invalid` when it breaks a rule that parsing would refuse."""
    body = encode_canonical(
        {
            "format": FORMAT,
            "issued_at": to_text(charter.issued_at),
            "needed": charter.needed,
            "officials": encode_publics(charter.officials),
            "roster_signers": encode_publics(charter.roster_signers),
            "site": charter.site,
            "valid_until": to_text(charter.valid_until),
            "version": charter.version,
        }
    )
    decode_charter(body)
    return body


def decode_charter(body: bytes) -> Charter:
    """Return the charter that a body encodes. Raises `Invalid` for anything but the canonical form of a sound one."""
    fields = decode_canonical(body, _FIELDS)
    officials, signers = decode_publics(fields["officials"]), decode_publics(fields["roster_signers"])
    version, needed = fields["version"], fields["needed"]
    if fields["format"] != FORMAT or type(version) is not int or type(needed) is not int or version < 1:
        raise Invalid("unknown format or version")
    if not 1 <= needed <= len(set(officials.values())) or len(set(officials.values())) != len(officials):
        raise Invalid("the quorum cannot be met, or two officials have one key")
    if not signers or not isinstance(fields["site"], str):
        raise Invalid("nobody may sign rosters")
    if not all(is_name(name) for name in (fields["site"], *officials, *signers)):
        raise Invalid("a name is malformed")
    issued_at, valid_until = decode_time(fields["issued_at"]), decode_time(fields["valid_until"])
    if issued_at >= valid_until:
        raise Invalid("it ends before it begins")
    return Charter(fields["site"], version, issued_at, valid_until, needed, officials, signers)


def read_first_charter(data: bytes, *, fingerprint: str) -> Charter:
    """Return a site's first charter, which a person compared by its fingerprint. Raises `Integrity` otherwise."""
    charter = _read_signed(data)
    if charter.fingerprint != fingerprint:
        raise Integrity(
            "the charter is not the one with this fingerprint", hint="Read it out on another channel."
        )
    return charter


def read_next_charter(data: bytes, *, current: Charter) -> Charter:
    """Return the successor of a charter: same site, higher version, signed by a quorum of the old and of the new officials.

    Raises `Integrity` otherwise. The very same charter again is no error.
    """
    charter = _read_signed(data)
    if charter == current:
        return current
    before = f"the officials of the charter before it ({', '.join(sorted(current.officials))})"
    verify_quorum(FORMAT, data, list(current.officials.values()), needed=current.needed, whose=before)
    if charter.site != current.site or charter.version <= current.version:
        raise Integrity("the charter is of another site, or not newer than the one here")
    return charter


def follow_charters(chain: Sequence[bytes], *, fingerprint: str) -> Charter:
    """Return the last of a site's charters, oldest first, of which the first has this fingerprint.

    Raises `Integrity` when a link is missing or is not signed by enough people.
    """
    if not chain:
        raise Integrity("there is no charter to begin with")
    charter = read_first_charter(chain[0], fingerprint=fingerprint)
    for data in chain[1:]:
        charter = read_next_charter(data, current=charter)
    return charter


def read_roster(data: bytes, *, charter: Charter, now: datetime, newer_than: int = 0) -> Roster:
    """Return a roster signed by one of the charter's roster signers.

    Raises `NotArmed` outside the charter's validity, `Integrity` as `parse_roster` does.
    """
    if not charter.issued_at <= now < charter.valid_until:
        raise NotArmed("the site's charter is not valid now", hint="The officials have to sign a new one.")
    return parse_roster(data, list(charter.roster_signers.values()), newer_than=newer_than)


def _read_signed(data: bytes) -> Charter:
    """Return a charter that a quorum of its own officials signed. Raises `Integrity` otherwise."""
    try:
        charter = decode_charter(read_body(data))
    except Invalid as error:
        raise Integrity(f"the charter is not usable: {error}") from None
    verify_quorum(FORMAT, data, list(charter.officials.values()), needed=charter.needed)
    return charter
