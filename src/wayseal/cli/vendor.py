"""`wayseal vendor`: who supplies and maintains equipment: organisations, contracts, people, training, suspension."""

from datetime import datetime
from pathlib import Path

import click

from wayseal.cli.common import (
    Moment,
    actor_option,
    csv_option,
    json_option,
    passphrase_option,
    print_json,
    print_record,
    print_rows,
    read_passphrase,
    since_option,
)
from wayseal.cli.lazy import VerbGroup
from wayseal.cli.sheets import HEADINGS
from wayseal.cli.signing import make_approve, make_decline, make_finish, make_show, make_sign
from wayseal.cli.vendor_parts import contract_command, person_command


@click.group(cls=VerbGroup)
def command() -> None:
    """Organisations that supply and maintain equipment, and what they may do."""


command.add_command(contract_command)
command.add_command(person_command)


@command.command("add")
@click.argument("vendor")
@click.option("--tier", type=click.Choice(["prime", "subcontractor", "assessor"]), required=True)
@click.option("--under", help="The organisation whose contract a subcontractor works under.")
@actor_option
@passphrase_option
@json_option
@click.pass_obj
def add_command(
    home: Path, vendor: str, *, tier: str, under: str | None, actor: str, passphrase_file: Path | None, as_json: bool
) -> None:  # fmt: skip
    """Register an organisation. The agency itself is registered by itself."""
    from wayseal.flow.oversee.describe import show_vendor
    from wayseal.flow.oversee.register import add_vendor
    from wayseal.model.oversight import Tier
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        add_vendor(site.oversight, vendor, tier=Tier(tier), under=under, actor=actor)
        row = show_vendor(site.oversight, vendor)
    print_record(row, f"Registered {vendor}", as_json=as_json)


@command.command("list")
@since_option
@passphrase_option
@json_option
@csv_option
@click.pass_obj
def list_command(
    home: Path, *, since: datetime | None, passphrase_file: Path | None, as_json: bool, as_csv: bool
) -> None:
    """List organisations with their standing, and the reasons for which they have no access."""
    from wayseal.flow.oversee.describe import list_vendor_rows
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        rows = list_vendor_rows(site.oversight, since=since)
    columns = ("vendor", "tier", "under", "standing", "since", "reasons", "equipment", "assessed", "findings")
    heading = HEADINGS["vendor list"]
    print_rows("Organisations", rows, as_json=as_json, as_csv=as_csv, columns=columns, heading=heading)


@command.command("show")
@click.argument("vendor")
@passphrase_option
@json_option
@click.pass_obj
def show_command(home: Path, vendor: str, *, passphrase_file: Path | None, as_json: bool) -> None:
    """Show one organisation: contracts, people, equipment, open findings, and whom it works under."""
    from wayseal.flow.oversee.describe import show_vendor
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        row = show_vendor(site.oversight, vendor)
    print_record(row, vendor, as_json=as_json)


@command.command("suspend")
@click.argument("vendor")
@click.option(
    "--reason", default="suspended-by-agency", show_default=True, help="A code of a-z, 0-9 and dashes."
)
@actor_option
@passphrase_option
@json_option
@click.pass_obj
def suspend_command(
    home: Path, vendor: str, *, reason: str, actor: str, passphrase_file: Path | None, as_json: bool
) -> None:
    """Suspend an organisation and everybody under it: grants, openings, tickets and next epoch keys end at once."""
    from wayseal.model.ids import check_name
    from wayseal.station.overseer import suspend
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        answer = suspend(site, vendor, reason=check_name(reason, what="reason"), actor=actor)
    print_record(answer, f"Suspended {vendor}", as_json=as_json)


@command.command("reinstate")
@click.argument("vendor")
@click.option("--approver", "approvers", multiple=True, help="Staff id of an approver; give it twice.")
@actor_option
@passphrase_option
@json_option
@click.pass_obj
def reinstate_command(
    home: Path, vendor: str, *, approvers: tuple[str, ...], actor: str, passphrase_file: Path | None, as_json: bool
) -> None:  # fmt: skip
    """Take an organisation back: after a full assessment since the suspension, with two approvers of two other organisations.

    Where people's word counts with their signature only, it is asked for, and the organisation is back when both have signed.
    """
    from wayseal.station.overseer import reinstate
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        answer = reinstate(site, vendor, approvers=approvers, actor=actor)
    done = "Asked for" if answer.get("signed") is False else "Reinstated"
    print_record(answer, f"{done} {vendor}", as_json=as_json)


_READ = ("subject", "assessment", "suspension", "approvers", "actor", "time", "expires")
for part in (
    make_show("reinstatement", "show-reinstatement"), make_sign("reinstatement", "sign-reinstatement", _READ),
    make_approve("reinstatement", "approve-reinstatement"), make_decline("reinstatement", "decline-reinstatement"),
    make_finish("reinstatement", "finish-reinstatement"),
):  # fmt: skip
    command.add_command(part)


@command.command("training")
@click.argument("person")
@click.option("--until", type=Moment(), required=True, help="Until when the privacy training is valid.")
@actor_option
@passphrase_option
@json_option
@click.pass_obj
def training_command(
    home: Path, person: str, *, until: datetime, actor: str, passphrase_file: Path | None, as_json: bool
) -> None:
    """Record somebody's privacy training. When it runs out, access closes by itself."""
    from wayseal.flow.oversee.describe import person_row
    from wayseal.flow.oversee.register import renew_training
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        fresh = renew_training(site.oversight, person, until=until, actor=actor)
        row = person_row(fresh, site.clock())
    print_record(row, person, as_json=as_json)


@command.command("return")
@click.argument("contract")
@click.option("--returned", type=click.IntRange(0, 2**53 - 1), required=True, help="Items given back.")
@click.option("--destroyed", type=click.IntRange(0, 2**53 - 1), required=True, help="Items destroyed.")
@actor_option
@passphrase_option
@json_option
@click.pass_obj
def return_command(
    home: Path, contract: str, *, returned: int, destroyed: int, actor: str, passphrase_file: Path | None, as_json: bool
) -> None:  # fmt: skip
    """Record a certificate of return or destruction after a contract's end; both counts may be 0."""
    from wayseal.flow.oversee.duties import certify_return
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        done = certify_return(site.oversight, contract, returned=returned, destroyed=destroyed, actor=actor)
    row = {
        "certificate": done.id, "contract": contract, "returned": done.returned, "destroyed": done.destroyed,
        "by": done.signed_by,
    }  # fmt: skip
    print_record(row, "Certificate", as_json=as_json)


@command.command("report")
@click.argument("vendor")
@click.option(
    "--days", type=click.IntRange(1, 3660), default=30, show_default=True, help="How many days back."
)
@passphrase_option
@json_option
@csv_option
@click.pass_obj
def report_command(
    home: Path, vendor: str, *, days: int, passphrase_file: Path | None, as_json: bool, as_csv: bool
) -> None:
    """Report, from the ledger, everything that an organisation's people did and that was done about it."""
    from datetime import timedelta

    from wayseal.flow.oversee.describe import report_activity
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        since = site.clock() - timedelta(days=days)
        rows = list(report_activity(site.oversight, vendor, since))
    title, heading = f"{vendor}, the last {days} days", HEADINGS["vendor report"]
    print_rows(title, rows, as_json=as_json, as_csv=as_csv, heading=heading)


@command.command("attention")
@passphrase_option
@json_option
@csv_option
@click.pass_obj
def attention_command(home: Path, *, passphrase_file: Path | None, as_json: bool, as_csv: bool) -> None:
    """List what is overdue or ends soon: contracts, training, notices, sign-offs, certificates. Exit code 1 when something is overdue."""
    from wayseal.flow.egress_duty import settle_ports
    from wayseal.flow.oversee.duties import list_attention, open_overdue
    from wayseal.model.clock import to_text
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        open_overdue(site.oversight)
        settle_ports(site.oversight)
        found = list_attention(site.oversight)
    rows = [
        {"what": one.what, "of": one.subject, "due": to_text(one.due), "overdue": one.overdue}
        for one in found
    ]
    heading = HEADINGS["vendor attention"]
    print_rows("Needs attention", rows, as_json=as_json, as_csv=as_csv, heading=heading)
    if any(one.overdue for one in found):
        raise SystemExit(1)


@command.command("check")
@passphrase_option
@json_option
@click.pass_obj
def check_command(home: Path, *, passphrase_file: Path | None, as_json: bool) -> None:
    """Compare the register with what the ledger's entries make anew. Exit code 4 when a row was altered."""
    from wayseal.flow.oversee.desk import verify_rows
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        rows = verify_rows(site.oversight)
    print_json({"rows": rows, "consistent": True}) if as_json else click.echo(
        f"{rows} rows, as the ledger says"
    )
