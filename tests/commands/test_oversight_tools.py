"""Tickets, removable media, OSCAL packages and reports from the command line, on one home, one step after another."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from session import Answer, Session


@pytest.fixture(scope="module")
def kept() -> dict[str, str]:
    """What one step tells the next."""
    return {}


def use(ws: Session, token: Path, verb: str, *more: object, who: str = "tech-1") -> Answer:
    """Use a ticket at lane1."""
    return ws.call(
        "ticket",
        "use",
        "--verb",
        verb,
        "--lane",
        "lane1",
        "--token-file",
        token,
        "--as",
        who,
        "--json",
        *more,
    )


@pytest.fixture
def token(tmp_path: Path, kept: dict[str, str]) -> Path:
    """The ticket's token in a file."""
    file = tmp_path / "token"
    file.write_text(kept["token"])
    return file


def test_01_ticket(ws: Session, kept: dict[str, str], tmp_path: Path) -> None:
    """A vendor's technician gets a ticket for four hours; its token is printed once."""
    assert ws.call("init", "--evaluation", "--json").code == 0
    year = (datetime.now(UTC) + timedelta(days=365)).isoformat()
    (tmp_path / "contract.txt").write_text("24 hours notice, no copies")
    ws.call("vendor", "add", "camera-vendor", "--tier", "prime", "--json")
    ws.call(
        "vendor", "contract", "add", "c-1", "--organisation", "camera-vendor", "--place", "port", "--ends", year, "--clauses",
        tmp_path / "contract.txt", "--json",
    )  # fmt: skip
    ws.call(
        "vendor", "person", "add", "tech-1", "--organisation", "camera-vendor", "--role", "technician", "--training-until", year,
        "--json",
    )  # fmt: skip
    made = ws.call(
        "ticket", "issue", "--work-order", "wo-17", "--lane", "lane1", "--technician", "tech-1", "--verb", "focus", "--verb",
        "health", "--verb", "metrics", "--verb", "exposure", "--json",
    )  # fmt: skip
    assert made.code == 0, made.err
    kept["token"], kept["ticket"] = made.json["token"], made.json["ticket"]
    (row,) = ws.call("ticket", "list", "--json").json
    assert (row["organisation"], row["state"]) == ("camera-vendor", "live")


def test_02_numbers(ws: Session, token: Path, tmp_path: Path) -> None:
    """Focus and exposure are told in numbers, sharper for a sharper picture; health and metrics are counts."""
    noise = np.random.default_rng(5).integers(30, 220, (240, 320), dtype=np.uint8)
    for name, picture in (("sharp", noise), ("soft", cv2.GaussianBlur(noise, (0, 0), 2.0))):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "0001.png"), picture)
    sharp, soft = (
        use(ws, token, "focus", "--source", tmp_path / name).json["sharpness"] for name in ("sharp", "soft")
    )
    assert sharp > 1.5 * soft
    exposure = use(ws, token, "exposure", "--source", tmp_path / "sharp").json
    assert "sharpness" not in exposure
    assert 100 < exposure["brightness"] < 150
    assert use(ws, token, "health").json["records_24h"] == 0
    assert use(ws, token, "metrics").json["vehicles"] == 0


@pytest.mark.parametrize("verb", ["image", "stream", "chart"])
def test_03_refused(ws: Session, token: Path, verb: str) -> None:
    """What the ticket does not permit exits 3 with a hint, and is on the ledger."""
    answer = use(ws, token, verb)
    assert (answer.code, answer.out) == (3, "")
    assert "hint:" in answer.err
    newest = ws.call("ledger", "show", "--type", "ticket", "--limit", 1, "--json").json[0]
    assert (newest["action"], newest["actor"]) == ("refused", "tech-1")


def test_04_medium(ws: Session, kept: dict[str, str], tmp_path: Path) -> None:
    """A medium is registered for a live ticket, is let in at the host, and is not any more once it was taken off."""
    root = tmp_path / "root"
    root.mkdir()
    shown = "jEP/6WzviqdJ5VSeTUY8PatCNBKeaREvo2OqdplND/o="
    known = ("--hash", shown, "--serial", "4C530001", "--usb-id", "0781:5567", "--port", "1-2", "--json")
    assert ws.call("egress", "media", "add", "stick-1", "--ticket", "0" * 26, *known).code == 3
    assert (
        ws.call(
            "egress", "media", "add", "stick-1", "--ticket", kept["ticket"], *known[:-2], "any", "--json"
        ).code
        == 2
    )
    assert (
        ws.call("egress", "media", "add", "stick-1", "--ticket", kept["ticket"], *known).json["work_order"]
        == "wo-17"
    )
    written = ws.call("egress", "guard", "write", "--root", root, "--media", "--yes", "--json").json
    assert (written["written"], written["media"], written["run"]) == (5, 1, [])
    rules = root / "etc" / "usbguard" / "rules.conf"
    assert f'serial "4C530001" hash "{shown}" via-port "1-2"' in rules.read_text()
    checked = ws.call("egress", "guard", "check", "--root", root, "--json")
    assert checked.code == 1
    assert checked.json["checks"][0]["result"] == "pass"
    assert ws.call("egress", "media", "end", "stick-1", "--json").code == 0
    assert ws.call("egress", "media", "list", "--json").json == []
    assert (
        ws.call("egress", "guard", "write", "--root", root, "--media", "--yes", "--json").json["written"] > 0
    )
    assert "4C530001" not in rules.read_text()
    assert ws.call("egress", "guard", "status", "--json").json == []


def test_05_suspended(ws: Session, token: Path) -> None:
    """The vendor's suspension ends the ticket at once, through the real register."""
    assert use(ws, token, "health").code == 0
    assert ws.call("vendor", "suspend", "camera-vendor", "--json").code == 0
    answer = use(ws, token, "health")
    assert answer.code == 3
    assert "suspended" in answer.err


def test_06_revoked(ws: Session, kept: dict[str, str]) -> None:
    """A revoked ticket is shown so, with how often it was used and refused; the list is CSV too."""
    assert ws.call("ticket", "revoke", kept["ticket"], "--reason", "work-done", "--json").code == 0
    rows = list(csv.DictReader(io.StringIO(ws.call("ticket", "list", "--csv").out)))
    assert (rows[0]["state"], int(rows[0]["used"]) >= 6, int(rows[0]["refused"]) >= 3) == (
        "revoked",
        True,
        True,
    )


def test_07_package(ws: Session, tmp_path: Path) -> None:
    """A package is written, verified without the home, and refused with exit 4 once a byte was changed."""
    folder = tmp_path / "package"
    done = ws.call("assessment", "export", "--oscal", folder, "--json")
    assert done.code == 0, done.err
    keys = [word for file in sorted((ws.home / "ledger").glob("*.vkey")) for word in ("--vkey", str(file))]
    good = ws.call("assessment", "verify", folder, *keys, "--json")
    assert (good.code, good.json["whole"], good.json["on_ledger"]) == (0, True, True)
    (folder / "catalog.json").write_bytes((folder / "catalog.json").read_bytes().replace(b"MP-7", b"MP-8", 1))
    bad = ws.call("assessment", "verify", folder, *keys, "--json")
    assert bad.code == 4
    assert bad.json["faults"][0]["rule"] == 1
    assert ws.call("assessment", "export", "--oscal", folder, "--json").code == 2


def test_08_import(ws: Session, tmp_path: Path) -> None:
    """A vendor's component-definition is kept; a file that is none is refused with exit 2."""
    document = {
        "component-definition": {
            "uuid": "22222222-2222-4222-8222-222222222222",
            "metadata": {"title": "Edge box", "oscal-version": "1.1.2", "last-modified": "2026-11-01T00:00:00Z", "version": "1"},
            "components": [{
                "uuid": "33333333-3333-4333-8333-333333333333", "type": "hardware", "title": "Edge Box 9", "description": "A box.",
            }],
        }
    }  # fmt: skip
    file = tmp_path / "component.json"
    file.write_text(json.dumps(document))
    (row,) = ws.call("assessment", "import", file, "--json").json["components"]
    assert row["title"] == "Edge Box 9"
    file.write_text("{}")
    assert ws.call("assessment", "import", file, "--json").code == 2


def test_09_reports(ws: Session, tmp_path: Path) -> None:
    """Each kind of report is made as a page; a table comes as CSV; another suffix, table or kind is usage."""
    kinds = [row["kind"] for row in ws.call("report", "list", "--json").json]
    assert {"coverage", "vendor-standing", "findings", "poam", "evidence"} <= set(kinds)
    for kind in kinds:
        out = tmp_path / f"{kind}.html"
        assert ws.call("report", "make", kind, "--out", out, "--json").json["bytes"] == out.stat().st_size
    rows = list(
        csv.DictReader(io.StringIO(ws.call("report", "make", "vendor-standing", "--csv", "vendors").out))
    )
    assert {row["vendor"]: row["standing"] for row in rows}["camera-vendor"] == "suspended"
    assert ws.call("report", "make", "coverage", "--out", tmp_path / "x.doc").code == 2
    assert ws.call("report", "make", "coverage", "--csv", "nothing").code == 2
    assert ws.call("report", "make", "gossip", "--out", tmp_path / "x.html").code == 2
