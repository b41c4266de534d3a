"""How a pilot does by the three aims of its notice: quality capture at each seat, matching accuracy, transaction time.

Counts of the lanes and entries of the ledger, lane by lane, with intervals and "too few to conclude" where they are few.
What the lanes cannot know is said and not guessed: who somebody truly was, and to which group of people they belong.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from wayseal.flow.health import find_middle
from wayseal.flow.measure.rates import wilson_interval
from wayseal.flow.reports.value import Figure, Report, Section, Sources, Table, new_report, percent
from wayseal.ledger.log import Ledger
from wayseal.model.border import Seat
from wayseal.model.clock import from_text, to_text
from wayseal.store.engine import read
from wayseal.store.health import QUALITY_BINS, SECOND_EDGES, LaneDay, list_days
from wayseal.store.health_seats import SeatDay, list_seats

TITLE: Final = "Pilot: capture, matching, time"
DAYS: Final = 30
FEWEST: Final = 100
"""Occupants of a row below which nothing is concluded from its rate."""
_SLOW_S: Final = 2.0
_UNSEATED: Final = "seat not known"
_HEALTH: Final = "wayseal lane health"


def build(sources: Sources) -> Report:
    """Return the report of the last 30 days."""
    since = (sources.now - timedelta(days=DAYS)).date()
    with read(sources.desk.engine) as connection:
        days = list_days(connection, since=since)
        seats = list_seats(connection, since=since)
    overruled, decided = _count_decisions(sources.desk.ledger, sources.now)
    return new_report(
        sources, "pilot", TITLE,
        [_capture(days, seats), _matching(days, overruled, decided), _time(days), _groups(), _daily(sources, days)],
    )  # fmt: skip


def _capture(days: Sequence[LaneDay], seats: Sequence[SeatDay]) -> Section:
    """Return the first aim: of the people who were in the vehicles, how many were captured, for each seat."""
    seen, captured = sum(day.occupants for day in days), sum(day.captured for day in days)
    text = (
        "People are counted whether or not their face can be seen: somebody behind a mirror or tinted glass is in the denominator. "
        f"Below {FEWEST} people nothing is concluded."
    )
    rows = []
    for lane in sorted({day.lane for day in days} | {one.lane for one in seats}):
        here = [one for one in seats if one.lane == lane] + _list_unseated(lane, days, seats)
        for seat in (*(one.value for one in Seat), _UNSEATED):
            mine = [one for one in here if one.seat == seat]
            rows += [_seat_row(lane, seat.replace("_", " "), mine)] if mine else []
        rows.append(_seat_row(lane, "all seats", here))
    columns = {
        "lane": "Lane", "seat": "Seat", "occupants": "Occupants seen", "captured": "Captured", "rate": "Rate",
        "interval": "95 % interval", "remark": "Remark", "matched": "Matched",
    }  # fmt: skip
    figures = [
        Figure("Occupants seen", seen, _HEALTH),
        Figure("Captured", percent(captured, seen), _HEALTH),
        Figure("Quality of the faces, middle one", _middle_quality(days), _HEALTH),
    ]
    table = Table("seats", "Capture by lane and seat", columns, rows)
    return Section("1. Quality capture, for each position in the vehicle", [text], figures, [table])


def _list_unseated(lane: str, days: Sequence[LaneDay], seats: Sequence[SeatDay]) -> list[SeatDay]:
    """Return who was seen at a lane and on no seat, as a day of one more seat: without them its rate would flatter."""
    mine = [day for day in days if day.lane == lane]
    missing = sum(day.occupants for day in mine) - sum(one.occupants for one in seats if one.lane == lane)
    return [SeatDay(lane, mine[0].day, _UNSEATED, occupants=missing)] if missing > 0 else []


def _seat_row(lane: str, name: str, seats: Sequence[SeatDay]) -> dict[str, Any]:
    """Return the row of one seat of a lane, or of all of them."""
    count, good = sum(one.occupants for one in seats), sum(one.captured for one in seats)
    matched = sum(one.matched for one in seats)
    return {"lane": lane, "seat": name, **_share(good, count, "captured"), "matched": matched}


def _matching(days: Sequence[LaneDay], overruled: Counter[str], decided: Counter[str]) -> Section:
    """Return the second aim: what the searches said, and how often an officer said otherwise."""
    text = (
        "A lane does not know who somebody truly was: a match rate is no accuracy. What it knows is how often an officer, "
        "with the documents in hand, named another traveller than the match did. Accuracy proper is measured on pictures "
        "with known people: wayseal evaluate search."
    )
    rows = []
    for lane in sorted({day.lane for day in days}):
        mine = [day for day in days if day.lane == lane]
        captured, matched = sum(day.captured for day in mine), sum(day.matched for day in mine)
        referred = sum(day.referred for day in mine)
        rows.append({
            "lane": lane, **_share(matched, captured, "matched"), "referred": referred,
            "no_match": captured - matched - referred, "decided": decided[lane], "overruled": overruled[lane],
        })  # fmt: skip
    columns = {
        "lane": "Lane", "occupants": "Captured", "matched": "Matched", "rate": "Rate", "interval": "95 % interval",
        "remark": "Remark", "referred": "Referred", "no_match": "No match", "decided": "Decided by officers",
        "overruled": "Of them against a match",
    }  # fmt: skip
    total, against = sum(decided.values()), sum(overruled.values())
    command = "wayseal ledger show --type decision"
    figures = [
        Figure("Decisions of officers", total, command),
        Figure(
            "Decisions that overruled a match",
            percent(against, total),
            command,
            (against == 0) if total >= FEWEST else None,
        ),
    ]
    return Section("2. Matching", [text], figures, [Table("matching", "Matching by lane", columns, rows)])


def _time(days: Sequence[LaneDay]) -> Section:
    """Return the third aim: seconds from a vehicle's leaving the picture to its answer."""
    rows = []
    for lane in sorted({day.lane for day in days}):
        bins = _add_bins([day.seconds for day in days if day.lane == lane])
        within = sum(bins[: SECOND_EDGES.index(_SLOW_S) + 1])
        row = {"lane": lane, **_share(within, sum(bins), "within")}
        rows.append(row | {"half": _upper_edge(bins, 0.5), "most": _upper_edge(bins, 0.95)})
    columns = {
        "lane": "Lane", "occupants": "Vehicles", "within": f"Within {_SLOW_S:g} s", "rate": "Rate", "interval": "95 % interval",
        "remark": "Remark", "half": "Half within", "most": "95 of 100 within",
    }  # fmt: skip
    bins = _add_bins([day.seconds for day in days])
    figures = [Figure("95 of 100 vehicles are answered within", _upper_edge(bins, 0.95), _HEALTH)]
    text = "Seconds are counted in steps, so the figures are upper bounds. The vehicle does not stop for it."
    return Section("3. Transaction time", [text], figures, [Table("time", "Time by lane", columns, rows)])


def _groups() -> Section:
    """Return what can be said of groups of people: nothing, and why."""
    text = (
        "Too few to conclude: no age, sex, origin or colour is recorded at a lane, so that no rate by group can be computed from its "
        "traffic. A differential needs a labelled set of the lane's own pictures, with 100 searches of each kind in each group: "
        "wayseal evaluate search prints the rates by group of such a set, with intervals."
    )
    return Section("Groups of people", [text])


def _daily(sources: Sources, days: Sequence[LaneDay]) -> Section:
    """Return the daily table (R-80)."""
    outages = _count_outages(sources.desk.ledger, sources.now)
    merged: dict[tuple[str, date], LaneDay] = {}
    for day in days:
        known = merged.get((day.lane, day.day))
        merged[day.lane, day.day] = day if known is None else known.plus(day)
    rows = [
        {
            "lane": lane, "day": when.isoformat(), "vehicles": day.vehicles, "occupants": day.occupants,
            "captured": percent(day.captured, day.occupants), "usable": percent(_usable(day), day.captured),
            "matched": percent(day.matched, day.captured), "no_match": day.captured - day.matched - day.referred,
            "plates": day.plates, "half": _upper_edge(day.seconds, 0.5), "most": _upper_edge(day.seconds, 0.95),
            "outages": outages[lane, when.isoformat()],
        }
        for (lane, when), day in sorted(merged.items())
    ]  # fmt: skip
    columns = {
        "lane": "Lane", "day": "Day", "vehicles": "Vehicles", "occupants": "Occupants", "captured": "Captured",
        "usable": "Quality 40 and more", "matched": "Matched", "no_match": "No match", "plates": "Plates read", "half": "Half within",
        "most": "95 of 100 within", "outages": "Times disarmed",
    }  # fmt: skip
    text = "A lane of people who opted out searches no face: its vehicles are counted, and nobody in them."
    return Section("Day by day", [text], tables=[Table("daily", "Lanes by day", columns, rows)])


def _share(good: int, whole: int, name: str) -> dict[str, Any]:
    """Return cells of a rate: the denominator, the count, the rate, its interval, and whether it is too few to conclude."""
    low, high = wilson_interval(good, whole)
    return {
        "occupants": whole, name: good, "rate": f"{100 * good / whole:.1f} %" if whole else None,
        "interval": f"{100 * low:.1f} to {100 * high:.1f} %", "remark": "too few to conclude" if whole < FEWEST else None,
    }  # fmt: skip


def _usable(day: LaneDay) -> int:
    """Return how many faces had a quality of 40 or more."""
    return sum(day.quality[4 * QUALITY_BINS // 10 :])


def _middle_quality(days: Sequence[LaneDay]) -> str:
    """Return the part of the quality scale in which the middle face lies; of an even number, the two middle ones."""
    middle = find_middle(_add_bins([day.quality for day in days]))
    if middle is None:
        return "none yet"
    low, high = middle
    return f"{low * 100 // QUALITY_BINS} to {(high + 1) * 100 // QUALITY_BINS}"


def _add_bins(shapes: Sequence[Sequence[int]]) -> list[int]:
    """Return the sum of counts by bin."""
    return [sum(counts) for counts in zip(*shapes, strict=True)] if shapes else []


def _quantile_bin(bins: Sequence[int], share: float) -> int | None:
    """Return the first bin up to which `share` of all counts lie; None without any."""
    total, below = sum(bins), 0
    for place, count in enumerate(bins):
        below += count
        if total and below >= share * total:
            return place
    return None


def _upper_edge(bins: Sequence[int], share: float) -> str | None:
    """Return the upper edge of the bin of seconds up to which `share` lie, as text."""
    place = _quantile_bin(bins, share)
    if place is None:
        return None
    return f"{SECOND_EDGES[place]:g} s" if place < len(SECOND_EDGES) else f"over {SECOND_EDGES[-1]:g} s"


def _recent(ledger: Ledger, kind: str, now: datetime) -> list[Mapping[str, Any]]:
    """Return the entries of a type since the report's first day."""
    since = to_text(now - timedelta(days=DAYS))
    return [ledger.entry(index) for index in ledger.find(type=kind, since=since)]


def _count_decisions(ledger: Ledger, now: datetime) -> tuple[Counter[str], Counter[str]]:
    """Return, by lane, how many matches officers overruled, and how many decisions there were."""
    overruled: Counter[str] = Counter()
    decided: Counter[str] = Counter()
    for entry in _recent(ledger, "decision", now):
        decided[entry["lane"]] += 1
        overruled[entry["lane"]] += bool(entry.get("overruled"))
    return overruled, decided


def _count_outages(ledger: Ledger, now: datetime) -> defaultdict[tuple[str, str], int]:
    """Return how often each lane was disarmed, by lane and day."""
    found: defaultdict[tuple[str, str], int] = defaultdict(int)
    for entry in _recent(ledger, "lane-status", now):
        if entry["status"] == "disarmed":
            found[entry["object"], from_text(entry["time"]).date().isoformat()] += 1
    return found
