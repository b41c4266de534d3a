"""`wayseal keys`: which epochs are alive, and a new passphrase. Shows public things only."""

from pathlib import Path

import click

from wayseal.cli.common import json_option, passphrase_option, print_json, print_table, read_passphrase
from wayseal.cli.lazy import VerbGroup


@click.group(cls=VerbGroup)
def command() -> None:
    """Epoch keys that are alive, and the keepers' passphrase."""


@command.command("list")
@passphrase_option
@json_option
@click.pass_obj
def list_epochs(home: Path, passphrase_file: Path | None, *, as_json: bool) -> None:
    """List the epochs whose records can still be opened, and say what keeps their keys."""
    from wayseal.seal.suite import sha256
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        vault = site.keyroom.vault
        epochs = [
            {"epoch": key.epoch, "public_sha256": sha256(key.public).hex()} for key in vault.epoch_keys()
        ]
        answer = {"keeper": vault.keeper.describe(), "epochs": epochs}
    if as_json:
        print_json(answer)
        return
    rows = [(epoch["epoch"], epoch["public_sha256"]) for epoch in epochs]
    print_table(f"Keeper: {answer['keeper']}", ("epoch", "SHA-256 of the public key"), rows)


@command.command()
@passphrase_option
@json_option
@click.pass_obj
def renew(home: Path, passphrase_file: Path | None, *, as_json: bool) -> None:
    """Give every live epoch's key to a replica that is new: for the day on which a device was replaced."""
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        count = site.keyroom.vault.renew_wraps()
    if as_json:
        print_json({"epochs": count})
    else:
        click.echo(f"Wrapped the keys of {count} epochs again.")


@command.command()
@passphrase_option
@click.option(
    "--new-passphrase-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File that holds the new passphrase.",
)
@json_option
@click.pass_obj
def passphrase(
    home: Path, passphrase_file: Path | None, new_passphrase_file: Path | None, *, as_json: bool
) -> None:
    """Change the passphrase of every file keeper of this home. Run it again if it was interrupted."""
    from wayseal.seal.keys.passphrase import change_passphrases

    old, new = read_passphrase(passphrase_file), read_passphrase(new_passphrase_file, confirm=True)
    count = change_passphrases(home, old, new)
    if as_json:
        print_json({"keepers": count})
    else:
        click.echo(
            f"Changed the passphrase of {count} key keepers. Old copies of their files open with the old one."
        )
