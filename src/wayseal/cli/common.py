"""What every command shares: the home, `--json`, output on stdout, progress on stderr, errors with a hint."""

import getpass
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.measure import Measurement
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from wayseal.model.clock import from_text
from wayseal.model.errors import Invalid, KeeperLocked

Command = TypeVar("Command", bound=Callable[..., Any])
stderr = Console(stderr=True)
NOBODY_SIGNS = (
    "warning: witnesses are pinned and nobody is appointed: shifts, second persons, holds and reinstatements wait, and officers open no picture.\n"
    "hint: wayseal export approver add NAME, let them enrol, then wayseal export approver appoint NAME."
)
stdout = Console()
_PIPED, _UNBOUNDED = 200, 10_000
_FACTS = 2
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
NEW_FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
LIMIT = click.IntRange(1, 1_000_000)
"""How many rows a list may be asked for: each one that is shown is opened under an entry of its own."""


def json_option(command: Command) -> Command:
    """Add `--json`: one JSON document on stdout and nothing else there."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")(command)


def csv_option(command: Command) -> Command:
    """Add `--csv`: the list as comma-separated values on stdout."""
    return click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")(command)


def passphrase_option(command: Command) -> Command:
    """Add `--passphrase-file FILE` (also WAYSEAL_PASSPHRASE_FILE). The passphrase itself is never an argument."""
    return click.option(
        "--passphrase-file",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="WAYSEAL_PASSPHRASE_FILE",
        help="File that holds the key keeper's passphrase.",
    )(command)


def unused_passphrase_option(command: Command) -> Command:
    """Take `--passphrase-file` where none is needed, so that every command on a home can be called alike. It is not read."""
    return click.option(
        "--passphrase-file",
        type=click.Path(path_type=Path, dir_okay=False),
        expose_value=False,
        help="Not needed here, and not read.",
    )(command)


def default_principal() -> str:
    """Return the login name as a staff id; `operator` where the system has no name for the user."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        return "operator"
    return re.sub(r"[^a-z0-9._-]", "-", name.lower()) or "operator"


def principal_option(command: Command) -> Command:
    """Add `--as NAME` and `--role ROLE`: who asks. On one host the operating system's user is taken at their word."""
    command = click.option("--role", default="officer", show_default=True, help="Role that policy judges.")(
        command
    )
    return click.option(
        "--as",
        "who",
        default=default_principal,
        show_default="your login name",
        help="Staff id on the ledger.",
    )(command)


def actor_option(command: Command) -> Command:
    """Add `--as NAME`: who does it, on the ledger. On one host the operating system's user is taken at their word."""
    return click.option(
        "--as", "actor", default=default_principal, show_default="your login name",
        help="Staff id on the ledger.",
    )(command)  # fmt: skip


class Moment(click.ParamType[datetime]):
    """A time with a zone, as aware UTC."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the time. Fails the parameter for anything that is no time or has no zone."""
        if isinstance(value, datetime):
            return value
        try:
            return from_text(str(value))
        except Invalid as error:
            self.fail(f"{error}; {error.hint}", param, ctx)


def since_option(command: Command) -> Command:
    """Add `--since TIME`."""
    return click.option(
        "--since", type=Moment(), help="Only from this time on, such as 2026-11-22T07:00:00Z."
    )(command)


def read_passphrase(file: Path | None, *, confirm: bool = False) -> bytes:
    """Return the passphrase from the file, or from a prompt when a terminal is there. Raises `KeeperLocked` otherwise."""
    if file is not None:
        try:
            secret = file.read_bytes().strip()
        except OSError as error:
            raise KeeperLocked(f"cannot read the passphrase file: {error.strerror}") from None
        if not secret:
            raise KeeperLocked("the passphrase file is empty")
        return secret
    if sys.stdin.isatty():
        answer: str = click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True)
        return answer.encode()
    if not confirm and _is_homeless():
        raise KeeperLocked(
            "no passphrase was given, and there is no Wayseal home here yet",
            hint="Make one: wayseal --home DIR init --passphrase-file FILE. Or name the one that you have with --home.",
        )
    raise KeeperLocked("no passphrase was given")


def _is_homeless() -> bool:
    """Say whether the command runs for a home that does not exist."""
    context = click.get_current_context(silent=True)
    return context is not None and isinstance(context.obj, Path) and not context.obj.exists()


def print_json(value: object) -> None:
    """Print one JSON value on one line, at once, so that a reader of a pipe sees it when it happens."""
    click.echo(spell_json(value))


def spell_json(value: object) -> str:
    """Return one JSON value on one line."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows for people, as a table on stdout; a line where there are none.

    Ids, digests and times stay in one piece, so that they can be copied: into a pipe however wide that is, and on a terminal that
    is too narrow each row is a list of its facts.
    """
    if not rows:
        click.echo(f"{title}: none")
        return
    words = [[_word(cell) for cell in row] for row in rows]
    table = _draw_table(columns, words, whole=True)
    unbounded = Console(width=_UNBOUNDED)
    least = Measurement.get(unbounded, unbounded.options, table).minimum
    console = stdout if stdout.is_terminal else Console(width=max(_PIPED, least))
    console.print(Text(title, style="italic"))
    if least <= console.width:
        console.print(table)
    elif len(columns) > _FACTS:
        _print_facts(columns, words)
    else:
        console.print(_draw_table(columns, words, whole=False))


def _draw_table(columns: Sequence[str], words: Sequence[Sequence[str]], *, whole: bool) -> Table:
    """Return a table in which prose wraps; cells without a blank do so only where they need not be `whole`."""
    table = Table()
    for name, *cells in zip(columns, *words, strict=True):
        table.add_column(name, overflow="fold", no_wrap=whole and not any(" " in cell for cell in cells))
    for row in words:
        table.add_row(*map(Text, row))
    return table


def _print_facts(columns: Sequence[str], words: Sequence[Sequence[str]]) -> None:
    """Print each row as lines of a name and a value, with an empty line between rows."""
    width = max(map(len, columns))
    for number, row in enumerate(words):
        if number:
            click.echo()
        for name, cell in zip(columns, row, strict=True):
            click.echo(f"  {name:<{width}}  {cell}")


def _word(cell: object) -> str:
    """Return a cell for people: `-` where nothing is, `yes` or `no`, what a list holds, and counts as `3 face, 1 plate`."""
    if cell is None or cell in ("", [], (), {}):
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return f"{cell:.6g}"
    if isinstance(cell, dict):
        return ", ".join(f"{_word(value)} {name}" for name, value in cell.items())
    return ", ".join(map(_word, cell)) if isinstance(cell, list | tuple) else str(cell)


def print_rows(
    title: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    as_json: bool,
    as_csv: bool,
    columns: Sequence[str] = (),
    heading: Sequence[str] = (),
) -> None:
    """Print a list as JSON, as CSV or as a table, which shows only `columns` where given; inner lists are joined for people.

    `heading` are all names of a row, for a CSV without rows.
    """
    if as_json:
        print_json(list(rows))
        return
    flat = [
        {name: ", ".join(map(str, cell)) if isinstance(cell, list) else cell for name, cell in row.items()}
        for row in rows
    ]
    if as_csv:
        print_csv(flat, heading)
    else:
        shown = list(columns) or (list(flat[0]) if flat else [])
        print_table(title, shown, [[row[name] for name in shown] for row in flat])


def print_record(row: Mapping[str, Any], title: str, *, as_json: bool) -> None:
    """Print one thing as JSON, or a line for each of its facts; lists of things as tables below."""
    if as_json:
        print_json(dict(row))
        return
    plain = {name: cell for name, cell in row.items() if not _is_table(cell)}
    print_table(title, ["fact", "value"], [[name, cell] for name, cell in plain.items()])
    for name, cell in row.items():
        if _is_table(cell):
            print_rows(name.replace("_", " "), cell, as_json=False, as_csv=False)


def _is_table(cell: object) -> bool:
    return isinstance(cell, list) and bool(cell) and isinstance(cell[0], dict)


def print_csv(rows: Sequence[Mapping[str, object]], heading: Sequence[str]) -> None:
    """Print rows as CSV under a heading, which stands there without rows too. Cells that a spreadsheet would run as a formula are quoted with an apostrophe."""
    from wayseal.flow.sheet import write_sheet

    write_sheet(rows, sys.stdout, heading)


@contextmanager
def show_progress(title: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Give a function that advances a progress bar on stderr; silent when stderr is not a terminal."""
    bar = Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=stderr, transient=True, disable=not stderr.is_terminal or bool(os.environ.get("WAYSEAL_NO_PROGRESS")),
    )  # fmt: skip
    with bar:
        task = bar.add_task(title, total=total)
        yield lambda steps: bar.advance(task, steps)
