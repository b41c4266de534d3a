"""`wayseal init`: make a home."""

from pathlib import Path

import click

from wayseal.cli.common import NOBODY_SIGNS, json_option, passphrase_option, print_json, read_passphrase


@click.command()
@click.option(
    "--evaluation", is_flag=True, help="A test site, for ever: results never count, --as-of works (R-10)."
)
@click.option("--site", default="port", show_default=True, help="Name of the port.")
@click.option("--organisation", default="agency", show_default=True, help="Who operates it.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A wayseal.toml to begin with.",
)
@click.option(
    "--witnesses",
    "witness_file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Witnesses whose cosignatures the keyroom shall want: a trust policy (tlog-policy).",
)
@passphrase_option
@json_option
@click.pass_obj
def command(
    home: Path,
    *,
    evaluation: bool,
    site: str,
    organisation: str,
    config: Path | None,
    witness_file: Path | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Make a home: keys, ledger, schema, default policy and record classes."""
    from wayseal.station.settings import load_settings
    from wayseal.station.site import init_site

    secret = read_passphrase(passphrase_file, confirm=True)
    text = None if config is None else config.read_text(encoding="utf-8")
    witnesses = "" if witness_file is None else witness_file.read_text(encoding="utf-8")
    facts = init_site(
        home,
        secret,
        evaluation=evaluation,
        name=site,
        organisation=organisation,
        config=text,
        witnesses=witnesses,
    )
    if witnesses:
        click.echo(NOBODY_SIGNS, err=True)
    if as_json:
        print_json(
            {"home": str(home), "site": facts.id, "evaluation": facts.evaluation, "origin": facts.origin}
        )
        return
    click.echo(f"Made {'a test site' if evaluation else 'a site'} in {home}")
    click.echo(
        f"Ledger: {facts.origin}; its public keys are in {home / 'ledger'}: give them to your witnesses."
    )
    keeper = load_settings(home).keyroom.keeper.kind
    click.echo(
        f"Epoch keys: {keeper} keeper. There is no escrow: without it and its passphrase nothing opens."
    )
    if keeper == "file":
        click.echo(
            "On flash and journaling media remnants of destroyed key files may survive; an HSM or TPM keeper is the answer."
        )
