"""`wayseal demo`: the main job from an empty directory to a table, on a rendered lane video."""

import json
import secrets
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from wayseal.cli.common import print_table, show_progress
from wayseal.cli.demo_breach import command as breach
from wayseal.cli.lazy import VerbGroup

if TYPE_CHECKING:
    from wayseal.model.border import Encounter
    from wayseal.station.site import Site

LANE, GALLERY, OFFICER = "lane1", "demo", "demo-officer"
SHORTEST = 5  # letters of a plate that are not found by chance


@click.group(cls=VerbGroup)
def command() -> None:
    """See what the program does, on a home of its own."""


command.add_command(breach)


@command.command()
@click.option("--work", type=click.Path(path_type=Path, file_okay=False), default=Path(".cache/demo"), show_default=True,
              help="Where the rendered video and the passphrase file go.")  # fmt: skip
@click.option(
    "--faces", type=click.Path(path_type=Path), help="CSV of faces; default: two public-domain portraits."
)
@click.pass_obj
def lane(home: Path, *, work: Path, faces: Path | None) -> None:
    """Render a lane video, run it through the whole line, and show what was seen, sealed and forgotten."""
    from wayseal.station.site import open_site

    work.mkdir(parents=True, exist_ok=True)
    click.echo("1. A lane video, rendered from public pictures")
    video, gallery = _render(work, faces)
    click.echo(f"2. A test site in {home}")
    secret = _make_home(home, work / "passphrase")
    with open_site(home, secret) as site:
        click.echo("3. The gallery: travellers known beforehand")
        _enrol(site, gallery)
        click.echo("4. The lane: see, seal, match, record")
        seen = _run_lane(site, video)
    _show_vehicles(seen, json.loads(video.with_suffix(".json").read_text(encoding="utf-8")))
    click.echo("5. What lies on the disk, and what an officer may see")
    with open_site(home, secret) as site:
        _show_custody(site, seen)
    click.echo("6. Thirteen hours later, on a copy of this home")
    _show_forgetting(home, secret, seen)
    _show_next(home, work, video)


def _render(work: Path, faces: Path | None) -> tuple[Path, Path]:
    """Return the demonstration's video and gallery list, rendered now unless they are there."""
    from wayseal.testing.lane import (
        count_frames,
        load_carried,
        make_scene,
        read_people,
        render_video,
        write_gallery,
    )

    video, gallery = work / "lane.mp4", work / "gallery.csv"
    if not (video.exists() and video.with_suffix(".json").exists()):
        people = read_people(faces) if faces and faces.exists() else load_carried()
        scene = make_scene("demo", people, seed=0, seconds=0.0)
        write_gallery(scene, gallery)
        with show_progress("rendering", count_frames(scene)) as advance:
            render_video(scene, video, advance)
    click.echo(f"   {video}")
    return video, gallery


def _make_home(home: Path, file: Path) -> bytes:
    """Return the passphrase of the demonstration's home, made now unless it is there."""
    from wayseal.station.site import init_site
    from wayseal.station.site_facts import SITE_FILE

    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(16), encoding="ascii")
    secret = file.read_bytes()
    if not (home / SITE_FILE).exists():
        init_site(home, secret, evaluation=True, name="demo-port", organisation="demo-agency")
    return secret


def _enrol(site: "Site", gallery: Path) -> None:
    """Enrol the travellers of the list."""
    from wayseal.station.galleries import import_list

    with show_progress("enrolling", None) as advance:
        report = import_list(site, gallery, GALLERY, advance=advance)
    click.echo(f"   {report.travellers} travellers enrolled from {report.enrolled} pictures.")
    click.echo(
        "   Each has one photograph, which the video shows too: this demonstrates the line, not accuracy."
    )
    click.echo("   Accuracy is measured on other data: wayseal evaluate, docs/explanation.")


def _run_lane(site: "Site", video: Path) -> "list[Encounter]":
    """Run the video through the lane and return its encounters."""
    from wayseal.station.assemble import open_one_host
    from wayseal.vision.frames import open_source

    seen: list[Encounter] = []
    host = open_one_host(site, LANE, gallery=GALLERY, direction=None, on_encounter=seen.append)
    with (
        open_source(str(video), clock=site.clock) as frames,
        show_progress("frames", frames.frames_total) as advance,
    ):
        summary = host.run(_step(frames, advance))
    click.echo(f"   {summary.frames} frames at {summary.fps:.0f} a second, {summary.vehicles} vehicles.")
    return seen


def _step(frames: Any, advance: Any) -> Any:
    """Yield frames and move the progress bar."""
    for frame in frames:
        yield frame
        advance(1)


def _show_vehicles(seen: "list[Encounter]", truth: dict[str, Any]) -> None:
    """Print vehicles and occupants beside what the renderer knows."""
    known = sorted(truth["vehicles"], key=lambda vehicle: vehicle["t_capture_s"])
    rows: list[list[Any]] = []
    for number, encounter in enumerate(seen):
        vehicle = known[number] if number < len(known) else {"plate": None, "occupants": []}
        seats = {person["seat"].replace("middle", "centre"): person for person in vehicle["occupants"]}
        plate = None if encounter.plate is None else encounter.plate.text
        rows.append([number + 1, "plate", plate, None, (vehicle["plate"] or {}).get("text")])
        rows += [
            [
                None, person.seat.value.replace("_", " "), person.outcome.value.replace("_", " "),
                f"{person.candidates[0].traveller} {person.candidates[0].score:.2f}" if person.candidates else None,
                _tell_truth(seats.get(person.seat.value)),
            ]
            for person in encounter.occupants
        ]  # fmt: skip
    print_table(
        "What the lane saw", ["vehicle", "who", "answer", "best candidate", "the renderer knows"], rows
    )


def _tell_truth(person: dict[str, Any] | None) -> str:
    """Return what the renderer put on a seat."""
    if person is None:
        return "nobody"
    return f"{person['identity']}, {'enrolled' if person['enrollable'] else 'not enrolled'}"


def _show_custody(site: "Site", seen: "list[Encounter]") -> None:
    """Open one picture as an officer would, decide, and look for plaintext in the home."""
    from wayseal.model.border import Verdict
    from wayseal.model.ids import RecordId
    from wayseal.retention.needles import Needles
    from wayseal.retention.residue import scan
    from wayseal.station.portal import open_portal

    portal = open_portal(site, OFFICER, "officer")
    captured = [(one, person) for one in seen for person in one.occupants if person.record is not None]
    if captured:
        encounter, person = captured[0]
        release = portal.request_release(RecordId(person.record or ""))
        picture = portal.open_release(release)
        click.echo(
            f"   Opened one picture ({len(picture)} bytes, in memory) under ledger entry {release.ledger_index}."
        )
        row = portal.crossings(encounter.id)[person.seat]
        if row.decision is None:
            portal.decide(
                encounter.id, person.seat, verdict=Verdict.ADMIT, reason="demonstration", traveller=None
            )
            click.echo(
                f"   Decided: admit the {person.seat.value.replace('_', ' ')}; the crossing record holds no picture."
            )
    plates = tuple(
        one.plate.text for one in seen if one.plate is not None and len(one.plate.text) >= SHORTEST
    )
    found = scan([site.home], Needles(texts=plates))
    size = found.scanned_bytes / 1e6
    click.echo(
        f"   Searched {size:.1f} MB of this home for pictures, plates and keys in the clear: {len(found.findings)} found."
    )
    site.sign_checkpoint()
    click.echo(f"   The ledger has {site.ledger.size} entries and is signed.")


def _show_forgetting(home: Path, secret: bytes, seen: "list[Encounter]") -> None:
    """Erase what is due on a copy of the home, and try to open a picture there."""
    from wayseal.flow.erase import erase_due
    from wayseal.model.errors import Erased
    from wayseal.station.portal import open_portal
    from wayseal.station.site import open_site

    with tempfile.TemporaryDirectory(prefix="wayseal-demo-") as folder:
        copy = Path(folder) / "home"
        shutil.copytree(home, copy)
        with open_site(copy, secret) as site:
            later = site.clock() + timedelta(hours=13, minutes=1)
            gone = erase_due(site.eraser, as_of=later)
            click.echo(
                f"   {sum(one.records for one in gone)} sealed records erased with {len(gone)} epoch key{'' if len(gone) == 1 else 's'}."
            )
            records = [person.record for one in seen for person in one.occupants if person.record is not None]
            for record in records[:1]:
                try:
                    open_portal(site, OFFICER, "officer").request_release(record)
                except Erased as error:
                    click.echo(
                        f"   Opening the same picture there: {error}. Crossing records stay, without pictures."
                    )


def _show_next(home: Path, work: Path, video: Path) -> None:
    """Say where everything is."""
    click.echo("")
    click.echo(f"Home directory: {home.resolve()}")
    click.echo(f"Passphrase:     {(work / 'passphrase').resolve()}")
    click.echo(f"Video:          {video.resolve()}")
    click.echo("Console:        make serve          (the officer's screen, on loopback)")
    where, secret = quote(str(home)), quote(str(work / "passphrase"))
    click.echo(f"Look around:    export WAYSEAL_HOME={where} WAYSEAL_PASSPHRASE_FILE={secret}")
    click.echo("                .venv/bin/wayseal encounter list")
    click.echo("                .venv/bin/wayseal crossing list")
    click.echo("                .venv/bin/wayseal ledger verify")
    click.echo("                .venv/bin/wayseal retention plan")
