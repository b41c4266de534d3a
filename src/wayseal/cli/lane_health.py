"""`wayseal lane health`: how each lane does, day by day, and how near it is to an alarm."""

from datetime import datetime
from pathlib import Path

import click

from wayseal.cli.common import (
    csv_option,
    json_option,
    passphrase_option,
    print_csv,
    print_json,
    print_table,
    read_passphrase,
)
from wayseal.cli.sheets import HEADINGS


@click.command()
@click.option("--lane", help="Only this lane.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Only from this day of UTC on.")
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw the days into a .png or .svg."
)
@passphrase_option
@json_option
@csv_option
@click.pass_obj
def health(
    home: Path, *, lane: str | None, since: datetime | None, plot: Path | None, passphrase_file: Path | None,
    as_json: bool, as_csv: bool,
) -> None:  # fmt: skip
    """Show capture, quality, matches, seconds and model by lane and day. Exit code 1 when a lane raised an alarm in the last day."""
    from wayseal.flow.health import describe_health, plot_health, read_health
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        days, sums = read_health(site.store.engine, lane=lane, since=None if since is None else since.date())
        shown = describe_health(days, sums, site.clock())
    if plot is not None:
        plot_health(days, plot)
    if as_json:
        print_json(shown)
    elif as_csv:
        print_csv(shown["days"], HEADINGS["lane health"])
    else:
        columns = list(shown["days"][0]) if shown["days"] else ["lane"]
        print_table("Lanes by day", columns, [list(row.values()) for row in shown["days"]])
        if shown["watch"]:
            rows = [list(row.values()) for row in shown["watch"]]
            print_table("How near to an alarm", list(shown["watch"][0]), rows)
    raise SystemExit(1 if any(row["alarmed_today"] for row in shown["watch"]) else 0)
