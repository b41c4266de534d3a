"""Faces that nobody wears, as a camera meets them: on a telephone, in a mirror, on a wall beyond the lane.

Owns how these look and where they are. Prints on shirts, seats and glass are `people`'s; life-size attacks are `attacks`'.
"""

from dataclasses import replace

import numpy as np

from wayseal.model.border import Seat
from wayseal.testing.lane.canvas import Array, Canvas
from wayseal.testing.lane.faces import cut_head
from wayseal.testing.lane.measures import hang_card
from wayseal.testing.lane.optics import Matrix, Pinhole, View, Window, bound_card, warp_card
from wayseal.testing.lane.people import Figure, paste_head, span_eyes
from wayseal.testing.lane.scene import (
    Camera,
    Distractor,
    FacePicture,
    Motion,
    SceneVehicle,
    Thing,
)

PHONE_SIZE, MIRROR_SIZE, WALL_SIZE = 0.42, 0.80, 1.6
"""Shares of life size at which a telephone shows a face, a mirror gives it back, a wall poster prints it."""
_GLASS_GIVES_BACK = 0.45
_SCREEN = 0.036, 0.074
_WALL_TOWARD: tuple[float, float, float] = (1.75, 1.25, 19.0)
_WALL_BEHIND_M, _WALL_UP_M = 1.9, 1.30


def draw_phone_face(place: Matrix, seat: Seat, distractor: Distractor) -> Figure:
    """Return a telephone held up beside the cheek, its screen towards the camera with a face on it."""
    assert distractor.face is not None  # noqa: S101
    sheet = Canvas(-0.12, -0.24, 0.12, 0.12, px_per_m=1000)
    sheet.fill([(-0.05, -0.22), (-0.055, -0.07), (0.055, -0.07), (0.06, -0.22)], (120, 150, 190), soft_m=0.01)
    wide, high = _SCREEN
    sheet.fill(_rectangle(wide + 0.004, high + 0.006), (18, 18, 20))
    layer = Canvas(-0.12, -0.24, 0.12, 0.12, px_per_m=1000)
    layer.fill(_rectangle(wide, high), (205, 205, 205))
    size = distractor.size or PHONE_SIZE
    paste_head(layer, cut_head(distractor.face), (0.0, 0.012), size)
    sheet.lay(layer.pixels * sheet.mask(_rectangle(wide, high))[..., None])
    outward = 0.125 if place[0] > 0 else -0.125
    return _figure(distractor, seat, sheet, place + np.array([outward, -0.06, -0.10]), size, up=0.012)


def draw_mirror_image(place: Matrix, seat: Seat, distractor: Distractor) -> Figure:
    """Return somebody's face as a side window gives it back: the other way round, thin, farther away than the person."""
    assert distractor.face is not None  # noqa: S101
    face = turn_over(distractor.face)
    sheet = Canvas(-0.16, -0.2, 0.16, 0.2, px_per_m=800)
    size = distractor.size or MIRROR_SIZE
    paste_head(sheet, cut_head(face), (0.0, 0.0), size)
    sheet.pixels *= _GLASS_GIVES_BACK
    outward = 0.27 if place[0] > 0 else -0.27
    return _figure(distractor, seat, sheet, place + np.array([outward, 0.01, 0.02]), size)


def turn_over(face: FacePicture) -> FacePicture:
    """Return a photograph as a mirror shows it."""
    width = face.pixels.shape[1]
    (lx, ly), (rx, ry) = face.eyes
    return replace(
        face, pixels=np.ascontiguousarray(face.pixels[:, ::-1]), eyes=((width - rx, ry), (width - lx, ly))
    )


def locate_wall(camera: Camera, motion: Motion, size: float) -> Matrix:
    """Return the eyes of a face on a wall, in the world's axes, (2, 3): beside the way, or beyond it when vehicles cross."""
    if motion is Motion.TOWARD:
        middle = np.array(_WALL_TOWARD)
    else:
        middle = np.array([-0.3, _WALL_UP_M, camera.z_capture_m + _WALL_BEHIND_M])
    return span_eyes(middle, size)


def wall_prints(vehicle: SceneVehicle) -> list[Distractor]:
    """Return the faces on walls that a vehicle passes."""
    return [thing for thing in vehicle.distractors if thing.thing is Thing.WALL_POSTER]


def hang_posters(
    picture: Array, camera: Camera, pinhole: Pinhole, motion: Motion, vehicles: tuple[SceneVehicle, ...]
) -> None:
    """Hang the posters of a scene on the empty lane's picture, in place."""
    whole: Window = (0, 0, camera.width, camera.height)
    view = View(pinhole, np.zeros(3))
    for thing in (one for vehicle in vehicles for one in wall_prints(vehicle)):
        if thing.face is None:
            continue
        size = thing.size or WALL_SIZE
        sheet = Canvas(-0.16 * size, -0.22 * size, 0.16 * size, 0.18 * size, px_per_m=700 / size)
        sheet.fill([(-1, -1), (1, -1), (1, 1), (-1, 1)], (206, 214, 222))
        paste_head(sheet, cut_head(thing.face), (0.0, 0.0), size)
        card = hang_card(sheet, locate_wall(camera, motion, size).mean(axis=0))
        window = bound_card(card, view, whole)
        if window is not None:
            layer = warp_card(card, view, window)
            part = picture[window[1] : window[3], window[0] : window[2]]
            part *= 1 - layer[..., 3:]
            part += layer[..., :3]


def _figure(
    distractor: Distractor, seat: Seat, sheet: Canvas, place: Matrix, size: float, *, up: float = 0.0
) -> Figure:
    """Return a drawn thing hung at a place, with its printed eyes."""
    eyes = span_eyes(place + np.array([0.0, up, 0.0]), size)
    return Figure(seat, hang_card(sheet, place), eyes, None, distractor)


def _rectangle(wide: float, high: float) -> list[tuple[float, float]]:
    return [(-wide, -high), (wide, -high), (wide, high), (-wide, high)]
