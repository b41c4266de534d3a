"""What a camera should not send: hostile and broken pictures in a lane's stream stop nothing and invent nobody."""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from toy_lane import HEIGHT, WIDTH, approach, face_of, film, make_car, make_frame

from wayseal.model.border import Frame, Pixels, VehiclePass
from wayseal.vision.capture import CaptureModels, LaneCapture
from wayseal.vision.detect import FaceDetector
from wayseal.vision.template import OnnxFaceModel

DRIVER = 500 + 205


@pytest.fixture(scope="module")
def models(detector: FaceDetector, sface: OnnxFaceModel) -> CaptureModels:
    """The shipped networks, without plates."""
    return CaptureModels(detector, sface)


@pytest.fixture
def head(astronaut: Pixels) -> Pixels:
    """The portrait's head."""
    return face_of(astronaut)


def run(models: CaptureModels, frames: Iterator[Frame]) -> list[VehiclePass]:
    """Return the passes of a stream."""
    capture = LaneCapture(models)
    seen = [one for frame in frames for one in capture.feed(frame)]
    return [*seen, *capture.finish()]


def test_sixty_faces_in_a_vehicle(models: CaptureModels, head: Pixels) -> None:
    """Sixty faces in one vehicle give one pass with no seat twice, and no error."""
    crowd = [(head, 110.0 + 78 * (place % 10), 40.0 + 62 * (place // 10), 0.9) for place in range(60)]
    (seen,) = run(models, film(approach(make_car(crowd), frames=40, first=300)))
    seats = [person.seat for person in seen.occupants]
    assert len(seats) == len(set(seats))
    assert seen.occupants_seen >= len(seats) >= 1


def test_faces_of_a_few_pixels(models: CaptureModels, head: Pixels) -> None:
    """Faces one to four pixels wide are nobody, whatever else is in the picture."""
    specks = [(head, 300.0 + 90 * place, 170.0, 0.02 + 0.02 * place) for place in range(4)]
    (seen,) = run(models, film(approach(make_car(specks), frames=40)))
    assert seen.occupants == ()
    assert seen.occupants_seen == 0


@pytest.mark.parametrize("damage", ["black", "noise", "torn"])
def test_broken_pictures_in_between(models: CaptureModels, head: Pixels, damage: str) -> None:
    """Single pictures of black, noise or torn rows in a pass do not lose its driver; at worst they cut the pass in two."""
    rng = np.random.default_rng(4)

    def broken() -> Iterator[Frame]:
        for frame in film(approach(make_car([(head, DRIVER, 170, 1.0)]), frames=60)):
            if frame.index % 11 != 7:
                yield frame
                continue
            picture = frame.colour().copy()
            if damage == "black":
                picture[:] = 0
            elif damage == "noise":
                picture = rng.integers(0, 256, picture.shape, dtype=np.uint8)
            else:
                picture[HEIGHT // 3 :] = np.roll(picture[HEIGHT // 3 :], WIDTH // 3, axis=1)
            yield make_frame(frame.index, picture)

    passes = run(models, broken())
    captured = [person for seen in passes for person in seen.occupants if person.template is not None]
    assert 1 <= len(captured) <= len(passes) <= 2


def test_camera_changes_its_size(models: CaptureModels, head: Pixels) -> None:
    """A stream whose pictures change size goes on: what was tracked ends, and the next vehicle is captured."""
    car = make_car([(head, DRIVER, 170, 1.0)])

    def stream() -> Iterator[Frame]:
        for frame in film(approach(car, frames=20)):
            picture = np.asarray(cv2.resize(frame.colour(), (WIDTH // 2, HEIGHT // 2)), dtype=np.uint8)
            yield make_frame(frame.index, picture)
        for frame in film(approach(car, frames=50)):
            yield make_frame(20 + frame.index, frame.colour())

    captured = [
        person for seen in run(models, stream()) for person in seen.occupants if person.template is not None
    ]
    assert captured
