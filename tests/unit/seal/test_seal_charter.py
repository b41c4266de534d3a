"""The charter and its ceremony: who may change whom a lane believes."""

import json
import os
import pty
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sealsite import EPOCH, NOW, Site

from wayseal.model.errors import Integrity, Invalid, KeeperLocked, NotArmed
from wayseal.seal.keys import Charter, Roster, SigningIdentity, sign_roster
from wayseal.seal.keys.ceremony import (
    add_signature,
    draft_charter,
    finish_charter,
    join_official,
    list_signers,
    look_at,
    make_official,
    make_shared_official,
    open_official,
)
from wayseal.seal.keys.charter import read_first_charter, read_next_charter, read_roster
from wayseal.seal.keys.shares import join_shares, split_seed

PEOPLE = {
    name: SigningIdentity(name, bytes((number,)) * 32) for number, name in enumerate("abcdefg", start=1)
}
KEYROOM = SigningIdentity("keyroom", b"\x77" * 32)


def draft(
    names: str = "abcde", *, needed: int = 3, after: Charter | None = None, signer: SigningIdentity = KEYROOM
) -> bytes:
    """Return an unsigned charter for these people."""
    officials = {name: PEOPLE[name].public for name in names}
    signers = {"keyroom": signer.public}
    return draft_charter(
        "port",
        officials=officials,
        needed=needed,
        roster_signers=signers,
        issued_at=NOW,
        days=365,
        after=after,
    )


def signed(document: bytes, names: str) -> list[bytes]:
    """Return the drafts that these people signed apart from each other."""
    return [add_signature(document, PEOPLE[name]) for name in names]


@pytest.fixture
def charter() -> Charter:
    """A first charter, three of five."""
    return look_at(finish_charter(signed(draft(), "abc")))


def test_three_of_five_make_a_charter() -> None:
    """Signatures made apart add up; two are too few; the fingerprint is what a person compares."""
    document = draft()
    with pytest.raises(Integrity, match="3 are needed"):
        finish_charter(signed(document, "ab"))
    charter = finish_charter(signed(document, "ace"))
    assert list_signers(charter) == ("a", "c", "e")
    fingerprint = look_at(document).fingerprint
    assert read_first_charter(charter, fingerprint=fingerprint).needed == 3
    with pytest.raises(Integrity, match="fingerprint"):
        read_first_charter(charter, fingerprint="0" * 64)


def test_signatures_of_two_drafts_do_not_mix() -> None:
    """Officials who signed different drafts have signed no charter."""
    with pytest.raises(Integrity, match="different documents"):
        finish_charter(signed(draft(), "ab") + signed(draft(needed=2), "c"))


def test_people_are_replaced_by_both_quorums(charter: Charter) -> None:
    """A successor needs a quorum of the old officials and of the new; then lanes take it, and the old one is history."""
    document = draft("cdefg", after=charter)
    for names in ("abc", "cde", "efg", "ab"):
        with pytest.raises(Integrity, match="needed"):
            finish_charter(signed(document, names), after=charter) if names != "cde" else finish_charter(
                signed(document, "defg"), after=charter
            )
    with pytest.raises(Integrity) as refusal:
        finish_charter(signed(document, "defg"), after=charter)
    assert "of the charter before it (a, b, c, d, e)" in (refusal.value.hint or "")
    successor = finish_charter(signed(document, "cde") + signed(document, "b"), after=charter)
    taken = read_next_charter(successor, current=charter)
    assert (taken.version, set(taken.officials)) == (2, set("cdefg"))
    old = finish_charter(signed(draft(), "abcde"))
    with pytest.raises(Integrity):
        read_next_charter(old, current=taken)
    assert read_next_charter(successor, current=taken) == taken


def test_other_site_is_refused(charter: Charter) -> None:
    """Officials of two ports cannot carry one port's charter to the other."""
    body = draft_charter(
        "other", officials=charter.officials, needed=3, roster_signers=charter.roster_signers, issued_at=NOW, days=9,
        after=charter,
    )  # fmt: skip
    with pytest.raises(Integrity, match="another site"):
        read_next_charter(finish_charter(signed(body, "abc")), current=charter)


def test_rotation_without_stopping_a_lane(charter: Charter, site: Site) -> None:
    """A new keyroom's rosters are believed from the new charter on, and the old keyroom's no longer."""
    new = SigningIdentity("keyroom-b", b"\x78" * 32)
    successor = read_next_charter(
        finish_charter(signed(draft(after=charter, signer=new), "abc"), after=charter), current=charter
    )
    roster = Roster(
        1, NOW, NOW + timedelta(hours=2), (site.vault.create_epoch(EPOCH),), {"lane-1": site.lane.public}, {}
    )
    by_old, by_new = sign_roster(roster, [KEYROOM]), sign_roster(roster, [new])
    assert read_roster(by_old, charter=charter, now=NOW) == roster
    assert read_roster(by_new, charter=successor, now=NOW) == roster
    for data, root in ((by_old, successor), (by_new, charter)):
        with pytest.raises(Integrity):
            read_roster(data, charter=root, now=NOW)
    with pytest.raises(NotArmed):
        read_roster(by_old, charter=charter, now=NOW + timedelta(days=365))


@pytest.mark.parametrize(
    "change",
    [
        {"needed": 0},
        {"needed": 6},
        {"roster_signers": {}},
        {"version": 0},
        {"site": "No Name"},
        {"valid_until": NOW - timedelta(days=1)},
    ],
)
def test_unsound_charters_are_not_drafted(charter: Charter, change: dict[str, object]) -> None:
    """A charter that could never be met, or that ends before it begins, is not written."""
    with pytest.raises(Invalid):
        _ = replace(charter, **change).fingerprint


def test_one_key_counts_once() -> None:
    """Two names with one key are not two officials."""
    same = {"a": PEOPLE["a"].public, "b": PEOPLE["a"].public}
    with pytest.raises(Invalid):
        draft_charter("port", officials=same, needed=2, roster_signers=same, issued_at=NOW, days=1)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_altered_charter_is_refused(data: st.DataObject) -> None:
    """A flipped bit anywhere in a charter signed by exactly its quorum leaves no charter."""
    whole = finish_charter(signed(draft(), "abc"))
    position = data.draw(st.integers(0, len(whole) * 8 - 1))
    altered = bytearray(whole)
    altered[position // 8] ^= 1 << (position % 8)
    with pytest.raises(Integrity):
        read_first_charter(bytes(altered), fingerprint=look_at(whole).fingerprint)


def test_official_key_needs_its_passphrase(tmp_path: Path) -> None:
    """An official's key opens with their passphrase and name only."""
    made = make_official("a", tmp_path / "drive", b"a long enough phrase")
    assert open_official("a", tmp_path / "drive", b"a long enough phrase").public == made.public
    with pytest.raises(KeeperLocked):
        open_official("a", tmp_path / "drive", b"a wrong enough phrase")
    with pytest.raises(Invalid):
        open_official("b", tmp_path / "drive", b"a long enough phrase")


def test_any_three_shares_give_the_key() -> None:
    """Three of five word lists give the key, whichever; two, a mistyped word or a share of another set do not."""
    public, shares = make_shared_official("root", needed=3, total=5)
    for chosen in (shares[:3], shares[2:], (shares[4], shares[0].upper(), f"  {shares[2]}\n")):
        assert join_official("root", chosen).public == public
    _, others = make_shared_official("root", needed=3, total=5)
    mistyped = shares[0].replace(
        shares[0].split()[7], "academic" if shares[0].split()[7] != "academic" else "acid"
    )
    for wrong in (shares[:2], (*shares[:2], others[2]), (mistyped, *shares[1:3]), (), ("nonsense",)):
        with pytest.raises(Integrity) as caught:
            join_shares(wrong)
        assert not any(
            word in caught.value.diagnostics().split() for share in wrong for word in share.split()[3:]
        )


def test_senseless_shares_are_refused() -> None:
    """One of n is no split, and only seeds of 32 bytes are split."""
    for size, needed, total in ((32, 1, 5), (32, 6, 5), (32, 2, 17), (16, 2, 3)):
        with pytest.raises(Invalid):
            split_seed(bytes(size), needed=needed, total=total)


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `wayseal ceremony` in a process of its own."""
    command = [
        sys.executable,
        "-c",
        "from wayseal.cli.main import main; main()",
        "ceremony",
        *map(str, arguments),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_ceremony_on_the_command_line(tmp_path: Path) -> None:
    """Two officials make keys, sign a draft apart, and the charter is whole when both have signed."""
    (tmp_path / "phrase").write_text("a long enough phrase")
    phrase = ("--passphrase-file", tmp_path / "phrase")
    pairs = []
    for name in "ab":
        made = run("official", name, "--folder", tmp_path / name, "--json", *phrase)
        pairs += ["--official", f"{name}={json.loads(made.stdout)['public']}"]
    done = run("draft", "--site", "port", "--needed", "2", *pairs, "--roster-signer", f"keyroom={KEYROOM.public.hex()}",
               "--out", tmp_path / "draft", "--json")  # fmt: skip
    assert json.loads(done.stdout)["signed_by"] == []
    for name in "ab":
        done = run("sign", tmp_path / "draft", "--name", name, "--folder", tmp_path / name, "--yes", "--out",
                   tmp_path / f"signed-{name}", *phrase)  # fmt: skip
        assert done.returncode == 0, done.stderr
    early = run("finish", tmp_path / "signed-a", "--out", tmp_path / "charter")
    assert (early.returncode, (tmp_path / "charter").exists()) == (4, False)
    run("finish", tmp_path / "signed-a", tmp_path / "signed-b", "--out", tmp_path / "charter")
    shown = json.loads(run("show", tmp_path / "charter", "--json").stdout)
    assert (shown["signed_by"], shown["needed"], shown["version"]) == (["a", "b"], 2, 1)


def read_terminal(descriptor: int) -> bytes:
    """Return what is on a terminal, and nothing once the other side has hung up."""
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""


def test_shares_are_shown_on_a_terminal_only(tmp_path: Path) -> None:
    """Word lists never go into a pipe or file; on a terminal each is shown and then cleared."""
    piped = run("shares", "root", "--needed", "2", "--total", "2")
    assert (piped.returncode, piped.stdout) == (3, "")
    main, side = pty.openpty()
    command = [sys.executable, "-c", "from wayseal.cli.main import main; main()", "ceremony", "shares", "root",
               "--needed", "2", "--total", "2"]  # fmt: skip
    process = subprocess.Popen(command, stdin=side, stdout=side, stderr=side, cwd=tmp_path)
    os.close(side)
    os.write(main, b"\n" * 4)
    shown = b"".join(iter(lambda: read_terminal(main), b""))
    assert process.wait(timeout=60) == 0
    os.close(main)
    spoken = [line.rpartition(": ")[2] for line in shown.decode().splitlines()]
    lists = [words for words in spoken if len(words.split()) == 33]
    public = bytes.fromhex(shown.split(b"root=")[1].strip()[:64].decode())
    assert join_official("root", lists).public == public
    assert not list(tmp_path.iterdir())
