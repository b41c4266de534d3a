"""The manifest: exactly what is to leave, as the bytes that approvers sign. `docs/spec/export.md` is the norm.

Pure reading and writing, strict both ways: one manifest has exactly one spelling. Holds record ids and staff ids, nothing
that shows a person. Whether the manifest may be carried out is decided in `flow.disclose`.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

import rfc8785

from wayseal.model.clock import from_text, to_text
from wayseal.model.custody import Kind
from wayseal.model.disclosure import BundleForm, Manifest
from wayseal.model.errors import Invalid
from wayseal.model.ids import RecordId, check_name, check_ulid

FORMAT: Final = "wayseal-export-manifest/v1"
LARGEST: Final = 1000
"""Records in one manifest: as many as one ledger entry can name."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_STAFF = re.compile(r"[a-z0-9][a-z0-9._:-]{0,62}")
_ORIGIN = re.compile(r"[!-*,-~]{1,255}")


def check_records(records: Iterable[str]) -> tuple[RecordId, ...]:
    """Return record ids sorted. Raises `Invalid` for none, a malformed one, one named twice, or more than 1,000."""
    found = [RecordId(check_ulid(one)) for one in records]
    if not found:
        raise Invalid("an export names at least one record", hint="Give the ids of exactly those records.")
    if len(found) > LARGEST:
        raise Invalid(
            f"an export names at most {LARGEST:,} records, not {len(found):,}", hint="Ask for what is needed."
        )
    if len(set(found)) != len(found):
        raise Invalid(
            "a record is named twice", hint="Name each record once: the count is part of the manifest."
        )
    return tuple(sorted(found))


def count_kinds(kinds: Iterable[Kind]) -> dict[str, int]:
    """Return how many records there are of each kind, by the kind's name."""
    return dict(sorted(Counter(kind.value for kind in kinds).items()))


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the manifest as RFC 8785 JSON. Raises `Invalid` for one that reading would refuse."""
    check_manifest(manifest)
    return rfc8785.dumps(
        {
            "counts": dict(manifest.counts),
            "created_at": to_text(manifest.created_at),
            "expires_at": to_text(manifest.expires_at),
            "export": manifest.export,
            "format": FORMAT,
            "hold": manifest.hold,
            "legal_basis": manifest.legal_basis,
            "purpose": manifest.purpose,
            "recipient": {
                "form": manifest.form.value,
                "key_sha256": manifest.key_sha256,
                "name": manifest.recipient,
                "organisation": manifest.recipient_organisation,
            },
            "records": list(manifest.records),
            "requester": {"id": manifest.requester, "organisation": manifest.organisation},
            "site": manifest.site,
        }
    )


def decode_manifest(raw: bytes) -> Manifest:
    """Return the manifest that `raw` spells. Raises `Invalid` for any other spelling, a missing or an unknown field."""
    try:
        manifest = _build(json.loads(raw))
        same = encode_manifest(manifest) == raw
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        same = False
    if not same:
        raise Invalid("not an export manifest of version 1", hint="docs/spec/export.md says what one is.")
    return manifest


def _build(fields: Mapping[str, Any]) -> Manifest:
    """Return the manifest of parsed JSON, whatever it says; its spelling is compared afterwards."""
    recipient, requester = fields["recipient"], fields["requester"]
    return Manifest(
        export=fields["export"],
        site=fields["site"],
        requester=requester["id"],
        organisation=requester["organisation"],
        created_at=from_text(fields["created_at"]),
        expires_at=from_text(fields["expires_at"]),
        purpose=fields["purpose"],
        legal_basis=fields["legal_basis"],
        recipient=recipient["name"],
        recipient_organisation=recipient["organisation"],
        form=BundleForm(recipient["form"]),
        key_sha256=recipient["key_sha256"],
        records=tuple(fields["records"]),
        counts=dict(fields["counts"]),
        hold=fields["hold"],
    )


def check_manifest(manifest: Manifest) -> None:
    """Raise `Invalid` unless every field is well formed and the counts add up to the records."""
    for ulid in (manifest.export, *(() if manifest.hold is None else (manifest.hold,))):
        check_ulid(ulid)
    for name in (
        manifest.purpose, manifest.legal_basis, manifest.recipient, manifest.recipient_organisation,
        manifest.organisation,
    ):  # fmt: skip
        check_name(name)
    if check_records(manifest.records) != manifest.records:
        raise Invalid("the records of a manifest are sorted")
    counted = list(manifest.counts.values())
    if any(type(one) is not int or one < 1 for one in counted) or sum(counted) != len(manifest.records):
        raise Invalid("the counts of a manifest do not add up to its records")
    if not set(manifest.counts) <= set(Kind) or manifest.created_at >= manifest.expires_at:
        raise Invalid("a manifest counts an unknown kind, or ends before it begins")
    if not _DIGEST.fullmatch(manifest.key_sha256) or not _STAFF.fullmatch(manifest.requester):
        raise Invalid("the recipient's key or the requester of a manifest is malformed")
    if not _ORIGIN.fullmatch(manifest.site):
        raise Invalid("the site of a manifest is malformed")


def digest_manifest(raw: bytes) -> str:
    """Return SHA-256 (hex) of a manifest's bytes."""
    return hashlib.sha256(raw).hexdigest()
