"""Oversight from the command line, in the order of a vendor's life at a port: JSON, exit codes, and words when refused."""

import csv
import hashlib
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from session import Session

from wayseal.cli.sheets import HEADINGS
from wayseal.flow.oversee.desk import view
from wayseal.model.custody import Purpose
from wayseal.station.site import open_site
from wayseal.store.engine import read
from wayseal.store.oversight import vendors as vendor_rows
from wayseal.store.records import list_encounter_records
from wayseal.vision.networks import load_networks


def in_days(days: int) -> str:
    """A time from now, as commands take it."""
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


def test_01_enrol_this_host(ws: Session) -> None:
    """This machine is enrolled with what is found on it; under a second id it is refused: one serial number, two devices."""
    assert ws.call("init", "--json").code == 0
    made = ws.call("equipment", "enrol", "--this-host", "--id", "host1", "--json")
    assert made.code == 0, made.err
    assert made.json["equipment"] == "host1"
    assert made.json["serial"]
    assert len(made.json["component_sha256"]) == 64
    twice = ws.call("equipment", "enrol", "--this-host", "--id", "host2", "--json")
    assert (twice.code, twice.out) == (3, "")
    assert "one serial number" in twice.err
    assert ws.call("equipment", "enrol", "--id", "host3", "--json").code == 2


def test_02_assess(ws: Session, tmp_path: Path) -> None:
    """An assessment answers each of the 31 probes once, with control and digest; what failed is a finding with owner and date."""
    facts = tmp_path / "facts.json"
    facts.write_text(json.dumps({"key_folders": ["/etc/ssl"], "spool": str(ws.home / "lanes")}))
    filed = ws.call("equipment", "file", "facts", "host1", facts, "--json")
    assert filed.code == 0, filed.err
    answer = ws.call("equipment", "assess", "host1", "--json")
    assert answer.code == 1, answer.err
    said = answer.json
    assert said.keys() >= {"equipment", "pass", "fail", "error", "not_applicable", "probes"}
    assert sorted(one["id"] for one in said["probes"]) == [f"p{number:02}" for number in range(1, 32)]
    assert said["pass"] + said["fail"] + said["error"] + said["not_applicable"] == 31
    for one in said["probes"]:
        assert one.keys() >= {"id", "control", "result", "evidence_sha256"}
        assert one["result"] in ("pass", "fail", "error", "not_applicable")
        assert one["reason"]
        int(one["evidence_sha256"], 16)
    found = ws.call("equipment", "findings", "host1", "--json").json
    assert {row["probe"] for row in found} == {
        one["id"] for one in said["probes"] if one["result"] in ("fail", "error")
    }
    assert all(row["owner"] == "agency" and row["due"] > row["opened"] for row in found)
    assert all(row["do"] for row in found)
    shown = ws.call("equipment", "evidence", said["assessment"], "p03", "--json").json
    (third,) = [one for one in said["probes"] if one["id"] == "p03"]
    assert shown["evidence_sha256"] == third["evidence_sha256"]
    assert isinstance(shown["evidence"], dict)
    assert ws.call("equipment", "evidence", said["assessment"], "p99").code == 2
    (site, agency) = ws.call("equipment", "coverage", "--json").json
    assert (site["assessed"], site["due"], site["total"], site["passing"]) == (1, 0, 1, 0)
    assert agency["of"] == "agency"


def test_02b_due(ws: Session) -> None:
    """What is due is listed with the run it owes; --run makes what can be made on this machine, and tells how each ended."""
    assert ws.call("equipment", "due", "--json").json == []
    (row,) = ws.call("equipment", "due", "--days", "2", "--json").json
    assert (row["equipment"], row["cycle"]) == ("host1", "daily")
    assert ws.call("equipment", "changed", "host1", "--json").code == 0
    made = ws.call("equipment", "due", "--run", "--json")
    assert made.code == 1
    (row,) = made.json
    assert (row["cycle"], row["passed"]) == ("change", False)
    assert ws.call("equipment", "due", "--json").json == []


def test_03_misspelt_facts(ws: Session, tmp_path: Path) -> None:
    """A misspelt field of what is declared is an error that names its place, and nothing is filed."""
    facts = tmp_path / "facts.json"
    facts.write_text(json.dumps({"key_folder": ["/etc/ssl"]}))
    wrong = ws.call("equipment", "file", "facts", "host1", facts)
    assert (wrong.code, wrong.out) == (2, "")
    assert "facts.key_folder" in wrong.err


def test_04_vendor(ws: Session, tmp_path: Path) -> None:
    """A prime and its subcontractor with contract, people and training; lists are tables, JSON and CSV."""
    text = tmp_path / "contract.txt"
    text.write_text("no vendor copies; report within 24 hours; audit right", encoding="ascii")
    assert ws.call("vendor", "add", "prime", "--tier", "prime").code == 0
    assert ws.call("vendor", "add", "sub", "--tier", "subcontractor", "--under", "prime").code == 0
    assert ws.call("vendor", "add", "lab", "--tier", "assessor").code == 0
    assert ws.call("vendor", "add", "loose", "--tier", "subcontractor").code == 2
    for vendor in ("prime", "sub", "lab"):
        made = ws.call(
            "vendor", "contract", "add", f"{vendor}-1", "--organisation", vendor, "--place", "port", "--ends", in_days(365),
            "--clauses", text, "--permit", "metrics", "--json",
        )  # fmt: skip
        assert made.code == 0, made.err
        assert made.json["clauses_sha256"] == hashlib.sha256(text.read_bytes()).hexdigest()
    for person, vendor in (("tech:1", "sub"), ("lab:1", "lab"), ("chief:1", "agency")):
        made = ws.call(
            "vendor", "person", "add", person, "--organisation", vendor, "--role", "officer", "--training-until", in_days(90),
            "--json",
        )  # fmt: skip
        assert (made.code, made.json["training_valid"]) == (0, True)
    rows = ws.call("vendor", "list", "--json").json
    assert [row["vendor"] for row in rows] == ["agency", "lab", "prime", "sub"]
    assert rows[-1]["chain"] == ["sub", "prime"]
    table = list(csv.DictReader(io.StringIO(ws.call("vendor", "list", "--csv").out)))
    assert [row["vendor"] for row in table] == [row["vendor"] for row in rows]
    assert ws.call("vendor", "list", "--since", in_days(1), "--json").json == []
    assert ws.call("vendor", "show", "sub", "--json").json["staff"][0]["person"] == "tech:1"
    assert ws.call("vendor", "show", "nobody").code == 2
    assert "tech:1" in ws.call("vendor", "person", "list").out


def test_05_suspend(ws: Session) -> None:
    """Suspending reaches everybody below before the command returns; coming back needs a fresh assessment and two approvals."""
    gone = ws.call("vendor", "suspend", "prime", "--reason", "late-notice", "--json")
    assert gone.code == 0, gone.err
    assert gone.json["reached"] == ["prime", "sub"]
    assert gone.json["tiers"] == {"prime": "prime", "sub": "subcontractor"}
    assert gone.json["gate_has_read"] > gone.json["ledger_index"]
    again = ws.call("vendor", "suspend", "prime")
    assert (again.code, again.out) == (2, "")
    back = ws.call("vendor", "reinstate", "sub", "--approver", "chief:1", "--approver", "lab:1", "--json")
    assert (back.code, back.out) == (3, "")
    assert "assessed after the suspension" in back.err
    alone = ws.call("vendor", "reinstate", "sub", "--approver", "chief:1", "--approver", "tech:1")
    assert alone.code == 3
    assert ws.call("vendor", "suspend", "prime", "--reason", "Anna Berg").code == 2


def test_06_report_and_attention(ws: Session) -> None:
    """The report has what was done about an organisation; attention lists the overdue and says so with its exit code."""
    rows = ws.call("vendor", "report", "sub", "--days", "1", "--json").json
    assert {"register", "org-status"} <= {row["type"] for row in rows}
    assert [row["index"] for row in rows] == sorted(row["index"] for row in rows)
    assert ws.call("vendor", "contract", "end", "sub-1").code == 0
    attention = ws.call("vendor", "attention", "--json")
    assert attention.code == 0
    assert "return certificate" in [row["what"] for row in attention.json]
    made = ws.call("vendor", "return", "sub-1", "--returned", "0", "--destroyed", "12", "--json")
    assert (made.code, made.json["destroyed"]) == (0, 12)
    left = ws.call("vendor", "attention", "--json").json
    assert {row["what"] for row in left} == {"POA&M item"}
    checked = ws.call("vendor", "check", "--json")
    assert (checked.code, checked.json["consistent"]) == (0, True)


def test_07_challenge_is_carried(ws: Session, tmp_path: Path) -> None:
    """A host elsewhere answers a drawn challenge; its bundle counts once, and an edited one ends as errors, never as a pass."""
    asked, bundle = tmp_path / "asked.json", tmp_path / "bundle.jsonl"
    drawn = ws.call("equipment", "draw", "host1", "--daily", "--out", asked, "--json")
    assert drawn.code == 0, drawn.err
    collected = ws.call("equipment", "collect", asked, "--out", bundle, "--json")
    assert collected.code == 0, collected.err
    edited = tmp_path / "edited.jsonl"
    edited.write_bytes(bundle.read_bytes().replace(b'"result":"fail"', b'"result":"pass"', 1))
    told = ws.call(
        "equipment", "assess", "host1", "--assessment", drawn.json["assessment"], "--bundle", edited, "--json"
    )
    assert told.code == 1
    assert {one["result"] for one in told.json["probes"] if one["id"] in ("p05", "p06", "p08")} == {"error"}
    replayed = ws.call(
        "equipment", "assess", "host1", "--assessment", drawn.json["assessment"], "--bundle", bundle, "--json"
    )
    assert (replayed.code, replayed.out) == (3, "")
    assert "nonce-used" in replayed.err
    assert ws.call("equipment", "assess", "host1", "--bundle", bundle).code == 2
    asked.write_text("{}")
    assert ws.call("equipment", "collect", asked, "--out", bundle).code == 2


def test_08_lane_needs_its_equipment(ws: Session, video: Path) -> None:
    """A lane runs until equipment is enrolled for it; from then on it says what is missing, on stdout too, with exit code 3."""
    gallery = ws.call("gallery", "import", video.parent / "gallery.csv", "--gallery", "port", "--json")
    assert gallery.code == 0, gallery.err
    made = ws.call(
        "equipment",
        "enrol",
        "--id",
        "edge1",
        "--model",
        "edge-7",
        "--serial",
        "SN-1",
        "--lane",
        "lane7",
        "--json",
    )
    assert [one["reason"] for one in made.json["lane_needs"]] == [
        "never-assessed",
        "no-notice",
        "no-sign-off",
    ]
    assert [one["do"] for one in made.json["lane_needs"]][:2] == [
        "wayseal equipment assess edge1",
        "wayseal notice register lane7 --text FILE",
    ]
    answer = ws.call("lane", "run", "--source", video, "--lane", "lane7", "--gallery", "port", "--json")
    assert answer.code == 3
    (line,) = answer.lines
    assert line["disarmed"]["code"] == "never-assessed"
    assert "wayseal equipment assess" in line["disarmed"]["hint"]
    lanes = ws.call("equipment", "lanes", "--json")
    assert (lanes.code, lanes.json[0]["told"], lanes.json[0]["sealed"]) == (1, "disarmed", 0)


def test_09_notice_and_sign_off(ws: Session, tmp_path: Path) -> None:
    """A notice is registered by the digest of its text; operations and IT sign off as two people."""
    text = tmp_path / "notice.txt"
    text.write_text("Your face is photographed here.", encoding="ascii")
    made = ws.call("notice", "register", "lane7", "--text", text, "--ends", in_days(365), "--json")
    assert (made.code, made.json["in_force"]) == (0, True)
    assert made.json["text_sha256"] == hashlib.sha256(text.read_bytes()).hexdigest()
    assert ws.call("notice", "register", "lane7", "--text", text, "--ends", in_days(-1)).code == 2
    (row,) = ws.call("notice", "list", "--json").json
    assert row["lane"] == "lane7"
    assert ws.call("equipment", "sign-off", "--duty", "operations", "--as", "ops:1").code == 0
    refused = ws.call("equipment", "sign-off", "--duty", "it", "--as", "ops:1")
    assert (refused.code, refused.out) == (3, "")
    assert ws.call("equipment", "sign-off", "--duty", "it", "--as", "it:1").code == 0
    (lane,) = ws.call("equipment", "lanes", "--json").json
    assert lane["reasons"] == ["never-assessed"]


def test_10_opted_out_lane(ws: Session, video: Path) -> None:
    """In a lane of people who opted out, nothing that is sealed shows a face: opened, all of it is a plate and words."""
    settings = ws.home / "wayseal.toml"
    settings.write_text(settings.read_text() + "\n[lanes.quiet]\nfaces = false\n")
    answer = ws.call("lane", "run", "--source", video, "--lane", "quiet", "--gallery", "port", "--json")
    assert answer.code == 0, answer.err
    *vehicles, last = answer.lines
    assert (last["summary"]["vehicles"], last["summary"]["captured"]) == (1, 0)
    assert vehicles[0]["plate"] is not None
    with open_site(ws.home, ws.secret.read_bytes().strip()) as site:
        with read(site.store.engine) as connection:
            records = list_encounter_records(connection, vehicles[0]["encounter"])
        kinds = sorted(one.kind.value for one in records)
        plates = [one.object_id for one in records if one.kind.value == "plate"]
        bodies = site.opener.read_now(
            site.principal("chief:1", "officer"), plates, Purpose.PRIMARY_INSPECTION
        )
        with view(site.oversight) as rows:
            assert vendor_rows.find_person(rows, "chief:1") is not None
    assert set(kinds) == {"document", "plate"}
    detector = load_networks(model="").detector
    for body in bodies:
        picture = cv2.imdecode(np.frombuffer(bytes(body), np.uint8), cv2.IMREAD_COLOR)
        assert picture.size < 1920 * 1080 // 4
        assert detector.detect(picture) == []
    lanes = {row["lane"]: row for row in ws.call("equipment", "lanes", "--json").json}
    assert (lanes["quiet"]["opted_out"], lanes["quiet"]["faces"]) == (True, 0)
    assert lanes["quiet"]["sealed"] >= 2


@pytest.mark.parametrize("noun", ["vendor", "equipment", "notice"])
def test_11_help(ws: Session, noun: str) -> None:
    """Each noun shows its verbs."""
    answer = ws.call(noun, "--help")
    assert answer.code == 0
    assert "list" in answer.out


@pytest.mark.parametrize("words", [
    "encounter list --as chief:1", "equipment due --days 90", "equipment findings", "equipment lanes", "equipment list",
    "incident list", "lane health", "ledger show", "notice list", "ticket list", "vendor attention", "vendor contract list",
    "vendor person list",
])  # fmt: skip
def test_12_sheets(ws: Session, words: str) -> None:
    """The heading of a sheet with rows is the one that a sheet without rows has."""
    if words == "incident list":
        assert (
            ws.call(
                "incident", "open", "--principal", "tech:1", "--since", in_days(-1), "--reason", "stolen-disk"
            ).code
            == 0
        )
    if words == "ticket list":
        made = ws.call(
            "ticket", "issue", "--work-order", "wo-1", "--lane", "lane7", "--technician", "lab:1", "--verb", "focus", "--as", "chief:1"
        )  # fmt: skip
        assert made.code == 0, made.err
    answer = ws.call(*words.split(), "--csv")
    head, *rows = csv.reader(io.StringIO(answer.out)) if answer.out else [[answer.err]]
    assert tuple(head) == HEADINGS[words.partition(" --")[0]]
    assert rows
