"""What the ledger says about who may do anything, and a gate that reads all of it and believes no file."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wayseal.flow.follow import Follower
from wayseal.flow.spent import StaleProof
from wayseal.flow.standing import CONCERNS, Standings, decode_standings, encode_standings
from wayseal.ledger.checkpoint import Checkpoint, SeedSigner
from wayseal.ledger.entry import decode_entry, encode_entry
from wayseal.ledger.log import Ledger
from wayseal.model.clock import to_text
from wayseal.model.errors import Invalid, LedgerBroken
from wayseal.model.ids import new_ulid

NOW = datetime(2026, 11, 22, 7, 15, tzinfo=UTC)
ULIDS = [new_ulid(NOW) for _ in range(6)]
SIGNER = SeedSigner(b"\x07" * 32)
NAMES = st.sampled_from(["maintainer", "agency", "prime"])
PEOPLE = st.sampled_from(["officer-1", "officer-2"])


def suspend(name: str = "maintainer", **more: Any) -> dict[str, Any]:
    """Return an entry that suspends, unless told otherwise."""
    return {"type": "org-status", "object": name, "status": "suspended", "time": to_text(NOW), **more}


def reinstate(name: str = "maintainer", **more: Any) -> dict[str, Any]:
    """Return an entry that reinstates as it must be: with an assessment and two approvers."""
    full = {"status": "reinstated", "assessment": ULIDS[0], "approvers": ["a", "b"]}
    return suspend(name, **full) | more


def grant(number: int = 1, **more: Any) -> dict[str, Any]:
    """Return a grant entry."""
    return {
        "type": "grant", "object": ULIDS[number], "actor": "officer-1", "org": "maintainer", "lanes": ["in1"],
        "purpose": "primary_inspection", "time": to_text(NOW), "expires": to_text(NOW + timedelta(hours=8)), "limit": 5,
        **more,
    }  # fmt: skip


def learn(*entries: dict[str, Any]) -> Standings:
    """Return the state after these entries, each spelt and read as the ledger does."""
    known = Standings()
    for index, entry in enumerate(entries):
        data = encode_entry(entry)
        if CONCERNS.search(data):
            known.apply(index, decode_entry(data))
    return known


def list_ids(known: Standings, organisation: str = "maintainer", at: datetime = NOW) -> list[str]:
    """Return the ids of officer-1's grants in force."""
    return [one.id for one in known.list_grants("officer-1", organisation, "primary_inspection", at)]


def test_suspension_ends_grants() -> None:
    """A suspended organisation's grants die, none is taken meanwhile, and old ones stay dead after the reinstatement."""
    assert list_ids(learn(grant())) == [ULIDS[1]]
    assert list_ids(learn(grant(), suspend())) == []
    assert list_ids(learn(suspend(), grant())) == []
    back = learn(grant(1), suspend(), grant(2), reinstate(), grant(3))
    assert list_ids(back) == [ULIDS[3]]
    assert back.suspended == {}


def say(kind: str, number: int, intent: int, **more: Any) -> dict[str, Any]:
    """Return an entry by which somebody signs or declines what entry `intent` is about."""
    signed = {
        "role": "supervisor",
        "approval_sha256": "ab" * 32,
        "key_sha256": "cd" * 32,
        "checkpoint_size": 9,
    }
    added = {"reason": "other"} if kind.endswith("decline") else signed
    return {
        "type": kind, "object": ULIDS[number], "actor": "boss-1", "org": "agency", "intent": intent, "time": to_text(NOW),
        **added, **more,
    }  # fmt: skip


def test_signatures_are_remembered() -> None:
    """What was signed for a grant or a hold is kept with the index that says so, also in the file; for another entry's it is not."""
    hold = {
        "type": "hold", "object": ULIDS[2], "records": [ULIDS[3]], "approvers": ["boss-1", "boss-2"], "reason": "court",
        "until": to_text(NOW + timedelta(days=9)), "time": to_text(NOW),
    }  # fmt: skip
    story = (
        grant(1),
        hold,
        say("grant-approve", 1, 0),
        say("hold-approve", 2, 1),
        say("grant-approve", 1, 7),
    )
    known = decode_standings(encode_standings(learn(*story)))
    assert known == learn(*story)
    assert known.grants[ULIDS[1]].signed == {("ab" * 32, 2)}
    assert known.holds[ULIDS[2]].signed == {("ab" * 32, 3)}
    assert known.grants[ULIDS[1]].is_given_by(grant(1))
    assert known.holds[ULIDS[2]].is_placed_by(hold)
    for changed in (
        {"lanes": ["in1", "in2"]},
        {"limit": 6},
        {"actor": "officer-2"},
        {"purpose": "crossing_list"},
    ):
        assert not known.grants[ULIDS[1]].is_given_by(grant(1, **changed))
    assert not known.holds[ULIDS[2]].is_placed_by(hold | {"records": [ULIDS[4]]})


def test_declined_is_over() -> None:
    """A declined grant or hold is forgotten at once; a declined release is remembered for a day, also in the file."""
    hold = {
        "type": "hold", "object": ULIDS[2], "records": [ULIDS[3]], "approvers": ["boss-1", "boss-2"], "reason": "court",
        "until": to_text(NOW + timedelta(days=9)), "time": to_text(NOW),
    }  # fmt: skip
    known = learn(grant(1), hold, say("grant-decline", 1, 0), say("hold-decline", 2, 1))
    assert (known.grants, known.holds) == ({}, {})
    released = decode_standings(encode_standings(learn(say("release-decline", 4, 0))))
    assert set(released.declined) == {ULIDS[4]}
    released.forget(NOW + timedelta(hours=23))
    assert released.declined
    released.forget(NOW + timedelta(days=1))
    assert not released.declined


def test_far_future_evicts_nothing() -> None:
    """An entry whose time lies far ahead makes nobody forget a no, a hold or a petition: only the reader's own clock does."""
    hold = {
        "type": "hold", "object": ULIDS[2], "records": [ULIDS[3]], "approvers": ["boss-1", "boss-2"], "reason": "court",
        "until": to_text(NOW + timedelta(days=9)), "time": to_text(NOW),
    }  # fmt: skip
    far = to_text(NOW + timedelta(days=9000))
    ahead = [
        say("release-decline", 5, 1, time=far), hold | {"object": ULIDS[1], "time": far}, petition(1, time=far, expires=far),
    ]  # fmt: skip
    known = learn(say("release-decline", 4, 0), hold, petition(0), *ahead)
    assert ULIDS[4] in known.declined
    assert ULIDS[2] in known.holds
    assert ULIDS[0] in known.petitions.waiting


def test_told_again_is_not_fresh() -> None:
    """What somebody signed for a release counts from the first entry that tells of it; a second entry with a later time changes nothing."""
    later = to_text(NOW + timedelta(hours=1))
    told = say("release-approve", 4, 0, role="supervisor", **SIGNATURE)
    twin = told | {"time": later, "intent": 7}
    assert {one.at for one in learn(told, told | {"time": later}, twin).approvals[ULIDS[4]]} == {NOW}
    named = {name: value for name, value in told.items() if name not in SIGNATURE}
    assert len({one.at for one in learn(named, named | {"time": later}).approvals[ULIDS[4]]}) == 2


def petition(number: int = 0, **more: Any) -> dict[str, Any]:
    """Return a petition that the maintainer comes back from the suspension of entry 0."""
    return {
        "type": "reinstatement", "object": ULIDS[number], "actor": "chief-1", "subject": "maintainer", "suspension": 0,
        "assessment": ULIDS[5], "approvers": ["boss-1", "lab-1"], "time": to_text(NOW),
        "expires": to_text(NOW + timedelta(days=7)), **more,
    }  # fmt: skip


MARKER = {"type": "config", "object": "signed-standing", "config_sha256": "0" * 64, "time": to_text(NOW)}
SIGNATURE = {"approval_sha256": "1" * 64, "key_sha256": "2" * 64, "checkpoint_size": 9}


def test_names_count_before_people_sign() -> None:
    """Who was taken back by names before people signed stays back; afterwards only the keyroom's own entry about this very suspension counts."""
    sealed = reinstate(keyroom_seal="0" * 128, suspension=0, intent=2)
    assert "maintainer" not in learn(suspend(), reinstate(), MARKER).suspended
    assert "maintainer" in learn(suspend(), MARKER, reinstate()).suspended
    assert "maintainer" in learn(suspend(), MARKER, petition(), sealed | {"suspension": 1}).suspended
    known = learn(suspend(), MARKER, petition(), sealed)
    assert ("maintainer" in known.suspended, known.petitions.waiting) == (False, {})
    assert "maintainer" in learn(suspend(), MARKER, petition(), sealed, suspend(), sealed).suspended


def test_lift_by_the_keyroom_alone() -> None:
    """Where people sign, names lift no hold, nor does the keyroom's entry for a petition from before the hold; a signed hold is declined by nobody."""
    hold = {
        "type": "hold", "object": ULIDS[2], "records": [ULIDS[3]], "approvers": ["boss-1", "boss-2"], "reason": "court",
        "until": to_text(NOW + timedelta(days=9)), "time": to_text(NOW),
    }  # fmt: skip
    lift = {
        "type": "lift",
        "object": ULIDS[2],
        "reason": "over",
        "approvers": ["a", "b"],
        "time": to_text(NOW),
    }
    sealed = lift | {"keyroom_seal": "0" * 128}
    assert not learn(hold, lift, MARKER).holds
    for void in (lift, sealed | {"intent": 0}):
        assert learn(MARKER, hold, void).holds
    assert not learn(MARKER, hold, sealed | {"intent": 2}).holds
    words = [
        say("hold-approve", 2, 1, actor=name, role="officer", **SIGNATURE) for name in ("boss-1", "boss-2")
    ]
    assert learn(MARKER, hold, *words, say("hold-decline", 2, 1)).holds
    assert not learn(MARKER, hold, words[0], words[0], say("hold-decline", 2, 1)).holds
    again = learn(MARKER, hold, *words, hold | {"until": to_text(NOW + timedelta(hours=1))})
    assert again.holds[ULIDS[2]].is_signed


def test_suspension_reaches_whoever_comes_later() -> None:
    """Somebody registered under a suspended organisation afterwards is suspended too, at any depth, with grants and lanes; a circle ends."""
    placed = {"register": "equipment", "action": "added", "lane": "in9", "org": "below"}
    host = {"type": "register", "object": "host-9", "time": to_text(NOW), **placed}
    story = (suspend(), register("sub", "maintainer"), register("below", "sub"), host, grant(1, org="below"))
    known = decode_standings(encode_standings(learn(*story)))
    assert [known.is_suspended(name) for name in ("maintainer", "sub", "below", "agency")] == [
        True,
        True,
        True,
        False,
    ]
    assert known.list_suspended_lanes() == {"in9"}
    assert list_ids(known, "below") == []
    back = learn(*story, reinstate(), grant(2, org="below"))
    assert list_ids(back, "below") == [ULIDS[2]]
    circle = learn(register("a", "b"), register("b", "a"))
    assert not circle.is_suspended("a")


def register(name: str, under: str, **more: Any) -> dict[str, Any]:
    """Return an entry that registers a subcontractor under an organisation."""
    fields = {"register": "organisation", "action": "added", "tier": "subcontractor", "under": under}
    return {"type": "register", "object": name, "time": to_text(NOW), **fields, **more}


def test_grants_below_stay_dead() -> None:
    """The grants of those who work under a suspended organisation die with it, and are not given back by its reinstatement."""
    story = (register("sub", "maintainer"), grant(1, org="sub"), suspend())
    assert list_ids(learn(*story), "sub") == []
    assert list_ids(learn(*story, reinstate()), "sub") == []
    assert list_ids(learn(*story, reinstate(), grant(2, org="sub")), "sub") == [ULIDS[2]]
    late = (grant(1, org="late"), suspend(), register("late", "maintainer"), reinstate())
    assert list_ids(learn(*late), "late") == []


def test_moving_away_lifts_nothing() -> None:
    """Whoever is registered under another organisation while suspended stays suspended, until they are reinstated themselves."""
    story = (register("sub", "maintainer"), register("below", "sub"), suspend())
    moved = learn(*story, register("sub", "agency", action="changed"))
    assert [moved.is_suspended(name) for name in ("maintainer", "sub", "below", "agency")] == [
        True,
        True,
        True,
        False,
    ]
    alone = learn(*story, register("sub", "agency", action="changed"), reinstate())
    assert [alone.is_suspended(name) for name in ("maintainer", "sub", "below")] == [False, True, True]
    assert not learn(*story, register("sub", "agency"), reinstate("sub")).is_suspended("below")
    again = learn(*story, register("sub", "maintainer", action="changed"), reinstate())
    assert not again.is_suspended("sub")


def test_top_of_a_chain() -> None:
    """An organisation answers to the one at the top of its chain; a circle has one name, whoever asks."""
    known = learn(
        register("sub", "maintainer"),
        register("below", "sub"),
        register("a", "b"),
        register("b", "a"),
        register("c", "a"),
    )
    assert [known.find_top(name) for name in ("below", "sub", "maintainer", "agency")] == [
        "maintainer"
    ] * 3 + ["agency"]
    assert {known.find_top(name) for name in ("a", "b", "c")} == {"a"}


def test_holds_that_two_people_placed() -> None:
    """A hold covers its own records until it ends or is lifted, and covers none with one approver."""
    hold = {
        "type": "hold", "object": ULIDS[1], "records": [ULIDS[2]], "approvers": ["a", "b"], "reason": "court-order",
        "time": to_text(NOW), "until": to_text(NOW + timedelta(days=9)),
    }  # fmt: skip
    known = decode_standings(encode_standings(learn(hold)))
    assert known.covers_hold(ULIDS[1], ULIDS[2], NOW)
    assert not known.covers_hold(ULIDS[1], ULIDS[3], NOW)
    assert not known.covers_hold(ULIDS[2], ULIDS[2], NOW)
    assert not known.covers_hold(ULIDS[1], ULIDS[2], NOW + timedelta(days=9))
    assert not learn(hold | {"approvers": ["a"]}).holds
    assert not learn(hold, {"type": "lift", "object": ULIDS[1], "reason": "over", "time": to_text(NOW)}).holds
    late = learn(hold, hold | {"object": ULIDS[3], "time": to_text(NOW + timedelta(days=9000))})
    assert list(late.holds) == [ULIDS[1], ULIDS[3]]
    late.forget(NOW + timedelta(days=9))
    assert not late.holds


@pytest.mark.parametrize("missing", ["assessment", "approvers"])
def test_reinstatement_needs_everything(missing: str) -> None:
    """Without an assessment, or without approvers, an organisation stays suspended; so it does with one approver."""
    half = {name: value for name, value in reinstate().items() if name != missing}
    assert "maintainer" in learn(suspend(), half).suspended
    assert "maintainer" in learn(suspend(), reinstate(approvers=["a"])).suspended
    with pytest.raises(Invalid):
        learn(suspend(), reinstate(approvers=["a", "a"]))
    assert "maintainer" in learn(suspend(), suspend(status="active")).suspended
    assert "maintainer" in learn(reinstate(), suspend()).suspended
    assert "maintainer" not in learn(suspend(), reinstate()).suspended


def test_grant_is_one_persons_and_ends() -> None:
    """A grant is its officer's, in force from its time to its end, ended early only by the officer, and never replaced."""
    known = learn(grant(expires=to_text(NOW + timedelta(minutes=1))))
    assert list_ids(known, at=NOW + timedelta(seconds=59)) == [ULIDS[1]]
    assert list_ids(known, at=NOW + timedelta(minutes=1)) == []
    assert list_ids(known, at=NOW - timedelta(seconds=1)) == []
    assert list_ids(known, "agency") == []
    end = {"type": "grant-end", "object": ULIDS[1], "actor": "officer-1", "time": to_text(NOW)}
    assert list_ids(learn(grant(), end)) == []
    assert list_ids(learn(grant(), end | {"actor": "officer-2"})) == [ULIDS[1]]
    again = learn(grant(), grant(lanes=["in1", "in2"], limit=9999))
    assert again.grants[ULIDS[1]].limit == 5


def test_lanes_of_suspended_equipment() -> None:
    """The lanes where a suspended organisation's equipment is registered are known, until it is ended or moved."""
    camera = {
        "type": "register", "object": "cam-1", "register": "equipment", "action": "added", "lane": "in1",
        "org": "maintainer", "time": to_text(NOW),
    }  # fmt: skip
    assert learn(camera).list_suspended_lanes() == frozenset()
    assert learn(camera, suspend()).list_suspended_lanes() == {"in1"}
    assert learn(camera, suspend(), camera | {"lane": "in2"}).list_suspended_lanes() == {"in2"}
    assert learn(camera, suspend(), camera | {"action": "ended"}).list_suspended_lanes() == frozenset()


ENTRIES = st.lists(
    st.one_of(
        st.builds(suspend, NAMES),
        st.builds(reinstate, NAMES),
        st.builds(petition, st.integers(0, 5)),
        st.builds(lambda n, i: say("reinstatement-approve", n, i, role="officer", **SIGNATURE), st.integers(0, 5), st.integers(0, 9)),
        st.builds(lambda n, i: say("reinstatement-decline", n, i), st.integers(0, 5), st.integers(0, 9)),
        st.just(MARKER),
        st.builds(
            lambda n, who, org: grant(n, actor=who, org=org), st.integers(1, 5), PEOPLE, NAMES
        ),
        st.builds(
            lambda n, who: {
                "type": "release-approve", "object": ULIDS[n], "actor": who, "org": "agency", "role": "supervisor",
                "intent": n, "time": to_text(NOW + timedelta(hours=9 * n)),
            },
            st.integers(1, 5), PEOPLE,
        ),
        st.builds(
            lambda n: {"type": "config", "object": "site-rules", "config_sha256": f"{n:064x}", "time": to_text(NOW)},
            st.integers(0, 9),
        ),
        st.builds(
            lambda n: {"type": "open-done", "object": ULIDS[n], "time": to_text(NOW)}, st.integers(1, 5)
        ),
    ),
    max_size=30,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(ENTRIES, st.integers(0, 30))
def test_resumed_reading_is_the_same(entries: list[dict[str, Any]], at: int) -> None:
    """Writing the state down after any entry and reading on from there ends in the same state as reading without a break."""
    known = learn(*entries[:at])
    resumed = decode_standings(encode_standings(known))
    for index, entry in enumerate(entries[at:], start=min(at, len(entries))):
        resumed.apply(index, entry)
    assert resumed == learn(*entries)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    made = Ledger.create(tmp_path / "ledger", origin="port.example/ledger", clock=lambda: NOW)
    yield made
    made.close()


def checkpoint_of(ledger: Ledger) -> Checkpoint:
    """Return the ledger as it stands; who signed it is not the follower's to ask."""
    return Checkpoint(ledger.origin, ledger.size, ledger.root())


def test_follower_reads_everything(ledger: Ledger, tmp_path: Path) -> None:
    """Whatever lies between two checkpoints is read, across pages, and remembered by the next process."""
    follower = Follower(tmp_path / "standing", SIGNER, ledger.raw_entries)
    filler = {"type": "open-done", "object": ULIDS[0]}
    ledger.append([filler] * 999 + [suspend()] + [filler] * 1500)
    follower.follow(checkpoint_of(ledger))
    assert follower.standings.suspended == {"maintainer": 999}
    ledger.append([reinstate(), filler])
    other = Follower(tmp_path / "standing", SIGNER, ledger.raw_entries)
    other.follow(checkpoint_of(ledger))
    assert (other.size, other.standings.suspended) == (2502, {})
    with pytest.raises(StaleProof):
        other.follow(Checkpoint(ledger.origin, 2500, ledger.root(2500)))


def test_hidden_suspension_is_missed_by_nobody(ledger: Ledger, tmp_path: Path) -> None:
    """Entries from which the suspension was cut do not lead to the checkpoint's root: refused, and nothing of them counts."""
    ledger.append([suspend("prime"), suspend(), grant(2, org="agency")])

    def cut(start: int, end: int) -> list[bytes]:
        innocent = encode_entry(suspend(status="active"))
        return [innocent if index == 1 else ledger.raw(index) for index in range(start, end)]

    follower = Follower(tmp_path / "standing", SIGNER, cut)
    with pytest.raises(LedgerBroken, match="do not lead"):
        follower.follow(checkpoint_of(ledger))
    assert (follower.size, follower.standings) == (0, Standings())


@pytest.mark.parametrize("damage", ["flipped", "gone", "cut", "foreign", "nonsense"])
def test_file_is_never_believed(ledger: Ledger, tmp_path: Path, damage: str) -> None:
    """With its file altered, missing or written by somebody else, the gate reads the ledger again and knows the same."""
    file = tmp_path / "standing"
    ledger.append([suspend()])
    Follower(file, SIGNER, ledger.raw_entries).follow(checkpoint_of(ledger), witnessed=True)
    data = file.read_bytes()
    if damage == "foreign":
        file.unlink()
        Follower(file, SeedSigner(b"\x09" * 32), ledger.raw_entries).follow(checkpoint_of(ledger))
    else:
        altered = {
            "flipped": data.replace(b"maintainer", b"maintaimer"), "cut": data[:-9], "nonsense": b"{}", "gone": b"",
        }  # fmt: skip
        file.write_bytes(altered[damage])
    if damage == "gone":
        file.unlink()
    again = Follower(file, SIGNER, ledger.raw_entries)
    again.follow(checkpoint_of(ledger))
    assert again.standings.suspended == {"maintainer": 0}
    assert again.witnessed == 0


def test_two_processes_share_what_they_know(ledger: Ledger, tmp_path: Path) -> None:
    """What one process was told by the witnesses, another that was open before knows at its next look."""
    first, second = (Follower(tmp_path / "standing", SIGNER, ledger.raw_entries) for _ in range(2))
    ledger.append([grant()])
    second.follow(checkpoint_of(ledger))
    first.follow(checkpoint_of(ledger), witnessed=True)
    second.follow(checkpoint_of(ledger))
    assert second.witnessed == 1
