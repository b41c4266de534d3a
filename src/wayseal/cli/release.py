"""`wayseal release`: open one sealed record, for a purpose, after the ledger knows."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wayseal.cli.common import (
    NOBODY_SIGNS,
    json_option,
    passphrase_option,
    principal_option,
    print_json,
    read_passphrase,
)
from wayseal.cli.lazy import VerbGroup
from wayseal.cli.release_approval import approve, find_release, print_release, show, sign
from wayseal.cli.signing import make_decline

if TYPE_CHECKING:
    from wayseal.model.custody import Purpose


@click.group(cls=VerbGroup)
def command() -> None:
    """Open one record: request writes the intent on the ledger, open uses it once."""


for part in (show, sign, approve, make_decline("release", "decline")):
    command.add_command(part)


@command.command()
@click.argument("record")
@click.option("--purpose", required=True, help="Why, such as primary_inspection or traveller_request.")
@principal_option
@passphrase_option
@json_option
@click.pass_obj
def request(
    home: Path, record: str, *, purpose: str, who: str, role: str, passphrase_file: Path | None, as_json: bool
) -> None:
    """Write the intent to open RECORD on the ledger. Nothing is opened yet."""
    from wayseal.model.ids import RecordId, check_ulid
    from wayseal.station.portal import open_portal
    from wayseal.station.site import open_site

    reason = _read_purpose(purpose)
    with open_site(home, read_passphrase(passphrase_file)) as site:
        portal = open_portal(site, who, role, reason)
        granted = portal.request_release(RecordId(check_ulid(record)))
        shown = portal.describe_release(granted)
    print_release(shown, as_json=as_json)


@command.command()
@click.argument("release")
@click.option("--to-stdout", is_flag=True, help="Write the plaintext to a pipe. It is then in your hands.")
@principal_option
@passphrase_option
@json_option
@click.pass_obj
def open(  # noqa: A001 - the contract's verb
    home: Path,
    release: str,
    *,
    to_stdout: bool,
    who: str,
    role: str,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Use RELEASE once. The plaintext stays in memory unless it goes down a pipe."""
    from wayseal.station.portal import open_portal
    from wayseal.station.site import open_site

    if to_stdout and (as_json or sys.stdout.isatty()):
        raise click.UsageError("--to-stdout writes to a pipe, and not together with --json")
    with open_site(home, read_passphrase(passphrase_file)) as site:
        granted = find_release(site, release)
        portal = open_portal(site, who, role, granted.purpose)
        body = portal.open_release(granted)
        shown = portal.describe_release(granted) | {"bytes": len(body)}
    if to_stdout:
        sys.stdout.buffer.write(body)
    else:
        print_release(shown, as_json=as_json)


@command.command()
@click.option("--lane", "lanes", multiple=True, required=True, help="A lane of the shift. Repeat for more.")
@click.option("--purpose", default="primary_inspection", show_default=True, help="What for.")
@click.option("--hours", type=click.FloatRange(min=0, min_open=True), help="Shorter than a whole shift.")
@principal_option
@passphrase_option
@json_option
@click.pass_obj
def grant(
    home: Path, *, lanes: tuple[str, ...], purpose: str, hours: float | None, who: str, role: str,
    passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Begin a shift: a session grant for these lanes, on the ledger and cosigned where the site has witnesses.

    Where people's word counts with their signature only, it opens pictures when its officer or a second person has signed it: wayseal grant.
    """
    from wayseal.model.clock import to_text
    from wayseal.station.appointing import count_appointed
    from wayseal.station.shift import begin_shift
    from wayseal.station.site import open_site

    reason = _read_purpose(purpose)
    with open_site(home, read_passphrase(passphrase_file)) as site:
        shift = begin_shift(site, site.principal(who, role), lanes, purpose=reason, hours=hours)
        if shift.must_sign and not count_appointed(site.ledger):
            click.echo(NOBODY_SIGNS, err=True)
    shown = {
        "grant": shift.id, "lanes": sorted(shift.lanes), "purpose": reason.value, "expires": to_text(shift.ends),
        "ledger_index": shift.ledger_index, "witnessed": shift.witnessed, "signed": not shift.must_sign,
    }  # fmt: skip
    if as_json:
        print_json(shown)
        return
    for name, value in shown.items():
        click.echo(f"{name:14}{', '.join(value) if isinstance(value, list) else value}")


@command.command("list")
@click.option("--record", help="Only releases of this record.")
@passphrase_option
@json_option
@click.pass_obj
def list_command(home: Path, *, record: str | None, passphrase_file: Path | None, as_json: bool) -> None:
    """List releases, newest first."""
    from wayseal.cli.common import print_table
    from wayseal.model.ids import RecordId, check_ulid
    from wayseal.station.portal import list_releases
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        rows = list_releases(site, None if record is None else RecordId(check_ulid(record)))
    if as_json:
        print_json(rows)
    else:
        print_table("Releases", list(rows[0]) if rows else ["release"], [list(row.values()) for row in rows])


def _read_purpose(text: str) -> "Purpose":
    """Return the purpose that an option names. Raises click's usage error for one that there is not."""
    from wayseal.model.custody import Purpose

    try:
        return Purpose(text)
    except ValueError:
        raise click.BadParameter(
            "one of " + ", ".join(p.value for p in Purpose), param_hint="--purpose"
        ) from None
