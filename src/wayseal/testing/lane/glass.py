"""What is on the glass: reflections that scroll as the vehicle moves, the sun's glint, drops, wipers.

Owns everything between the cabin and the air. Transmission and reflection are linear light.
"""

import cv2
import numpy as np

from wayseal.testing.lane.canvas import Array
from wayseal.testing.lane.measures import MEASURES, slope_card, slope_sheet
from wayseal.testing.lane.optics import Card, Matrix, place_card
from wayseal.testing.lane.scene import Shape

SKY_PX_PER_M = 120.0
SKY_LENGTH_M = 14.0


def cloud_field(
    shape: tuple[int, int], rng: np.random.Generator, *, coarse: int = 6, octaves: int = 4
) -> Array:
    """Return smooth noise with mean 0.5 and range 0 to 1: octaves of bicubic value noise."""
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        cells = coarse * 2**octave
        grid = rng.random(
            (
                max(2, round(cells * shape[0] / max(shape))) + 1,
                max(2, round(cells * shape[1] / max(shape))) + 1,
            )
        )
        total += cv2.resize(grid.astype(np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC) / 2**octave
    low, high = float(total.min()), float(total.max())
    scaled: Array = (total - low) / (high - low)
    return scaled


def make_sky(width_m: float, height_m: float, rng: np.random.Generator) -> Array:
    """Return what the glass reflects along the lane: clouds, and the dark outlines of a canopy and of lamp posts.

    It scrolls along its longer side.
    """
    rows, columns = round(height_m * SKY_PX_PER_M), round(width_m * SKY_PX_PER_M)
    light = 0.35 + 1.3 * cloud_field((rows, columns), rng, coarse=18) ** 1.5
    for _ in range(5):
        middle, thick = int(rng.integers(0, max(rows, columns))), int(rng.integers(10, 45))
        band = slice(max(0, middle - thick), middle + thick)
        light[(band, slice(None)) if rows > columns else (slice(None), band)] *= 0.45
    tint = np.array([1.06, 1.0, 0.95], np.float32)
    soft: Array = cv2.GaussianBlur(light.astype(np.float32), (0, 0), 5)[..., None] * tint
    return soft


def slice_sky(sky: Array, size: tuple[int, int], travelled_m: float) -> Array:
    """Return the (rows, columns) part of the sky that glass shows after `travelled_m`; a reflection moves at a fifth."""
    axis = int(sky.shape[1] > sky.shape[0])
    rows, columns = min(size[0], sky.shape[0]), min(size[1], sky.shape[1])
    room = sky.shape[axis] - (rows, columns)[axis] - 1
    place = (travelled_m * 0.2 * SKY_PX_PER_M) % room
    whole, rest = int(place), np.float32(place - int(place))
    if axis == 0:
        first, second = sky[whole : whole + rows, :columns], sky[whole + 1 : whole + 1 + rows, :columns]
    else:
        first, second = sky[:rows, whole : whole + columns], sky[:rows, whole + 1 : whole + 1 + columns]
    mixed: Array = first * (1 - rest) + second * rest
    return mixed


def reflect_card(sky: Array, pane: Card, travelled_m: float) -> Card:
    """Return what a pane reflects as a card of BGR light with mean near 1, on the pane's own rectangle."""
    rows, columns = pane.levels[0].shape[:2]
    height, width = rows * np.linalg.norm(pane.down), columns * np.linalg.norm(pane.right)
    part = slice_sky(sky, (round(height * SKY_PX_PER_M), round(width * SKY_PX_PER_M)), travelled_m)
    corners = pane.corners
    return place_card(part, corners[0], corners[1], corners[3])


def draw_wipers(shape: Shape, sweep: float) -> Card:
    """Return both wiper arms at a sweep of 0 (parked at the foot of the glass) to 1 (upright)."""
    frame, sheet = MEASURES[shape], slope_sheet(shape, 420)
    angle = np.radians(7 + 98 * sweep)
    for pivot in (-frame.half_cowl * 0.52, frame.half_cowl * 0.10):
        length = 0.58 if pivot < 0 else 0.52
        tip = (pivot + length * np.cos(angle), -0.005 + length * np.sin(angle))
        knee = (pivot + 0.5 * (tip[0] - pivot), 0.5 * tip[1] + 0.02)
        sheet.stroke([(pivot, -0.01), knee, tip], (14, 14, 15), 0.012)
        blade = [(pivot + share * (tip[0] - pivot), share * tip[1] - 0.008) for share in (0.18, 1.02)]
        sheet.stroke(blade, (8, 8, 8), 0.008)
    return slope_card(sheet, shape)


def draw_drops(shape: Shape, amount: float, rng: np.random.Generator) -> Card:
    """Return rain drops on the glass: each a small lens, dark above and bright below."""
    sheet = slope_sheet(shape, 500)
    frame, slope = MEASURES[shape], MEASURES[shape].slope
    for _ in range(round(420 * amount)):
        x, y = rng.uniform(-frame.half_cowl, frame.half_cowl), rng.uniform(0, slope)
        size = float(np.clip(rng.lognormal(-5.5, 0.42), 0.0018, 0.010))
        turn = np.linspace(0, 2 * np.pi, 14)
        disc = [(x + size * float(np.cos(a)), y + size * 1.15 * float(np.sin(a))) for a in turn]
        sheet.fill_small(disc, (96, 98, 100), 0.42)
        gleam = [(px * 0.5 + x * 0.5, py * 0.4 + (y - 0.45 * size) * 0.6) for px, py in disc]
        sheet.fill_small(gleam, (236, 238, 240), 0.6)
    return slope_card(sheet, shape)


def add_glint(light: Array, centre: Matrix, radius_px: float, strength: float) -> None:
    """Add the sun's reflection to a window of light, in place: a core, a halo and four faint rays."""
    rows, columns = light.shape[:2]
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    dx, dy = (x - np.float32(centre[0])) / radius_px, (y - np.float32(centre[1])) / radius_px
    far = dx * dx + dy * dy
    spot = np.exp(-far * 4) * 6 + np.exp(-far * 0.5) * 0.55
    rays = np.exp(-np.abs(dx * dy) * 14) * np.exp(-far * 0.16) * 0.35
    light[..., :3] += (strength * (spot + rays))[..., None] * np.array([0.92, 1.0, 1.06], np.float32)
