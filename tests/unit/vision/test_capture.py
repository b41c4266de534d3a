"""Capture on a toy lane: who is in a pass, where they sit, and what never becomes one."""

from dataclasses import replace

import numpy as np
import pytest
from toy_lane import approach, face_of, film, make_car, make_frame, make_road

from wayseal.model.border import Box, Frame, Pixels, Plate, Seat, VehiclePass
from wayseal.vision.capture import CaptureModels, LaneCapture
from wayseal.vision.detect import FaceDetector
from wayseal.vision.optics import LaneOptics
from wayseal.vision.settle import EXPOSURE_TOO_LONG, NOT_VISIBLE
from wayseal.vision.template import OnnxFaceModel

DRIVER, PASSENGER = 705, 295
"""Where the driver (left-hand drive) and the front passenger are in the toy car, in its own pixels."""


@pytest.fixture(scope="module")
def models(detector: FaceDetector, sface: OnnxFaceModel) -> CaptureModels:
    """The shipped networks, without plates."""
    return CaptureModels(detector, sface)


@pytest.fixture(scope="module")
def head(astronaut: Pixels) -> Pixels:
    """A real portrait's head."""
    return face_of(astronaut)


def run(capture: LaneCapture, frames: list[Frame]) -> list[VehiclePass]:
    """Feed all frames and finish."""
    passes = [seen for frame in frames for seen in capture.feed(frame)]
    return passes + capture.finish()


@pytest.fixture(scope="module")
def two_people(models: CaptureModels, head: Pixels) -> tuple[list[VehiclePass], LaneCapture]:
    """One car with a driver and a passenger, driven through."""
    car = make_car([(head, DRIVER, 170, 1.0), (head[:, ::-1], PASSENGER, 165, 1.0)])
    capture = LaneCapture(models, LaneOptics(focal_px=2400.0, exposure_ms=1.0))
    road = [make_frame(index, make_road()) for index in range(4)]
    frames = list(film(approach(car, frames=44)))
    empty = [make_frame(100 + index, make_road()) for index in range(25)]
    passes = run(capture, [*(replace(frame, index=-4 + frame.index) for frame in road), *frames, *empty])
    return passes, capture


def test_two_people_are_seated_and_captured(two_people: tuple[list[VehiclePass], LaneCapture]) -> None:
    """Driver and passenger are one occupant each, on their seats, with one picture and one template."""
    (seen,), _ = two_people
    assert [person.seat for person in seen.occupants] == [Seat.DRIVER, Seat.FRONT_PASSENGER]
    assert seen.occupants_seen == 2
    for person in seen.occupants:
        assert person.picture is not None
        assert person.template is not None
        assert person.best is not None
        assert person.best.quality.score > 50
        assert person.shots > 4


def test_pass_tells_times_speed_and_scene(two_people: tuple[list[VehiclePass], LaneCapture]) -> None:
    """A pass has its times, a speed because the focal length is known, and the scene at one moment."""
    (seen,), _ = two_people
    assert seen.entered < seen.left
    assert seen.speed_mph is not None
    assert 1 < seen.speed_mph < 150
    assert seen.scene is not None


def test_burst_is_forgotten(two_people: tuple[list[VehiclePass], LaneCapture]) -> None:
    """After the pass nothing of the burst remains, and frames on an empty road searched nothing."""
    _, capture = two_people
    assert capture._watches == {}
    assert capture.counts.vehicles == 1
    assert capture.counts.quiet > 10
    assert capture.counts.searches < capture.counts.frames


def test_pictures_print_no_pixels(two_people: tuple[list[VehiclePass], LaneCapture]) -> None:
    """The text form of a pass shows sizes, never bytes of a picture or template."""
    (seen,), _ = two_people
    text = repr(seen)
    assert "picture" not in text
    assert "template=" not in text
    assert "array(" not in text


def test_right_hand_drive(models: CaptureModels, head: Pixels) -> None:
    """With right-hand drive the same places change their names."""
    car = make_car([(head, PASSENGER, 165, 1.0)])
    (seen,) = run(LaneCapture(models, LaneOptics(steering="right")), list(film(approach(car, frames=40))))
    assert [person.seat for person in seen.occupants] == [Seat.DRIVER]


def test_opted_out_lane_searches_no_face(models: CaptureModels, head: Pixels) -> None:
    """In a lane of people who opted out no face is ever searched, and the vehicle still counts."""
    car = make_car([(head, DRIVER, 170, 1.0)])
    capture = LaneCapture(models, LaneOptics(faces=False))
    (seen,) = run(capture, list(film(approach(car, frames=40))))
    assert seen.occupants == ()
    assert seen.scene is None
    assert capture.counts.searches == 0


def test_prints_and_stickers_are_nobody(models: CaptureModels, head: Pixels) -> None:
    """A sticker on the glass and a face on the driver's shirt are no occupants; the driver above them is."""
    car = make_car([(head, DRIVER, 120, 1.0), (head[:, ::-1], DRIVER - 60, 262, 0.5), (head, 420, 60, 0.42)])
    (seen,) = run(LaneCapture(models), list(film(approach(car, frames=44))))
    assert [person.seat for person in seen.occupants] == [Seat.DRIVER]


def test_vehicle_without_faces(models: CaptureModels) -> None:
    """A vehicle in which nobody can be seen is a pass without occupants."""
    (seen,) = run(LaneCapture(models), list(film(approach(make_car(), frames=40))))
    assert seen.occupants == ()
    assert seen.occupants_seen == 0


def test_hidden_driver_is_counted(models: CaptureModels, head: Pixels) -> None:
    """Where only a passenger is seen, the driver is counted, without a picture and with the reason."""
    car = make_car([(head, PASSENGER, 165, 1.0)])
    (seen,) = run(LaneCapture(models), list(film(approach(car, frames=40))))
    by_seat = {person.seat: person for person in seen.occupants}
    assert seen.occupants_seen == 2
    assert by_seat[Seat.DRIVER].reasons == (NOT_VISIBLE,)
    assert by_seat[Seat.DRIVER].template is None


def test_stream_that_breaks_off(models: CaptureModels, head: Pixels) -> None:
    """A video that ends while a vehicle is in the picture still gives its pass."""
    car = make_car([(head, DRIVER, 170, 1.0)])
    frames = list(film(approach(car, frames=44)))[:38]
    (seen,) = run(LaneCapture(models), frames)
    assert [person.seat for person in seen.occupants] == [Seat.DRIVER]


def test_no_vehicle(models: CaptureModels) -> None:
    """An empty road with noise gives no pass and costs no search."""
    rng = np.random.default_rng(8)
    road = make_road().astype(np.float32)
    noisy = [np.clip(road + rng.normal(0, 9, road.shape), 0, 255).astype(np.uint8) for _ in range(30)]
    capture = LaneCapture(models)
    assert run(capture, [make_frame(index, picture) for index, picture in enumerate(noisy)]) == []
    assert capture.counts.searches == 0


def test_long_exposure_warns(models: CaptureModels, head: Pixels) -> None:
    """A shutter that must smear faces at the vehicle's speed is told on each occupant."""
    car = make_car([(head, 500, 170, 1.0)])
    places = [[(car, 560, 950 - 18 * step, 20)] for step in range(74)]
    frames = list(film(places))
    slow = run(LaneCapture(models, LaneOptics(exposure_ms=25.0)), frames)
    quick = run(LaneCapture(models, LaneOptics(exposure_ms=0.2)), frames)
    assert EXPOSURE_TOO_LONG in slow[0].occupants[0].reasons
    assert EXPOSURE_TOO_LONG not in quick[0].occupants[0].reasons


class OneNumber:
    """A plate session that counts what it is offered."""

    def __init__(self) -> None:
        self.offers: list[Box] = []

    def offer(self, frame: Frame, vehicle_box: Box) -> None:  # noqa: ARG002 - the capture's protocol
        """Take one frame."""
        self.offers.append(vehicle_box)

    def result(self) -> Plate | None:
        """Return a plate once frames were offered."""
        return Plate("TEST1", None, len(self.offers), 0.9) if self.offers else None


def test_each_vehicle_has_its_own_plate_session(models: CaptureModels) -> None:
    """Frames of a vehicle go to that vehicle's plate session, and its answer into that vehicle's pass."""
    sessions: list[OneNumber] = []

    def start() -> OneNumber:
        sessions.append(OneNumber())
        return sessions[-1]

    car = make_car()
    places = approach(car, frames=40, total=70) + approach(car, frames=40, total=60)
    capture = LaneCapture(replace(models, new_plate=start), LaneOptics(faces=False))
    passes = run(capture, list(film(places)))
    assert len(passes) == 2
    assert [seen.plate.reads for seen in passes if seen.plate] == [len(one.offers) for one in sessions]
