"""Projection, scale and blur are those of a pinhole camera and an open shutter."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lanesamples import QUIET, SMALL

from wayseal.testing.lane import Camera, LaneScene, Motion
from wayseal.testing.lane.optics import (
    View,
    aim_camera,
    blur_px,
    count_exposures,
    inter_eye_px,
    locate_vehicle,
    place_card,
    warp_card,
)
from wayseal.testing.lane.render import photograph, set_stage
from wayseal.testing.lane.scene import METRES_PER_MILE_HOUR, SceneVehicle
from wayseal.testing.lane.vehicle import draw_vehicle, expose_vehicle


@given(st.floats(500, 30000), st.floats(4, 60))
def test_eyes_are_focal_times_distance_over_range_apart(focal: float, range_m: float) -> None:
    """A level camera at eye height sees 63 mm as focal * 0.063 / range pixels."""
    camera = Camera(focal_px=focal, height_m=1.2, aim_height_m=1.2)
    eyes = np.array([[-0.0315, 1.2, range_m], [0.0315, 1.2, range_m]])
    seen = aim_camera(camera).project(eyes)
    assert np.linalg.norm(seen[1] - seen[0]) == pytest.approx(inter_eye_px(focal, range_m), rel=1e-9)


def test_camera_aims_at_its_aim_point() -> None:
    """The aim height at the capture plane falls on the middle of the picture, however high the mast."""
    for height in (0.5, 1.12, 2.15, 6.0):
        camera = replace(SMALL, height_m=height)
        point = np.array([[0.0, camera.aim_height_m, camera.z_capture_m]])
        np.testing.assert_allclose(aim_camera(camera).project(point)[0], (320, 180), atol=1e-9)


def test_points_behind_the_camera_have_no_picture() -> None:
    """A point behind the camera projects to nothing rather than to a mirrored place."""
    assert np.isnan(aim_camera(SMALL).project(np.array([[0.0, 1.0, -5.0]]))).all()


@given(st.floats(1, 90), st.floats(0.0001, 0.02), st.floats(100, 2000))
def test_blur_is_speed_times_exposure_times_scale(mph: float, exposure: float, scale: float) -> None:
    """The smear of something that crosses is its way during the exposure, in pixels."""
    speed = mph * METRES_PER_MILE_HOUR
    assert blur_px(speed, exposure, scale) == pytest.approx(speed * exposure * scale)


def test_vehicle_is_at_the_capture_plane_on_time() -> None:
    """Range shrinks by the speed, and equals the capture plane's at the capture time."""
    vehicle = SceneVehicle(2.0, 20.0)
    assert locate_vehicle(vehicle, SMALL, Motion.TOWARD, 2.0)[2] == pytest.approx(12.0)
    assert locate_vehicle(vehicle, SMALL, Motion.TOWARD, 1.0)[2] == pytest.approx(12.0 + 20 * 0.44704)
    assert locate_vehicle(vehicle, SMALL, Motion.ACROSS, 3.0)[0] == pytest.approx(-20 * 0.44704)


def test_card_lands_where_its_corners_project() -> None:
    """A white card's pixels fill exactly the quadrilateral that its corners span in the picture."""
    view = View(aim_camera(QUIET), np.array([0.0, 0.0, 12.0]))
    card = place_card(
        np.ones((64, 128, 4), np.float32),
        np.array([-0.4, 1.5, 0.0]), np.array([0.4, 1.5, 0.0]), np.array([-0.4, 1.1, 0.0]),
    )  # fmt: skip
    cover = warp_card(card, view, (0, 0, 640, 360))[..., 3] > 0.5
    rows, columns = np.nonzero(cover)
    corners = view.project(card.corners)
    assert columns.min() == pytest.approx(corners[:, 0].min(), abs=1.0)
    assert columns.max() + 1 == pytest.approx(corners[:, 0].max(), abs=1.0)
    assert rows.min() == pytest.approx(corners[:, 1].min(), abs=1.0)
    assert rows.max() + 1 == pytest.approx(corners[:, 1].max(), abs=1.0)


def test_open_shutter_is_a_mean_in_linear_light(one_vehicle: LaneScene) -> None:
    """A picture of two sub-exposures is the mean of the light of both, not of their screen values."""
    stage = set_stage(one_vehicle)
    model, window = stage.models[0], (0, 0, 640, 360)
    views = [stage.view(model, seconds) for seconds in (1.0, 1.1)]
    first, second = (draw_vehicle(model, view, window, stage.levels).pixels for view in views)
    both = expose_vehicle(model, views, window, stage.levels).pixels
    np.testing.assert_allclose(both, (first + second) / 2, atol=1e-6)


@given(st.floats(0, 500))
def test_sub_exposures_follow_the_path(path: float) -> None:
    """There is at least one sub-exposure, at most the limit, and none is more than a pixel from the next below it."""
    count = count_exposures(path, 16)
    assert 1 <= count <= 16
    assert count == 16 or path / count <= 1.0


def test_longer_shutter_smears_the_picture(one_vehicle: LaneScene) -> None:
    """A vehicle that crosses loses its upright edges when the shutter stays open, and the truth says by how much."""
    vehicle = replace(one_vehicle.vehicles[0], plate=None, t_capture_s=0.0)
    sharp, smeared = (
        replace(
            one_vehicle, vehicles=(vehicle,), motion=Motion.ACROSS, camera=replace(QUIET, exposure_s=exposure)
        )
        for exposure in (0.0005, 0.016)
    )
    edges, paths = [], []
    for scene in (sharp, smeared):
        pixels, truth = photograph(set_stage(scene), 0)
        edges.append(float(np.abs(np.diff(pixels.astype(np.float32), axis=1)).max()))
        paths.append(truth["vehicles"][0]["occupants"][0]["blur_px"])
    assert edges[1] < 0.6 * edges[0]
    depth = 12.0 + 0.34
    assert paths[1] == pytest.approx(20 * 0.44704 * 0.016 * QUIET.focal_px / depth, rel=0.02)
    assert paths[1] / paths[0] == pytest.approx(32, rel=0.1)
