"""The published export vectors: Wayseal and a reader that shares no code with it agree, and what is altered is refused."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

sys.path.append(str(Path(__file__).resolve().parents[1] / "sealed-record"))

import independent_export_reader as independent
import make_export_vectors as make

from wayseal.export.approval import RelyingParty, decode_approval, digest_ballot, verify_approval
from wayseal.export.bundle import INFO, open_items, read_bundle, verify_sender
from wayseal.export.manifest import decode_manifest, digest_manifest, encode_manifest
from wayseal.export.receipt import verify_receipt
from wayseal.model.disclosure import ApproverKey, CredentialForm
from wayseal.model.errors import Integrity, Invalid, SealBroken
from wayseal.seal.suite import HPKE, derive_public, expand_seed, key_id

FOLDER = make.FOLDER
FACTS = json.loads((FOLDER / "facts.json").read_text())
BUNDLE = (FOLDER / "bundle.wsx").read_bytes()
SEED = bytes.fromhex(FACTS["recipient_seed"])
SENDER = bytes.fromhex(FACTS["sender_public"])


def test_both_readers_agree() -> None:
    """Wayseal and the independent reader give the published manifest and items."""
    fields, found = independent.read_bundle(BUNDLE, SEED, SENDER)
    assert fields == json.loads((FOLDER / "manifest.json").read_bytes())
    bundle = read_bundle(BUNDLE)
    assert verify_sender(bundle) == SENDER
    assert bundle.key_id == key_id(derive_public(SEED)) == bytes.fromhex(FACTS["key_id"])
    private = MLKEM768X25519PrivateKey(*expand_seed(SEED))
    data_key = bytearray(HPKE.decrypt(bundle.wrapped, private, INFO + bundle.head_sha256))
    opened = list(open_items(bundle, data_key))
    for item, other, published in zip(opened, found, FACTS["items"], strict=True):
        assert item.data == other["data"] == published["data"].encode()
        assert (item.record, item.kind, item.media_type, item.name) == (
            published["record"], published["kind"], published["media_type"], published["name"],
        )  # fmt: skip


def test_parts_are_what_they_were() -> None:
    """Manifest, approval, digest and receipt are the same bytes whenever they are made, and verify under the published keys."""
    made = make.make_vectors()
    for name in ("manifest.json", "approval.json"):
        assert made[name] == (FOLDER / name).read_bytes()
    manifest = (FOLDER / "manifest.json").read_bytes()
    assert encode_manifest(decode_manifest(manifest)) == manifest
    assert digest_manifest(manifest) == FACTS["manifest_sha256"]
    assert digest_ballot(manifest, FACTS["checkpoint"]).hex() == FACTS["ballot_digest"]
    approval = decode_approval((FOLDER / "approval.json").read_bytes())
    public = bytes.fromhex(FACTS["approver_public"])
    key = ApproverKey(approval.key, "kim", CredentialForm.ED25519, public, datetime(2026, 11, 22, tzinfo=UTC))
    assert verify_approval(approval, manifest, key, RelyingParty("localhost", ())) == 0
    receipt = verify_receipt(
        (FOLDER / "receipt.json").read_bytes(), bytes.fromhex(FACTS["recipient_receipt_public"])
    )
    assert receipt.outcome == "received"


@pytest.mark.parametrize("place", [0, 8, 9, 300, 800, 1500, 2600, len(BUNDLE) - 80, len(BUNDLE) - 1])
def test_altered_bundles(place: int) -> None:
    """A changed byte anywhere is refused by both readers."""
    broken = bytearray(BUNDLE)
    broken[place] ^= 1
    with pytest.raises((Invalid, Integrity)):
        verify_sender(read_bundle(bytes(broken)))
    with pytest.raises((InvalidSignature, AssertionError)):
        independent.read_bundle(bytes(broken), SEED, SENDER)


def test_wrong_key() -> None:
    """Another data key opens nothing."""
    with pytest.raises(SealBroken):
        list(open_items(read_bundle(BUNDLE), bytearray(32)))


def test_specification_names_every_field() -> None:
    """The page names each field of manifest, evidence, approval, receipt and item, and the labels that are signed."""
    page = (FOLDER.parents[1] / "export.md").read_text(encoding="utf-8")
    fields = set(json.loads((FOLDER / "manifest.json").read_bytes()))
    fields |= set(json.loads((FOLDER / "approval.json").read_bytes()))
    fields |= set(json.loads((FOLDER / "receipt.json").read_bytes()))
    fields |= {
        "approvals",
        "approvers",
        "entries",
        "mark",
        "party",
        "sender",
        "kind",
        "media_type",
        "name",
        "record",
    }
    assert sorted(name for name in fields if f"`{name}`" not in page) == []
    for label in (
        "wayseal-export/v1/signature",
        "wayseal-export-approval/v1",
        "wayseal-export-receipt/v1",
        "WAYSEALX",
    ):
        assert label in page
