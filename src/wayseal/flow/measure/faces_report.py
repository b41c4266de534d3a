"""What a comparison of pairs looks like to people: tables, the curve as PNG or SVG, one printable page. Owns no figure."""

from pathlib import Path
from typing import Any

import numpy as np

from wayseal.flow.measure.bands import shade_band
from wayseal.flow.measure.faces import FacesReport
from wayseal.flow.measure.groups import GROUP_COLUMNS, group_rows, show_figure, title_groups
from wayseal.flow.measure.page import Table, save_page
from wayseal.flow.plot import save_figure
from wayseal.model.errors import Invalid

_APART = ("by_group", "by_quality", "det_ci95", "failure_reasons", "groups_are")


def faces_tables(report: FacesReport) -> list[Table]:
    """Return the figures as tables: the run, why pictures were not acquired, by group, by quality, and the curve's band."""
    figures = report.figures
    simple: list[tuple[object, ...]] = [
        (name.replace("_", " "), show_figure(value))
        for name, value in figures.items()
        if name not in _APART and not isinstance(value, dict)
    ]
    nested: list[Table] = [
        (name.replace("_", " ").capitalize(), ("measure", "value"), [(key, show_figure(one)) for key, one in value.items()])
        for name, value in figures.items()
        if name not in _APART and isinstance(value, dict)
    ]  # fmt: skip
    tables: list[Table] = [("One-to-one comparison", ("measure", "value"), simple), *nested]
    if figures["failure_reasons"]:
        tables.append(("Not acquired", ("reason", "pictures"), list(figures["failure_reasons"].items())))
    for name, title in (
        ("by_group", title_groups(figures["groups_are"])),
        ("by_quality", "By quality of the poorer picture"),
    ):
        tables.append((title, GROUP_COLUMNS, group_rows(figures[name], ("fnmr", "fmr"))))
    if figures["det_ci95"]:
        rows: list[tuple[object, ...]] = [
            tuple(show_figure(value) for value in one) for one in figures["det_ci95"]
        ]
        tables.append(("Curve", ("FMR", "FNMR between (95 %)", "and"), rows))
    return tables


def plot_faces(report: FacesReport, path: Path) -> None:
    """Draw the trade-off of misses against false matches into a PNG or SVG. Raises `Invalid` when there is no curve."""
    figure = _draw(report)
    if figure is None:
        raise Invalid("nothing to draw: a curve needs genuine and impostor pairs")
    save_figure(figure, path)


def write_faces_page(report: FacesReport, path: Path) -> None:
    """Write one HTML page with all tables and the curve, ready to print. Raises `Invalid` when it cannot be written."""
    save_page(path, "One-to-one comparison", faces_tables(report), _draw(report))


def _draw(report: FacesReport) -> Any | None:
    """Return the figure of the curve and its band; None without a curve."""
    # Late: drawing is the only use of the plotting library here.
    from matplotlib.figure import Figure  # noqa: PLC0415

    if report.curve is None:
        return None
    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.add_subplot()
    least = 0.5 / max(report.figures["impostor"], report.figures["genuine"])
    axes.plot(np.maximum(report.curve.accept, least), np.maximum(report.curve.miss, least))
    shade_band(axes, report.figures["det_ci95"] or [], report.curve, least)
    axes.set(xscale="log", yscale="log", xlabel="false match rate", ylabel="false non-match rate")
    axes.set_title(
        f"{report.figures['model']}: {report.figures['genuine']} genuine, {report.figures['impostor']} impostor"
    )
    axes.grid(visible=True, which="both", alpha=0.3)
    return figure
