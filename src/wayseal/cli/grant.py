"""`wayseal grant`: who signs the session grant of a shift. It begins with `wayseal release grant`, or with the sign-in at the console."""

from pathlib import Path

import click

from wayseal.cli.common import (
    FILE,
    NEW_FILE,
    json_option,
    passphrase_option,
    print_json,
    print_table,
    read_passphrase,
)
from wayseal.cli.export_parcel import folder_option, sign_ballot
from wayseal.cli.lazy import VerbGroup


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


@command.command()
@click.argument("grant")
@click.option("--out", type=NEW_FILE, help="Write what is signed, for `grant sign` elsewhere.")
@passphrase_option
@json_option
@click.pass_obj
def show(home: Path, grant: str, *, out: Path | None, passphrase_file: Path | None, as_json: bool) -> None:
    """Show GRANT: whose, for which lanes, until when, and who has signed it."""
    from wayseal.export.approval import Subject
    from wayseal.flow.consent import encode_ballot
    from wayseal.flow.countersign import show_matter
    from wayseal.station.exports import open_disclosure
    from wayseal.station.signing import describe_waiting, look_at
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        desk = open_disclosure(site)
        found = look_at(site, desk, Subject.GRANT, grant)
        if out is not None:
            out.write_bytes(encode_ballot(show_matter(desk, found.matter)))
    _print_grant(describe_waiting(found), as_json=as_json)


@command.command()
@click.argument("ballot", type=FILE)
@click.option("--name", required=True, help="The name with which the key was made.")
@folder_option
@click.option("--out", required=True, type=NEW_FILE, help="Where the approval goes.")
@click.option("--yes", is_flag=True, help="Sign without asking: the grant was read.")
@passphrase_option
def sign(
    ballot: Path, *, name: str, folder: Path, out: Path, yes: bool, passphrase_file: Path | None
) -> None:
    """As NAME, read BALLOT (from `grant show --out`) and sign it with the key in their folder."""
    from wayseal.export.approval import Subject
    from wayseal.flow.consent import decode_ballot
    from wayseal.ledger.entry import decode_entry

    read = decode_ballot(ballot.read_bytes(), Subject.GRANT)
    entry = decode_entry(read.manifest)
    rows = [
        (field, entry.get(field))
        for field in ("actor", "org", "lanes", "purpose", "time", "expires", "limit")
    ]
    print_table(f"Grant {read.export}", ("what", "value"), rows)
    sign_ballot(read, name, folder, out, yes=yes, passphrase_file=passphrase_file)


@command.command()
@click.argument("grant")
@click.option("--approval", required=True, type=FILE, help="What `grant sign` made.")
@passphrase_option
@json_option
@click.pass_obj
def approve(home: Path, grant: str, *, approval: Path, passphrase_file: Path | None, as_json: bool) -> None:
    """Hand in what its officer or a second person signed for GRANT. It counts at the keyroom from then on."""
    from wayseal.export.approval import Subject
    from wayseal.flow.countersign import countersign, find_matter
    from wayseal.station.exports import open_disclosure
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        desk = open_disclosure(site)
        matter = find_matter(desk, Subject.GRANT, grant)
        who, index = countersign(desk, matter, approval.read_bytes())
    _print_grant({"grant": matter.id, "signed_by": who.id, "approval_index": index}, as_json=as_json)


def _print_grant(shown: dict[str, object], *, as_json: bool) -> None:
    """Print one grant."""
    if as_json:
        print_json(shown)
    else:
        rows = [[name, value] for name, value in shown.items() if value not in (None, [], "")]
        print_table("Session grant", ["what", "value"], rows)
