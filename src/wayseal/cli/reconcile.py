"""`wayseal reconcile`: captured = live + erased + exported, per lane and day."""

from datetime import datetime
from pathlib import Path

import click

from wayseal.cli.common import json_option, passphrase_option, print_json, print_table, read_passphrase


@click.command()
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), required=True, help="Day of UTC: YYYY-MM-DD.")
@passphrase_option
@json_option
@click.pass_obj
def command(home: Path, *, day: datetime, passphrase_file: Path | None, as_json: bool) -> None:
    """Balance what the ledger says was captured on a day with what is there, was erased or was exported.

    Exit code 1, and an incident on the ledger, when a lane does not balance.
    """
    from wayseal.flow.reconcile import Books, open_drift_incidents, reconcile_day
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        outboxes = tuple(sorted((home / "lanes").glob("*")))
        books = Books(site.ledger, site.store, site.schedule, home, outboxes)
        balances = reconcile_day(books, day.date())
        if open_drift_incidents(site.ledger, day.date(), balances, site.clock):
            site.sign_checkpoint()
    names = ("captured", "images", "live", "erased", "exported", "drift")
    figures = {lane: {name: getattr(one, name) for name in names} for lane, one in balances.items()}
    if as_json:
        print_json(
            {
                lane: {**figures[lane], "missing": balances[lane].missing, "extra": balances[lane].extra}
                for lane in balances
            }
        )
    else:
        print_table(
            f"{day:%Y-%m-%d}", ["lane", *names], [[lane, *row.values()] for lane, row in figures.items()]
        )
    raise SystemExit(0 if all(one.is_balanced for one in balances.values()) else 1)
