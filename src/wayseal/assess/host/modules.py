"""Kernel modules of a host: what is loaded, what is built in, what could be loaded, and what modprobe is told to refuse.

Reads `/proc/modules`, `/sys`, `/lib/modules/RELEASE` and the `modprobe.d` folders as kmod does (a file in a folder that comes
first hides one of the same name in a later one). Runs nothing.
"""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from typing import Final

from wayseal.assess.host.view import HostView

CONFIG_FOLDERS: Final = ("/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d", "/lib/modprobe.d")
_REFUSALS = frozenset(("/bin/false", "/usr/bin/false", "/bin/true", "/usr/bin/true"))
_MODULE_ENDS = (".ko", ".ko.xz", ".ko.zst", ".ko.gz")


def normalise(name: str) -> str:
    """Return a module's name as the kernel writes it: underscores for dashes."""
    return name.strip().replace("-", "_")


def loaded_modules(view: HostView) -> frozenset[str]:
    """Return the loaded modules; none on a kernel without modules."""
    text = view.read_text("/proc/modules") or ""
    return frozenset(normalise(line.split()[0]) for line in text.splitlines() if line.strip())


def builtin_modules(view: HostView) -> frozenset[str]:
    """Return the modules that are part of the running kernel, as far as its list is installed."""
    text = view.read_text(f"{_folder(view)}/modules.builtin") or ""
    return frozenset(_module_name(line) for line in text.splitlines() if line.strip())


def module_files(view: HostView) -> frozenset[str]:
    """Return the modules that lie on disk for the running kernel, listed by depmod or not."""
    if view.read_text("/proc/sys/kernel/modules_disabled") == "1":
        return frozenset()
    files = view.list_files(_folder(view))
    return frozenset(_module_name(name) for name in files if name.endswith(_MODULE_ENDS))


def refused_modules(view: HostView, names: Iterable[str]) -> frozenset[str]:
    """Return those of the modules whose first matching `install` line runs false or true instead, and nothing after it.

    A `blacklist` line refuses nothing to somebody who names the module, and does not count.
    """
    rules = []
    for line in _config_lines(view):
        words = line.split()
        if len(words) >= 3 and words[0] == "install":
            rules.append((normalise(words[1]), len(words) == 3 and words[2] in _REFUSALS))
    first = {name: next((refuses for form, refuses in rules if fnmatch(name, form)), False) for name in names}
    return frozenset(name for name, refuses in first.items() if refuses)


def _config_lines(view: HostView) -> Iterator[str]:
    """Yield the lines of modprobe's configuration in the order in which kmod reads the files."""
    chosen: dict[str, str] = {}
    for folder in CONFIG_FOLDERS:
        for name in view.list_names(folder):
            if name.endswith(".conf"):
                chosen.setdefault(name, folder)
    for name in sorted(chosen):
        text = view.read_text(f"{chosen[name]}/{name}") or ""
        yield from f"{text}\n".replace("\\\n", " ").splitlines()


def _folder(view: HostView) -> str:
    """Return where the running kernel's modules are."""
    return f"/lib/modules/{view.read_text('/proc/sys/kernel/osrelease') or 'unknown'}"


def _module_name(path: str) -> str:
    return normalise(path.strip().rsplit("/", 1)[-1].split(".ko", 1)[0])
