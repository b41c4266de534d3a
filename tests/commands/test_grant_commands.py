"""Shifts, approvals and pinned witnesses as commands: outputs, exit codes, and the rule that a refusal shows."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from consoleparts import paint_picture
from lineparts import PASSPHRASE, Line, make_vehicle
from session import Session
from witnessparts import Bench, make_bench

from wayseal.model.border import Seat
from wayseal.model.clock import to_text, utc_now
from wayseal.station.site import open_site


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Three witnesses, of which two will run."""
    with make_bench(tmp_path_factory.mktemp("bench")) as made:
        yield made


@pytest.fixture(scope="module")
def faces(used: Session, secret: Path, bench: Bench) -> dict[str, str]:
    """The records of a face at each of two lanes, once the home is there."""
    secret.write_bytes(PASSPHRASE)
    found = {}
    with open_site(used.home, PASSPHRASE) as site:
        bench.serve(site, "audit", "university")
        line = Line(site, utc_now)  # type: ignore[arg-type]  # the real time is a clock too
        for lane in ("in1", "in2"):
            seen = make_vehicle(utc_now, {Seat.DRIVER: 1}, plate=None)  # type: ignore[arg-type]
            people = tuple(replace(one, picture=paint_picture(1)) for one in seen.occupants)
            answered = line.drive(line.lane(lane), replace(seen, occupants=people))
            record = answered.occupants[0].record
            assert record is not None
            found[lane] = record
    return found


def test_1_init_with_witnesses(ws: Session, bench: Bench, tmp_path: Path) -> None:
    """A policy that needs nobody is refused before anything is made; a real one is pinned and on the ledger."""
    nobody, policy = tmp_path / "nobody", tmp_path / "policy"
    nobody.write_text("quorum none\n", encoding="ascii")
    policy.write_text(bench.policy(), encoding="utf-8")
    ws.secret.write_bytes(PASSPHRASE)
    refused = ws.call("init", "--evaluation", "--witnesses", nobody)
    assert (refused.code, ws.home.exists()) == (2, False)
    assert "without a quorum" in refused.err
    made = ws.call("init", "--evaluation", "--witnesses", policy, "--json")
    assert made.code == 0
    assert "nobody is appointed" in made.err
    assert "witness audit-0" in (ws.home / "ledger" / "policy").read_text(encoding="utf-8")
    shown = ws.call("ledger", "show", "--type", "config", "--json")
    assert "keyroom-clients" in shown.out
    assert "site-rules" in shown.out


def test_2_no_grant(ws: Session, faces: dict[str, str]) -> None:
    """Without a grant the request is written and the opening refused, with the rule and its text."""
    asked = ws.call(
        "release", "request", faces["in1"], "--purpose", "primary_inspection", "--as", "officer-7", "--json"
    )
    assert asked.code == 0
    opened = ws.call("release", "open", asked.json["release"], "--as", "officer-7", "--json")
    assert (opened.code, opened.out) == (3, "")
    assert "rule: pictures-are-opened-under-a-grant" in opened.err
    assert "!context.granted" in opened.err


def test_3_grant(ws: Session, faces: dict[str, str], tmp_path: Path) -> None:
    """A grant is witnessed, names its lanes and its end, waits for a signature, and then opens the picture."""
    granted = ws.call("release", "grant", "--lane", "in1", "--hours", "2", "--as", "officer-7", "--json")
    assert granted.code == 0
    assert {"grant", "expires", "ledger_index"} <= granted.json.keys()
    shown = {name: granted.json[name] for name in ("lanes", "witnessed", "signed")}
    assert shown == {"lanes": ["in1"], "witnessed": True, "signed": False}
    grant, drive = granted.json["grant"], tmp_path.parent / "drive-chief-1"
    asked = ws.call(
        "release", "request", faces["in1"], "--purpose", "primary_inspection", "--as", "officer-7", "--json"
    )
    closed = ws.call("release", "open", asked.json["release"], "--as", "officer-7")
    assert closed.code == 3
    assert "the session grant waits for a signature" in closed.err
    assert f"grant: {grant}" in closed.err
    made = ws.call("export", "approver", "make", "chief-1", "--folder", drive, "--json").json["public"]
    add = (
        "export",
        "approver",
        "add",
        "chief-1",
        "--organisation",
        "agency",
        "--approver-role",
        "supervisor",
    )
    assert ws.call(*add, "--key", made, "--as", "privacy-1", "--json").code == 0
    (waiting,) = ws.call("grant", "list", "--json").json
    assert (waiting["grant"], waiting["officer"], waiting["state"]) == (grant, "officer-7", "waits")
    ballot, signed = tmp_path / "ballot", tmp_path / "signed"
    assert ws.call("grant", "show", grant, "--out", ballot, "--json").json["grant"] == grant
    signing = ("grant", "sign", ballot, "--name", "chief-1", "--folder", drive, "--out", signed, "--yes")
    assert "officer-7" in ws.call(*signing).out
    approved = ws.call("grant", "approve", grant, "--approval", signed, "--json")
    assert (approved.code, approved.json["signed_by"]) == (0, "chief-1")
    assert ws.call("grant", "list", "--json").json[0]["state"] == "signed"
    assert ws.call("grant", "approve", "0" * 26, "--approval", signed).code == 3
    asked = ws.call(
        "release", "request", faces["in1"], "--purpose", "primary_inspection", "--as", "officer-7", "--json"
    )
    opened = ws.call("release", "open", asked.json["release"], "--as", "officer-7", "--json")
    assert opened.code == 0
    assert opened.json["bytes"] > 0
    assert ws.call("release", "grant", "--lane", "no such lane").code == 2
    assert ws.call("release", "grant", "--lane", "in1", "--purpose", "curiosity").code == 2


def test_4_second_person(ws: Session, faces: dict[str, str], tmp_path: Path) -> None:
    """Another lane's picture waits for somebody of another role; one's own approval and a vendor's are refused."""
    asked = ws.call(
        "release", "request", faces["in2"], "--purpose", "primary_inspection", "--as", "officer-7", "--json"
    )
    release = asked.json["release"]
    waiting = ws.call("release", "open", release, "--as", "officer-7")
    assert waiting.code == 3
    assert f"release: {release}" in waiting.err
    assert "wayseal release approve" in waiting.err
    assert ws.call("release", "approve", release, "--as", "officer-7", "--role", "supervisor").code == 3
    vendor = ws.call("release", "approve", release, "--as", "v-1", "--role", "vendor")
    assert vendor.code == 3
    assert "vendors-never-see-records" in vendor.err
    named = ws.call("release", "approve", release, "--as", "boss-1", "--role", "supervisor", "--json")
    assert named.code == 3
    assert "signature only" in named.err
    drive = tmp_path.parent / "drive-boss-1"
    ballot, signed = tmp_path / "ballot", tmp_path / "signed"
    made = ws.call("export", "approver", "make", "boss-1", "--folder", drive, "--json").json["public"]
    add = ("export", "approver", "add", "boss-1", "--organisation", "agency", "--approver-role", "supervisor")
    assert ws.call(*add, "--key", made, "--as", "privacy-1", "--json").code == 0
    assert ws.call("release", "show", release, "--out", ballot, "--json").json["release"] == release
    signing = ("release", "sign", ballot, "--name", "boss-1", "--folder", drive, "--out", signed, "--yes")
    assert f"Release {release}" in ws.call(*signing).out
    approved = ws.call("release", "approve", release, "--approval", signed, "--json")
    assert approved.code == 0
    assert {"release", "record", "purpose", "ledger_index", "proof"} <= approved.json.keys()
    assert (approved.json["approved_by"], approved.json["signed"]) == ("boss-1", True)
    assert ws.call("release", "open", release, "--as", "officer-7", "--json").code == 0
    assert ws.call("release", "approve", "0" * 26, "--as", "boss-1", "--role", "supervisor").code == 3


def test_4_hold(ws: Session, faces: dict[str, str], tmp_path: Path) -> None:
    """A hold waits until both whom it names have signed it; then its records are kept."""
    until = to_text(utc_now() + timedelta(days=30))
    placing = (
        "retention",
        "hold",
        faces["in1"],
        "--reason",
        "court-order-7",
        "--until",
        until,
        "--as",
        "privacy-1",
    )
    placed = ws.call(*placing, "--approver", "chief-2", "--approver", "counsel-2", "--json")
    assert (placed.code, placed.json["signed"]) == (0, False)
    hold = placed.json["hold"]
    early = ws.call("retention", "finish-hold", hold, "--as", "privacy-1")
    assert early.code == 3
    assert "signed where people sign" in early.err
    for name, organisation, role in (
        ("chief-2", "agency", "supervisor"),
        ("counsel-2", "court", "privacy_officer"),
    ):
        drive, ballot, signed = (tmp_path / f"{name}-{what}" for what in ("drive", "ballot", "signed"))
        made = ws.call("export", "approver", "make", name, "--folder", drive, "--json").json["public"]
        add = ("export", "approver", "add", name, "--organisation", organisation, "--approver-role", role)
        assert ws.call(*add, "--key", made, "--as", "privacy-1", "--json").code == 0
        assert ws.call("retention", "show-hold", hold, "--out", ballot, "--json").json["state"] == "waits"
        signing = (
            "retention",
            "sign-hold",
            ballot,
            "--name",
            name,
            "--folder",
            drive,
            "--out",
            signed,
            "--yes",
        )
        assert faces["in1"] in ws.call(*signing).out
        approved = ws.call("retention", "approve-hold", hold, "--approval", signed, "--json")
        assert (approved.code, approved.json["signed_by"]) == (0, name)
    done = ws.call("retention", "finish-hold", hold, "--as", "privacy-1", "--json")
    assert (done.code, done.json["rewrapped"]) == (0, 1)


def sign_no(ws: Session, folder: Path, about: str, matter: str, *, name: str, reason: str) -> Path:
    """Let somebody read a ballot and sign a no; return the file."""
    ballot, signed = folder / f"{matter}-ballot", folder / f"{matter}-no"
    assert ws.call(about, "show", matter, "--out", ballot, "--json").code == 0
    drive = folder.parent / f"drive-{name}"
    sign = (about, "sign", ballot, "--name", name, "--folder", drive, "--out", signed, "--decline", reason)
    assert ws.call(*sign, "--yes").code == 0
    return signed


def test_4_declined(ws: Session, faces: dict[str, str], tmp_path: Path) -> None:
    """A no needs --yes and somebody who might have signed; it is told, and nobody can sign any more."""
    asked = ws.call(
        "release", "request", faces["in2"], "--purpose", "primary_inspection", "--as", "officer-7", "--json"
    )
    release = asked.json["release"]
    named = ws.call("release", "decline", release, "--as", "boss-1", "--reason", "not-necessary", "--yes")
    assert named.code == 3
    assert "a no is signed" in named.err
    no = sign_no(ws, tmp_path, "release", release, name="boss-1", reason="not-necessary")
    saying = ("release", "decline", release, "--approval", no, "--reason", "not-necessary")
    assert ws.call(*saying).code == 2
    assert ws.call(*saying, "--as", "boss-1", "--yes").code == 2
    assert ws.call(*saying[:-1], "other", "--yes").code == 3
    said = ws.call(*saying, "--yes", "--json")
    assert (said.code, said.json["declined_by"], said.json["signed"]) == (0, "boss-1", True)
    again = ws.call(*saying, "--yes")
    assert again.code == 3
    assert "the release was declined" in again.err
    begun = ws.call("release", "grant", "--lane", "in1", "--as", "officer-9", "--json")
    grant = begun.json["grant"]
    assert grant in {one["grant"] for one in ws.call("grant", "list", "--json").json}
    no = sign_no(ws, tmp_path, "grant", grant, name="chief-1", reason="not-on-duty")
    declining = ("grant", "decline", grant, "--approval", no, "--reason", "not-on-duty", "--yes")
    assert ws.call(*declining).code == 0
    shown = ws.call("grant", "show", grant, "--json").json
    assert (shown["state"], shown["declined_signed"]) == ("declined", True)
    assert grant not in {one["grant"] for one in ws.call("grant", "list", "--json").json}


def test_5_witnesses_down(ws: Session, bench: Bench, faces: dict[str, str]) -> None:
    """With one witness of two left no shift begins; one that has begun goes on."""
    bench.stop("university")
    late = ws.call("release", "grant", "--lane", "in1", "--as", "officer-8")
    assert late.code == 3
    assert "too few witnesses" in late.err
    asked = ws.call(
        "release", "request", faces["in1"], "--purpose", "primary_inspection", "--as", "officer-7", "--json"
    )
    assert ws.call("release", "open", asked.json["release"], "--as", "officer-7").code == 0


def test_6_trust(ws: Session, bench: Bench, tmp_path: Path) -> None:
    """Pinning needs --yes and a quorum; the new policy's witnesses are named."""
    policy = tmp_path / "policy"
    policy.write_text(bench.policy(), encoding="utf-8")
    assert ws.call("keyroom", "trust", "--witnesses", policy).code == 2
    done = ws.call("keyroom", "trust", "--witnesses", policy, "--yes", "--json")
    assert done.code == 0
    assert "audit-0" in done.json["witnesses"]
    assert done.json["appointed"] > 0
    assert "nobody is appointed" not in done.err
    assert "officer" in done.json["clients"]["centre"]
    policy.write_text("quorum none\n", encoding="ascii")
    assert ws.call("keyroom", "trust", "--witnesses", policy, "--yes").code == 2
