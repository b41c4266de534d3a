"""`wayseal export`: give away exactly what two organisations signed for, sealed to one recipient, and follow it up."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from wayseal.cli.common import (
    FILE,
    NEW_FILE,
    Moment,
    csv_option,
    json_option,
    passphrase_option,
    print_csv,
    print_json,
    print_table,
    read_passphrase,
    since_option,
)
from wayseal.cli.export_parcel import attest, open_bundle, sign, verify
from wayseal.cli.export_people import (
    approver,
    as_option,
    ask_yes,
    recipient,
    show_sender,
)
from wayseal.cli.lazy import VerbGroup
from wayseal.cli.sheets import HEADINGS
from wayseal.model.errors import Invalid

role_option = click.option(
    "--role", default="privacy_officer", show_default=True, help="Role that policy judges."
)


@click.group(cls=VerbGroup)
def command() -> None:
    """Give records away: create, approve, release, receipt; each step is on the ledger first."""


for part in (recipient, approver, show_sender, sign, open_bundle, attest, verify):
    command.add_command(part)


@command.command()
@click.argument("records", nargs=-1)
@click.option("--records-file", type=FILE, help="More record ids, one a line.")
@click.option("--recipient", "to", required=True, help="A registered recipient.")
@click.option("--purpose", required=True, help="A code of the site's list, such as court-order.")
@click.option("--legal-basis", required=True, help="A code of the site's list, such as statute.")
@click.option("--expires", type=Moment(), help="Until when the recipient may keep it.")
@click.option("--days", type=click.IntRange(1, 3660), help="The same, in days from now.")
@click.option("--hold", help="The legal hold that permits giving away records under it.")
@as_option
@role_option
@passphrase_option
@json_option
@click.pass_obj
def create(
    home: Path, records: tuple[str, ...], *, records_file: Path | None, to: str, purpose: str, legal_basis: str,
    expires: datetime | None, days: int | None, hold: str | None, who: str, role: str,
    passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Ask for an export of exactly RECORDS. Nothing is opened: two people of two organisations must sign first."""
    from wayseal.flow.disclose import Wanted, request_export
    from wayseal.station.exports import describe_export, open_disclosure
    from wayseal.station.site import open_site

    more = () if records_file is None else records_file.read_text(encoding="utf-8").split()
    with open_site(home, read_passphrase(passphrase_file)) as site:
        if (expires is None) == (days is None):
            raise click.UsageError("give --expires or --days")
        end = expires if expires is not None else site.clock() + timedelta(days=days or 0)
        desk = open_disclosure(site)
        wanted = Wanted((*records, *more), to, purpose, legal_basis, end, hold)
        export = request_export(desk, site.principal(who, role), wanted)
        answer = describe_export(desk, export.id)
    _print_export(answer, as_json=as_json)


@command.command()
@click.argument("export")
@click.option("--out", type=NEW_FILE, help="Write what an approver signs, for `export sign` elsewhere.")
@passphrase_option
@json_option
@click.pass_obj
def show(home: Path, export: str, *, out: Path | None, passphrase_file: Path | None, as_json: bool) -> None:
    """Show EXPORT: what its manifest says, who approved, what is missing or due."""
    from wayseal.flow.consent import encode_ballot, show_ballot
    from wayseal.station.exports import describe_export, open_disclosure
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        desk = open_disclosure(site)
        answer = describe_export(desk, export.upper())
        if out is not None:
            out.write_bytes(encode_ballot(show_ballot(desk, export.upper())))
    _print_export(answer, as_json=as_json)


@command.command()
@click.argument("export")
@click.argument("approval", type=FILE)
@passphrase_option
@json_option
@click.pass_obj
def approve(home: Path, export: str, approval: Path, *, passphrase_file: Path | None, as_json: bool) -> None:
    """Hand in APPROVAL, a file that an approver made with `export sign`. Authenticators approve in the console."""
    from wayseal.export.approval import decode_approval
    from wayseal.flow.consent import give_approval
    from wayseal.station.exports import describe_export, open_disclosure
    from wayseal.station.site import open_site

    raw = approval.read_bytes()
    if decode_approval(raw).export != export.upper():
        raise Invalid("the approval is for another export", hint="Hand it in for the one that it names.")
    with open_site(home, read_passphrase(passphrase_file)) as site:
        desk = open_disclosure(site)
        give_approval(desk, raw)
        answer = describe_export(desk, export.upper())
    _print_export(answer, as_json=as_json)


@command.command()
@click.argument("export")
@click.option("--reason", required=True, help="A code for the ledger, such as too-many-records.")
@click.option("--yes", is_flag=True, help="Do it.")
@as_option
@passphrase_option
@json_option
@click.pass_obj
def decline(
    home: Path, export: str, *, reason: str, yes: bool, who: str, passphrase_file: Path | None, as_json: bool
) -> None:
    """As an approver, refuse EXPORT for good."""
    from wayseal.flow.consent import decline_export
    from wayseal.station.exports import open_disclosure
    from wayseal.station.site import open_site

    ask_yes(yes=yes, what="the export is refused")
    with open_site(home, read_passphrase(passphrase_file)) as site:
        index = decline_export(open_disclosure(site), who, export.upper(), reason=reason)
    print_json({"export": export.upper(), "ledger_index": index}) if as_json else click.echo(f"entry {index}")


@command.command()
@click.argument("export")
@click.option(
    "--out",
    required=True,
    type=NEW_FILE,
    help="Where the sealed file goes; for age its sheet goes beside it.",
)
@as_option
@role_option
@passphrase_option
@json_option
@click.pass_obj
def release(
    home: Path, export: str, *, out: Path, who: str, role: str, passphrase_file: Path | None, as_json: bool
) -> None:
    """Open, mark and seal what was approved, and write it to a file that only the recipient opens.

    Doing it again gives the same file.
    """
    from wayseal.flow.handover import release_export
    from wayseal.seal.keys.durable import write_file
    from wayseal.station.exports import describe_export, open_disclosure
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        desk = open_disclosure(site)
        done = release_export(desk, site.principal(who, role), export.upper())
        write_file(out, done.file.read_bytes())
        answer = describe_export(desk, export.upper()) | {"file": str(out), "sheet": None}
        if done.sheet is not None:
            beside = out.with_name(out.name + ".sheet.json")
            write_file(beside, done.sheet.read_bytes())
            answer["sheet"] = str(beside)
    _print_export(answer, as_json=as_json)


@command.command()
@click.argument("receipt", type=FILE, required=False)
@click.option(
    "--on-paper", metavar="EXPORT", help="Note a receipt of EXPORT that came on paper, on your word."
)
@click.option(
    "--outcome", type=click.Choice(["received", "deleted"]), default="received", help="What came on paper."
)
@as_option
@role_option
@passphrase_option
@json_option
@click.pass_obj
def receipt(
    home: Path, receipt: Path | None, *, on_paper: str | None, outcome: str, who: str, role: str,
    passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Take a recipient's signed RECEIPT: that the export arrived, or that it was deleted."""
    from wayseal.flow.followup import note_paper, read_outcome, take_receipt
    from wayseal.station.exports import open_disclosure
    from wayseal.station.site import open_site

    if (receipt is None) == (on_paper is None):
        raise click.UsageError("give a RECEIPT, or --on-paper EXPORT")
    with open_site(home, read_passphrase(passphrase_file)) as site:
        desk = open_disclosure(site)
        if receipt is not None:
            index = take_receipt(desk, receipt.read_bytes())
        else:
            said = read_outcome(outcome)
            index = note_paper(desk, site.principal(who, role), str(on_paper).upper(), said)
        entry = site.ledger.entry(index)
    answer = {
        "export": entry["object"],
        "outcome": entry["outcome"],
        "signed": entry["signed"],
        "ledger_index": index,
    }
    print_json(answer) if as_json else click.echo(f"{entry['outcome']}, entry {index}")


@command.command("list")
@since_option
@click.option("--overdue", is_flag=True, help="Only those whose receipt or deletion is overdue.")
@passphrase_option
@csv_option
@json_option
@click.pass_obj
def list_command(
    home: Path, *, since: datetime | None, overdue: bool, passphrase_file: Path | None, as_csv: bool, as_json: bool
) -> None:  # fmt: skip
    """List exports, newest first."""
    from wayseal.flow.followup import list_duties
    from wayseal.station.exports import list_described, open_disclosure
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        desk = open_disclosure(site)
        late: dict[str, list[str]] = {}
        for duty in list_duties(desk):
            late.setdefault(duty.export, []).append(duty.alarm)
        rows = [row | {"overdue": late.get(row["export"], [])} for row in list_described(desk, since=since)]
    chosen = [row for row in rows if row["overdue"] or not overdue]
    if as_json:
        print_json(chosen)
        return
    short = [_shorten(row) for row in chosen]
    if as_csv:
        print_csv(short, HEADINGS["export list"])
    else:
        print_table("Exports", list(short[0]) if short else ["export"], [list(row.values()) for row in short])


@command.command()
@passphrase_option
@json_option
@click.pass_obj
def check(home: Path, *, passphrase_file: Path | None, as_json: bool) -> None:
    """Put an alarm on the ledger for each duty that is overdue, and remove sealed files no longer needed.

    Exit code 1 while anything is overdue.
    """
    from wayseal.flow.followup import list_duties, purge_files, raise_alarms
    from wayseal.station.exports import open_disclosure
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        desk = open_disclosure(site)
        raised, duties, removed = raise_alarms(desk), list_duties(desk), purge_files(desk)
    answer = {
        "overdue": [{"export": one.export, "recipient": one.recipient, "alarm": one.alarm} for one in duties],
        "alarms_raised": len(raised), "files_removed": removed,
    }  # fmt: skip
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{len(duties)} overdue, {len(raised)} new alarms, {removed} sealed files removed")
    if duties:
        raise click.exceptions.Exit(1)


def _shorten(row: dict[str, Any]) -> dict[str, object]:
    """Return the columns of a list."""
    return {
        "export": row["export"], "state": row["state"], "records": row["records"], "recipient": row["recipient"],
        "approvals": f"{len(row['approvals'])} of {row['needed']}", "expires_at": row["expires_at"],
        "receipt_due": row["receipt_due"], "overdue": " ".join(row["overdue"]),
    }  # fmt: skip


def _print_export(answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    rows = [(name.replace("_", " "), _one_line(value)) for name, value in answer.items() if value is not None]
    print_table("Export", ("what", "value"), rows)


def _one_line(value: object) -> str:
    """Return a value of an export for a person."""
    if isinstance(value, dict):
        return ", ".join(f"{count} {name}" for name, count in value.items())
    if isinstance(value, list):
        return (
            "\n".join(f"{one['approver']} of {one['organisation']}, {one['at']}" for one in value) or "none"
        )
    return str(value)
