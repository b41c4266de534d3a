"""`wayseal lane run` itself, without camera and networks: a made-up vehicle with each frame. Run as a script by tests.

`python laneoutput.py here|remote HOME COUNT` runs lane `lane1` of a site's home, or of a lane's own whose centre is away.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from carrierparts import Parade, make_car
from killable import OneEachFrame, make_frames
from lineparts import KnownFaces

from wayseal.model.border import Direction, Frame
from wayseal.model.clock import utc_now
from wayseal.station.lane import LaneStation
from wayseal.station.matcher import open_matcher
from wayseal.station.onehost import OneHost, OnEncounter
from wayseal.station.site import Site


class Stream:
    """A source that gives frames without content."""

    def __init__(self, count: int) -> None:
        self.frames_total = count
        self.counts = SimpleNamespace(dropped=0, broken=0, frames=count)

    def __iter__(self) -> Iterator[Frame]:
        """Give the frames."""
        return make_frames(self.frames_total)


def assemble(site: Site, lane: str, *, on_encounter: OnEncounter, **_: Any) -> OneHost:
    """Return a lane and its centre that know a vehicle in each frame."""
    host = site.open_lane(lane)
    station = LaneStation(
        host, OneEachFrame(), direction=Direction.ENTRY, keys=site.roster_keys(host), clock=utc_now,
        deliver=lambda encounter, records: site.receive(encounter, records, direction=Direction.ENTRY),
    )  # fmt: skip
    return OneHost(station, open_matcher(site, KnownFaces({"traveller-1": 1})), on_encounter)


def main(where: str, home: str, count: str) -> None:
    """Run the command."""

    @contextmanager
    def open_source(_source: str, **_: Any) -> Iterator[Stream]:
        yield Stream(int(count))

    away = ["--centre", "127.0.0.1:1", "--drain", "0.1"] if where == "remote" else []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wayseal.vision.frames.open_source", open_source)
        patch.setattr("wayseal.station.assemble.open_one_host", assemble)
        patch.setattr("wayseal.vision.networks.load_networks", lambda **_: None)
        cars = (make_car(utc_now, 1, 77) for _ in range(int(count)))
        patch.setattr("wayseal.vision.capture.LaneCapture", lambda *_: Parade(cars))
        command = ["lane", "run", "--lane", "lane1", "--source", "camera", "--json"]
        patch.setattr(sys, "argv", ["wayseal", "--home", home, *command, *away])
        from wayseal.cli.main import main as wayseal

        wayseal()


if __name__ == "__main__":
    main(*sys.argv[1:])
