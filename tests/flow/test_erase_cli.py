"""The retention and reconcile commands on a whole site: figures, exit codes, and what they refuse."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from lineparts import PASSPHRASE, Line, MovableClock, make_picture, make_template, make_vehicle

from wayseal.cli.main import root
from wayseal.model.border import Seat
from wayseal.model.errors import Refused
from wayseal.station.site import init_site

TOMORROW = timedelta(hours=30)


@pytest.fixture
def clock() -> MovableClock:
    """The real time, which the commands use as well."""
    return MovableClock(datetime.now(UTC))


@pytest.fixture
def filled(line: Line, home: Path, tmp_path: Path, clock: MovableClock) -> Path:
    """A home with two vehicles of three people, closed."""
    lane = line.lane()
    for people in ({Seat.DRIVER: 1, Seat.REAR_LEFT: 5}, {Seat.DRIVER: 2}):
        lane.keep(make_vehicle(clock, people))
    lane.send_pending()
    (tmp_path / "passphrase").write_bytes(PASSPHRASE)
    line.site.store.engine.dispose()
    return home


def run(home: Path, *words: str) -> Result:
    """Run a command on a home."""
    runner = CliRunner(env={"WAYSEAL_PASSPHRASE_FILE": str(home.parent / "passphrase")})
    return runner.invoke(root, ["--home", str(home), *words])


def answer(home: Path, *words: str, code: int = 0) -> Any:
    """Run a command and return its JSON, with the exit code that it must have."""
    result = run(home, *words, "--json")
    assert result.exit_code == code, (result.output, result.exception)
    return json.loads(result.stdout)


def later(clock: MovableClock, step: timedelta = TOMORROW) -> str:
    """Return a time after now, as text."""
    return (clock.now + step).isoformat()


def test_plan_run_and_reconcile(filled: Path, clock: MovableClock) -> None:
    """Planned records are erased, the keys of their hour are destroyed, and the day balances before and after."""
    day = f"{clock.now:%Y-%m-%d}"
    (before,) = answer(filled, "reconcile", "--day", day).values()
    assert before["captured"] == before["live"] > 5
    assert before["drift"] == 0
    assert answer(filled, "retention", "plan")["due"] == 0
    planned = answer(filled, "retention", "plan", "--as-of", later(clock))
    assert planned["due"] == planned["overdue"] == before["captured"]
    assert planned["erased"] == 0
    ran = answer(filled, "retention", "run", "--as-of", later(clock), "--yes")
    assert ran["erased"] == before["captured"]
    assert (ran["due"], ran["overdue"]) == (0, 0)
    assert any(f"{clock.now:%Y-%m-%dT%H}Z" in epoch for epoch in ran["epochs_destroyed"])
    (after,) = answer(filled, "reconcile", "--day", day).values()
    assert (after["live"], after["erased"], after["drift"]) == (0, before["captured"], 0)
    assert answer(filled, "ledger", "verify")["consistent"] is True


def test_run_asks_first(filled: Path, clock: MovableClock) -> None:
    """Without --yes and without an answer nothing is erased."""
    assert run(filled, "retention", "run", "--as-of", later(clock)).exit_code == 1
    assert answer(filled, "retention", "plan", "--as-of", later(clock))["due"] > 0


def test_as_of_is_for_test_sites(tmp_path: Path) -> None:
    """On a site that is not for evaluation nobody can pretend another time."""
    home = tmp_path / "real"
    init_site(home, PASSPHRASE, evaluation=False)
    (tmp_path / "passphrase").write_bytes(PASSPHRASE)
    result = run(home, "retention", "plan", "--as-of", "2030-01-01T00:00:00Z")
    assert isinstance(result.exception, Refused)


def test_drift_exits_with_one_and_opens_an_incident(filled: Path, clock: MovableClock) -> None:
    """A lost segment makes reconcile exit with 1, name the records and put an incident on the ledger."""
    for segment in (filled / "store" / "segments").rglob("*.seg"):
        segment.unlink()
    day = f"{clock.now:%Y-%m-%d}"
    (found,) = answer(filled, "reconcile", "--day", day, code=1).values()
    assert found["drift"] == found["captured"] == len(found["missing"])
    entries = answer(filled, "ledger", "show", "--type", "incident")
    assert len(entries) == 1


def test_hold_and_lift(filled: Path, clock: MovableClock) -> None:
    """A held record survives the sweep that takes its neighbours, and dies when the hold is lifted."""
    encounters = answer(filled, "reconcile", "--day", f"{clock.now:%Y-%m-%d}")
    assert encounters
    record = answer(filled, "ledger", "show", "--type", "capture")[0]["object"]
    words = ["hold", record, "--reason", "audit-7", "--until", later(clock, timedelta(days=20))]
    held = answer(filled, "retention", *words, "--approver", "privacy:p12", "--approver", "security:s34")
    assert held["records"] == [record]
    assert len(answer(filled, "retention", "holds")) == 1
    ran = answer(filled, "retention", "run", "--as-of", later(clock), "--yes")
    assert ran["held"] == 1
    assert ran["live"] == 1
    words = ["lift", held["hold"], "--reason", "closed", "--yes"]
    lifted = answer(filled, "retention", *words, "--approver", "privacy:p12", "--approver", "security:s34")
    assert lifted["erased"] == 1
    assert answer(filled, "retention", "plan")["live"] == 0


def test_one_person_cannot_hold(filled: Path, clock: MovableClock) -> None:
    """One approver under two roles is refused."""
    record = answer(filled, "ledger", "show", "--type", "capture")[0]["object"]
    words = ["hold", record, "--reason", "audit-7", "--until", later(clock, timedelta(days=20))]
    result = run(filled, "retention", *words, "--approver", "privacy:p12", "--approver", "officer:p12")
    assert isinstance(result.exception, Refused)


def test_clean_home_has_no_residue(filled: Path) -> None:
    """After a run the whole home, keys and databases included, holds no picture, template, plate or key in the clear."""
    needles = filled.parent / "plates"
    needles.write_text("6NM162\ntraveller-1\n")
    found = answer(filled, "retention", "residue", "--needles", str(needles))
    assert found["findings"] == []
    assert found["scanned_bytes"] > 50_000


@pytest.mark.parametrize("kind", ["jpeg", "template", "plate"])
def test_planted_residue_is_found(filled: Path, kind: str) -> None:
    """A picture, a template or a plate left anywhere below the home makes the command exit with 1 and say where."""
    plants = {
        "jpeg": make_picture(3).data,
        "template": make_template(9).vector.tobytes(),
        "plate": b'{"plate": "6NM-162"}',
    }
    (filled / "lanes" / "left-over.tmp").write_bytes(bytes(1000) + plants[kind])
    needles = filled.parent / "plates"
    needles.write_text("6NM162\n")
    found = answer(filled, "retention", "residue", "--needles", str(needles), code=1)
    assert {one["kind"] for one in found["findings"]} == {kind}
    assert found["findings"][0]["path"].endswith("left-over.tmp")
    inside = answer(filled, "retention", "residue", "--path", str(filled / "store"))
    assert inside["findings"] == []
