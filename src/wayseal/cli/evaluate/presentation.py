"""`wayseal evaluate presentation`: pictures shown to the camera instead of faces."""

from pathlib import Path

import click

from wayseal.cli.common import json_option, print_json, print_table, show_progress


@click.command()
@click.option(
    "--videos",
    "folder",
    required=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of lane videos (.mp4, also in subfolders) with their truth (.json) beside them.",
)
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw scores and rates as .png or .svg."
)
@json_option
def command(folder: Path, plot: Path | None, *, as_json: bool) -> None:
    """The advisory score for pictures of faces: APCER by type of attack and BPCER (ISO/IEC 30107-3).

    An attack that is not taken for an occupant gives no response (APNRR) and is not in the APCER; likewise BPNRR. Prints on
    shirts, posters, stickers, telephones, mirrors and animals must not be counted as occupants at all.
    """
    from wayseal.flow.measure.presentation import (
        list_presentations,
        plot_presentations,
        report_presentations,
    )
    from wayseal.vision.networks import load_networks

    videos, models = sorted(folder.rglob("*.mp4")), load_networks()
    with show_progress("videos", len(videos)) as advance:
        found = []
        for video in videos:
            found += list_presentations(video, models)
            advance(1)
    report = report_presentations(found)
    if as_json:
        print_json(report)
    else:
        real = report["bona_fide"]
        rows = [("bona fide", real["presentations"], real["bpnrr"], "-", real["bpcer"], real["bpcer_ci95"])]
        rows += [
            (kind, one["presentations"], one["apnrr"], one["apcer"], "-", one["apcer_ci95"])
            for kind, one in report["attacks"].items()
        ]
        columns = ("type", "presentations", "no response", "APCER", "BPCER", "95 % interval")
        print_table("Presentations", columns, rows)
        faces = [
            (kind, one["shown"], one["accepted"], one["accepted_ci95"])
            for kind, one in report["nobodies"].items()
        ]
        print_table(
            "Faces that nobody wears", ("type", "shown", "counted as occupants", "95 % interval"), faces
        )
    if plot is not None:
        plot_presentations(found, plot)
