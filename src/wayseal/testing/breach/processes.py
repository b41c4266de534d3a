"""Processes of a drill: started as their users start them, heard line by line, and ended by whoever started them."""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wayseal.model.errors import Unavailable

RUN = "import sys; from wayseal.cli.main import main; sys.argv[0] = 'wayseal'; main()"
"""What the `wayseal` command runs, for an interpreter whose scripts may not be on the path."""
ANSWER_S = 120.0


class Process:
    """One process. Its stderr goes to a file of its own, so that nothing of it mixes with the drill's answer."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        secret: Path,
        more: Mapping[str, str] | None = None,
    ) -> None:
        environment = dict(os.environ) | {"WAYSEAL_PASSPHRASE_FILE": str(secret), "OMP_NUM_THREADS": "1"}
        self.name = name
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True,
            env=environment | dict(more or {}),
        )  # fmt: skip
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._muted = False
        self._reader = threading.Thread(target=self._read, name=f"drill-{name}", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def hear(self) -> str:
        """Return the next line. Raises `Unavailable` when the process has ended instead."""
        try:
            line = self._lines.get(timeout=ANSWER_S)
        except queue.Empty:
            line = ""
        if not line:
            raise Unavailable(f"the drill's {self.name} ended", hint=f"Its words: {self._log.name}")
        return line.strip()

    def mute(self) -> None:
        """Forget what it says from now on; it may say as much as it likes."""
        self._muted = True

    def hear_json(self) -> dict[str, Any]:
        """Return the next line as JSON."""
        answer: dict[str, Any] = json.loads(self.hear())
        return answer

    def tell(self, line: str) -> None:
        """Write a line to its stdin."""
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def end(self, *, patient: bool = False) -> None:
        """End it; `patient` lets it finish what its closed stdin tells it to finish."""
        if self._process.poll() is None:
            assert self._process.stdin is not None  # noqa: S101 - it is a pipe
            self._process.stdin.close()
            if not patient:
                self._process.terminate()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()

    def _read(self) -> None:
        """Read its stdout to the end, so that it never waits for us; an empty line says that it has ended."""
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        for line in self._process.stdout:
            if not self._muted:
                self._lines.put(line)
        self._lines.put("")


def start_command(
    name: str, home: Path, *words: str, secret: Path, log: Path, more: Mapping[str, str] | None = None
) -> Process:
    """Start a `wayseal` command on a home."""
    command = [sys.executable, "-c", RUN, "--home", str(home), *words]
    return Process(name, command, log, secret=secret, more=more)


def inject(folder: Path, code: str) -> dict[str, str]:
    """Return the environment by which a process runs `code` before its own: what root on its host can always do."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(code, encoding="utf-8")
    before = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": str(folder) if before is None else f"{folder}{os.pathsep}{before}"}
