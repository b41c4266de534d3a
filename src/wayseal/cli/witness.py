"""`wayseal witness`: run a witness for somebody's ledger, on another host and under another organisation."""

import signal
import threading
from pathlib import Path

import click

from wayseal.cli.common import json_option, print_json
from wayseal.cli.lazy import VerbGroup
from wayseal.cli.ledger import read_key_options
from wayseal.model.clock import utc_now
from wayseal.model.errors import Invalid, Unavailable

_FOLDER = click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The witness's folder.",
)
_LOGS = click.option(
    "--log",
    "logs",
    multiple=True,
    required=True,
    help="A key of a log to watch (a vkey or its file); once for each key.",
)
_ANCHOR = click.option(
    "--anchor",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The anchor file, on a disk that no backup of DIR covers. Default: DIR.anchor beside it.",
)


@click.group(cls=VerbGroup)
def command() -> None:
    """Watch a ledger: cosign that it only ever grows, and refuse what rolls it back or forks it."""


def _default_anchor(folder: Path, anchor: Path | None) -> Path:
    return anchor if anchor is not None else folder.with_name(f"{folder.name}.anchor")


@command.command()
@_FOLDER
@click.option("--name", required=True, help="The witness's name, such as auditor.example/w1.")
@_ANCHOR
@json_option
def init(folder: Path, name: str, anchor: Path | None, *, as_json: bool) -> None:
    """Make a witness: its keys, its folder and its anchor. Prints the verifier keys for the log's policy file."""
    from wayseal.ledger.witness_setup import create_witness

    place = _default_anchor(folder, anchor)
    keys = [str(key) for key in create_witness(folder, name=name, anchor=place)]
    if as_json:
        print_json({"name": name, "dir": str(folder), "anchor": str(place), "vkeys": keys})
        return
    click.echo("\n".join(keys))
    click.echo(f"Keep {place} on a disk that no backup of {folder} covers.", err=True)


@command.command()
@_FOLDER
@click.option(
    "--listen", default="127.0.0.1:7380", show_default=True, help="HOST:PORT; port 0 takes a free one."
)
@_LOGS
@click.option(
    "--origin", "origins", multiple=True, help="Watch only these logs; every --log must be of one of them."
)
def run(folder: Path, listen: str, logs: tuple[str, ...], origins: tuple[str, ...]) -> None:
    """Serve until told to stop. Refuses to start from a folder that was copied or put back from a backup."""
    from wayseal.ledger.witness import Witness
    from wayseal.ledger.witness_http import WitnessServer

    keys = read_key_options(logs)
    if origins and any(key.name not in origins for key in keys):
        raise Invalid("a --log key of a log that no --origin names")
    witness = Witness(folder, keys, clock=utc_now)
    witness.check_identity()
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal():
        raise Invalid("not an address to listen on", hint="Write HOST:PORT, such as 127.0.0.1:7380.")
    try:
        server = WitnessServer((host.strip("[]"), int(port)), witness)
    except (OSError, OverflowError) as error:
        raise Unavailable("cannot listen there", reason=str(error)) from None
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    click.echo(f"{witness.name} listens on http://{host}:{server.server_address[1]}")
    server.serve_forever(poll_interval=0.2)
    server.server_close()


@command.command()
@_FOLDER
@_LOGS
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A checkpoint with this witness's own cosignature; give the newest that the log and the auditors have.",
)
@_ANCHOR
@click.option("--yes", is_flag=True, help="Do it.")
@json_option
def resume(
    folder: Path,
    logs: tuple[str, ...],
    checkpoints: tuple[Path, ...],
    anchor: Path | None,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    """Let a moved or restored witness sign again, from the newest checkpoint that it is known to have cosigned.

    Anything it cosigned after that is forgotten, so ask the auditors too, not only the log.
    """
    from wayseal.ledger.witness_setup import resume_witness

    place = _default_anchor(folder, anchor)
    if not yes:
        raise Invalid(
            f"this gives the witness a new incarnation, anchored in {place}", hint="Add --yes to do it."
        )
    notes = [file.read_text(encoding="utf-8") for file in checkpoints]
    done = resume_witness(folder, read_key_options(logs), notes, anchor=place, clock=utc_now)
    answer = [{"origin": checkpoint.origin, "size": checkpoint.size} for checkpoint in done]
    if as_json:
        print_json(answer)
    else:
        for line in answer:
            click.echo(f"{line['origin']}: goes on from {line['size']} entries")


@command.command()
@_FOLDER
@_LOGS
@json_option
def status(folder: Path, logs: tuple[str, ...], *, as_json: bool) -> None:
    """Say whether the witness may sign, and how much of each log it cosigned. Exit code 3 when it may not."""
    from wayseal.ledger.witness import Witness

    witness = Witness(folder, read_key_options(logs), clock=utc_now)
    states = {origin: witness.read_state(origin) for origin in sorted(witness.origins)}
    sizes = {origin: 0 if state is None else state.checkpoint.size for origin, state in states.items()}
    if as_json:
        print_json({"name": witness.name, "vkeys": [str(key) for key in witness.keys], "logs": sizes})
    else:
        for origin, size in sizes.items():
            click.echo(f"{witness.name}: {origin}: cosigned {size} entries")
    witness.check_identity()
