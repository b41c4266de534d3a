"""`wayseal equipment`: the devices at each lane, their assessments, and whether their lanes are armed."""

from datetime import datetime
from pathlib import Path

import click

from wayseal.cli.common import (
    actor_option,
    csv_option,
    json_option,
    passphrase_option,
    print_record,
    print_rows,
    read_passphrase,
    since_option,
)
from wayseal.cli.equipment_listen import listen
from wayseal.cli.equipment_parts import assess, collect, draw, due, evidence, file
from wayseal.cli.equipment_survey import survey
from wayseal.cli.lazy import VerbGroup
from wayseal.cli.sheets import HEADINGS


@click.group(cls=VerbGroup)
def command() -> None:
    """Equipment: enrol it, assess it, sign the site off, and see which lanes are armed."""


for _verb in (assess, collect, draw, due, evidence, file, listen, survey):
    command.add_command(_verb)


@command.command("enrol")
@click.option("--id", "device", required=True, help="Id of the equipment.")
@click.option(
    "--this-host", is_flag=True, help="The machine that this runs on, with the default component definition."
)
@click.option(
    "--kind",
    type=click.Choice(["lane_host", "camera", "centre_host", "network"]),
    default="lane_host",
    show_default=True,
)
@click.option("--model", help="Model, as its component definition is called; `this-host` for this machine.")
@click.option("--serial", help="Serial number; of this machine it is read.")
@click.option("--lane", help="The lane it serves. Its lane is armed only while it passes.")
@click.option("--organisation", help="Who supplies or maintains it; by default the agency.")
@actor_option
@passphrase_option
@json_option
@click.pass_obj
def enrol_command(
    home: Path, *, device: str, this_host: bool, kind: str, model: str | None, serial: str | None, lane: str | None,
    organisation: str | None, actor: str, passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Enrol a device. Enrolling one for a lane begins the enforcement of oversight there."""
    from wayseal.flow.oversee.register import NewEquipment
    from wayseal.model.oversight import EquipmentKind
    from wayseal.station.devices import enrol_device, read_serial
    from wayseal.station.site import open_site

    if this_host:
        model, serial = model or "this-host", serial or read_serial()
    if model is None or serial is None:
        raise click.UsageError("give --this-host, or --model and --serial")
    with open_site(home, read_passphrase(passphrase_file)) as site:
        owner = organisation or site.settings.organisation
        new = NewEquipment(EquipmentKind(kind), model, serial, owner, lane)
        row = enrol_device(site, device, new, actor=actor, this_host=this_host)
    print_record(row, f"Enrolled {device}", as_json=as_json)


@command.command("list")
@click.option("--all", "retired", is_flag=True, help="Retired devices too.")
@since_option
@passphrase_option
@json_option
@csv_option
@click.pass_obj
def list_command(
    home: Path, *, retired: bool, since: datetime | None, passphrase_file: Path | None, as_json: bool, as_csv: bool
) -> None:  # fmt: skip
    """List equipment with what is due."""
    from wayseal.flow.oversee.describe import list_equipment_rows
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        rows = list_equipment_rows(site.oversight, since=since, retired=retired)
    columns = ("equipment", "kind", "organisation", "lane", "passing", "overdue", "full_due", "findings")
    heading = HEADINGS["equipment list"]
    print_rows("Equipment", rows, as_json=as_json, as_csv=as_csv, columns=columns, heading=heading)


@command.command("show")
@click.argument("device")
@passphrase_option
@json_option
@click.pass_obj
def show_command(home: Path, device: str, *, passphrase_file: Path | None, as_json: bool) -> None:
    """Show one device with its newest assessments and all its findings."""
    from wayseal.flow.oversee.describe import show_equipment
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        row = show_equipment(site.oversight, device)
    print_record(row, device, as_json=as_json)


@command.command("changed")
@click.argument("device")
@click.option("--model", help="Its model from now on.")
@click.option("--lane", help="The lane that it serves from now on.")
@actor_option
@passphrase_option
@json_option
@click.pass_obj
def changed_command(
    home: Path, device: str, *, model: str | None, lane: str | None, actor: str, passphrase_file: Path | None, as_json: bool
) -> None:  # fmt: skip
    """Record that a device was changed: its lane gets no further key until the whole catalogue passes again."""
    from wayseal.flow.oversee.describe import show_equipment
    from wayseal.flow.oversee.register import note_change
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        note_change(site.oversight, device, actor=actor, model=model, lane=lane)
        row = show_equipment(site.oversight, device)
    print_record(row, device, as_json=as_json)


@command.command("retire")
@click.argument("device")
@actor_option
@passphrase_option
@json_option
@click.pass_obj
def retire_command(
    home: Path, device: str, *, actor: str, passphrase_file: Path | None, as_json: bool
) -> None:
    """Take a device out of service. Its lane stays under oversight and is disarmed until another one serves it."""
    from wayseal.flow.oversee.describe import show_equipment
    from wayseal.flow.oversee.register import retire_equipment
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        retire_equipment(site.oversight, device, actor=actor)
        row = show_equipment(site.oversight, device)
    print_record(row, device, as_json=as_json)


@command.command("sign-off")
@click.option("--duty", type=click.Choice(["operations", "it"]), required=True, help="Which half.")
@actor_option
@passphrase_option
@json_option
@click.pass_obj
def sign_off_command(
    home: Path, *, duty: str, actor: str, passphrase_file: Path | None, as_json: bool
) -> None:
    """Sign this site off for operations or for IT: two people, jointly, and each for a limited time."""
    from wayseal.flow.oversee.duties import sign_off
    from wayseal.model.clock import to_text
    from wayseal.model.oversight import Duty
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        done = sign_off(site.oversight, Duty(duty), principal=actor)
    row = {
        "sign_off": done.id,
        "site": done.site,
        "duty": duty,
        "by": done.principal,
        "until": to_text(done.until),
    }
    print_record(row, "Sign-off", as_json=as_json)


@command.command("findings")
@click.argument("subject", required=False)
@click.option("--all", "everything", is_flag=True, help="Closed ones too.")
@since_option
@passphrase_option
@json_option
@csv_option
@click.pass_obj
def findings_command(
    home: Path, subject: str | None, *, everything: bool, since: datetime | None, passphrase_file: Path | None,
    as_json: bool, as_csv: bool,
) -> None:  # fmt: skip
    """List open findings, each with its plan of action: who mends it, and by when."""
    from wayseal.flow.oversee.describe import list_finding_rows
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        rows = list_finding_rows(site.oversight, subject=subject, open_only=not everything, since=since)
    columns = ("subject", "probe", "reason", "owner", "due", "overdue", "do")
    heading = HEADINGS["equipment findings"]
    print_rows("Findings and POA&M", rows, as_json=as_json, as_csv=as_csv, columns=columns, heading=heading)


@command.command("coverage")
@passphrase_option
@json_option
@csv_option
@click.pass_obj
def coverage_command(home: Path, *, passphrase_file: Path | None, as_json: bool, as_csv: bool) -> None:
    """Show how much of the equipment is assessed, of the site and of each organisation, and what falls due."""
    from wayseal.flow.oversee.describe import list_coverage
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        rows = list_coverage(site.oversight)
    print_rows("Coverage", rows, as_json=as_json, as_csv=as_csv, heading=HEADINGS["equipment coverage"])


@command.command("lanes")
@passphrase_option
@json_option
@csv_option
@click.pass_obj
def lanes_command(home: Path, *, passphrase_file: Path | None, as_json: bool, as_csv: bool) -> None:
    """Show which lanes may have the next epoch key, and every reason why not; and what each sealed in the last day.

    Exit code 1 when one may not, or when a face was sealed in a lane of people who opted out.
    """
    from wayseal.station.overseer import list_lanes
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        rows = list_lanes(site)
    print_rows("Lanes", rows, as_json=as_json, as_csv=as_csv, heading=HEADINGS["equipment lanes"])
    if any(not row["fit"] or (row["opted_out"] and row["faces"]) for row in rows):
        raise SystemExit(1)
