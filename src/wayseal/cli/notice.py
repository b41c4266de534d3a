"""`wayseal notice`: the public notice of each lane, without which no lane is armed."""

from datetime import datetime
from pathlib import Path

import click

from wayseal.cli.common import (
    Moment,
    actor_option,
    csv_option,
    json_option,
    passphrase_option,
    print_record,
    print_rows,
    read_passphrase,
    since_option,
)
from wayseal.cli.lazy import VerbGroup
from wayseal.cli.sheets import HEADINGS
from wayseal.cli.vendor_parts import digest_file


@click.group(cls=VerbGroup)
def command() -> None:
    """Public notices: what travellers are told at a lane, and from when to when."""


@command.command("register")
@click.argument("lane")
@click.option(
    "--text", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=True,
    help="The notice as it hangs at the lane; its digest is registered.",
)  # fmt: skip
@click.option("--starts", type=Moment(), help="From when it is in force; by default from now on.")
@click.option("--ends", type=Moment(), required=True, help="Until when.")
@actor_option
@passphrase_option
@json_option
@click.pass_obj
def register_command(
    home: Path, lane: str, *, text: Path, starts: datetime | None, ends: datetime, actor: str,
    passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Register a lane's notice: its version by digest, and when it is in force."""
    from wayseal.flow.oversee.describe import notice_row
    from wayseal.flow.oversee.duties import add_notice
    from wayseal.station.site import open_site

    digest = digest_file(text)
    with open_site(home, read_passphrase(passphrase_file)) as site:
        now = site.clock()
        known = add_notice(
            site.oversight, lane, text_sha256=digest, starts=starts or now, ends=ends, actor=actor
        )
        row = notice_row(known, site.clock())
    print_record(row, f"Notice of lane {lane}", as_json=as_json)


@command.command("list")
@click.option("--lane", help="Only this lane's.")
@since_option
@passphrase_option
@json_option
@csv_option
@click.pass_obj
def list_command(
    home: Path, *, lane: str | None, since: datetime | None, passphrase_file: Path | None, as_json: bool, as_csv: bool
) -> None:  # fmt: skip
    """List notices in the order in which they begin."""
    from wayseal.flow.oversee.describe import notice_row
    from wayseal.flow.oversee.desk import view
    from wayseal.station.site import open_site
    from wayseal.store.oversight.duties import list_notices

    with open_site(home, read_passphrase(passphrase_file)) as site, view(site.oversight) as rows:
        found = [notice_row(one, site.clock()) for one in list_notices(rows, lane=lane, since=since)]
    print_rows("Notices", found, as_json=as_json, as_csv=as_csv, heading=HEADINGS["notice list"])
