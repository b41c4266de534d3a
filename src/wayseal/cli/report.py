"""`wayseal report`: live figures for people who decide and audit, as a page, a PDF, or a table."""

from pathlib import Path

import click

from wayseal.cli.common import (
    json_option,
    passphrase_option,
    print_csv,
    print_json,
    print_rows,
    read_passphrase,
)
from wayseal.cli.lazy import VerbGroup
from wayseal.model.errors import Invalid


@click.group(cls=VerbGroup)
def command() -> None:
    """Reports with live figures: coverage, standing of organisations, findings, evidence for the auditors."""


@command.command("list")
@json_option
def list_command(*, as_json: bool) -> None:
    """List the kinds of report."""
    from wayseal.flow.reports.kinds import KINDS

    rows = [{"kind": kind.name, "title": kind.title} for kind in KINDS.values()]
    print_rows("Reports", rows, as_json=as_json, as_csv=False)


@command.command()
@click.argument("kind")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="FILE.html or FILE.pdf.")
@click.option("--csv", "table", help="Print this one of its tables as comma-separated values instead.")
@passphrase_option
@json_option
@click.pass_obj
def make(
    home: Path, kind: str, *, out: Path | None, table: str | None, passphrase_file: Path | None, as_json: bool
) -> None:
    """Make a report of KIND from the register and the ledger as they are now."""
    from wayseal.flow.reports.kinds import make_report
    from wayseal.flow.reports.render import SUFFIXES, show_cell, write_report
    from wayseal.flow.reports.value import Sources
    from wayseal.station.site import open_site

    if (out is None) == (table is None):
        raise Invalid("give a file or a table", hint="--out FILE.pdf, or --csv TABLE.")
    if out is not None and out.suffix not in SUFFIXES:
        raise Invalid("a report is written as .html or .pdf", hint="--out FILE.html or FILE.pdf")
    with open_site(home, read_passphrase(passphrase_file)) as site:
        report = make_report(kind, Sources(site.oversight, evaluation=site.facts.evaluation))
    tables = report.tables()
    if table is not None:
        if table not in tables:
            raise Invalid("the report has no such table", hint="Tables: " + ", ".join(tables))
        chosen = tables[table]
        print_csv([
            {name: show_cell(row[name]) if isinstance(row[name], list) else row[name] for name in chosen.columns}
            for row in chosen.rows
        ], list(chosen.columns))  # fmt: skip
        return
    size = write_report(report, out) if out is not None else 0
    answer = {
        "kind": report.kind, "out": str(out), "bytes": size, "ledger_size": report.ledger_size,
        "ledger_root": report.ledger_root, "tables": list(tables),
    }  # fmt: skip
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{report.title}: {out} ({size:,} bytes)")
