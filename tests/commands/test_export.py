"""`wayseal export` as people of four organisations would use it: each with files and folders of their own."""

import hashlib
import json
from pathlib import Path

import pytest
from exportparts import open_office
from lineparts import PASSPHRASE, Line
from session import Session

from wayseal.export.approval import encode_approval, sign_approval
from wayseal.flow.consent import give_approval, show_ballot
from wayseal.model.clock import utc_now
from wayseal.seal.keys import SigningIdentity
from wayseal.station.exports import open_disclosure
from wayseal.station.site import init_site, open_site


@pytest.fixture(scope="module")
def records(used: Session, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two faces at a site that knows a recipient and four approvers already."""
    init_site(used.home, PASSPHRASE, evaluation=True)
    with open_site(used.home, PASSPHRASE) as site:
        office = open_office(Line(site, utc_now), tmp_path_factory.mktemp("people"))  # type: ignore[arg-type]
    return list(office.records)


def test_whole_ceremony_by_files(ws: Session, records: list[str], tmp_path: Path) -> None:
    """From the recipient's card to the attestation of deletion, each act a command; what leaks is traced."""
    parties = {"court-2": tmp_path / "court"} | {name: tmp_path / name for name in ("ann", "bob")}
    card, bundle = tmp_path / "court.json", tmp_path / "export.wsx"
    made = ws.call(
        "export", "recipient", "make", "court-2", "--organisation", "court", "--folder", parties["court-2"],
        "--out", card, "--json",
    )  # fmt: skip
    assert made.code == 0
    added = ws.call("export", "recipient", "add", card, "--yes", "--as", "privacy-1", "--json")
    assert added.json["key_sha256"] == made.json["key_sha256"]
    for name, organisation in (("ann", "privacy-office"), ("bob", "inspector-general")):
        public = ws.call("export", "approver", "make", name, "--folder", parties[name], "--json").json[
            "public"
        ]
        answer = ws.call(
            "export", "approver", "add", name, "--organisation", organisation, "--key", public, "--as", "privacy-1", "--json"
        )  # fmt: skip
        assert answer.code == 0
    asked = ws.call(
        "export", "create", *records, "--recipient", "court-2", "--purpose", "court-order", "--legal-basis", "statute",
        "--days", 30, "--as", "privacy-1", "--json",
    )  # fmt: skip
    assert asked.code == 0, asked.err
    export = asked.json["export"]
    assert (asked.json["records"], asked.json["needed"], asked.json["state"]) == (2, 2, "requested")
    refused = ws.call("export", "release", export, "--out", bundle, "--as", "privacy-1", "--json")
    assert (refused.code, bundle.exists()) == (3, False)
    for name in ("ann", "bob"):
        ballot, approval = tmp_path / f"{name}.ballot", tmp_path / f"{name}.approval"
        assert ws.call("export", "show", export, "--out", ballot, "--json").code == 0
        signed = ws.call(
            "export", "sign", ballot, "--name", name, "--folder", parties[name], "--out", approval, "--yes"
        )
        assert signed.code == 0, signed.err
        assert records[0] in signed.out
        assert ws.call("export", "approve", export, approval, "--json").code == 0
    released = ws.call("export", "release", export, "--out", bundle, "--as", "privacy-1", "--json")
    assert released.code == 0, released.err
    assert [one["approver"] for one in released.json["approvals"]] == ["ann", "bob"]
    receipt, attestation = tmp_path / "receipt.json", tmp_path / "attestation.json"
    mine = ("--name", "court-2", "--folder", parties["court-2"])
    opened = ws.call(
        "export", "open", bundle, *mine, "--to", tmp_path / "out", "--receipt", receipt, "--json"
    )
    assert (opened.code, opened.json["records"]) == (0, 2)
    assert sorted(file.stem for file in (tmp_path / "out" / "face").iterdir()) == sorted(records)
    (leak, *_) = sorted((tmp_path / "out" / "face").iterdir())
    (traced,) = ws.call("leak", "trace", leak, "--json").json
    assert (traced["recipient"], traced["channel"], traced["decision"]) == ("court-2", "export", "attributed")
    assert ws.call("export", "receipt", receipt, "--json").json["outcome"] == "received"
    assert ws.call("export", "attest", bundle, *mine, "--out", attestation).code == 0
    assert ws.call("export", "receipt", attestation, "--json").json["signed"] is True
    (row,) = [one for one in ws.call("export", "list", "--json").json if one["export"] == export]
    assert (row["state"], row["overdue"]) == ("deleted", [])
    check_offline(ws, bundle)


def check_offline(ws: Session, bundle: Path) -> None:
    """Verify the bundle with the ledger's keys, and a changed one, as an outsider would."""
    keys = sorted((ws.home / "ledger").glob("*.vkey"))
    found = ws.call(
        "export", "verify", bundle, *(part for key in keys for part in ("--log-key", key)), "--json"
    )
    assert (found.code, found.json["sound"]) == (0, True)
    assert [one["finding"] for one in found.json["checks"]].count("not checked") == 1
    sender = bundle.with_name("site.key")
    sender.write_text(ws.call("export", "sender").out, encoding="ascii")
    found = ws.call("export", "verify", bundle, "--log-key", keys[0], "--sender", sender, "--json")
    assert (found.code, found.json["sound"]) == (0, True)
    assert "not checked" not in {one["finding"] for one in found.json["checks"]}
    broken = bytearray(bundle.read_bytes())
    broken[300] ^= 1
    bundle.write_bytes(broken)
    assert ws.call("export", "verify", bundle, "--json").code in {2, 4}


def test_refusals_have_codes(ws: Session, records: list[str]) -> None:
    """Usage 2, policy 3: an unknown recipient, a purpose off the list, no records, and a stranger's role."""
    common = ("--legal-basis", "statute", "--days", 30, "--as", "privacy-1", "--json")
    court = ("--recipient", "county-court", "--purpose", "court-order")
    assert (
        ws.call("export", "create", *records, "--recipient", "nobody", "--purpose", "audit", *common).code
        == 2
    )
    assert (
        ws.call(
            "export", "create", *records, "--recipient", "county-court", "--purpose", "curiosity", *common
        ).code
        == 3
    )
    assert ws.call("export", "create", *court, *common).code == 2
    assert ws.call("export", "create", *records, *court, *common, "--role", "vendor").code == 3
    assert ws.call("export", "show", "01KB3Z6V8N4Q0T2Y5RWXEJ7MCH", "--json").code == 2


def test_lists_for_people_and_programs(ws: Session, records: list[str]) -> None:
    """Recipients, approvers and exports list as JSON, as CSV and as tables; nothing is overdue at once."""
    assert len(records) == 2
    assert {one["recipient"] for one in ws.call("export", "recipient", "list", "--json").json} >= {
        "county-court"
    }
    assert {one["approver"] for one in ws.call("export", "approver", "list", "--json").json} >= {"kim", "lee"}
    assert ws.call("export", "list", "--csv").code == 0
    assert "Exports" in ws.call("export", "list").out
    assert ws.call("export", "list", "--overdue", "--json").json == []
    assert json.loads(ws.call("export", "check", "--json").out)["overdue"] == []


def test_keyroom_may_be_away(
    ws: Session, records: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without the keyroom exports are listed, asked for and approved; only a release says that it needs it."""
    ask = (
        "export", "create", *records, "--recipient", "county-court", "--purpose", "audit", "--legal-basis", "statute",
        "--days", 1, "--as", "privacy-1", "--json",
    )  # fmt: skip
    monkeypatch.setenv("WAYSEAL_KEYROOM__SOCKET", "always")
    export = ws.call(*ask).json["export"]
    assert ws.call("export", "show", export, "--out", tmp_path / "ballot", "--json").code == 0
    assert ws.call("export", "list", "--json").json[0]["export"] == export
    with open_site(ws.home, PASSPHRASE) as site:
        desk = open_disclosure(site)
        for name in ("kim", "lee"):
            signer = SigningIdentity(name, hashlib.sha256(name.encode()).digest())
            ballot = show_ballot(desk, export)
            approval = sign_approval(
                export, name, manifest=ballot.manifest, checkpoint=ballot.checkpoint, signer=signer
            )
            give_approval(desk, encode_approval(approval))
    answer = ws.call("export", "release", export, "--out", tmp_path / "x.wsx", "--as", "privacy-1", "--json")
    assert answer.code == 5, answer.err
    monkeypatch.setenv("WAYSEAL_KEYROOM__SOCKET", "never")
    assert (
        ws.call("export", "release", export, "--out", tmp_path / "x.wsx", "--as", "privacy-1", "--json").code
        == 0
    )


def test_destructive_verbs_ask(ws: Session, records: list[str]) -> None:
    """Retiring and revoking need --yes, and then hold."""
    assert records
    assert ws.call("export", "approver", "revoke", "pat", "--json").code == 2
    assert ws.call("export", "approver", "revoke", "pat", "--yes", "--json").code == 0
    assert ws.call("export", "recipient", "retire", "county-court", "--yes", "--json").code == 0
    answer = ws.call(
        "export", "create", *records, "--recipient", "county-court", "--purpose", "audit", "--legal-basis", "statute",
        "--days", 1, "--as", "privacy-1", "--json",
    )  # fmt: skip
    assert (answer.code, "retired" in answer.err) == (3, True)
