"""`wayseal keyroom`: the keyroom as a process of its own."""

import signal
import threading
from pathlib import Path

import click

from wayseal.cli.common import json_option, passphrase_option, print_json, read_passphrase


@click.group()
def command() -> None:
    """The room that holds the keys of sealed records, in a process of its own."""


@command.command()
@passphrase_option
@json_option
@click.pass_obj
def run(home: Path, passphrase_file: Path | None, *, as_json: bool) -> None:
    """Hold this home's keys and answer its other commands over a local socket, until told to stop.

    Other commands find it by themselves and need the keyroom's passphrase no more.
    """
    from wayseal.model.clock import utc_now
    from wayseal.station.keyroom_server import open_server
    from wayseal.station.settings import load_settings
    from wayseal.station.site import keyroom_passphrase, read_facts

    read_facts(home)
    settings = load_settings(home)
    secret = keyroom_passphrase(settings, read_passphrase(passphrase_file))
    with open_server(home, secret, settings, utc_now) as server:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        names = sorted(server.trust.clients)
        if as_json:
            print_json({"listening": True, "clients": names})
        else:
            click.echo(f"The keyroom listens for {', '.join(names)}. Stop it with Ctrl-C.")
        server.serve_forever(poll_interval=0.2)


@command.command()
@passphrase_option
@click.option("--yes", is_flag=True, help="Do it.")
@json_option
@click.pass_obj
def roles(home: Path, passphrase_file: Path | None, *, yes: bool, as_json: bool) -> None:
    """Let the clients speak for the roles that the site's policy names now: after a change of policy/site.cedar.

    The keyroom must be stopped. The new list is put on the ledger.
    """
    from wayseal.model.clock import utc_now
    from wayseal.model.errors import Invalid
    from wayseal.station.keyroom_server import renew_roles
    from wayseal.station.settings import load_settings
    from wayseal.station.site import keyroom_passphrase

    if not yes:
        raise Invalid("this changes for whom the keyroom's clients may speak", hint="Add --yes to do it.")
    settings = load_settings(home)
    secret = keyroom_passphrase(settings, read_passphrase(passphrase_file))
    trust = renew_roles(home, secret, settings, utc_now)
    listed = {client.name: sorted(client.roles) for client in trust.clients.values()}
    if as_json:
        print_json({"clients": listed})
        return
    for name, named in sorted(listed.items()):
        click.echo(f"{name}: {', '.join(named)}")
