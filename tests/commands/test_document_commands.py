"""`wayseal document`: what was stolen beside the pictures in 2019 is sealed like them, and opened and given away like them."""

import random
from pathlib import Path

import pytest
from exportparts import open_office
from lineparts import PASSPHRASE, Line
from session import Session

from wayseal.flow.erase import erase_due
from wayseal.flow.handover import release_export
from wayseal.model.clock import utc_now
from wayseal.station.site import init_site, open_site

TEXT = b"; lane 1\nexposure_ms = 1.2\nsecret = " + random.Random(7).randbytes(32).hex().encode()


@pytest.fixture(scope="module")
def document(used: Session, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lane's configuration as a file, and a home to keep it in."""
    init_site(used.home, PASSPHRASE, evaluation=True)
    file = tmp_path_factory.mktemp("plans") / "north-gate.ini"
    file.write_bytes(TEXT)
    return file


def test_documents_are_sealed(ws: Session, document: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the text nor the name of a document is in the home; kind, age and end are listed without opening, and without keys."""
    added = ws.call("document", "add", document, "--kind", "configuration", "--lane", "lane1", "--json")
    assert added.code == 0, added.err
    drawing = document.with_name("site plan.pdf")
    drawing.write_bytes(b"%PDF-1.7 " + TEXT)
    assert ws.call("document", "add", drawing, "--kind", "schematic", "--json").code == 0
    rows = ws.call("document", "list", "--json").json
    assert [(row["kind"], row["about"], row["status"]) for row in rows] == [
        ("schematic", "port", "live"), ("configuration", "lane1", "live"),
    ]  # fmt: skip
    assert ws.call("document", "list", "--kind", "contract", "--json").json == []
    monkeypatch.setenv("WAYSEAL_KEYROOM__SOCKET", "always")
    assert ws.call("document", "list", "--json").json == rows
    kept = b"".join(file.read_bytes() for file in ws.home.rglob("*") if file.is_file())
    assert TEXT[-64:] not in kept
    assert b"north-gate" not in kept
    assert b"site plan" not in kept


def test_open_for_its_purpose_only(ws: Session, document: Path) -> None:
    """A security officer reads it under a release; an officer, a vendor and another purpose are refused, and leave no intent."""
    assert document.exists()
    (row,) = ws.call("document", "list", "--kind", "configuration", "--json").json
    opened = ws.call("document", "open", row["document"], "--as", "security-1", "--json")
    assert (opened.json["name"], opened.json["bytes"]) == ("north-gate.ini", len(TEXT))
    size = ws.call("ledger", "verify", "--json").json["size"]
    for role in ("officer", "vendor", "matcher"):
        refused = ws.call("document", "open", row["document"], "--as", "somebody", "--role", role, "--json")
        assert (refused.code, "may not open" in refused.err) == (3, True), role
    asked = ws.call(
        "release",
        "request",
        row["document"],
        "--purpose",
        "primary_inspection",
        "--as",
        "officer-7",
        "--json",
    )
    assert asked.code == 3
    assert ws.call("document", "add", document, "--kind", "contract", "--role", "vendor", "--json").code == 3
    assert ws.call("ledger", "verify", "--json").json["size"] == size


def test_bad_input(ws: Session, document: Path, tmp_path: Path) -> None:
    """An empty file, a record that is no document, and an unknown id are refused."""
    assert document.exists()
    empty = tmp_path / "empty.txt"
    empty.touch()
    assert ws.call("document", "add", empty, "--kind", "contract", "--json").code == 2
    assert ws.call("document", "open", "01KB3Z6V8N4Q0T2Y5RWXEJ7MCH", "--json").code == 2
    assert ws.call("document", "open", "nonsense", "--json").code == 2


def test_only_the_ceremony_gives_it_away(ws: Session, document: Path, tmp_path: Path) -> None:
    """A document leaves like a picture: two organisations sign, one recipient opens, its name comes with it; then it dies on time."""
    assert document.exists()
    (row,) = ws.call("document", "list", "--kind", "configuration", "--json").json
    with open_site(ws.home, PASSPHRASE) as site:
        office = open_office(Line(site, utc_now), tmp_path, vehicles=0)  # type: ignore[arg-type]  # a clock is a clock
        export = office.ask([row["document"]])
        office.approve(export, "kim", "lee")
        done = release_export(office.desk, office.requester, export.id)
        _, (item,) = office.boxes["county-court"].open_bundle(done.file.read_bytes())
        assert (item.name, item.data) == ("north-gate.ini", TEXT)
        erase_due(site.eraser, as_of=utc_now().replace(year=utc_now().year + 4, day=1))
    (row,) = ws.call("document", "list", "--kind", "configuration", "--json").json
    assert row["status"] == "erased"
    assert ws.call("document", "open", row["document"], "--json").code == 3
    (plan,) = ws.call("document", "list", "--kind", "schematic", "--json").json
    assert plan["status"] == "live"
