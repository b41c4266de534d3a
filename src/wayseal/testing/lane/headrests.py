"""Head-rests that look like somebody: with holes for eyes, a cap, a hooded jacket or a paper mask on them.

Owns how a dressed head-rest looks and where it stands. Nobody's face is on any of them; plain ones are `cabin`'s.
"""

import cv2
import numpy as np

from wayseal.model.border import Seat
from wayseal.testing.lane.canvas import Canvas, Colour, smooth_outline
from wayseal.testing.lane.measures import hang_card
from wayseal.testing.lane.optics import Matrix
from wayseal.testing.lane.people import SHIRTS, Figure
from wayseal.testing.lane.scene import Distractor

_DEPTH_M = {Seat.DRIVER: 0.84, Seat.FRONT_PASSENGER: 0.84}
_REAR_DEPTH_M = 1.70
_LEATHERS: tuple[Colour, ...] = ((64, 92, 138), (132, 156, 184), (96, 96, 100), (178, 190, 198))
_REST = [(-0.125, -0.095), (-0.135, 0.03), (-0.08, 0.085), (0.08, 0.085), (0.135, 0.03), (0.125, -0.095)]
_DARK: Colour = (16, 17, 19)


def draw_headrest(place: Matrix, seat: Seat, distractor: Distractor, rng: np.random.Generator) -> Figure:
    """Return a head-rest of a pale or brown leather behind the eyes' place on a seat, dressed by chance."""
    sheet = Canvas(-0.28, -0.50, 0.28, 0.24, px_per_m=600)
    leather = _LEATHERS[int(rng.integers(len(_LEATHERS)))]
    cloth = SHIRTS[int(rng.integers(len(SHIRTS)))]
    sheet.fill(smooth_outline(_REST, 6), leather, soft_m=0.003)
    dress = (_cut_holes, _put_cap, _hang_jacket, _hang_mask)[int(rng.integers(4))]
    dress(sheet, cloth)
    grain = cv2.GaussianBlur(rng.normal(1, 0.25, sheet.pixels.shape[:2]).astype(np.float32), (0, 0), 1.2)
    sheet.shade(np.clip(grain, 0.8, 1.2))
    at = np.array([place[0], place[1], _DEPTH_M.get(seat, _REAR_DEPTH_M)])
    return Figure(seat, hang_card(sheet, at), None, None, distractor)


def _cut_holes(sheet: Canvas, _cloth: Colour) -> None:
    """Cut two holes where eyes would be and a slot where a mouth would be."""
    for side in (-0.042, 0.042):
        sheet.fill(_oval(side, 0.012, 0.019, 0.012), _DARK, soft_m=0.002)
    sheet.fill(_oval(0.0, -0.052, 0.040, 0.009), _DARK, soft_m=0.002)


def _put_cap(sheet: Canvas, cloth: Colour) -> None:
    """Put a cap on top, its peak towards the camera and its shadow on the leather."""
    crown = [(-0.10, 0.035), (-0.09, 0.10), (-0.04, 0.145), (0.04, 0.145), (0.09, 0.10), (0.10, 0.035)]
    sheet.fill(_oval(0.0, 0.012, 0.105, 0.026), _DARK, soft_m=0.010, opacity=0.6)
    sheet.fill(smooth_outline(crown, 6), cloth, soft_m=0.002)
    sheet.fill(_oval(0.0, 0.034, 0.105, 0.017), cloth, soft_m=0.002)
    sheet.stroke([(-0.10, 0.04), (0.0, 0.052), (0.10, 0.04)], _DARK, 0.004, soft_m=0.002, opacity=0.7)


def _hang_jacket(sheet: Canvas, cloth: Colour) -> None:
    """Hang a jacket round the seat: shoulders, and its hood over the head-rest."""
    side = [(0.09, -0.13), (0.17, -0.20), (0.225, -0.28), (0.235, -0.50)]
    sheet.fill([*[(-x, y) for x, y in side[::-1]], *side], cloth, soft_m=0.003)
    hood = [(-0.13, -0.14), (-0.145, 0.04), (-0.07, 0.13), (0.07, 0.13), (0.145, 0.04), (0.13, -0.14)]
    inside = [(-0.085, -0.13), (-0.095, 0.03), (-0.04, 0.08), (0.04, 0.08), (0.095, 0.03), (0.085, -0.13)]
    open_rest = sheet.mask(smooth_outline(inside, 6), 0.003)
    sheet.paint(sheet.mask(smooth_outline(hood, 6), 0.003) * (1 - open_rest), cloth)
    sheet.paint(sheet.mask(smooth_outline(inside, 6), 0.012) * open_rest, _DARK, 0.35)
    sheet.stroke([(0.0, -0.15), (0.0, -0.50)], _DARK, 0.006, soft_m=0.002, opacity=0.8)


def _hang_mask(sheet: Canvas, _cloth: Colour) -> None:
    """Hang a pleated paper mask over the lower half, its loops to the sides."""
    paper = [(-0.085, -0.005), (0.085, -0.005), (0.075, -0.085), (0.0, -0.10), (-0.075, -0.085)]
    for sign in (-1, 1):
        sheet.stroke([(sign * 0.085, -0.01), (sign * 0.125, 0.01)], (214, 214, 214), 0.004)
    sheet.fill(paper, (206, 190, 150), soft_m=0.002)
    for height in (-0.03, -0.055, -0.075):
        sheet.stroke([(-0.08, height), (0.08, height)], (120, 110, 90), 0.003, soft_m=0.0015, opacity=0.6)


def _oval(x: float, y: float, wide: float, high: float) -> list[tuple[float, float]]:
    """Return an oval about a point, by its half width and half height in metres."""
    turns = np.linspace(0, 2 * np.pi, 40)
    return [(x + wide * float(np.cos(turn)), y + high * float(np.sin(turn))) for turn in turns]
