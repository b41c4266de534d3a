"""Who passes in a drill: made-up vehicles with pictures that decode, and a capture that sees them instead of a camera.

Owns the painting of people from public-domain portraits and the order in which vehicles pass. Opens and writes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

import cv2
import numpy as np

from wayseal.model.border import (
    Frame,
    Occupant,
    Pixels,
    PlainImage,
    Plate,
    Quality,
    Seat,
    Shot,
    Template,
    VehiclePass,
)
from wayseal.testing.lane.faces import load_carried
from wayseal.vision.picture import encode_picture

MODEL = "ab" * 32
"""Stands for a recognition model's digest: templates of the drill are made up and match nobody's."""
SIDE = 256
DIMENSION = 128
SEATS = (Seat.DRIVER, Seat.FRONT_PASSENGER, Seat.REAR_LEFT, Seat.REAR_RIGHT)
_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"


@dataclass(frozen=True, slots=True)
class Cast:
    """The people of one lane of a drill, made up from a seed: the same seed makes the same people."""

    seed: int
    occupants: int = 3

    def plate(self, number: int) -> str:
        """Return the plate of a vehicle."""
        rng = np.random.default_rng((self.seed, number, 7))
        return "".join(_LETTERS[int(one)] for one in rng.integers(0, len(_LETTERS), 7))

    def vehicle(self, number: int, left: datetime) -> VehiclePass:
        """Return a vehicle that has just left, with all its people captured."""
        people = tuple(self._occupant(number, seat, left) for seat in range(self.occupants))
        plate = Plate(
            text=self.plate(number), region="tx", reads=3, confidence=0.97, frame=9,
            picture=paint_plate(self.plate(number), (self.seed, number)),
        )  # fmt: skip
        return VehiclePass(
            number=number, entered=left - timedelta(seconds=2), left=left, speed_mph=20.4, plate=plate,
            occupants=people, occupants_seen=len(people), frames=30,
        )  # fmt: skip

    def _occupant(self, number: int, place: int, left: datetime) -> Occupant:
        seed = (self.seed, number, place)
        template = make_template(seed)
        shot = Shot(
            frame=7, time=left, box=(10.0, 20.0, 60.0, 80.0), landmarks=np.zeros((5, 2), np.float32),
            detector_score=0.9, inter_eye_px=41.0, quality=Quality(77, {"sharpness": 61.0}), template=template,
        )  # fmt: skip
        picture = encode_picture(paint_person(seed), quality=92)
        return Occupant(seat=SEATS[place], best=shot, picture=picture, template=template, shots=5)


def make_template(seed: tuple[int, ...]) -> Template:
    """Return a unit vector that stands for somebody."""
    vector = np.random.default_rng(seed).normal(size=DIMENSION).astype(np.float32)
    return Template(vector / np.linalg.norm(vector), MODEL, 13.0)


@lru_cache(maxsize=1)
def _portraits() -> tuple[Pixels, ...]:
    """Return the heads of the public-domain portraits that installed packages carry."""
    heads = []
    for person in load_carried():
        picture = person.pictures[0]
        (ax, ay), (bx, by) = picture.eyes
        eye, middle = float(np.hypot(bx - ax, by - ay)), ((ax + bx) / 2, (ay + by) / 2)
        half, rows, columns = 2.2 * eye, picture.pixels.shape[0], picture.pixels.shape[1]
        top, left = max(0, int(middle[1] - 0.8 * half)), max(0, int(middle[0] - half))
        heads.append(
            picture.pixels[top : min(rows, top + int(2 * half)), left : min(columns, left + int(2 * half))]
        )
    return tuple(heads)


def paint_person(seed: tuple[int, ...]) -> Pixels:
    """Return a picture (256, 256, 3) of somebody who is nobody: a portrait in another cut, size, light, and before other things."""
    rng = np.random.default_rng(seed)
    heads = _portraits()
    head = heads[int(rng.integers(len(heads)))]
    scene = cv2.resize(
        rng.integers(0, 256, (6, 6, 3), dtype=np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC
    )
    size = int(rng.integers(150, 220))
    face = cv2.resize(head, (size, size), interpolation=cv2.INTER_AREA)
    if rng.integers(2):
        face = face[:, ::-1]
    lit = face.astype(np.float32) * rng.uniform(0.7, 1.05, 3) + rng.uniform(0, 25)
    top, left = (int(value) for value in rng.integers(0, SIDE - size, 2))
    scene[top : top + size, left : left + size] = np.clip(lit, 0, 255).astype(np.uint8)
    for _ in range(24):
        centre = tuple(int(value) for value in rng.integers(0, SIDE, 2))
        colour = tuple(int(value) for value in rng.integers(0, 256, 3))
        cv2.circle(scene, centre, int(rng.integers(3, 14)), colour, -1, cv2.LINE_AA)
    noisy = scene.astype(np.float32) + rng.normal(0, 2.0, scene.shape)
    return np.asarray(np.clip(noisy, 0, 255), dtype=np.uint8)


def paint_plate(text: str, seed: tuple[int, ...]) -> PlainImage:
    """Return a picture of a plate."""
    rng = np.random.default_rng((*seed, 3))
    plate = np.full((64, 176, 3), rng.integers(180, 250, 3), np.uint8)
    cv2.putText(plate, text, (10, 44), cv2.FONT_HERSHEY_SIMPLEX, 1.1, (20, 20, 40), 2, cv2.LINE_AA)
    return encode_picture(plate, quality=92)


@dataclass
class Parade:
    """A capture that sees one vehicle of a cast with every other frame: between two there is room for a canary."""

    cast: Cast
    _next: int = field(default=0)

    def feed(self, frame: Frame) -> list[VehiclePass]:
        """Return the next vehicle, or none with an odd frame."""
        if frame.index % 2:
            return []
        self._next += 1
        return [self.cast.vehicle(self._next, frame.time)]

    def finish(self) -> list[VehiclePass]:
        """Return no vehicle."""
        return []


def make_frame(index: int, time: datetime) -> Frame:
    """Return a frame without content."""
    return Frame(index, time, index / 30, np.zeros((2, 2), np.uint8), lambda: np.zeros((2, 2, 3), np.uint8))


def make_frames(times: Iterator[datetime]) -> Iterator[Frame]:
    """Yield a frame for each moment."""
    for index, time in enumerate(times):
        yield make_frame(index, time)
