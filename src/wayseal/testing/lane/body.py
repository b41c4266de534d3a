"""Vehicles from the front, drawn by formula: fascia, lamps, bonnet, cabin frame, roof, mirrors, wheels.

Owns the outside of a vehicle and the outline of its glass. What is behind the glass is `cabin`, what is on it is `glass`.
All lengths in metres; no maker's design or badge is copied.
"""

from dataclasses import dataclass

import numpy as np

from wayseal.testing.lane.canvas import Array, Canvas, Colour, Point, mirror_outline, smooth_outline
from wayseal.testing.lane.optics import Card, Matrix, place_card
from wayseal.testing.lane.scene import Shape

PX_PER_M = 620.0
"""Resolution of the textures."""


@dataclass(frozen=True, slots=True)
class Frame3D:
    """A shape's main measures: heights above the ground, half widths, and depths behind the middle of the windshield."""

    nose_up: float
    cowl_up: float
    roof_up: float
    half_width: float
    half_cowl: float
    half_roof: float
    nose_depth: float
    cowl_depth: float
    roof_depth: float
    eye_up: float
    wheel: float

    @property
    def glass_span(self) -> tuple[float, float]:
        """Heights of the lower and upper edge of the clear glass."""
        rise = self.roof_up - self.cowl_up
        return self.cowl_up + 0.07 * rise, self.roof_up - 0.15 * rise


MEASURES = {
    Shape.SEDAN: Frame3D(0.80, 0.98, 1.47, 0.90, 0.74, 0.57, -1.25, -0.42, 0.40, 1.19, 0.62),
    Shape.SUV: Frame3D(1.00, 1.16, 1.74, 0.95, 0.78, 0.64, -1.15, -0.36, 0.32, 1.42, 0.72),
    Shape.PICKUP: Frame3D(1.10, 1.24, 1.80, 0.99, 0.80, 0.66, -1.40, -0.34, 0.30, 1.48, 0.78),
}


def _vector(x: float, up: float, depth: float) -> Matrix:
    return np.array([x, up, depth], np.float64)


def stand_card(canvas: Canvas, depth: float) -> Card:
    """Return the canvas as an upright card at a depth."""
    width, height = (canvas.pixels.shape[1] / canvas.scale, canvas.pixels.shape[0] / canvas.scale)
    top_left = _vector(canvas.left, canvas.top, depth)
    across, below = _vector(width, 0, 0), _vector(0, -height, 0)
    return place_card(canvas.pixels, top_left, top_left + across, top_left + below)


def lean_card(canvas: Canvas, low: tuple[float, float], high: tuple[float, float]) -> Card:
    """Return the canvas as a leaning card: its bottom edge at `low` = (up, depth), its top edge at `high`."""
    width = canvas.pixels.shape[1] / canvas.scale
    top_left = _vector(canvas.left, high[0], high[1])
    bottom_left = _vector(canvas.left, low[0], low[1])
    return place_card(canvas.pixels, top_left, top_left + _vector(width, 0, 0), bottom_left)


def round_sides(canvas: Canvas, half_width: float, strength: float = 0.55) -> Array:
    """Return a light factor that falls off towards the flanks, as on a rounded body."""
    share = np.clip(np.abs(canvas.offsets()) / half_width, 0, 1)
    falloff: Array = (1 - strength * share**5).astype(np.float32)
    return falloff


def draw_fascia(shape: Shape, colour: Colour) -> Card:
    """Return the front end: bumper, grilles, lamps without their glow, and the holder of the plate."""
    frame = MEASURES[shape]
    half, top, low = frame.half_width, frame.nose_up, 0.20 if shape is Shape.SEDAN else 0.30
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
    up = sheet.heights()
    sheet.shade((0.42 + 0.58 * np.clip((up - low) / (top - low), 0, 1) ** 0.8) * round_sides(sheet, half))
    band = np.exp(-(((up - (top - 0.035)) / 0.018) ** 2)) * np.exp(-((sheet.offsets() / 0.75) ** 4))
    sheet.add_light(band.astype(np.float32), (255, 252, 246), 0.25)
    _draw_grilles(sheet, shape, top, low, half)
    for sign in (1, -1):
        _draw_lamp(sheet, sign, top, half)
    sheet.fill(
        [(-0.18, low + 0.205), (0.18, low + 0.205), (0.18, low + 0.035), (-0.18, low + 0.035)],
        (28, 28, 28),
        soft_m=0.004,
    )
    return stand_card(sheet, frame.nose_depth)


def _draw_grilles(sheet: Canvas, shape: Shape, top: float, low: float, half: float) -> None:
    """Draw the upper grille with its bars, the lower intake and its mesh, the fog lamps and the seams."""
    wide = 0.36 if shape is Shape.SEDAN else 0.50
    high = top - 0.075, top - (0.175 if shape is Shape.SEDAN else 0.30)
    grille = smooth_outline(
        [
            (-wide, high[0]),
            (0, high[0] + 0.008),
            (wide, high[0]),
            (wide * 0.90, high[1]),
            (0, high[1] - 0.01),
            (-wide * 0.90, high[1]),
        ],
        5,
    )
    sheet.fill(grille, (16, 16, 17))
    cover = sheet.mask(grille)
    bars = (np.sin(sheet.heights() * (2 * np.pi / 0.026)) > 0.45).astype(np.float32)
    sheet.paint(cover * bars, (92, 92, 94), 0.75)
    sheet.stroke(grille, (188, 188, 190), 0.008, closed=True)
    ring = [
        (0.052 * np.cos(a), (high[0] + high[1]) / 2 + 0.040 * np.sin(a))
        for a in np.linspace(0, 2 * np.pi, 40)
    ]
    sheet.fill(ring, (160, 160, 164))
    sheet.fill(
        [(x * 0.72, (y - (high[0] + high[1]) / 2) * 0.72 + (high[0] + high[1]) / 2) for x, y in ring],
        (70, 52, 44),
    )
    intake = smooth_outline(
        [
            (-0.52, low + 0.20),
            (0, low + 0.235),
            (0.52, low + 0.20),
            (0.46, low + 0.045),
            (0, low + 0.03),
            (-0.46, low + 0.045),
        ],
        5,
    )
    sheet.fill(intake, (13, 13, 14))
    mesh = (
        np.sin((sheet.offsets() + sheet.heights()) * 160) * np.sin((sheet.offsets() - sheet.heights()) * 160)
        > 0.2
    )
    sheet.paint(sheet.mask(intake) * mesh.astype(np.float32), (46, 46, 48), 0.8)
    seam = top - (0.225 if shape is Shape.SEDAN else 0.34)
    sheet.stroke(
        [(-half, seam + 0.03), (0, seam), (half, seam + 0.03)], (10, 10, 10), 0.006, soft_m=0.002, opacity=0.6
    )
    for sign in (1, -1):
        pocket = [
            (sign * x, y)
            for x, y in ((0.60, low + 0.20), (0.79, low + 0.22), (0.77, low + 0.09), (0.62, low + 0.07))
        ]
        sheet.fill(smooth_outline(pocket, 4), (15, 15, 16))
        fog = [
            (sign * 0.69 + 0.035 * np.cos(a), low + 0.145 + 0.035 * np.sin(a))
            for a in np.linspace(0, 2 * np.pi, 30)
        ]
        sheet.fill(fog, (150, 152, 154))


def lamp_outline(sign: int, top: float, half: float) -> list[Point]:
    """Return the outline of a headlamp: `sign` is 1 for the one on the picture's right."""
    points = (
        (0.44, -0.105),
        (0.60, -0.045),
        (0.78, -0.01),
        (0.855, -0.07),
        (0.875, -0.17),
        (0.75, -0.215),
        (0.56, -0.19),
    )
    return smooth_outline([(sign * x * half / 0.90, top + y) for x, y in points], 6)


def _draw_lamp(sheet: Canvas, sign: int, top: float, half: float) -> None:
    """Draw a headlamp: dark surround, reflector bowls, lens highlights and an amber indicator."""
    outline = lamp_outline(sign, top, half)
    sheet.fill(outline, (58, 58, 60))
    cover = sheet.mask(outline)
    glass = np.clip(1.2 - np.abs(sheet.heights() - (top - 0.06)) * 9, 0.2, 1.0)
    sheet.paint(cover * glass, (176, 178, 180), 0.55)
    for x, size in ((0.70, 0.066), (0.56, 0.048)):
        centre = (sign * x * half / 0.90, top - 0.115)
        for share, tone in (
            (1.0, (30, 30, 32)),
            (0.88, (214, 216, 218)),
            (0.62, (120, 122, 126)),
            (0.34, (236, 240, 244)),
        ):
            disc = [
                (centre[0] + size * share * np.cos(a), centre[1] + size * share * np.sin(a))
                for a in np.linspace(0, 2 * np.pi, 36)
            ]
            sheet.paint(sheet.mask(disc) * cover, tone)
    amber = [
        (sign * x * half / 0.90, top + y)
        for x, y in ((0.80, -0.05), (0.85, -0.08), (0.865, -0.16), (0.82, -0.12))
    ]
    sheet.paint(sheet.mask(amber, 0.004) * cover, (40, 120, 226), 0.8)
    sheet.stroke(outline, (20, 20, 20), 0.005, closed=True, opacity=0.8)


def draw_bonnet(shape: Shape, colour: Colour, rng: np.random.Generator) -> Card:
    """Return the bonnet, with its creases and the sky's reflection on it."""
    frame = MEASURES[shape]
    half, back = frame.half_width * 0.94, frame.half_cowl * 1.04
    length = frame.cowl_depth - frame.nose_depth
    sheet = Canvas(-half - 0.03, 0.0, half + 0.03, length, px_per_m=PX_PER_M * 0.8)
    front = [
        (half * 0.86, 0.0),
        (half * 0.97, 0.08),
        (half, 0.25),
        (back * 1.02, length * 0.85),
        (back * 0.97, length),
    ]
    sheet.fill([*front, *mirror_outline(front)[::-1]], colour)
    along, x = sheet.heights() / length, sheet.offsets()
    sheet.shade((0.62 + 0.5 * along) * round_sides(sheet, half, 0.35))
    sky = np.exp(-(((np.abs(x) - 0.30 - 0.12 * along) / 0.13) ** 2)) * np.clip(1.15 * along, 0, 1)
    sheet.add_light(sky.astype(np.float32), (250, 246, 240), 0.16)
    for sign in (1, -1):
        crease = [(sign * 0.40, 0.03), (sign * 0.46, length * 0.5), (sign * 0.56, length)]
        sheet.stroke(crease, (8, 8, 8), 0.012, soft_m=0.008, opacity=0.45)
        sheet.stroke(
            [(p[0] + sign * 0.016, p[1]) for p in crease], (255, 255, 255), 0.008, soft_m=0.006, opacity=0.22
        )
        washer = (sign * 0.27, length * 0.90)
        sheet.fill(
            [(washer[0] + 0.018 * np.cos(a), washer[1] + 0.012 * np.sin(a)) for a in np.linspace(0, 6.3, 16)],
            (14, 14, 14),
        )
    edge = np.exp(-((along * length / 0.02) ** 2)).astype(np.float32) * np.ones_like(x)
    sheet.add_light(edge, (255, 255, 255), 0.12)
    grain = rng.normal(1.0, 0.012, sheet.pixels.shape[:2]).astype(np.float32)
    sheet.shade(grain)
    return lean_card(sheet, (frame.nose_up, frame.nose_depth), (frame.cowl_up, frame.cowl_depth))


def glass_outline(shape: Shape) -> list[Point]:
    """Return the clear glass as (x, distance up along the windshield's slope from its foot)."""
    frame = MEASURES[shape]
    slope = cabin_slope(shape)
    low, high = 0.07 * slope, 0.85 * slope
    bottom, top = frame.half_cowl * 0.955, frame.half_roof * 0.93
    side = [(top * 0.90, high), (top, high - 0.05), (bottom, low + 0.035), (bottom * 0.96, low)]
    return [(0.0, high + 0.012), *side, (0.0, low - 0.02), *mirror_outline(side)[::-1]]


def cabin_slope(shape: Shape) -> float:
    """Return the length of the windshield's slope from its foot to the roof."""
    frame = MEASURES[shape]
    return float(np.hypot(frame.roof_up - frame.cowl_up, frame.roof_depth - frame.cowl_depth))


def draw_cabin(shape: Shape, colour: Colour) -> tuple[Card, Card]:
    """Return the frame around the windshield with a hole in it, and the hole itself as a one-channel mask card."""
    frame, slope = MEASURES[shape], cabin_slope(shape)
    half = frame.half_cowl
    sheet = Canvas(-half - 0.06, -0.05, half + 0.06, slope + 0.02, px_per_m=PX_PER_M)
    side = [
        (frame.half_roof * 0.97, slope),
        (frame.half_roof * 1.04, slope - 0.06),
        (half * 1.05, 0.06),
        (half * 1.06, -0.03),
    ]
    sheet.fill([(0.0, slope + 0.012), *side, *mirror_outline(side)[::-1]], colour)
    sheet.shade(0.55 + 0.5 * np.clip(sheet.heights() / slope, 0, 1) ** 2)
    sheet.fill(
        [(x, y - 0.012) for x, y in side[2:]] + [(x, y - 0.012) for x, y in mirror_outline(side[2:])[::-1]],
        (12, 12, 12),
        soft_m=0.006,
    )
    glass = smooth_outline(glass_outline(shape), 6)
    rim = [(x * 1.035, (y - 0.45 * slope) * 1.06 + 0.45 * slope) for x, y in glass]
    sheet.fill(rim, (10, 10, 11), soft_m=0.003)
    hole = sheet.mask(glass, 0.0015)
    sheet.pixels *= (1 - hole)[..., None]
    low, high = _slope_ends(frame, slope)
    return lean_card(sheet, low, high), lean_card_like(sheet, hole[..., None], low, high)


def _slope_ends(frame: Frame3D, slope: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return (up, depth) of the cabin sheet's bottom and top edges, 0.05 below the foot and 0.02 above the roof."""
    rise, run = (frame.roof_up - frame.cowl_up) / slope, (frame.roof_depth - frame.cowl_depth) / slope
    low = (frame.cowl_up - 0.05 * rise, frame.cowl_depth - 0.05 * run)
    return low, (frame.roof_up + 0.02 * rise, frame.roof_depth + 0.02 * run)


def lean_card_like(
    sheet: Canvas, texture: Array, low: tuple[float, float], high: tuple[float, float]
) -> Card:
    """Return another texture on the same leaning rectangle as `sheet`."""
    width = sheet.pixels.shape[1] / sheet.scale
    top_left, bottom_left = _vector(sheet.left, *high), _vector(sheet.left, *low)
    return place_card(texture, top_left, top_left + _vector(width, 0, 0), bottom_left)


def draw_roof(shape: Shape, colour: Colour) -> Card:
    """Return the roof, which a high camera sees at a flat angle."""
    frame = MEASURES[shape]
    sheet = Canvas(-frame.half_roof * 1.02, 0, frame.half_roof * 1.02, 1.3, px_per_m=260)
    side = [(frame.half_roof * 0.97, 0.0), (frame.half_roof, 0.2), (frame.half_roof * 0.95, 1.3)]
    sheet.fill([*side, *mirror_outline(side)[::-1]], colour)
    sheet.shade(1.05 * round_sides(sheet, frame.half_roof, 0.3))
    return lean_card(sheet, (frame.roof_up, frame.roof_depth), (frame.roof_up + 0.03, frame.roof_depth + 1.3))


def draw_flanks(shape: Shape, colour: Colour) -> list[Card]:
    """Return wheels, shoulders beside the bonnet, and the two mirrors, from back to front."""
    frame = MEASURES[shape]
    half, belt = frame.half_width, frame.cowl_up
    wheels = Canvas(-half, 0.0, half, frame.wheel, px_per_m=300)
    for sign in (1, -1):
        tyre = [
            (sign * x, y)
            for x, y in (
                (half - 0.24, 0.03),
                (half - 0.20, 0.0),
                (half - 0.05, 0.0),
                (half - 0.02, 0.03),
                (half - 0.02, frame.wheel),
                (half - 0.24, frame.wheel),
            )
        ]
        wheels.fill(tyre, (20, 20, 21), soft_m=0.006)
    under = [(-half + 0.1, 0.16), (half - 0.1, 0.16), (half - 0.1, 0.5), (-half + 0.1, 0.5)]
    wheels.fill(under, (10, 10, 10), soft_m=0.02)
    shoulder = Canvas(-half - 0.02, 0.35, half + 0.02, belt + 0.06, px_per_m=380)
    side = [
        (frame.half_cowl * 1.02, belt + 0.04),
        (half * 0.93, belt - 0.06),
        (half * 0.985, belt - 0.22),
        (half * 0.97, 0.36),
    ]
    shoulder.fill([*side, *mirror_outline(side)[::-1]], colour, soft_m=0.002)
    shoulder.shade(0.62 * round_sides(shoulder, half, 0.5) * np.ones_like(shoulder.heights()))
    mirrors = Canvas(-half - 0.20, belt - 0.06, half + 0.20, belt + 0.18, px_per_m=PX_PER_M)
    for sign in (1, -1):
        _draw_mirror(mirrors, sign, frame.half_cowl * 1.03, belt + 0.01, colour)
    return [
        stand_card(wheels, frame.nose_depth + 0.35),
        stand_card(shoulder, frame.cowl_depth + 0.15),
        stand_card(mirrors, frame.cowl_depth + 0.30),
    ]


def _draw_mirror(sheet: Canvas, sign: int, root: float, up: float, colour: Colour) -> None:
    """Draw a door mirror's shell and its stalk."""
    sheet.fill(
        [
            (sign * x, y)
            for x, y in (
                (root - 0.03, up),
                (root + 0.09, up + 0.035),
                (root + 0.09, up + 0.005),
                (root - 0.03, up - 0.03),
            )
        ],
        (16, 16, 16),
    )
    points = (
        (0.05, 0.02),
        (0.07, 0.10),
        (0.14, 0.13),
        (0.24, 0.115),
        (0.265, 0.05),
        (0.22, -0.005),
        (0.11, -0.01),
    )
    shell = smooth_outline([(sign * (root + x), up + y) for x, y in points], 6)
    sheet.fill(shell, colour)
    cover = sheet.mask(shell)
    light = np.clip((sheet.heights() - up) / 0.13, 0, 1) * np.ones_like(sheet.offsets())
    sheet.paint(cover, (0, 0, 0), 0.25)
    sheet.add_light((cover * light**2).astype(np.float32), (255, 250, 244), 0.22)
