"""The verbs by which people sign a session grant, a hold or a petition with files: show it, sign it elsewhere, hand it in; or decline it."""

from collections.abc import Sequence
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
from wayseal.cli.export_parcel import folder_option, sign_ballot

if TYPE_CHECKING:
    from wayseal.flow.consent import Ballot


no_option = click.option("--decline", "no", help="Sign a no, for this reason: a code for the ledger.")


def make_show(about: str, name: str) -> click.Command:
    """Return the verb that shows one, and writes what is signed into a file."""

    @click.command(name, help=f"Show {about.upper()}: what its entry says, and who has signed it.")
    @click.argument("matter", metavar=about.upper())
    @click.option("--out", type=NEW_FILE, help="Write what is signed, for signing elsewhere.")
    @passphrase_option
    @json_option
    @click.pass_obj
    def show(
        home: Path, matter: str, *, out: Path | None, passphrase_file: Path | None, as_json: bool
    ) -> None:
        from wayseal.export.approval import Subject
        from wayseal.flow.consent import encode_ballot
        from wayseal.flow.countersign import show_matter
        from wayseal.station.exports import open_disclosure
        from wayseal.station.signing import describe_waiting, look_at
        from wayseal.station.site import open_site

        with open_site(home, read_passphrase(passphrase_file)) as site:
            desk = open_disclosure(site)
            found = look_at(site, desk, Subject(about), matter)
            if out is not None:
                out.write_bytes(encode_ballot(show_matter(desk, found.matter)))
        print_matter(describe_waiting(found), about, as_json=as_json)

    return show


def make_sign(about: str, name: str, fields: Sequence[str]) -> click.Command:
    """Return the verb by which somebody signs what `make_show` wrote; `fields` of the entry are read to them."""

    @click.command(name, help="As NAME, read BALLOT and sign it with the key in their folder.")
    @click.argument("ballot", type=FILE)
    @click.option("--name", "signer", required=True, help="The name with which the key was made.")
    @folder_option
    @click.option("--out", required=True, type=NEW_FILE, help="Where the approval goes.")
    @click.option("--yes", is_flag=True, help="Sign without asking: it was read.")
    @no_option
    @passphrase_option
    def sign(
        ballot: Path, *, signer: str, folder: Path, out: Path, yes: bool, no: str | None, passphrase_file: Path | None
    ) -> None:  # fmt: skip
        from wayseal.export.approval import Subject
        from wayseal.flow.consent import decode_ballot
        from wayseal.ledger.entry import decode_entry

        read = decode_ballot(ballot.read_bytes(), Subject(about))
        entry = decode_entry(read.manifest)
        rows = [(field, _spell(entry.get(field))) for field in fields]
        print_table(f"{about.capitalize()} {read.export}", ("what", "value"), rows)
        sign_ballot(turn_down(read, no), signer, folder, out, yes=yes, passphrase_file=passphrase_file)

    return sign


def turn_down(shown: "Ballot", reason: str | None) -> "Ballot":
    """Return a ballot, or with a reason that of the no."""
    from wayseal.flow.countersign import decline_ballot

    return shown if reason is None else decline_ballot(shown, reason)


def make_approve(about: str, name: str) -> click.Command:
    """Return the verb that hands in what somebody signed."""

    @click.command(name, help=f"Hand in what somebody signed for {about.upper()}. The keyroom verifies it.")
    @click.argument("matter", metavar=about.upper())
    @click.option("--approval", required=True, type=FILE, help="What was signed.")
    @passphrase_option
    @json_option
    @click.pass_obj
    def approve(
        home: Path, matter: str, *, approval: Path, passphrase_file: Path | None, as_json: bool
    ) -> None:
        from wayseal.export.approval import Subject
        from wayseal.flow.countersign import countersign, find_matter
        from wayseal.station.exports import open_disclosure
        from wayseal.station.petitions import settle_signed
        from wayseal.station.site import open_site

        with open_site(home, read_passphrase(passphrase_file)) as site:
            desk = open_disclosure(site)
            found = find_matter(desk, Subject(about), matter)
            who, index = countersign(desk, found, approval.read_bytes())
            settled = settle_signed(site, desk, found) or {}
        shown = {about: found.id, "signed_by": who.id, "approval_index": index}
        print_matter(settled | shown, about, as_json=as_json)

    return approve


def make_finish(about: str, name: str) -> click.Command:
    """Return the verb that carries out a petition which both have signed, where that did not happen at once."""

    @click.command(
        name,
        help=f"Carry out {about.upper()} when both have signed it: after a crash, or when witnesses were away.",
    )
    @click.argument("matter", metavar=about.upper())
    @passphrase_option
    @json_option
    @click.pass_obj
    def finish(home: Path, matter: str, *, passphrase_file: Path | None, as_json: bool) -> None:
        from wayseal.export.approval import Subject
        from wayseal.station.exports import open_disclosure
        from wayseal.station.petitions import finish_petition
        from wayseal.station.site import open_site

        with open_site(home, read_passphrase(passphrase_file)) as site:
            shown = finish_petition(site, open_disclosure(site), Subject(about), matter)
            site.sign_checkpoint()
        print_matter(shown, about, as_json=as_json)

    return finish


def make_decline(about: str, name: str) -> click.Command:
    """Return the verb by which somebody who might have signed says no, for good."""

    @click.command(name, help=f"As the approver NAME, decline {about.upper()} for good.")
    @click.argument("matter", metavar=about.upper())
    @click.option("--as", "approver", help="The approver who declines, where names count.")
    @click.option(
        "--approval",
        type=FILE,
        help="The signed no: wanted where people's word counts with their signature only.",
    )
    @click.option("--reason", required=True, help="A code for the ledger, such as not-necessary.")
    @click.option("--yes", is_flag=True, help="Do it.")
    @passphrase_option
    @json_option
    @click.pass_obj
    def decline(
        home: Path, matter: str, *, approver: str | None, approval: Path | None, reason: str, yes: bool,
        passphrase_file: Path | None, as_json: bool,
    ) -> None:  # fmt: skip
        from wayseal.cli.export_people import ask_yes
        from wayseal.export.approval import Subject
        from wayseal.flow.countersign import decline as write_decline
        from wayseal.flow.countersign import decline_signed, find_matter
        from wayseal.station.exports import open_disclosure
        from wayseal.station.signing import check_unsigned
        from wayseal.station.site import open_site

        if (approver is None) == (approval is None):
            raise click.UsageError("give --as, or --approval with the signed no")
        ask_yes(yes=yes, what=f"the {about} is over, whoever else signed it")
        with open_site(home, read_passphrase(passphrase_file)) as site:
            desk = open_disclosure(site)
            found = find_matter(desk, Subject(about), matter)
            if approval is not None:
                who, index = decline_signed(desk, found, approval.read_bytes(), reason=reason)
                approver = who.id
            else:
                check_unsigned(site)
                index = write_decline(desk, found, approver or "", reason=reason)
        shown = {about: found.id, "declined_by": approver, "reason": reason, "ledger_index": index}
        shown["signed"] = approval is not None
        print_matter(shown, about, as_json=as_json)

    return decline


def print_matter(shown: dict[str, Any], about: str, *, as_json: bool) -> None:
    """Print one grant, hold or petition."""
    if as_json:
        print_json(shown)
    else:
        rows = [[name, _spell(value)] for name, value in shown.items() if value not in (None, [], "")]
        print_table(about.capitalize(), ["what", "value"], rows)


def _spell(value: object) -> object:
    """Return a value as a table shows it."""
    return "\n".join(map(str, value)) if isinstance(value, list) else value
