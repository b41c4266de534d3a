"""`wayseal init`: make a home."""

from pathlib import Path

import click

from wayseal.cli.common import json_option, passphrase_option, print_json, read_passphrase


@click.command()
@click.option(
    "--evaluation", is_flag=True, help="A test site, for ever: results never count, --as-of works (R-10)."
)
@click.option("--site", default="port", show_default=True, help="Name of the port.")
@click.option("--organisation", default="agency", show_default=True, help="Who operates it.")
@passphrase_option
@json_option
@click.pass_obj
def command(
    home: Path, *, evaluation: bool, site: str, organisation: str, passphrase_file: Path | None, as_json: bool
) -> None:
    """Make a home: keys, ledger, schema, default policy and record classes."""
    from wayseal.station.site import init_site

    secret = read_passphrase(passphrase_file, confirm=True)
    facts = init_site(home, secret, evaluation=evaluation, name=site, organisation=organisation)
    if as_json:
        print_json(
            {"home": str(home), "site": facts.id, "evaluation": facts.evaluation, "origin": facts.origin}
        )
        return
    click.echo(f"Made {'a test site' if evaluation else 'a site'} in {home}")
    click.echo(
        f"Ledger: {facts.origin}; its public keys are in {home / 'ledger'}: give them to your witnesses."
    )
    click.echo("Keys: file keeper with passphrase. There is no escrow: without the passphrase nothing opens.")
    click.echo(
        "On flash and journaling media remnants of destroyed key files may survive; an HSM or TPM keeper is the answer."
    )
