"""What counts as a vehicle once it has gone."""

from dataclasses import replace

import numpy as np
import pytest
from toy_lane import make_frame, make_road

from wayseal.vision.motion import Similarity
from wayseal.vision.vehicle import Moment, VehicleTrack


def follow_points(high: float, *, frames: int = 20, follows: bool = True) -> VehicleTrack:
    """Points over 400 x `high` pixels that grow by 3 % a frame about the top of the picture's middle."""
    frame, rng = make_frame(0, make_road()), np.random.default_rng(3)
    points = (rng.uniform(-0.5, 0.5, (60, 2)) * (400.0, high) + (320.0, 180.0)).astype(np.float32)
    track = VehicleTrack(1, Moment.of(frame), Moment.of(frame), follows=follows)
    growth = Similarity(1.03, -0.03 * 320.0, 0.0)
    for index in range(frames):
        points = growth.move(points)
        track.follow(growth, points, replace(frame, index=index + 1, seconds=(index + 1) / 30))
    return track


@pytest.mark.parametrize(("high", "passed"), [(300.0, True), (100.0, True), (12.0, False), (0.0, False)])
def test_a_line_is_no_vehicle(high: float, *, passed: bool) -> None:
    """Points that move together and are twelve pixels high over four hundred are an edge of the vehicle before them; alone they may be lamps."""
    track = follow_points(high)
    assert track.believed
    assert track.passed is passed
    assert follow_points(high, follows=False).passed


def test_what_is_not_believed_has_not_passed() -> None:
    """A few frames make no vehicle, however high; nor does a track without any point."""
    assert not follow_points(300.0, frames=3).passed
    frame = make_frame(0, make_road())
    assert not VehicleTrack(1, Moment.of(frame), Moment.of(frame), Similarity(2.0), agreed=9).passed
