"""Petitions: that a suspended organisation comes back, or that a hold ends before its time. Two people sign one, and the keyroom settles it.

Owns how they are written on the ledger and what the ledger says of those that wait, applied in its order. Where people's word counts with their
signature only (the ledger has a `config` entry about `SIGNED`, for ever), nothing but an entry that the keyroom has sealed carries one out.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wayseal.ledger.entry import encode_entry
from wayseal.model.clock import from_text, to_text
from wayseal.seal.device import DeviceSigner
from wayseal.seal.suite import sha256

SIGNED = "signed-standing"
"""What the `config` entry is about from which on names carry out no petition."""
LIFE = timedelta(days=7)
"""How long a petition waits for its signatures."""
FEWEST = 2
"""People who sign one."""
REINSTATEMENT, LIFT = "reinstatement", "lift"
TYPES = {REINSTATEMENT: "reinstatement", LIFT: "lift-request"}
"""What a petition is about, to the type of its entry."""
_ABOUT = {kind: about for about, kind in TYPES.items()}
_LABEL = b"wayseal-settled/v1\x00"


@dataclass(frozen=True, slots=True)
class Petition:
    """One that waits: its entry's index and SHA-256 (hex), and until when. `subject` is the organisation or the hold that it is about.

    `suspension` is the index of the entry that suspended the organisation: a petition is for that very suspension.
    """

    about: str
    index: int
    digest: str
    subject: str
    asked_by: str
    approvers: tuple[str, ...]
    expires_at: datetime
    reason: str = ""
    assessment: str = ""
    suspension: int = 0
    signed: frozenset[tuple[str, int]] = frozenset()
    """SHA-256 (hex) of what people signed for it, each with the index of the entry that says so."""


@dataclass(slots=True)
class PetitionBook:
    """The petitions that wait after reading the ledger up to some entry. Each step makes a new table."""

    waiting: dict[str, Petition] = field(default_factory=dict)
    """By id. An id is given once."""

    def apply(self, index: int, entry: Mapping[str, Any]) -> None:
        """Take in an entry about a petition. Entries come in order, each once."""
        name, kind = entry["object"], entry["type"]
        held = self.waiting.get(name)
        if kind in _ABOUT:
            self._ask(index, entry)
        elif held is None or entry["intent"] != held.index or not kind.startswith(held.about):
            return
        elif kind.endswith("-decline"):
            self.waiting = {key: one for key, one in self.waiting.items() if key != name}
        else:
            signed = held.signed | {(entry["approval_sha256"], index)}
            self.waiting = {**self.waiting, name: replace(held, signed=signed)}

    def settle(self, intent: int | None) -> None:
        """Forget the petition of entry `intent`: it has been carried out."""
        self.waiting = {key: one for key, one in self.waiting.items() if one.index != intent}

    def forget(self, now: datetime) -> None:
        """Forget petitions whose time is over by the reader's own clock."""
        self.waiting = {key: one for key, one in self.waiting.items() if one.expires_at > now}

    def _ask(self, index: int, entry: Mapping[str, Any]) -> None:
        """Note a petition, unless one of its id waits."""
        if entry["object"] not in self.waiting:
            self.waiting = {**self.waiting, entry["object"]: read_petition(entry, index)}


def read_petition(entry: Mapping[str, Any], index: int) -> Petition:
    """Return the petition that an entry makes. It waits no longer than `LIFE`, whatever the entry says."""
    about = _ABOUT[entry["type"]]
    asked, said = from_text(entry["time"]), from_text(entry["expires"])
    return Petition(
        about=about,
        index=index,
        digest=sha256(encode_entry(entry)).hex(),
        subject=entry["subject" if about == REINSTATEMENT else "hold"],
        asked_by=entry["actor"],
        approvers=tuple(entry["approvers"]),
        expires_at=said if said - asked <= LIFE else asked + LIFE,
        reason=entry.get("reason", ""),
        assessment=entry.get("assessment", ""),
        suspension=entry.get("suspension", 0),
    )


def petition_entry(
    about: str,
    petition_id: str,
    *,
    actor: str,
    approvers: Sequence[str],
    now: datetime,
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the entry of a petition. `facts`: `subject`, `suspension`, `assessment` of a reinstatement; `hold`, `reason` of a lift."""
    return {
        "type": TYPES[about], "object": petition_id, "actor": actor, "approvers": list(approvers), "time": to_text(now),
        "expires": to_text(now + LIFE), **facts,
    }  # fmt: skip


def settled_entry(one: Petition, records: Collection[str], now: datetime) -> dict[str, Any]:
    """Return the entry that carries a petition out, without the keyroom's seal. `records` are a hold's."""
    head = {
        "actor": one.asked_by,
        "approvers": list(one.approvers),
        "intent": one.index,
        "time": to_text(now),
    }
    if one.about == LIFT:
        kept = {"records": list(records)} if records else {}
        return {"type": "lift", "object": one.subject, "reason": one.reason, **kept, **head}
    return {
        "type": "org-status", "object": one.subject, "status": "reinstated", "assessment": one.assessment,
        "suspension": one.suspension, **head,
    }  # fmt: skip


def seal_entry(entry: Mapping[str, Any], signer: DeviceSigner) -> dict[str, Any]:
    """Return an entry with the keyroom's seal: its signature over the entry's canonical bytes without it."""
    return {**entry, "keyroom_seal": signer.sign(_LABEL + encode_entry(entry)).hex()}


def drop_false_seal(entry: Mapping[str, Any], public: bytes) -> dict[str, Any]:
    """Return an entry as it was, or without its seal when the keyroom with this raw Ed25519 key did not make it."""
    bare = {name: value for name, value in entry.items() if name != "keyroom_seal"}
    if "keyroom_seal" not in entry:
        return bare
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(
            bytes.fromhex(entry["keyroom_seal"]), _LABEL + encode_entry(bare)
        )
    except InvalidSignature:
        return bare
    return dict(entry)


def encode_petitions(book: PetitionBook) -> dict[str, Any]:
    """Return the state as JSON values; `decode_petitions` gives it back."""
    return {
        key: {
            "about": one.about, "index": one.index, "digest": one.digest, "subject": one.subject, "asked_by": one.asked_by,
            "approvers": list(one.approvers), "expires_at": to_text(one.expires_at), "reason": one.reason,
            "assessment": one.assessment, "suspension": one.suspension, "signed": sorted(map(list, one.signed)),
        }
        for key, one in book.waiting.items()
    }  # fmt: skip


def decode_petitions(value: Mapping[str, Any]) -> PetitionBook:
    """Return the state that `encode_petitions` wrote. Raises what a wrong shape raises: the caller has verified its maker."""
    waiting = {
        key: Petition(**{
            **one, "approvers": tuple(one["approvers"]), "expires_at": from_text(one["expires_at"]),
            "signed": frozenset((proof, index) for proof, index in one["signed"]),
        })
        for key, one in value.items()
    }  # fmt: skip
    return PetitionBook(waiting)
