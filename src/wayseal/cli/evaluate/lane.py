"""`wayseal evaluate lane`: a lane video, or a folder of them, against the truth."""

from pathlib import Path

import click

from wayseal.cli.common import json_option, print_json, print_table, show_progress

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option("--video", type=_FILE, help="One lane video.")
@click.option("--truth", type=_FILE, help="Its truth, lane-truth-1; by default the .json beside the video.")
@click.option(
    "--videos",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder of .mp4 with .json.",
)
@click.option("--gallery", required=True, type=_FILE, help="CSV path,identity; paths relative to it.")
@click.option(
    "--fpir",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.003,
    show_default=True,
    help="False positive identification rate to hold.",
)
@click.option(
    "--steering",
    type=click.Choice(["left", "right"]),
    default="left",
    show_default=True,
    help="Driver's side.",
)
@click.option("--plot", type=_FILE, help="Draw shares by seat and by size as .png or .svg.")
@click.option("--report", "page", type=_FILE, help="Write a printable .html page.")
@click.option(
    "--regret",
    is_flag=True,
    help="Also go through the videos again for the best-shot regret; takes about as long.",
)
@json_option
def command(  # noqa: PLR0917 - click passes options by name
    video: Path | None,
    truth: Path | None,
    folder: Path | None,
    gallery: Path,
    fpir: float,
    steering: str,
    plot: Path | None,
    page: Path | None,
    *,
    regret: bool,
    as_json: bool,
) -> None:
    """A lane video, or a folder of them, against the truth. Rates are 0-1; null where nobody counts.

    Occupants count when at least 60 % of the face is visible in one frame; a plate when it is wholly in a frame and at
    least 60 px wide. One thread; `realtime_factor` is seconds of video over seconds of CPU. `aboard` is everybody in a
    seat, visible or not, and `counted_rate` the share of them that the lane counted. `best_shot_regret` (with --regret) is what the kept
    picture's quality lacks of the best look's among all frames with at least 60 % of that face visible, as a share of the best, mean over kept pictures.
    """
    from wayseal.flow.measure.lane import measure_lane
    from wayseal.flow.measure.lane_report import lane_tables, plot_lane, report_lane, write_lane_page
    from wayseal.flow.measure.lane_setup import enrol_pictures, list_videos, read_gallery_list
    from wayseal.flow.measure.lane_truth import read_truth
    from wayseal.vision.networks import load_networks

    pairs = list_videos(video, truth, folder)
    truths = [read_truth(path) for _, path in pairs]
    pictures = read_gallery_list(gallery)
    with show_progress("gallery", len(pictures)) as advance:
        models = load_networks()
        searcher = enrol_pictures(pictures, models, fpir=fpir, advance=advance)
    tallies = []
    with show_progress("frames", sum(one.frames for one in truths)) as advance:
        for (path, _), known in zip(pairs, truths, strict=True):
            tallies.append(
                measure_lane(path, known, models, searcher, steering=steering, regret=regret, advance=advance)
            )
    report = report_lane(tallies)
    if as_json:
        print_json(report)
    else:
        for title, columns, rows in lane_tables(tallies, report):
            print_table(title, columns, rows)
    if plot is not None:
        plot_lane(tallies, plot)
    if page is not None:
        write_lane_page(tallies, report, page)
