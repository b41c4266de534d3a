"""`wayseal crossing`: that somebody entered or left; no picture."""

import re
from datetime import datetime, timedelta
from pathlib import Path

import click

from wayseal.cli.common import (
    LIMIT,
    csv_option,
    json_option,
    passphrase_option,
    principal_option,
    print_csv,
    print_json,
    print_table,
    read_passphrase,
    since_option,
)
from wayseal.cli.lazy import VerbGroup
from wayseal.cli.sheets import HEADINGS


class Age(click.ParamType[timedelta]):
    """A period such as 30d, 12h or 90m."""

    name = "age"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the period. Fails the parameter for anything else."""
        match = re.fullmatch(r"(\d{1,5})([dhm])", str(value))
        if match is None:
            self.fail("write a number and d, h or m, such as 30d", param, ctx)
        unit = {"d": "days", "h": "hours", "m": "minutes"}[match[2]]
        return timedelta(**{unit: int(match[1])})


@click.group(cls=VerbGroup)
def command() -> None:
    """Crossings: who entered or left, where and when, and what was decided. No picture."""


@command.command("list")
@click.option("--unpaired", is_flag=True, help="Only entries of known travellers without an exit.")
@click.option("--older-than", "age", type=Age(), help="Only those older than this, such as 30d.")
@click.option("--limit", type=LIMIT, default=1000, show_default=True, help="At most this many, newest first.")
@since_option
@principal_option
@passphrase_option
@json_option
@csv_option
@click.pass_obj
def list_command(
    home: Path, *, unpaired: bool, age: timedelta | None, limit: int, since: datetime | None, who: str, role: str,
    passphrase_file: Path | None, as_json: bool, as_csv: bool,
) -> None:  # fmt: skip
    """List crossings, newest first."""
    from wayseal.flow.review import describe_crossing, list_crossings
    from wayseal.station.matcher import open_register
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        before = None if age is None else site.clock() - age
        found = list_crossings(
            open_register(site),
            site.principal(who, role),
            unpaired=unpaired,
            since=since,
            before=before,
            limit=limit,
        )
    rows = [describe_crossing(crossing) for crossing in found]
    if as_json:
        print_json(rows)
    elif as_csv:
        print_csv(rows, HEADINGS["crossing list"])
    else:
        print_table(
            "Crossings", list(rows[0]) if rows else ["crossing"], [list(row.values()) for row in rows]
        )


@command.command("decide")
@click.argument("encounter")
@click.argument("seat")
@click.option("--verdict", required=True, help="admit, refer_to_secondary, refuse; departed in exit lanes.")
@click.option("--reason", required=True, help="What the decision rests on.")
@click.option("--traveller", help="Who the documents say it is.")
@principal_option
@passphrase_option
@json_option
@click.pass_obj
def decide_command(
    home: Path, encounter: str, seat: str, *, verdict: str, reason: str, traveller: str | None, who: str, role: str,
    passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Decide on one occupant of an encounter. A face result is never the sole basis (R-37)."""
    from wayseal.flow.review import describe_crossing
    from wayseal.model.border import Seat, Verdict
    from wayseal.model.ids import EncounterId, check_ulid
    from wayseal.station.portal import open_portal
    from wayseal.station.site import open_site

    try:
        place, decision = Seat(seat), Verdict(verdict)
    except ValueError as error:
        known = ", ".join(one.value for one in (*Seat, *Verdict))
        raise click.UsageError(f"{error}; there are: {known}") from None
    with open_site(home, read_passphrase(passphrase_file)) as site:
        crossing = open_portal(site, who, role).decide(
            EncounterId(check_ulid(encounter)), place, verdict=decision, reason=reason, traveller=traveller
        )
    if as_json:
        print_json(describe_crossing(crossing))
    else:
        click.echo(f"Decided: {decision.value} for the {place.value.replace('_', ' ')}")
