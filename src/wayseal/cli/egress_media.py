"""`wayseal egress media`: the agency's own removable media, each let in for one ticket, in one port, until the ticket ends."""

from pathlib import Path
from typing import Any

import click

from wayseal.cli.common import (
    actor_option,
    csv_option,
    json_option,
    passphrase_option,
    print_record,
    print_rows,
    read_passphrase,
)
from wayseal.cli.lazy import VerbGroup
from wayseal.cli.sheets import HEADINGS
from wayseal.model.clock import to_text


@click.group("media", cls=VerbGroup)
def media_command() -> None:
    """The agency's own removable media: each for one live ticket, in one port, until the ticket ends."""


@media_command.command("add")
@click.argument("medium")
@click.option("--ticket", required=True, help="A live ticket: its work order and its end are the medium's.")
@click.option("--serial", required=True, help="The device's serial number, as lsusb -v shows it.")
@click.option("--usb-id", required=True, help="VENDOR:PRODUCT, such as 0781:5567.")
@click.option("--port", required=True, help="The port it may be in, such as 1-2.")
@click.option(
    "--hash", "shown_hash", required=True, help="The device's hash, as `usbguard list-devices` shows it."
)
@actor_option
@passphrase_option
@json_option
@click.pass_obj
def add_command(
    home: Path, medium: str, *, ticket: str, serial: str, usb_id: str, port: str, shown_hash: str, actor: str,
    passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Register MEDIUM. Then write it at the host: wayseal egress guard write --media.

    The hash is over the device's descriptors: a serial number alone is what any programmable stick can claim.
    """
    from wayseal.assess.egress_policy import read_hash
    from wayseal.station.site import open_site
    from wayseal.station.tickets import UsbIdentity, admit_medium

    vendor, _, product = usb_id.partition(":")
    usb = UsbIdentity(serial, vendor, product, port, read_hash(shown_hash))
    with open_site(home, read_passphrase(passphrase_file)) as site:
        made = admit_medium(site, ticket, medium, usb, actor=actor)
        site.sign_checkpoint()
    print_record(_row(made), f"Registered {medium}", as_json=as_json)


@media_command.command("list")
@passphrase_option
@json_option
@csv_option
@click.pass_obj
def list_command(home: Path, *, passphrase_file: Path | None, as_json: bool, as_csv: bool) -> None:
    """List the media that may be let in now."""
    from wayseal.station.site import open_site
    from wayseal.station.tickets import list_admitted

    with open_site(home, read_passphrase(passphrase_file)) as site:
        rows = [_row(one) for one in list_admitted(site)]
    print_rows("Media", rows, as_json=as_json, as_csv=as_csv, heading=HEADINGS["egress media list"])


@media_command.command("end")
@click.argument("medium")
@actor_option
@passphrase_option
@json_option
@click.pass_obj
def end_command(home: Path, medium: str, *, actor: str, passphrase_file: Path | None, as_json: bool) -> None:
    """Take MEDIUM off the register before its ticket ends. Write the policy again at the host that let it in."""
    from wayseal.flow.oversee.register import end_medium
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        ended = end_medium(site.oversight, medium, actor=actor)
        site.sign_checkpoint()
    print_record(_row(ended), f"Ended {medium}", as_json=as_json)


def _row(medium: Any) -> dict[str, Any]:
    """Return a medium for people and scripts."""
    return {
        "medium": medium.id, "serial": medium.serial, "usb_id": f"{medium.vendor_id}:{medium.product_id}",
        "port": medium.via_port, "descriptors_sha256": medium.descriptors_sha256, "work_order": medium.work_order, "until": to_text(medium.until),
    }  # fmt: skip
