"""`wayseal simulate`: synthetic lane videos with ground truth, for demonstrations, drills and tests."""

from pathlib import Path

import click

from wayseal.cli.common import json_option, print_json, print_table, show_progress
from wayseal.cli.lazy import VerbGroup


@click.group(cls=VerbGroup)
def command() -> None:
    """Make synthetic lane videos with ground truth."""


@command.command()
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder to write into."
)
@click.option(
    "--preset", default="demo", show_default=True, help="Scene: demo, day, rain, night_nir, convoy, ..."
)
@click.option("--seed", default=0, show_default=True, help="The same seed gives the same video.")
@click.option(
    "--faces",
    type=click.Path(path_type=Path),
    help="Folder or CSV of faces; default: public-domain portraits.",
)
@click.option("--seconds", default=0.0, help="Length; default: until the last vehicle has left.")
@json_option
def lane(out: Path, preset: str, seed: int, faces: Path | None, seconds: float, *, as_json: bool) -> None:
    """Render a lane video: OUT/PRESET.mp4, its truth OUT/PRESET.json, and OUT/gallery.csv that enrols its travellers."""
    from wayseal.testing.lane import (
        count_frames,
        load_carried,
        make_scene,
        read_people,
        render_video,
        write_gallery,
    )

    scene = make_scene(preset, read_people(faces) if faces else load_carried(), seed=seed, seconds=seconds)
    video, gallery = out / f"{preset}.mp4", out / "gallery.csv"
    with show_progress(f"rendering {preset}", count_frames(scene)) as advance:
        truth = render_video(scene, video, advance)
    enrolled = write_gallery(scene, gallery)
    if as_json:
        print_json({
            "video": str(video), "truth": str(video.with_suffix(".json")), "gallery": str(gallery),
            "frames": truth["video"]["frames"], "vehicles": len(truth["vehicles"]), "enrolled_pictures": enrolled,
        })  # fmt: skip
        return
    rows = [
        (
            vehicle["vehicle_id"],
            (vehicle["plate"] or {}).get("text"),
            who["seat"],
            who["identity"],
            who["enrollable"],
        )
        for vehicle in truth["vehicles"]
        for who in vehicle["occupants"]
    ]
    print_table(f"{video} and its truth", ("vehicle", "plate", "seat", "identity", "enrolled"), rows)
