"""`wayseal equipment survey`: what the host that it runs on shows now, as facts to be declared of it at the centre."""

import json
from pathlib import Path

import click

from wayseal.cli.common import json_option, print_record


@click.command("survey")
@click.option(
    "--spool", type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Where its records wait; by default the lane's part of the home.",
)  # fmt: skip
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="File to carry to the centre.",
)
@json_option
@click.pass_obj
def survey(home: Path, *, spool: Path | None, out: Path, as_json: bool) -> None:
    """Write what this host shows now: serials, versions, boot measurements. Look it through, add what is known, then
    `wayseal equipment file facts DEVICE FILE` at the centre. Needs root to see all of it.
    """  # noqa: D205 - shown as help
    from wayseal.flow.collect import declare_host
    from wayseal.model.clock import utc_now
    from wayseal.station.lane_home import is_lane_home

    place = spool or home / ("lane" if is_lane_home(home) else "lanes")
    facts = declare_host(place.resolve(), utc_now)
    out.write_text(json.dumps(json.loads(facts.encode()), indent=1) + "\n", encoding="utf-8")
    row = {
        "facts": str(out), "chassis_serial": facts.chassis_serial, "disks": len(facts.disk_serials),
        "bios_version": facts.bios_version, "pcrs": len(facts.pcrs), "verity_root": facts.verity_root,
    }  # fmt: skip
    print_record(row, "This host", as_json=as_json)
