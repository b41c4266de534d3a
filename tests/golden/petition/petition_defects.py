"""What is wrong with petitions, words and seals, one defect each: entries without effect, bytes that are no entry, and false words."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from petition_story import (
    ASKED,
    BACK,
    CHIEF,
    COUNSEL,
    END,
    KEYROOM,
    NOW,
    STRANGER,
    assert_by_hand,
    make_given,
    make_settled,
    read_state,
)

from wayseal.export.approval import (
    Approval,
    Subject,
    decline_paper,
    encode_approval,
    sign_approval,
)
from wayseal.flow.petition import (
    seal_entry,
)
from wayseal.ledger.entry import decode_entry, encode_entry
from wayseal.model.clock import to_text
from wayseal.seal.suite import sha256


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
