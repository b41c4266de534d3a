"""A vehicle put together from its cards, and how the camera sees it: cabin, glass, body, lamps.

Owns the order in which things hide each other, and the mean over the shutter's time. Keeps no state between pictures.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np

from wayseal.testing.lane.canvas import Array
from wayseal.testing.lane.glass import add_glint, draw_wipers, reflect_card
from wayseal.testing.lane.light import Levels
from wayseal.testing.lane.optics import Card, Matrix, View, Window, bound_card, warp_card
from wayseal.testing.lane.people import Figure
from wayseal.testing.lane.scene import SceneVehicle

WIPES_PER_S = 0.9
GREY = np.array([0.114, 0.587, 0.299], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Inside:
    """One thing behind the glass. `hides` says whether it may hide a face from the truth's point of view."""

    card: Card = field(repr=False)
    figure: Figure | None = None
    hides: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class VehicleModel:
    """A vehicle ready to be drawn. `behind` is drawn before the glass, `before` after it; both from far to near."""

    number: int
    vehicle: SceneVehicle
    behind: tuple[Card, ...]
    inside: tuple[Inside, ...]
    panes: tuple[Card, ...]
    outlines: tuple[Matrix, ...]
    before: tuple[Card, ...]
    drops: Card | None
    plate: Card | None
    body: Matrix
    """Corners of the boxes that hold the whole body, (n, 3)."""
    lamps: Matrix
    sky: Array = field(repr=False)
    wiping: bool = False

    @property
    def figures(self) -> list[Figure]:
        """Everybody and everything behind the glass that the truth speaks of."""
        return [item.figure for item in self.inside if item.figure is not None]


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A part of the picture with one vehicle on it: premultiplied linear RGBA, and what came through the glass.

    `through` and `mirrored` are the brightness behind the glass and on it, within `glass`; None when no glass is seen.
    """

    window: Window
    pixels: Array = field(repr=False)
    glass: Window | None = None
    through: Array | None = field(default=None, repr=False)
    mirrored: Array | None = field(default=None, repr=False)


def _lay(target: Array, window: Window, card: Card, view: View, light: Array | None = None) -> None:
    """Lay a card over a window of premultiplied light, in place; `light` colours it."""
    part = bound_card(card, view, window)
    if part is None:
        return
    layer = warp_card(card, view, part)
    region = target[part[1] - window[1] : part[3] - window[1], part[0] - window[0] : part[2] - window[0]]
    # OpenCV's arithmetic is several times quicker here than broadcasting over four channels.
    rest = 1 - layer[..., 3]
    cv2.multiply(region, cv2.merge([rest] * 4), dst=region)
    if light is not None:
        cv2.multiply(layer, np.array([*light, 1.0], np.float64), dst=layer)
    cv2.add(region, layer, dst=region)


def bound_vehicle(model: VehicleModel, views: list[View], limit: Window) -> Window | None:
    """Return the window that a vehicle and its shadow cover in any of the views; None when they are out of the picture."""
    windows = [
        found
        for view in views
        for card in (*model.behind, *model.before)
        if (found := bound_card(card, view, limit)) is not None
    ]
    if not windows:
        return None
    spans = np.array(windows)
    low, high = spans[:, :2].min(axis=0), spans[:, 2:].max(axis=0)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def draw_vehicle(model: VehicleModel, view: View, window: Window, levels: Levels) -> Layer:
    """Return one vehicle at one place, as the camera sees it through an infinitely short shutter."""
    pixels = np.zeros((window[3] - window[1], window[2] - window[0], 4), np.float32)
    outside = levels.outside * levels.falloff(float(view.place[2]))
    for card in model.behind:
        _lay(pixels, window, card, view, outside)
    seen: list[tuple[Window, Array, Array]] = []
    for pane in model.panes:
        part = bound_card(pane, view, window)
        if part is not None:
            through, mirrored = _look_through(model, view, part, levels)
            cover = np.atleast_3d(warp_card(pane, view, part))
            region = pixels[
                part[1] - window[1] : part[3] - window[1], part[0] - window[0] : part[2] - window[0]
            ]
            region *= 1 - cover
            region[..., :3] += (through + mirrored) * cover
            region[..., 3:] += cover
            seen.append((part, through @ GREY, mirrored @ GREY))
    for card in model.before:
        _lay(pixels, window, card, view, outside)
    if model.wiping:
        sweep = 0.5 - 0.5 * float(np.cos(2 * np.pi * WIPES_PER_S * _way(view) / model.vehicle.speed_m_s))
        _lay(pixels, window, draw_wipers(model.vehicle.shape, sweep), view, outside)
    if levels.lamps > 0:
        _shine(pixels, window, model, view, levels.lamps)
    return Layer(window, pixels, *seen[0]) if seen else Layer(window, pixels)


def _look_through(model: VehicleModel, view: View, part: Window, levels: Levels) -> tuple[Array, Array]:
    """Return the light that comes through the glass and the light that it reflects, (rows, columns, 3) each."""
    inner = np.zeros((part[3] - part[1], part[2] - part[0], 4), np.float32)
    for item in model.inside:
        _lay(inner, part, item.card, view)
    share = model.vehicle.transmission**levels.passes
    through = inner[..., :3] * (levels.cabin * levels.falloff(float(view.place[2])) * share)
    mirrored = np.zeros_like(through)
    _mirror_sky(mirrored, part, reflect_card(model.sky, model.panes[0], _way(view)), view, levels)
    if model.drops is not None:
        drops = np.zeros_like(inner)
        _lay(drops, part, model.drops, view, levels.outside)
        through = through * (1 - drops[..., 3:])
        mirrored = mirrored * (1 - drops[..., 3:]) + drops[..., :3]
    if levels.glint > 0:
        spot = view.project(model.outlines[0][:1] * 0.4 + model.outlines[0][3:4] * 0.6)[0]
        add_glint(mirrored, spot - np.array(part[:2]), 0.16 * view.px_per_m, levels.glint)
    return through, mirrored


def _way(view: View) -> float:
    """Return how far a vehicle has come along its way, in metres from a fixed point beyond the far end."""
    return float(100.0 - view.place[2] - view.place[0])


def _mirror_sky(mirrored: Array, part: Window, sky: Card, view: View, levels: Levels) -> None:
    """Add the reflected sky to a window of light, in place."""
    window = bound_card(sky, view, part)
    if window is not None:
        rows = slice(window[1] - part[1], window[3] - part[1])
        columns = slice(window[0] - part[0], window[2] - part[0])
        mirrored[rows, columns] += warp_card(sky, view, window) * levels.mirrored


def _shine(pixels: Array, window: Window, model: VehicleModel, view: View, strength: float) -> None:
    """Add the headlamps' light and its halo in the lens, in place."""
    scale = view.px_per_m
    for lamp in view.project(model.lamps):
        if np.isnan(lamp).any():
            continue
        reach = int(0.75 * scale) + 2
        x0, y0 = max(window[0], int(lamp[0]) - reach), max(window[1], int(lamp[1]) - reach)
        x1, y1 = min(window[2], int(lamp[0]) + reach), min(window[3], int(lamp[1]) + reach)
        if x1 <= x0 or y1 <= y0:
            continue
        y, x = np.mgrid[y0:y1, x0:x1].astype(np.float32)
        far = ((x - lamp[0]) ** 2 + (y - lamp[1]) ** 2) / scale**2
        glow = 5.0 * np.exp(-far / 0.0026) + 0.42 * np.exp(-far / 0.030) + 0.09 * np.exp(-far / 0.16)
        part = pixels[y0 - window[1] : y1 - window[1], x0 - window[0] : x1 - window[0]]
        part[..., :3] += (strength * glow)[..., None] * np.array([0.94, 1.0, 1.0], np.float32)


def expose_vehicle(model: VehicleModel, views: list[View], window: Window, levels: Levels) -> Layer:
    """Return the mean, in linear light, of the vehicle at each place it takes while the shutter is open."""
    layers = [draw_vehicle(model, view, window, levels) for view in views]
    middle = layers[len(layers) // 2]
    if len(layers) == 1:
        return middle
    mean: Array = np.asarray(np.mean([layer.pixels for layer in layers], axis=0), np.float32)
    return Layer(window, mean, middle.glass, middle.through, middle.mirrored)
