"""Pretending to be later does not take the hour away from a lane that is at work."""

from datetime import timedelta
from pathlib import Path

import pytest
from keyroomparts import NowClock, write_secret
from lineparts import PASSPHRASE, Line, MovableClock, make_vehicle
from session import Session

from wayseal.flow.erase import plan_erasure
from wayseal.model.border import Seat
from wayseal.model.clock import to_text
from wayseal.model.ids import epoch_span
from wayseal.station.at_work import at_work, is_at_work
from wayseal.station.site import init_site, open_site


def test_empty_hour_that_runs_is_spared(line: Line, clock: MovableClock) -> None:
    """An hour that is not over and holds nothing is not due, however late it is pretended to be; one with a record is."""
    lane = line.lane()
    later = clock() + timedelta(days=2)
    assert plan_erasure(line.site.eraser, as_of=later).due == ()
    line.drive(lane, make_vehicle(clock, {Seat.DRIVER: 1}))
    due = plan_erasure(line.site.eraser, as_of=later).due
    assert [one.epoch for one in due] == ["citizen/2026-11-22T07Z"]


def test_lock_is_shared_and_freed(tmp_path: Path) -> None:
    """Several may be at work; when the last one has stopped, nobody is."""
    assert not is_at_work(tmp_path)
    with at_work(tmp_path):
        with at_work(tmp_path):
            assert is_at_work(tmp_path)
        assert is_at_work(tmp_path)
    assert not is_at_work(tmp_path)


def test_command_refuses_while_a_lane_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`retention run --as-of` stops before the running hour's key while a lane is at work, and says what to do; --running goes on."""
    home, clock = tmp_path / "home", NowClock()
    init_site(home, PASSPHRASE, evaluation=True)
    with open_site(home, PASSPHRASE) as site:
        line = Line(site, clock)
        answered = line.drive(line.lane(), make_vehicle(clock, {Seat.DRIVER: 1}))
    session = Session(home, write_secret(home), capsys)
    run = ("retention", "run", "--as-of", to_text(clock() + timedelta(hours=20)), "--yes", "--json")
    with at_work(home):
        refused = session.call(*run)
        assert (refused.code, "Stop the lane first" in refused.err) == (3, True)
        assert session.call("encounter", "show", answered.id, "--json").json["status"] == "live"
        assert session.call(*run, "--running").json["erased"] > 0
    assert session.call(*run).code == 0


def test_running_hour_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With no lane at work the hour of fresh records is destroyed, and the command says until when no lane can seal, as scripts read it too."""
    home, clock = tmp_path / "home", NowClock()
    init_site(home, PASSPHRASE, evaluation=True)
    with open_site(home, PASSPHRASE) as site:
        line = Line(site, clock)
        line.drive(line.lane(), make_vehicle(clock, {Seat.DRIVER: 1}))
    session = Session(home, write_secret(home), capsys)
    run = ("retention", "run", "--as-of", to_text(clock() + timedelta(hours=20)), "--yes", "--json")
    gone = session.call(*run)
    (until,) = {epoch_span(epoch)[2] for epoch in gone.json["epochs_destroyed"]}
    assert gone.json["unarmed_until"] == to_text(until)
    assert f"seals before {to_text(until)}" in " ".join(gone.err.split())
    again = session.call(*run)
    assert (again.json["unarmed_until"], again.err) == (None, "")
