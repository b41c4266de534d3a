"""The join file: what somebody carries from the centre to a new lane computer, and what the lane then knows of its site.

Owns the format. The file holds the key of a certificate that may join once, so it is a secret until it was used or is
over. Everything else in it is public.
"""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from wayseal.model.border import Direction
from wayseal.model.errors import Integrity, Invalid
from wayseal.model.ids import check_name

FORMAT: Final = "wayseal-join/v1"


@dataclass(frozen=True, slots=True)
class LaneFacts:
    """What a lane knows of its site. Keys are hexadecimal, charters hexadecimal too and oldest first, certificates PEM.

    `fingerprint` is the first charter's; `centre` is HOST:PORT; `settings` are the lines of the lane's `wayseal.toml`.
    """

    site: str
    lane: str
    direction: Direction
    centre: str
    centre_public: str
    authority: str = field(repr=False)
    charters: tuple[str, ...] = field(repr=False)
    fingerprint: str


@dataclass(frozen=True, slots=True)
class JoinFile:
    """A join file. `key` is the raw TLS key (hex) of the certificate that may join; it is over at `until` (RFC 3339)."""

    facts: LaneFacts
    settings: str
    certificate: str = field(repr=False)
    key: str = field(repr=False)
    until: str


def encode_join_file(file: JoinFile) -> bytes:
    """Return the file's bytes."""
    value = asdict(file) | {"facts": facts_value(file.facts), "format": FORMAT}
    return json.dumps(value, indent=1).encode()


def decode_join_file(data: bytes) -> JoinFile:
    """Return the join file that the bytes spell. Raises `Integrity`."""
    try:
        value = json.loads(data)
        known = value.pop("format") == FORMAT
        file = JoinFile(**value | {"facts": read_facts_value(value["facts"])})
        texts = (file.settings, file.certificate, file.key, file.until)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, Invalid):
        raise _not_one() from None
    if not known or not all(isinstance(text, str) for text in texts):
        raise _not_one()
    return file


def _not_one() -> Integrity:
    return Integrity("not a join file", hint="Ask for another: wayseal lane enrol, at the centre.")


def facts_value(facts: LaneFacts) -> dict[str, Any]:
    """Return a lane's facts as a JSON value."""
    return asdict(facts) | {"direction": facts.direction.value, "charters": list(facts.charters)}


def read_facts_value(value: Any) -> LaneFacts:
    """Return the facts that a JSON value spells. Raises `ValueError`, `KeyError` or `TypeError`."""
    facts = LaneFacts(
        **value | {"direction": Direction(value["direction"]), "charters": tuple(value["charters"])}
    )
    check_name(facts.lane, what="lane id")
    texts = (facts.site, facts.centre, facts.authority, facts.fingerprint, *facts.charters)
    if not facts.charters or not all(isinstance(text, str) for text in texts):
        raise ValueError("malformed")
    for text in (facts.centre_public, *facts.charters):
        bytes.fromhex(text)
    return facts
