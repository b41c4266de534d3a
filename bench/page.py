"""The benchmarks' page: the goals first, then growth and history, then every stored figure."""

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from goals import GOALS, Results

HERE = Path(__file__).parent
RESULTS = HERE / "results"
HISTORY = HERE / "history.jsonl"
PAGE = HERE.parent / "docs" / "reference" / "benchmarks.md"
SHOWN = 5
NOTE = (
    "Ratios are against the peer or limit that each row names, measured in the same run. The machine is shared: its load lies beside each "
    "result that depends on it, and single times mean little. A row says *missed* by its number, with the reason we know of."
)


def describe_machine() -> str:
    """Return processor, cores and Python in a line."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor()
    )
    return f"{model}, {os.cpu_count()} cores (shared), Python {platform.python_version()}"


def read_results() -> Results:
    """Return every stored result by its benchmark's name."""
    return {
        file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(RESULTS.glob("*.json"))
    }


def note_history(results: Results) -> None:
    """Append the goals' values to the history when any differs from the last noted."""
    values = {goal.id: round(value, 4) for goal in GOALS if (value := goal.judge(results)[0]) is not None}
    lines = HISTORY.read_text(encoding="utf-8").splitlines() if HISTORY.exists() else []
    if lines and json.loads(lines[-1])["goals"] == values:
        return
    entry = {
        "when": f"{datetime.now(UTC):%Y-%m-%dT%H:%MZ}",
        "load_average": round(os.getloadavg()[0], 1),
        "goals": values,
    }
    HISTORY.write_text("".join(f"{line}\n" for line in [*lines, json.dumps(entry)]), encoding="utf-8")


def table_goals(results: Results) -> list[str]:
    """Return the table of goals."""
    rows = [
        "\n## Goals\n\n| goal | what is measured | goal | measured | beside | |\n|---|---|---|---|---|---|\n"
    ]
    for goal in GOALS:
        value, met = goal.judge(results)
        shown = "-" if value is None else f"{value:,.3g}"
        verdict = "met" if met else "not measured" if value is None else "**missed**"
        reason = f": {goal.why}" if goal.why and not met else ""
        rows.append(
            f"| {goal.id} | {goal.what} | {goal.text} | {shown} | {goal.beside} | {verdict}{reason} |\n"
        )
    return rows


def table_growth(results: Results) -> list[str]:
    """Return the growth plot, the exponents, and what gives out first."""
    growth = results.get("growth")
    if growth is None:
        return []
    parts = [
        "\n## Growth\n\nCPU time of one thread and memory, each size in a process of its own; exponents fitted over the three largest sizes.\n\n",
        "![Time and memory against frames, faces, travellers, records and entries](../assets/growth.svg)\n\n",
        "| curve | sizes | exponents |\n|---|---|---|\n",
    ]
    for name, curve in growth["curves"].items():
        fits = ", ".join(f"{figure} {value}" for figure, value in curve["exponents"].items())
        parts.append(f"| {name} | {curve['sizes'][0]:,} to {curve['sizes'][-1]:,} | {fits} |\n")
    parts.append(
        "\nWhat gives out first, by a straight line through the two largest sizes (beyond them it is extrapolation); a busy port is 50,000 vehicles a day:\n\n"
        "| limit | reached at | measured up to | days at a busy port |\n|---|---|---|---|\n"
    )
    for one in growth["breaks"]:
        days = "-" if one["days_at_a_busy_port"] is None else f"{one['days_at_a_busy_port']:,.3g}"
        parts.append(
            f"| {one['limit']} | {one['reached_at']:,.2g} {one['of']} | {one['measured_up_to']:,} | {days} |\n"
        )
    return parts


def describe_load(run: Results) -> str:
    """Return the machine's load when a run was noted, where it is known."""
    load = run.get("load_average")
    return "" if load is None else f"(load {load})"


def table_history() -> list[str]:
    """Return the goals' values of the latest runs, oldest first."""
    if not HISTORY.exists():
        return []
    runs = [json.loads(line) for line in HISTORY.read_text(encoding="utf-8").splitlines()][-SHOWN:]
    heads = "".join(f" {run['when']} {describe_load(run)} |" for run in runs)
    rows = [f"\n## History\n\n| goal |{heads}\n|---|{'---|' * len(runs)}\n"]
    for goal in GOALS:
        values = [run["goals"].get(goal.id) for run in runs]
        shown = "".join(" - |" if value is None else f" {value:,.3g} |" for value in values)
        rows.append(f"| {goal.id} |{shown}\n")
    return rows


def flatten(value: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """Return nested results as dotted names with plain values."""
    if isinstance(value, dict):
        return [
            pair
            for key, inner in value.items()
            for pair in flatten(inner, f"{prefix}.{key}" if prefix else str(key))
        ]
    if isinstance(value, list):
        return [pair for number, inner in enumerate(value) for pair in flatten(inner, f"{prefix}[{number}]")]
    return [(prefix, f"{value:.4g}" if isinstance(value, float) else value)]


def write_page() -> None:
    """Write the page from the stored results, and note them in the history."""
    results = read_results()
    note_history(results)
    when = f"{datetime.now(UTC):%Y-%m-%d}: {describe_machine()}"
    parts = [f"# Benchmarks\n\nWritten by `make bench` on {when}. {NOTE}\n"]
    parts += table_goals(results) + table_growth(results) + table_history()
    parts.append("\n## Every figure\n")
    for name, stored in results.items():
        parts.append(f"\n### {name}\n\n| figure | value |\n|---|---|\n")
        parts += [f"| {figure} | {value} |\n" for figure, value in flatten(stored)]
    PAGE.write_text("".join(parts), encoding="utf-8")
