"""Whom a keyroom believes, and whom a client of it believes: public keys, written once when the home is made.

Owns `HOME/keyroom/trust.json` (the log's keys, the clients and the roles that each may speak for), whose digest is on the
ledger, and `HOME/centre/keyroom.json` (the keyroom's two public keys). Holds nothing secret.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wayseal.flow.admit import RULES
from wayseal.ledger.log import Ledger
from wayseal.ledger.note import VerifierKey, parse_vkey
from wayseal.ledger.policy import NONE, Policy, parse_policy
from wayseal.ledger.reader import LedgerReader
from wayseal.model.errors import Integrity, Invalid, NotFound, WaysealError
from wayseal.model.ids import check_name
from wayseal.seal.keys.durable import read_json, write_file
from wayseal.seal.suite import sha256
from wayseal.station.settings import SiteSettings

TRUST = "trust.json"
PIN = "keyroom.json"
OBJECT = "keyroom-clients"
"""What the `config` entries about the trust file are about."""
SETTINGS = "site-settings"
"""What the `config` entries about the keyroom's settings are about."""
_ROLE = re.compile(r"[a-z][a-z0-9_]{0,39}")
_PERMITTED = re.compile(r'\bpermit\s*\(\s*principal\s+in\s+Role::"([a-z0-9_]+)"')


@dataclass(frozen=True, slots=True)
class Client:
    """Who may ask the keyroom: a name, a raw Ed25519 key, and the roles of the people it may speak for."""

    name: str
    public: bytes
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class Trust:
    """The keys that must have signed every checkpoint, the clients by name, and the witness policy's text, if there is one."""

    log: tuple[VerifierKey, ...]
    clients: dict[str, Client]
    witnesses: str = ""

    def policy(self) -> Policy | None:
        """Return whose cosignatures count here and how many are needed, or None where no witness is pinned."""
        return parse_policy(self.witnesses) if self.witnesses else None

    def pin(self, witnesses: str) -> "Trust":
        """Return this trust with a witness policy (tlog-policy text). Raises `Invalid` for one that asks for no witness."""
        if parse_policy(witnesses).quorum == NONE:
            raise Invalid(
                "a witness policy without a quorum", hint="Name the witnesses and how many must agree."
            )
        return replace(self, witnesses=witnesses)

    def admit(self, client: Client) -> "Trust":
        """Return this trust with a client added or replaced. Raises `Invalid` for a name, key or role that cannot be one."""
        check_name(client.name, what="client name")
        if len(client.public) != 32:
            raise Invalid("not an Ed25519 public key", hint="Give 64 hexadecimal digits.")
        if not all(_ROLE.fullmatch(role) for role in client.roles):
            raise Invalid("not a role", hint="Roles look like officer or privacy_officer.")
        return replace(self, clients={**self.clients, client.name: client})


@dataclass(frozen=True, slots=True)
class KeyroomPin:
    """A keyroom's public keys: `official` signs rosters, `identity` signs re-wraps and answers challenges."""

    official: bytes
    identity: bytes


def parse_pinned(text: str) -> Policy:
    """Return a witness policy that a keyroom may pin. Raises `Invalid` for one that needs nobody's cosignature."""
    policy = parse_policy(text)
    if policy.quorum == NONE:
        raise Invalid("a witness policy without a quorum", hint="Name the witnesses and how many must agree.")
    return policy


def list_roles(policy_text: str) -> frozenset[str]:
    """Return the roles to which a policy's rules permit something. A role that is only forbidden is none of them."""
    return frozenset(_PERMITTED.findall(policy_text))


def encode_trust(trust: Trust) -> bytes:
    """Return the file's bytes, the same for the same trust."""
    clients = [
        {"name": one.name, "public": one.public.hex(), "roles": sorted(one.roles)}
        for _, one in sorted(trust.clients.items())
    ]
    fields: dict[str, Any] = {"clients": clients, "log": [str(key) for key in trust.log]}
    if trust.witnesses:
        fields["witnesses"] = trust.witnesses
    return json.dumps(fields, indent=1).encode()


def decode_trust(data: bytes) -> Trust:
    """Return the trust that a file's bytes spell. Raises `Integrity`."""
    try:
        fields = json.loads(data)
        trust = Trust(tuple(parse_vkey(text) for text in fields["log"]), {})
        for one in fields["clients"]:
            trust = trust.admit(Client(one["name"], bytes.fromhex(one["public"]), frozenset(one["roles"])))
        trust = trust.pin(fields["witnesses"]) if "witnesses" in fields else trust
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, WaysealError):
        trust = Trust((), {})
    if not trust.log or encode_trust(trust) != data:
        raise Integrity("the keyroom's list of clients is damaged")
    return trust


def write_trust(folder: Path, trust: Trust) -> None:
    """Write the file. The caller has put `trust_entry` on the ledger first."""
    write_file(folder / TRUST, encode_trust(trust))


def trust_entry(trust: Trust) -> dict[str, Any]:
    """Return the ledger entry that commits to a trust file."""
    return {"type": "config", "object": OBJECT, "config_sha256": sha256(encode_trust(trust)).hex()}


def rules_entry(policy_text: str) -> dict[str, Any]:
    """Return the ledger entry that puts the site's rules in force: the gate works by no others."""
    return {"type": "config", "object": RULES, "config_sha256": sha256(policy_text.encode()).hex()}


def settings_entry(settings: SiteSettings) -> dict[str, Any]:
    """Return the ledger entry that says which settings the keyroom works with: allowances, hours, what is bulk, caps of exports."""
    named = {
        "keyroom": settings.keyroom, "release": settings.release, "retention": settings.retention,
        "export": settings.export,
    }  # fmt: skip
    text = json.dumps(
        {
            "time_zone": settings.time_zone,
            **{name: one.model_dump(mode="json") for name, one in named.items()},
        },
        sort_keys=True,
    )
    return {"type": "config", "object": SETTINGS, "config_sha256": sha256(text.encode()).hex()}


def note_settings(ledger: Ledger, settings: SiteSettings, policy_sha256: str) -> None:
    """Put the settings' digest on the ledger unless it is the one that stands there, and the rules' where none ever stood.

    The latter is for homes that are older than this entry: their rules are taken as they are found, once.
    """
    entry = settings_entry(settings)
    known = ledger.find(type="config", object=SETTINGS)
    if not known or ledger.entry(known[-1])["config_sha256"] != entry["config_sha256"]:
        ledger.append([entry])
    if not ledger.find(type="config", object=RULES):
        ledger.append([{"type": "config", "object": RULES, "config_sha256": policy_sha256}])


def read_trust(folder: Path, ledger: LedgerReader) -> Trust:
    """Return whom the keyroom believes. Raises `NotFound`, or `Integrity` unless the newest entry on the ledger says so."""
    try:
        data = (folder / TRUST).read_bytes()
    except FileNotFoundError:
        raise NotFound(
            "this keyroom has no list of clients", hint="Make the home again: wayseal init."
        ) from None
    known = ledger.find(type="config", object=OBJECT)
    if not known or ledger.entry(known[-1])["config_sha256"] != sha256(data).hex():
        raise Integrity("the keyroom's list of clients is not the one on the ledger")
    return decode_trust(data)


def write_pin(folder: Path, pin: KeyroomPin) -> None:
    """Write the keyroom's public keys where the centre finds them."""
    fields = {"official": pin.official.hex(), "identity": pin.identity.hex()}
    write_file(folder / PIN, json.dumps(fields).encode())


def read_pin(folder: Path) -> KeyroomPin:
    """Return the keyroom's public keys. Raises `NotFound` or `Integrity`."""
    try:
        fields = read_json(folder / PIN, {"official": str, "identity": str})
        return KeyroomPin(bytes.fromhex(fields["official"]), bytes.fromhex(fields["identity"]))
    except FileNotFoundError:
        raise NotFound(
            "this home does not know its keyroom's public keys", hint="Make the home again: wayseal init."
        ) from None
    except ValueError:
        raise Integrity("the keyroom's public keys are damaged") from None


def found_trust(log: Sequence[VerifierKey], centre: tuple[str, bytes], policy_text: str) -> Trust:
    """Return the trust of a new home: its log, and its centre (name and key) for every role that its policy permits."""
    name, public = centre
    return Trust(tuple(log), {}).admit(Client(name, public, list_roles(policy_text)))
