"""A lane process that tests kill: made-up vehicles through the whole line, one acknowledged id a line on stdout.

`python killable.py HOME COUNT [BOUNDARY WHEN]`. With a boundary (`module:attribute`, and `before` or `after`) the process
kills itself with SIGKILL at the second call of that function, as a power cut would; at the first with `module:attribute#1`.
"""

import importlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from lineparts import PASSPHRASE, KnownFaces, NoCamera, make_vehicle

from wayseal.model.border import Direction, Encounter, Frame, Seat, VehiclePass
from wayseal.model.clock import utc_now
from wayseal.station.lane import LaneStation
from wayseal.station.matcher import open_matcher
from wayseal.station.onehost import OneHost
from wayseal.station.site import open_site


class OneEachFrame(NoCamera):
    """A capture that sees a vehicle with two people in each frame."""

    def feed(self, _frame: object) -> list[VehiclePass]:
        """Return a vehicle."""
        return [make_vehicle(utc_now, {Seat.DRIVER: 1, Seat.FRONT_PASSENGER: 77})]


def plant_death(boundary: str, when: str) -> None:
    """Replace a function by one that dies before or after its second call, or the one that the boundary names."""
    boundary, _, number = boundary.partition("#")
    module, _, attribute = boundary.partition(":")
    last = int(number or 2)
    owner: Any = importlib.import_module(module)
    *path, name = attribute.split(".")
    for part in path:
        owner = getattr(owner, part)
    original = getattr(owner, name)
    calls = [0]

    def dying(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] == last and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = original(*args, **kwargs)
        if calls[0] == last and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, name, dying)


def make_frames(count: int) -> Iterator[Frame]:
    """Give frames without content."""
    plane = np.zeros((2, 2), np.uint8)
    for index in range(count):
        yield Frame(index, utc_now(), index / 30, plane, lambda: np.zeros((2, 2, 3), np.uint8))


def tell(encounter: Encounter) -> None:
    """Acknowledge an encounter."""
    print(encounter.id, flush=True)  # noqa: T201 - the parent reads it


def main() -> None:
    """Run the lane until the frames are over or somebody kills it."""
    home, count = Path(sys.argv[1]), int(sys.argv[2])
    if len(sys.argv) > 3:
        plant_death(sys.argv[3], sys.argv[4])
    with open_site(home, PASSPHRASE) as site:
        host = site.open_lane("lane1")
        station = LaneStation(
            host, OneEachFrame(), direction=Direction.ENTRY, keys=site.roster_keys(host), clock=utc_now,
            deliver=lambda encounter, records: site.receive(encounter, records, direction=Direction.ENTRY),
        )  # fmt: skip
        matcher = open_matcher(site, KnownFaces({"traveller-1": 1}))
        OneHost(station, matcher, tell).run(make_frames(count))


if __name__ == "__main__":
    main()
