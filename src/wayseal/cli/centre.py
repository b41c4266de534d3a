"""`wayseal centre`: the centre as a process that lanes on other hosts deliver to."""

import signal
import threading
from pathlib import Path

import click

from wayseal.cli.common import json_option, passphrase_option, print_json, read_passphrase, spell_json
from wayseal.cli.lazy import VerbGroup
from wayseal.cli.voices import Voice, speaking

_COUNTED = ("vehicles", "occupants_seen", "captured", "matched")
"""What a centre counts for people to read; frames are the lanes'."""


@click.group(cls=VerbGroup)
def command() -> None:
    """Take in what lanes on other hosts deliver, and answer it."""


@command.command()
@click.option(
    "--listen", metavar="HOST:PORT", help="Where to wait for lanes; by default the settings' address."
)
@click.option("--gallery", help="Gallery searched for lanes whose settings name none.")
@passphrase_option
@json_option
@click.pass_obj
def run(
    home: Path, *, listen: str | None, gallery: str | None, passphrase_file: Path | None, as_json: bool
) -> None:
    """Wait for lanes, take in their sealed records, and answer each vehicle, until told to stop.

    With --json: first {"listening"}, then one line a vehicle as `lane run` prints it on one host, last the summary. Without, plates
    and travellers are named on a terminal only. The lanes are told none of it. Whoever reads the output too slowly misses
    lines; vehicles are answered all the same.
    """
    with speaking() as (out, errors):
        _serve(
            home, out, errors, listen=listen, gallery=gallery, passphrase_file=passphrase_file, as_json=as_json
        )  # fmt: skip


def _serve(
    home: Path, out: Voice, errors: Voice, *, listen: str | None, gallery: str | None, passphrase_file: Path | None, as_json: bool
) -> None:  # fmt: skip
    """Serve until told to stop, saying what is answered on `out` and what lanes do wrong on `errors`."""
    from wayseal.cli.lane import list_summary
    from wayseal.cli.vehicle_lines import tell_vehicles
    from wayseal.station.at_work import at_work
    from wayseal.station.centre_run import open_centre_server
    from wayseal.station.site import open_site
    from wayseal.station.steady import Overseer, Publisher, Sweeper

    tell = tell_vehicles(out, errors, as_json=as_json)

    def warn(text: str) -> None:
        errors.say(f"warning: {text}")

    with open_site(home, read_passphrase(passphrase_file)) as site:
        address = listen or site.settings.carrier.listen
        site.keyroom  # noqa: B018 - a keyroom that does not answer is found now, not with the first vehicle
        with (
            open_centre_server(site, address, gallery=gallery, on_encounter=tell, warn=warn) as (
                server,
                answers,
            ),
            Publisher(site),
            Sweeper(site),
            at_work(home),
            Overseer(site),
        ):
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
            host, port = server.server_address[:2]
            where = f"{host if isinstance(host, str) else host.decode()}:{port}"
            waits = f"The centre waits for lanes at https://{where}. Stop it with Ctrl-C."
            out.say(spell_json({"listening": where}) if as_json else waits)
            server.serve_forever(poll_interval=0.2)
        seen = server.negotiated
    summary = list_summary(answers.summary)
    if as_json:
        tls = (
            None if seen is None else {"protocol": seen.protocol, "cipher": seen.cipher, "group": seen.group}
        )
        last = {**summary, "deliveries": server.desk.counts.deliveries, "tls": tls, "unread": out.dropped}
        out.say(spell_json({"summary": last}))
    else:
        out.say("  ".join(f"{name} {summary[name]}" for name in _COUNTED))


@command.command()
@json_option
@passphrase_option
@click.pass_obj
def lanes(home: Path, *, passphrase_file: Path | None, as_json: bool) -> None:
    """List the lanes on other hosts that this centre knows."""
    from wayseal.cli.common import print_table
    from wayseal.station.centre_run import open_register
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        rows = [
            {
                "lane": one.lane,
                "state": one.state,
                "direction": one.direction.value,
                "device": one.device or None,
            }
            for one in open_register(site).entries()
        ]
    if as_json:
        print_json(rows)
    else:
        print_table("Lanes", ("lane", "state", "direction", "device"), [list(row.values()) for row in rows])
