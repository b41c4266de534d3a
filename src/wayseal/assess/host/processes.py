"""The processes of a host, read from its `/proc`."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wayseal.assess.host.view import HostView


@dataclass(frozen=True, slots=True)
class Process:
    """A running process: its number and its name as the kernel keeps it (at most 15 characters)."""

    pid: int
    name: str


def list_processes(view: HostView) -> Iterator[Process]:
    """Yield the processes in the order of their numbers; one that ends meanwhile is left out."""
    for pid in sorted(int(name) for name in view.list_names("/proc") if name.isdigit()):
        try:
            name = view.read_text(f"/proc/{pid}/comm")
        except (ProcessLookupError, PermissionError):
            continue
        if name is not None:
            yield Process(pid, name)


def find_process(view: HostView, name: str, *, argument: str | None = None) -> Process | None:
    """Return the first process of that name, other than this one, that was started with an argument; None when there is none."""
    for one in list_processes(view):
        wanted = one.name == name[:15] and not (view.root == Path("/") and one.pid == os.getpid())
        if wanted and (argument is None or argument in read_arguments(view, one)):
            return one
    return None


def read_arguments(view: HostView, process: Process) -> list[str]:
    """Return a process's command line; empty when it has ended."""
    raw = view.read_bytes(f"/proc/{process.pid}/cmdline") or b""
    return [part.decode(errors="replace") for part in raw.split(b"\0") if part]
