"""`wayseal evaluate plates`: plate reading over single pictures."""

from pathlib import Path

import click

from wayseal.cli.common import json_option, print_json, print_table, show_progress


@click.command()
@click.option(
    "--manifest",
    "manifest",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="CSV path,plate[,region]; paths relative to it.",
)
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw the reliability as .png or .svg."
)
@json_option
def command(manifest: Path, plot: Path | None, *, as_json: bool) -> None:
    """Plate reading over single pictures.

    Plates are compared without spaces, hyphens and case, and nothing else. `exact`, `character_accuracy` and
    `top3_exact` are shares from 0 to 1, and so is `findable`: plates whose history a look-up finds that also tries the `alike`
    plates which look like the one read. A missing or damaged picture counts as wrong and is listed with its reason.
    """
    from wayseal.flow.measure.plates import measure_plates, plot_plates, read_manifest

    rows = read_manifest(manifest)
    with show_progress("pictures", len(rows)) as advance:
        report = measure_plates(rows, advance=advance)
    if as_json:
        print_json(report.figures)
    else:
        listed = {"reliability", "failed"}
        print_table(
            "Plates", ("measure", "value"), [row for row in report.figures.items() if row[0] not in listed]
        )
        if report.figures["failed"]:
            failures = [(one["path"], one["reason"]) for one in report.figures["failed"]]
            print_table("Not read", ("path", "reason"), failures)
    if plot is not None:
        plot_plates(report, plot)
