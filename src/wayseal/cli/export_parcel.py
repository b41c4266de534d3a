"""The verbs of `wayseal export` that need no site: an approver signs a file; a recipient or an outsider looks at what they got."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wayseal.cli.common import (
    FILE,
    FOLDER,
    NEW_FILE,
    json_option,
    passphrase_option,
    print_json,
    print_table,
    read_passphrase,
)
from wayseal.model.errors import Integrity

if TYPE_CHECKING:
    from wayseal.flow.consent import Ballot

name_option = click.option("--name", required=True, help="The name with which the keys were made.")
folder_option = click.option(
    "--folder",
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Their folder.",
)


@click.command("sign")
@click.argument("ballot", type=FILE)
@name_option
@folder_option
@click.option("--out", required=True, type=NEW_FILE, help="Where the approval goes.")
@click.option("--yes", is_flag=True, help="Sign without asking: the manifest was read.")
@passphrase_option
def sign(
    ballot: Path, *, name: str, folder: Path, out: Path, yes: bool, passphrase_file: Path | None
) -> None:
    """As the approver NAME, read BALLOT (from `export show --out`) and sign it with the key in their folder."""
    from wayseal.export.manifest import decode_manifest
    from wayseal.flow.consent import decode_ballot
    from wayseal.model.clock import to_text

    read = decode_ballot(ballot.read_bytes())
    manifest = decode_manifest(read.manifest)
    rows = [
        (
            "recipient",
            f"{manifest.recipient} of {manifest.recipient_organisation}, key {manifest.key_sha256}",
        ),
        ("purpose", f"{manifest.purpose}, on the ground of {manifest.legal_basis}"),
        ("requester", f"{manifest.requester} of {manifest.organisation}"),
        ("until", to_text(manifest.expires_at)),
        ("counts", ", ".join(f"{count} {kind}" for kind, count in manifest.counts.items())),
        ("records", "\n".join(manifest.records)),
    ]
    print_table(f"Export {manifest.export}", ("what", "value"), rows)
    sign_ballot(read, name, folder, out, yes=yes, passphrase_file=passphrase_file)


def sign_ballot(
    shown: "Ballot", name: str, folder: Path, out: Path, *, yes: bool, passphrase_file: Path | None
) -> None:
    """Ask whether what was just shown is approved, sign it with the key in a folder, and write the approval."""
    from wayseal.export.approval import encode_approval, sign_approval
    from wayseal.seal.keys.ceremony import open_official

    if not yes:
        click.confirm("Approve exactly this?", abort=True, err=True)
    who = open_official(name, folder, read_passphrase(passphrase_file))
    approval = sign_approval(
        shown.export, name, manifest=shown.manifest, checkpoint=shown.checkpoint, signer=who, about=shown.about
    )  # fmt: skip
    out.write_bytes(encode_approval(approval))


@click.command("open")
@click.argument("bundle", type=FILE)
@name_option
@folder_option
@click.option(
    "--sender", type=FILE, help="The site's Ed25519 public key (raw, hex or base64), got from elsewhere."
)
@click.option("--to", type=FOLDER, help="Write the pictures here, in the clear. They are then in your hands.")
@click.option("--receipt", type=NEW_FILE, help="Write a signed receipt, to be sent back within a day.")
@passphrase_option
@json_option
def open_bundle(
    bundle: Path, *, name: str, folder: Path, sender: Path | None, to: Path | None, receipt: Path | None,
    passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """At the recipient: open BUNDLE in memory, check it, and sign a receipt."""
    from wayseal.export.delivery import name_file
    from wayseal.flow.parcel import RecipientBox
    from wayseal.model.clock import to_text, utc_now
    from wayseal.seal.inspect import read_public
    from wayseal.seal.keys.durable import write_file

    data = bundle.read_bytes()
    box = RecipientBox.open(name, folder, read_passphrase(passphrase_file))
    expected = None if sender is None else read_public(sender.read_bytes())
    read, items = box.open_bundle(data, sender=expected)
    for item in items if to is not None else ():
        file = Path(str(to)) / name_file(item)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_file(file, item.data)
    if receipt is not None:
        receipt.write_bytes(box.sign_receipt(data, "received", utc_now))
    manifest = read.manifest
    answer = {
        "export": manifest.export, "site": manifest.site, "records": len(items), "counts": manifest.counts,
        "purpose": manifest.purpose, "expires_at": to_text(manifest.expires_at), "mark": read.evidence.mark,
        "sender": read.evidence.sender.hex(), "written": to is not None,
    }  # fmt: skip
    if as_json:
        print_json(answer)
    else:
        print_table(
            "Export", ("what", "value"), [(key.replace("_", " "), value) for key, value in answer.items()]
        )


@click.command("attest")
@click.argument("bundle", type=FILE)
@name_option
@folder_option
@click.option("--out", required=True, type=NEW_FILE, help="Where the attestation goes.")
@passphrase_option
def attest(bundle: Path, *, name: str, folder: Path, out: Path, passphrase_file: Path | None) -> None:
    """At the recipient: sign that BUNDLE and everything that was made from it was deleted."""
    from wayseal.flow.parcel import RecipientBox
    from wayseal.model.clock import utc_now

    box = RecipientBox.open(name, folder, read_passphrase(passphrase_file))
    out.write_bytes(box.sign_receipt(bundle.read_bytes(), "deleted", utc_now))


@click.command("verify")
@click.argument("file", type=FILE)
@click.option(
    "--log-key", "log_keys", multiple=True, type=FILE,
    help="A ledger's verifier key (*.vkey), got from elsewhere. Repeatable.",
)  # fmt: skip
@click.option(
    "--sender", type=FILE, help="The site's Ed25519 public key (raw, hex or base64), got from elsewhere."
)
@json_option
def verify(file: Path, *, log_keys: tuple[Path, ...], sender: Path | None, as_json: bool) -> None:
    """Say without any private key what FILE, a bundle or an age file's sheet, proves.

    Exit code 4 when a check fails; what needs a key that was not given is reported as not checked.
    """
    from wayseal.flow.witnessed import examine_delivery
    from wayseal.ledger.note import parse_vkey
    from wayseal.model.clock import to_text
    from wayseal.seal.inspect import read_public

    found = examine_delivery(
        file.read_bytes(), log=[parse_vkey(one.read_text(encoding="utf-8")) for one in log_keys],
        sender=None if sender is None else read_public(sender.read_bytes()),
    )  # fmt: skip
    manifest = found.manifest
    answer = {
        "export": manifest.export, "manifest_sha256": found.manifest_sha256, "site": manifest.site,
        "recipient": manifest.recipient, "purpose": manifest.purpose, "legal_basis": manifest.legal_basis,
        "requester": manifest.requester, "records": list(manifest.records), "counts": manifest.counts,
        "expires_at": to_text(manifest.expires_at), "sender": found.sender.hex(),
        "approvals": [{"approver": one.id, "organisation": one.organisation} for one in found.approvers],
        "checkpoint_size": found.checkpoint.size, "bundle_sha256": found.bundle_sha256,
        "checks": [{"check": one.what, "finding": one.finding, "why": one.why} for one in found.checks],
        "sound": found.is_sound,
    }  # fmt: skip
    if as_json:
        print_json(answer)
    else:
        rows = [(one.what, one.finding + (f": {one.why}" if one.why else "")) for one in found.checks]
        print_table(f"Export {manifest.export} for {manifest.recipient}", ("check", "finding"), rows)
    if not found.is_sound:
        raise Integrity("a check of this export fails", hint="Do not use it; tell the site that sent it.")
