"""Error rates by group, and how far one group's rate lies from that of everybody else.

Groups are labels that the caller gives (a column `group`), or folders where there is none. A label describes a test person and
never leaves a report as anything but a name. It concludes nothing from few searches, and nothing about causes.
"""

import csv
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wayseal.flow.measure.rates import Interval, rate_interval

FEWEST = 100
"""Trials of a kind, and of all others, below which nothing is concluded about a group's rate."""
QUALITY_EDGES = (0, 35, 50, 65, 80)
"""Where bins of quality begin; under 35 a face is not searched."""


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """Trials of one kind (mated searches, impostor pairs, ...): whether each went wrong, whose it was, and its group."""

    wrong: NDArray[np.bool_] = field(repr=False)
    people: list[str] = field(repr=False)
    groups: list[str] = field(repr=False)


def read_groups(path: Path) -> list[str] | None:
    """Return the column `group` of a CSV that was read before, row by row, or None when it has no such column."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if "group" not in (reader.fieldnames or ()):
            return None
        return [row["group"] or "unlabelled" for row in reader]


def name_group(label: str | None, path: str) -> str:
    """Return the group of a picture as a list names it: its label, else its folder, or `all`."""
    return label or Path(path).parent.name or "all"


def say_groups(*, labelled: bool) -> str:
    """Return what the groups of a report are: `labels` that somebody gave, or `source_folders`, which stand in for no group of people."""
    return "labels" if labelled else "source_folders"


def title_groups(kind: str) -> str:
    """Return a heading for rates by groups of a kind (`say_groups`)."""
    return "By group" if kind == "labels" else "By source folder (no groups of people were labelled)"


def name_quality(score: int | None) -> str:
    """Return the bin of a face's quality (0-100) as a group's name, `none` for a face that was not acquired."""
    if score is None:
        return "none"
    place = bisect_right(QUALITY_EDGES, score)
    high = QUALITY_EDGES[place] - 1 if place < len(QUALITY_EDGES) else 100
    return f"{QUALITY_EDGES[place - 1]}-{high}"


def list_groups(*kinds: Trials) -> list[str]:
    """Return the groups that occur, in alphabetical order."""
    return sorted({group for kind in kinds for group in kind.groups})


def compare_group(trials: Trials, group: str) -> dict[str, Any]:
    """Return one group's `trials`, `rate`, `ci95`, and its `difference` from the rate of all others with `difference_ci95`.

    `conclusion` is `too_few_to_conclude`, `no_difference_shown`, `higher` or `lower`. The interval is 95 % for one comparison;
    it is not widened for several groups looked at together.
    """
    inside = np.array([name == group for name in trials.groups], dtype=bool)
    count, others = int(inside.sum()), int((~inside).sum())
    if not count:
        return {"trials": 0, "rate": None, "ci95": None, "difference": None, "difference_ci95": None,
                "conclusion": "too_few_to_conclude"}  # fmt: skip
    rate, bounds = _rate(trials, inside)
    report: dict[str, Any] = {"trials": count, "rate": rate, "ci95": list(bounds)}
    if not others:
        return report | {"difference": None, "difference_ci95": None, "conclusion": "too_few_to_conclude"}
    rest, rest_bounds = _rate(trials, ~inside)
    low, high = subtract_intervals(rate, bounds, rest, rest_bounds)
    return report | {
        "difference": rate - rest,
        "difference_ci95": [low, high],
        "conclusion": _conclude(min(count, others), low, high),
    }


def subtract_intervals(rate: float, bounds: Interval, rest: float, rest_bounds: Interval) -> Interval:
    """Return the interval of `rate` - `rest` from each one's own (G. Zou and A. Donner, Statistics in Medicine 27, 2008)."""
    apart = rate - rest
    below = float(np.hypot(rate - bounds[0], rest_bounds[1] - rest))
    above = float(np.hypot(bounds[1] - rate, rest - rest_bounds[0]))
    return apart - below, apart + above


def _rate(trials: Trials, chosen: NDArray[np.bool_]) -> tuple[float, Interval]:
    """Return the share of chosen trials that went wrong, and its interval over persons."""
    wrong = trials.wrong[chosen]
    whose = [person for person, take in zip(trials.people, chosen, strict=True) if take]
    return float(wrong.mean()), rate_interval(wrong, whose)


def _conclude(fewest: int, low: float, high: float) -> str:
    """Return what a difference's interval allows to say."""
    if fewest < FEWEST:
        return "too_few_to_conclude"
    if low > 0:
        return "higher"
    return "lower" if high < 0 else "no_difference_shown"


def group_rows(reports: dict[str, dict[str, Any]], kinds: Sequence[str]) -> list[tuple[object, ...]]:
    """Return a table's rows: for each group and kind, trials, rate, interval, difference, interval, conclusion."""
    return [
        (name, kind, one["trials"], show_figure(one["rate"]), show_interval(one["ci95"]), show_figure(one["difference"]),
         show_interval(one["difference_ci95"]), one["conclusion"].replace("_", " "))
        for name, report in reports.items() for kind in kinds for one in (report[kind],)
    ]  # fmt: skip


GROUP_COLUMNS = (
    "group",
    "rate of",
    "trials",
    "rate",
    "95 % interval",
    "less all others",
    "95 % interval",
    "",
)
"""The columns of `group_rows`."""


def show_figure(value: object) -> str:
    """Return a figure for people: four decimals for a share, a dash for none."""
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def show_interval(bounds: Sequence[float] | None) -> str:
    """Return an interval for people, a dash for none."""
    return "-" if bounds is None else f"{bounds[0]:.4f} to {bounds[1]:.4f}"
