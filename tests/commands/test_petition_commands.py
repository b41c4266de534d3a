"""A vendor's return and the end of a hold as commands, where people sign: what waits, what both sign, and what is done then."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from lineparts import PASSPHRASE, Line, make_vehicle
from overseeparts import add_subcontractor, assess, enrol_host, give_duties
from session import Session

from wayseal.flow.oversee.register import add_person
from wayseal.model.border import Seat
from wayseal.model.clock import to_text, utc_now
from wayseal.station.site import open_site

PEOPLE = {
    "chief-1": ("agency", "supervisor"),
    "lab-1": ("lab", "assessor"),
    "privacy-1": ("agency", "privacy_officer"),
}


@pytest.fixture(scope="module", autouse=True)
def signed() -> Iterator[None]:
    """People's word counts with their signature only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAYSEAL_RELEASE__SIGNED_APPROVALS", "true")
        yield


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where people's keys are."""
    return tmp_path_factory.mktemp("drive")


def sign(ws: Session, drive: Path, verbs: tuple[str, str], matter: str, name: str) -> Any:
    """Let somebody read what they would sign, sign it, and hand it in; return what the last command said."""
    noun, about = verbs
    ballot, approval = drive / f"{matter}-{name}.ballot", drive / f"{matter}-{name}.approval"
    shown = ws.call(noun, f"show-{about}", matter, "--out", ballot, "--json")
    assert (shown.code, shown.json["state"]) == (0, "waits"), shown.err
    signing = (noun, f"sign-{about}", ballot, "--name", name, "--folder", drive / name)
    assert ws.call(*signing, "--out", approval, "--yes").code == 0
    given = ws.call(noun, f"approve-{about}", matter, "--approval", approval, "--json")
    assert given.code == 0, given.err
    return given.json


def test_1_people(ws: Session, drive: Path) -> None:
    """Three people of two organisations are registered, and appointed with keys of their own."""
    ws.secret.write_bytes(PASSPHRASE)
    assert ws.call("init", "--evaluation", "--json").code == 0
    with open_site(ws.home, PASSPHRASE) as site:
        add_subcontractor(site.oversight)
        enrol_host(site.oversight)
        give_duties(site.oversight)
        for name, (organisation, _) in PEOPLE.items():
            add_person(
                site.oversight, name, organisation=organisation, role="officer",
                training_until=utc_now() + timedelta(days=90), actor="system:test",
            )  # fmt: skip
    for name, (organisation, role) in PEOPLE.items():
        folder = drive / name
        made = ws.call("export", "approver", "make", name, "--folder", folder, "--json")
        assert made.code == 0, made.err
        added = ws.call(
            "export", "approver", "add", name, "--organisation", organisation, "--approver-role", role,
            "--key", made.json["public"], "--as", "privacy-9", "--json",
        )  # fmt: skip
        assert added.code == 0, added.err


def test_2_vendor_comes_back(ws: Session, drive: Path) -> None:
    """Asked for, an organisation stays suspended until both have signed; with the second signature it is back. Finishing again does no harm."""
    assert ws.call("vendor", "suspend", "sub", "--as", "chief-1", "--json").code == 0
    with open_site(ws.home, PASSPHRASE) as site:
        assess(site.oversight)
    asking = ("vendor", "reinstate", "sub", "--approver", "chief-1", "--approver", "lab-1", "--json")
    asked = ws.call(*asking)
    assert (asked.code, asked.json["signed"], asked.json["standing"]) == (0, False, "suspended"), asked.err
    petition = asked.json["reinstatement"]
    assert "standing" not in sign(ws, drive, ("vendor", "reinstatement"), petition, "chief-1")
    early = ws.call("vendor", "finish-reinstatement", petition)
    assert early.code == 3
    assert "two people whom the petition names" in early.err
    assert ws.call("vendor", "show", "sub", "--json").json["standing"] == "suspended"
    back = sign(ws, drive, ("vendor", "reinstatement"), petition, "lab-1")
    assert (back["standing"], back["signed_by"]) == ("active", "lab-1")
    assert ws.call("vendor", "show", "sub", "--json").json["standing"] == "active"
    assert ws.call("vendor", "finish-reinstatement", petition, "--json").json["standing"] == "active"
    assert ws.call("vendor", "show-reinstatement", petition, "--json").json["state"] == "done"
    assert ws.call("vendor", "check").code == 0


def test_3_hold_ends(ws: Session, drive: Path) -> None:
    """A hold that both have signed goes on until two people have signed its end; a no leaves it as it was."""
    with open_site(ws.home, PASSPHRASE) as site:
        line = Line(site, utc_now)  # type: ignore[arg-type]  # the real time is a clock too
        answered = line.drive(line.lane("in1"), make_vehicle(utc_now, {Seat.DRIVER: 1}))  # type: ignore[arg-type]
    record = answered.occupants[0].record
    both = ("--approver", "chief-1", "--approver", "privacy-1")
    until = to_text(utc_now() + timedelta(days=30))
    placing = (
        "retention",
        "hold",
        record,
        "--reason",
        "court-order-7",
        "--until",
        until,
        "--as",
        "privacy-1",
    )
    hold = ws.call(*placing, *both, "--json").json["hold"]
    for name in ("chief-1", "privacy-1"):
        sign(ws, drive, ("retention", "hold"), hold, name)
    assert ws.call("retention", "finish-hold", hold, "--as", "privacy-1", "--json").json["rewrapped"] == 1
    lifting = (
        "retention",
        "lift",
        hold,
        "--reason",
        "case-closed",
        "--as",
        "chief-1",
        *both,
        "--yes",
        "--json",
    )
    refused = ws.call(*lifting).json
    assert refused["signed"] is False
    no, ballot = drive / "no", drive / "no.ballot"
    assert ws.call("retention", "show-lift", refused["lift"], "--out", ballot, "--json").code == 0
    signing = (
        "retention",
        "sign-lift",
        ballot,
        "--name",
        "chief-1",
        "--folder",
        drive / "chief-1",
        "--out",
        no,
    )
    assert ws.call(*signing, "--decline", "still-needed", "--yes").code == 0
    declining = ("retention", "decline-lift", refused["lift"], "--approval", no, "--reason", "still-needed")
    assert ws.call(*declining, "--yes").code == 0
    assert ws.call("retention", "finish-lift", refused["lift"]).code == 3
    assert [one["hold"] for one in ws.call("retention", "holds", "--json").json] == [hold]
    lift = ws.call(*lifting).json["lift"]
    assert "erased" not in sign(ws, drive, ("retention", "lift"), lift, "chief-1")
    done = sign(ws, drive, ("retention", "lift"), lift, "privacy-1")
    assert (done["hold"], len(done["epochs_destroyed"])) == (hold, 1)
    assert ws.call("retention", "holds", "--json").json == []
    assert ws.call("ledger", "verify", "--json").code == 0
