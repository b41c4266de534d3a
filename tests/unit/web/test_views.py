"""What a screen is given of a vehicle: words for seats, whom to compare, and who was seen beyond the seats."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from wayseal.web.views import show_vehicle

POSSIBLE = [{"traveller": name, "score": 0.5, "band": "possible"} for name in ("t1", "t2", "t3")]
WEAK = {"traveller": "t4", "score": 0.1, "band": "weak"}


def make_line(outcome: str, candidates: list[dict[str, Any]], *, seen: int = 1) -> dict[str, Any]:
    """A contract line with one occupant in the third row."""
    person = {"seat": "row3", "outcome": outcome, "candidates": candidates, "reasons": []}
    return {
        "encounter": "01", "time": "2026-07-01T12:00:00Z", "expires_at": "2026-07-02T01:00:00Z", "status": "live",
        "occupants_seen": seen, "occupants": [person],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("outcome", "candidates", "compared"),
    [
        ("refer", POSSIBLE, ["t1", "t2"]),
        ("refer", [POSSIBLE[0], WEAK], ["t1"]),
        ("match", POSSIBLE, ["t1"]),
        ("no_match", [WEAK], []),
    ],
)
def test_whom_to_compare(outcome: str, candidates: list[dict[str, Any]], compared: list[str]) -> None:
    """Who is to be compared by eye is compared with the best two; a match with its own; nobody with somebody unlike."""
    (person,) = show_vehicle(make_line(outcome, candidates), ZoneInfo("UTC"))["occupants"]
    assert [one["traveller"] for one in person["compared"]] == compared
    assert person["seat_name"] == "third row"


def test_people_without_a_seat() -> None:
    """Who was counted and stands in no seat is told, and times are the site's, whatever the season."""
    shown = show_vehicle(make_line("match", [], seen=3), ZoneInfo("America/Chicago"))
    assert shown["unseated"] == 2
    assert (shown["time_local"], shown["expires_local"]) == ("07:00:00 01 Jul", "20:00 01 Jul")
