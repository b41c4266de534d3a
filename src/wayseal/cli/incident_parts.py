"""What the verbs of `wayseal incident` share: whom it is about, the time in question, and how an incident is shown."""

from datetime import timedelta
from typing import Any

import click

from wayseal.cli.common import Moment, print_json
from wayseal.model.oversight import SubjectKind


def subject_options(target: Any) -> Any:
    """Add `--principal`, `--device` and `--organisation`: exactly one says whom or what it is about."""
    for name, text in (
        ("organisation", "A vendor or agency, by its id."),
        ("device", "A lane, an equipment id, or a sealing key's SHA-256."),
        ("principal", "A staff or service id."),
    ):
        target = click.option(f"--{name}", help=text)(target)
    return target


def span_options(target: Any) -> Any:
    """Add `--since` and `--until`: the time in question."""
    target = click.option("--until", type=Moment(), help="End of the time in question; now when left out.")(
        target
    )
    return click.option("--since", type=Moment(), required=True, help="Start of the time in question.")(
        target
    )


def read_subject(
    principal: str | None, device: str | None, organisation: str | None
) -> tuple[SubjectKind, str]:
    """Return whom or what the options name; exactly one of them must."""
    given = {
        SubjectKind.PRINCIPAL: principal, SubjectKind.DEVICE: device, SubjectKind.ORGANISATION: organisation
    }  # fmt: skip
    named = [(kind, name) for kind, name in given.items() if name]
    if len(named) != 1:
        raise click.UsageError("give exactly one of --principal, --device and --organisation")
    return named[0]


def show_incident(shown: dict[str, Any], *, as_json: bool) -> None:
    """Print an incident."""
    if as_json:
        print_json(shown)
        return
    for name in (
        "incident",
        "status",
        "reason",
        "since",
        "until",
        "detected",
        "opened",
        "contained",
        "closed",
    ):
        if shown[name] is not None:
            click.echo(f"{name:12}{shown[name]}")
    if shown["subject"]:
        click.echo(f"{'about':12}{shown['subject']['kind']} {shown['subject']['id']}")
    for duty in shown["duties"]:
        click.echo(f"{'tell':12}{duty['recipient']}: {_say_clock(duty)}")
    for pack in shown.get("packs", ()):
        click.echo(f"{'pack':12}handed out {pack['time']}, ledger entry {pack['index']}")


def _say_clock(duty: dict[str, Any]) -> str:
    """Return what one clock says."""
    if duty["due"] is None:
        return "not due: fewer people are concerned than its threshold"
    if duty["met"] is not None:
        return f"told {duty['met']}" + (", LATE" if duty["overdue"] else "")
    left = timedelta(seconds=abs(duty["seconds_left"]))
    return f"OVERDUE by {left}" if duty["overdue"] else f"by {duty['due']}, {left} left"
