"""`wayseal assessment`: oversight as OSCAL: export a package, verify one, import a vendor's component-definition."""

from datetime import datetime
from pathlib import Path

import click

from wayseal.cli.common import (
    default_principal,
    json_option,
    passphrase_option,
    print_json,
    print_table,
    read_passphrase,
    since_option,
)
from wayseal.cli.lazy import VerbGroup
from wayseal.model.errors import Integrity

_ACTOR = click.option(
    "--as", "who", default=default_principal, show_default="your login name", help="Staff id on the ledger."
)


@click.group(cls=VerbGroup)
def command() -> None:
    """Oversight as OSCAL documents, for auditors and their tools."""


@command.command()
@click.option(
    "--oscal",
    "folder",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="A new folder to write to.",
)
@since_option
@_ACTOR
@passphrase_option
@json_option
@click.pass_obj
def export(
    home: Path, *, folder: Path, since: datetime | None, who: str, passphrase_file: Path | None, as_json: bool
) -> None:
    """Write catalog, profile, component-definitions, system security plan, plan, results and POA&M, with the evidence.

    The package's digest goes on the ledger, and the proof of that lies beside its manifest.
    """
    from wayseal.assess.catalogue import load_catalogue
    from wayseal.flow.oscal import export_package, write_proof
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        done = export_package(site.oversight, folder, load_catalogue(), actor=who, since=since)
        site.sign_checkpoint()
        write_proof(site.oversight, folder, done.ledger_index)
    answer = {
        "dir": str(folder), "documents": done.documents, "assessments": done.runs, "package_sha256": done.package_sha256,
        "ledger_index": done.ledger_index,
    }  # fmt: skip
    if as_json:
        print_json(answer)
    else:
        print_table("OSCAL package", ["what", "value"], [list(row) for row in answer.items()])


@command.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A trust policy.",
)
@click.option("--vkey", "vkeys", multiple=True, help="A key of the site's ledger (a vkey or its file).")
@json_option
def verify(folder: Path, *, policy_file: Path | None, vkeys: tuple[str, ...], as_json: bool) -> None:
    """Check that a package holds together: every reference, digest, time, finding and item. Needs no home.

    With --vkey or --policy also that the site's ledger knows it. Exit code 4, with everything that is wrong, otherwise.
    """
    from wayseal.cli.ledger import read_key_options
    from wayseal.flow.oscal import judge_package
    from wayseal.ledger.policy import parse_policy

    trusted = parse_policy(policy_file.read_bytes()) if policy_file is not None else read_key_options(vkeys)
    judged = judge_package(folder, trusted)
    faults = [{"rule": one.rule, "document": one.document, "what": one.what} for one in judged.faults]
    good = not faults and judged.proven is not False
    if as_json:
        print_json({
            "site": judged.package.site, "documents": len(judged.package.documents), "whole": not faults,
            "on_ledger": judged.proven, "package_sha256": judged.package.manifest_sha256, "faults": faults,
        })  # fmt: skip
    elif good:
        known = {True: "; its digest is on the ledger", None: "; give --vkey to check it against the ledger"}
        click.echo(
            f"{len(judged.package.documents)} documents of {judged.package.site} hold together{known[judged.proven]}"
        )
    else:
        print_table("What is wrong", ["rule", "document", "what"], [list(row.values()) for row in faults])
        if judged.proven is False:
            click.echo("The ledger does not know this package.")
    raise SystemExit(0 if good else Integrity.exit_code)


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@_ACTOR
@passphrase_option
@json_option
@click.pass_obj
def import_command(home: Path, file: Path, *, who: str, passphrase_file: Path | None, as_json: bool) -> None:
    """Keep a vendor's component-definition (OSCAL JSON) under each of its models. A claim passes no probe."""
    from wayseal.assess.catalogue import load_catalogue
    from wayseal.assess.oscal_import import COMPONENT_LIMIT
    from wayseal.flow.oscal import import_components
    from wayseal.station.site import open_site

    with file.open("rb") as source:
        data = source.read(COMPONENT_LIMIT + 1)
    with open_site(home, read_passphrase(passphrase_file)) as site:
        found, names = import_components(site.oversight, data, load_catalogue(), actor=who)
        site.sign_checkpoint()
    rows = [
        {
            "model": names[one.model], "title": one.model, "controls": list(one.controls), "probes": list(one.probes),
            "without_probe": list(one.other),
        }
        for one in found.components
    ]  # fmt: skip
    if as_json:
        print_json({"sha256": found.sha256, "components": rows})
    else:
        shown = [
            [", ".join(cell) if isinstance(cell, list) else cell for cell in row.values()] for row in rows
        ]
        print_table(
            "Component definition", ["model", "title", "controls", "probes", "without a probe"], shown
        )
