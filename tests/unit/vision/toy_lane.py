"""A toy lane for the tests: a patterned car that grows or slides over a still road, with real portraits in its windows."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np

from wayseal.model.border import Frame, Pixels

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
WIDTH, HEIGHT = 640, 360
CAR_W, CAR_H = 1000, 800
EYES = 0.063 / 1.76 * CAR_W
"""Pixels between the eyes of somebody in the car's own picture, at the car's full width."""


def make_road(seed: int = 1) -> Pixels:
    """Return a still background with some texture."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(90, 150, (HEIGHT // 8, WIDTH // 8, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def make_car(faces: Sequence[tuple[Pixels, float, float, float]] = (), seed: int = 2) -> Pixels:
    """Return a car's picture. Each face is (portrait, x, y, size): its middle in the car, and its size over a person's."""
    rng = np.random.default_rng(seed)
    car = np.full((CAR_H, CAR_W, 3), 70, np.uint8)
    for _ in range(160):
        x, y = int(rng.integers(0, CAR_W - 40)), int(rng.integers(330, CAR_H - 30))
        w, h = int(rng.integers(12, 60)), int(rng.integers(10, 40))
        car[y : y + h, x : x + w] = rng.integers(20, 235, 3)
    car[20:300, 90:910] = 48
    car[::40, 60:80] = 220
    car[::40, 920:940] = 220
    for portrait, x, y, size in faces:
        _paste(car, portrait, x, y, size)
    return car


def face_of(portrait: Pixels) -> Pixels:
    """Return the head of the public-domain portrait, its eyes 32 px apart."""
    return portrait[20:260, 110:340]


def _paste(car: Pixels, head: Pixels, x: float, y: float, size: float) -> None:
    """Put a head into the car so that its eyes are as far apart as a person's times `size`."""
    factor = EYES * size / 36.0
    small = cv2.resize(head, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    high, wide = small.shape[:2]
    left, top = int(x - wide / 2), max(0, int(y - high / 2))
    car[top : top + high, left : left + wide] = small[: car.shape[0] - top]


def film(
    places: Sequence[Sequence[tuple[Pixels, float, float, float] | None]],
    *,
    fps: float = 30.0,
    noise: float = 0.0,
    road: Pixels | None = None,
) -> Iterator[Frame]:
    """Give the frames of a film. `places[i]` are the cars of frame i, far ones first: (car, width in px, middle x, top y)."""
    ground = make_road() if road is None else road
    rng = np.random.default_rng(5)
    for index, cars in enumerate(places):
        picture = ground.copy()
        for placed in cars:
            if placed is not None:
                car, width, middle, top = placed
                scale = width / CAR_W
                matrix = np.array([[scale, 0, middle - width / 2], [0, scale, top]])
                shape = (WIDTH, HEIGHT)
                layer = cv2.warpAffine(car, matrix, shape, flags=cv2.INTER_AREA)
                mask = cv2.warpAffine(np.ones(car.shape[:2], np.uint8), matrix, shape)
                picture[mask > 0] = layer[mask > 0]
        if noise:
            picture = np.clip(picture + rng.normal(0, noise, picture.shape), 0, 255).astype(np.uint8)
        yield make_frame(index, picture, fps)


def make_frame(index: int, picture: Pixels, fps: float = 30.0) -> Frame:
    """Return a picture as a frame of a stream."""
    luma = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
    seconds = index / fps
    return Frame(index, START + timedelta(seconds=seconds), seconds, luma, lambda: picture)


def approach(
    car: Pixels,
    *,
    frames: int = 50,
    first: float = 190.0,
    last: float = 1500.0,
    start: int = 0,
    total: int = 0,
) -> list[list[tuple[Pixels, float, float, float] | None]]:
    """Return places of a car that comes nearer at constant speed from frame `start` on: 1/width falls evenly."""
    widths = 1.0 / np.linspace(1 / first, 1 / last, frames)
    places: list[list[tuple[Pixels, float, float, float] | None]] = [
        [] for _ in range(max(total, start + frames))
    ]
    for step, width in enumerate(widths):
        places[start + step] = [(car, float(width), WIDTH / 2, 0.45 * float(width) - 90.0)]
    return places
