"""What a host probe may look at: files below a root, and the output of programs, both within limits and read only.

Owns the limits. Nothing here writes, follows a link out of the root, or waits for ever: pipes and devices are not opened
unless a probe asks for raw blocks, and a program that does not end is killed with its children.
"""

import contextlib
import hashlib
import os
import selectors
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from wayseal.assess.host.facts import HostFacts
from wayseal.model.clock import Clock, utc_now
from wayseal.model.errors import Invalid, Unavailable

TEXT_LIMIT: Final = 2**20
OUTPUT_LIMIT: Final = 2**20
COMMAND_PATIENCE_S: Final = 20.0
_LINKS = 40
_CHUNK = 2**20
_PATHS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Completed:
    """How a program ended: its exit code, and what it wrote, each at most 1 MiB."""

    code: int
    output: bytes
    errors: bytes = b""


Run = Callable[[Sequence[str]], Completed]
Carve = Callable[[BinaryIO], Iterable[tuple[int, str]]]
"""Gives (offset, kind) of each plaintext picture, video, template or key in an open file."""

ReadSuite = Callable[[bytes], int]
"""Returns the suite id of a sealed record; raises a `WaysealError` for bytes that are none."""


def run_command(command: Sequence[str], *, patience_s: float = COMMAND_PATIENCE_S) -> Completed:
    """Run a program and return how it ended. Raises `Unavailable` when it is not there, does not end, or writes over 1 MiB."""
    environment = {**os.environ, "LC_ALL": "C", "PATH": f"{os.environ.get('PATH', '')}:{_PATHS}"}
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment, start_new_session=True,
        )  # fmt: skip
    except FileNotFoundError:
        raise Unavailable(f"the program {command[0]} is not installed", hint="Install its package.") from None
    with process:
        try:
            output, errors = _read_pipes(process, command[0], time.monotonic() + patience_s)
            code = process.wait(patience_s)
        except (Unavailable, subprocess.TimeoutExpired):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return Completed(code, output, errors)


def _read_pipes(process: subprocess.Popen[bytes], name: str, deadline: float) -> tuple[bytes, bytes]:
    """Return what a program writes until it closes both pipes. Raises `Unavailable` when that is too long or too late."""
    written = {pipe.fileno(): bytearray() for pipe in (process.stdout, process.stderr) if pipe is not None}
    with selectors.DefaultSelector() as selector:
        for pipe in written:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise Unavailable(f"the program {name} did not end")
            for key, _ in ready:
                data = os.read(key.fd, 65536)
                written[key.fd] += data
                if not data:
                    selector.unregister(key.fd)
                if len(written[key.fd]) > OUTPUT_LIMIT:
                    raise Unavailable(f"the program {name} wrote more than 1 MiB")
    output, errors = written.values()
    return bytes(output), bytes(errors)


@dataclass(frozen=True, slots=True)
class HostView:
    """A host: the root of its files, a way to run programs, and what was declared of it.

    `carve` and `read_suite` come from the caller, because the rooms that know pictures and records are others.
    """

    facts: HostFacts
    carve: Carve
    read_suite: ReadSuite
    root: Path = Path("/")
    run: Run = run_command
    clock: Clock = field(default=utc_now)
    nonce: bytes = b""
    """The assessor's nonce: it chooses what is sampled."""

    def path(self, name: str) -> Path:
        """Return where a path of the host is here; links are followed inside the root. Raises `Invalid` for a loop."""
        if self.root == Path("/"):
            return Path(name)
        return _resolve(self.root, name)

    def exists(self, name: str) -> bool:
        """Say whether there is something at that path."""
        return self.path(name).exists()

    def read_bytes(self, name: str, *, limit: int = TEXT_LIMIT) -> bytes | None:
        """Return a file's bytes, or None when it is not there. Raises `Invalid` when it is longer or no plain file."""
        try:
            with _open_plain(self.path(name)) as file:
                data = file.read(limit + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if len(data) > limit:
            raise Invalid(f"{name} is longer than {limit} bytes")
        return data

    def read_text(self, name: str, *, limit: int = TEXT_LIMIT) -> str | None:
        """Return a file's text, stripped, or None when it is not there."""
        data = self.read_bytes(name, limit=limit)
        return None if data is None else data.decode("utf-8", errors="replace").strip()

    def list_names(self, folder: str) -> tuple[str, ...]:
        """Return the names in a folder in order; none when it is not there."""
        try:
            return tuple(sorted(one.name for one in self.path(folder).iterdir()))
        except (FileNotFoundError, NotADirectoryError):
            return ()

    def list_files(self, folder: str, *, most: int = 100_000) -> list[str]:
        """Return the plain files below a folder as paths of the host, in order. Raises `Invalid` above `most`."""
        top, found = self.path(folder), list[str]()
        for place, _, names in os.walk(top):
            for name in names:
                path = Path(place, name)
                if stat.S_ISREG(path.lstat().st_mode):
                    found.append(str(Path(folder) / path.relative_to(top)))
            if len(found) > most:
                raise Invalid(f"more than {most} files in {folder}")
        return sorted(found)

    def digest(self, name: str) -> str:
        """Return the SHA-256 (hex) of a file. Raises `FileNotFoundError`."""
        digest = hashlib.sha256()
        with _open_plain(self.path(name)) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        return digest.hexdigest()


def _open_plain(path: Path) -> BinaryIO:
    """Open a regular file for reading; a pipe, socket or device is refused and never waited for."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise Invalid("not a plain file")
    return file


def _resolve(root: Path, name: str) -> Path:
    """Return a path below the root with every link followed as if the root were `/`."""
    waiting, found, links = _split(Path(name)), list[str](), 0
    while waiting:
        part = waiting.pop(0)
        if part == "..":
            found = found[:-1]
            continue
        here = root.joinpath(*found, part)
        if not here.is_symlink():
            found.append(part)
            continue
        links += 1
        if links > _LINKS:
            raise Invalid("too many links")
        target = here.readlink()
        found = [] if target.is_absolute() else found
        waiting = _split(target) + waiting
    return root.joinpath(*found)


def _split(path: Path) -> list[str]:
    """Return the names in a path without its root, which POSIX lets be `/` or `//`."""
    return [part for part in path.parts if part.strip("/")]
