"""`wayseal retention`: what is due, its erasure, holds, and the search for plaintext that must not be there."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wayseal.cli.common import (
    Moment,
    default_principal,
    json_option,
    passphrase_option,
    print_json,
    print_table,
    read_passphrase,
    show_progress,
    stderr,
)
from wayseal.cli.lazy import VerbGroup
from wayseal.cli.signing import make_approve, make_decline, make_finish, make_show, make_sign
from wayseal.model.clock import to_text

if TYPE_CHECKING:
    from wayseal.flow.erase import Erasure
    from wayseal.retention.schedule import Plan

as_of_option = click.option(
    "--as-of", type=Moment(), help="Pretend that it is this time; evaluation sites only."
)


@click.group(cls=VerbGroup)
def command() -> None:
    """What is due, its erasure, holds, and the search for plaintext that must not be there."""


@command.command("plan")
@as_of_option
@passphrase_option
@json_option
@click.pass_obj
def plan_command(home: Path, *, as_of: datetime | None, passphrase_file: Path | None, as_json: bool) -> None:
    """Show what the next sweep would erase. Changes nothing."""
    from wayseal.flow.erase import plan_erasure
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        plan = plan_erasure(site.eraser, as_of=site.as_of(as_of))
        held = site.eraser.count_held()
    _report(plan, [], held=held, as_json=as_json)


@command.command("run")
@as_of_option
@click.option("--yes", is_flag=True, help="Erase without asking. Without it the plan is shown first.")
@click.option(
    "--running",
    is_flag=True,
    help="With --as-of: also an hour that still runs and to which a lane at work here is sealing.",
)
@passphrase_option
@json_option
@click.pass_obj
def run_command(
    home: Path, *, as_of: datetime | None, yes: bool, running: bool, passphrase_file: Path | None, as_json: bool
) -> None:  # fmt: skip
    """Destroy the keys of every epoch whose time has come. Nothing can bring them back.

    The figures are those after the run: `due` and `overdue` are what is left to do. With --as-of an hour that still runs and holds
    records is destroyed too, unless a lane is at work; no lane of this test site seals again before `unarmed_until`.
    """
    from wayseal.flow.erase import erase_due, log_clock_step, plan_erasure
    from wayseal.retention.steady import ClockWatch
    from wayseal.station.at_work import check_running_hours, find_unarmed_until
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        moment = site.as_of(as_of)
        plan = plan_erasure(site.eraser, as_of=moment)
        unarmed = find_unarmed_until(plan, site.clock())
        if not running:
            check_running_hours(home, plan, site.clock())
        if not yes:
            stderr.print(f"{len(plan.due)} epochs with {plan.due_records} records would be erased for ever.")
            if unarmed is not None:
                stderr.print(f"One of them still runs: no lane could seal before {to_text(unarmed)}.")
            click.confirm("Erase them?", abort=True, err=True)
        step = log_clock_step(site.ledger, ClockWatch(home / "centre" / "clock.json"), site.clock)
        erased = erase_due(site.eraser, as_of=moment)
        left = plan_erasure(site.eraser, as_of=moment)
        site.sign_checkpoint()
        held = site.eraser.count_held()
    if unarmed is not None:
        stderr.print(
            f"warning: the key of an hour that still runs is gone; no lane of this test site seals before {to_text(unarmed)}",
            markup=False,
        )
    _report(
        left, erased, held=held, as_json=as_json, clock_step_s=round(step.total_seconds()),
        unarmed_until=unarmed,
    )  # fmt: skip


@command.command("hold")
@click.argument("records", nargs=-1, required=True)
@click.option("--reason", required=True, help="A code for the ledger, such as court-order-26.114.")
@click.option("--until", type=Moment(), required=True, help="When the hold ends; at most 366 days ahead.")
@click.option("--approver", "approvers", multiple=True, required=True, help="Give two different people.")
@click.option("--as", "who", default=default_principal, show_default="your login name", help="Staff id.")
@passphrase_option
@json_option
@click.pass_obj
def hold_command(
    home: Path, records: tuple[str, ...], *, reason: str, until: datetime, approvers: tuple[str, ...],
    who: str, passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Keep RECORDS past their class: named, dated, with a reason and two approvers.

    Where people's word counts with their signature only, it waits until both have signed it; then `retention finish-hold`.
    """
    from wayseal.flow.hold import place_hold
    from wayseal.model.ids import EpochId, RecordId
    from wayseal.station.signing import must_sign
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        officer = site.principal(who, "privacy_officer")

        def keep(record: RecordId, epoch: EpochId, code: str) -> object:
            return site.opener.keep(officer, record, epoch, reason=code)

        chosen = [RecordId(record) for record in records]
        waits = must_sign(site)
        placed = place_hold(
            site.eraser, chosen, reason=reason, approvers=approvers, until=until, keep=keep, finish=not waits
        )
        site.sign_checkpoint()
    answer = {
        "hold": placed.id, "records": list(placed.records), "until": to_text(placed.until), "signed": not waits
    }  # fmt: skip
    _answer("Hold", answer | {"reason": placed.reason, "approvers": list(placed.approvers)}, as_json=as_json)


@command.command("finish-hold")
@click.argument("hold")
@click.option("--as", "who", default=default_principal, show_default="your login name", help="Staff id.")
@passphrase_option
@json_option
@click.pass_obj
def finish_command(home: Path, hold: str, *, who: str, passphrase_file: Path | None, as_json: bool) -> None:
    """Finish HOLD when both have signed it, or where a crash left it half placed: re-wrap its records that are not under it yet."""
    from wayseal.flow.hold import finish_hold
    from wayseal.model.ids import EpochId, RecordId, check_ulid
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        officer = site.principal(who, "privacy_officer")

        def keep(record: RecordId, epoch: EpochId, code: str) -> object:
            return site.opener.keep(officer, record, epoch, reason=code)

        if site.opener.publish is not None:
            site.opener.teach(witnessed=True)  # signatures count when the witnesses have seen them
        count = finish_hold(site.eraser, check_ulid(hold), keep=keep)
        site.sign_checkpoint()
    _answer("Hold", {"hold": hold, "rewrapped": count}, as_json=as_json)


_READ = ("approvers", "records", "reason", "time", "until")
_READ_LIFT = ("hold", "reason", "approvers", "actor", "time", "expires")
for part in (
    make_show("hold", "show-hold"), make_sign("hold", "sign-hold", _READ), make_approve("hold", "approve-hold"),
    make_decline("hold", "decline-hold"), make_show("lift", "show-lift"), make_sign("lift", "sign-lift", _READ_LIFT),
    make_approve("lift", "approve-lift"), make_decline("lift", "decline-lift"), make_finish("lift", "finish-lift"),
):  # fmt: skip
    command.add_command(part)


@command.command("lift")
@click.argument("hold")
@click.option("--reason", required=True, help="A code for the ledger, such as case-closed.")
@click.option("--approver", "approvers", multiple=True, required=True, help="Give two different people.")
@click.option("--yes", is_flag=True, help="Lift without asking.")
@click.option("--as", "who", default=default_principal, show_default="your login name", help="Staff id.")
@passphrase_option
@json_option
@click.pass_obj
def lift_command(
    home: Path, hold: str, *, reason: str, approvers: tuple[str, ...], yes: bool, who: str,
    passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """End HOLD before its time. Records that nothing else keeps are erased at once, for ever.

    Where people's word counts with their signature only, it is asked for, and the hold ends when both have signed the lift.
    """
    from wayseal.station.petitions import lift
    from wayseal.station.site import open_site

    if not yes:
        click.confirm("Records that nothing else keeps will be erased. Lift?", abort=True, err=True)
    with open_site(home, read_passphrase(passphrase_file)) as site:
        answer = lift(site, hold, reason=reason, approvers=approvers, actor=who)
        site.sign_checkpoint()
    _answer("Lift", answer, as_json=as_json)


@command.command("holds")
@passphrase_option
@json_option
@click.pass_obj
def holds_command(home: Path, *, passphrase_file: Path | None, as_json: bool) -> None:
    """List the holds in force."""
    from wayseal.station.site import open_site
    from wayseal.store.engine import read
    from wayseal.store.holds import list_holds

    with open_site(home, read_passphrase(passphrase_file)) as site, read(site.store.engine) as connection:
        found = list_holds(connection, active_at=site.clock())
    rows = [
        {"hold": one.id, "reason": one.reason, "until": to_text(one.until), "records": len(one.records)}
        for one in found
    ]
    if as_json:
        print_json(rows)
    else:
        print_table("Holds", ["hold", "reason", "until", "records"], [list(row.values()) for row in rows])


@command.command("residue")
@click.option(
    "--path",
    "paths",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Look here instead of in the home.",
)
@click.option("--system", is_flag=True, help="Also swap, core dumps and the temporary folder.")
@click.option(
    "--needles",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="File of plates that must not be anywhere, one a line.",
)
@json_option
@click.pass_obj
def residue_command(
    home: Path, *, paths: tuple[Path, ...], system: bool, needles: Path | None, as_json: bool
) -> None:
    """Search for plaintext that must not be there. Needs no key and changes nothing. Exit code 1 on any finding."""
    from wayseal.retention.needles import Needles
    from wayseal.retention.residue import list_places, scan

    texts = () if needles is None else tuple(needles.read_text(encoding="utf-8").split("\n"))
    wanted = Needles(texts=tuple(text.strip() for text in texts if text.strip()))
    places = list_places(paths or (home,), system=system)
    with show_progress("Searching", None) as advance:
        found = scan(places, wanted, progress=advance)
    answer: dict[str, Any] = {
        "scanned_bytes": found.scanned_bytes,
        "findings": [{"path": f.path, "offset": f.offset, "kind": f.kind} for f in found.findings],
        "unreadable": list(found.unreadable),
    }
    if as_json:
        print_json(answer)
    else:
        rows = [[f.path, f.offset, f.kind] for f in found.findings]
        print_table(f"Residue in {found.scanned_bytes:,} bytes", ["path", "offset", "kind"], rows)
        if found.unreadable:
            print_table("Could not be read", ["path"], [[path] for path in found.unreadable])
    raise SystemExit(1 if found.findings or found.unreadable else 0)


def _report(
    plan: "Plan", erased: "Sequence[Erasure]", *, held: int, as_json: bool, clock_step_s: int = 0,
    unarmed_until: datetime | None = None,
) -> None:  # fmt: skip
    """Print a plan, and what was erased."""
    answer = {
        "due": plan.due_records,
        "erased": sum(one.records for one in erased),
        "held": held,
        "overdue": plan.overdue_records,
        "epochs_destroyed": [one.epoch for one in erased],
        "epochs_due": [one.epoch for one in plan.due],
        "unknown_epochs": list(plan.unknown),
        "live": plan.live_records,
        "as_of": to_text(plan.now),
        "clock_step_s": clock_step_s,
        "unarmed_until": None if unarmed_until is None else to_text(unarmed_until),
    }
    _answer("Retention", answer, as_json=as_json)


def _answer(title: str, answer: dict[str, Any], *, as_json: bool) -> None:
    """Print one answer as JSON or as a table of two columns."""
    if as_json:
        print_json(answer)
        return
    shown = [[name, ", ".join(value) if isinstance(value, list) else value] for name, value in answer.items()]
    print_table(title, ["what", "value"], shown)
