"""The evidence that travels with an export: who approved it with which key, and what the ledger says, all checkable offline.

Owns its JSON. Everything in it is a claim until it is verified against keys that the reader trusts (`flow.witnessed`).
"""

import base64
import json
from dataclasses import dataclass
from typing import Any

import rfc8785

from wayseal.export.approval import RelyingParty
from wayseal.model.disclosure import CredentialForm
from wayseal.model.errors import Invalid


@dataclass(frozen=True, slots=True)
class ApproverFact:
    """An approver as the exporting site knows them: whose organisation they are of, and the public key that they signed with."""

    id: str
    organisation: str
    role: str
    form: CredentialForm
    public: bytes
    credential: bytes


@dataclass(frozen=True, slots=True)
class EntryProof:
    """One ledger entry's bytes with its index and the sibling hashes up to the evidence's checkpoint."""

    index: int
    entry: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What goes with a manifest. `sender` is the raw Ed25519 key that signs the bundle; `approvals` are canonical bytes."""

    sender: bytes
    mark: str
    approvals: tuple[bytes, ...]
    approvers: tuple[ApproverFact, ...]
    party: RelyingParty
    entries: tuple[EntryProof, ...]
    checkpoint: str


def encode_evidence(evidence: Evidence) -> bytes:
    """Return the evidence as RFC 8785 JSON."""
    return rfc8785.dumps(
        {
            "approvals": [raw.decode() for raw in evidence.approvals],
            "approvers": [
                {
                    "credential": _text(one.credential), "form": one.form.value, "id": one.id,
                    "organisation": one.organisation, "public": _text(one.public), "role": one.role,
                }
                for one in evidence.approvers
            ],
            "checkpoint": evidence.checkpoint,
            "entries": [
                {"entry": proof.entry.decode(), "index": proof.index, "path": [_text(node) for node in proof.path]}
                for proof in evidence.entries
            ],
            "mark": evidence.mark,
            "party": {"id": evidence.party.id, "origins": list(evidence.party.origins)},
            "sender": evidence.sender.hex(),
        }
    )  # fmt: skip


def decode_evidence(raw: bytes) -> Evidence:
    """Return the evidence that `raw` spells. Raises `Invalid` for any other spelling."""
    try:
        evidence = _build(json.loads(raw))
        same = encode_evidence(evidence) == raw
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        same = False
    if not same:
        raise Invalid("the evidence of an export is malformed")
    return evidence


def _build(fields: dict[str, Any]) -> Evidence:
    approvers = tuple(
        ApproverFact(
            one["id"], one["organisation"], one["role"], CredentialForm(one["form"]), _bytes(one["public"]),
            _bytes(one["credential"]),
        )
        for one in fields["approvers"]
    )  # fmt: skip
    entries = tuple(
        EntryProof(int(one["index"]), one["entry"].encode(), tuple(_bytes(node) for node in one["path"]))
        for one in fields["entries"]
    )
    return Evidence(
        sender=bytes.fromhex(fields["sender"]),
        mark=fields["mark"],
        approvals=tuple(text.encode() for text in fields["approvals"]),
        approvers=approvers,
        party=RelyingParty(fields["party"]["id"], tuple(fields["party"]["origins"])),
        entries=entries,
        checkpoint=fields["checkpoint"],
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
