"""The breach of 2018-19, replayed at a small site: every act is blocked, useless or traced, or open as the design admits."""

import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from subprocess import TimeoutExpired

import pytest
from breachparts import SMALL, small_stage

from wayseal.model.errors import Integrity, Invalid
from wayseal.testing.breach import (
    ACTS,
    LONG,
    SHORT,
    Act,
    Found,
    Outcome,
    Scale,
    Step,
    play_act,
    play_breach,
)
from wayseal.testing.breach.loot import Loot, find_records, make_control, search_loot, try_keys
from wayseal.testing.breach.story import REMAINS

ROOT = Path(__file__).resolve().parents[2]
PROMISED = {
    "look-at-lane-disk": "blocked", "copy-lane-disk": "useless", "plug-drive-in": "blocked", "try-every-key": "useless",
    "tap-the-wire": "useless", "watch-live-feed": "open", "ask-for-pictures": "blocked", "keep-plates": "useless",
    "take-centre-disk": "useless", "post-exported": "traced", "post-viewed": "traced", "post-taken": "traced",
    "raid-running-centre": "open", "notify-late": "blocked", "work-on": "blocked", "come-back": "blocked",
    "edit-ledger": "blocked", "restore-backup": "useless", "take-drawings": "useless",
}  # fmt: skip


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Step]]:
    """The whole story, played once."""
    with small_stage(tmp_path_factory.mktemp("breach"), SMALL) as stage:
        yield list(play_breach(stage))


def test_whole_story(steps: list[Step]) -> None:
    """Every act ends as promised, and only the live feed and the metered matcher are open, each with its bound."""
    told = {step.act.name: (step.found.outcome.value, step.found.evidence) for step in steps}
    assert {name: outcome for name, (outcome, _) in told.items()} == PROMISED, told
    assert [step.describe() for step in steps if not step.is_admitted] == []
    assert {name for name, (_, evidence) in told.items() if REMAINS in evidence} == {
        "watch-live-feed",
        "raid-running-centre",
    }


def test_nothing_was_won_by_default(steps: list[Step]) -> None:
    """Each act had something to try: records, keys, leaks, attempts, a canary's neighbours; nothing passed because it was empty."""
    found = {step.act.name: step.found.evidence for step in steps}
    assert found["try-every-key"]["sealed_records"] >= SMALL.live * 8
    assert found["try-every-key"]["keepers_opened"] == 1
    assert found["take-centre-disk"]["keys_tried"] > 1000
    assert found["tap-the-wire"]["captured_bytes"] > 500_000
    assert found["ask-for-pictures"]["attempts"] > 50
    traced = [found[f"post-{one}"]["traced"] for one in ("exported", "viewed", "taken")]
    assert traced == [SMALL.exported, SMALL.shown, SMALL.taken]
    assert (
        found["restore-backup"]["dead"] == found["restore-backup"]["restored_records_asked_for"] == SMALL.old
    )
    assert found["restore-backup"]["living_opened"] == 3
    assert found["plug-drive-in"]["ledger"]


def test_every_refusal_had_its_opening(steps: list[Step]) -> None:
    """Beside each refusal stands what succeeded: planted things were found, doors opened to those who may, a lane was named."""
    found = {step.act.name: step.found.evidence for step in steps}
    searched = ("look-at-lane-disk", "copy-lane-disk", "tap-the-wire")
    assert all(found[name]["planted_found"] for name in searched)
    assert found["plug-drive-in"]["control_told_as"] == ["allowed"]
    assert found["try-every-key"]["own_signing_key_found"]
    assert found["ask-for-pictures"]["doors_that_open"] == ["draw", "export", "keep", "open", "ticket"]
    assert found["keep-plates"]["todays_opens"]
    assert found["post-taken"]["innocents_recognised"] > found["post-taken"]["innocents_named"] == 0
    assert found["notify-late"]["closes_when_told"]
    assert found["work-on"]["others_open"]
    assert found["work-on"]["lane_was_told_before"] is None
    assert found["come-back"]["comes_back_with_all"]
    assert "failed-assessment" in found["come-back"]["refused"]
    assert found["restore-backup"]["kept_opened"] == 1
    assert found["take-drawings"]["their_owner_opens"] == 2
    assert found["raid-running-centre"]["honest_officer"] == "opened"
    assert found["edit-ledger"]["honest_history"] == "signed"
    assert found["edit-ledger"]["forged_histories"] == ["3 found a conflict"] * 2


def test_raid_is_bounded(steps: list[Step]) -> None:
    """The thief at the running centre got no more than the allowance, less than what was there, and an alarm told of it."""
    raid = next(step.found.evidence for step in steps if step.act.name == "raid-running-centre")
    assert 0 < raid["got"] <= raid["allowance_at_once"] + 2
    assert raid["refusals"]["quota"] > 0
    assert raid["alarms"]


def test_evidence_names_nobody(steps: list[Step]) -> None:
    """What the drill prints is JSON without a picture, a key or a passphrase in it."""
    text = json.dumps([step.describe() for step in steps])
    assert not re.search(r"[A-Za-z0-9+/]{60,}", text)
    assert {"step", "act", "control", "outcome", "evidence", "test"} <= set(steps[0].describe())


def test_named_tests_exist() -> None:
    """The test that each act names beside itself is there."""
    for act in ACTS:
        file, _, name = act.test.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8"), act.test


@pytest.mark.parametrize("scale", [SHORT, LONG])
def test_nineteen_are_posted(scale: Scale) -> None:
    """The drill that users run posts 19 pictures, as many as appeared in 2019."""
    assert scale.exported + scale.shown + scale.taken == 19


@pytest.mark.parametrize(
    "error",
    [Integrity("blunt"), KeyError("gone"), sqlite3.OperationalError("locked"), TimeoutExpired("x", 1)],
)
def test_error_is_open(error: Exception) -> None:
    """An act that could not be tried, whatever went wrong, is open, never a success."""

    def fail(_: object) -> Found:
        raise error

    found = play_act(None, Act("x", "x", "x", "x", fail))  # type: ignore[arg-type]
    assert (found.outcome, found.evidence["faults"]) == (Outcome.OPEN, ["could-not-be-tried"])
    assert not Step(1, Act("x", "x", "x", "x", fail), found).is_admitted


def test_no_excuse_for_what_is_not_open() -> None:
    """A remainder of the design on an act that is not open is refused."""
    with pytest.raises(Invalid):
        Found(Outcome.BLOCKED, {REMAINS: "whatever"})


def test_thief_opens_what_they_have_the_key_of(tmp_path: Path) -> None:
    """The thief's tools find a sealed record and a key among rubbish, in hex or raw, and open it; without the key they do not."""
    record, seed = make_control()
    rubbish = bytes(range(256)) * 8
    (tmp_path / "disk").write_bytes(rubbish + bytes(record.original) + rubbish)
    assert [one.header.object_id for _, one in find_records((tmp_path / "disk").read_bytes())] == [
        record.header.object_id
    ]
    assert try_keys(search_loot([tmp_path])).opened == frozenset()
    for name, data in (("hex", seed.hex().encode()), ("raw", b"\x01\x02" + seed + b"\x03")):
        (tmp_path / name).write_bytes(data)
        assert try_keys(search_loot([tmp_path])).opened == {record.header.object_id}
        (tmp_path / name).unlink()


def test_blunt_tools_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the thief's tools do not open their own control record, the drill says that it has shown nothing."""
    monkeypatch.setattr("wayseal.testing.breach.loot._opens", lambda *_: False)
    with pytest.raises(Integrity, match="shows nothing"):
        try_keys(Loot((), ()))
