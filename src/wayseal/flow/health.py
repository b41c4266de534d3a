"""What lane health looks like to people: rates with intervals by lane and day, the running sums, and a plot.

Owns no count: `flow.drift` counts. Rates of few vehicles come with wide intervals, so that nobody reads much into them.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine

from wayseal.flow.drift import ALARM_AT, LOW_QUALITY, SLOW_S
from wayseal.flow.measure.rates import wilson_interval
from wayseal.flow.plot import save_figure
from wayseal.model.clock import to_text
from wayseal.model.errors import Invalid
from wayseal.store.engine import read
from wayseal.store.health import (
    QUALITY_BINS,
    SECOND_EDGES,
    STRANGER_BINS,
    STRANGER_FROM,
    STRANGER_SPAN,
    LaneDay,
    WatchSum,
    list_days,
    list_sums,
)

Sums = Mapping[tuple[str, str], WatchSum]


def read_health(
    engine: Engine, *, lane: str | None = None, since: date | None = None
) -> tuple[list[LaneDay], dict[tuple[str, str], WatchSum]]:
    """Return the days and the running sums."""
    with read(engine) as connection:
        return list_days(connection, lane=lane, since=since), list_sums(connection, lane)


def describe_health(days: Sequence[LaneDay], sums: Sums, now: datetime) -> dict[str, Any]:
    """Return lane health as JSON: `days` with rates and 95 % intervals, `watch` with each sum's share of its limit."""
    return {
        "days": [_describe_day(day) for day in days],
        "watch": [
            {
                "lane": one.lane,
                "measure": one.measure,
                "share_of_limit": round(one.total / ALARM_AT, 3),
                "alarmed": None if one.alarmed_at is None else to_text(one.alarmed_at),
                "alarmed_today": one.alarmed_at is not None and now - one.alarmed_at < timedelta(days=1),
            }
            for _, one in sorted(sums.items())
        ],
    }


def plot_health(days: Sequence[LaneDay], path: Path) -> None:
    """Draw what each lane does over its days into a .png or .svg: capture, quality, strangers' scores, seconds.

    The band about the quality holds nine faces of ten. Raises `Invalid` without days.
    """
    if not days:
        raise Invalid("no lane was counted yet", hint="Run a lane first.")
    from matplotlib.figure import Figure  # noqa: PLC0415 - only plots need it

    figure = Figure(figsize=(9, 10), layout="constrained")
    axes = figure.subplots(4, 1, sharex=True)
    for lane in sorted({day.lane for day in days}):
        mine = [day for day in days if day.lane == lane]
        when = [day.day for day in mine]
        rates = [day.captured / day.occupants if day.occupants else np.nan for day in mine]
        spans = [
            wilson_interval(day.captured, day.occupants) if day.occupants else (np.nan, np.nan)
            for day in mine
        ]
        axes[0].plot(when, rates, marker="o", label=lane)
        axes[0].fill_between(when, [low for low, _ in spans], [high for _, high in spans], alpha=0.15)
        axes[1].plot(when, [_middle(day.quality) for day in mine], marker="o", label=lane)
        spans = [_nine_of_ten(day.quality) for day in mine]
        axes[1].fill_between(when, [low for low, _ in spans], [high for _, high in spans], alpha=0.15)
        axes[2].plot(when, [find_stranger_tail(day) for day in mine], marker="o", label=lane)
        axes[3].plot(when, [_share_above(day.seconds, SLOW_S) for day in mine], marker="o", label=lane)
    titles = (
        "captured / seen, 95 % interval",
        "quality, median and nine of ten faces",
        "best score of whoever matched nobody: 95 of 100 are below",
        f"share over {SLOW_S:g} s",
    )
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title, loc="left")
        axis.grid(visible=True, alpha=0.3)
    axes[0].set_ylim(0, 1.02)
    axes[1].set_ylim(0, 100)
    axes[3].set_ylim(bottom=0)
    axes[0].legend()
    figure.autofmt_xdate()
    save_figure(figure, path)


def _describe_day(day: LaneDay) -> dict[str, Any]:
    low, high = wilson_interval(day.captured, day.occupants)
    poor = sum(day.quality[: LOW_QUALITY * QUALITY_BINS // 100])
    return {
        "lane": day.lane,
        "day": day.day.isoformat(),
        "vehicles": day.vehicles,
        "occupants_seen": day.occupants,
        "captured": day.captured,
        "captured_rate": _share(day.captured, day.occupants),
        "captured_ci95": f"{low:.3f}-{high:.3f}",
        "matched_rate": _share(day.matched, day.captured),
        "referred_rate": _share(day.referred, day.captured),
        "plates_rate": _share(day.plates, day.vehicles),
        "quality_median": _middle(day.quality),
        "low_quality_rate": _share(poor, day.captured),
        "stranger_score_p95": find_stranger_tail(day),
        "slow_rate": _share_above(day.seconds, SLOW_S),
        "model_sha256": day.model_sha256,
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def find_middle(counts: Sequence[int]) -> tuple[int, int] | None:
    """Return the bins of the two middle ones (of an odd number the same bin twice), None of nobody."""
    total = sum(counts)
    if not total:
        return None
    return _find_rank(counts, (total + 1) // 2), _find_rank(counts, total // 2 + 1)


def find_bin(counts: Sequence[int], twentieths: int) -> int | None:
    """Return the first bin that so many twentieths of all lie in or below, None of nobody. Whole numbers, so exact."""
    total = sum(counts)
    return _find_rank(counts, -(-twentieths * total // 20)) if total else None


def _find_rank(counts: Sequence[int], rank: int) -> int:
    """Return the bin of one of those counted, by its rank from 1."""
    return int(np.searchsorted(np.cumsum(counts), rank))


def find_stranger_tail(day: LaneDay) -> float | None:
    """Return the score that 95 of 100 searches which matched nobody stay below with their best candidate; None without any.

    A tail that rises without more travellers says that strangers look more alike to this lane: its threshold holds no more.
    """
    place = find_bin(day.strangers, 19)
    return None if place is None else round((place + 1) * STRANGER_SPAN / STRANGER_BINS + STRANGER_FROM, 2)


def _middle(quality: Sequence[int]) -> float | None:
    """Return the median of a quality shape, from the middles of its bins."""
    bins = find_middle(quality)
    return None if bins is None else (sum(bins) / 2 + 0.5) * 100 / QUALITY_BINS


def _nine_of_ten(quality: Sequence[int]) -> tuple[float, float]:
    """Return the qualities between which nine faces of ten lie, by the edges of their bins; no numbers of nobody."""
    low, high = (find_bin(quality, twentieths) for twentieths in (1, 19))
    if low is None or high is None:
        return np.nan, np.nan
    return low * 100 / QUALITY_BINS, (high + 1) * 100 / QUALITY_BINS


def _share_above(seconds: Sequence[int], limit: float) -> float | None:
    """Return the share of vehicles whose answer took longer than one of the bins' edges."""
    return _share(sum(seconds[SECOND_EDGES.index(limit) + 1 :]), sum(seconds))
