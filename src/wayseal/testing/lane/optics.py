"""The pinhole camera: where a point of the lane falls on the sensor, and how textures on planes get there.

Axes of the world: x to the picture's right, `up` above the ground, z away from the camera along the lane; the camera
stands at x = 0, z = 0. A vehicle's own axes are the same with their origin on the ground under the middle of its
windshield (or of its near side, when it crosses), so that a moving vehicle is a translation and nothing else.

Owns geometry only; light and colour are elsewhere.
"""

from dataclasses import dataclass, field
from math import atan2, ceil
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wayseal.testing.lane.scene import Camera, Motion, SceneVehicle

Array = NDArray[Any]
"""Light or masks, float32."""
Matrix = NDArray[Any]
"""Points and homographies, float64."""
Window = tuple[int, int, int, int]
"""x0, y0, x1, y1 of a part of the picture; the last column and row are outside."""


@dataclass(frozen=True, slots=True, eq=False)
class Pinhole:
    """A camera's projection as a 3 by 4 matrix over (x, up, z, 1)."""

    matrix: Matrix

    def project(self, points: Matrix) -> Matrix:
        """Return (n, 2) picture coordinates of (n, 3) world points. Points behind the camera come out as nan."""
        homogeneous = np.concatenate([points, np.ones((len(points), 1))], axis=1) @ self.matrix.T
        depth = homogeneous[:, 2:]
        flat: Matrix = np.where(depth > 0.05, homogeneous[:, :2] / np.where(depth > 0.05, depth, 1.0), np.nan)
        return flat


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A camera's projection of a body that stands at `place`: points are in the body's own axes."""

    pinhole: Pinhole
    place: Matrix

    def project(self, points: Matrix) -> Matrix:
        """Return (n, 2) picture coordinates of (n, 3) points of the body."""
        return self.pinhole.project(points + self.place)

    @property
    def px_per_m(self) -> float:
        """Pixels per metre at the body's range."""
        return float(self.pinhole.matrix[0, 0] / max(self.place[2], 1.0))


def aim_camera(camera: Camera) -> Pinhole:
    """Return the projection of a camera that looks down at its aim point on the capture plane."""
    tilt = atan2(camera.height_m - camera.aim_height_m, camera.z_capture_m)
    cos, sin = np.cos(tilt), np.sin(tilt)
    turn = np.array([
        [1.0, 0.0, 0.0, 0.0],
        [0.0, -cos, -sin, camera.height_m * cos],
        [0.0, -sin, cos, camera.height_m * sin],
    ])  # fmt: skip
    inner = np.array([
        [camera.focal_px, 0.0, camera.width / 2],
        [0.0, camera.focal_px, camera.height / 2],
        [0.0, 0.0, 1.0],
    ])  # fmt: skip
    return Pinhole(inner @ turn)


def locate_vehicle(vehicle: SceneVehicle, camera: Camera, motion: Motion, seconds: float) -> Matrix:
    """Return the world position (x, up, z) of the vehicle's origin at a time in seconds."""
    travelled = vehicle.speed_m_s * (seconds - vehicle.t_capture_s)
    if motion is Motion.TOWARD:
        return np.array([vehicle.lateral_m, 0.0, camera.z_capture_m - travelled])
    return np.array([-travelled, 0.0, camera.z_capture_m + vehicle.lateral_m])


@dataclass(frozen=True, slots=True, eq=False)
class Card:
    """A texture on a flat rectangle in space: premultiplied linear RGBA (or any channels), and its mip levels.

    The texture's pixel (column, row) lies at `origin + column * right + row * down`, in the axes of the vehicle (or of
    the world, for what stands still).
    """

    levels: tuple[Array, ...] = field(repr=False)
    origin: Matrix
    right: Matrix
    down: Matrix

    @property
    def corners(self) -> Matrix:
        """The rectangle's four corners, clockwise from the top left, as (4, 3)."""
        height, width = self.levels[0].shape[:2]
        spans = ((0, 0), (width, 0), (width, height), (0, height))
        return np.array([self.origin + i * self.right + j * self.down for i, j in spans])


def place_card(texture: Array, top_left: Matrix, top_right: Matrix, bottom_left: Matrix) -> Card:
    """Return a card whose texture fills the parallelogram that three corners span."""
    height, width = texture.shape[:2]
    levels: list[Array] = [np.ascontiguousarray(texture, np.float32)]
    while min(levels[-1].shape[:2]) > 16:
        rows, columns = levels[-1].shape[:2]
        half = cv2.resize(levels[-1], (ceil(columns / 2), ceil(rows / 2)), interpolation=cv2.INTER_AREA)
        levels.append(half)
    right, down = (top_right - top_left) / width, (bottom_left - top_left) / height
    return Card(tuple(levels), np.asarray(top_left, np.float64), right, down)


def map_card(card: Card, view: View) -> Matrix:
    """Return the homography from the texture's pixels to the picture's."""
    plane = np.zeros((4, 3))
    plane[:3, 0], plane[:3, 1], plane[:3, 2] = card.right, card.down, card.origin + view.place
    plane[3, 2] = 1.0
    homography: Matrix = view.pinhole.matrix @ plane
    return homography


def bound_card(card: Card, view: View, limit: Window) -> Window | None:
    """Return the window of the picture that a card covers, within `limit`; None when it is outside or too near."""
    corners = view.project(card.corners)
    if np.isnan(corners).any():
        return None
    low, high = np.floor(corners.min(axis=0)) - 1, np.ceil(corners.max(axis=0)) + 2
    x0, y0 = max(limit[0], int(low[0])), max(limit[1], int(low[1]))
    x1, y1 = min(limit[2], int(high[0])), min(limit[3], int(high[1]))
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def warp_card(card: Card, view: View, window: Window) -> Array:
    """Return the card as the camera sees it within `window`: (rows, columns, channels), zero outside the card."""
    x0, y0, x1, y1 = window
    forward = map_card(card, view)
    corners = view.project(card.corners)
    width = float(np.linalg.norm(corners[1] - corners[0]) + np.linalg.norm(corners[2] - corners[3])) / 2
    shrink = card.levels[0].shape[1] / max(width, 1.0)
    level = int(np.clip(np.floor(np.log2(max(shrink, 1.0)) + 0.35), 0, len(card.levels) - 1))
    texture = card.levels[level]
    ratio_x, ratio_y = (card.levels[0].shape[axis] / texture.shape[axis] for axis in (1, 0))
    # Pixel centres: texture sample k of a level covers [k, k + 1) * ratio, so its centre is (k + 0.5) * ratio.
    centre = np.array([[ratio_x, 0, 0.5 * ratio_x], [0, ratio_y, 0.5 * ratio_y], [0, 0, 1.0]])
    shift = np.array([[1.0, 0, -x0 - 0.5], [0, 1.0, -y0 - 0.5], [0, 0, 1.0]])
    warped: Array = cv2.warpPerspective(
        texture,
        shift @ forward @ centre,
        (x1 - x0, y1 - y0),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
    )
    return warped


def count_exposures(path_px: float, most: int) -> int:
    """Return how many sub-exposures show a movement of `path_px` pixels without visible steps: at least 1."""
    return int(np.clip(ceil(1.5 * path_px), 1, most))


def inter_eye_px(focal_px: float, range_m: float, inter_eye_m: float = 0.063) -> float:
    """Return the pixels between two eyes that face the camera at a range: focal length * distance / range."""
    return focal_px * inter_eye_m / range_m


def blur_px(speed_m_s: float, exposure_s: float, px_per_m: float) -> float:
    """Return the length in pixels of the smear of something that crosses the picture."""
    return speed_m_s * exposure_s * px_per_m
