"""The processes of a host, read from its `/proc`."""

from collections.abc import Iterator
from dataclasses import dataclass

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


def find_process(view: HostView, name: str) -> Process | None:
    """Return the first process of that name, or None."""
    return next((one for one in list_processes(view) if one.name == name[:15]), None)


def read_arguments(view: HostView, process: Process) -> list[str]:
    """Return a process's command line; empty when it has ended."""
    raw = view.read_bytes(f"/proc/{process.pid}/cmdline") or b""
    return [part.decode(errors="replace") for part in raw.split(b"\0") if part]
