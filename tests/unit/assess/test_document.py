"""The document parts: everything in order passes, and each missing, forged, stale or wrong paper is caught."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netparts import NOW, make_equipment
from paperparts import CONTRACT, KEYS, PAPERS, make_view, sign_paper, with_paper

from wayseal.assess.catalogue import Where
from wayseal.assess.document import device, vendor
from wayseal.assess.document.view import Document, DocumentView
from wayseal.assess.probe import Seen, find_part
from wayseal.model.clock import to_text
from wayseal.model.oversight import Result

PARTS = {
    "p02": "port-locks", "p14": "firmware", "p17": "sbom", "p18": "vulnerability-feed", "p24": "vendor-sweep",
    "p25": "cloud", "p31": "contract-clauses.c-1",
}  # fmt: skip
DATED = {name: paper for name, paper in PARTS.items() if name not in {"p14", "p17"}}


def look(probe: str, view: DocumentView) -> Seen:
    """Run one document part."""
    assert device
    assert vendor
    part = find_part(probe, Where.DOCUMENT)
    assert part is not None
    return part(view)


@pytest.mark.parametrize("probe", PARTS)
def test_in_order(probe: str) -> None:
    """With every paper in order each part passes."""
    seen = look(probe, make_view())
    assert seen.result is Result.PASS, seen.reason


@pytest.mark.parametrize(("probe", "name"), PARTS.items())
def test_paper_missing(probe: str, name: str) -> None:
    """A paper that was never filed is a failure of its own part, and of no other."""
    view = make_view()
    view = replace(view, documents={key: one for key, one in view.documents.items() if key != name})
    assert look(probe, view).reason == f"there is no document {name}"
    for other in PARTS.keys() - {probe}:
        assert look(other, view).result is Result.PASS


@pytest.mark.parametrize(("probe", "name"), PARTS.items())
def test_wrong_signer(probe: str, name: str) -> None:
    """A paper signed by a stranger, or by the other organisation, fails."""
    other = "opteq" if PAPERS[name][0] == "agency" else "agency"
    for by in ("stranger", other):
        seen = look(probe, with_paper(name, by=by))
        assert seen.result is Result.FAIL
        assert "is not signed by" in seen.reason


@pytest.mark.parametrize(("probe", "name"), PARTS.items())
@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_one_bit(probe: str, name: str, place: int, bit: int) -> None:
    """A paper of which any one bit was changed after signing never passes."""
    view = make_view()
    paper = view.documents[name]
    data = bytearray(paper.data)
    data[place % len(data)] ^= 1 << bit
    view = replace(view, documents={**view.documents, name: replace(paper, data=bytes(data))})
    assert look(probe, view).result is Result.FAIL


@pytest.mark.parametrize(("probe", "name"), DATED.items())
def test_stale_or_future(probe: str, name: str) -> None:
    """A paper that is years old, from next week, dated after it was filed, or undated fails."""
    year = timedelta(days=4000)
    stale = with_paper(name, date=to_text(NOW - year))
    future = with_paper(name, date=to_text(NOW + timedelta(days=7)))
    backdated = with_paper(name, date=to_text(NOW - timedelta(days=1)), filed_at=NOW - timedelta(days=5))
    for view, words in ((stale, "days old"), (future, "in the future"), (backdated, "after it was filed")):
        assert words in look(probe, view).reason
    for date in (None, "yesterday", 7, "2026-11-22"):
        assert "has no date" in look(probe, with_paper(name, date=date)).reason


SEEDS: list[tuple[str, str, dict[str, Any], str]] = [
    ("p02", "port-locks", {"serial": "sn-9"}, "about another device"),
    ("p02", "port-locks", {"ports": []}, "no port at all"),
    ("p02", "port-locks", {"ports": [{"port": "usb1", "lock": ""}]}, "without a lock"),
    ("p02", "port-locks", {"photo_sha256": "00" * 32}, "is another one"),
    ("p14", "firmware", {"model": "lane-computer-1"}, "another model"),
    ("p14", "firmware", {"sha256": "00" * 32}, "not in the component definition"),
    ("p17", "sbom", {"bomFormat": "SPDX"}, "not CycloneDX"),
    ("p17", "sbom", {"components": []}, "0 of 0 components"),
    ("p17", "sbom", {"components": [{"name": "x"}]}, "1 of 1 components"),
    ("p17", "sbom", {"metadata": {"timestamp": to_text(NOW - timedelta(days=31))}}, "31 days old"),
    ("p18", "vulnerability-feed", {"vulnerabilities": [{"id": "CVE-1"}]}, "an entry without"),
    ("p18", "vulnerability-feed", {"date": to_text(NOW - timedelta(days=8))}, "8 days old"),
    ("p24", "vendor-sweep", {"found": 3}, "found pictures"),
    ("p24", "vendor-sweep", {"found": False}, "found pictures"),
    ("p24", "vendor-sweep", {"places": 0}, "looked nowhere"),
    ("p24", "vendor-sweep", {"organisation": "other"}, "another organisation"),
    ("p24", "destroy-receipts", {"receipts": []}, "1 erased epochs have no receipt"),
    ("p25", "cloud", {"endpoints": ["cloud.opteq.invalid", "backup.opteq.invalid"]}, "were not tried: backup"),
    ("p25", "cloud", {"storage": ["us", "elsewhere"]}, "no contract allows it: elsewhere"),
    ("p25", "cloud", {"endpoints": None}, "no list of endpoints"),
    ("p31", "contract-clauses.c-1", {"text_sha256": "00" * 32}, "not of the text on the roster"),
    ("p31", "contract-clauses.c-1", {"clauses": ["audit-right"]}, "lacks incident-notice-24h, no-vendor-copies"),
]  # fmt: skip


@pytest.mark.parametrize(("probe", "name", "changes", "words"), SEEDS)
def test_seeded_paper(probe: str, name: str, changes: dict[str, Any], words: str) -> None:
    """A signed and fresh paper that says the wrong thing fails its part with that reason, and no other part."""
    view = with_paper(name, **changes)
    seen = look(probe, view)
    assert seen.result is Result.FAIL
    assert words in seen.reason
    for other in PARTS.keys() - {probe}:
        assert look(other, view).result is Result.PASS


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000, b"null"])
def test_garbage_paper(data: bytes) -> None:
    """Bytes that are no JSON object fail, though they are properly signed."""
    garbage = Document(data, KEYS["opteq"].sign(data), NOW)
    view = make_view()
    view = replace(view, documents={**view.documents, "firmware": garbage})
    assert look("p14", view).reason == "firmware is not a JSON object"


def test_not_told() -> None:
    """What the assessor was not told is an error, never a pass and never not applicable."""
    untold = make_view(declared_firmware=None, contracts=None, keeper=None, cloud_told=None)
    for probe in ("p14", "p24", "p25", "p31"):
        assert look(probe, untold).result is Result.ERROR


def test_contract_over() -> None:
    """A vendor whose contract has run out, or is for another site, has no clauses in force."""
    for contract in (replace(CONTRACT, ends=NOW), replace(CONTRACT, site="elsewhere")):
        seen = look("p31", make_view(contracts=(contract,)))
        assert (seen.result, seen.reason) == (Result.FAIL, "no contract is in force for this site")


def test_agency_equipment() -> None:
    """The agency's own equipment has no contract and no vendor sweep, and the evidence shows whose it is."""
    view = make_view(equipment=make_equipment(organisation="agency"), keeper="file")
    assert look("p31", view).result is Result.NOT_APPLICABLE
    assert b'"organisation":"agency"' in look("p31", view).evidence
    assert look("p24", replace(view, documents={})).result is Result.PASS


def test_photo_stays_out() -> None:
    """The photograph of the locks is in no evidence, and a photograph that is not filed fails."""
    view = make_view()
    assert b"photograph of port" not in look("p02", view).evidence
    view = replace(view, documents={**view.documents, "port-photo": sign_paper({}, "agency")})
    assert "is another one" in look("p02", view).reason
