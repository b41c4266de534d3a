"""`wayseal keyroom`: the keyroom as a process of its own."""

import signal
import threading
from pathlib import Path

import click

from wayseal.cli.common import NOBODY_SIGNS, json_option, passphrase_option, print_json, read_passphrase
from wayseal.cli.lazy import VerbGroup
from wayseal.model.errors import Invalid


@click.group(cls=VerbGroup)
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
    from wayseal.station.site import keyroom_passphrase
    from wayseal.station.site_facts import read_facts

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
    """Put the site's rules in force, and let the clients speak for the roles that they name: after a change of policy/site.cedar.

    The keyroom must be stopped. The rules' digest and the new list are put on the ledger.
    """
    if not yes:
        raise Invalid("this changes the rules and for whom the clients may speak", hint="Add --yes to do it.")
    _renew(home, passphrase_file, None, as_json=as_json)


@command.command()
@click.option(
    "--witnesses",
    "policy_file",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A trust policy: the witnesses and how many must agree (tlog-policy).",
)
@passphrase_option
@click.option("--yes", is_flag=True, help="Do it.")
@json_option
@click.pass_obj
def trust(home: Path, policy_file: Path, passphrase_file: Path | None, *, yes: bool, as_json: bool) -> None:
    """Pin the witnesses whose cosignatures the keyroom wants: from then on officers open pictures under witnessed grants.

    The keyroom must be stopped. The policy's digest is put on the ledger.
    """
    if not yes:
        raise Invalid("this changes whose cosignatures the keyroom wants", hint="Add --yes to do it.")
    _renew(home, passphrase_file, policy_file.read_text(encoding="utf-8"), as_json=as_json)


def _renew(home: Path, passphrase_file: Path | None, witnesses: str | None, *, as_json: bool) -> None:
    """Write the keyroom's trust anew and show it."""
    from wayseal.ledger.reader import LedgerReader
    from wayseal.model.clock import utc_now
    from wayseal.station.appointing import count_appointed
    from wayseal.station.keyroom_server import renew_trust
    from wayseal.station.settings import load_settings
    from wayseal.station.site import keyroom_passphrase

    settings = load_settings(home)
    secret = keyroom_passphrase(settings, read_passphrase(passphrase_file))
    renewed = renew_trust(home, secret, settings, utc_now, witnesses=witnesses)
    policy = renewed.policy()
    named = [] if policy is None else sorted(policy.witnesses)
    listed = {client.name: sorted(client.roles) for client in renewed.clients.values()}
    appointed = count_appointed(LedgerReader(home / "ledger"))
    if named and not appointed:
        click.echo(NOBODY_SIGNS, err=True)
    if as_json:
        print_json({"clients": listed, "witnesses": named, "appointed": appointed})
        return
    for name, roles_of in sorted(listed.items()):
        click.echo(f"{name}: {', '.join(roles_of)}")
    click.echo(f"witnesses: {', '.join(named) or 'none: the keyroom takes the log at its own word'}")
