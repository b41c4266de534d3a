"""`wayseal evaluate faces`: one-to-one accuracy over pairs of pictures."""

from pathlib import Path

import click

from wayseal.cli.common import json_option, print_json, print_table, show_progress


@click.command()
@click.option(
    "--pairs",
    "pairs_file",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="CSV path_a,path_b,same[,group] (same is 1 or 0); paths relative to it.",
)
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw the curve as .png or .svg."
)
@click.option(
    "--report", "page", type=click.Path(path_type=Path, dir_okay=False), help="Write a printable .html page."
)
@click.option(
    "--second-opinion", is_flag=True, help="Also ask the optional second network; report both scores added."
)
@json_option
def command(
    pairs_file: Path, plot: Path | None, page: Path | None, *, second_opinion: bool, as_json: bool
) -> None:
    """One-to-one accuracy over pairs of pictures.

    A picture without a usable face counts as a failure to acquire, and its genuine pairs as non-matches.
    """
    from wayseal.flow.measure.faces import measure_faces, read_pairs
    from wayseal.flow.measure.faces_report import faces_tables, plot_faces, write_faces_page
    from wayseal.vision.portrait import PortraitReader
    from wayseal.vision.second_opinion import SecondOpinion

    reader = PortraitReader(second=SecondOpinion() if second_opinion else None)
    pairs = read_pairs(pairs_file)
    pictures = len({path for pair in pairs for path in (pair.first, pair.second)})
    with show_progress("pictures", pictures) as advance:
        report = measure_faces(pairs, reader=reader, advance=advance)
    if as_json:
        print_json(report.figures)
    else:
        for title, columns, rows in faces_tables(report):
            print_table(title, columns, rows)
    if plot is not None:
        plot_faces(report, plot)
    if page is not None:
        write_faces_page(report, page)
