"""Saying lines while work goes on, on stdout and stderr, and never so that the work waits for whoever should read them.

Owns which stream a line goes to, and how long a command that has done its work waits for its reader.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import UnsupportedOperation
from typing import Protocol, TextIO

import click

from wayseal.station.teller import Teller

PATIENCE_S = 10.0
"""How long a command that has ended waits for a reader who takes nothing. As long as something is taken it goes on saying."""


class Voice(Protocol):
    """What says lines: a `station.teller.Teller`, or an `_Echo` where there is no descriptor."""

    @property
    def dropped(self) -> int:
        """Lines that nobody will read."""

    def say(self, line: str) -> None:
        """Say a line, at once or when somebody reads. Never waits."""

    def finish(self, *, within_s: float) -> bool:
        """Say what waits, as long as somebody reads, and return whether everything was said."""


@dataclass(frozen=True, slots=True)
class _Echo:
    """A stream that is no file, as of a program that runs this one inside itself: it takes everything at once."""

    stream: TextIO
    dropped: int = 0

    def say(self, line: str) -> None:
        """Write a line."""
        click.echo(line, file=self.stream)

    def finish(self, *, within_s: float) -> bool:  # noqa: ARG002 - as a teller
        """Return that everything was said."""
        return True


@contextmanager
def speaking() -> Iterator[tuple[Voice, Voice]]:
    """Give the voices for stdout and stderr. At the end what waits is said, and how many lines nobody read."""
    out, errors = _open_voice(sys.stdout), _open_voice(sys.stderr)
    try:
        yield out, errors
    finally:
        if not out.finish(within_s=PATIENCE_S):
            errors.say(
                f"warning: {out.dropped} lines of output were not read; what was done is on the ledger"
            )
        errors.finish(within_s=PATIENCE_S)


def _open_voice(stream: TextIO) -> Voice:
    try:
        return Teller(stream.fileno())
    except UnsupportedOperation:
        return _Echo(stream)
