"""`wayseal document`: lane configurations, schematics and contracts, sealed like pictures."""

import sys
from pathlib import Path
from typing import Any

import click

from wayseal.cli.common import (
    FILE,
    json_option,
    passphrase_option,
    print_json,
    print_table,
    read_passphrase,
)
from wayseal.cli.export_people import as_option, print_rows
from wayseal.cli.lazy import VerbGroup

KIND = click.Choice(["configuration", "schematic", "contract"])
role_option = click.option(
    "--role", default="security_officer", show_default=True, help="Role that policy judges."
)


@click.group(cls=VerbGroup)
def command() -> None:
    """Documents of the site: sealed, opened one at a time under a release, given away only by an export."""


@command.command()
@click.argument("file", type=FILE)
@click.option("--kind", required=True, type=KIND, help="What it is; also how long it is kept.")
@click.option("--lane", help="The lane that it is about.")
@as_option
@role_option
@passphrase_option
@json_option
@click.pass_obj
def add(
    home: Path, file: Path, *, kind: str, lane: str | None, who: str, role: str, passphrase_file: Path | None, as_json: bool
) -> None:  # fmt: skip
    """Seal FILE. Its name is sealed with it; the file itself stays where it is, and is yours to remove."""
    from wayseal.station.documents import add_document, read_kind
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        row = add_document(site, file, read_kind(kind), site.principal(who, role), lane=lane)
    if as_json:
        print_json(row)
    else:
        print_table(
            "Document", ("what", "value"), [(name.replace("_", " "), value) for name, value in row.items()]
        )


@command.command("list")
@click.option("--kind", type=KIND, help="Only of this kind.")
@passphrase_option
@json_option
@click.pass_obj
def list_command(home: Path, *, kind: str | None, passphrase_file: Path | None, as_json: bool) -> None:
    """List documents, newest first, without opening one: their names stay sealed."""
    from wayseal.station.documents import list_documents, read_kind
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        rows = list_documents(site, None if kind is None else read_kind(kind))
    print_rows("Documents", rows, as_json=as_json)


@command.command("open")
@click.argument("document")
@click.option("--to-stdout", is_flag=True, help="Write the document to a pipe. It is then in your hands.")
@as_option
@role_option
@passphrase_option
@json_option
@click.pass_obj
def open_command(
    home: Path, document: str, *, to_stdout: bool, who: str, role: str, passphrase_file: Path | None, as_json: bool
) -> None:  # fmt: skip
    """Open DOCUMENT once, under a release that the ledger knows first. It stays in memory unless it goes down a pipe."""
    from wayseal.station.documents import open_document
    from wayseal.station.site import open_site

    if to_stdout and (as_json or sys.stdout.isatty()):
        raise click.UsageError("--to-stdout writes to a pipe, and not together with --json")
    with open_site(home, read_passphrase(passphrase_file)) as site:
        opened, facts = open_document(site, site.principal(who, role), document)
    answer: dict[str, Any] = {
        "document": document.upper(), "name": opened.name, "media_type": opened.media_type, "bytes": len(opened.data),
        **facts,
    }  # fmt: skip
    if to_stdout:
        sys.stdout.buffer.write(opened.data)
    elif as_json:
        print_json(answer)
    else:
        print_table(
            "Document", ("what", "value"), [(name.replace("_", " "), value) for name, value in answer.items()]
        )
