"""A group of commands that imports each of them only when it is called, so that `--help` stays quick."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from click.exceptions import NoSuchCommand

_SENTENCE = 400


class LazyGroup(click.Group):
    """A group whose commands are `command` in the modules of one package, listed by name with a line of help each."""

    def __init__(
        self, *args: Any, package: str = "", nouns: Mapping[str, str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._package = package
        self._nouns = dict(nouns or {})

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in alphabetical order."""
        return sorted(self._nouns)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Return one command, importing it now; None when there is none of that name."""
        if name not in self._nouns:
            return None
        command: click.Command = importlib.import_module(f"{self._package}.{name}").command
        accept_home(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the words name; a misspelt one is told which it is like."""
        try:
            return super().resolve_command(ctx, args)
        except NoSuchCommand as error:
            raise NoSuchCommand(error.command_name, possibilities=self._nouns, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(self._nouns.items()))


class VerbGroup(click.Group):
    """A noun with its verbs. Each verb's first sentence stands in the list whole, however narrow the terminal is."""

    group_class = type  # groups inside it are of its own kind

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs with what each does."""
        found = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [
            (name, verb.get_short_help_str(limit=_SENTENCE))
            for name, verb in found
            if verb is not None and not verb.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def accept_home(command: click.Command) -> None:
    """Let a command and all below it take `--home DIR` after the noun as well; the one nearest to the end counts."""
    if any("--home" in parameter.opts for parameter in command.params):
        return
    command.params.append(
        click.Option(
            ["--home"],
            type=click.Path(path_type=Path, file_okay=False),
            expose_value=False,
            hidden=True,
            callback=_use_home,
        )
    )
    if isinstance(command, click.Group):
        for below in command.commands.values():
            accept_home(below)


def _use_home(ctx: click.Context, parameter: click.Parameter, home: Path | None) -> None:  # noqa: ARG001 - click's signature
    if home is not None:
        ctx.obj = home
