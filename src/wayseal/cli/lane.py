"""`wayseal lane`: run a lane on a video, folder or RTSP stream."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wayseal.cli.common import (
    json_option,
    passphrase_option,
    read_passphrase,
    show_progress,
    spell_json,
)
from wayseal.cli.lane_health import health
from wayseal.cli.lazy import VerbGroup
from wayseal.cli.remote import enrol, join, revoke, run_remote, send, status
from wayseal.cli.vehicle_lines import tell_vehicles
from wayseal.cli.voices import Voice, speaking
from wayseal.model.errors import Invalid, NotArmed

if TYPE_CHECKING:
    from wayseal.station.onehost import RunSummary


@click.group(cls=VerbGroup)
def command() -> None:
    """Photograph, seal, match and record what passes a lane."""


@command.command()
@click.option("--source", required=True, help="Video file, folder of pictures, or rtsp:// URL.")
@click.option("--lane", required=True, help="Lane id.")
@click.option("--gallery", help="Gallery that is searched; by default the one that the lane's settings name.")
@click.option(
    "--direction",
    type=click.Choice(["entry", "exit"]),
    help="Which way the lane leads; by default its settings'.",
)
@click.option(
    "--centre",
    metavar="URL",
    help="In a lane's own home: the centre's address, where it has changed since it joined.",
)
@click.option(
    "--drain",
    default=10.0,
    show_default=True,
    help="In a lane's own home: seconds to go on delivering when the stream has ended.",
)
@passphrase_option
@json_option
@click.pass_obj
def run(
    home: Path,
    *,
    source: str,
    lane: str,
    gallery: str | None,
    direction: str | None,
    centre: str | None,
    drain: float,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Run a lane until the stream ends: one line a vehicle as it leaves, then a summary.

    With --json, JSON lines; without, plates and travellers are named on a terminal only. What an earlier run left unsent or
    unanswered is finished first. In the home of a lane that has joined a centre elsewhere the lines say what was seen, not who it
    was: that is told at the centre. A lane that may have no key says `disarmed` with the reason, and ends with exit code 3.
    Whoever reads the output too slowly, or goes away, misses lines; vehicles are sealed and answered all the same.
    """
    from wayseal.station.lane_home import is_lane_home

    if is_lane_home(home):
        if gallery is not None or direction is not None:
            raise Invalid(
                "gallery and direction are the centre's to say",
                hint="Leave them out, or enrol the lane again.",
            )
        with speaking() as (out, errors):
            run_remote(
                home, out, errors, source=source, lane=lane, centre=centre, drain=drain, passphrase_file=passphrase_file,
                as_json=as_json,
            )  # fmt: skip
        return
    if centre is not None:
        raise Invalid(
            "this home has joined no centre", hint="wayseal lane enrol at the centre, then wayseal lane join."
        )
    with speaking() as (out, errors):
        _run_here(
            home, out, errors, source=source, lane=lane, gallery=gallery, direction=direction, passphrase_file=passphrase_file,
            as_json=as_json,
        )  # fmt: skip


def _run_here(
    home: Path, out: Voice, errors: Voice, *, source: str, lane: str, gallery: str | None, direction: str | None,
    passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Run a lane in a site's own home, where its answers are told."""
    from wayseal.model.border import Direction
    from wayseal.station.assemble import open_one_host
    from wayseal.station.at_work import at_work
    from wayseal.station.site import open_site
    from wayseal.station.steady import Overseer, Publisher, Sweeper
    from wayseal.vision.frames import count_lost, open_source

    tell = tell_vehicles(out, errors, as_json=as_json)
    with open_site(home, read_passphrase(passphrase_file)) as site, _telling_stop(out, as_json=as_json):
        wanted = None if direction is None else Direction(direction)
        host = open_one_host(site, lane, gallery=gallery, direction=wanted, on_encounter=tell)
        with (
            open_source(source, clock=site.clock) as frames,
            show_progress(f"lane {lane}", frames.frames_total) as advance,
            Publisher(site),
            Sweeper(site),
            at_work(home),
            Overseer(site),
        ):
            summary = host.run(_counting(frames, advance))
            summary.dropped_frames = frames.counts.dropped
            lost = count_lost(frames)
    if lost:
        errors.say(f"warning: {lost} pictures of the stream were damaged or missing")
    told = list_summary(summary)
    out.say(
        spell_json({"summary": told})
        if as_json
        else "  ".join(f"{name} {value}" for name, value in told.items())
    )


@contextmanager
def _telling_stop(out: Voice, *, as_json: bool) -> Iterator[None]:
    """Let a disarmed lane say so on stdout too, before its error ends the command with exit code 3."""
    from wayseal.station.remote_lane import explain_stop

    try:
        yield
    except NotArmed as error:
        if as_json:
            out.say(spell_json(explain_stop(error)))
        raise


for _verb in (enrol, health, join, send, status, revoke):
    command.add_command(_verb)


def _counting(frames: Any, advance: Any) -> Any:
    """Yield frames and move the progress bar."""
    for frame in frames:
        yield frame
        advance(1)


def list_summary(summary: "RunSummary") -> dict[str, Any]:
    """Return the contract's summary."""
    return {
        "vehicles": summary.vehicles,
        "occupants_seen": summary.occupants_seen,
        "captured": summary.captured,
        "matched": summary.matched,
        "frames": summary.frames,
        "dropped_frames": summary.dropped_frames,
        "fps": round(summary.fps, 1),
        "seconds": round(summary.seconds, 2),
    }
