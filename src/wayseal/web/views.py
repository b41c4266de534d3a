"""What the screens show, made from contract lines: times in the site's zone, words for codes, and nothing else.

Owns wording. It opens nothing.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from wayseal.flow.review import ALLOWED
from wayseal.model.border import Band, Crossing, Direction, Outcome, Seat, Verdict
from wayseal.model.clock import from_text, to_text
from wayseal.station.shift import Shift
from wayseal.web.reasons import say_reasons

VERDICT_NAMES = {
    Verdict.ADMIT: "Admit",
    Verdict.REFER: "Refer to secondary",
    Verdict.REFUSE: "Refuse",
    Verdict.DEPARTED: "Departed",
}
COMPARED = 2
"""How many travellers an officer compares by eye at most: where two are about as like, both."""
_SEATS = {Seat.ROW3.value: "third row"}
_KEYS = {Verdict.ADMIT: "a", Verdict.DEPARTED: "a", Verdict.REFER: "r", Verdict.REFUSE: "x"}


def list_verdicts(direction: str) -> list[tuple[str, str, str]]:
    """Return (value, name, key) of each decision that fits a direction."""
    return [
        (verdict.value, VERDICT_NAMES[verdict], _KEYS[verdict]) for verdict in ALLOWED[Direction(direction)]
    ]


def show_vehicle(line: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Return a contract line as the templates want it."""
    time, expires = from_text(line["time"]), from_text(line["expires_at"])
    return {
        **line,
        "id": line["encounter"],
        "time_utc": line["time"],
        "time_local": _local(time, zone),
        "expires_utc": line["expires_at"],
        "expires_local": _local(expires, zone, seconds=False),
        "erased": line["status"] == "erased",
        "unseated": line["occupants_seen"] - len(line["occupants"]),
        "occupants": [_show_occupant(person) for person in line["occupants"]],
    }


def show_shift(shift: Shift, zone: ZoneInfo, *, signed: bool) -> dict[str, Any]:
    """Return a session grant in words: which lanes, until when, on whose word, and whether it still waits for a signature."""
    return {
        "lanes": ", ".join(sorted(shift.lanes)),
        "ends_utc": to_text(shift.ends),
        "ends_local": _local(shift.ends, zone, seconds=False),
        "witnessed": shift.witnessed,
        "unsigned": not signed,
    }


def add_crossing(person: dict[str, Any], crossing: Crossing | None) -> None:
    """Add what was decided on an occupant, in place."""
    person["suggested"] = None if crossing is None else crossing.traveller
    if crossing is None or crossing.decision is None:
        return
    decision = crossing.decision
    person["verdict"] = decision.verdict.value
    person["verdict_name"] = VERDICT_NAMES[decision.verdict]
    person["verdict_officer"] = decision.officer
    person["verdict_reason"] = decision.reason


def _show_occupant(person: Mapping[str, Any]) -> dict[str, Any]:
    """Return one occupant with words for codes, whom to compare them with, and nothing opened."""
    candidates = [c for c in person["candidates"] if c["band"] != Band.WEAK]
    return {
        **person,
        "seat_name": _SEATS.get(person["seat"], person["seat"].replace("_", " ")),
        "reasons": say_reasons(person["reasons"]),
        "candidates": candidates,
        "compared": candidates[: COMPARED if person["outcome"] == Outcome.REFER else 1],
        "picture": None,
        "references": [],
        "verdict": None,
        "suggested": None,
    }


def _local(moment: datetime, zone: ZoneInfo, *, seconds: bool = True) -> str:
    """Return a time as the site's clocks show it."""
    return moment.astimezone(zone).strftime("%H:%M:%S %d %b" if seconds else "%H:%M %d %b")
