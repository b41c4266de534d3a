"""Ledger entries: which types there are, which fields each may have, and their one spelling in bytes (RFC 8785 JSON).

Everything not listed here is refused, so that no personal data and no unkeyed digest of it can reach a log that is never
pruned. This module must never read a database or a key.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import rfc8785

from wayseal.ledger import shapes as s
from wayseal.model.errors import Invalid, LedgerBroken

MAX_ENTRY = 65_535
"""Bytes: an entry bundle prefixes each entry with a 16-bit length."""

COMMON: dict[str, s.Shape] = {
    "actor": s.PRINCIPAL,
    "decision": s.ULID,
    "device": s.DEVICE,
    "encounter": s.ULID,
    "epoch": s.EPOCH,
    "kind": s.KIND,
    "lane": s.NAME,
    "org": s.NAME,
    "policy_sha256": s.DIGEST,
    "previous": s.ULID,
    "record_class": s.NAME,
    "release": s.ULID,
    "session": s.ULID,
}
"""Fields that any entry may have, beside `type` and `time`, which every entry must have."""

REFERENCES = ("object", "records", "decision", "encounter", "epoch", "release", "session", "previous")
"""Fields whose values `Ledger.find(object=...)` looks up."""


COLUMNS = ("type", "time", "actor", "org", "device", "lane")
"""Fields that the log copies out of an entry so that it can be found by them."""


@dataclass(frozen=True, slots=True)
class EntryType:
    """What one type of entry needs and what it may have beyond the common fields."""

    needs: dict[str, s.Shape]
    may: dict[str, s.Shape]


_PURPOSE = {"purpose": s.NAME}
_REASON = {"reason": s.NAME}
_EXPORT = {"object": s.ULID, "manifest_sha256": s.DIGEST}
_APPROVERS = {"approvers": s.list_of(s.PRINCIPAL)}
_RECORDS = {"records": s.list_of(s.ULID)}
_MATTER = {"object": s.ULID, "actor": s.PRINCIPAL, "intent": s.is_count}
"""What somebody approves or declines; `intent` is the index of its entry."""
_SIGNED = {"approval_sha256": s.DIGEST, "key_sha256": s.DIGEST, "checkpoint_size": s.is_count}
_SETTLED = {"intent": s.is_count, "keyroom_seal": s.SIGNATURE}
"""That the keyroom has verified what two people signed for the petition of entry `intent`."""
_PETITION: dict[str, s.Shape] = {"object": s.ULID, "actor": s.PRINCIPAL, "expires": s.TIME, **_APPROVERS}
_SEARCH: dict[str, s.Shape] = {
    "gallery": s.NAME, "gallery_size": s.is_count, "threshold": s.is_fraction, "fpir_target": s.is_fraction,
    "model_sha256": s.DIGEST,
}  # fmt: skip

ENTRY_TYPES: dict[str, EntryType] = {
    # The site, its keys and its rules
    "site": EntryType({"object": s.NAME}, {"evaluation": s.is_flag, "version": s.VERSION}),
    "roster": EntryType(
        {"object": s.NAME, "roster_sha256": s.DIGEST},
        {"version": s.is_count, "signers": s.is_count, "lanes": s.list_of(s.NAME)},
    ),
    "epoch": EntryType(
        {"object": s.EPOCH}, {"key_sha256": s.DIGEST, "action": s.one_of("made", "published")}
    ),
    "config": EntryType(
        {"object": s.NAME, "config_sha256": s.DIGEST}, {"version": s.is_count, **_APPROVERS, **_REASON}
    ),
    "lane-enrol": EntryType(
        {"object": s.NAME, "action": s.one_of("invited", "joined", "revoked")}, {"expires": s.TIME}
    ),
    # What the lane did
    "capture": EntryType(
        {"object": s.ULID, "lane": s.NAME, "epoch": s.EPOCH, "kind": s.KIND, "sealed_sha256": s.DIGEST},
        {"size": s.is_count, "device_previous_sha256": s.DIGEST, "direction": s.one_of("entry", "exit")},
    ),
    "receipt": EntryType({"object": s.ULID, "sealed_sha256": s.DIGEST}, {"capture": s.is_count}),
    "match": EntryType(
        {"object": s.ULID},
        {
            **_SEARCH,
            "exact": s.is_flag,
            "direction": s.one_of("entry", "exit"),
            "occupants_seen": s.is_count,
            "captured": s.is_count,
            "expected": s.is_count,
            "matched": s.is_count,
        },
    ),
    "decision": EntryType(
        {"object": s.ULID, "actor": s.PRINCIPAL}, {**_SEARCH, "crossing": s.ULID, "overruled": s.is_flag}
    ),
    "enrol": EntryType(
        {"object": s.NAME}, {"images": s.is_count, "travellers": s.is_count, "model_sha256": s.DIGEST}
    ),
    # Reading
    "grant": EntryType(
        {"object": s.ULID, "actor": s.PRINCIPAL, "expires": s.TIME, **_PURPOSE},
        {"limit": s.is_count, "lanes": s.list_of(s.NAME), **_APPROVERS},
    ),
    "grant-end": EntryType({"object": s.ULID, "actor": s.PRINCIPAL}, {}),
    "grant-approve": EntryType({**_MATTER, **_SIGNED, "role": s.NAME}, {}),
    "grant-decline": EntryType({**_MATTER, **_REASON}, _SIGNED),
    "release-approve": EntryType({**_MATTER, "role": s.NAME}, _SIGNED),
    "release-decline": EntryType({**_MATTER, **_REASON}, _SIGNED),
    "open-intent": EntryType(
        {"object": s.ULID, "actor": s.PRINCIPAL, **_PURPOSE},
        {"expires": s.TIME, "work_order": s.NAME, **_APPROVERS, **_RECORDS},
    ),
    "open-done": EntryType(
        {"object": s.ULID},
        {"intent": s.is_count, "outcome": s.one_of("opened", "refused", "failed"), **_PURPOSE},
    ),
    "render": EntryType(
        {"object": s.ULID, "actor": s.PRINCIPAL},
        {"mark": s.ULID, "recipe": s.is_count, "intent": s.is_count, **_PURPOSE},
    ),
    # Disclosure
    "export-request": EntryType(
        {**_EXPORT, **_PURPOSE, **_RECORDS, "actor": s.PRINCIPAL, "recipient": s.NAME},
        {"legal_basis": s.NAME, "expires": s.TIME, "count": s.is_count},
    ),
    "export-approve": EntryType(
        {**_EXPORT, "actor": s.PRINCIPAL},
        {"checkpoint_size": s.is_count, "approval_sha256": s.DIGEST, "key_sha256": s.DIGEST},
    ),
    "export-decline": EntryType({**_EXPORT, **_REASON, "actor": s.PRINCIPAL}, {}),
    "export-release": EntryType(
        {**_EXPORT, **_RECORDS, "recipient": s.NAME},
        {"count": s.is_count, "mark": s.ULID, "recipe": s.is_count, "bundle_sha256": s.DIGEST, **_APPROVERS},
    ),
    "export-receipt": EntryType(
        {**_EXPORT},
        {
            "recipient": s.NAME,
            "outcome": s.one_of("received", "deleted", "overdue"),
            "receipt_sha256": s.DIGEST,
            "signed": s.is_flag,
        },
    ),
    "recipient": EntryType(
        {"object": s.NAME, "key_sha256": s.DIGEST, "action": s.one_of("registered", "retired")},
        {"form": s.one_of("wayseal", "age"), "receipt_key_sha256": s.DIGEST},
    ),
    "approver": EntryType(
        {"object": s.PRINCIPAL, "action": s.one_of("registered", "enrolled", "appointed", "revoked")},
        {
            **s.list_fields(s.DIGEST, "key_sha256", "appointment_sha256"),
            "form": s.one_of("webauthn", "ed25519"),
            "role": s.NAME,
        },
    ),
    "leak": EntryType(
        {"object": s.ULID},
        {
            "outcome": s.one_of("attributed", "inconclusive"),
            "recipient": s.PRINCIPAL,
            "mark": s.ULID,
            "channel": s.one_of("export", "session", "lane"),
            "files": s.is_count,
            "incident": s.ULID,
            **_RECORDS,
        },
    ),
    # Keeping and forgetting
    "reclass": EntryType(
        {"object": s.ULID, "from_class": s.NAME, "to_class": s.NAME, **_REASON},
        {"to_epoch": s.EPOCH, "sealed_sha256": s.DIGEST, **_APPROVERS},
    ),
    "hold": EntryType({"object": s.ULID, "until": s.TIME, **_REASON, **_APPROVERS, **_RECORDS}, {}),
    "hold-approve": EntryType({**_MATTER, **_SIGNED, "role": s.NAME}, {}),
    "hold-decline": EntryType({**_MATTER, **_REASON}, _SIGNED),
    "lift-request": EntryType({**_PETITION, **_REASON, "hold": s.ULID}, {}),
    "lift-approve": EntryType({**_MATTER, **_SIGNED, "role": s.NAME}, {}),
    "lift-decline": EntryType({**_MATTER, **_REASON}, _SIGNED),
    "lift": EntryType({"object": s.ULID, **_REASON}, {**_APPROVERS, **_RECORDS, **_SETTLED}),
    "erase": EntryType(
        {"object": s.any_of(s.EPOCH, s.ULID)},
        {"count": s.is_count, "records_sha256": s.DIGEST, **_REASON, **_RECORDS},
    ),
    "erase-done": EntryType(
        {"object": s.any_of(s.EPOCH, s.ULID)},
        {"intent": s.is_count, "count": s.is_count, "keeper": s.NAME, "overshoot_s": s.is_count, **_RECORDS},
    ),
    "forget": EntryType({"object": s.NAME, "tag": s.TAG}, {"images": s.is_count, **_REASON}),
    # Oversight
    "register": EntryType(
        {"object": s.PRINCIPAL, "register": s.REGISTER, "action": s.one_of("added", "changed", "ended")},
        {
            **s.list_fields(s.NAME, "model", "place", "port", "role", "site", "tier", "under", "work_order"),
            **s.list_fields(s.TIME, "starts", "until"),
            **s.list_fields(s.DIGEST, "clauses_sha256", "component_sha256", "descriptors_sha256"),
            **s.list_fields(s.USB_ID, "vendor_id", "product_id"),
            "equipment_kind": s.NAME,
            "permitted": s.list_of(s.NAME),
            "serial": s.SERIAL,
        },
    ),
    "assessment": EntryType(
        {"object": s.ULID, "device": s.DEVICE, "assessor": s.NAME, "cycle": s.CYCLE, "nonce": s.DIGEST}, {}
    ),
    "attest": EntryType(
        {"object": s.DEVICE, "result": s.RESULT},
        {
            **s.list_fields(s.is_count, "passed", "failed", "errors", "not_applicable"),
            **s.list_fields(s.TIME, "starts", "until"),
            "assessment": s.ULID,
            "assessor": s.NAME,
            "cycle": s.CYCLE,
            "quote_sha256": s.DIGEST,
        },
    ),
    "finding": EntryType(
        {"object": s.ULID, "subject": s.PRINCIPAL, "probe": s.NAME, "action": s.one_of("opened", "closed")},
        {"assessment": s.ULID, "item": s.ULID, "owner": s.PRINCIPAL, "until": s.TIME},
    ),
    "notice": EntryType(
        {"object": s.ULID, "lane": s.NAME, "text_sha256": s.DIGEST, "starts": s.TIME, "until": s.TIME}, {}
    ),
    "sign-off": EntryType(
        {
            "object": s.ULID,
            "site": s.NAME,
            "duty": s.one_of("operations", "it"),
            "actor": s.PRINCIPAL,
            "until": s.TIME,
        },
        {},
    ),
    "return": EntryType(
        {
            "object": s.ULID,
            "contract": s.NAME,
            "returned": s.is_count,
            "destroyed": s.is_count,
            "actor": s.PRINCIPAL,
        },
        {},
    ),
    "lane-status": EntryType({"object": s.NAME, "status": s.one_of("armed", "disarmed")}, {**_REASON}),
    "probe-result": EntryType(
        {"object": s.NAME, "probe": s.NAME, "result": s.RESULT},
        {"control": s.NAME, "evidence_sha256": s.DIGEST, "assessment": s.ULID},
    ),
    "usb-event": EntryType(
        {"object": s.DEVICE, "action": s.one_of("add", "remove", "refused", "allowed")},
        {"vendor_id": s.USB_ID, "product_id": s.USB_ID, "interface": s.NAME, "port": s.NAME, "seen": s.TIME},
    ),
    "egress-watch": EntryType(
        {"object": s.DEVICE, "action": s.one_of("started", "beat", "stopped")},
        {**s.list_fields(s.is_count, "events", "missed", "pace_s"), "seen": s.TIME},
    ),
    "ticket": EntryType(
        {"object": s.ULID, "action": s.one_of("issued", "used", "refused", "revoked"), "actor": s.PRINCIPAL},
        {
            "verb": s.NAME,
            "verbs": s.list_of(s.NAME),
            "expires": s.TIME,
            "work_order": s.NAME,
            "technician": s.PRINCIPAL,
            "token_sha256": s.DIGEST,
            "seen": s.TIME,
            **_REASON,
        },
    ),
    "assessment-export": EntryType(
        {"object": s.ULID, "package_sha256": s.DIGEST}, s.list_fields(s.is_count, "count")
    ),
    "org-status": EntryType(
        {"object": s.NAME, "status": s.one_of("active", "suspended", "reinstated")},
        {"assessment": s.ULID, "suspension": s.is_count, **_APPROVERS, **_REASON, **_SETTLED},
    ),
    "reinstatement": EntryType(
        {**_PETITION, "subject": s.NAME, "suspension": s.is_count, "assessment": s.ULID}, {}
    ),
    "reinstatement-approve": EntryType({**_MATTER, **_SIGNED, "role": s.NAME}, {}),
    "reinstatement-decline": EntryType({**_MATTER, **_REASON}, _SIGNED),
    "canary-hit": EntryType({"object": s.ULID}, {"intent": s.is_count, **_PURPOSE}),
    "incident": EntryType(
        {"object": s.ULID, **_REASON},
        {
            "status": s.one_of("open", "contained", "notified", "closed"),
            "count": s.is_count,
            "subject": s.any_of(s.PRINCIPAL, s.DEVICE),
            "subject_kind": s.one_of("principal", "device", "organisation"),
            "since": s.TIME,
            "until": s.TIME,
            "detected": s.TIME,
            "recipient": s.NAME,
            **_RECORDS,
        },
    ),
    "incident-pack": EntryType({"object": s.ULID, "pack_sha256": s.DIGEST}, {}),
    "answer": EntryType({"object": s.ULID, "actor": s.PRINCIPAL}, {"count": s.is_count}),
    "alarm": EntryType(
        {"alarm": s.NAME},
        {
            "object": s.any_of(s.ULID, s.EPOCH, s.PRINCIPAL, s.DEVICE),
            "severity": s.one_of("low", "medium", "high"),
            "count": s.is_count,
            "limit": s.is_count,
            "seen": s.TIME,
            **_REASON,
        },
    ),
}


_ALLOWED: dict[str, dict[str, s.Shape]] = {
    name: {**COMMON, **kind.may, **kind.needs, "type": s.NAME, "time": s.TIME}
    for name, kind in ENTRY_TYPES.items()
}


def encode_entry(entry: Mapping[str, Any]) -> bytes:
    """Return the entry's canonical bytes. Raises `Invalid`, naming the field but never its value, when it may not be logged."""
    check_entry(entry)
    data = _spell(entry)
    if len(data) > MAX_ENTRY:
        raise Invalid("a ledger entry over 65,535 bytes", hint="Split its records over several entries.")
    return data


def _spell(entry: Mapping[str, Any]) -> bytes:
    """Return the RFC 8785 form of an entry that `check_entry` let pass.

    Its strings and keys are printable ASCII without quotes or backslashes; unless it has a fraction, the standard library's
    sorted compact form is the same bytes, six times faster (a test compares the two).
    """
    if any(isinstance(value, float) for value in entry.values()):
        return rfc8785.dumps(dict(entry))
    return json.dumps(dict(entry), sort_keys=True, separators=(",", ":")).encode()


def check_entry(entry: Mapping[str, Any]) -> None:
    """Raise `Invalid` unless the entry's type is known, its needed fields are there and every field is allowed and well formed."""
    name = entry.get("type")
    kind = ENTRY_TYPES.get(name) if isinstance(name, str) else None
    if kind is None:
        raise Invalid("an unknown type of ledger entry", hint="docs/spec/ledger.md lists the types.")
    allowed = _ALLOWED[str(name)]
    for field in ("time", *kind.needs):
        if field not in entry:
            raise Invalid(
                f"a {name} entry without {field!r}", hint="docs/spec/ledger.md lists each type's fields."
            )
    for field, value in entry.items():
        if field not in allowed:
            shown = field if isinstance(field, str) and s.NAME(field) else "with a strange name"
            raise Invalid(
                f"a {name} entry may not have the field {shown}", hint="The ledger holds no personal data."
            )
        if not allowed[field](value):
            raise Invalid(
                f"the field {field!r} of a {name} entry is malformed",
                hint="The ledger takes identifiers, codes, times and counts; never text about a person.",
            )


def decode_entry(data: bytes) -> dict[str, Any]:
    """Return the entry that canonical bytes spell. Raises `LedgerBroken` when they are no entry or spelt otherwise."""
    try:
        entry = json.loads(data)
        canonical = isinstance(entry, dict) and encode_entry(entry) == data
    except (ValueError, RecursionError, Invalid, rfc8785.CanonicalizationError):
        canonical = False
    if not canonical:
        raise LedgerBroken("a ledger entry that is not canonical or not allowed")
    return dict(entry)


def list_references(entry: Mapping[str, Any]) -> set[str]:
    """Return every identifier the entry refers to, by which it can be found."""
    found: set[str] = set()
    for field in REFERENCES:
        value = entry.get(field)
        if isinstance(value, str):
            found.add(value)
        elif isinstance(value, list):
            found.update(value)
    return found
