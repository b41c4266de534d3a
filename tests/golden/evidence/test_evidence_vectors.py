"""The published evidence bundles: believed or refused alike by our code and by a reader written from the page alone."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from independent_evidence_reader import NotBelievedError, read

from wayseal.assess.catalogue import find_probe
from wayseal.assess.host.facts import decode_facts
from wayseal.assess.verify import Expected, verify_bundle
from wayseal.model.clock import from_text
from wayseal.model.errors import Integrity

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "spec" / "vectors" / "evidence"
KNOWN = json.loads((FOLDER / "known.json").read_text(encoding="utf-8"))
EXPECTED = Expected(
    equipment=KNOWN["equipment"],
    nonce=bytes.fromhex(KNOWN["nonce"]),
    asked_at=from_text(KNOWN["asked_at"]),
    specs=tuple(replace(find_probe(one["id"]), version=one["version"]) for one in KNOWN["probes"]),
    facts=decode_facts(KNOWN["facts"].encode()),
    device_public=bytes.fromhex(KNOWN["device_public"]),
    quote_public=KNOWN["quote_public"].encode(),
)
RECEIVED = from_text(KNOWN["received_at"])
PAGE = (FOLDER.parents[1] / "evidence.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("file", sorted(FOLDER.glob("valid-*.jsonl")), ids=lambda file: file.stem)
def test_valid_is_believed(file: Path) -> None:
    """A valid bundle gives the same results to both readers; without a quote probe 13 fails."""
    data = file.read_bytes()
    ours = {one.probe: one.result.value for one in verify_bundle(data, EXPECTED, RECEIVED)}
    assert ours == read(data, KNOWN)
    assert ours == {"p01": "pass", "p06": "fail", "p13": "pass" if "quoted" in file.stem else "fail"}


@pytest.mark.parametrize("file", sorted(FOLDER.glob("invalid-*.jsonl")), ids=lambda file: file.stem)
def test_invalid_is_refused(file: Path) -> None:
    """A bundle with the defect of its name is refused by both readers, and the page names the defect."""
    data = file.read_bytes()
    with pytest.raises(Integrity):
        verify_bundle(data, EXPECTED, RECEIVED)
    with pytest.raises(NotBelievedError):
        read(data, KNOWN)
    assert f"`{file.stem.removeprefix('invalid-')}`" in PAGE
