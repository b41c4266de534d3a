"""`wayseal export recipient` and `wayseal export approver`: who may receive, and whose signature counts."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from wayseal.cli.common import (
    FILE,
    FOLDER,
    NEW_FILE,
    default_principal,
    json_option,
    passphrase_option,
    print_json,
    print_table,
    read_passphrase,
)
from wayseal.cli.export_appoint import appoint, draft, sign
from wayseal.cli.lazy import VerbGroup
from wayseal.model.clock import to_text
from wayseal.model.errors import Invalid

registrar_option = click.option(
    "--role", default="privacy_officer", show_default=True, help="Role that policy judges."
)
as_option = click.option(
    "--as", "who", default=default_principal, show_default="your login name", help="Staff id on the ledger."
)


@click.group(cls=VerbGroup)
def recipient() -> None:
    """Recipients: whom records may be given to, and the keys they are sealed to."""


@recipient.command("make")
@click.argument("name")
@click.option("--organisation", required=True, help="Whom the recipient belongs to.")
@click.option("--folder", required=True, type=FOLDER, help="Where their private keys will be.")
@click.option("--out", required=True, type=NEW_FILE, help="The card to hand to the site: public keys only.")
@passphrase_option
@json_option
def make_recipient(
    name: str, *, organisation: str, folder: Path, out: Path, passphrase_file: Path | None, as_json: bool
) -> None:
    """At the recipient: make the keys of NAME under their own passphrase, and a card for the site."""
    from wayseal.flow.parcel import RecipientBox, encode_card
    from wayseal.flow.partners import digest_key

    box = RecipientBox.create(name, folder, read_passphrase(passphrase_file, confirm=True))
    card = box.card(organisation)
    out.write_bytes(encode_card(card))
    digest = digest_key(card.form, card.key)
    if as_json:
        print_json({"name": name, "key_sha256": digest, "card": str(out)})
    else:
        click.echo(f"{out}: give it to the site, and read them this on the telephone: {digest}")


@recipient.command("add")
@click.argument("card", required=False, type=FILE)
@click.option("--name", help="Name of a recipient without a card.")
@click.option("--organisation", help="Whom they belong to.")
@click.option("--age", "age_key", help="Their age or SSH public key, in place of a card.")
@click.option(
    "--receipt-key", help="Their Ed25519 public key for receipts (hex); without it receipts come on paper."
)
@click.option("--yes", is_flag=True, help="The key's digest was compared with the recipient.")
@as_option
@registrar_option
@passphrase_option
@json_option
@click.pass_obj
def add_recipient_command(
    home: Path, card: Path | None, *, name: str | None, organisation: str | None, age_key: str | None,
    receipt_key: str | None, yes: bool, who: str, role: str, passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Register a recipient by the CARD they made, or by an age or SSH key. A name that is there gets the new key."""
    from wayseal.flow.parcel import decode_card
    from wayseal.flow.partners import add_recipient, digest_key
    from wayseal.model.disclosure import BundleForm
    from wayseal.seal.inspect import read_public
    from wayseal.station.exports import open_partners
    from wayseal.station.site import open_site

    facts: tuple[str, str, BundleForm, str, bytes | None]
    if card is not None:
        read = decode_card(card.read_bytes())
        facts = (read.name, read.organisation, read.form, read.key, read.receipt_key)
    elif name and organisation and age_key:
        signs = None if receipt_key is None else read_public(receipt_key.encode())
        facts = (name, organisation, BundleForm.AGE, age_key.strip(), signs)
    else:
        raise click.UsageError("give a CARD, or --name, --organisation and --age")
    if not yes:
        click.echo(f"The key's digest: {digest_key(facts[2], facts[3])}", err=True)
        click.confirm("Did the recipient read the same digest to you?", abort=True, err=True)
    with open_site(home, read_passphrase(passphrase_file)) as site:
        added, index = add_recipient(
            open_partners(site, who, role), facts[0], organisation=facts[1], form=facts[2], key=facts[3], receipt_key=facts[4]
        )  # fmt: skip
    answer = {"recipient": added.name, "key_sha256": added.key_sha256, "ledger_index": index}
    print_json(answer) if as_json else click.echo(f"{added.name}: key {added.key_sha256}, entry {index}")


@recipient.command("list")
@passphrase_option
@json_option
@click.pass_obj
def list_recipients_command(home: Path, *, passphrase_file: Path | None, as_json: bool) -> None:
    """List recipients with their keys' digests."""
    from wayseal.station.site import open_site
    from wayseal.store.approvers import list_recipients
    from wayseal.store.engine import read

    with open_site(home, read_passphrase(passphrase_file)) as site, read(site.store.engine) as connection:
        rows = [
            {
                "recipient": one.name, "organisation": one.organisation, "form": one.form.value,
                "key_sha256": one.key_sha256, "signs_receipts": one.receipt_key is not None,
                "retired_at": None if one.retired_at is None else to_text(one.retired_at),
            }
            for one in list_recipients(connection)
        ]  # fmt: skip
    print_rows("Recipients", rows, as_json=as_json)


@recipient.command("retire")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do it.")
@as_option
@registrar_option
@passphrase_option
@json_option
@click.pass_obj
def retire_command(
    home: Path, name: str, *, yes: bool, who: str, role: str, passphrase_file: Path | None, as_json: bool
) -> None:
    """Give nothing to NAME any more, not even what was approved."""
    from wayseal.flow.partners import retire_recipient
    from wayseal.station.exports import open_partners
    from wayseal.station.site import open_site

    ask_yes(yes=yes, what=f"{name} gets nothing any more")
    with open_site(home, read_passphrase(passphrase_file)) as site:
        index = retire_recipient(open_partners(site, who, role), name)
    print_json({"recipient": name, "ledger_index": index}) if as_json else click.echo(f"entry {index}")


@click.group(cls=VerbGroup)
def approver() -> None:
    """Approvers: whose signature counts, with which credential, and how they decide."""


for part in (draft, sign, appoint):
    approver.add_command(part)


@approver.command("make")
@click.argument("name")
@click.option("--folder", required=True, type=FOLDER, help="A drive of their own.")
@passphrase_option
@json_option
def make_approver(name: str, *, folder: Path, passphrase_file: Path | None, as_json: bool) -> None:
    """At the approver: make a key for signed files under their own passphrase, and print its public half."""
    from wayseal.seal.keys.ceremony import make_official

    made = make_official(name, folder, read_passphrase(passphrase_file, confirm=True))
    print_json({"name": name, "public": made.public.hex()}) if as_json else click.echo(made.public.hex())


@approver.command("add")
@click.argument("name")
@click.option("--organisation", required=True, help="Whom they answer to: it counts once in each export.")
@click.option(
    "--approver-role",
    "acts_as",
    default="export_approver",
    show_default=True,
    help="Role in which they approve.",
)
@click.option("--key", help="Their Ed25519 public key (hex), for signed files.")
@as_option
@registrar_option
@passphrase_option
@json_option
@click.pass_obj
def add_approver_command(
    home: Path, name: str, *, organisation: str, acts_as: str, key: str | None, who: str, role: str,
    passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Register the approver NAME, with a key or with a code by which they enrol an authenticator in the console."""
    from wayseal.flow.partners import add_approver, enrol_own_key
    from wayseal.seal.inspect import read_public
    from wayseal.station.exports import open_partners
    from wayseal.station.site import open_site

    public = None if key is None else read_public(key.encode())
    with open_site(home, read_passphrase(passphrase_file)) as site:
        added, code = add_approver(
            open_partners(site, who, role), name, organisation=organisation, role=acts_as
        )
        if public is not None:
            enrol_own_key(open_partners(site, who, role), name, public)
    if as_json:
        print_json({"approver": added.id, "organisation": added.organisation, "enrolment_code": code})
    else:
        click.echo(f"{added.id} of {added.organisation}. Enrolment code, good once within 7 days: {code}")


@approver.command("code")
@click.argument("name")
@as_option
@registrar_option
@passphrase_option
@json_option
@click.pass_obj
def code_command(
    home: Path, name: str, *, who: str, role: str, passphrase_file: Path | None, as_json: bool
) -> None:
    """Print a new enrolment code for the approver NAME, for another authenticator; an older code is good no more."""
    from wayseal.flow.partners import renew_code
    from wayseal.station.exports import open_partners
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        code = renew_code(open_partners(site, who, role), name)
    print_json({"approver": name, "enrolment_code": code}) if as_json else click.echo(code)


@approver.command("list")
@passphrase_option
@json_option
@click.pass_obj
def list_approvers_command(home: Path, *, passphrase_file: Path | None, as_json: bool) -> None:
    """List approvers with what they were shown, approved and declined, and their median time: a rubber stamp shows.

    `appointed`: the site's officials vouch for every credential of theirs, so that it counts at the keyroom.
    """
    from wayseal.station.appointing import open_appointments
    from wayseal.station.exports import describe_votes, open_disclosure
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        book = open_appointments(site)
        rows = [
            row | {"appointed": book.is_appointed(row["approver"])}
            for row in describe_votes(open_disclosure(site))
        ]
    print_rows("Approvers", rows, as_json=as_json)


@approver.command("revoke")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do it.")
@as_option
@registrar_option
@passphrase_option
@json_option
@click.pass_obj
def revoke_command(
    home: Path, name: str, *, yes: bool, who: str, role: str, passphrase_file: Path | None, as_json: bool
) -> None:
    """Let the signature of NAME count no more, also on what they approved and is not released yet."""
    from wayseal.flow.partners import revoke_approver
    from wayseal.station.exports import open_partners
    from wayseal.station.site import open_site

    ask_yes(yes=yes, what=f"the signature of {name} counts no more")
    with open_site(home, read_passphrase(passphrase_file)) as site:
        index = revoke_approver(open_partners(site, who, role), name)
    print_json({"approver": name, "ledger_index": index}) if as_json else click.echo(f"entry {index}")


def ask_yes(*, yes: bool, what: str) -> None:
    """Raise `Invalid`, saying what would happen, unless the user has said `--yes`."""
    if not yes:
        raise Invalid(f"this cannot be taken back: {what}", hint="Add --yes to do it.")


def print_rows(title: str, rows: Sequence[Mapping[str, object]], *, as_json: bool) -> None:
    """Print rows as JSON or as a table."""
    if as_json:
        print_json(list(rows))
    else:
        print_table(title, list(rows[0]) if rows else ["nothing yet"], [list(row.values()) for row in rows])


@click.command("sender")
@passphrase_option
@json_option
@click.pass_obj
def show_sender(home: Path, *, passphrase_file: Path | None, as_json: bool) -> None:
    """Print the public key with which this site signs its exports: what readers give as --sender. Hand it out beforehand."""
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        key = site.keys.identity.public.hex()
    if as_json:
        print_json({"sender": key})
    else:
        click.echo(key)
