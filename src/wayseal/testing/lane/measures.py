"""The measures of the vehicles that the simulator draws, and how drawn sheets become cards in a vehicle's axes.

Owns the numbers that every view of a vehicle shares. All lengths in metres; no maker's design is copied.
"""

from dataclasses import dataclass

import numpy as np

from wayseal.testing.lane.canvas import Array, Canvas
from wayseal.testing.lane.optics import Card, Matrix, place_card
from wayseal.testing.lane.scene import Shape

Edge = tuple[float, float]
"""(up, depth) of a sheet's edge that lies across the vehicle."""


@dataclass(frozen=True, slots=True)
class Measures:
    """A shape's heights above the ground, half widths, and depths behind the middle of the windshield."""

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
    sill_up: float

    @property
    def slope(self) -> float:
        """Length of the windshield's slope from its foot to the roof."""
        return float(np.hypot(self.roof_up - self.cowl_up, self.roof_depth - self.cowl_depth))

    def climb(self, along: float) -> Edge:
        """Return (up, depth) of a point `along` metres up the windshield's slope from its foot."""
        share = along / self.slope
        return (
            self.cowl_up + share * (self.roof_up - self.cowl_up),
            self.cowl_depth + share * (self.roof_depth - self.cowl_depth),
        )


MEASURES = {
    Shape.SEDAN: Measures(0.80, 0.98, 1.47, 0.90, 0.74, 0.57, -1.25, -0.42, 0.40, 1.19, 0.62, 0.20),
    Shape.SUV: Measures(0.97, 1.13, 1.67, 0.95, 0.78, 0.64, -1.15, -0.38, 0.33, 1.37, 0.72, 0.30),
    Shape.PICKUP: Measures(1.06, 1.20, 1.74, 0.99, 0.80, 0.66, -1.35, -0.36, 0.31, 1.43, 0.78, 0.34),
}
SHEET_BELOW, SHEET_ABOVE, SHEET_BESIDE = 0.05, 0.02, 0.06
"""How far sheets on the windshield's slope reach beyond it."""


def _across(width: float) -> Matrix:
    return np.array([width, 0.0, 0.0])


def stand_card(canvas: Canvas, depth: float) -> Card:
    """Return the canvas as an upright card at a depth."""
    height, width = (side / canvas.scale for side in canvas.pixels.shape[:2])
    top_left = np.array([canvas.left, canvas.top, depth])
    return place_card(canvas.pixels, top_left, top_left + _across(width), top_left - np.array([0, height, 0]))


def hang_card(canvas: Canvas, point: Matrix) -> Card:
    """Return the canvas as an upright card with its (0, 0) at a point of the vehicle."""
    card = stand_card(canvas, 0.0)
    return Card(card.levels, card.origin + point, card.right, card.down)


def lean_card(canvas: Canvas, low: Edge, high: Edge, texture: Array | None = None) -> Card:
    """Return the canvas (or another texture of its size) as a leaning card between its bottom and its top edge."""
    width = canvas.pixels.shape[1] / canvas.scale
    top_left = np.array([canvas.left, *high])
    bottom_left = np.array([canvas.left, *low])
    return place_card(
        canvas.pixels if texture is None else texture, top_left, top_left + _across(width), bottom_left
    )


def slope_sheet(shape: Shape, px_per_m: float) -> Canvas:
    """Return an empty sheet that covers the windshield with a margin: x across, 0 at its foot, up along its slope."""
    frame = MEASURES[shape]
    half = frame.half_cowl + SHEET_BESIDE
    return Canvas(-half, -SHEET_BELOW, half, frame.slope + SHEET_ABOVE, px_per_m=px_per_m)


def slope_card(sheet: Canvas, shape: Shape, texture: Array | None = None) -> Card:
    """Return a sheet made by `slope_sheet` as a card on the windshield's slope."""
    frame = MEASURES[shape]
    return lean_card(sheet, frame.climb(-SHEET_BELOW), frame.climb(frame.slope + SHEET_ABOVE), texture)
