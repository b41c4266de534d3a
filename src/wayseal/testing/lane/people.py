"""Who and what sits behind the glass: people, and things that only look like people.

Owns how a photograph's head gets a body, and where its eyes come to be. Each figure is a card of its own.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np

from wayseal.model.border import Seat
from wayseal.testing.lane.canvas import (
    Array,
    Canvas,
    Colour,
    mirror_outline,
    smooth_outline,
    to_linear,
)
from wayseal.testing.lane.faces import Head, cut_head
from wayseal.testing.lane.measures import hang_card
from wayseal.testing.lane.optics import Card, Matrix
from wayseal.testing.lane.scene import INTER_EYE_M, Distractor, SceneOccupant, Thing

SHIRTS: tuple[Colour, ...] = (
    (122, 84, 60), (58, 62, 150), (196, 190, 184), (70, 110, 82), (52, 50, 48), (150, 120, 160), (84, 140, 186), (110, 104, 60),
)  # fmt: skip
SHIRT_UP, SHIRT_SIZE = -0.36, 0.48
"""Where the eyes of a face printed on a shirt are, in metres from the wearer's, and its share of life size."""
FACE_WIDTH, FACE_HEIGHT, FACE_ABOVE = 2.15, 2.65, 0.88
"""A face box in units of the distance between the eyes: its width, its height, and its top above the eyes."""
# A dog's colours, blue, green, red.
_FUR, _MASK, _DARK = (108, 146, 172), (52, 66, 78), (16, 18, 20)


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """Somebody or something behind the glass: its card, where the eyes are, and the box around it in card metres."""

    seat: Seat | None
    card: Card = field(repr=False)
    eyes: Matrix | None
    """(2, 3): the eye on the picture's left, then the other, in the vehicle's axes."""
    occupant: SceneOccupant | None = None
    distractor: Distractor | None = None
    shirt: Distractor | None = None
    shirt_eyes: Matrix | None = None


def draw_figure(
    occupant: SceneOccupant, place: Matrix, rng: np.random.Generator, shirt: Distractor | None
) -> Figure:
    """Return an occupant: the head of the photograph on a drawn body with a seat belt, eyes at `place` give or take 2 cm."""
    head = cut_head(occupant.face)
    eye = place + np.array([rng.normal(0, 0.012), rng.normal(0, 0.012), 0.0])
    scale = min(max(head.px_per_m, 500.0), 1000.0)
    sheet = Canvas(-0.30, -0.52, 0.30, 0.20, px_per_m=scale)
    draw_torso(
        sheet, head.skin, SHIRTS[int(rng.integers(len(SHIRTS)))], belt=1 if place[0] > 0 else -1, head=head
    )
    printed_size = (shirt.size if shirt is not None else 0.0) or SHIRT_SIZE
    if shirt is not None and shirt.face is not None:
        paste_head(sheet, cut_head(shirt.face), (0.0, SHIRT_UP), printed_size)
    shade_cabin(sheet, place)
    if occupant.hidden:
        visor = [(-0.2, -0.02), (0.2, -0.02), (0.2, 0.19), (-0.2, 0.19)]
        sheet.fill(visor, (40, 42, 44))
        sheet.fill([(-0.13, -0.16), (0.13, -0.16), (0.13, 0.0), (-0.13, 0.0)], (30, 31, 33), soft_m=0.02)
    card = hang_card(sheet, eye)
    printed = eye + np.array([0.0, SHIRT_UP, 0.0])
    shirt_eyes = span_eyes(printed, printed_size) if shirt is not None else None
    return Figure(occupant.seat, card, span_eyes(eye), occupant, shirt=shirt, shirt_eyes=shirt_eyes)


def draw_torso(sheet: Canvas, skin: Array, shirt: Colour, *, belt: int, head: Head) -> None:
    """Draw neck, head and clothed shoulders around eyes at (0, 0)."""
    neck = [(-0.056, -0.06), (0.056, -0.06), (0.064, -0.26), (-0.064, -0.26)]
    shadow = np.clip(0.30 + 2.6 * (-0.10 - sheet.heights()), 0.30, 0.72) * np.ones_like(sheet.offsets())
    sheet.fill(neck, skin * shadow[..., None].astype(np.float32), soft_m=0.006)
    paste_head(sheet, head, (0.0, 0.0), 1.0)
    side = [(0.060, -0.158), (0.085, -0.185), (0.17, -0.222), (0.222, -0.285), (0.24, -0.40), (0.235, -0.52)]
    outline = [*mirror_outline(side)[::-1], (0.0, -0.225), *side]
    cover = sheet.mask(outline, 0.0025)
    fold = 0.82 + 0.22 * np.cos(sheet.offsets() * 15) * np.exp(sheet.heights() * 2)
    light = np.clip(1.2 + 1.1 * (sheet.heights() + 0.2), 0.35, 1.1) * fold
    tone = _cloth(shirt, light)
    sheet.paint(cover, tone)
    sheet.stroke(
        [(-0.06, -0.158), (0.0, -0.225), (0.06, -0.158)], (20, 20, 20), 0.010, soft_m=0.006, opacity=0.45
    )
    strap = [(belt * 0.115, -0.19), (belt * 0.155, -0.20), (-belt * 0.14, -0.52), (-belt * 0.19, -0.52)]
    sheet.paint(sheet.mask(strap, 0.001) * cover, (34, 33, 33), 0.92)


def _cloth(shirt: Colour, light: Array) -> Array:
    """Return a shirt's linear colour under a map of light, as a picture."""
    tone: Array = to_linear(np.array(shirt, np.float32)) * light[..., None].astype(np.float32)
    return tone


def paste_head(sheet: Canvas, head: Head, eye: tuple[float, float], size: float) -> None:
    """Lay a head over the sheet with the middle of its eyes at `eye` (metres) and `size` times life size."""
    factor = sheet.scale * size / head.px_per_m
    shift = ((eye[0] - sheet.left) * sheet.scale, (sheet.top - eye[1]) * sheet.scale)
    matrix = np.array(
        [[factor, 0, shift[0] - head.eye[0] * factor], [0, factor, shift[1] - head.eye[1] * factor]]
    )
    source = head.pixels
    if factor < 0.6:
        source = cv2.GaussianBlur(source, (0, 0), 0.4 / factor)
    rows, columns = sheet.pixels.shape[:2]
    layer = cv2.warpAffine(source, matrix, (columns, rows), flags=cv2.INTER_LINEAR)
    sheet.lay(layer)


def shade_cabin(sheet: Canvas, place: Matrix) -> None:
    """Darken what is painted towards the roof and away from the side window, around eyes at (0, 0) on a seat."""
    roof_shade = np.clip(1.02 - 3.2 * np.clip(sheet.heights() - 0.01, 0, None), 0.55, 1.02)
    window = 1 + 0.55 * sheet.offsets() * np.sign(place[0])
    sheet.shade((roof_shade * window).astype(np.float32))


def span_eyes(middle: Matrix, size: float = 1.0) -> Matrix:
    """Return both eyes, (2, 3), of a face of `size` times life size with the middle between them at `middle`."""
    half = np.array([INTER_EYE_M * size / 2, 0.0, 0.0])
    return np.stack([middle - half, middle + half])


def draw_dog(place: Matrix, seat: Seat, distractor: Distractor) -> Figure:
    """Return a dog that sits up and looks out: pricked ears, a dark mask, a long muzzle below small wide-set eyes."""
    sheet = Canvas(-0.28, -0.50, 0.28, 0.24, px_per_m=600)
    _paint_chest(sheet)
    for sign in (1, -1):
        _paint_ear(sheet, sign)
    _paint_face(sheet)
    for sign in (1, -1):
        pupil = [
            (sign * 0.064 + 0.0085 * np.cos(a), 0.008 + 0.0065 * np.sin(a)) for a in np.linspace(0, 6.3, 24)
        ]
        sheet.fill(pupil, _DARK, soft_m=0.001)
    grain = np.random.default_rng(3).normal(1, 0.30, sheet.pixels.shape[:2]).astype(np.float32)
    sheet.shade(np.clip(cv2.GaussianBlur(grain, (0, 0), sigmaX=0.8, sigmaY=2.4) * 1.0, 0.7, 1.3))
    return Figure(seat, hang_card(sheet, place - np.array([0, 0.06, 0])), None, None, distractor)


def _paint_chest(sheet: Canvas) -> None:
    """Paint a dog's chest with a light bib."""
    chest = [
        (-0.09, -0.02), (0.09, -0.02), (0.15, -0.16), (0.20, -0.34), (0.19, -0.5), (-0.19, -0.5), (-0.20, -0.34), (-0.15, -0.16),
    ]  # fmt: skip
    sheet.fill(smooth_outline(chest, 6), _FUR, soft_m=0.014)
    bib = [(-0.05, -0.14), (0.05, -0.14), (0.08, -0.32), (0.05, -0.5), (-0.05, -0.5), (-0.08, -0.32)]
    sheet.fill(smooth_outline(bib, 6), (206, 216, 222), soft_m=0.02)


def _paint_ear(sheet: Canvas, sign: int) -> None:
    """Paint a dog's ear, on the right with 1 and on the left with -1."""
    ear = [
        (sign * x, y) for x, y in ((0.035, 0.075), (0.065, 0.20), (0.105, 0.215), (0.125, 0.09), (0.10, 0.02))
    ]
    sheet.fill(smooth_outline(ear, 6), _MASK, soft_m=0.004)
    inside = [
        (sign * (x + 0.022), y) for x, y in ((0.035, 0.085), (0.052, 0.16), (0.074, 0.17), (0.075, 0.085))
    ]
    sheet.fill(smooth_outline(inside, 6), (130, 140, 176), soft_m=0.008, opacity=0.7)


def _paint_face(sheet: Canvas) -> None:
    """Paint a dog's head with its mask, its muzzle and the light on its nose; its eyes are still to come."""
    head = [
        (-0.10, 0.05), (-0.045, 0.092), (0.045, 0.092), (0.10, 0.05), (0.115, -0.02), (0.07, -0.09), (-0.07, -0.09), (-0.115, -0.02),
    ]  # fmt: skip
    sheet.fill(smooth_outline(head, 8), _FUR, soft_m=0.008)
    saddle = [
        (-0.085, 0.055), (0.0, 0.085), (0.085, 0.055), (0.09, 0.0), (0.035, 0.01), (0.02, -0.05), (-0.02, -0.05), (-0.035, 0.01),
        (-0.09, 0.0),
    ]  # fmt: skip
    sheet.fill(smooth_outline(saddle, 6), _MASK, soft_m=0.012)
    muzzle = [
        (-0.030, 0.015), (0.030, 0.015), (0.052, -0.07), (0.050, -0.145), (0.0, -0.17), (-0.050, -0.145), (-0.052, -0.07),
    ]  # fmt: skip
    sheet.fill(smooth_outline(muzzle, 8), _MASK, soft_m=0.008)
    nose = [(-0.032, -0.095), (0.032, -0.095), (0.024, -0.130), (0.0, -0.142), (-0.024, -0.130)]
    sheet.fill(smooth_outline(nose, 6), _DARK, soft_m=0.002)
    shine = [(-0.012, -0.100), (0.008, -0.100), (0.006, -0.106), (-0.010, -0.106)]
    sheet.fill(shine, (150, 150, 150), soft_m=0.003)


def draw_phone(place: Matrix, seat: Seat, distractor: Distractor) -> Figure:
    """Return a telephone held up beside the cheek by a hand."""
    sheet = Canvas(-0.12, -0.22, 0.12, 0.12, px_per_m=600)
    hand = smooth_outline([(-0.05, -0.2), (-0.055, -0.05), (0.0, 0.0), (0.05, -0.04), (0.06, -0.2)], 6)
    sheet.fill(hand, (120, 150, 190), soft_m=0.004)
    sheet.fill([(-0.036, -0.07), (0.036, -0.07), (0.036, 0.075), (-0.036, 0.075)], (22, 22, 24))
    outward = 0.115 if place[0] > 0 else -0.115
    return Figure(seat, hang_card(sheet, place + np.array([outward, -0.05, -0.06])), None, None, distractor)


def draw_print(distractor: Distractor, eye: Matrix, size: float) -> Figure:
    """Return a printed face on a sheet of paper: a poster on a seat, or a sticker on the glass."""
    if distractor.face is None:
        sheet = Canvas(-0.09, -0.11, 0.09, 0.09, px_per_m=600)
        sheet.fill([(-0.08, -0.10), (0.08, -0.10), (0.08, 0.08), (-0.08, 0.08)], (200, 220, 230))
        return Figure(distractor.seat, hang_card(sheet, eye), None, None, distractor)
    margin = 0.145 * size
    sheet = Canvas(-margin, -margin * 1.25, margin, margin, px_per_m=700)
    sheet.fill(
        [(-margin, -margin * 1.25), (margin, -margin * 1.25), (margin, margin), (-margin, margin)],
        (206, 222, 228),
    )
    paste_head(sheet, cut_head(distractor.face), (0.0, 0.0), size)
    bottom = sheet.mask(
        [
            (-margin, -margin * 1.25),
            (margin, -margin * 1.25),
            (margin, -margin * 0.95),
            (-margin, -margin * 0.95),
        ]
    )
    sheet.paint(bottom, (150, 90, 40))
    return Figure(distractor.seat, hang_card(sheet, eye), span_eyes(eye, size), None, distractor)


def draw_distractor(distractor: Distractor, place: Matrix) -> Figure | None:
    """Return what stands for a distractor at a place (eyes on a seat, or a spot on the glass).

    None for what is drawn with an occupant (a shirt) or elsewhere (head-rests, walls).
    """
    if distractor.thing is Thing.STICKER:
        return draw_print(distractor, place, distractor.size or 0.36)
    if distractor.seat is None or distractor.thing in (Thing.SHIRT, Thing.HEADREST, Thing.WALL_POSTER):
        return None
    if distractor.thing is Thing.DOG:
        return draw_dog(place, distractor.seat, distractor)
    if distractor.thing is Thing.PHONE:
        return draw_phone(place, distractor.seat, distractor)
    return draw_print(distractor, place, distractor.size or 0.85)
