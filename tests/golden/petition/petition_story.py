"""The ledger of the published petitions: its keys, its entries, what people signed, and what the shipped code reads in it. All of it is fixed."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from wayseal.export.approval import (
    Approval,
    RelyingParty,
    Subject,
    decline_paper,
    digest_ballot,
    encode_approval,
    sign_approval,
)
from wayseal.flow.grant import decline_entry, signature_entry
from wayseal.flow.petition import (
    SIGNED,
    drop_false_seal,
    petition_entry,
    read_petition,
    seal_entry,
    settled_entry,
)
from wayseal.flow.policy import Principal
from wayseal.flow.standing import Standings
from wayseal.ledger.entry import decode_entry, encode_entry
from wayseal.ledger.proof import CompactRange, hash_leaf
from wayseal.model.clock import to_text
from wayseal.model.disclosure import CredentialForm
from wayseal.seal.keys import SigningIdentity
from wayseal.seal.suite import sha256

SITE = "agency/port/one"
PARTY = RelyingParty("port.example", ("https://port.example",))
PEOPLE = {
    name: SigningIdentity(name, bytes((number,)) * 32)
    for number, name in enumerate(("keyroom", "chief:1", "lab:1", "counsel-1", "stranger"), start=0x31)
}
KEYROOM, CHIEF, LAB, COUNSEL, STRANGER = PEOPLE.values()
COSE = b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20" + LAB.public
"""The authenticator's key as COSE: OKP, EdDSA, Ed25519."""
CREDENTIAL = b"authenticator of lab:1"
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
ULID = "01KB3Z6V8N4Q0T2Y5RWXEJ7MC"
HOLD, BACK, END, SECOND, RECORD, PAPER = (ULID + letter for letter in "ABCDEF")
ASKED = 6
"""Entries when people are shown what they sign."""


def ask(about: str, name: str, approvers: tuple[str, str], **facts: Any) -> bytes:
    """Return the entry of a petition."""
    return encode_entry(
        petition_entry(about, name, actor="boss-1", approvers=approvers, now=NOW, facts=facts)
    )


def make_asked() -> list[bytes]:
    """Return the ledger up to the petitions: signatures count, a hold, a suspension, one reinstatement and two lifts."""
    both = ("chief:1", "counsel-1")
    lift = {"hold": HOLD, "reason": "case-closed"}
    return [
        encode_entry(entry)
        for entry in (
            {
                "type": "config",
                "object": SIGNED,
                "config_sha256": sha256(SIGNED.encode()).hex(),
                "time": to_text(NOW),
            },
            {
                "type": "hold", "object": HOLD, "reason": "court-order-7", "approvers": list(both), "records": [RECORD],
                "until": to_text(NOW + timedelta(days=90)), "time": to_text(NOW),
            },
            {"type": "org-status", "object": "camera-vendor", "status": "suspended", "reason": "copied-pictures", "time": to_text(NOW)},
        )
    ] + [
        ask("reinstatement", BACK, ("chief:1", "lab:1"), subject="camera-vendor", suspension=2, assessment=PAPER),
        ask("lift", END, both, **lift),
        ask("lift", SECOND, both, **lift),
    ]  # fmt: skip


def make_checkpoint(entries: list[bytes]) -> str:
    """Return the three lines of the state that these entries are."""
    tree = CompactRange()
    for data in entries:
        tree.append(hash_leaf(data))
    return f"{SITE}\n{len(entries)}\n{base64.b64encode(tree.root()).decode()}\n"


def assert_by_hand(
    name: str, paper: bytes, checkpoint: str, *, flags: int = 5, origin: str = PARTY.origins[0]
) -> Approval:
    """Return the reinstatement's approval as an authenticator with a key of lab:1 gives it. `flags`: 1 present, 4 verified."""

    def spell(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    client = json.dumps(
        {"type": "webauthn.get", "challenge": spell(digest_ballot(paper, checkpoint)), "origin": origin},
        separators=(",", ":"),
    ).encode()
    data = sha256(PARTY.id.encode()) + bytes((flags,)) + bytes(4)
    proof = {
        "authenticator_data": spell(data), "client_data": spell(client), "credential": spell(CREDENTIAL),
        "signature": spell(LAB.sign(data + sha256(client))),
    }  # fmt: skip
    return Approval(
        name, "lab:1", sha256(paper).hex(), checkpoint, CredentialForm.WEBAUTHN, sha256(COSE).hex(), proof,
        Subject.REINSTATEMENT,
    )  # fmt: skip


def make_given(asked: list[bytes], checkpoint: str) -> dict[str, tuple[bytes, Approval]]:
    """Return what people signed and gave, by name: the paper, and the approval."""

    def sign(about: Subject, name: str, who: SigningIdentity, paper: bytes) -> tuple[bytes, Approval]:
        made = sign_approval(name, who.name, manifest=paper, checkpoint=checkpoint, signer=who, about=about)
        return paper, made

    back, end, second = asked[3:]
    return {
        "reinstatement-yes-key": sign(Subject.REINSTATEMENT, BACK, CHIEF, back),
        "reinstatement-yes-authenticator": (back, assert_by_hand(BACK, back, checkpoint)),
        "lift-yes-first": sign(Subject.LIFT, END, CHIEF, end),
        "lift-yes-second": sign(Subject.LIFT, END, COUNSEL, end),
        "lift-no": sign(Subject.DECLINE, SECOND, COUNSEL, decline_paper(Subject.LIFT, second, "still-needed")),
        "reinstatement-no": sign(
            Subject.DECLINE, BACK, CHIEF, decline_paper(Subject.REINSTATEMENT, back, "not-yet-mended")
        ),
    }  # fmt: skip


def make_ledger() -> list[bytes]:
    """Return the whole ledger: after the petitions come four yes, one no, and the keyroom's two entries."""
    asked = make_asked()
    given = make_given(asked, make_checkpoint(asked))
    told = []
    for name, role, intent in (
        ("reinstatement-yes-key", "supervisor", 3), ("reinstatement-yes-authenticator", "assessor", 3),
        ("lift-yes-first", "supervisor", 4), ("lift-yes-second", "privacy_officer", 4), ("lift-no", "privacy_officer", 5),
    ):  # fmt: skip
        word = given[name][1]
        who = Principal(word.approver, role, "agency" if word.approver == "chief:1" else "lab")
        proof = {
            "approval_sha256": sha256(encode_approval(word)).hex(), "key_sha256": word.key, "checkpoint_size": ASKED,
        }  # fmt: skip
        if word.about is Subject.DECLINE:
            no = decline_entry(who, "lift", word.export, intent, reason="still-needed", now=NOW)
            told.append(encode_entry(no | proof))
        else:
            told.append(
                encode_entry(
                    signature_entry(who, word.about.value, word.export, intent, proof=proof, now=NOW)
                )
            )
    settled = [encode_entry(seal_entry(make_settled(asked, intent), KEYROOM)) for intent in (3, 4)]
    return asked + told + settled


def make_settled(asked: list[bytes], intent: int) -> dict[str, Any]:
    """Return the entry that carries out the petition of entry `intent`, without its seal."""
    one = read_petition(decode_entry(asked[intent]), intent)
    return settled_entry(one, (RECORD,) if one.about == "lift" else (), NOW)


def read_state(entries: list[bytes]) -> dict[str, Any]:
    """Return what the shipped code says of these entries: petitions that wait, suspended organisations and holds in force."""
    known = Standings()
    for index, data in enumerate(entries):
        known.apply(index, drop_false_seal(decode_entry(data), KEYROOM.public))
    waiting = {
        key: {
            "about": one.about, "index": one.index, "sha256": one.digest, "until": to_text(one.expires_at),
            "signed": sorted(proof for proof, _ in one.signed),
        }
        for key, one in known.petitions.waiting.items()
    }  # fmt: skip
    return {"waiting": waiting, "suspended": sorted(known.suspended), "holds": sorted(known.holds)}
