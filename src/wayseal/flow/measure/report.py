"""What a search measure looks like to people: tables, curves as PNG or SVG, one printable page.

Owns no figure: it shows what `flow.measure.search` counted. A page carries its curves inside, and no picture of anybody.
"""

from pathlib import Path
from typing import Any

import numpy as np

from wayseal.flow.measure.bands import shade_band
from wayseal.flow.measure.groups import GROUP_COLUMNS, group_rows, show_figure, show_interval, title_groups
from wayseal.flow.measure.page import Table, save_page
from wayseal.flow.measure.rates import Curve
from wayseal.flow.measure.search import SearchReport
from wayseal.flow.plot import save_figure


def search_tables(report: SearchReport) -> list[Table]:
    """Return the figures as tables: the run, by group, by gallery size."""
    figures = report.figures
    simple = ("gallery_size", "mated", "nonmated", "rank1", "fpir_target", "threshold")
    rows: list[tuple[object, ...]] = [(name.replace("_", " "), show_figure(figures[name])) for name in simple]
    for name, words in (("fnir", "FNIR: enrolled and missed"), ("fpir", "FPIR: not enrolled and matched")):
        rows.append((words, f"{show_figure(figures[name])} ({show_interval(figures[f'{name}_ci95'])})"))
    rows.append(("FPIR that the calibration stated", show_interval(figures["calibration_fpir_ci95"])))
    rows.append(("largest gallery that it supports", show_figure(figures["supported_size"])))
    for rate, point in figures["at_observed_fpir"].items():
        words = f"FNIR where these probes themselves give FPIR {rate}"
        rows.append((words, f"{show_figure(point['fnir'])} at {show_figure(point['threshold'])}"))
    for name in ("failure_to_enrol", "import_would_refuse", "failure_to_acquire"):
        counts = ", ".join(f"{reason} {count}" for reason, count in figures[name].items())
        rows.append((name.replace("_", " "), counts))
    tables: list[Table] = [
        ("Open-set identification", ("measure", "value"), rows),
        _group_table(figures),
        _band_table(figures),
    ]
    if "by_quality" in figures:
        rows = group_rows(figures["by_quality"], ("fnir", "fpir"))
        tables.append(("By quality of the probe", GROUP_COLUMNS, rows))
    if "expected_set" in figures:
        tables.append(_expected_table(figures["expected_set"]))
    if "by_size" in figures:
        tables.append(_size_table(figures))
    return tables


def plot_search(report: SearchReport, path: Path) -> None:
    """Draw misses against false positives, for all, by group and by size, into a .png or .svg. Raises `Invalid`."""
    save_figure(_draw(report), path)


def write_page(report: SearchReport, path: Path) -> None:
    """Write one HTML page with all tables and curves, ready to print. Raises `Invalid` when it cannot be written."""
    save_page(path, "Open-set identification", search_tables(report), _draw(report))


def _group_table(figures: dict[str, Any]) -> Table:
    """Return the rates by group."""
    return (
        title_groups(figures.get("groups_are", "labels")),
        GROUP_COLUMNS,
        group_rows(figures["by_group"], ("fnir", "fpir")),
    )


def _band_table(figures: dict[str, Any]) -> Table:
    """Return the misses at each rate of false positives, with the band of drawing persons on both sides anew."""
    columns = ("FPIR of these probes themselves", "FNIR between (95 %)", "and")
    return "Curve", columns, [tuple(show_figure(value) for value in one) for one in figures["det_ci95"]]


def _expected_table(figures: dict[str, Any]) -> Table:
    """Return the plain search beside the one with an expected set."""
    columns = ("search", "rank1", "FNIR", "95 % interval", "FPIR", "95 % interval")
    words = {
        "plain": "whole gallery",
        "expected": f"{figures['count']} expected, the traveller among them",
        "wrong": f"{figures['count']} expected, the traveller not among them",
    }
    rows: list[tuple[object, ...]] = []
    for name, text in words.items():
        one = figures[name]
        rates = (
            show_figure(one["fnir"]),
            show_interval(one["fnir_ci95"]),
            show_figure(one["fpir"]),
            show_interval(one["fpir_ci95"]),
        )
        rows.append((text, show_figure(one["rank1"]), *rates))
    gain = f"{show_figure(figures['fnir_gain'])} ({show_interval(figures['fnir_gain_ci95'])})"
    return f"Expected set: FNIR lower by {gain}", columns, rows


def _size_table(figures: dict[str, Any]) -> Table:
    """Return the figures by gallery size."""
    columns = ("gallery size", "of it synthetic", "threshold", "supported", "rank1", "fnir", "fpir")
    names = ("gallery_size", "synthetic", "threshold", "supported", "rank1", "fnir", "fpir")
    rows: list[tuple[object, ...]] = [
        tuple(show_figure(one.get(name)) for name in names) for one in figures["by_size"]
    ]
    return "By gallery size (synthetic templates are nobody's faces)", columns, rows


def _draw(report: SearchReport) -> Any:
    """Return a figure with one panel for all and groups, and one for sizes where there are any."""
    # Late: drawing is the only use of the plotting library here.
    from matplotlib.figure import Figure  # noqa: PLC0415

    panels = 2 if report.sizes else 1
    figure = Figure(figsize=(6 * panels, 5), layout="constrained")
    axes = figure.subplots(1, panels, squeeze=False)[0]
    least = 0.5 / max(report.figures["mated"], report.figures["nonmated"])
    _draw_curves(axes[0], {"all": report.curve, **report.groups}, least)
    shade_band(axes[0], report.figures["det_ci95"], report.curve, least)
    axes[0].plot(
        max(report.figures["fpir"], least),
        max(report.figures["fnir"], least),
        "ko",
        label="calibrated threshold",
    )
    axes[0].legend()
    if report.sizes:
        _draw_curves(axes[1], {f"{report.figures['gallery_size']}": report.curve, **report.sizes}, least)
        axes[1].legend(title="gallery size")
    return figure


def _draw_curves(axes: Any, curves: dict[str, Curve], least: float) -> None:
    """Draw curves on double logarithmic axes; rates of 0 are drawn at `least`."""
    for name, curve in curves.items():
        axes.plot(np.maximum(curve.accept, least), np.maximum(curve.miss, least), label=name)
    axes.set(xscale="log", yscale="log", xlabel="FPIR", ylabel="FNIR")
    axes.grid(visible=True, which="both", alpha=0.3)
