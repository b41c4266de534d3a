"""`wayseal grant`: who signs the session grant of a shift. It begins with `wayseal release grant`, or with the sign-in at the console."""

from pathlib import Path

import click

from wayseal.cli.common import json_option, passphrase_option, print_json, print_table, read_passphrase
from wayseal.cli.lazy import VerbGroup
from wayseal.cli.signing import make_approve, make_decline, make_show, make_sign

_READ = ("actor", "org", "lanes", "purpose", "time", "expires", "limit")


@click.group(cls=VerbGroup)
def command() -> None:
    """Session grants: list those that wait, sign one as its officer or as a second person, hand it in."""


@command.command("list")
@passphrase_option
@json_option
@click.pass_obj
def list_command(home: Path, *, passphrase_file: Path | None, as_json: bool) -> None:
    """List the session grants in force, newest first, and whether somebody has signed them."""
    from wayseal.export.approval import Subject
    from wayseal.station.exports import open_disclosure
    from wayseal.station.signing import describe_waiting, list_matters
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        found = list_matters(site, open_disclosure(site), Subject.GRANT)
    rows = [describe_waiting(one) for one in found]
    if as_json:
        print_json(rows)
        return
    names = ("grant", "officer", "lanes", "purpose", "until", "state")
    shown = [[", ".join(row[name]) if name == "lanes" else row[name] for name in names] for row in rows]
    print_table("Session grants", list(names), shown)


for part in (
    make_show("grant", "show"), make_sign("grant", "sign", _READ), make_approve("grant", "approve"),
    make_decline("grant", "decline"),
):  # fmt: skip
    command.add_command(part)
