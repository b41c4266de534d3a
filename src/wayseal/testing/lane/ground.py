"""The place: the lane's surface, its markings and kerbs, and the far end of the port, as one still picture.

Owns the background and a vehicle's shadow on it.
"""

import cv2
import numpy as np

from wayseal.testing.lane.canvas import Array, Canvas, Colour, to_linear
from wayseal.testing.lane.glass import cloud_field
from wayseal.testing.lane.measures import MEASURES
from wayseal.testing.lane.optics import Card, Pinhole, View, bound_card, place_card, warp_card
from wayseal.testing.lane.scene import Camera, Shape

FAR_M = 90.0
_TILE_M = 8.0


def _tone(colour: Colour) -> Array:
    """Return a screen colour as linear light."""
    return to_linear(np.array(colour, np.float32))


def spread_ground(camera: Camera, pinhole: Pinhole) -> tuple[Array, Array]:
    """Return each pixel's place on the ground as (x, z) in metres; z is infinite above the horizon."""
    columns, rows = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    rays = np.linalg.solve(
        pinhole.matrix[:, :3], np.stack([columns.ravel(), rows.ravel(), np.ones(columns.size)])
    )
    down = -rays[1]
    reach = np.where(down > 1e-6, camera.height_m / np.where(down > 1e-6, down, 1.0), np.inf)
    with np.errstate(invalid="ignore"):
        x, z = rays[0] * reach, rays[2] * reach
    shape = camera.height, camera.width
    return x.reshape(shape).astype(np.float32), z.reshape(shape).astype(np.float32)


def draw_place(
    camera: Camera, pinhole: Pinhole, rng: np.random.Generator, *, wet: float, across: bool
) -> Array:
    """Return the empty lane as linear BGR (height, width, 3), already out of focus where it is far from the capture plane."""
    x, z = spread_ground(camera, pinhole)
    seen = np.isfinite(z) & (z < FAR_M)
    z = np.where(seen, z, FAR_M)
    x = np.where(seen, x, 0)
    grain = cloud_field((1024, 1024), rng, coarse=64, octaves=4)
    speckle = cv2.GaussianBlur(rng.random((1024, 1024)).astype(np.float32), (0, 0), 0.8)
    scale = np.float32(1024 / _TILE_M)
    u, v = (x * scale) % 1024, (z * scale) % 1024
    texture = cv2.remap(grain, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    fine = cv2.remap(speckle, (u * 2) % 1024, (v * 2) % 1024, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    asphalt = (
        _tone((112, 113, 114)) * (0.80 + 0.30 * texture + 0.5 * (fine - 0.5))[..., None] * (1 - 0.45 * wet)
    )
    for middle in (-0.78, 0.78):
        asphalt *= (1 - 0.16 * np.exp(-(((x - middle) / 0.26) ** 2)))[..., None]
    if not across:
        _paint_lane(asphalt, x, z, texture)
    far = np.clip((z - 25) / 60, 0, 1)[..., None]
    picture = asphalt * (1 - 0.35 * far) + _tone((150, 148, 146)) * 0.35 * far
    picture[~seen] = _tone((158, 156, 154))
    if across:
        _paint_wall(picture, camera)
    else:
        _stand_posts(picture, camera, pinhole)
    return _defocus(picture.astype(np.float32), z, camera)


def _paint_lane(surface: Array, x: Array, z: Array, texture: Array) -> None:
    """Paint edge lines, kerbs, joints and a stop line on the asphalt, in place."""

    def lay(cover: Array, colour: Colour) -> None:
        share = np.clip(cover, 0, 1)[..., None] * (0.75 + 0.25 * texture[..., None])
        surface[...] = surface * (1 - share) + _tone(colour) * share

    sharp = np.clip(0.02 * z / 12, 0.004, 0.1)
    for middle, half, colour in ((-1.72, 0.06, (60, 190, 226)), (1.72, 0.06, (226, 228, 228))):
        lay((half - np.abs(x - middle)) / sharp + 0.5, colour)
    lay((np.abs(x) - 2.05) / sharp, (168, 172, 174))
    lay(np.clip(1 - np.abs(np.abs(x) - 2.05) / 0.05, 0, 1) * 0.8, (70, 70, 70))
    lay(np.clip(1 - np.abs((z % 6.0) - 3.0) / 0.03, 0, 1) * 0.5, (60, 60, 60))
    lay((0.22 - np.abs(z - 24.0)) / 0.03 + 0.5, (214, 216, 216))


def _stand_posts(picture: Array, camera: Camera, pinhole: Pinhole) -> None:
    """Stand yellow bollards on both kerbs and an inspection booth at the left, in place."""
    whole, view = (0, 0, camera.width, camera.height), View(pinhole, np.zeros(3))
    posts: list[tuple[float, Card]] = []
    for z in (20.0, 27.0, 34.0, 44.0, 58.0):
        for x in (-2.35, 2.35):
            sheet = Canvas(-0.09, 0, 0.09, 1.0, px_per_m=160)
            sheet.fill([(-0.08, 0), (0.08, 0), (0.08, 0.98), (-0.08, 0.98)], (40, 176, 220), soft_m=0.004)
            sheet.shade(
                1.0 - 0.5 * np.clip(np.abs(sheet.offsets()) / 0.08, 0, 1) ** 2 * np.ones_like(sheet.heights())
            )
            sheet.fill([(-0.08, 0.62), (0.08, 0.62), (0.08, 0.76), (-0.08, 0.76)], (24, 24, 24))
            posts.append((z, _plant(sheet, x, z)))
    booth = Canvas(-1.0, 0, 1.0, 2.7, px_per_m=120)
    booth.fill([(-0.95, 0), (0.95, 0), (0.95, 2.6), (-0.95, 2.6)], (148, 150, 150))
    booth.fill([(-0.85, 1.05), (0.85, 1.05), (0.85, 2.2), (-0.85, 2.2)], (70, 62, 54))
    booth.fill([(-0.95, 2.45), (0.95, 2.45), (0.95, 2.7), (-0.95, 2.7)], (110, 70, 36))
    posts.append((30.5, _plant(booth, -3.75, 30.5)))
    for _, card in sorted(posts, key=lambda post: -post[0]):
        window = bound_card(card, view, whole)
        if window is not None:
            x0, y0, x1, y1 = window
            layer = warp_card(card, view, window)
            part = picture[y0:y1, x0:x1]
            part[...] = layer[..., :3] + part * (1 - layer[..., 3:])


def _plant(sheet: Canvas, x: float, z: float) -> Card:
    """Return an upright card that stands on the ground at (x, z)."""
    height, width = (side / sheet.scale for side in sheet.pixels.shape[:2])
    top_left = np.array([x - width / 2, height, z])
    return place_card(
        sheet.pixels, top_left, top_left + np.array([width, 0, 0]), top_left + np.array([0, -height, 0])
    )


def _paint_wall(picture: Array, camera: Camera) -> None:
    """Paint the far side of a crossing lane: a concrete wall with a rail, in place."""
    rows = np.linspace(0, 1, camera.height, dtype=np.float32)[:, None, None]
    wall = _tone((150, 150, 148)) * (0.8 + 0.2 * rows)
    share = np.clip((0.62 - rows) * 60, 0, 1)
    picture[...] = picture * (1 - share) + wall * share


def _defocus(picture: Array, z: Array, camera: Camera) -> Array:
    """Return the picture blurred by the depth of each pixel: a blend of three Gaussian blurs."""
    blur = camera.defocus_px * np.abs(1 - camera.z_capture_m / z)
    steps = (0.0, 0.8, 1.6, 3.2)
    levels = [picture if step == 0 else cv2.GaussianBlur(picture, (0, 0), step) for step in steps]
    result = np.zeros_like(picture)
    for index, level in enumerate(levels):
        below = steps[index - 1] if index else -1.0
        above = steps[index + 1] if index + 1 < len(steps) else 1e9
        here = np.minimum((blur - below) / (steps[index] - below), (above - blur) / (above - steps[index]))
        result += level * np.clip(here, 0, 1)[..., None].astype(np.float32)
    return result


def draw_shadow(shape: Shape, *, across: bool) -> Card:
    """Return the soft shadow under a vehicle, lying on the ground."""
    frame = MEASURES[shape]
    half = frame.half_width
    width, length = (5.4, 2.6) if across else (2 * half + 0.9, 5.2)
    sheet = Canvas(-width / 2, 0, width / 2, length, px_per_m=80)
    inset = 0.42
    outline = [
        (-width / 2 + inset, inset),
        (width / 2 - inset, inset),
        (width / 2 - inset, length - inset),
        (-width / 2 + inset, length - inset),
    ]
    sheet.fill(outline, (6, 6, 7), soft_m=0.13, opacity=0.88)
    near = frame.nose_depth - 0.42 if not across else -0.55
    top_left = np.array([-width / 2, 0.0, near + length])
    across_v, below = np.array([width, 0, 0]), np.array([0, 0, -length])
    return place_card(sheet.pixels, top_left, top_left + across_v, top_left + below)
