"""`wayseal lane` where lane and centre are different computers: enrol, join, send, revoke, and the run itself."""

import shlex
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wayseal.cli.common import (
    json_option,
    passphrase_option,
    print_json,
    print_table,
    read_passphrase,
    show_progress,
    spell_json,
)
from wayseal.cli.voices import Voice, speaking
from wayseal.model.errors import Invalid, NotArmed, Unavailable

if TYPE_CHECKING:
    from wayseal.station.carrier_link import CarrierLink
    from wayseal.station.remote_lane import LaneSummary, RemoteLane

_DIRECTION = click.Choice(["entry", "exit"])


@click.command()
@click.option("--lane", required=True, help="Lane id.")
@click.option("--direction", type=_DIRECTION, help="Which way the lane leads; by default its settings'.")
@click.option(
    "--centre",
    metavar="HOST:PORT",
    help="How the lane reaches this centre; by default the settings' address.",
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="Where the join file goes."
)
@passphrase_option
@json_option
@click.pass_obj
def enrol(
    home: Path, *, lane: str, direction: str | None, centre: str | None, out: Path, passphrase_file: Path | None, as_json: bool
) -> None:  # fmt: skip
    """At the centre: write a join file for a new lane computer. It is a secret, good for one computer and one day."""
    from wayseal.model.border import Direction
    from wayseal.seal.keys.durable import write_file
    from wayseal.station.centre_run import invite_lane
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        way = None if direction is None else Direction(direction)
        data = invite_lane(site, lane, direction=way, address=centre or site.settings.carrier.listen)
        fingerprint = site.charters.first_fingerprint
        hours = site.settings.carrier.join_hours
    write_file(out, data)
    if as_json:
        print_json({"lane": lane, "file": str(out), "hours": hours, "fingerprint": fingerprint})
        return
    click.echo(
        f"Join file for lane {lane}: {out}. Good for {hours:g} hours and one computer; keep it secret."
    )
    click.echo(f"Charter fingerprint, to compare at the lane: {fingerprint}")
    click.echo("At the lane computer: wayseal --home DIR lane join FILE --fingerprint FINGERPRINT")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--centre", metavar="HOST:PORT", help="The centre's address, where it is not the file's.")
@click.option(
    "--fingerprint", help="The first charter's, as the centre's people read it out; refused when it differs."
)
@passphrase_option
@json_option
@click.pass_obj
def join(
    home: Path, file: Path, *, centre: str | None, fingerprint: str | None, passphrase_file: Path | None, as_json: bool
) -> None:  # fmt: skip
    """At the lane computer: make its keys, and become the lane of a join FILE. May be repeated after a lost answer."""
    from wayseal.station.join_file import decode_join_file
    from wayseal.station.lane_home import join_lane

    data = file.read_bytes()
    found = decode_join_file(data).facts.fingerprint
    if fingerprint is not None and fingerprint != found:
        raise Invalid(
            "the join file's charter has another fingerprint", hint="Do not use this file; ask for another."
        )
    facts = join_lane(home, data, read_passphrase(passphrase_file, confirm=True), centre=centre)
    if as_json:
        print_json({"lane": facts.lane, "home": str(home), "centre": facts.centre, "fingerprint": found})
        return
    click.echo(
        f"This is lane {facts.lane} now, of the centre at {facts.centre}; its charter begins with {found}."
    )
    where = shlex.quote(str(home))
    click.echo(
        f"Delete the join file. Then: wayseal --home {where} lane run --lane {facts.lane} --source CAMERA"
    )


@click.command()
@click.option(
    "--centre", metavar="HOST:PORT", help="The centre's address, where it is not the one of the join file."
)
@click.option("--within", default=60.0, show_default=True, help="Seconds to try.")
@passphrase_option
@json_option
@click.pass_obj
def send(
    home: Path, *, centre: str | None, within: float, passphrase_file: Path | None, as_json: bool
) -> None:
    """At the lane computer: deliver what waits in the outbox, without a camera. Exit code 5 while something still waits."""
    from wayseal.station.lane_home import open_lane_home
    from wayseal.station.remote_lane import send_waiting

    with (
        open_lane_home(home, read_passphrase(passphrase_file)) as lane,
        closing(lane.open_link(centre or lane.facts.centre)) as link,
    ):
        summary = send_waiting(lane, link, within_s=within)
    with speaking() as (out, errors):
        _tell_summary(summary, link, out, errors, as_json=as_json)
    if summary.problem is not None:
        raise summary.problem
    if summary.waiting:
        raise Unavailable(
            f"{summary.waiting} records still wait", hint="They stay sealed in the outbox; try again."
        )


@click.command()
@click.option(
    "--centre", metavar="HOST:PORT", help="The centre's address, where it is not the one of the join file."
)
@passphrase_option
@json_option
@click.pass_obj
def status(home: Path, *, centre: str | None, passphrase_file: Path | None, as_json: bool) -> None:
    """At the lane computer: say what waits, whether the lane is armed, and whether the centre answers (exit code 1 if not)."""
    from wayseal.station.lane_home import open_lane_home
    from wayseal.station.remote_lane import read_status

    with (
        open_lane_home(home, read_passphrase(passphrase_file)) as lane,
        closing(lane.open_link(centre or lane.facts.centre)) as link,
    ):
        told = read_status(lane, link)
    if as_json:
        print_json(told)
    else:
        print_table(
            "Lane", ("what", "now"), [(name.replace("_", " "), _in_words(one)) for name, one in told.items()]
        )
    if told["problem"] is not None or told["disarmed"] is not None:
        raise click.exceptions.Exit(1)


def _in_words(value: Any) -> Any:
    """Return a value for people: a table's cells on one line."""
    return ", ".join(f"{name} {one}" for name, one in value.items()) if isinstance(value, dict) else value


@click.command()
@click.option("--lane", required=True, help="Lane id.")
@click.option("--yes", is_flag=True, help="Do it.")
@passphrase_option
@json_option
@click.pass_obj
def revoke(home: Path, *, lane: str, yes: bool, passphrase_file: Path | None, as_json: bool) -> None:
    """At the centre: let a lane computer in no more, and give it no next key. A new join file enrols it again."""
    from wayseal.station.centre_run import open_register
    from wayseal.station.site import open_site

    if not yes:
        raise Invalid(f"this locks out the computer of lane {lane}", hint="Add --yes to do it.")
    with open_site(home, read_passphrase(passphrase_file)) as site:
        entry = open_register(site).revoke(lane)
    if as_json:
        print_json({"lane": entry.lane, "state": entry.state})
    else:
        click.echo(f"Lane {entry.lane} is {entry.state}.")


def run_remote(
    home: Path, out: Voice, errors: Voice, *, source: str, lane: str, centre: str | None, drain: float,
    passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Run the lane whose home this is; its centre is elsewhere. Sealing and delivering wait for no reader."""
    from wayseal.station.lane_home import open_lane_home
    from wayseal.station.optics import lane_optics
    from wayseal.station.remote_lane import RemoteLane, explain_stop
    from wayseal.vision.capture import LaneCapture
    from wayseal.vision.networks import load_networks

    def tell(line: dict[str, Any]) -> None:
        out.say(spell_json(line) if as_json else _describe_seen(line))

    with open_lane_home(home, read_passphrase(passphrase_file)) as opened:
        if opened.facts.lane != lane:
            raise Invalid(
                f"this home is lane {opened.facts.lane}'s", hint="Give that lane, or another --home."
            )
        settings = opened.settings
        chosen = settings.match
        networks = load_networks(model=chosen.model, second=chosen.second_model)
        capture = LaneCapture(networks, lane_optics(settings.lane(lane)))
        with closing(opened.open_link(centre or opened.facts.centre)) as link:
            try:
                running = RemoteLane(opened, link, capture, tell)
                _run_stream(running, errors, source, lane, drain)
            except NotArmed as error:
                if as_json:
                    out.say(spell_json(explain_stop(error)))
                raise
    _tell_summary(running.summary, link, out, errors, as_json=as_json)


def _run_stream(running: "RemoteLane", errors: Voice, source: str, lane: str, drain: float) -> None:
    """Let a stream pass a lane that is ready."""
    from wayseal.model.clock import utc_now
    from wayseal.vision.frames import count_lost, open_source

    with (
        open_source(source, clock=utc_now) as frames,
        show_progress(f"lane {lane}", frames.frames_total) as advance,
    ):
        try:
            running.run(_step(frames, advance), drain_s=drain)
        finally:
            running.summary.dropped_frames = frames.counts.dropped
        lost = count_lost(frames)
    if lost:
        errors.say(f"warning: {lost} pictures of the stream were damaged or missing")


def _step(frames: Any, advance: Any) -> Any:
    """Yield frames and move the progress bar."""
    for frame in frames:
        yield frame
        advance(1)


def _tell_summary(
    summary: "LaneSummary", link: "CarrierLink", out: Voice, errors: Voice, *, as_json: bool
) -> None:
    """Say what a run did; on `errors`, what still waits and why."""
    told = {
        "vehicles": summary.vehicles,
        "occupants_seen": summary.occupants_seen,
        "captured": summary.captured,
        "matched": None,
        "frames": summary.frames,
        "dropped_frames": summary.dropped_frames,
        "fps": round(summary.frames / summary.seconds, 1) if summary.seconds else 0.0,
        "seconds": round(summary.seconds, 2),
        "delivered": summary.delivered,
        "waiting": summary.waiting,
        "refused": len(summary.refused),
        "expired": summary.expired,
    }
    seen = link.negotiated
    tls = None if seen is None else {"protocol": seen.protocol, "cipher": seen.cipher, "group": seen.group}
    if as_json:
        out.say(spell_json({"summary": {**told, "tls": tls}}))
    else:
        out.say("  ".join(f"{name} {value}" for name, value in told.items() if value is not None))
        out.say(
            "no connection to the centre" if seen is None else f"{seen.protocol} {seen.cipher} {seen.group}"
        )
    for encounter, error in summary.refused.items():
        errors.say(f"warning: the centre does not take {encounter}: {error}")
    if summary.waiting:
        why = "" if summary.problem is None else f": {summary.problem}"
        errors.say(f"warning: {summary.waiting} sealed records wait in the outbox{why}")


def _describe_seen(line: dict[str, Any]) -> str:
    """Return one vehicle for people: what was seen, and nobody's name."""
    speed = "" if line["speed_mph"] is None else f", {line['speed_mph']:.0f} mph"
    plate = "plate read" if line["plate_read"] else "no plate read"
    return f"{line['time']}  {plate}  {line['occupants_seen']} seen{speed}  {line['encounter']}"
