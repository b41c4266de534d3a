"""A vehicle's front end, drawn by formula: bumper, grilles, headlamps without their glow, bonnet.

Owns the painted surfaces that the lane's sky lights from above and its asphalt darkens from below.
"""

import numpy as np

from wayseal.testing.lane.canvas import (
    Array,
    Canvas,
    Colour,
    Point,
    mirror_outline,
    round_outline,
    smooth_outline,
)
from wayseal.testing.lane.glass import cloud_field
from wayseal.testing.lane.measures import MEASURES, lean_card, stand_card
from wayseal.testing.lane.optics import Card
from wayseal.testing.lane.scene import Shape
from wayseal.testing.lane.shell import PX_PER_M, round_sides


def draw_fascia(shape: Shape, colour: Colour, rng: np.random.Generator) -> Card:
    """Return the front end up to the bonnet's edge, with the holder of the plate."""
    frame = MEASURES[shape]
    half, top, low = frame.half_width, frame.nose_up, frame.sill_up
    sheet = Canvas(-half - 0.02, low - 0.06, half + 0.02, top + 0.03, px_per_m=PX_PER_M)
    side = [
        (half * 0.80, top),
        (half * 0.95, top - 0.10),
        (half, top - 0.26),
        (half * 0.985, low + 0.16),
        (half * 0.93, low),
    ]
    outline = smooth_outline([(0.0, top + 0.015), *side, (0.0, low - 0.02), *mirror_outline(side)[::-1]])
    sheet.fill(outline, colour)
    _light_paint(sheet, half, (low, top), rng)
    lip = sheet.mask(outline) * np.clip((low + 0.045 - sheet.heights()) / 0.008, 0, 1)
    sheet.paint(lip.astype(np.float32), (22, 22, 23), 0.95)
    _draw_grilles(sheet, shape, top, low)
    for sign in (1, -1):
        _draw_lamp(sheet, sign, top, half)
        _draw_fog_lamp(sheet, sign, low)
    holder = round_outline(
        [(-0.172, low + 0.205), (0.172, low + 0.205), (0.172, low + 0.035), (-0.172, low + 0.035)], 0.012
    )
    sheet.fill(holder, (20, 20, 20), soft_m=0.003)
    return stand_card(sheet, frame.nose_depth)


def _light_paint(sheet: Canvas, half: float, span: Point, rng: np.random.Generator) -> None:
    """Light a painted front: sky above, a bright horizon in the bulge, asphalt and shadow below."""
    low, top = span
    up, x = sheet.heights(), sheet.offsets()
    share = (up - low) / (top - low)
    tone = np.interp(
        share[:, 0],
        [-0.1, 0.0, 0.25, 0.48, 0.56, 0.75, 0.93, 1.0],
        [0.15, 0.26, 0.40, 0.62, 0.80, 0.90, 1.02, 0.85],
    )
    clouds = 0.93 + 0.14 * cloud_field(sheet.pixels.shape[:2], rng, coarse=5, octaves=3)
    sheet.shade((tone[:, None] * round_sides(sheet, half) * clouds).astype(np.float32))
    sky = np.exp(-(((share - 0.965) / 0.030) ** 2)) * (1 - 0.6 * np.abs(x) / half)
    bulge = np.exp(-(((share - 0.60) / 0.045) ** 2)) * np.clip(1 - (x / half) ** 4, 0, 1)
    sheet.add_light((sky * 0.34 + bulge * 0.10).astype(np.float32), (255, 252, 246), 1.0)


def _draw_grilles(sheet: Canvas, shape: Shape, top: float, low: float) -> None:
    """Draw the upper grille with its bars and emblem, the lower intake with its mesh, and the bumper's seam."""
    wide, high, deep = (
        (0.34, top - 0.085, top - 0.165) if shape is Shape.SEDAN else (0.47, top - 0.085, top - 0.29)
    )
    middle = (high + deep) / 2
    grille = round_outline([(-wide, high), (wide, high), (wide * 0.90, deep), (-wide * 0.90, deep)], 0.03)
    sheet.fill([(x * 1.025, (y - middle) * 1.13 + middle) for x, y in grille], (178, 180, 182), soft_m=0.001)
    sheet.fill(grille, (9, 9, 10))
    bars = np.clip(np.sin((sheet.heights() - middle) * (2 * np.pi / 0.0265)) * 1.6 - 0.4, 0, 1)
    fade = 0.55 + 0.45 * np.clip((sheet.heights() - deep) / (high - deep), 0, 1)
    sheet.paint((sheet.mask(grille) * bars * fade).astype(np.float32), (104, 106, 108), 0.9)
    for radius, tone in ((0.040, (196, 198, 200)), (0.031, (40, 36, 34)), (0.014, (168, 170, 172))):
        disc = [
            (radius * 1.15 * np.cos(a), middle + radius * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 48)
        ]
        sheet.fill(disc, tone, soft_m=0.0012)
    intake = round_outline(
        [(-0.55, low + 0.215), (0.55, low + 0.215), (0.47, low + 0.055), (-0.47, low + 0.055)], 0.05
    )
    sheet.fill(intake, (10, 10, 11), soft_m=0.003)
    x, up = sheet.offsets(), sheet.heights()
    mesh = np.clip(np.sin((x + up) * 190) * np.sin((x - up) * 190) * 2, 0, 1)
    sheet.paint((sheet.mask(intake) * mesh).astype(np.float32), (40, 40, 42), 0.8)
    seam = top - 0.225 if shape is Shape.SEDAN else top - 0.34
    line = [(-0.93, seam + 0.03), (-0.4, seam + 0.004), (0.4, seam + 0.004), (0.93, seam + 0.03)]
    sheet.paint(sheet.line(line, 0.004, 0.0015) * sheet.pixels[..., 3], (6, 6, 6), 0.75)
    below = [(px, py - 0.006) for px, py in line]
    sheet.add_light(sheet.line(below, 0.004, 0.002), (255, 255, 255), 0.10)


def lamp_outline(sign: int, top: float, half: float) -> list[Point]:
    """Return the outline of a headlamp: `sign` is 1 for the one on the picture's right."""
    points = (
        (0.45, -0.120),
        (0.52, -0.082),
        (0.70, -0.035),
        (0.83, -0.022),
        (0.875, -0.09),
        (0.885, -0.165),
        (0.80, -0.195),
        (0.60, -0.185),
    )
    return smooth_outline([(sign * x * half / 0.90, top + y) for x, y in points], 6)


def _draw_lamp(sheet: Canvas, sign: int, top: float, half: float) -> None:
    """Draw a headlamp: fluted reflector, projector lens, indicator, a lit edge, and the cover's shine."""
    outline = lamp_outline(sign, top, half)
    cover = sheet.mask(outline, 0.001)
    x, up = sheet.offsets(), sheet.heights()
    sheet.paint(
        sheet.mask([(px * 1.01, (py - top + 0.11) * 1.08 + top - 0.11) for px, py in outline], 0.003)
        * sheet.pixels[..., 3],
        (10, 10, 11),
        0.8,
    )
    sheet.paint(cover, (46, 47, 50))
    flutes = (0.30 + 0.70 * np.abs(np.sin(x * 74)) ** 1.5) * np.clip((top - 0.02 - up) / 0.13, 0.15, 1) ** 1.2
    sheet.paint((cover * flutes).astype(np.float32), (196, 200, 204), 0.62)
    for place, size in ((0.715, 0.062), (0.585, 0.042)):
        cx, cy = sign * place * half / 0.90, top - 0.118
        far = np.sqrt((x - cx) ** 2 + (up - cy) ** 2) / size
        sheet.paint((cover * np.clip((1.06 - far) * 14, 0, 1)).astype(np.float32), (206, 209, 212))
        sheet.paint((cover * np.clip((0.90 - far) * 14, 0, 1)).astype(np.float32), (24, 25, 28))
        bowl = np.clip((0.86 - far) * 5, 0, 1) * np.clip(0.35 + (cy - up) / size * 0.6, 0.05, 0.8)
        sheet.paint((cover * bowl).astype(np.float32), (184, 190, 198), 0.9)
        spark = np.exp(
            -(((x - cx + 0.3 * size) / (0.20 * size)) ** 2) - ((up - cy - 0.34 * size) / (0.15 * size)) ** 2
        )
        sheet.add_light((cover * spark).astype(np.float32), (255, 255, 255), 0.85)
    amber = [
        (sign * px * half / 0.90, top + py)
        for px, py in ((0.825, -0.045), (0.862, -0.09), (0.872, -0.155), (0.835, -0.165))
    ]
    sheet.paint(sheet.mask(smooth_outline(amber, 5), 0.004) * cover, (38, 108, 206), 0.75)
    edge = [
        (sign * px * half / 0.90, top + py) for px, py in ((0.47, -0.128), (0.60, -0.172), (0.78, -0.182))
    ]
    sheet.paint(sheet.line(edge, 0.008, 0.002) * cover, (246, 246, 244), 0.85)
    shine = np.exp(-(((up - (top - 0.055 + 0.03 * (np.abs(x) - 0.7))) / 0.008) ** 2))
    sheet.add_light((cover * shine).astype(np.float32), (255, 255, 255), 0.22)


def _draw_fog_lamp(sheet: Canvas, sign: int, low: float) -> None:
    """Draw a fog lamp in its pocket."""
    pocket = [
        (sign * x, y)
        for x, y in ((0.62, low + 0.195), (0.79, low + 0.225), (0.80, low + 0.11), (0.66, low + 0.075))
    ]
    sheet.fill(smooth_outline(pocket, 5), (12, 12, 13), soft_m=0.003)
    centre = (sign * 0.715, low + 0.148)
    for radius, tone in ((0.034, (88, 90, 92)), (0.028, (150, 154, 158)), (0.012, (214, 218, 220))):
        sheet.fill(
            [
                (centre[0] + radius * np.cos(a), centre[1] + radius * np.sin(a))
                for a in np.linspace(0, 6.2832, 30)
            ],
            tone,
            soft_m=0.002,
        )


def draw_bonnet(shape: Shape, colour: Colour, rng: np.random.Generator) -> Card:
    """Return the bonnet: paint under a reflected sky, creases, washer jets, and the gap before the windshield."""
    frame = MEASURES[shape]
    half, back = frame.half_width * 0.94, frame.half_cowl * 1.04
    length = frame.cowl_depth - frame.nose_depth
    sheet = Canvas(-half - 0.03, -0.03, half + 0.03, length, px_per_m=PX_PER_M * 0.8)
    front = [
        (half * 0.55, -0.022),
        (half * 0.86, 0.0),
        (half * 0.97, 0.08),
        (half, 0.25),
        (back * 1.02, length * 0.85),
        (back * 0.97, length),
    ]
    sheet.fill([*front, *mirror_outline(front)[::-1]], colour, soft_m=0.0015)
    along, x = np.clip(sheet.heights() / length, 0, 1), sheet.offsets()
    clouds = cloud_field(sheet.pixels.shape[:2], rng, coarse=4, octaves=4)
    sheet.shade(((0.58 + 0.38 * along) * round_sides(sheet, half, 0.45)).astype(np.float32))
    sky = np.clip(along, 0.05, 1) ** 1.3 * (0.55 + 0.9 * clouds) * (1 - 0.5 * (x / half) ** 2)
    rise = np.exp(-(((np.abs(x) - 0.36 - 0.10 * along) / 0.10) ** 2)) * (0.3 + 0.7 * along)
    sheet.add_light((sky * 0.12 + rise * 0.11).astype(np.float32), (255, 250, 242), 1.0)
    for sign in (1, -1):
        _draw_crease(sheet, sign, length)
    lip: Array = np.exp(-((np.clip(sheet.heights() - 0.012, 0, None) / 0.014) ** 2)) * np.ones_like(x)
    sheet.add_light(lip.astype(np.float32), (255, 255, 255), 0.16)
    rear = np.clip((sheet.heights() - (length - 0.03)) / 0.03, 0, 1) * np.ones_like(x)
    sheet.shade((1 - 0.75 * rear).astype(np.float32))
    sheet.shade(rng.normal(1.0, 0.010, sheet.pixels.shape[:2]).astype(np.float32))
    low = (frame.nose_up - 0.03 * (frame.cowl_up - frame.nose_up) / length, frame.nose_depth - 0.03)
    return lean_card(sheet, low, (frame.cowl_up, frame.cowl_depth))


def _draw_crease(sheet: Canvas, sign: int, length: float) -> None:
    """Draw one of the bonnet's creases and the washer jet beside it."""
    crease = [(sign * 0.42, 0.02), (sign * 0.47, length * 0.5), (sign * 0.55, length)]
    inside = sheet.pixels[..., 3]
    sheet.paint(sheet.line(crease, 0.014, 0.012) * inside, (4, 4, 4), 0.40)
    sheet.add_light(
        sheet.line([(x + sign * 0.020, y) for x, y in crease], 0.010, 0.009), (255, 255, 255), 0.16
    )
    jet = (sign * 0.27, length * 0.90)
    sheet.fill(
        [(jet[0] + 0.016 * np.cos(a), jet[1] + 0.010 * np.sin(a)) for a in np.linspace(0, 6.2832, 16)],
        (12, 12, 12),
    )
