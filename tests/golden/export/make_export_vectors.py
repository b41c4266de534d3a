"""Write docs/spec/vectors/export: a bundle with every key published, its parts, and bundles with one defect each.

Run it only when the format changes: `python tests/golden/export/make_export_vectors.py`. The data key and the HPKE encapsulation
are drawn at random, so the bundle changes when the vectors are written again; manifest, approval and receipt do not.
"""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path

from wayseal.export.approval import RelyingParty, digest_ballot, encode_approval, sign_approval
from wayseal.export.bundle import Item, seal_bundle
from wayseal.export.evidence import ApproverFact, Evidence, encode_evidence
from wayseal.export.manifest import digest_manifest, encode_manifest
from wayseal.export.receipt import ExportReceipt, sign_receipt
from wayseal.model.disclosure import BundleForm, CredentialForm, Manifest
from wayseal.model.ids import RecordId
from wayseal.seal.keys import SigningIdentity
from wayseal.seal.suite import derive_public, key_id, sha256, wrap_key

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "spec" / "vectors" / "export"
SITE = SigningIdentity("site", b"\x01" * 32)
APPROVER = SigningIdentity("approver", b"\x02" * 32)
RECIPIENT = SigningIdentity("recipient", b"\x03" * 32)
SEED = b"\x11" * 32
RECORDS = (RecordId("01KB3Z6V8N4Q0T2Y5RWXEJ7MCG"), RecordId("01KB3Z6V8N4Q0T2Y5RWXEJ7MCH"))
CHECKPOINT = f"agency/port/one\n3\n{base64.b64encode(bytes(range(32))).decode()}\n"
MANIFEST = Manifest(
    export="01KB3Z6V8N4Q0T2Y5RWXEJ7MCJ", site="agency/port/one", requester="privacy-1", organisation="agency",
    created_at=datetime(2026, 11, 22, 7, 15, tzinfo=UTC), expires_at=datetime(2026, 12, 22, 7, 15, tzinfo=UTC),
    purpose="court-order", legal_basis="statute", recipient="county-court", recipient_organisation="court",
    form=BundleForm.WAYSEAL, key_sha256=sha256(derive_public(SEED)).hex(), records=RECORDS,
    counts={"document": 1, "face": 1},
)  # fmt: skip
ITEMS = (
    Item(RECORDS[0], "face", "image/jpeg", "", b"A picture of the specification. It shows nobody."),
    Item(RECORDS[1], "document", "text/plain", "plan.txt", b"A document of the specification."),
)


def make_vectors() -> dict[str, bytes | str]:
    """Return the files' contents by name; the bundle is made anew each time."""
    manifest = encode_manifest(MANIFEST)
    approval = encode_approval(
        sign_approval(MANIFEST.export, "kim", manifest=manifest, checkpoint=CHECKPOINT, signer=APPROVER)
    )
    fact = ApproverFact(
        "kim", "privacy-office", "export_approver", CredentialForm.ED25519, APPROVER.public, b""
    )
    evidence = Evidence(
        sender=SITE.public, mark="01KB3Z6V8N4Q0T2Y5RWXEJ7MCK", approvals=(approval,), approvers=(fact,),
        party=RelyingParty("localhost", ()), entries=(), checkpoint=CHECKPOINT,
    )  # fmt: skip
    bundle = seal_bundle(
        manifest, encode_evidence(evidence), ITEMS, public=derive_public(SEED), wrap=wrap_key, signer=SITE
    )
    receipt = ExportReceipt(
        MANIFEST.export, digest_manifest(manifest), sha256(bundle).hex(), "received", 2,
        datetime(2026, 11, 22, 9, 0, tzinfo=UTC),
    )  # fmt: skip
    return {
        "manifest.json": manifest,
        "approval.json": approval,
        "bundle.wsx": bundle,
        "receipt.json": sign_receipt(receipt, RECIPIENT),
        "facts.json": json.dumps(
            {
                "approver_public": APPROVER.public.hex(),
                "ballot_digest": digest_ballot(manifest, CHECKPOINT).hex(),
                "checkpoint": CHECKPOINT,
                "items": [
                    {"record": i.record, "kind": i.kind, "media_type": i.media_type, "name": i.name, "data": i.data.decode()}
                    for i in ITEMS
                ],
                "key_id": key_id(derive_public(SEED)).hex(),
                "manifest_sha256": digest_manifest(manifest),
                "recipient_receipt_public": RECIPIENT.public.hex(),
                "recipient_seed": SEED.hex(),
                "sender_public": SITE.public.hex(),
            },
            indent=1, sort_keys=True,
        ) + "\n",
    }  # fmt: skip


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, content in make_vectors().items():
        (FOLDER / name).write_bytes(content.encode() if isinstance(content, str) else content)
