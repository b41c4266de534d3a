"""Write docs/spec/vectors/petition: a ledger on which petitions are asked, signed, declined and settled, what people signed, and defects of each.

Run it only when the format changes: `python tests/golden/petition/make_petition_vectors.py`. Keys, times and ids are fixed and every signature is Ed25519, so all of it
is the same bytes whenever it is made.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
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

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "spec" / "vectors" / "petition"
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


def make_replaced(ledger: list[bytes]) -> dict[str, dict[str, Any]]:
    """Return, by defect, an entry that stands in the place of one of the ledger's, and the state after it."""

    def change(place: int, **fields: Any) -> tuple[int, dict[str, Any]]:
        return place, {**decode_entry(ledger[place]), **fields}

    def settle(place: int, **fields: Any) -> tuple[int, dict[str, Any]]:
        bare = {key: one for key, one in change(place, **fields)[1].items() if key != "keyroom_seal"}
        return place, seal_entry(bare, KEYROOM)

    bare = {place: make_settled(ledger, intent) for place, intent in ((11, 3), (12, 4))}
    seal = decode_entry(ledger[11])["keyroom_seal"]
    flipped = seal[:-1] + ("0" if seal[-1] != "0" else "1")
    replaced = {
        "petition-of-eight-days": change(4, expires=to_text(NOW + timedelta(days=8))),
        "petition-with-the-id-of-one-that-waits": change(5, object=END, reason="another-reason"),
        "yes-to-another-entry": change(6, intent=4),
        "yes-of-another-kind": (6, {**decode_entry(ledger[6]), "type": "lift-approve"}),
        "no-to-another-entry": change(10, intent=4),
        "reinstated-without-a-seal": (11, bare[11]),
        "reinstated-with-a-bit-of-the-seal-flipped": change(11, keyroom_seal=flipped),
        "reinstated-with-a-strangers-seal": (11, seal_entry(bare[11], STRANGER)),
        "reinstated-with-a-seal-without-its-label": (
            11, {**bare[11], "keyroom_seal": KEYROOM.sign(encode_entry(bare[11])).hex()},
        ),
        "reinstated-with-another-petition-under-the-seal": change(11, intent=4),
        "reinstated-with-the-lifts-seal": change(11, keyroom_seal=decode_entry(ledger[12])["keyroom_seal"]),
        "reinstated-from-an-earlier-suspension": settle(11, suspension=1),
        "lifted-without-a-seal": (12, bare[12]),
        "lifted-with-a-strangers-seal": (12, seal_entry(bare[12], STRANGER)),
        "lifted-by-a-petition-from-before-the-hold": settle(12, intent=0),
    }  # fmt: skip
    made = {}
    for name, (place, entry) in replaced.items():
        data = encode_entry(entry)
        made[name] = {
            "place": place, "bytes": data.decode(), "after": read_state([*ledger[:place], data]),
        }  # fmt: skip
    return made


def make_malformed(ledger: list[bytes]) -> dict[str, str]:
    """Return the bytes of entries that are none, by defect."""
    back, lift, yes, no, done = (decode_entry(ledger[place]) for place in (3, 4, 6, 10, 11))
    seal = done["keyroom_seal"]

    def spell(entry: Mapping[str, Any], *without: str) -> str:
        kept = {key: value for key, value in entry.items() if key not in without}
        return json.dumps(kept, sort_keys=True, separators=(",", ":"))

    return {
        **{f"reinstatement-without-{field}": spell(back, field) for field in ("approvers", "expires", "subject", "suspension", "assessment")},
        **{f"lift-request-without-{field}": spell(lift, field) for field in ("approvers", "expires", "hold", "reason")},
        **{f"yes-without-{field}": spell(yes, field) for field in ("approval_sha256", "key_sha256", "checkpoint_size", "intent", "role")},
        "no-without-reason": spell(no, "reason"),
        "no-with-free-text": spell({**no, "reason": "Still needed."}),
        "petition-with-a-seal": spell({**back, "keyroom_seal": seal}),
        "petition-names-one-person-twice": spell({**back, "approvers": ["chief:1", "chief:1"]}),
        "petition-with-a-space": ledger[3].decode().replace(",", ", ", 1),
        "petition-with-unknown-field": spell({**lift, "note": "x"}),
        "suspension-as-text": spell({**back, "suspension": "2"}),
        "seal-a-digit-short": spell({**done, "keyroom_seal": seal[:-1]}),
        "seal-in-capitals": spell({**done, "keyroom_seal": "AB" * 64}),
        "no-paper-as-an-entry": decline_paper(Subject.LIFT, ledger[4], "still-needed").decode(),
    }  # fmt: skip


def make_refused(asked: list[bytes], checkpoint: str) -> dict[str, dict[str, str]]:
    """Return approvals with one defect, each with the subject and paper it is handed in for and the error it must give."""
    given = make_given(asked, checkpoint)
    paper, yes = given["reinstatement-yes-key"]
    no_paper, no = given["reinstatement-no"]
    touch = given["reinstatement-yes-authenticator"][1]
    text = encode_approval(yes).decode()
    other = decline_paper(Subject.REINSTATEMENT, paper, "no-money")
    about_lift = decline_paper(Subject.LIFT, paper, "not-yet-mended")
    later = checkpoint.replace(f"\n{ASKED}\n", f"\n{ASKED + 1}\n")
    signed = Subject.REINSTATEMENT

    def seen(approval: Approval, shown: bytes) -> Approval:
        return replace(approval, manifest_sha256=sha256(shown).hex())

    def case(
        data: str | Approval, error: str, about: Subject = signed, shown: bytes = paper
    ) -> dict[str, str]:
        raw = data if isinstance(data, str) else encode_approval(data).decode()
        return {"about": about.value, "paper": shown.decode(), "bytes": raw, "error": error}

    return {
        "yes-handed-in-for-a-lift": case(yes, "Invalid", Subject.LIFT),
        "yes-handed-in-as-a-no": case(yes, "Invalid", Subject.DECLINE, no_paper),
        "no-handed-in-as-a-yes": case(no, "Invalid"),
        "yes-with-a-space": case(text.replace(",", ", ", 1), "Invalid"),
        "yes-with-unknown-field": case(text.replace("{", '{"a":1,', 1), "Invalid"),
        "yes-of-version-2": case(text.replace("approval/v1", "approval/v2"), "Invalid"),
        "yes-without-signature": case(replace(yes, proof={}), "Invalid"),
        "yes-to-another-petition": case(yes, "Refused", shown=asked[4]),
        "yes-by-another-credential": case(replace(yes, key=COUNSEL_ID), "Refused"),
        "no-for-another-reason": case(no, "Refused", Subject.DECLINE, other),
        "no-about-another-kind": case(no, "Refused", Subject.DECLINE, about_lift),
        "no-with-the-other-reasons-digest": case(seen(no, other), "Integrity", Subject.DECLINE, other),
        "yes-with-the-signature-of-the-no": case(replace(yes, proof=no.proof), "Integrity"),
        "no-spelt-as-a-yes": case(replace(no, about=signed), "Refused"),
        "yes-signed-as-a-hold": case(
            replace(
                sign_approval(BACK, "chief:1", manifest=paper, checkpoint=checkpoint, signer=CHIEF, about=Subject.HOLD),
                about=signed,
            ),
            "Integrity",
        ),
        "yes-under-another-state": case(replace(yes, checkpoint=later), "Integrity"),
        "yes-with-a-bit-flipped": case(replace(yes, proof={"signature": flip(yes.proof["signature"])}), "Integrity"),
        "authenticator-without-its-user-verified": case(assert_by_hand(BACK, paper, checkpoint, flags=1), "Refused"),
        "authenticator-asked-by-another-site": case(
            assert_by_hand(BACK, paper, checkpoint, origin="https://other.example"), "Refused"
        ),
        "authenticator-signed-another-petition": case(seen(assert_by_hand(BACK, asked[4], checkpoint), paper), "Refused"),
        "authenticator-with-another-signature": case(
            replace(touch, proof={**touch.proof, "signature": touch.proof["signature"][:-2] + "AA"}), "Integrity"
        ),
    }  # fmt: skip


COUNSEL_ID = hashlib.sha256(COUNSEL.public).hexdigest()


def flip(text: str) -> str:
    """Return hex with one bit of its first digit changed."""
    return f"{int(text[0], 16) ^ 1:x}{text[1:]}"


def make_keys() -> dict[str, Any]:
    """Return the file of seeds, and what verifies an authenticator."""
    return {
        "seeds_ed25519": {
            name: (bytes((number,)) * 32).hex() for number, name in enumerate(PEOPLE, start=0x31)
        },
        "publics_ed25519": {name: one.public.hex() for name, one in PEOPLE.items()},
        "authenticator": {
            "approver": "lab:1", "credential": CREDENTIAL.hex(), "origin": PARTY.origins[0], "party": PARTY.id,
            "public_cose": COSE.hex(),
        },
    }  # fmt: skip


def make_vectors() -> dict[str, bytes]:
    """Return the files' contents by name."""
    ledger = make_ledger()
    asked = ledger[:ASKED]
    checkpoint = make_checkpoint(asked)
    given = {
        name: {
            "about": word.about.value, "paper": paper.decode(), "ballot_digest": digest_ballot(paper, checkpoint).hex(),
            "bytes": encode_approval(word).decode(), "sha256": sha256(encode_approval(word)).hex(),
        }
        for name, (paper, word) in make_given(asked, checkpoint).items()
    }  # fmt: skip
    files: dict[str, Any] = {
        "keys.json": make_keys(),
        "ledger.json": {
            "checkpoint_of_6": checkpoint,
            "entries": [data.decode() for data in ledger],
            "states": [read_state(ledger[:size]) for size in range(len(ledger) + 1)],
        },
        "replaced.json": make_replaced(ledger),
        "malformed.json": make_malformed(ledger),
        "approvals.json": {"valid": given, "invalid": make_refused(asked, checkpoint)},
    }
    return {
        name: json.dumps(value, indent=1, sort_keys=True).encode() + b"\n" for name, value in files.items()
    }


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file, content in make_vectors().items():
        (FOLDER / file).write_bytes(content)
