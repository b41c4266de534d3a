"""Probe 6: what is in memory stays there: swap, core dumps, hibernation, and pages that the lane may lock."""

from typing import Any, Final

from wayseal.assess.host.blocks import find_luks, list_mounts, mapping_of
from wayseal.assess.host.processes import find_process
from wayseal.assess.host.view import HostView
from wayseal.assess.probe import Seen, broken, judge, probe

_FALSE: Final = ("|/bin/false", "|/usr/bin/false")
_SLEEPS: Final = ("hibernate.target", "hybrid-sleep.target", "suspend-then-hibernate.target")


@probe("p06", where="host")
def check_memory(view: HostView) -> Seen:
    """Pass when swap is off or encrypted, cores go nowhere, nothing hibernates, and the lane may lock its pages."""
    pattern = view.read_text("/proc/sys/kernel/core_pattern")
    if pattern is None:
        return broken("the kernel's core pattern cannot be read")
    swaps, faults = _read_swaps(view)
    if not pattern.split() or pattern.split()[0] not in _FALSE:
        faults.append(f"core dumps go to {pattern or 'a file'}, not to |/bin/false")
    if _can_hibernate(view):
        faults.append("the machine can hibernate")
    locked = _locked_limit(view)
    if locked is None:
        faults.append(f"the lane's process ({view.facts.service} lane) does not run")
    elif locked < view.facts.memlock_bytes:
        faults.append(f"the lane may lock {locked} bytes, not {view.facts.memlock_bytes}")
    good = "memory reaches no disk, and the lane may lock its pages"
    facts: dict[str, Any] = {
        "swaps": swaps,
        "core_pattern": pattern,
        "memlock": None if locked is None else str(locked),
    }
    return judge(faults, good, **facts)


def _read_swaps(view: HostView) -> tuple[dict[str, str], list[str]]:
    """Return how each swap area is kept, and what is wrong with it."""
    state, faults = dict[str, str](), list[str]()
    for line in (view.read_text("/proc/swaps") or "").splitlines()[1:]:
        fields = line.split()
        if len(fields) < 2:
            continue
        place, sort = fields[0], fields[1]
        state[place] = _swap_state(view, place, sort)
        if state[place] == "plain":
            faults.append(f"swap on {place} is not encrypted")
    return state, faults


def _swap_state(view: HostView, place: str, sort: str) -> str:
    """Return `memory`, `encrypted` or `plain` for a swap area."""
    if sort == "file":
        mounts = sorted(list_mounts(view), key=lambda mount: len(mount.place), reverse=True)
        under = next((one for one in mounts if place.startswith(one.place.rstrip("/") + "/")), None)
        return "encrypted" if under and find_luks(view, under.device) else "plain"
    name = view.path(place).resolve().name
    if name.startswith("zram"):
        backing = view.read_text(f"/sys/block/{name}/backing_dev")
        return "memory" if backing in (None, "none") else "plain"
    mapping = mapping_of(view, name)
    return "encrypted" if mapping.startswith("CRYPT-PLAIN") or find_luks(view, name) else "plain"


def _can_hibernate(view: HostView) -> bool:
    """Say whether memory could be written to disk for sleep: the kernel can, and systemd is not told to refuse."""
    states = (view.read_text("/sys/power/state") or "").split()
    if "disk" not in states or "[disabled]" in (view.read_text("/sys/power/disk") or ""):
        return False
    return not all(_is_masked(view, name) for name in _SLEEPS)


def _is_masked(view: HostView, unit: str) -> bool:
    """Say whether a unit is masked: a link to /dev/null, or an empty file."""
    link = view.root / "etc/systemd/system" / unit
    return link.is_symlink() and str(link.readlink()) == "/dev/null"


def _locked_limit(view: HostView) -> int | None:
    """Return how many bytes the lane's process may lock; None when it does not run, 2**63 without a limit."""
    process = find_process(view, view.facts.service, argument="lane")
    limits = view.read_text(f"/proc/{process.pid}/limits") if process else None
    for line in (limits or "").splitlines():
        if line.startswith("Max locked memory"):
            soft = line.split()[3]
            return 2**63 if soft == "unlimited" else int(soft)
    return None
