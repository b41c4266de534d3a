"""Seats: the grid in metres, both sides of the wheel, cameras in front and at the side."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wayseal.model.border import Seat
from wayseal.vision.notpeople import FaceFacts, NotPerson, judge_faces, reference_size
from wayseal.vision.seats import Placed, seat_front, seat_side
from wayseal.vision.speed import speed_across, speed_toward

OFF = st.floats(-0.08, 0.08)


@settings(deadline=None)
@given(OFF, OFF, st.floats(0.93, 1.07))
def test_front_row(left: float, right: float, size: float) -> None:
    """With left-hand drive the driver is on the picture's right, with right-hand drive on its left."""
    places = [Placed(0.36 + right, 0.0), Placed(-0.36 + left, 0.0, size)]
    assert seat_front(places) == [Seat.DRIVER, Seat.FRONT_PASSENGER]
    assert seat_front(places, steering="right") == [Seat.FRONT_PASSENGER, Seat.DRIVER]


@settings(deadline=None)
@given(OFF)
def test_lone_driver(off: float) -> None:
    """One person at the driver's place is the driver."""
    assert seat_front([Placed(0.36 + off, 0.0)]) == [Seat.DRIVER]


def test_full_car() -> None:
    """Five people take five seats: whoever sits behind another and looks smaller is in the rear."""
    places = [
        Placed(0.37, 0.02), Placed(-0.35, 0.03), Placed(-0.08, -0.05, 0.93), Placed(0.29, -0.07, 0.92), Placed(-0.28, -0.07, 0.92),
    ]  # fmt: skip
    assert seat_front(places) == [
        Seat.DRIVER, Seat.FRONT_PASSENGER, Seat.REAR_CENTRE, Seat.REAR_LEFT, Seat.REAR_RIGHT,
    ]  # fmt: skip


def test_rear_sides_are_the_vehicles_own() -> None:
    """The vehicle's left is on the picture's right, whichever side the wheel is on."""
    places = [Placed(-0.36, 0.0), Placed(0.36, 0.0), Placed(0.30, -0.06, 0.92)]
    assert seat_front(places, steering="right") == [Seat.DRIVER, Seat.FRONT_PASSENGER, Seat.REAR_LEFT]


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-0.8, 0.8), st.floats(-0.2, 0.3), st.floats(0.7, 1.1)), max_size=7))
def test_no_seat_twice(faces: list[tuple[float, float, float]]) -> None:
    """Wherever faces are, each has a seat, and no seat but the third row is taken twice."""
    seats = seat_front([Placed(*face) for face in faces])
    assert len(seats) == len(faces)
    named = [seat for seat in seats if seat is not Seat.ROW3]
    assert len(set(named)) == len(named)


def test_side_view_rows() -> None:
    """From the side, rows follow from the distance to the vehicle's front; the side seen names them."""
    assert seat_side([0.05, 0.9], near="driver_left") == [Seat.DRIVER, Seat.REAR_LEFT]
    assert seat_side([0.8], near="driver_left") == [Seat.REAR_LEFT]
    assert seat_side([0.9, -0.1], near="passenger_right") == [Seat.REAR_RIGHT, Seat.FRONT_PASSENGER]


def facts(**changes: object) -> FaceFacts:
    """A driver's face, with changes."""
    values = {"right": 0.36, "below": 0.0, "size": 1.0, "score": 0.9, "eyes_px": 40.0, "strength": 11.0}
    return FaceFacts(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"size": 0.5}, NotPerson.TOO_SMALL),
        ({"size": 1.7}, NotPerson.TOO_LARGE),
        ({"below": 0.6}, NotPerson.OUTSIDE),
        ({"right": -1.1}, NotPerson.OUTSIDE),
        ({"strength": 5.9}, NotPerson.NO_IDENTITY),
        ({"strength": 5.9, "eyes_px": 12.0}, None),
        ({"size": 0.76}, None),
        ({"strength": None}, None),
    ],
)
def test_nobodies(changes: dict[str, object], why: NotPerson | None) -> None:
    """Prints, dogs and lamps are nobody; children, the blurred and the far stay people."""
    assert judge_faces([facts(), facts(**{"right": -0.36, **changes})])[1] is why


def test_shirt_print_at_life_size() -> None:
    """A face under another face in the same seat is on a shirt, even at life size; the one above stays."""
    verdicts = judge_faces([facts(), facts(below=0.25, size=0.95)])
    assert verdicts == [None, NotPerson.ON_A_BODY]


def test_reference_size() -> None:
    """The people's size is the largest well-supported one, within what the body's width tells."""
    assert reference_size([20, 19, 9.5], [40, 40, 38], None) == pytest.approx(19.5)
    assert reference_size([20, 33], [40, 38], 20.5) == pytest.approx(20)
    assert reference_size([9.0], [40], 20.0) == pytest.approx(20.0)
    assert reference_size([], [], None) is None


@settings(deadline=None)
@given(st.floats(5, 45), st.floats(2000, 20000))
def test_speed_toward(mph: float, focal: float) -> None:
    """Growth, focal length and the distance between the eyes give the speed of an approaching vehicle."""
    seconds = [step / 30 for step in range(30)]
    ranges = [40.0 - mph / 2.236936 * moment for moment in seconds]
    path = [(moment, math.log(40.0 / away)) for moment, away in zip(seconds, ranges, strict=True)]
    eyes = focal * 0.063 / 40.0
    assert speed_toward(path, eyes=eyes, focal_px=focal) == pytest.approx(mph, abs=0.11)
    assert speed_toward(path, eyes=eyes, focal_px=None) is None


def test_speed_across() -> None:
    """A shift of the picture gives the speed of a vehicle that passes across; too few frames give none."""
    seconds = [step / 60 for step in range(20)]
    metres = [8.9408 * moment for moment in seconds]
    shifts = [-one * 40 / 0.063 for one in metres]
    assert speed_across(seconds, shifts, eyes=40.0) == pytest.approx(20.0, abs=0.1)
    assert speed_across(seconds[:3], shifts[:3], eyes=40.0) is None
