"""`wayseal egress`: removable media at this host: write what refuses them, check it, and watch what is plugged in."""

import signal
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from wayseal.cli.common import csv_option, json_option, passphrase_option, print_csv, print_json, print_table
from wayseal.cli.egress_media import media_command
from wayseal.cli.lazy import VerbGroup
from wayseal.cli.sheets import HEADINGS

_ROOT = click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path("/"),
    show_default=True,
    help="The host's root; another one for an image or a trial.",
)
_DEVICE = click.option("--device", default="this-host", show_default=True, help="Equipment id of this host.")


@click.group(cls=VerbGroup)
def command() -> None:
    """Removable media at this host: write what refuses them, check it, and watch what is plugged in."""


command.add_command(media_command)


@command.group()
def guard() -> None:
    """The host's policy on removable media: kernel, modprobe, udev and USBGuard."""


@guard.command()
@_ROOT
@click.option("--yes", is_flag=True, help="Write without asking. Without it the plan is shown first.")
@click.option(
    "--media", is_flag=True, help="Let in the site's registered media; needs the site's passphrase."
)
@passphrase_option
@json_option
@click.pass_obj
def write(
    home: Path, *, root: Path, yes: bool, media: bool, passphrase_file: Path | None, as_json: bool
) -> None:
    """Write the policy's files below the root; those that say so already stay as they are.

    On `/` the answer lists what has to be run afterwards; this command runs nothing. With --media those of the register
    whose time has not ended are let in, each by its serial, product and port; `egress guard watch` ends them in time.
    """
    from wayseal.assess.egress_policy import FOLLOW_UP, guard_files, plan_guard, write_guard
    from wayseal.model.clock import utc_now

    live = _read_register(home, passphrase_file) if media else []
    plan = plan_guard(root, guard_files(live, utc_now()))
    rows = [{"file": f"/{one.path}", "state": one.state} for one in plan]
    if not as_json:
        print_table(
            f"Removable media policy below {root}", ["file", "state"], [list(row.values()) for row in rows]
        )
    if not yes:
        click.confirm("Write them?", abort=True, err=True)
    written = write_guard(root, plan)
    follow_up = [{"run": run, "why": why} for run, why in FOLLOW_UP] if root == Path("/") and written else []
    if as_json:
        print_json(
            {"root": str(root), "files": rows, "written": written, "media": len(live), "run": follow_up}
        )
    elif follow_up:
        print_table("Run these now, as root", ["run", "why"], [list(step.values()) for step in follow_up])


def _read_register(home: Path, passphrase_file: Path | None) -> list[Any]:
    """Return the media that the site's register has in force."""
    from wayseal.cli.common import read_passphrase
    from wayseal.station.site import open_site
    from wayseal.station.tickets import list_admitted

    with open_site(home, read_passphrase(passphrase_file)) as site:
        return list_admitted(site)


@guard.command()
@_ROOT
@json_option
def check(*, root: Path, as_json: bool) -> None:
    """Check the policy: its files are as written, and probes 1 to 4 pass on this host. Exit code 1 otherwise."""
    from wayseal.station.ports import check_guard

    rows = check_guard(root)
    if as_json:
        print_json(
            {
                "root": str(root),
                "ok": all(row["result"] in ("pass", "not_applicable") for row in rows),
                "checks": rows,
            }
        )
    else:
        print_table("Removable media", ["check", "result", "reason"], [list(row.values()) for row in rows])
    raise SystemExit(0 if all(row["result"] in ("pass", "not_applicable") for row in rows) else 1)


@guard.command()
@_DEVICE
@_ROOT
@click.option(
    "--pace", type=click.IntRange(1, 3600), default=300, show_default=True, help="Seconds between beats."
)
@click.option("--seconds", type=click.IntRange(min=1), help="Stop by itself after so many seconds.")
@json_option
@click.pass_obj
def watch(home: Path, *, device: str, root: Path, pace: int, seconds: int | None, as_json: bool) -> None:
    """Watch what is plugged in until stopped: each event goes on the ledger, and so does that the watch lives.

    Needs root, and no passphrase. In a lane's home without a ledger the entries wait in a queue. Media that were let in
    are taken out when their time is over.
    """
    from wayseal.model.clock import utc_now
    from wayseal.model.ids import check_name
    from wayseal.station.ports import watch_ports

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if seconds is not None:
        threading.Timer(seconds, stop.set).start()

    def tell(count: int) -> None:
        print_json({"events": count}) if as_json else click.echo(f"{count} device events on the ledger")

    click.echo("watching", err=True)
    total = watch_ports(
        home, check_name(device, what="equipment id"), utc_now, stop, root=root, pace=timedelta(seconds=pace), on_event=tell
    )  # fmt: skip
    if as_json:
        print_json({"summary": {"events": total}})


@guard.command()
@_DEVICE
@csv_option
@json_option
@click.pass_obj
def status(home: Path, *, device: str, as_csv: bool, as_json: bool) -> None:
    """Say when nobody watched a host's ports, from the ledger alone. Exit code 1 where a silence is not over."""
    from wayseal.flow.egress import list_silences
    from wayseal.ledger.reader import LedgerReader
    from wayseal.model.clock import to_text, utc_now

    found = list_silences(LedgerReader(home / "ledger"), device, utc_now())
    rows = [
        {
            "device": one.device, "since": to_text(one.since), "until": None if one.until is None else to_text(one.until),
            "reason": one.reason, "missed": one.missed,
        }
        for one in found
    ]  # fmt: skip
    if as_json:
        print_json(rows)
    elif as_csv:
        print_csv(rows, HEADINGS["egress guard status"])
    else:
        print_table(
            "Silences", ["device", "since", "until", "reason", "missed"], [list(row.values()) for row in rows]
        )
    raise SystemExit(1 if any(one.until is None for one in found) else 0)
