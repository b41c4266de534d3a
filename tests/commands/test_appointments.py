"""People in the founder's place: they appoint an approver by files, one alone does not, and nobody appoints past them."""

import json
from pathlib import Path

import pytest
from session import Session

PASSWORD = b"a passphrase of one's own"
OFFICIALS = ("privacy", "counsel")


@pytest.fixture
def own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Session:
    """Commands in a home of this test's own, that is not there yet."""
    secret = tmp_path / "passphrase"
    secret.write_bytes(PASSWORD)
    return Session(tmp_path / "home", secret, capsys)


def sign_as(own: Session, tmp_path: Path, name: str, draft: Path, *verb: str) -> tuple[Path, str]:
    """Sign a draft as an official with the key on their drive; return the signed file, and what they were shown."""
    file = draft.with_name(f"{draft.name}-{name}")
    done = own.call(*verb, draft, "--name", name, "--folder", tmp_path / name, "--out", file, "--yes")
    assert done.code == 0, done.err
    return file, done.out


def put_people_in_charge(own: Session, tmp_path: Path) -> None:
    """Hold the ceremony: two officials with drives of their own take the founder's place, both must sign."""
    named: list[object] = []
    for name in OFFICIALS:
        made = own.call("ceremony", "official", name, "--folder", tmp_path / name, "--json").json
        named += ["--official", f"{name}={made['public']}"]
    now, draft = tmp_path / "now", tmp_path / "draft"
    assert own.call("ceremony", "current", "--out", now, "--json").code == 0
    drafted = own.call(
        "ceremony", "draft", "--site", "port", "--needed", "2", "--this-site", "--after", now, "--out", draft, *named, "--json"
    )  # fmt: skip
    assert drafted.code == 0, drafted.err
    signed = [tmp_path / "signed-site"]
    assert own.call("ceremony", "sign", draft, "--this-site", "--yes", "--out", signed[0]).code == 0
    for name in OFFICIALS:
        file, _ = sign_as(own, tmp_path, name, draft, "ceremony", "sign")
        signed.append(file)
    assert (
        own.call("ceremony", "finish", *signed, "--after", now, "--out", tmp_path / "charter", "--json").code
        == 0
    )
    assert own.call("ceremony", "install", tmp_path / "charter", "--yes", "--json").code == 0


def is_appointed(own: Session, name: str) -> bool:
    """Whether the list of approvers says that somebody's credential counts."""
    listed = own.call("export", "approver", "list", "--json").json
    return bool(next(one["appointed"] for one in listed if one["approver"] == name))


def test_officials_appoint(own: Session, tmp_path: Path) -> None:
    """An approver of the founder's must be appointed anew by people; one signature of two is an integrity failure, both are enough."""
    assert own.call("init", "--evaluation", "--json").code == 0
    made = own.call("export", "approver", "make", "kim", "--folder", tmp_path / "kim", "--json").json[
        "public"
    ]
    add = (
        "export",
        "approver",
        "add",
        "kim",
        "--organisation",
        "privacy-office",
        "--key",
        made,
        "--as",
        "privacy-1",
    )
    assert own.call(*add, "--json").code == 0
    assert is_appointed(own, "kim")
    put_people_in_charge(own, tmp_path)
    assert not is_appointed(own, "kim")
    alone = own.call("export", "approver", "appoint", "kim")
    assert (alone.code, "wayseal export approver draft" in alone.err) == (3, True)
    draft = tmp_path / "kim-draft"
    assert own.call("export", "approver", "draft", "kim", "--out", draft, "--json").json["drafts"] == [
        str(draft)
    ]
    files = []
    for name in OFFICIALS:
        file, shown = sign_as(own, tmp_path, name, draft, "export", "approver", "sign")
        files.append(file)
        assert "privacy-office" in shown
    assert own.call("export", "approver", "appoint", "kim", files[0]).code == 4
    assert not is_appointed(own, "kim")
    done = own.call("export", "approver", "appoint", "kim", *files, "--json")
    assert (done.code, done.json) == (0, {"approver": "kim", "appointed": True, "waiting": []})
    assert is_appointed(own, "kim")
    entries = own.call("ledger", "show", "--type", "approver", "--json").json
    assert [entry["action"] for entry in entries if entry.get("object") == "kim"].count("appointed") == 2
    assert json.dumps(entries).count("appointment_sha256") == 2
    assert own.call("export", "approver", "appoint", "lee", *files).code == 3
    assert own.call("export", "approver", "draft", "nobody", "--out", draft).code == 2
