"""A second reader of petitions, written from docs/spec/petition.md alone: it shares no code with Wayseal.

It replays a ledger's entries, verifies the keyroom's seal and what people signed, with hashlib, json and one signature primitive.
"""

import base64
import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PETITIONS = {"reinstatement": "reinstatement", "lift-request": "lift"}
FIELDS = {"approver", "checkpoint", "form", "format", "key", "manifest_sha256", "proof"}
"""Of an approval, beside the id."""


def canonical(value: Any) -> bytes:
    """RFC 8785, for what has neither fractions nor anything but ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def sha(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def is_sealed(entry: dict[str, Any], keyroom: bytes) -> bool:
    """Section 5: the keyroom's signature over the label and the entry without its seal."""
    bare = {name: value for name, value in entry.items() if name != "keyroom_seal"}
    try:
        seal = bytes.fromhex(entry.get("keyroom_seal", ""))
        Ed25519PublicKey.from_public_bytes(keyroom).verify(seal, b"wayseal-settled/v1\0" + canonical(bare))
    except InvalidSignature:
        return False
    return True


def latest(entry: dict[str, Any]) -> str:
    """Until when a petition waits: what it says, at most seven days."""
    cap = datetime.fromisoformat(entry["time"]) + timedelta(days=7)
    text = cap.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return str(min(entry["expires"], text))


def replay(entries: list[bytes], keyroom: bytes) -> dict[str, Any]:
    """Section 6: what waits, who is suspended and which holds are in force after these entries."""
    waiting: dict[str, Any] = {}
    suspended: dict[str, int] = {}
    holds: dict[str, int] = {}
    for index, data in enumerate(entries):
        entry = json.loads(data)
        assert canonical(entry) == data
        kind, name = entry["type"], entry["object"]
        about, _, word = kind.rpartition("-")
        mine = waiting.get(name)
        if kind in PETITIONS:
            fields = {"about": PETITIONS[kind], "index": index, "sha256": sha(data), "until": latest(entry), "signed": []}  # fmt: skip
            waiting.setdefault(name, fields)
        elif kind == "hold":
            holds.setdefault(name, index)
        elif (kind, entry.get("status")) == ("org-status", "suspended"):
            suspended[name] = index
        elif (
            kind == "org-status" and is_sealed(entry, keyroom) and entry["suspension"] == suspended.get(name)
        ):
            del suspended[name]
            waiting = {key: one for key, one in waiting.items() if one["index"] != entry["intent"]}
        elif kind == "lift" and is_sealed(entry, keyroom) and entry["intent"] > holds.get(name, index):
            del holds[name]
            waiting = {key: one for key, one in waiting.items() if one["index"] != entry["intent"]}
        elif mine and (mine["about"], mine["index"]) == (about, entry.get("intent")):
            if word == "decline":
                del waiting[name]
            else:
                mine["signed"] = sorted([*mine["signed"], entry["approval_sha256"]])
    return {"waiting": waiting, "suspended": sorted(suspended), "holds": sorted(holds)}


def verify_word(case: dict[str, Any], keys: dict[str, Any]) -> None:
    """Sections 3 and 4: that what somebody gave is their signature over this paper. Raises AssertionError or InvalidSignature."""
    given = json.loads(case["bytes"])
    assert canonical(given) == case["bytes"].encode()
    assert given["format"] == f"wayseal-{case['about']}-approval/v1"
    assert set(given) == FIELDS | {case["about"]}
    assert given["manifest_sha256"] == sha(case["paper"].encode())
    digest = hashlib.sha256(case["paper"].encode() + given["checkpoint"].encode()).digest()
    person = Ed25519PublicKey.from_public_bytes(bytes.fromhex(keys["publics_ed25519"][given["approver"]]))
    proof = given["proof"]
    if given["form"] == "ed25519":
        assert given["key"] == sha(person.public_bytes_raw())
        person.verify(bytes.fromhex(proof["signature"]), given["format"].encode() + b"\n" + digest)
        return
    known = keys["authenticator"]
    data, client, signature = (
        unspell(proof[name]) for name in ("authenticator_data", "client_data", "signature")
    )
    said = json.loads(client)
    assert given["key"] == sha(bytes.fromhex(known["public_cose"]))
    assert unspell(proof["credential"]).hex() == known["credential"]
    assert (said["type"], said["origin"]) == ("webauthn.get", known["origin"])
    assert unspell(said["challenge"]) == digest
    assert data[:32].hex() == sha(known["party"].encode())
    assert data[32] & 5 == 5
    person.verify(signature, data + hashlib.sha256(client).digest())


def unspell(text: str) -> bytes:
    """Bytes of base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
