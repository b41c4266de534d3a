"""Tallies of lane videos as the contract's figures, as tables and as a plot. Arithmetic and drawing only."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wayseal.flow.measure.groups import name_quality
from wayseal.flow.measure.lane import LaneTally, OccupantTally
from wayseal.flow.measure.page import Table, save_page
from wayseal.flow.measure.rates import bootstrap_interval, wilson_interval
from wayseal.flow.plot import save_figure
from wayseal.model.border import Seat
from wayseal.model.errors import Invalid

USABLE_EYES = 30.0
"""Pixels between the eyes from which the capture target applies."""


def report_lane(tallies: Sequence[LaneTally]) -> dict[str, Any]:
    """Return the contract's figures over all videos; rates are 0-1, null where a denominator is 0."""
    people = [person for tally in tallies for person in tally.occupants]
    hidden = [person for tally in tallies for person in tally.hidden]
    enrolled = [person for person in people if person.enrolled]
    captured = [person for person in people if person.captured]
    near = [person for person in people if person.eyes_px >= USABLE_EYES]
    waits = [seconds for tally in tallies for seconds in tally.to_result_s]
    errors = [error for tally in tallies for error in tally.speed_errors_mph]
    frames, video = sum(tally.frames for tally in tallies), sum(tally.video_s for tally in tallies)
    cpu, wall = sum(tally.cpu_s for tally in tallies), sum(tally.wall_s for tally in tallies)
    return {
        "vehicles": sum(tally.vehicles for tally in tallies),
        "vehicles_found": sum(tally.vehicles_found for tally in tallies),
        "occupants": len(people),
        "aboard": len(people) + len(hidden),
        "enrolled": len(enrolled),
        "counted_rate": _share([*people, *hidden], "detected"),
        "detected_rate": _share(people, "detected"),
        "captured_rate": _share(people, "captured"),
        "captured_rate_ci95": _interval(people, "captured"),
        "occupants_30px": len(near),
        "captured_rate_30px": _share(near, "captured"),
        "rank1_rate": _share(enrolled, "first"),
        "rank1_of_captured": _share([person for person in enrolled if person.captured], "first"),
        "match_rate": _share(enrolled, "matched"),
        "false_match": sum(person.wrong for person in people)
        + sum(tally.strangers_matched for tally in tallies),
        "distractors_accepted": sum(tally.distractors_accepted for tally in tallies),
        "wrong_vehicle": sum(tally.wrong_vehicle for tally in tallies),
        "in_two_vehicles": sum(tally.in_two_vehicles for tally in tallies),
        "seat_accuracy": _share(captured, "seat_right"),
        "plates": sum(tally.plates for tally in tallies),
        "plate_exact_rate": _ratio(
            sum(tally.plates_exact for tally in tallies), sum(tally.plates for tally in tallies)
        ),
        "by_seat": _report_seats(people, hidden),
        "by_quality": _report_quality(people),
        **_report_regret(tallies),
        "speed_error_mph": float(np.median(np.abs(errors))) if errors else None,
        "fps": _ratio(frames, wall),
        "realtime_factor": _ratio(video, cpu),
        "capture_to_result_p95_s": float(np.percentile(waits, 95)) if waits else None,
    }


def tabulate_seats(report: dict[str, Any]) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Return (columns, rows) of a table with one seat a row, from what `report_lane` gave; shares are 0-1."""
    names = ("occupants", "captured_rate", "rank1_rate", "aboard", "counted_rate", "captured_of_aboard", "seat_accuracy")  # fmt: skip
    rows = [
        (seat, *(round(value, 3) if isinstance(value, float) else value for value in map(figures.get, names)))
        for seat, figures in report["by_seat"].items()
    ]
    return ("seat", *(name.removesuffix("_rate").replace("_", " ") for name in names)), rows


def tabulate_videos(tallies: Sequence[LaneTally]) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Return (columns, rows) of a table with one video a row, counts as `got/of`."""
    columns = (
        "video", "vehicles", "detected", "captured", "seats", "rank 1", "matched", "wrong", "nobody", "plates", "x real time",
    )  # fmt: skip
    rows: list[tuple[object, ...]] = []
    for tally in tallies:
        people = tally.occupants
        enrolled = sum(person.enrolled for person in people)
        captured = sum(person.captured for person in people)
        row = (
            tally.name,
            f"{tally.vehicles_found}/{tally.vehicles}",
            f"{sum(person.detected for person in people)}/{len(people)}",
            f"{captured}/{len(people)}",
            f"{sum(person.seat_right for person in people)}/{captured}",
            f"{sum(person.first for person in people)}/{enrolled}",
            f"{sum(person.matched for person in people)}/{enrolled}",
            sum(person.wrong for person in people) + tally.strangers_matched,
            tally.distractors_accepted,
            f"{tally.plates_exact}/{tally.plates}",
            f"{tally.video_s / tally.cpu_s:.2f}" if tally.cpu_s else None,
        )
        rows.append(row)
    return columns, rows


def lane_tables(tallies: Sequence[LaneTally], report: dict[str, Any]) -> list[Table]:
    """Return everything that `report_lane` gave as tables: by video, seat and quality, then the figures over all."""
    listed: list[tuple[object, ...]] = [
        (name.replace("_", " "), _round(value))
        for name, value in report.items()
        if not isinstance(value, dict)
    ]
    names = ("occupants", "captured_rate", "enrolled", "rank1_rate", "match_rate")
    rows: list[tuple[object, ...]] = [
        (quality, *(_round(one[name]) for name in names)) for quality, one in report["by_quality"].items()
    ]
    columns = ("quality of the best look", *(name.removesuffix("_rate").replace("_", " ") for name in names))
    return [
        ("Videos", *tabulate_videos(tallies)),
        ("Seats", *tabulate_seats(report)),
        ("Quality", columns, rows),
        ("Lane", ("measure", "value"), listed),
    ]


def write_lane_page(tallies: Sequence[LaneTally], report: dict[str, Any], path: Path) -> None:
    """Write one HTML page with all tables and shares drawn, ready to print. Raises `Invalid` when it cannot be written."""
    drawing = _draw(tallies) if any(tally.occupants for tally in tallies) else None
    save_page(path, "Lane videos against their truth", lane_tables(tallies, report), drawing)


def plot_lane(tallies: Sequence[LaneTally], path: Path) -> None:
    """Draw captured and rank-1 shares by seat and by size into a PNG or SVG. Raises `Invalid` without occupants."""
    save_figure(_draw(tallies), path)


def _draw(tallies: Sequence[LaneTally]) -> Any:
    """Return the figure of captured and rank-1 shares. Raises `Invalid` without occupants."""
    # Late: drawing is the only use of the plotting library here.
    from matplotlib.figure import Figure  # noqa: PLC0415

    people = [person for tally in tallies for person in tally.occupants]
    if not people:
        raise Invalid("nothing to draw: no occupant counts in these videos")
    seats = [(seat.value, [one for one in people if one.seat is seat]) for seat in Seat]
    edges = [(0.0, 20.0), (20.0, 30.0), (30.0, 45.0), (45.0, 65.0), (65.0, 1e9)]
    sizes = [(f"{low:.0f}+", [one for one in people if low <= one.eyes_px < high]) for low, high in edges]
    figure = Figure(figsize=(10, 4), layout="constrained")
    for place, (title, groups) in enumerate((("by seat", seats), ("by pixels between the eyes", sizes))):
        axes = figure.add_subplot(1, 2, place + 1)
        held = [(name, group) for name, group in groups if group]
        at = np.arange(len(held))
        axes.bar(at - 0.2, [_share(group, "captured") or 0.0 for _, group in held], 0.4, label="captured")
        firsts = [_share([one for one in group if one.enrolled], "first") or 0.0 for _, group in held]
        axes.bar(at + 0.2, firsts, 0.4, label="rank 1 of enrolled")
        axes.set_xticks(at, [f"{name}\nn={len(group)}" for name, group in held])
        axes.set(ylim=(0, 1.05), title=title)
        axes.legend(loc="lower right")
    return figure


def _round(value: object) -> object:
    """Return a figure, or an interval's two, with four decimals."""
    if isinstance(value, list):
        return " to ".join(f"{one:.4f}" for one in value)
    return round(value, 4) if isinstance(value, float) else value


def _report_seats(
    people: Sequence[OccupantTally], hidden: Sequence[OccupantTally]
) -> dict[str, dict[str, Any]]:
    """Return counts and rates for each seat that occurs (R-03); `captured_of_aboard` is over everybody there (R-07)."""
    report = {}
    for seat in Seat:
        group = [person for person in people if person.seat is seat]
        aboard = [*group, *(person for person in hidden if person.seat is seat)]
        if aboard:
            enrolled = [person for person in group if person.enrolled]
            report[seat.value] = {
                "occupants": len(group),
                "aboard": len(aboard),
                "enrolled": len(enrolled),
                "counted_rate": _share(aboard, "detected"),
                "captured_of_aboard": _share(aboard, "captured"),
                "detected_rate": _share(group, "detected"),
                "captured_rate": _share(group, "captured"),
                "rank1_rate": _share(enrolled, "first"),
                "seat_accuracy": _share([person for person in group if person.captured], "seat_right"),
            }
    return report


def _report_quality(people: Sequence[OccupantTally]) -> dict[str, dict[str, Any]]:
    """Return counts and rates for each bin of the kept look's quality that occurs; `none` are those with no look at all."""
    report = {}
    for name in sorted({name_quality(person.quality) for person in people}):
        group = [person for person in people if name_quality(person.quality) == name]
        enrolled = [person for person in group if person.enrolled]
        report[name] = {
            "occupants": len(group),
            "captured_rate": _share(group, "captured"),
            "enrolled": len(enrolled),
            "rank1_rate": _share(enrolled, "first"),
            "match_rate": _share(enrolled, "matched"),
        }
    return report


def _report_regret(tallies: Sequence[LaneTally]) -> dict[str, Any]:
    """Return the mean best-shot regret over kept pictures, its 95 % interval and the largest; nothing where it was not measured."""
    measured = [tally.regrets for tally in tallies if tally.regrets is not None]
    regrets = [regret for found in measured for regret in found]
    if not measured:
        return {}
    names = [str(place) for place in range(len(regrets))]
    bounds = bootstrap_interval(regrets, names, lambda part: float(np.mean(part))) if regrets else None
    return {
        "best_shots": len(regrets),
        "best_shot_regret": float(np.mean(regrets)) if regrets else None,
        "best_shot_regret_ci95": None if bounds is None else list(bounds),
        "best_shot_regret_most": max(regrets, default=None),
    }


def _share(people: Iterable[OccupantTally], name: str) -> float | None:
    """Return the share of people of whom a mark is true; None of nobody."""
    marks = [bool(getattr(person, name)) for person in people]
    return _ratio(sum(marks), len(marks))


def _interval(people: Sequence[OccupantTally], name: str) -> list[float] | None:
    """Return the 95 % Wilson interval of a share; None of nobody."""
    if not people:
        return None
    return list(wilson_interval(sum(bool(getattr(person, name)) for person in people), len(people)))


def _ratio(part: float, whole: float) -> float | None:
    """Return part over whole, None for a whole of 0."""
    return part / whole if whole else None
