"""Pictures that can be marked and leaked, and a lane that marks what it seals."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import distribution
from pathlib import Path

import cv2
import numpy as np
from lineparts import Line, NoCamera, make_vehicle

from wayseal.flow.marking import mark_at_lane
from wayseal.model.border import Direction, Pixels, PlainImage, Seat
from wayseal.model.ids import RecordId
from wayseal.station.lane import LaneStation
from wayseal.vision.picture import encode_picture, read_picture

SEATS = tuple(Seat)
Marked = Callable[[bytes, RecordId], bytes]


def cut_face(seed: int, *, side: int = 256) -> Pixels:
    """A square picture of the astronaut's head and shoulders: another cut, size and light for each seed."""
    whole = read_picture(Path(str(distribution("scikit-image").locate_file("skimage/data/astronaut.png"))))
    rng = np.random.default_rng(seed)
    left, top = (int(value) for value in rng.integers((70, 0), (110, 12)))
    size = int(rng.integers(220, 270))
    cut = cv2.resize(whole[top : top + size, left : left + size], (side, side), interpolation=cv2.INTER_CUBIC)
    lit = cut.astype(np.float32) * rng.uniform(0.75, 1.0) + rng.uniform(0, 20)
    return np.clip(lit, 0, 255).astype(np.uint8)


def picture_of(seed: int, *, side: int = 256) -> PlainImage:
    """`cut_face` as the camera's side of the lane gives it."""
    return encode_picture(cut_face(seed, side=side))


def open_marking_lane(line: Line, name: str = "lane1", mark: Marked | None = None) -> LaneStation:
    """A lane that writes its mark into what it seals, or does what `mark` does instead."""
    if name not in line.hosts:
        line.hosts[name] = line.site.open_lane(name)
    host = line.hosts[name]
    return LaneStation(
        host, NoCamera(), direction=Direction.ENTRY, keys=line.site.roster_keys(host), clock=line.clock,
        deliver=lambda encounter, records: line.site.receive(encounter, records, direction=Direction.ENTRY),
        mark=mark or mark_at_lane(line.site.marker.lane_key(name)),
    )  # fmt: skip


def capture_faces(
    line: Line,
    seeds: Sequence[int],
    lane: str = "lane1",
    *,
    mark: Marked | None = None,
    side: int = 256,
) -> list[RecordId]:
    """Drive a vehicle with one occupant for each seed through a lane, which marks unless told otherwise; return the faces' records."""
    seen = make_vehicle(
        line.clock, {seat: 50 + seed for seat, seed in zip(SEATS, seeds, strict=False)}, plate=None
    )
    people = tuple(
        replace(person, picture=picture_of(seed, side=side))
        for person, seed in zip(seen.occupants, seeds, strict=True)
    )
    answered = line.drive(open_marking_lane(line, lane, mark), replace(seen, occupants=people))
    return [RecordId(person.record or "") for person in answered.occupants]
