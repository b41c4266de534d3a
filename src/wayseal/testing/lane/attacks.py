"""Presentation attacks: somebody's picture shown to the camera where a head would be.

Owns how a print, a tablet and a mask look behind glass. What no lane camera resolves is not drawn: an ink dot is 0.1 mm
and a tablet's pixel the same, where a face camera's pixel is about 1 mm.
"""

import numpy as np

from wayseal.testing.lane.canvas import Array, Canvas, Colour
from wayseal.testing.lane.faces import Head, cut_head
from wayseal.testing.lane.measures import hang_card
from wayseal.testing.lane.optics import Matrix
from wayseal.testing.lane.people import SHIRTS, Figure, draw_torso, paste_head, shade_cabin, span_eyes
from wayseal.testing.lane.scene import Distractor, Light, Thing

GLASS_DEPTH = 0.20
"""Depth of the glass in front of a seat, in the vehicle's axes, where a mask can be stuck."""
_PAPER, _INK = 0.80, 0.04
"""Light that paper and full ink return, as shares of white."""
_A4: tuple[float, float] = (0.105, 0.148)
_SCREEN: tuple[float, float] = (0.080, 0.120)
"""Half width and half height in metres: a sheet of paper, a ten-inch tablet's screen."""
_FACE_CENTRE = -0.012
_SKIN: Colour = (120, 150, 190)
_GLOW = {Light.DAY: 0.9, Light.OVERCAST: 1.3, Light.DUSK: 4.0, Light.STROBE: 1.2, Light.NIR: 0.03}
"""A screen's white over the cabin's: it shines by itself, and sends no near infrared."""


def draw_attack(distractor: Distractor, place: Matrix, light: Light, rng: np.random.Generator) -> Figure:
    """Return the attack `distractor` with the picture's eyes at `place`. Its `face` must be there, and its `seat`."""
    assert distractor.face is not None  # noqa: S101
    head = cut_head(distractor.face)
    sheet = Canvas(-0.30, -0.52, 0.30, 0.24, px_per_m=min(max(head.px_per_m, 500.0), 1000.0))
    eye = place + np.array([rng.normal(0, 0.012), rng.normal(0, 0.012), -0.12])
    rim = bool(rng.integers(2))
    shirt = SHIRTS[int(rng.integers(len(SHIRTS)))]
    if distractor.thing is Thing.WINDOW_MASK:
        eye = np.array([eye[0], eye[1], GLASS_DEPTH])
        sheet.lay(_tone_print(_cut_mask(sheet, head, rim=rim), light))
    elif distractor.thing is Thing.WORN_MASK:
        eye[2] = place[2]
        draw_torso(sheet, head.skin, shirt, belt=1 if place[0] > 0 else -1, head=head)
        sheet.lay(_tone_print(_cut_mask(sheet, head, rim=rim), light))
    else:
        draw_torso(sheet, head.skin, shirt, belt=1 if place[0] > 0 else -1, head=head)
        _hold(sheet, head, light, tablet=distractor.thing is Thing.HELD_TABLET)
    if distractor.thing is not Thing.HELD_TABLET:
        shade_cabin(sheet, place)
    return Figure(distractor.seat, hang_card(sheet, eye), span_eyes(eye), None, distractor)


def _hold(sheet: Canvas, head: Head, light: Light, *, tablet: bool) -> None:
    """Lay a held sheet of paper or a tablet over the head, with a thumb on each side."""
    half = _SCREEN if tablet else _A4
    picture = _draw_picture(sheet, head, half)
    if tablet:
        sheet.fill(_rectangle((half[0] + 0.012, half[1] + 0.012)), (18, 18, 20))
        picture[..., :3] *= (
            np.array([1.12, 1.0, 0.90], np.float32) * _GLOW[light]
        )  # a screen's white is bluish
    else:
        picture = _tone_print(picture, light)
    sheet.lay(picture)
    for sign in (-1, 1):
        thumb = [(sign * (half[0] - 0.012), -0.10), (sign * (half[0] + 0.035), -0.085)]
        lower = [(sign * (half[0] + 0.045), -0.16), (sign * (half[0] - 0.002), -0.125)]
        sheet.fill([*thumb, *lower], _SKIN, soft_m=0.004)


def _draw_picture(sheet: Canvas, head: Head, half: tuple[float, float]) -> Array:
    """Return a life-size portrait on a pale ground, cut to a rectangle, on a layer as large as the sheet."""
    layer = _like(sheet)
    layer.fill(_rectangle((0.3, 0.5)), (214, 210, 206))
    paste_head(layer, head, (0.0, 0.0), 1.0)
    layer.pixels *= sheet.mask(_rectangle(half))[..., None]
    return layer.pixels


def _cut_mask(sheet: Canvas, head: Head, *, rim: bool) -> Array:
    """Return a face cut out of paper along cheeks and hairline, with a white rim where the scissors went wide."""
    wide = 0.005 if rim else 0.0
    layer = _like(sheet)
    layer.fill(_oval(0.077 + wide, 0.106 + wide), (226, 226, 226))
    inner = _like(sheet)
    paste_head(inner, head, (0.0, 0.0), 1.0)
    inner.pixels *= sheet.mask(_oval(0.077, 0.106))[..., None]
    layer.lay(inner.pixels)
    return layer.pixels


def _tone_print(layer: Array, light: Light) -> Array:
    """Return a layer as paper and ink give it back; most inks hardly show in near infrared."""
    contrast = 0.25 if light is Light.NIR else 1.0
    floor = _PAPER - contrast * (_PAPER - _INK)
    cover = layer[..., 3:]
    toned = (floor + contrast * (_PAPER - _INK) * layer[..., :3] / np.maximum(cover, 1e-6)) * cover
    return np.concatenate([toned, cover], axis=2).astype(np.float32)


def _like(sheet: Canvas) -> Canvas:
    """Return an empty sheet of the same size and place."""
    rows, columns = sheet.pixels.shape[:2]
    right, bottom = sheet.left + columns / sheet.scale, sheet.top - rows / sheet.scale
    return Canvas(sheet.left, bottom, right, sheet.top, px_per_m=sheet.scale)


def _rectangle(half: tuple[float, float]) -> list[tuple[float, float]]:
    wide, high = half
    low, top = _FACE_CENTRE - high, _FACE_CENTRE + high
    return [(-wide, low), (wide, low), (wide, top), (-wide, top)]


def _oval(wide: float, high: float) -> list[tuple[float, float]]:
    turns = np.linspace(0, 2 * np.pi, 60)
    return [(wide * float(np.cos(turn)), _FACE_CENTRE - 0.02 + high * float(np.sin(turn))) for turn in turns]
