"""Whether lanes are at work in a home: a lock that they share, so that nobody pretends away the hour they seal to.

Owns `HOME/at-work.lock`, which holds nothing; the operating system frees it when a process dies, however it dies.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from wayseal.model.errors import Refused
from wayseal.model.ids import epoch_span
from wayseal.retention.schedule import Plan
from wayseal.store.locks import own_lock, share_lock

_FILE = "at-work.lock"


@contextmanager
def at_work(home: Path) -> Iterator[None]:
    """Be at work in a home; several may be."""
    with share_lock(home / _FILE):
        yield


def is_at_work(home: Path) -> bool:
    """Say whether a lane or a centre is at work in a home now."""
    with own_lock(home / _FILE) as alone:
        return not alone


def find_unarmed_until(plan: Plan, now: datetime) -> datetime | None:
    """Return the end of the last hour that a plan destroys while it still runs: until then nothing can be sealed to it."""
    ends = [epoch_span(due.epoch)[2] for due in plan.due]
    return max((end for end in ends if end > now), default=None)


def check_running_hours(home: Path, plan: Plan, now: datetime) -> None:
    """Raise `Refused` when a plan would destroy an hour that still runs while lanes are at work and seal to it."""
    running = [due.epoch for due in plan.due if epoch_span(due.epoch)[2] > now]
    if running and is_at_work(home):
        raise Refused(
            "a lane is at work here, and this would destroy the key of an hour that still runs",
            hint="Stop the lane first; or add --running, and it stops by itself until the next hour begins.",
            epochs=", ".join(sorted(running)),
        )
