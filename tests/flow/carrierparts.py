"""Lane and centre on two hosts: in one process for rules, as processes of their own for deaths.

`python carrierparts.py centre HOME PORT [BOUNDARY WHEN]` listens and answers; `python carrierparts.py lane HOME COUNT
[BOUNDARY WHEN]` lets vehicles pass. With a boundary the process kills itself there with SIGKILL, as in `killable`.
"""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from lineparts import MODEL, PASSPHRASE, NoCamera, make_template, make_vehicle

from wayseal.model.border import Direction, Encounter, Frame, Occupant, PlainImage, Seat, VehiclePass
from wayseal.model.clock import utc_now
from wayseal.seal.suite import sha256
from wayseal.station.centre_run import invite_lane, open_centre_server
from wayseal.station.centre_server import CentreServer
from wayseal.station.lane_home import LaneHome, join_lane, open_lane_home
from wayseal.station.remote_lane import LaneSummary, RemoteLane
from wayseal.station.site import Site, open_site
from wayseal.vision.picture import encode_picture

GALLERY = "port"


def make_jpeg(seed: int) -> PlainImage:
    """A small picture that decodes, since lanes write their mark into it."""
    noise = np.random.default_rng(seed).integers(0, 256, (8, 6, 3), dtype=np.uint8)
    return encode_picture(np.kron(noise, np.ones((20, 20, 1), np.uint8)), quality=92)


def make_car(clock: Any, *people: int) -> VehiclePass:
    """A vehicle with people by seed, from the driver on, whose pictures decode."""
    seats = dict(zip((Seat.DRIVER, Seat.FRONT_PASSENGER, Seat.REAR_LEFT), people, strict=False))
    seen = make_vehicle(clock, dict(seats))
    assert seen.plate is not None
    occupants = tuple(_with_jpeg(one, n) for n, one in enumerate(seen.occupants))
    return dataclasses.replace(
        seen, occupants=occupants, plate=dataclasses.replace(seen.plate, picture=make_jpeg(9))
    )


def _with_jpeg(person: Occupant, seed: int) -> Occupant:
    return dataclasses.replace(person, picture=make_jpeg(seed))


class Parade(NoCamera):
    """A capture that sees one vehicle of a list with each frame."""

    def __init__(self, vehicles: Iterator[VehiclePass]) -> None:
        self._vehicles = vehicles

    def feed(self, _frame: object) -> list[VehiclePass]:
        """Return the next vehicle."""
        return [next(self._vehicles)]


def make_frames(count: int) -> Iterator[Frame]:
    """Give frames without content."""
    plane = np.zeros((2, 2), np.uint8)
    for index in range(count):
        yield Frame(index, utc_now(), index / 30, plane, lambda: np.zeros((2, 2, 3), np.uint8))


@dataclass
class Centre:
    """A centre that listens in this process."""

    site: Site
    server: CentreServer
    answered: list[Encounter] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Return HOST:PORT."""
        return f"127.0.0.1:{self.server.server_address[1]}"

    @property
    def desk(self) -> Any:
        """Return what answers."""
        return self.server.desk

    def add_lane(self, home: Path, lane: str = "lane1", direction: Direction = Direction.ENTRY) -> LaneHome:
        """Return an enrolled lane's home, open."""
        data = invite_lane(self.site, lane, direction=direction, address=self.address)
        join_lane(home, data, PASSPHRASE, clock=self.site.clock)
        return open_lane_home(home, PASSPHRASE, clock=self.site.clock)

    def drive(self, lane: LaneHome, *vehicles: VehiclePass, drain_s: float = 20.0) -> LaneSummary:
        """Let vehicles pass a lane and be delivered."""
        running = RemoteLane(lane, lane.link, Parade(iter(vehicles)), lambda _: None)
        return running.run(make_frames(len(vehicles)), drain_s=drain_s)

    def captures(self) -> list[int]:
        """Return the indices of the capture entries of what lanes sealed."""
        own = sha256(self.site.keys.identity.public).hex()
        found = self.site.ledger.find(type="capture")
        return [index for index in found if self.site.ledger.entry(index)["device"] != own]


def enrol_travellers(site: Site) -> None:
    """Let the centre know two travellers."""
    gallery = site.create_gallery(GALLERY, model_sha256=MODEL, dimension=128)
    gallery.add(["traveller-1", "traveller-2"], [make_template(1), make_template(2)])


@contextmanager
def serve_centre(site: Site, address: str = "127.0.0.1:0") -> Iterator[Centre]:
    """Give a centre that listens on a free port; stop it afterwards."""
    answered: list[Encounter] = []
    warnings: list[str] = []
    with open_centre_server(
        site, address, gallery=GALLERY, on_encounter=answered.append, warn=warnings.append
    ) as (server, _):
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield Centre(site, server, answered, warnings)
        finally:
            server.shutdown()
            thread.join()


def start_child(role: str, home: Path, number: int, *death: str) -> subprocess.Popen[str]:
    """Start this file as a process."""
    command = [sys.executable, __file__, role, str(home), str(number), *death]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )


def start_centre(home: Path, port: int, *death: str) -> tuple[subprocess.Popen[str], int]:
    """Return a centre's process that listens, and its port."""
    process = start_child("centre", home, port, *death)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("listening "), process.communicate()
    return process, int(line.split()[1])


def run_lane(home: Path, count: int, *death: str) -> subprocess.CompletedProcess[str]:
    """Let a lane's process run to its end."""
    process = start_child("lane", home, count, *death)
    out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def main_centre(home: Path, port: int) -> None:
    """Listen until told to stop, and answer what came in; one answered encounter a line on stdout."""

    def say(*words: object) -> None:
        print(*words, flush=True)  # noqa: T201 - the parent reads it

    with (
        open_site(home, PASSPHRASE) as site,
        open_centre_server(
            site,
            f"127.0.0.1:{port}",
            gallery=GALLERY,
            on_encounter=lambda one: say(one.id),
            warn=say,
        ) as (server, _),
    ):
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
        say("listening", server.server_address[1])
        server.serve_forever(poll_interval=0.05)


def main_lane(home: Path, count: int) -> None:
    """Let vehicles pass, and print each that is sealed, then what became of them."""
    with open_lane_home(home, PASSPHRASE) as lane:
        cars = (make_car(utc_now, 1, 77) for _ in range(count))
        running = RemoteLane(
            lane,
            lane.link,
            Parade(cars),
            lambda line: print(json.dumps(line), flush=True),  # noqa: T201
        )
        summary = running.run(make_frames(count), drain_s=240.0)  # ends as soon as nothing waits
    print(json.dumps({"delivered": summary.delivered, "waiting": summary.waiting}), flush=True)  # noqa: T201


if __name__ == "__main__":
    from killable import plant_death

    if len(sys.argv) > 4:
        plant_death(sys.argv[4], sys.argv[5])
    {"centre": main_centre, "lane": main_lane}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
