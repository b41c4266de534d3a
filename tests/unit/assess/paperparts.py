"""A vendor's and an agency's signed documents, all in order; tests damage one at a time."""

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from netparts import NOW, make_equipment

from wayseal.assess.document.view import Document, DocumentView
from wayseal.model.clock import to_text
from wayseal.model.oversight import Contract

KEYS = {
    name: Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
    for name in ("agency", "opteq", "stranger")
}
CONTRACT = Contract(
    "c-1", "opteq", "port", ("metrics",), "us", NOW - timedelta(days=30), NOW + timedelta(days=300), "cd" * 32
)
PHOTO = b"a photograph of port locks"
FIRMWARE = "fa" * 32

PAPERS: dict[str, tuple[str, dict[str, Any]]] = {
    "port-locks": (
        "agency",
        {
            "equipment": "lane1-host", "serial": "sn-0001", "photo_sha256": hashlib.sha256(PHOTO).hexdigest(),
            "ports": [{"port": "usb-front-1", "lock": "L-1"}, {"port": "usb-rear-1", "lock": "L-2"}],
        },
    ),
    "firmware": ("opteq", {"model": "lane-computer-2", "version": "4.1", "sha256": FIRMWARE}),
    "sbom": (
        "opteq",
        {
            "bomFormat": "CycloneDX", "specVersion": "1.6",
            "metadata": {"timestamp": to_text(NOW - timedelta(days=3)), "component": {"name": "lane-computer-2"}},
            "components": [{"name": "openssl", "hashes": [{"alg": "SHA-256", "content": "ab" * 32}]}],
        },
    ),
    "vulnerability-feed": (
        "agency",
        {"vulnerabilities": [{"id": "CVE-2026-1", "package": "zlib1g", "fixed": "1.3", "since": to_text(NOW)}]},
    ),
    "vendor-sweep": ("opteq", {"organisation": "opteq", "places": 14, "found": 0}),
    "destroy-receipts": ("agency", {"receipts": [{"epoch": "citizen/2026-11-20T07Z"}]}),
    "cloud": ("opteq", {"model": "lane-computer-2", "endpoints": ["cloud.opteq.invalid"], "storage": ["us"]}),
    "contract-clauses.c-1": (
        "agency",
        {
            "contract": "c-1", "text_sha256": "cd" * 32,
            "clauses": ["incident-notice-24h", "no-vendor-copies", "audit-right"],
        },
    ),
}  # fmt: skip


def sign_paper(fields: dict[str, Any], by: str, *, filed_at: datetime = NOW) -> Document:
    """A filed document that `by` signed."""
    data = json.dumps(fields).encode()
    return Document(data, KEYS[by].sign(data), filed_at)


def make_view(**changes: Any) -> DocumentView:
    """Everything in order; `changes` replace parts of the view."""
    papers = {
        name: sign_paper({"date": to_text(NOW - timedelta(days=3)), **fields}, by)
        for name, (by, fields) in PAPERS.items()
    }
    papers["port-photo"] = Document(PHOTO, b"", NOW)
    view = DocumentView(
        equipment=make_equipment(), agency="agency", clock=lambda: NOW, documents=papers,
        signers={name: (KEYS[name].public_key().public_bytes_raw(),) for name in ("agency", "opteq")},
        contracts=(CONTRACT,), declared_firmware=(FIRMWARE,), keeper="pkcs11 token", erased=("citizen/2026-11-20T07Z",),
        cloud_told=("cloud.opteq.invalid",),
    )  # fmt: skip
    return replace(view, **changes)


def with_paper(name: str, *, by: str | None = None, filed_at: datetime = NOW, **changes: Any) -> DocumentView:
    """Everything in order but one document, which says something else or is signed by somebody else."""
    signer, fields = PAPERS[name]
    fields = {"date": to_text(NOW - timedelta(days=3)), **fields, **changes}
    view = make_view()
    paper = sign_paper(fields, by or signer, filed_at=filed_at)
    return replace(view, documents={**view.documents, name: paper})
