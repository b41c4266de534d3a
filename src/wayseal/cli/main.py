"""The `wayseal` command: one noun a module, loaded when it is called, so that `--help` stays quick."""

import os
import resource
import sys
import traceback
from pathlib import Path

import click

from wayseal import __version__
from wayseal.cli.lazy import LazyGroup
from wayseal.model.errors import Unavailable, WaysealError

_ROOT = Path(__file__).resolve().parents[1]
NOUNS = {
    "assessment": "Oversight as OSCAL: export, verify, import.",
    "ceremony": "The officials' keys and the charter that they sign, m of n.",
    "centre": "Take in what lanes on other hosts deliver, and answer it.",
    "config": "The site's settings: check the file, show what is in force.",
    "crossing": "Who entered or left, without a picture: list, decide.",
    "demo": "The main job on a rendered lane video, from nothing to a table.",
    "document": "Configurations, schematics and contracts of the site, sealed: add, list, open.",
    "egress": "Removable media at this host: refuse, check, watch.",
    "encounter": "Vehicles that passed: list them, show one.",
    "equipment": "Devices at each lane: enrol, assess, findings, coverage, arming.",
    "evaluate": "Offline accuracy measures; they write nothing but their report.",
    "export": "Give records away: two organisations sign, one recipient opens, a receipt is due.",
    "gallery": "Known travellers: import, list, forget.",
    "grant": "Session grants of shifts: list those that wait, sign one, hand it in.",
    "incident": "What was lost, who must be told, was I in it: scope, clocks, evidence.",
    "init": "Make a home: keys, ledger, schema, default policy and record classes.",
    "keyroom": "The keys' own process, which other commands ask over a local socket.",
    "keys": "Epoch keys that are alive, and the keepers' passphrase.",
    "lane": "Run a lane on a video, folder or RTSP stream.",
    "leak": "Leaked pictures: whose copy was it.",
    "ledger": "Verify, show, prove, export and publish the ledger.",
    "models": "Recognition models: install, list, check their pins.",
    "notice": "The public notice of each lane: register, list.",
    "reconcile": "Balance a day: captured = live + erased + exported.",
    "record": "Sealed records: copy one and inspect it, without a key.",
    "serve": "The officer's console on loopback.",
    "release": "Open one sealed record, for a purpose, after the ledger knows.",
    "report": "Live figures for those who decide and audit: page, PDF, table.",
    "retention": "What is due, its erasure, holds, and the search for residue.",
    "ticket": "Maintenance tickets: four hours, one lane, numbers only.",
    "vendor": "Who supplies and maintains equipment: contracts, people, suspension.",
    "witness": "Watch somebody's ledger: cosign that it only grows.",
    "simulate": "Synthetic lane videos with ground truth, for demonstrations and drills.",
}


@click.command(
    cls=LazyGroup,
    package="wayseal.cli",
    nouns=NOUNS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="wayseal")
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="WAYSEAL_HOME",
    default=lambda: click.get_app_dir("wayseal"),
    show_default="WAYSEAL_HOME, else the user's data directory",
    help="The site's home directory.",
)
@click.pass_context
def root(ctx: click.Context, home: Path) -> None:
    """Photograph the people in a moving vehicle, find out who they are, and let nobody walk away with the pictures.

    Exit codes: 0 done, 1 the check found something, 2 usage, 3 refused by policy, 4 integrity failure, 5 unavailable.
    """
    ctx.obj = home


def main() -> None:
    """Run the command line; an error prints `error:` and `hint:` lines on stderr and exits with its own code."""
    _refuse_dumps()
    try:
        stopped = root.main(standalone_mode=False)  # click hands an Exit's code back, it does not raise it
        if isinstance(stopped, int):
            sys.exit(stopped)
    except click.Abort as abort:
        sys.exit(_tell_abort(abort))
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except WaysealError as error:
        click.echo(error.diagnostics(), err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read our output has gone
        sys.exit(141)
    except OSError as error:
        # Without the path: a picture's file name may name a person.
        if os.environ.get("WAYSEAL_TRACEBACK"):
            raise
        click.echo(f"error: the system says: {error.strerror or type(error).__name__}", err=True)
        click.echo("hint: Check that the paths exist, their permissions, and the free space.", err=True)
        sys.exit(Unavailable.exit_code)
    except Exception as error:
        # The text of an unforeseen error could hold what it was about, so only its type and place are told.
        if os.environ.get("WAYSEAL_TRACEBACK"):
            raise
        click.echo(f"error: something unforeseen: {type(error).__name__}", err=True)
        click.echo(f"  where: {_name_place(error)}", err=True)
        click.echo(
            "hint: Report that line; WAYSEAL_TRACEBACK=1 shows more, and may show personal data.", err=True
        )
        sys.exit(5)


def _refuse_dumps() -> None:
    """Let no crash of this process, or of one that it starts, write its memory to a disk: faces and keys are in it.

    A handler that the kernel pipes dumps to is told the limit and may ignore it: probe 6 asks for `|/bin/false` there.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _name_place(error: Exception) -> str:
    """Return the file, line and function of this program that an error passed last."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if _ROOT in Path(frame.filename).parents
    ]
    if not frames:
        return "unknown"
    return f"{Path(frames[-1].filename).relative_to(_ROOT)}:{frames[-1].lineno} {frames[-1].name}"


def _tell_abort(abort: click.Abort) -> int:
    """Say who stopped the command, and return the exit code: a question that nobody could be asked is a usage error."""
    if isinstance(abort.__context__, EOFError) and not sys.stdin.isatty():
        click.echo("error: this asks, and nobody is there to answer", err=True)
        click.echo("hint: Run it on a terminal, or read the plan and then add --yes.", err=True)
        return click.UsageError.exit_code
    click.echo("error: stopped by the user", err=True)
    return 130
