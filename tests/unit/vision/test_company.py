"""Vehicles after each other: told apart by their way together, counted through a halt, never alive in the next one's points."""

import numpy as np
import pytest
from toy_lane import START, WIDTH, film, make_car

from wayseal.model.border import Pixels
from wayseal.vision.company import CompanyRecord
from wayseal.vision.motion import Similarity
from wayseal.vision.points import PointSet
from wayseal.vision.vehicle import Moment, VehicleTrack
from wayseal.vision.vehicle_tracker import VehicleTracker

FIRST = Moment(0, START, 0.0)
LENS = 2600.0
"""Pixels that the toy car is wide at one metre."""


def track(number: int, growth: float, *, points: int = 30, across: bool = False) -> VehicleTrack:
    """A track with points that grows so much a frame, or shifts."""
    moved = Similarity(1.0, 12.0) if across else Similarity(float(np.exp(growth)))
    made = VehicleTrack(number, FIRST, FIRST, movement=moved, points=points)
    made._growths = [growth] * 8
    return made


def meet(old: VehicleTrack, young: VehicleTrack, looks: int = 10) -> CompanyRecord:
    """Return the record of two tracks that were both followed for some looks of one frame."""
    record = CompanyRecord()
    for _ in range(looks):
        record.note([young, old], 1)
    return record


@pytest.mark.parametrize(
    ("young", "looks", "apart"),
    [
        (track(2, 0.009), 10, True),
        (track(2, 0.015), 10, False),
        (track(2, 0.009), 2, False),
        (track(2, 0.009, points=6), 10, False),
        (track(2, 0.0, across=True), 10, False),
    ],
    ids=["follower", "roof", "too-soon", "few-points", "across"],
)
def test_follower_is_told_by_the_way_together(young: VehicleTrack, looks: int, *, apart: bool) -> None:
    """Half of the growth over a tenth of growth is another vehicle; a roof, a glance, a few points and a passer-by are not."""
    old = track(1, 0.02)
    assert meet(old, young, looks).are_apart(old, young) is apart


def test_verdict_lasts_while_both_are_there() -> None:
    """Who was told apart stays so when both stand, and is forgotten with either of them."""
    old, young = track(1, 0.02), track(2, 0.009)
    record = meet(old, young)
    record.note([track(1, 0.0), track(2, 0.0)], 1)
    assert record.are_apart(old, young)
    record.note([young], 1)
    record.note([old, young], 1)
    assert not record.are_apart(old, young)


def test_ghost_falls_to_its_followers_growth() -> None:
    """A vehicle that comes to move as the one behind it, on that one's points, has gone; one look is not enough."""
    old, young = track(1, 0.02), track(2, 0.009)
    record = meet(old, young)
    fallen = track(1, 0.0095)
    seen = [record.note_ghost(fallen, young, inside=True, above=False) for _ in range(3)]
    assert seen == [False, False, True]


def test_leader_that_brakes_alone_is_no_ghost() -> None:
    """A leader slows down to less than its follower's growth, below it in the picture, and both stay apart."""
    old, young = track(1, 0.02), track(2, 0.009)
    record = meet(old, young)
    slow = track(1, 0.005)
    assert not any(record.note_ghost(slow, young, inside=False, above=False) for _ in range(9))
    assert record.are_apart(old, young)


def test_part_that_was_taken_for_a_follower() -> None:
    """When the younger one comes up to the older one's growth on its points, both are one vehicle again."""
    old, young = track(1, 0.02), track(2, 0.009)
    record = meet(old, young)
    assert not any(record.note_ghost(old, track(2, 0.019), inside=True, above=False) for _ in range(3))
    assert not record.are_apart(old, young)


def test_points_go_over_after_three_looks() -> None:
    """A point changes hands when a rival told its way better three times in a row, not before and not with a break."""
    points = PointSet()
    points.add(np.zeros((2, 2), np.float32))
    own = np.array([0, 1])
    looks = [[True, True], [True, False], [True, True]]
    gone = [points.note_rival(own, np.array(look)).tolist() for look in looks]
    assert gone == [[False, False], [False, False], [True, False]]


def place(car: Pixels, metres: float) -> tuple[Pixels, float, float, float] | None:
    """Return where a car at a distance is in the picture; None when it has passed."""
    if metres < 0.9:
        return None
    width = LENS / metres
    return car, width, WIDTH / 2, 0.45 * width - 90.0


def drive(starts: list[float], speeds: list[np.ndarray]) -> list[VehicleTrack]:
    """Return the vehicles that a tracker finds of cars that start at distances and do metres a frame."""
    cars = [make_car(seed=seed) for seed in (2, 5, 9)]
    ways = [start - np.cumsum(speed) for start, speed in zip(starts, speeds, strict=True)]
    places = [
        [place(car, float(way[index])) for car, way in reversed(list(zip(cars, ways, strict=False)))]
        for index in range(len(speeds[0]))
    ]
    tracker = VehicleTracker()
    gone = [one for frame in film(places) for one in tracker.feed(frame)]
    return gone + tracker.finish()


def go(brakes: int, ramp: int, stands: int) -> np.ndarray:
    """Return metres a frame of a car that brakes after some frames, evenly, stands, and drives off as evenly."""
    slower = np.linspace(0.15, 0, ramp)
    speed = np.concatenate([np.full(brakes, 0.15), slower, np.zeros(stands), slower[::-1]])
    return np.concatenate([speed, np.full(330 - len(speed), 0.15)])


@pytest.mark.parametrize("stands_m", [2.5, 5.0])
def test_queue_that_halts_is_counted_right(stands_m: float) -> None:
    """Three cars brake, stand and drive off together, the first some metres before the camera: they are three."""
    speed = go(round((14.0 - stands_m) / 0.15 - 15), 30, 40)
    assert len(drive([14.0, 21.0, 28.0], [speed] * 3)) == 3


@pytest.mark.parametrize(("brakes", "ramp"), [(45, 30), (50, 30), (40, 40)])
def test_leader_waits_while_the_next_one_closes_up(brakes: int, ramp: int) -> None:
    """The first car stops alone, the second comes up behind it, and both drive on: they are two."""
    assert len(drive([14.0, 24.0], [go(brakes, ramp, 60), go(brakes + 25, ramp, 45)])) == 2
