"""How time and memory grow with frames, faces in a frame, travellers, records and ledger entries; and what gives out first.

Every size runs in a process of its own. Writes bench/results/growth.json (with the fitted exponents) and
docs/assets/growth.svg. `bench_growth.py CURVE SIZE` measures one point. CPU time of one thread; memory as the kernel counts it.
"""

import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from growth_curves import CURVES

mpl.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).resolve().parent
RESULT = HERE / "results" / "growth.json"
PLOT = HERE.parent / "docs" / "assets" / "growth.svg"
PORT_VEHICLES = 50_000  # a day at the busiest port
RECORDS_A_VEHICLE = (
    13  # counted in a lane of bench_lanes: pictures, templates and plate, and those of the canaries
)
ENTRIES_A_VEHICLE = 22  # counted there: 13 captures, 4 openings begun and 4 done, a match

# What a site cannot exceed: curve, figure, limit, what the limit is, and how many a busy port adds a day (0: a stock, not a flow).
LIMITS: tuple[tuple[str, str, float, str, int], ...] = (
    ("travellers in a gallery", "search_cpu_ms", 50, "50 ms of one core a search", 0),
    ("travellers in a gallery", "memory_mb", 8 * 1024, "8 GiB of the matcher's memory", 0),
    ("travellers in a gallery", "load_cpu_s", 60, "a minute to start the matcher", 0),
    ("faces in a frame", "embed_cpu_ms", 1000, "one second of one core to embed all faces of a shot", 0),
    ("records in the store", "open_store_cpu_ms", 60_000, "a minute to open the store", PORT_VEHICLES * RECORDS_A_VEHICLE),
    ("records in the store", "rows_mb", 100_000, "100 GB of rows", PORT_VEHICLES * RECORDS_A_VEHICLE),
    ("entries in the ledger", "verify_all_cpu_s", 3600, "an hour to verify every entry", PORT_VEHICLES * ENTRIES_A_VEHICLE),
    ("entries in the ledger", "disk_mb", 1_000_000, "1 TB of ledger", PORT_VEHICLES * ENTRIES_A_VEHICLE),
    ("entries in the ledger", "verify_peak_mb", 8 * 1024, "8 GiB of memory to verify it", PORT_VEHICLES * ENTRIES_A_VEHICLE),
)  # fmt: skip


def fit_power(sizes: Sequence[float], values: Sequence[float]) -> tuple[float, float] | None:
    """Return (exponent, factor) of value = factor * size ** exponent over the upper half, where fixed costs no longer show.

    None where there is nothing to fit: values of zero or less.
    """
    upper = [pair for pair in zip(sizes, values, strict=True) if pair[1] > 0][-3:]
    if len(upper) < 3:
        return None
    exponent, logarithm = np.polyfit(np.log([size for size, _ in upper]), np.log([v for _, v in upper]), 1)
    return float(exponent), math.exp(float(logarithm))


def measure_point(curve: str, size: int) -> dict[str, float]:
    """Return one size's figures from a fresh process."""
    command = [sys.executable, str(Path(__file__).resolve()), curve, str(size)]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measure_curve(curve: str) -> dict[str, Any]:
    """Return a curve: its sizes, the figures at each, and the exponents."""
    sizes = CURVES[curve][1]
    points = []
    for size in sizes:
        points.append(measure_point(curve, size))
        print(f"{curve} {size:,}: {json.dumps(points[-1])}", flush=True)
    figures = {name: [point[name] for point in points] for name in points[0]}
    fits = {name: fit_power(sizes, values) for name, values in figures.items()}
    return {
        "sizes": list(sizes),
        "figures": figures,
        "exponents": {name: round(fit[0], 2) for name, fit in fits.items() if fit is not None},
    }


def reach_limit(sizes: Sequence[float], values: Sequence[float], limit: float) -> float | None:
    """Return the size at which a figure reaches a limit, on the straight line through the two largest sizes; None: it does not grow.

    A line, not the fitted power: where a fixed cost still hides the growth, the power would promise too much.
    """
    slope = (values[-1] - values[-2]) / (sizes[-1] - sizes[-2])
    return sizes[-1] + (limit - values[-1]) / slope if slope > 0 else None


def find_breaks(curves: dict[str, Any]) -> list[dict[str, Any]]:
    """Return where the curves reach their limits; a flow's with the days a busy port takes to get there. Soonest first."""
    found = []
    for curve, figure, limit, words, daily in LIMITS:
        reached = reach_limit(curves[curve]["sizes"], curves[curve]["figures"][figure], limit)
        if reached is None:
            continue
        found.append({
            "limit": words, "of": curve, "reached_at": float(f"{reached:.2g}"), "measured_up_to": curves[curve]["sizes"][-1],
            "days_at_a_busy_port": float(f"{reached / daily:.2g}") if daily else None,
        })  # fmt: skip
    return sorted(found, key=lambda one: one["days_at_a_busy_port"] or math.inf)


def draw_curves(curves: dict[str, Any]) -> None:
    """Draw every figure over its sizes, one panel a curve, both axes logarithmic."""
    mpl.rcParams |= {"svg.hashsalt": "wayseal", "svg.fonttype": "none", "font.size": 8}
    figure, panels = plt.subplots(2, 3, figsize=(12, 7))
    for panel, (name, curve) in zip(panels.flat, curves.items(), strict=False):
        for label, values in curve["figures"].items():
            if min(values) > 0:
                exponent = curve["exponents"].get(label)
                panel.plot(curve["sizes"], values, "o-", markersize=3, label=f"{label}  (~ n^{exponent})")
        panel.set(xscale="log", yscale="log", xlabel=name)
        panel.legend(fontsize=6)
        panel.grid(visible=True, which="major", linewidth=0.3)
    for panel in panels.flat[len(curves) :]:
        panel.axis("off")
    figure.tight_layout()
    figure.savefig(PLOT, metadata={"Date": None})


def main() -> None:
    """Measure one point, or everything."""
    if len(sys.argv) == 3:
        act, _ = CURVES[sys.argv[1]]
        print(json.dumps(act(int(sys.argv[2]))))
        return
    curves = {name: measure_curve(name) for name in CURVES}
    answer = {
        "unit": "CPU time of one thread, memory as the kernel counts it; exponents fitted over the three largest sizes",
        "load_average": round(os.getloadavg()[0], 1),
        "curves": curves,
        "breaks": find_breaks(curves),
    }
    RESULT.write_text(json.dumps(answer, indent=1) + "\n", encoding="utf-8")
    draw_curves(curves)
    print(json.dumps(answer["breaks"], indent=1))


if __name__ == "__main__":
    main()
