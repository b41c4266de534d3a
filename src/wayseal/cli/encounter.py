"""`wayseal encounter`: vehicles that passed."""

from datetime import datetime
from pathlib import Path
from typing import Any

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


@click.group(cls=VerbGroup)
def command() -> None:
    """Vehicles that passed. Each one shown is opened under an intent of its own on the ledger."""


@command.command("list")
@click.option("--lane", help="Only this lane.")
@since_option
@click.option("--limit", type=LIMIT, default=200, show_default=True, help="At most this many, newest first.")
@principal_option
@passphrase_option
@json_option
@csv_option
@click.pass_obj
def list_command(
    home: Path, *, lane: str | None, since: datetime | None, limit: int, who: str, role: str,
    passphrase_file: Path | None, as_json: bool, as_csv: bool,
) -> None:  # fmt: skip
    """List encounters, newest first."""
    from wayseal.station.portal import open_portal
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        portal = open_portal(site, who, role)
        lines = portal.lines(portal.rows(lane=lane, since=since, limit=limit))
    if as_json:
        print_json(lines)
    elif as_csv:
        print_csv([_flat(line) for line in lines], HEADINGS["encounter list"])
    else:
        rows = [list(_flat(line).values()) for line in lines]
        print_table("Encounters", list(_flat(lines[0])) if lines else ["encounter"], rows)


@command.command("show")
@click.argument("encounter")
@principal_option
@passphrase_option
@json_option
@click.pass_obj
def show_command(
    home: Path, encounter: str, *, who: str, role: str, passphrase_file: Path | None, as_json: bool
) -> None:
    """Show one encounter."""
    from wayseal.station.portal import open_portal
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        portal = open_portal(site, who, role)
        line = portal.line(portal.row(encounter))
    if as_json:
        print_json(line)
        return
    print_table("Encounter", ["", ""], [[name, value] for name, value in _flat(line).items()])
    print_table(
        "Occupants",
        ["seat", "outcome", "traveller", "score", "quality", "reasons", "record"],
        [_occupant_row(person) for person in line["occupants"]],
    )


def _flat(line: dict[str, Any]) -> dict[str, Any]:
    """Return one row for people and spreadsheets."""
    plate = line["plate"] or {}
    return {
        "encounter": line["encounter"],
        "time": line["time"],
        "lane": line["lane"],
        "direction": line["direction"],
        "plate": plate.get("text"),
        "region": plate.get("region"),
        "seen": line["occupants_seen"],
        "outcomes": ", ".join(f"{p['seat']}: {p['outcome']}" for p in line["occupants"]),
        "class": line["record_class"],
        "expires_at": line["expires_at"],
        "status": line["status"],
    }


def _occupant_row(person: dict[str, Any]) -> list[Any]:
    """Return one occupant for the table."""
    best = person["candidates"][0] if person["candidates"] else {}
    return [
        person["seat"], person["outcome"], best.get("traveller"), best.get("score"), person["quality"],
        ", ".join(person["reasons"]), person["record"],
    ]  # fmt: skip
