"""A vehicle's body behind the bonnet, from the front: the frame around the glass, roof, flanks, wheels, mirrors.

Owns the outline of the glass. What is behind the glass is `cabin`, what is on it is `glass`.
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
from wayseal.testing.lane.measures import MEASURES, lean_card, slope_card, slope_sheet, stand_card
from wayseal.testing.lane.optics import Card
from wayseal.testing.lane.scene import Shape

PX_PER_M = 620.0


def round_sides(canvas: Canvas, half_width: float, strength: float = 0.55) -> Array:
    """Return a light factor that falls off towards the flanks, as on a rounded body."""
    share = np.clip(np.abs(canvas.offsets()) / half_width, 0, 1)
    falloff: Array = (1 - strength * share**5).astype(np.float32)
    return falloff


def glass_outline(shape: Shape) -> list[Point]:
    """Return the clear glass as (x, distance up along the windshield's slope from its foot)."""
    frame = MEASURES[shape]
    low, high = 0.07 * frame.slope, 0.85 * frame.slope
    bottom, top = frame.half_cowl * 0.955, frame.half_roof * 0.95
    bow = [(top * share, high + 0.014 * (1 - share**2)) for share in (0.95, 0.5, 0.0, -0.5, -0.95)]
    sill = [(bottom * share, low - 0.016 * (1 - share**2)) for share in (-0.97, -0.5, 0.0, 0.5, 0.97)]
    return round_outline([*bow, *sill], 0.035)


def draw_frame(shape: Shape, colour: Colour) -> tuple[Card, Card]:
    """Return the frame around the windshield with a hole in it, and the hole itself as a one-channel mask card."""
    frame, sheet = MEASURES[shape], slope_sheet(shape, PX_PER_M)
    slope, half, top = frame.slope, frame.half_cowl, frame.half_roof
    side = [
        (top * 0.90, slope + 0.012),
        (top * 1.0, slope - 0.012),
        (top * 1.05, slope - 0.07),
        (half * 1.05, 0.06),
        (half * 1.06, -0.03),
    ]
    sheet.fill([(0.0, slope + 0.016), *side, *mirror_outline(side)[::-1]], colour, soft_m=0.0015)
    x, along = np.abs(sheet.offsets()), sheet.heights()
    edge = top + (half - top) * np.clip(1 - along / slope, 0, 1)
    pillar = np.clip((x - edge * 0.93) / (edge * 0.12), 0, 1)
    sheet.shade(((0.52 + 0.55 * np.clip(along / slope, 0, 1) ** 2) * (1 - 0.35 * pillar)).astype(np.float32))
    gleam = np.exp(-(((x - edge * 0.985) / 0.010) ** 2)) * np.clip(along / slope, 0.15, 1)
    sheet.add_light(gleam.astype(np.float32), (255, 252, 248), 0.16)
    foot = [(-half * 1.06, 0.045), (half * 1.06, 0.045), (half * 1.06, -0.045), (-half * 1.06, -0.045)]
    sheet.fill(foot, (14, 14, 15), soft_m=0.006)
    glass = glass_outline(shape)
    middle = 0.45 * slope
    rim = [(px * 1.03, (py - middle) * 1.055 + middle) for px, py in glass]
    sheet.fill(rim, (9, 9, 10), soft_m=0.002)
    hole = sheet.mask(glass, 0.0015)
    sheet.pixels *= (1 - hole)[..., None]
    return slope_card(sheet, shape), slope_card(sheet, shape, hole[..., None])


def draw_roof(shape: Shape, colour: Colour) -> Card:
    """Return the roof, which a high camera sees at a flat angle."""
    frame = MEASURES[shape]
    half = frame.half_roof
    sheet = Canvas(-half * 1.04, -0.02, half * 1.04, 1.45, px_per_m=260)
    side = [
        (half * 0.99, -0.02),
        (half * 1.02, 0.35),
        (half * 0.98, 0.9),
        (half * 0.86, 1.25),
        (half * 0.55, 1.42),
    ]
    sheet.fill(smooth_outline([*side, *mirror_outline(side)[::-1]], 6), colour, soft_m=0.004)
    along = np.clip(sheet.heights() / 1.4, 0, 1)
    sheet.shade(((1.12 - 0.25 * along) * round_sides(sheet, half, 0.45)).astype(np.float32))
    for sign in (1, -1):
        sheet.stroke(
            [(sign * half * 0.80, 0.0), (sign * half * 0.76, 1.3)],
            (10, 10, 10),
            0.014,
            soft_m=0.006,
            opacity=0.6,
        )
    return lean_card(
        sheet,
        (frame.roof_up - 0.001, frame.roof_depth - 0.02),
        (frame.roof_up + 0.035, frame.roof_depth + 1.45),
    )


def draw_flanks(shape: Shape, colour: Colour) -> tuple[Card, Card, Card]:
    """Return wheels, the shoulders beside the bonnet, and the two mirrors."""
    frame = MEASURES[shape]
    half, belt = frame.half_width, frame.cowl_up
    wheels = Canvas(-half, 0.0, half, frame.wheel, px_per_m=300)
    wheels.fill(
        [(-half + 0.06, 0.17), (half - 0.06, 0.17), (half - 0.06, 0.55), (-half + 0.06, 0.55)],
        (8, 8, 8),
        soft_m=0.02,
    )
    for sign in (1, -1):
        edge = [
            (half - 0.25, 0.0),
            (half - 0.03, 0.0),
            (half - 0.02, frame.wheel),
            (half - 0.25, frame.wheel),
        ]
        wheels.fill(round_outline([(sign * x, y) for x, y in edge], 0.035), (19, 19, 20), soft_m=0.004)
        for groove in (0.06, 0.11, 0.16):
            x = sign * (half - 0.025 - groove)
            wheels.stroke([(x, 0.0), (x, frame.wheel)], (7, 7, 7), 0.010, opacity=0.8)
    wheels.shade(
        (np.clip(wheels.heights() / 0.22, 0.25, 1.0) * np.ones_like(wheels.offsets())).astype(np.float32)
    )
    shoulder = Canvas(-half - 0.02, 0.35, half + 0.02, belt + 0.06, px_per_m=380)
    side = [
        (frame.half_cowl * 1.02, belt + 0.04),
        (half * 0.93, belt - 0.06),
        (half * 0.985, belt - 0.22),
        (half * 0.97, 0.36),
    ]
    shoulder.fill([*side, *mirror_outline(side)[::-1]], colour, soft_m=0.002)
    tone = np.clip(0.35 + 0.5 * (shoulder.heights() - 0.4) / (belt - 0.4), 0.2, 0.9)
    shoulder.shade((tone * round_sides(shoulder, half, 0.5)).astype(np.float32))
    mirrors = Canvas(-half - 0.20, belt - 0.06, half + 0.20, belt + 0.18, px_per_m=PX_PER_M)
    for sign in (1, -1):
        _draw_mirror(mirrors, sign, (frame.half_cowl * 1.03, belt + 0.01), colour)
    return (
        stand_card(wheels, frame.nose_depth + 0.35),
        stand_card(shoulder, frame.cowl_depth + 0.15),
        stand_card(mirrors, frame.cowl_depth + 0.30),
    )


def _draw_mirror(sheet: Canvas, sign: int, root: Point, colour: Colour) -> None:
    """Draw a door mirror: a dark stalk and base, and a painted shell that the sky lights from above."""
    x0, up = root
    stalk = [(-0.03, 0.0), (0.09, 0.035), (0.09, 0.0), (-0.03, -0.035)]
    sheet.fill([(sign * (x0 + x), up + y) for x, y in stalk], (16, 16, 16))
    points = (
        (0.05, 0.01),
        (0.055, 0.085),
        (0.12, 0.125),
        (0.23, 0.115),
        (0.265, 0.06),
        (0.235, -0.005),
        (0.11, -0.018),
    )
    shell = smooth_outline([(sign * (x0 + x), up + y) for x, y in points], 6)
    sheet.fill(shell, (15, 15, 16))
    upper = sheet.mask(shell) * np.clip((sheet.heights() - up - 0.012) / 0.012, 0, 1)
    sheet.paint(upper.astype(np.float32), colour)
    light = 0.45 + 0.85 * np.clip((sheet.heights() - up) / 0.12, 0, 1) ** 1.5
    inner = sheet.mask(shell)[..., None]
    sheet.pixels[..., :3] *= 1 + inner * (light[..., None] - 1)
