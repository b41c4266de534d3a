"""One face in two vehicles: both are marked for the officer, for ten seconds, and nobody else is."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from toy_lane import approach, face_of, film, make_car, make_frame, make_road

from wayseal.model.border import Occupant, Pixels, Quality, Seat, Shot, Template, VehiclePass
from wayseal.vision.capture import CaptureModels, LaneCapture
from wayseal.vision.detect import FaceDetector
from wayseal.vision.doubles import IN_TWO_VEHICLES, KEPT_S, RecentFaces
from wayseal.vision.template import OnnxFaceModel


def rider(seed: int | None) -> Occupant:
    """A driver with the face of that number; None: seen, and not captured."""
    if seed is None:
        return Occupant(Seat.DRIVER, None, None, None, 4, ("hidden",))
    template = Template(np.eye(128, dtype=np.float32)[seed], "m", 11.0)
    points = np.zeros((5, 2), np.float32)
    best = Shot(1, datetime(2026, 1, 1, tzinfo=UTC), (0.0, 0.0, 9.0, 9.0), points, 0.9, 40.0, Quality(80))
    return Occupant(Seat.DRIVER, best, None, template, 9, ("too_dark",))


@pytest.mark.parametrize(("later", "marked"), [(0.5, True), (KEPT_S, True), (KEPT_S + 0.1, False)])
def test_next_vehicle_with_the_same_face_is_marked(
    sface: OnnxFaceModel, later: float, *, marked: bool
) -> None:
    """Within ten seconds the face is told again; after them its template is forgotten."""
    recent = RecentFaces()
    (first,) = recent.mark([rider(1)], [], sface, 5.0)
    assert first.reasons == ("too_dark",)
    (again,) = recent.mark([rider(1)], [], sface, 5.0 + later)
    assert (IN_TWO_VEHICLES in again.reasons) is marked
    assert len(recent._left) == 1 + marked


def test_others_are_not_marked(sface: OnnxFaceModel) -> None:
    """Another face, and somebody who was not captured, stay as they are; so does everybody once all is forgotten."""
    recent = RecentFaces()
    recent.mark([rider(1)], [], sface, 5.0)
    people = (rider(2), rider(None))
    assert recent.mark(people, [], sface, 6.0) == people
    recent.forget()
    assert recent.mark([rider(1)], [], sface, 6.5)[0].reasons == ("too_dark",)


def test_time_that_starts_anew_forgets(sface: OnnxFaceModel) -> None:
    """After a source begins again at second nothing, what is kept is of another time and tells nothing."""
    recent = RecentFaces()
    recent.mark([rider(1)], [], sface, 500.0)
    assert recent.mark([rider(1)], [], sface, 2.0)[0].reasons == ("too_dark",)


@pytest.fixture(scope="module")
def drive(detector: FaceDetector, sface: OnnxFaceModel, astronaut: Pixels) -> tuple[list[VehiclePass], Occupant]:  # fmt: skip
    """Two cars after each other with one driver; and somebody with that face who leaves while the second is in the picture."""
    head = face_of(astronaut)
    capture = LaneCapture(CaptureModels(detector, sface))
    passes, beside = [], rider(1)
    for start in (0, 100):
        car = make_car([(head, 705, 170, 1.0)], seed=2 + start)
        pictures = [frame.colour() for frame in film(approach(car, frames=44))]
        for index, picture in enumerate([*pictures, *[make_road()] * 25]):
            passes += capture.feed(make_frame(start + index, picture))
            if start and index == 36:
                live, face = list(capture._watches.values()), passes[0].occupants[0].template
                (beside,) = RecentFaces().mark([replace(beside, template=face)], live, sface, 0.0)
    return passes + capture.finish(), beside


def test_second_of_two_vehicles_with_one_driver_is_marked(drive: tuple[list[VehiclePass], Occupant]) -> None:
    """Through the whole of capture: the second pass says that its driver was in a vehicle seconds before."""
    first, second = drive[0]
    assert [IN_TWO_VEHICLES in person.reasons for person in first.occupants] == [False]
    assert [IN_TWO_VEHICLES in person.reasons for person in second.occupants] == [True]


def test_face_that_is_still_in_another_vehicle_is_marked(drive: tuple[list[VehiclePass], Occupant]) -> None:
    """Who leaves in one vehicle while another in the picture shows the same face is marked at once."""
    assert drive[1].reasons == (IN_TWO_VEHICLES, "too_dark")
