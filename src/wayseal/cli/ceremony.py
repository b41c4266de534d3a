"""`wayseal ceremony`: officials make their keys, sign the site's charter apart from each other, and put it together."""

import sys
from contextlib import AbstractContextManager
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from wayseal.cli.lazy import VerbGroup
from wayseal.model.errors import Invalid, Refused

if TYPE_CHECKING:
    from wayseal.station.charter_change import ChangeRoom


@click.group(cls=VerbGroup)
def command() -> None:
    """The officials' keys and the charter that they sign, m of n."""


@command.command()
@click.argument("name")
@click.option(
    "--folder", required=True, type=click.Path(path_type=Path, file_okay=False), help="A drive of their own."
)
@passphrase_option
@json_option
def official(name: str, folder: Path, passphrase_file: Path | None, *, as_json: bool) -> None:
    """Make the key of the official NAME in FOLDER, under their own passphrase, and print its public half."""
    from wayseal.seal.keys.ceremony import make_official

    made = make_official(name, folder, read_passphrase(passphrase_file, confirm=True))
    if as_json:
        print_json({"name": name, "public": made.public.hex()})
    else:
        click.echo(f"{name}={made.public.hex()}")


@command.command()
@click.argument("name")
@click.option(
    "--needed", required=True, type=click.IntRange(2, 16), help="How many shares give the key back."
)
@click.option("--total", required=True, type=click.IntRange(2, 16), help="How many shares there are.")
def shares(name: str, needed: int, total: int) -> None:
    """Make a key that exists on paper only: SLIP-39 word lists on the terminal, one person after the other.

    Refused when standard output is not a terminal, so that the words end up in no file.
    """
    from wayseal.seal.keys.ceremony import make_shared_official

    if not sys.stdout.isatty():
        raise Refused(
            "shares are shown on a terminal only", hint="Run this on the offline machine, at its screen."
        )
    public, lists = make_shared_official(name, needed=needed, total=total)
    for number, words in enumerate(lists, start=1):
        click.prompt(
            f"Share {number} of {total}: only its holder looks. Press Enter", default="", show_default=False
        )
        click.echo(words)
        click.prompt("Written down? Press Enter", default="", show_default=False)
        click.clear()
    click.echo(f"{name}={public.hex()}")


@command.command()
@click.option("--site", required=True, help="Name of the port.")
@click.option("--needed", required=True, type=int, help="How many officials must sign.")
@click.option(
    "--official", "officials", multiple=True, required=True, help="NAME=PUBLIC (hex), once an official."
)
@click.option(
    "--roster-signer", "signers", multiple=True, help="NAME=PUBLIC (hex) of a keyroom's roster key."
)
@click.option(
    "--this-site", is_flag=True, help="Let this home's keyroom sign rosters (asks for its passphrase)."
)
@click.option(
    "--next-key",
    is_flag=True,
    help="Let this home's keyroom sign with its next roster key, and no more with this one.",
)
@click.option(
    "--days", default=365, show_default=True, type=click.IntRange(1, 3660), help="How long it is valid."
)
@click.option("--after", type=FILE, help="The charter that this one replaces.")
@click.option("--out", required=True, type=NEW_FILE, help="Where the draft goes.")
@passphrase_option
@json_option
@click.pass_obj
def draft(
    home: Path, *, site: str, needed: int, officials: tuple[str, ...], signers: tuple[str, ...], this_site: bool,
    next_key: bool, days: int, after: Path | None, out: Path, passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Write an unsigned charter for the officials to look at and sign."""
    from wayseal.model.clock import utc_now
    from wayseal.seal.keys.ceremony import draft_charter, look_at

    allowed = _read_pairs(signers)
    if this_site:
        from wayseal.station.site import open_site

        with open_site(home, read_passphrase(passphrase_file)) as opened:
            allowed["keyroom"] = opened.keyroom.official.public
    if next_key:
        with _open_change(home, passphrase_file) as room:
            allowed["keyroom"] = room.next_official().public
    document = draft_charter(
        site, officials=_read_pairs(officials), needed=needed, roster_signers=allowed,
        issued_at=utc_now().astimezone(UTC), days=days, after=look_at(after.read_bytes()) if after else None,
    )  # fmt: skip
    out.write_bytes(document)
    _print_charter(document, as_json=as_json)


@command.command()
@click.argument("document", type=FILE)
@click.option("--name", help="The official who signs.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The drive with their key.",
)
@click.option(
    "--share-file", "share_files", multiple=True, type=FILE, help="A share's words; else they are asked for."
)
@click.option("--out", required=True, type=NEW_FILE, help="Where the signed draft goes.")
@click.option(
    "--this-site", is_flag=True, help="Sign as this home's own first official, whose key is in its keyroom."
)
@click.option("--yes", is_flag=True, help="Sign without asking: the fingerprint was compared.")
@passphrase_option
@click.pass_obj
def sign(
    home: Path, document: Path, *, name: str | None, folder: Path | None, share_files: tuple[Path, ...], out: Path,
    this_site: bool, passphrase_file: Path | None, yes: bool,
) -> None:  # fmt: skip
    """Show DOCUMENT, a draft, and sign it as NAME: with the key in FOLDER, with enough shares, or with --this-site."""
    from wayseal.seal.keys.ceremony import add_signature, join_official, open_official

    data = document.read_bytes()
    _print_charter(data, as_json=False)
    if not yes:
        click.confirm("Did all officials read the same fingerprint?", abort=True, err=True)
    if this_site:
        with _open_change(home, passphrase_file) as room:
            out.write_bytes(room.sign_as_founder(data))
        return
    if name is None:
        raise Invalid("nobody is named who signs", hint="Add --name, or --this-site.")
    if folder is not None:
        who = open_official(name, folder, read_passphrase(passphrase_file))
    else:
        who = join_official(name, [file.read_text() for file in share_files] or _ask_shares())
    out.write_bytes(add_signature(data, who))


@command.command()
@click.argument("documents", nargs=-1, required=True, type=FILE)
@click.option("--after", type=FILE, help="The charter that this one replaces.")
@click.option("--out", required=True, type=NEW_FILE, help="Where the charter goes.")
@json_option
def finish(documents: tuple[Path, ...], after: Path | None, out: Path, *, as_json: bool) -> None:
    """Put the signatures of DOCUMENTS together; exit code 4 while too few have signed."""
    from wayseal.seal.keys.ceremony import finish_charter, look_at

    current = look_at(after.read_bytes()) if after else None
    charter = finish_charter([document.read_bytes() for document in documents], after=current)
    out.write_bytes(charter)
    _print_charter(charter, as_json=as_json)


@command.command()
@click.argument("document", type=FILE)
@json_option
def show(document: Path, *, as_json: bool) -> None:
    """Say what a draft or charter says, its fingerprint, and who has signed it."""
    _print_charter(document.read_bytes(), as_json=as_json)


@command.command()
@click.argument("document", type=FILE)
@click.option("--yes", is_flag=True, help="Do it.")
@passphrase_option
@json_option
@click.pass_obj
def install(home: Path, document: Path, *, passphrase_file: Path | None, yes: bool, as_json: bool) -> None:
    """Put the charter DOCUMENT into force in this home, and the roster key that it names. The keyroom must be stopped.

    Lanes fetch it with their next roster and need not stop. Exit code 4 unless enough of the old and new officials signed it.
    """
    data = document.read_bytes()
    if not yes:
        _print_charter(data, as_json=False)
        raise Invalid("this changes whom every lane of the site believes", hint="Add --yes to do it.")
    with _open_change(home, passphrase_file) as room:
        room.install(data)
    _print_charter(data, as_json=as_json)


@command.command()
@click.option("--out", type=NEW_FILE, help="Also write it to a file.")
@passphrase_option
@json_option
@click.pass_obj
def current(home: Path, *, out: Path | None, passphrase_file: Path | None, as_json: bool) -> None:
    """Say which charter is in force in this home."""
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        site.charters.current()
        data = site.charters.chain()[-1]
    if out is not None:
        out.write_bytes(data)
    _print_charter(data, as_json=as_json)


def _open_change(home: Path, passphrase_file: Path | None) -> "AbstractContextManager[ChangeRoom]":
    """Return this home's keyroom, opened alone for a change."""
    from wayseal.model.clock import utc_now
    from wayseal.station.charter_change import open_change
    from wayseal.station.settings import load_settings
    from wayseal.station.site import keyroom_passphrase

    settings = load_settings(home)
    secret = keyroom_passphrase(settings, read_passphrase(passphrase_file))
    return open_change(home, secret, settings, utc_now)


def _read_pairs(pairs: tuple[str, ...]) -> dict[str, bytes]:
    """Return NAME=HEX arguments as names and raw keys."""
    from wayseal.seal.inspect import read_public

    found = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        if name in found:
            raise Invalid(f"two keys for {name}")
        found[name] = read_public(text.encode())
    return found


def _ask_shares() -> list[str]:
    """Return word lists typed without echo, until an empty line."""
    found: list[str] = []
    while words := click.prompt(
        f"Share {len(found) + 1} (Enter ends)", default="", show_default=False, hide_input=True
    ):
        found.append(words)
    return found


def _print_charter(document: bytes, *, as_json: bool) -> None:
    from wayseal.model.clock import to_text
    from wayseal.seal.keys.ceremony import list_signers, look_at

    charter = look_at(document)
    answer: dict[str, Any] = {
        "site": charter.site,
        "version": charter.version,
        "fingerprint": charter.fingerprint,
        "valid_from": to_text(charter.issued_at),
        "valid_until": to_text(charter.valid_until),
        "needed": charter.needed,
        "officials": {name: public.hex() for name, public in charter.officials.items()},
        "roster_signers": {name: public.hex() for name, public in charter.roster_signers.items()},
        "signed_by": list(list_signers(document)),
    }
    if as_json:
        print_json(answer)
        return
    rows = [(name.replace("_", " "), _one_line(value)) for name, value in answer.items()]
    print_table("Charter", ("what", "value"), rows)


def _one_line(value: object) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{name}={public}" for name, public in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)
