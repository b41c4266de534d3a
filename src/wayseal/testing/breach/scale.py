"""How large a drill is, what a sabotage changes about it, and the names that its rooms share. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

LANE, OLD_LANE, BULK_LANE, GALLERY, AGENCY = "lane1", "lane2", "lane3", "port", "agency"
OVERDUE = timedelta(hours=14)
"""How long ago the vehicles passed whose date is past: their class keeps 12 hours."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How large a drill is. `live` vehicles pass now, `old` ones passed 14 hours ago; allowances are those of the site.

    `bulk` is how many pictures lanes of this host seal beside them, by the lane's own code without its process.
    """

    live: int
    old: int
    occupants: int = 3
    bulk: int = 0
    canary_one_in: int = 12
    pictures_burst: int = 60
    pictures_per_hour: int = 60
    shared_factor: int = 2
    exported: int = 7
    shown: int = 6
    taken: int = 6
    seconds: float = 20.0
    """How long the thief has the running centre."""


SHORT = Scale(live=40, old=10)
LONG = Scale(
    live=100, old=50, bulk=184_000, canary_one_in=500, pictures_burst=120, pictures_per_hour=300, shared_factor=10,
    seconds=120.0,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seams:
    """What a sabotage changes about a stage, by default nothing; no command reaches them. `code` runs in a process before its own, by role."""

    code: Mapping[str, str] = field(default_factory=dict)
    witnessed: bool = True
