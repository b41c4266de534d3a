"""Fuzz target of the export's formats: bundle, manifest, approval, appointment, evidence, receipt and sheet. No crash, and no acceptance.

`python tests/fuzz/fuzz_export.py [libFuzzer options] [CORPUS]` runs it under atheris, coverage-guided (group `fuzz`).
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from fuzzing import mutate_corpus, run_atheris

from wayseal.export.approval import Subject, decode_approval, encode_approval
from wayseal.export.bundle import read_bundle, verify_sender
from wayseal.export.delivery import read_sheet
from wayseal.export.evidence import decode_evidence, encode_evidence
from wayseal.export.manifest import decode_manifest, encode_manifest
from wayseal.export.receipt import read_receipt
from wayseal.flow.witnessed import examine_delivery
from wayseal.model.disclosure import CredentialForm
from wayseal.model.errors import Integrity, Invalid, WaysealError
from wayseal.seal.keys.appointment import Appointment, decode_appointment, encode_appointment

VECTORS = Path(__file__).resolve().parents[2] / "docs" / "spec" / "vectors" / "export"

_APPOINTMENT = Appointment(
    "agency/port", "kim", "privacy-office", "export_approver", CredentialForm.ED25519, b"k" * 32, b"",
    datetime(2026, 11, 22, tzinfo=UTC),
)  # fmt: skip


def load_corpus() -> list[bytes]:
    """Return the published parts, the evidence inside the bundle among them: what mutations start from."""
    parts = [
        (VECTORS / name).read_bytes()
        for name in ("bundle.wsx", "manifest.json", "approval.json", "receipt.json")
    ]
    about_release = encode_approval(replace(decode_approval(parts[2]), about=Subject.RELEASE))
    return [
        *parts,
        encode_evidence(read_bundle(parts[0]).evidence),
        about_release,
        encode_appointment(_APPOINTMENT),
    ]


_CORPUS = load_corpus()


def check_input(data: bytes) -> None:
    """Feed bytes to every reader. Raises AssertionError for an acceptance, and whatever a reader should not raise."""
    for decode, encode in (
        (decode_manifest, encode_manifest),
        (decode_approval, encode_approval),
        (partial(decode_approval, about=Subject.RELEASE), encode_approval),
        (decode_appointment, encode_appointment),
        (decode_evidence, encode_evidence),
    ):
        try:
            read = decode(data)
        except Invalid:
            continue
        assert encode(read) == data, "two spellings of one value"  # type: ignore[operator]
    for reader in (read_receipt, read_sheet):
        try:
            reader(data)
        except (Invalid, Integrity):
            continue
    _check_bundle(data)


def _check_bundle(data: bytes) -> None:
    """A bundle that verifies under its own sender's key is the published one, or its sender is another key."""
    try:
        sender = verify_sender(read_bundle(data))
    except (Invalid, Integrity):
        return
    if data != _CORPUS[0]:
        assert sender != read_bundle(_CORPUS[0]).evidence.sender, "a changed bundle verifies"
    try:
        examine_delivery(data)
    except WaysealError:
        return


mutate: "partial[Iterator[bytes]]" = partial(
    mutate_corpus, cuts=(1, 2, 4, 16, 64, 1168), doubles=(1, 2, 4, 16, 64)
)

if __name__ == "__main__":
    run_atheris(check_input)
