"""The verbs of a second person: `wayseal release show`, `sign` and `approve`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wayseal.cli.common import (
    FILE,
    NEW_FILE,
    json_option,
    passphrase_option,
    principal_option,
    print_json,
    print_table,
    read_passphrase,
)
from wayseal.cli.export_parcel import folder_option, sign_ballot
from wayseal.cli.signing import no_option, turn_down

if TYPE_CHECKING:
    from wayseal.model.custody import Release
    from wayseal.station.site import Site


@click.command()
@click.argument("release")
@click.option("--out", type=NEW_FILE, help="Write what a second person signs, for `release sign` elsewhere.")
@passphrase_option
@json_option
@click.pass_obj
def show(home: Path, release: str, *, out: Path | None, passphrase_file: Path | None, as_json: bool) -> None:
    """Show RELEASE with the proof that its intent is on the ledger. Nothing is opened."""
    from wayseal.flow.consent import encode_ballot
    from wayseal.flow.countersign import show_release
    from wayseal.station.exports import open_disclosure
    from wayseal.station.portal import open_portal
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        asked = find_release(site, release.upper())
        if out is not None:
            out.write_bytes(encode_ballot(show_release(open_disclosure(site), asked)))
        shown = open_portal(site, asked.principal, "officer", asked.purpose).describe_release(asked)
    print_release(shown, as_json=as_json)


@click.command()
@click.argument("ballot", type=FILE)
@click.option("--name", required=True, help="The name with which the key was made.")
@folder_option
@click.option("--out", required=True, type=NEW_FILE, help="Where the approval goes.")
@click.option("--yes", is_flag=True, help="Sign without asking: the release was read.")
@no_option
@passphrase_option
def sign(
    ballot: Path, *, name: str, folder: Path, out: Path, yes: bool, no: str | None, passphrase_file: Path | None
) -> None:  # fmt: skip
    """As the approver NAME, read BALLOT (from `release show --out`) and sign it with the key in their folder."""
    from wayseal.export.approval import Subject
    from wayseal.flow.consent import decode_ballot
    from wayseal.ledger.entry import decode_entry

    read = decode_ballot(ballot.read_bytes(), Subject.RELEASE)
    entry = decode_entry(read.manifest)
    rows = [(field, entry.get(field)) for field in ("object", "actor", "org", "purpose", "time")]
    print_table(f"Release {read.export}", ("what", "value"), rows)
    sign_ballot(turn_down(read, no), name, folder, out, yes=yes, passphrase_file=passphrase_file)


@click.command()
@click.argument("release")
@click.option(
    "--approval",
    type=FILE,
    help="What `release sign` made: wanted where witnesses are pinned, or by the settings.",
)
@principal_option
@passphrase_option
@json_option
@click.pass_obj
def approve(
    home: Path, release: str, *, approval: Path | None, who: str, role: str, passphrase_file: Path | None, as_json: bool
) -> None:  # fmt: skip
    """Approve another person's RELEASE: for bulk, after-hours and out-of-lane openings. You must have another role than theirs.

    Nothing is opened. The requester then opens it within the release's life. With --approval its signer approves, and
    --as and --role are not looked at.
    """
    from wayseal.flow.countersign import countersign_release
    from wayseal.station.exports import open_disclosure
    from wayseal.station.portal import open_portal
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        asked = find_release(site, release.upper())
        portal = open_portal(site, who, role, asked.purpose)
        if approval is None:
            index = portal.approve_release(asked)
        else:
            signer, index = countersign_release(open_disclosure(site), asked, approval.read_bytes())
            who = signer.id
        shown = portal.describe_release(asked)
        shown |= {"approved_by": who, "approval_index": index, "signed": approval is not None}
    print_release(shown, as_json=as_json)


def find_release(site: "Site", release: str) -> "Release":
    """Return a release. Raises `NoIntent` for an id that nobody has asked under."""
    from wayseal.model.errors import NoIntent, NotFound
    from wayseal.model.ids import check_ulid

    try:
        return site.opener.find(check_ulid(release))
    except NotFound:
        raise NoIntent("there is no intent on the ledger for that") from None


def print_release(shown: dict[str, Any], *, as_json: bool) -> None:
    """Print a release."""
    if as_json:
        print_json(shown)
        return
    for name in ("release", "record", "purpose", "ledger_index", "expires_at"):
        click.echo(f"{name:14}{shown[name]}")
    click.echo(
        f"{'proof':14}entry {shown['proof']['index']} of {shown['proof']['size']}, verifiable offline (--json)"
    )
