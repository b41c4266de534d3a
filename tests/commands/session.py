"""Commands as a script would call them, in this process: exit code, stdout, stderr."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from wayseal.cli.main import main


@dataclass(frozen=True)
class Answer:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """The JSON lines on stdout."""
        return [json.loads(line) for line in self.out.splitlines()]


class Session:
    """A home, a passphrase file, and a way to call commands on them."""

    def __init__(self, home: Path, secret: Path, capture: pytest.CaptureFixture[str] | None = None) -> None:
        self.home = home
        self.secret = secret
        self.capture = capture

    def call(self, *arguments: object, secret: Path | None = None) -> Answer:
        """Run `wayseal --home HOME ARGUMENTS` and return what it answered."""
        assert self.capture is not None
        self.capture.readouterr()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("WAYSEAL_PASSPHRASE_FILE", str(secret or self.secret))
            patch.setattr(sys, "argv", ["wayseal", "--home", str(self.home), *map(str, arguments)])
            try:
                main()
                code = 0
            except SystemExit as stop:
                code = stop.code if isinstance(stop.code, int) else 1
        out, err = self.capture.readouterr()
        sys.stderr.write(err)  # what a failing test then shows; the next call empties it
        return Answer(code, out, err)
