"""`wayseal export approver draft|sign|appoint`: the site's officials say whose credential counts at the keyroom."""

from pathlib import Path
from typing import Any

import click

from wayseal.cli.common import (
    FILE,
    NEW_FILE,
    json_option,
    passphrase_option,
    print_json,
    print_table,
    read_passphrase,
)


@click.command("draft")
@click.argument("name")
@click.option(
    "--out", required=True, type=NEW_FILE, help="Where the draft goes; a second credential's beside it."
)
@passphrase_option
@json_option
@click.pass_obj
def draft(home: Path, name: str, *, out: Path, passphrase_file: Path | None, as_json: bool) -> None:
    """Write an unsigned appointment of the approver NAME for the officials of the charter to look at and sign."""
    from wayseal.station.appointing import open_appointments
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        drafts = open_appointments(site).draft(name)
    files = [out if number == 0 else out.with_name(f"{out.name}-{number}") for number in range(len(drafts))]
    for file, document in zip(files, drafts, strict=True):
        file.write_bytes(document)
    if as_json:
        print_json({"approver": name, "drafts": [str(file) for file in files]})
    else:
        click.echo("\n".join(map(str, files)))


@click.command("sign")
@click.argument("document", type=FILE)
@click.option("--name", required=True, help="The official who signs.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The drive with their key.",
)
@click.option("--share-file", "share_files", multiple=True, type=FILE, help="Shares' words, once a file.")
@click.option("--out", required=True, type=NEW_FILE, help="Where the signed appointment goes.")
@click.option(
    "--yes", is_flag=True, help="Sign without asking: the key's digest was compared with the approver."
)
@passphrase_option
def sign(
    document: Path, *, name: str, folder: Path | None, share_files: tuple[Path, ...], out: Path, yes: bool,
    passphrase_file: Path | None,
) -> None:  # fmt: skip
    """As the official NAME, look at DOCUMENT and sign it with the key in their folder or with enough shares."""
    from wayseal.seal.keys.appointment import sign_appointment
    from wayseal.seal.keys.ceremony import join_official, open_official

    data = document.read_bytes()
    print_table("Appointment", ("what", "value"), list(_describe(data).items()))
    if not yes:
        click.confirm("Did the approver read the same digest to you?", abort=True, err=True)
    if folder is not None:
        who = open_official(name, folder, read_passphrase(passphrase_file))
    elif share_files:
        who = join_official(name, [file.read_text(encoding="utf-8") for file in share_files])
    else:
        raise click.UsageError("give --folder, or --share-file for each share")
    out.write_bytes(sign_appointment(data, who))


@click.command("appoint")
@click.argument("name")
@click.argument("documents", nargs=-1, type=FILE)
@passphrase_option
@json_option
@click.pass_obj
def appoint(
    home: Path, name: str, documents: tuple[Path, ...], *, passphrase_file: Path | None, as_json: bool
) -> None:
    """Let the signature of NAME count at the keyroom: by the DOCUMENTS that officials signed.

    Without any, while the charter is the home's first: by the keyroom's passphrase. Exit code 4 while too few have signed.
    """
    from wayseal.seal.keys.appointment import join_appointments
    from wayseal.station.appointing import appoint_as_founder, open_appointments
    from wayseal.station.site import keyroom_passphrase, open_site

    secret = read_passphrase(passphrase_file)
    with open_site(home, secret) as site:
        if documents:
            joined = join_appointments([file.read_bytes() for file in documents])
            made, _ = open_appointments(site).install(joined, approver=name)
            name = made.approver
        else:
            appoint_as_founder(site, keyroom_passphrase(site.settings, secret), name)
        waiting = open_appointments(site).list_waiting(name)
    if as_json:
        print_json({"approver": name, "appointed": not waiting, "waiting": waiting})
    else:
        click.echo(f"{name}: {'appointed' if not waiting else 'not yet appointed: ' + ', '.join(waiting)}")


def _describe(document: bytes) -> dict[str, Any]:
    """Return what an appointment says, for people."""
    from wayseal.model.clock import to_text
    from wayseal.seal.keys.appointment import look_at_appointment

    made = look_at_appointment(document)
    return {
        "approver": made.approver, "organisation": made.organisation, "role": made.role, "form": made.form.value,
        "key": made.key.id, "site": made.site, "drafted": to_text(made.issued_at),
    }  # fmt: skip
