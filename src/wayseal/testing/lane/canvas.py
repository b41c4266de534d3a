"""A sheet to draw on, in metres and in linear light: what every procedural texture of the simulator is made with.

Owns colour conversion and anti-aliased, soft-edged fills. Knows nothing of vehicles or cameras.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
"""Linear light or masks, float32."""
Colour = tuple[float, float, float]
"""Blue, green, red as a screen shows them, 0-255."""
Point = tuple[float, float]


def to_linear(screen: Array) -> Array:
    """Return screen values of 0-255 as linear light of 0-1 (IEC 61966-2-1, the sRGB curve)."""
    value = np.asarray(screen, np.float32) / 255
    linear: Array = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(
        np.float32
    )
    return linear


def to_screen(linear: Array) -> Array:
    """Return linear light of 0-1 as screen values of 0-255, not rounded."""
    value = np.clip(linear, 0, 1)
    screen: Array = np.where(value <= 0.0031308, value * 12.92, 1.055 * value ** (1 / 2.4) - 0.055) * 255
    return screen.astype(np.float32)


def smooth_outline(points: Sequence[Point], steps: int = 8) -> list[Point]:
    """Return a closed Catmull-Rom curve through the points."""
    knots = np.array(points, np.float64)
    before, after, beyond = np.roll(knots, 1, 0), np.roll(knots, -1, 0), np.roll(knots, -2, 0)
    curve: list[Point] = []
    for p0, p1, p2, p3 in zip(before, knots, after, beyond, strict=True):
        for t in np.linspace(0, 1, steps, endpoint=False):
            a, b, c = 2 * p1, p2 - p0, 2 * p0 - 5 * p1 + 4 * p2 - p3
            x, y = 0.5 * (a + b * t + c * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
            curve.append((float(x), float(y)))
    return curve


def round_outline(points: Sequence[Point], radius: float, steps: int = 6) -> list[Point]:
    """Return a polygon with its corners rounded over `radius` metres of each side (quadratic curves)."""
    corners = np.array(points, np.float64)
    curve: list[Point] = []
    for before, here, after in zip(np.roll(corners, 1, 0), corners, np.roll(corners, -1, 0), strict=True):
        start, stop = (
            here + (other - here) * min(0.5, radius / max(float(np.hypot(*(other - here))), 1e-9))
            for other in (before, after)
        )
        for t in np.linspace(0, 1, steps):
            x, y = (1 - t) ** 2 * start + 2 * t * (1 - t) * here + t**2 * stop
            curve.append((float(x), float(y)))
    return curve


def mirror_outline(points: Sequence[Point]) -> list[Point]:
    """Return the outline seen in a mirror that stands at x = 0."""
    return [(-x, y) for x, y in points]


def _bound(cover: Array) -> tuple[slice, slice]:
    """Return the rows and columns outside of which a mask is zero."""
    x, y, width, height = cv2.boundingRect((cover > 0).astype(np.uint8))
    return slice(y, y + height), slice(x, x + width)


class Canvas:
    """A rectangle from (left, bottom) to (right, top) in metres, as premultiplied linear RGBA, transparent at first."""

    def __init__(self, left: float, bottom: float, right: float, top: float, *, px_per_m: float) -> None:
        self.left, self.top, self.scale = left, top, px_per_m
        shape = (max(2, round((top - bottom) * px_per_m)), max(2, round((right - left) * px_per_m)))
        self.pixels: Array = np.zeros((*shape, 4), np.float32)

    def mask(self, points: Sequence[Point], soft_m: float = 0.0) -> Array:
        """Return the share of each pixel that a polygon covers; `soft_m` blurs its edge by that many metres."""
        corners = [((x - self.left) * self.scale - 0.5, (self.top - y) * self.scale - 0.5) for x, y in points]
        sheet = np.zeros(self.pixels.shape[:2], np.uint8)
        fixed = np.round(np.array(corners) * 16).astype(np.int32)
        cv2.fillPoly(sheet, [fixed], 255, lineType=cv2.LINE_AA, shift=4)
        cover = sheet.astype(np.float32) / 255
        return self.soften(cover, soft_m) if soft_m > 0 else cover

    def soften(self, cover: Array, soft_m: float) -> Array:
        """Return a mask blurred by a standard deviation in metres."""
        blurred: Array = cv2.GaussianBlur(cover, (0, 0), max(0.3, soft_m * self.scale))
        return blurred

    def paint(self, cover: Array, colour: Colour | Array, opacity: float = 1.0) -> None:
        """Lay a colour (or a picture of linear BGR as large as the sheet) over the sheet where `cover` says so."""
        part = _bound(cover)
        share = (cover[part] * opacity)[..., None]
        light = to_linear(np.array(colour, np.float32)) if isinstance(colour, tuple) else colour[part]
        pixels = self.pixels[part]
        pixels[..., :3] = light * share + pixels[..., :3] * (1 - share)
        pixels[..., 3:] = share + pixels[..., 3:] * (1 - share)

    def fill(
        self, points: Sequence[Point], colour: Colour | Array, *, soft_m: float = 0.0, opacity: float = 1.0
    ) -> None:
        """Fill a polygon."""
        self.paint(self.mask(points, soft_m), colour, opacity)

    def fill_small(self, points: Sequence[Point], colour: Colour, opacity: float) -> None:
        """Fill a small polygon, touching only the pixels around it."""
        spread = 2 / self.scale
        xs, ys = [x for x, _ in points], [y for _, y in points]
        rows, columns = self.pixels.shape[:2]
        x0 = max(0, int((min(xs) - spread - self.left) * self.scale))
        y0 = max(0, int((self.top - max(ys) - spread) * self.scale))
        x1 = min(columns, int((max(xs) + spread - self.left) * self.scale) + 1)
        y1 = min(rows, int((self.top - min(ys) + spread) * self.scale) + 1)
        if x1 <= x0 or y1 <= y0:
            return
        part = Canvas.__new__(Canvas)
        part.left, part.top, part.scale = self.left + x0 / self.scale, self.top - y0 / self.scale, self.scale
        part.pixels = self.pixels[y0:y1, x0:x1]
        part.fill(points, colour, opacity=opacity)

    def line(
        self, points: Sequence[Point], width_m: float, soft_m: float = 0.0, *, closed: bool = False
    ) -> Array:
        """Return the share of each pixel that a line of a width in metres covers."""
        corners = [((x - self.left) * self.scale - 0.5, (self.top - y) * self.scale - 0.5) for x, y in points]
        sheet = np.zeros(self.pixels.shape[:2], np.uint8)
        fixed = np.round(np.array(corners) * 16).astype(np.int32)
        cv2.polylines(sheet, [fixed], closed, 255, max(1, round(width_m * self.scale)), cv2.LINE_AA, shift=4)
        cover = sheet.astype(np.float32) / 255
        return self.soften(cover, soft_m) if soft_m > 0 else cover

    def lay(self, layer: Array) -> None:
        """Lay a premultiplied picture as large as the sheet over it."""
        self.pixels[...] = layer + self.pixels * (1 - layer[..., 3:])

    def stroke(
        self,
        points: Sequence[Point],
        colour: Colour,
        width_m: float,
        *,
        soft_m: float = 0.0,
        opacity: float = 1.0,
    ) -> None:
        """Draw a line of a width in metres through the points."""
        self.paint(self.line(points, width_m, soft_m), colour, opacity)

    def shade(self, light: Array) -> None:
        """Multiply what is painted by (rows, columns) or (rows, 1) factors of light."""
        self.pixels[..., :3] *= light[..., None]

    def add_light(self, cover: Array, colour: Colour, strength: float) -> None:
        """Add light where the sheet is already painted: highlights and lamps."""
        part = _bound(cover)
        pixels = self.pixels[part]
        share = (cover[part] * pixels[..., 3] * strength)[..., None]
        pixels[..., :3] += to_linear(np.array(colour, np.float32)) * share

    def heights(self) -> Array:
        """Return the height in metres of each row's centre, as (rows, 1)."""
        rows = np.arange(self.pixels.shape[0], dtype=np.float32)[:, None]
        heights: Array = (self.top - (rows + 0.5) / self.scale).astype(np.float32)
        return heights

    def offsets(self) -> Array:
        """Return the x in metres of each column's centre, as (1, columns)."""
        columns = np.arange(self.pixels.shape[1], dtype=np.float32)[None, :]
        offsets: Array = (self.left + (columns + 0.5) / self.scale).astype(np.float32)
        return offsets
