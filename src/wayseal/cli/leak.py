"""`wayseal leak`: whose copy was it? From leaked files to the export, session or lane that they came from."""

import json
from collections.abc import Iterator
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
    since_option,
)
from wayseal.cli.lazy import VerbGroup

if TYPE_CHECKING:
    from wayseal.flow.trace import Reading


@click.group(cls=VerbGroup)
def command() -> None:
    """Trace leaked pictures to the copy that they came from."""


@command.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--record", "records", multiple=True, help="Only this record; may be given several times.")
@click.option("--lane", help="Only pictures of this lane.")
@since_option
@click.option("--until", type=Moment(), help="Only pictures taken before this time.")
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw the decoys: .png or .svg."
)
@click.option(
    "--journal", type=click.Path(path_type=Path, dir_okay=False),
    help="Write each file's line here as it is done; files that are in it already are not traced again.",
)  # fmt: skip
@click.option(
    "--as", "who", default=default_principal, show_default="your login name", help="Staff id on the ledger."
)
@click.option("--role", default="tracer", show_default=True, help="Role that policy judges.")
@passphrase_option
@json_option
@click.pass_obj
def trace(
    home: Path,
    files: tuple[Path, ...],
    *,
    records: tuple[str, ...],
    lane: str | None,
    since: datetime | None,
    until: datetime | None,
    plot: Path | None,
    journal: Path | None,
    who: str,
    role: str,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Trace FILES, and the files of folders, to their originals and to whom their copies were given.

    Each original that is opened for it has a release of its own (incident_response). Nobody is named under z 7 in one
    picture or p 1e-9 in several together; what was found goes on the ledger.
    """
    from wayseal.flow.trace_lookup import Scope
    from wayseal.flow.trace_plot import PANELS, draw_decoys
    from wayseal.flow.trace_verdict import describe_reading
    from wayseal.model.ids import RecordId, check_ulid
    from wayseal.station.site import open_site
    from wayseal.station.tracing import trace_leaks

    if plot is not None and plot.suffix.lower() not in {".png", ".svg"}:
        raise click.BadParameter("end it in .png or .svg", param_hint="--plot")
    done = _read_journal(journal)
    wanted = [file for file in expand_files(files) if str(file) not in done]
    scope = Scope(lane, since, until, tuple(RecordId(check_ulid(one.upper())) for one in records))
    with (
        open_site(home, read_passphrase(passphrase_file)) as site,
        show_progress("Tracing", len(wanted)) as step,
    ):

        def report(reading: "Reading") -> None:
            _write_journal(journal, describe_reading(reading))
            step(1)

        readings = trace_leaks(
            site,
            who,
            wanted,
            role=role,
            scope=scope,
            keep_decoys=0 if plot is None else PANELS,
            on_reading=report,
        )
    if plot is not None:
        draw_decoys(readings, plot)
    lines = [*done.values(), *map(describe_reading, readings)]
    if as_json:
        print_json(lines)
    else:
        show_readings(lines)


def expand_files(files: tuple[Path, ...]) -> Iterator[Path]:
    """Yield files, and the files under folders in a fixed order."""
    for file in files:
        if file.is_dir():
            yield from (inner for inner in sorted(file.rglob("*")) if inner.is_file())
        else:
            yield file


def _read_journal(file: Path | None) -> dict[str, dict[str, Any]]:
    """Return the lines of an earlier run by file; a line that was cut off by a crash counts as not done."""
    done: dict[str, dict[str, Any]] = {}
    if file is None or not file.exists():
        return done
    whole = file.read_text(encoding="utf-8")
    if whole and not whole.endswith("\n"):
        file.write_text(whole + "\n", encoding="utf-8")
    for text in whole.splitlines():
        try:
            line = json.loads(text)
            done[line["file"]] = line
        except (ValueError, KeyError, TypeError):
            continue
    return done


def _write_journal(file: Path | None, line: dict[str, Any]) -> None:
    """Append one line, if a journal is kept."""
    if file is not None:
        with file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line, separators=(",", ":")) + "\n")


def show_readings(lines: list[dict[str, Any]]) -> None:
    """Print the lines for people."""
    columns = ["file", "decision", "channel", "recipient", "z", "decoys", "record", "reason"]
    rows = [
        [*(line[name] for name in columns[:5]), line["decoys"]["max"], *(line[name] for name in columns[6:])]
        for line in lines
    ]
    print_table("Leaks", columns, rows)
