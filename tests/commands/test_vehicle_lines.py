"""What `lane run` and `centre run` say of each vehicle: names for whoever sits before the screen, none for a log that outlives the record."""

import io
import json
import os
import pty
from datetime import UTC, datetime

import pytest

from wayseal.cli.vehicle_lines import UNNAMED, tell_vehicles
from wayseal.model.border import (
    Band,
    Candidate,
    Direction,
    Encounter,
    OccupantResult,
    Outcome,
    Plate,
    Seat,
)
from wayseal.model.ids import EncounterId


class Heard:
    """A voice that keeps what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.dropped = 0

    def say(self, line: str) -> None:
        """Keep a line."""
        self.lines.append(line)

    def finish(self, *, within_s: float) -> bool:
        """Say that everything was heard."""
        return within_s >= 0


@pytest.fixture
def seen() -> Encounter:
    """A vehicle whose plate was read and whose driver was matched."""
    driver = OccupantResult(
        seat=Seat.DRIVER, outcome=Outcome.MATCH, quality=88, reasons=(), inter_eye_px=44.0, record=None,
        candidates=(Candidate("traveller-1", 0.71, Band.STRONG),), frame=7, box=(1.0, 2.0, 30.0, 40.0),
    )  # fmt: skip
    return Encounter(
        id=EncounterId("01M82V9N004PJNGER0187Q40BA"), lane="lane1", direction=Direction.ENTRY, time=datetime(2026, 11, 22, tzinfo=UTC),
        speed_mph=19.8, plate=Plate("6NM162", "US-CA", 4, 0.99), plate_record=None, occupants_seen=2, occupants=(driver,),
        gallery="port", gallery_size=4, threshold=0.4, fpir_target=0.003, model_sha256="ab" * 32, capture_to_result_s=0.1,
    )  # fmt: skip


def say(seen: Encounter, *, as_json: bool = False) -> tuple[str, list[str]]:
    """Return what is said of a vehicle on stdout, and what on stderr."""
    out, errors = Heard(), Heard()
    tell_vehicles(out, errors, as_json=as_json)(seen)
    return "\n".join(out.lines), errors.lines


def test_terminal_is_told_names(seen: Encounter, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the line names the plate and the best candidate."""
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as terminal, os.fdopen(master, "rb"):
        monkeypatch.setattr("sys.stdout", terminal)
        said, warned = say(seen)
        monkeypatch.undo()
    assert "6NM162" in said
    assert "traveller-1 (0.71)" in said
    assert warned == []


def test_log_is_told_no_names(seen: Encounter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anywhere else the line says how many were seen and what came of it, names nobody, and stderr says why."""
    monkeypatch.setattr("sys.stdout", io.StringIO())
    said, warned = say(seen)
    assert "plate read  2 seen, 20 mph  01M82V9N004PJNGER0187Q40BA" in said
    assert "driver" in said
    assert "match" in said
    assert "6NM162" not in said
    assert "traveller" not in said
    assert "0.71" not in said
    assert warned == [UNNAMED]


def test_json_is_whole_anywhere(seen: Encounter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for JSON gets the contract's line, wherever it goes."""
    monkeypatch.setattr("sys.stdout", io.StringIO())
    said, warned = say(seen, as_json=True)
    line = json.loads(said)
    assert line["plate"]["text"] == "6NM162"
    assert line["occupants"][0]["candidates"][0]["traveller"] == "traveller-1"
    assert warned == []
