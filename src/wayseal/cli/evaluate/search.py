"""`wayseal evaluate search`: open-set identification over a gallery and probes."""

from pathlib import Path

import click

from wayseal.cli.common import json_option, print_json, print_table, show_progress


@click.command()
@click.option(
    "--gallery",
    "gallery_file",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="CSV path,identity of those who are enrolled; paths relative to it.",
)
@click.option(
    "--probes",
    "probes_file",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="CSV path,identity[,group]; identities that are not in the gallery are impostor searches.",
)
@click.option(
    "--fpir", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.003, show_default=True,
    help="Rate of false positives that the threshold should hold.",
)  # fmt: skip
@click.option(
    "--distractors", type=click.IntRange(0, 2_000_000), default=0,
    help="Also measure with up to this many synthetic templates added to the gallery.",
)  # fmt: skip
@click.option(
    "--expected", type=click.IntRange(0, 1000), default=0,
    help="Also search with so many travellers expected, as plate history announces them.",
)  # fmt: skip
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw the curves as .png or .svg."
)
@click.option(
    "--report", "page", type=click.Path(path_type=Path, dir_okay=False), help="Write a printable .html page."
)
@json_option
def command(
    gallery_file: Path,
    probes_file: Path,
    *,
    fpir: float,
    distractors: int,
    expected: int,
    plot: Path | None,
    page: Path | None,
    as_json: bool,
) -> None:
    """Open-set identification: misses (FNIR) and false positives (FPIR) at the calibrated threshold.

    A probe without a usable face is counted apart and is a miss when its traveller is enrolled.
    """
    from wayseal.flow.enrol import read_list
    from wayseal.flow.measure.groups import read_groups
    from wayseal.flow.measure.report import plot_search, search_tables, write_page
    from wayseal.flow.measure.search import measure_search

    gallery, probes = read_list(gallery_file), read_list(probes_file)
    with show_progress("pictures", len(gallery) + len(probes)) as advance:
        report = measure_search(
            gallery, gallery_file.parent, probes, probes_file.parent,
            fpir=fpir, distractors=distractors, expected=expected, labels=read_groups(probes_file), advance=advance,
        )  # fmt: skip
    if as_json:
        print_json(report.figures)
    else:
        for title, columns, rows in search_tables(report):
            print_table(title, columns, rows)
    if plot is not None:
        plot_search(report, plot)
    if page is not None:
        write_page(report, page)
