"""`wayseal demo breach`: the story of 2018-19 against a real site, and what came of each act."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wayseal.cli.common import json_option, print_json, stderr

if TYPE_CHECKING:
    from wayseal.testing.breach import Step

_COLOURS = {"blocked": "green", "useless": "green", "traced": "cyan", "open": "yellow"}
_SHOWN = (
    "remains", "faults", "opened", "tries", "got", "attempts", "posted", "traced", "least_z", "ledger_index", "seconds", "dead",
    "pictures_tapped", "carved", "late", "refused", "witnesses_refused", "documents",
)  # fmt: skip


@click.command("breach")
@click.option(
    "--long", "long_form", is_flag=True, help="184,000 pictures instead of some hundreds: an hour or more."
)
@click.option(
    "--pictures",
    type=click.IntRange(min=4000),
    default=184_000,
    show_default=True,
    help="How many pictures the long form has; each takes about 130 kB of $TMPDIR while it runs.",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the drill's homes and logs in this new folder.",
)
@json_option
def command(*, long_form: bool, pictures: int, keep: Path | None, as_json: bool) -> None:
    """Replay the breach of 2018-19 against a site of its own, with real processes, and find out what comes of each act.

    Needs nothing and touches no other home. Exit code 1 when something is open that the design does not admit.
    """
    from wayseal.testing.breach import LONG, SHORT, open_stage, play_breach

    folder = keep or Path(tempfile.mkdtemp(prefix="wayseal-breach-"))
    folder.mkdir(parents=True, exist_ok=True)
    steps: list[Step] = []
    try:
        scale = replace(LONG, bulk=pictures) if long_form else SHORT
        with open_stage(folder, scale, tell=_tell) as stage:
            for step in play_breach(stage):
                steps.append(step)
                _tell(f"   {step.found.outcome.value}")
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    if as_json:
        print_json([step.describe() for step in steps])
    else:
        _show(steps)
    raise SystemExit(0 if all(step.is_admitted for step in steps) else 1)


def _tell(line: str) -> None:
    """Say on stderr what is going on."""
    stderr.print(line, markup=False, highlight=False)


def _show(steps: "list[Step]") -> None:
    """Print the table for people."""
    from rich.console import Console
    from rich.table import Table

    from wayseal.cli.common import stdout

    table = Table(title="The breach, replayed", title_justify="left", show_lines=True)
    for name in ("step", "act", "outcome", "evidence", "test"):
        table.add_column(name, overflow="fold")
    for step in steps:
        word = step.found.outcome.value
        colour = _COLOURS[word] if step.is_admitted else "red"
        mark = word if step.is_admitted else f"{word.upper()}!"
        line = _line(dict(step.found.evidence))
        table.add_row(str(step.number), step.act.act, f"[bold {colour}]{mark}[/]", line, step.act.test)
    (stdout if stdout.is_terminal else Console(width=200)).print(table)
    bad = [step for step in steps if not step.is_admitted]
    admitted = sum(step.found.outcome.value == "open" for step in steps) - len(bad)
    click.echo(
        f"{len(steps)} acts; {admitted} open as the design admits, each with its bound; {len(bad)} open that must not be."
    )


def _line(evidence: dict[str, Any]) -> str:
    """Return the evidence that matters most in one line."""
    found = [
        f"{name.replace('_', ' ')} {_word(evidence[name])}"
        for name in _SHOWN
        if evidence.get(name) not in (None, [])
    ]
    return "; ".join(found)


def _word(value: Any) -> str:
    """Return a value for people."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{len(value)}" if isinstance(value, dict) else str(value)
