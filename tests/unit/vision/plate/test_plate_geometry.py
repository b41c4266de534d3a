"""Corners, growth, joining and rectification, without any network."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayseal.vision.plate.geometry import (
    box_overlap,
    box_quad,
    clip_box,
    grow_quad,
    join_quads,
    order_corners,
    quad_box,
    quad_size,
    quad_tilt,
    rectify,
)


@given(
    angle=st.floats(-40, 40),
    width=st.floats(60, 300),
    height=st.floats(8, 50),
    turn=st.integers(0, 3),
)
def test_order_corners_tilted(angle: float, width: float, height: float, turn: int) -> None:
    """Whatever corner comes first, the top left of the line leads and the ring runs clockwise."""
    corners = cv2.boxPoints(((300.0, 200.0), (width, height), angle))
    quad = order_corners(np.roll(np.asarray(corners, np.float32), turn, axis=0))
    across, down = quad_size(quad)
    assert across == pytest.approx(width, rel=1e-3)
    assert down == pytest.approx(height, rel=1e-3)
    assert quad_tilt(quad) == pytest.approx(angle, abs=0.05)
    edges = np.roll(quad, -1, axis=0) - quad
    assert edges[0, 0] * edges[1, 1] - edges[0, 1] * edges[1, 0] > 0


def test_rectify_perspective() -> None:
    """A picture seen in perspective comes back upright: its four quarters keep their places."""
    tile = np.zeros((48, 192, 3), np.uint8)
    tile[:24, :96], tile[:24, 96:], tile[24:, :96], tile[24:, 96:] = 40, 110, 180, 250
    quad = np.array([(50, 60), (250, 90), (255, 150), (45, 110)], np.float32)
    source = np.array([(0, 0), (192, 0), (192, 48), (0, 48)], np.float32)
    seen = cv2.warpPerspective(tile, cv2.getPerspectiveTransform(source, quad), (320, 200))
    upright = rectify(np.asarray(seen, np.uint8), quad)
    height, width = upright.shape[:2]
    assert height == 48
    quarters = [upright[y, x, 0] for y in (12, 36) for x in (width // 4, 3 * width // 4)]
    assert [round(int(value) / 70) for value in quarters] == [1, 2, 3, 4]


def test_rectify_beyond_edge() -> None:
    """An outline that reaches out of the picture is filled with the picture's border, not with black."""
    bright = np.full((40, 60, 3), 200, np.uint8)
    crop = rectify(bright, grow_quad(box_quad((0, 0, 60, 40)), 0.5, 0.5))
    assert int(crop.min()) == 200


def test_grow_quad_upright() -> None:
    """Growth is counted in heights of the line: on both ends, and above and below."""
    grown = grow_quad(box_quad((100, 50, 80, 20)), 0.5, 0.25)
    assert quad_box(grown) == pytest.approx((90, 45, 100, 30))


def test_join_halves() -> None:
    """Two halves of one line become one outline in either order; lines above each other never do."""
    left, right = box_quad((100, 50, 60, 24)), box_quad((190, 52, 70, 25))
    for one, other in ((left, right), (right, left)):
        joined = join_quads(one, other)
        assert joined is not None
        assert quad_box(joined) == pytest.approx((100, 50, 160, 27), abs=1.5)
    assert join_quads(left, box_quad((100, 90, 60, 24))) is None
    assert join_quads(left, box_quad((300, 50, 60, 24))) is None


def test_overlap_and_clip() -> None:
    """Overlap is 1 with itself, 0 apart; a box outside the picture clips to nothing."""
    box = (10.0, 10.0, 40.0, 20.0)
    assert box_overlap(box, box) == pytest.approx(1.0)
    assert box_overlap(box, (200.0, 10.0, 40.0, 20.0)) == 0.0
    x0, _, x1, _ = clip_box((900, 10, 40, 20), 640, 360)
    assert x1 <= x0
