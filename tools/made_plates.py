"""Draw number plates as a lane's camera might see them: the text is made up, the typefaces are free ones, nothing is photographed.

`draw_sample(faces, seed)` is deterministic. What varies: typeface, weight and width of the letters, gaps, hyphens, emblems and stacked
letters (which are no characters), words above and below, rims, bolts, colours and shadows; then tilt, slant, size (characters of 9 to 42
pixels), defocus, smear, noise, sharpening and compression; and the outline is off by as much as a text detector's.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from wayseal.vision.plate.geometry import Quad, grow_quad, rectify
from wayseal.vision.plate.grammar import DIGITS, LETTERS, load_jurisdictions
from wayseal.vision.plate.recognise import stretch_contrast

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]
TALL = 60
"""Height of a drawn character in pixels, before the camera."""
SLASHED = ("overpass-mono", "b612-mono", "roboto-mono", "red-hat-mono", "share-tech-mono", "DejaVuSansMono")
"""Typefaces whose zero has a stroke or dot, which plates' zeros have not: their O stands for it."""
PATTERNS = [pattern for one in load_jurisdictions() for pattern in one.patterns]


@dataclass(frozen=True)
class Sample:
    """One drawn plate: its text, the picture, and the outline of the number in it; `height` of the characters in pixels."""

    text: str
    picture: Picture
    outline: Quad
    height: float


def find_faces(folder: Path) -> list[str]:
    """Return the typeface files under a folder that are used: Latin, upright, regular to black, in a fixed order."""
    found = folder.rglob("*latin-[4-9]00-normal.woff")
    return [str(path) for path in sorted(found, key=lambda path: path.name)]


def draw_sample(faces: Sequence[str], seed: int) -> Sample:
    """Return the plate that a seed stands for."""
    rng = random.Random(seed)  # noqa: S311 - drawings are seeded on purpose
    text = make_text(rng)
    scene, outline = _draw_scene(rng, faces, text)
    height = float(np.exp(rng.uniform(np.log(9), np.log(42))))
    picture, seen = _photograph(rng, scene, outline, height)
    rough = grow_quad(seen, rng.gauss(0.05, 0.08), rng.gauss(0.08, 0.07))
    rough = rough + np.array([rng.gauss(0, 0.04 * height), rng.gauss(0, 0.03 * height)], np.float32)
    off = [[rng.gauss(0, 0.03 * height), rng.gauss(0, 0.03 * height)] for _ in range(4)]
    return Sample(text, picture, np.asarray(rough + np.array(off), np.float32), height)


def look_at(sample: Sample, seed: int, count: int) -> list[Picture]:
    """Return a plate rectified in some of the ways in which the reader looks at one."""
    rng = random.Random(seed)  # noqa: S311 - drawings are seeded on purpose
    crops = []
    for _ in range(count):
        quad = grow_quad(sample.outline, 0.15, rng.uniform(-0.1, 0.1))
        crop = rectify(sample.picture, quad, stretch=rng.choice((1.0, 1.15, 1.4, 1.6)))
        crops.append(stretch_contrast(crop) if rng.random() < 0.6 else crop)
    return crops


def make_text(rng: random.Random) -> str:
    """Return a plate's text: mostly of a series somebody issues, else of runs of letters and digits, or of anything."""
    if rng.random() < 0.6:
        return "".join(rng.choice(LETTERS if sign == "A" else DIGITS) for sign in rng.choice(PATTERNS))
    length = rng.choices((4, 5, 6, 7, 8), (1, 3, 6, 6, 2))[0]
    if rng.random() < 0.5:
        return "".join(rng.choice(LETTERS + DIGITS) for _ in range(length))
    signs, letters = "", rng.random() < 0.5
    for _ in range(length):
        letters ^= rng.random() < 0.25
        signs += rng.choice(LETTERS if letters else DIGITS)
    return signs


@lru_cache(maxsize=20_000)
def _glyph(face: str, sign: str) -> Picture:
    """Return one character's ink, cut to its edges."""
    font = ImageFont.truetype(face, 90)
    x0, y0, x1, y1 = font.getbbox(sign)
    sheet = Image.new("L", (round(x1 - x0) + 4, round(y1 - y0) + 4), 0)
    ImageDraw.Draw(sheet).text((2 - x0, 2 - y0), sign, font=font, fill=255)
    ink = np.asarray(sheet)
    rows, columns = np.flatnonzero(ink.max(axis=1) > 60), np.flatnonzero(ink.max(axis=0) > 60)
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


@dataclass
class _Line:
    """The number's line while it is written: ink of characters, ink of emblems, and how far it has come."""

    ink: Picture
    emblems: Picture
    across: int = 4


def _write_line(rng: random.Random, faces: Sequence[str], text: str) -> _Line:
    """Return a line of tall characters with what stands between and beside them."""
    face = rng.choice(faces)
    squeeze = rng.uniform(0.75, 1.1) if rng.random() < 0.7 else rng.uniform(0.6, 1.3)
    even = rng.choice((0.0, 0.5, 0.75, 1.0))
    cell = rng.uniform(22, 36)
    gap = rng.uniform(3, 12) if rng.random() < 0.8 else rng.uniform(1, 16)
    shapes = _choose_shapes(rng, face)
    line = _Line(np.zeros((72, 1400), np.uint8), np.zeros((72, 1400), np.uint8))
    place = rng.randrange(1, len(text)) if rng.random() < 0.6 else -1
    before, after = rng.random() < 0.08, rng.random() < 0.08
    if before:
        _add_sign(rng, line, faces, rng.choice(("stack", "emblem")), gap)
    for index, sign in enumerate(text):
        if index == place:
            kinds = ("gap", "dash", "dot", "emblem")
            _add_sign(rng, line, faces, rng.choices(kinds, (35, 25, 15, 25))[0], gap)
        _add_character(line, face, shapes.get(sign, sign), squeeze, (cell, even))
        line.across += round(gap)
    if after:
        _add_sign(rng, line, faces, rng.choice(("stack", "emblem")), gap)
    width = line.across + 8
    return _Line(_change_stroke(rng, line.ink[:, :width]), line.emblems[:, :width], line.across)


def _choose_shapes(rng: random.Random, face: str) -> dict[str, str]:
    """Return which characters are drawn as others: many issuers use one shape for O and zero, some for I and one."""
    slashed = any(name in face for name in SLASHED)
    shapes = {}
    if slashed or rng.random() < 0.5:
        shapes["0"] = "O"
    elif rng.random() < 0.3:
        shapes["O"] = "0"
    if rng.random() < 0.1:
        shapes["1"] = "I"
    return shapes


def _add_character(line: _Line, face: str, sign: str, squeeze: float, common: tuple[float, float]) -> None:
    """Write one character at the line's end. `common` is a width that all have on many plates, W and M too, and how nearly."""
    ink = _glyph(face, sign)
    scale = TALL / _glyph(face, "E").shape[0]
    tall = min(66 if sign == "Q" else 64, max(1, round(ink.shape[0] * scale)))
    wide = ink.shape[1] * scale * squeeze
    if sign not in "I1":
        wide += common[1] * (common[0] - wide)
    drawn = cv2.resize(ink, (max(4, round(wide)), tall), interpolation=cv2.INTER_AREA)
    top = 6 + max(0, TALL - tall) if tall <= TALL + 2 else 5
    spot = line.ink[top : top + tall, line.across : line.across + drawn.shape[1]]
    np.maximum(spot, drawn[: spot.shape[0]], out=spot)
    line.across += drawn.shape[1]


def _add_sign(rng: random.Random, line: _Line, faces: Sequence[str], kind: str, gap: float) -> None:
    """Put what is no character at the line's end: a gap, a hyphen, a dot, an emblem, or two small letters, one above the other."""
    x = line.across
    wide = {"gap": (4, 30), "dash": (8, 18), "dot": (8, 14), "emblem": (18, 45), "stack": (16, 26)}[kind]
    width = rng.randint(*wide)
    if kind == "dash":
        line.ink[30:38, x + 1 : x + width - 2] = 255
    elif kind == "dot":
        cv2.circle(line.ink, (x + width // 2, rng.choice((34, 34, 58))), max(2, width // 3), 255, -1)
    elif kind == "emblem":
        _draw_emblem(rng, line.emblems, x, width)
    elif kind == "stack":
        face = rng.choice(faces)
        for top in (6, 37):
            small = cv2.resize(_glyph(face, rng.choice(LETTERS + DIGITS)), (width, 27))
            line.ink[top : top + 27, x : x + width] = small
    line.across += width + round(gap)


def _draw_emblem(rng: random.Random, sheet: Picture, x: int, width: int) -> None:
    """Draw a ring, a ragged shape or a few strokes."""
    middle, kind = (x + width // 2, 36), rng.random()
    if kind < 0.3:
        cv2.ellipse(sheet, middle, (width // 2, rng.randrange(8, 28)), 0, 0, 360, 255, rng.choice((-1, 2, 3)))
    elif kind < 0.7:
        turns = np.linspace(0, 2 * np.pi, rng.randrange(4, 12), endpoint=False)
        points = [
            (
                middle[0] + width / 2 * rng.uniform(0.4, 1) * np.cos(turn),
                middle[1] + 26 * rng.uniform(0.4, 1) * np.sin(turn),
            )
            for turn in turns
        ]
        cv2.fillPoly(sheet, [np.array(points, np.int32)], rng.randrange(120, 256))
    else:
        for _ in range(rng.randrange(2, 6)):
            ends = [(x + rng.randrange(width), rng.randrange(8, 64)) for _ in range(2)]
            cv2.line(sheet, *ends, 255, rng.randrange(1, 5))


def _change_stroke(rng: random.Random, ink: Picture) -> Picture:
    """Return the ink a little bolder, a little thinner, or as it is."""
    kind = rng.random()
    if kind < 0.25:
        return cv2.dilate(ink, np.ones((rng.choice((2, 3)), rng.choice((2, 3, 4))), np.uint8))
    if kind < 0.4:
        return cv2.erode(ink, np.ones((2, rng.choice((1, 2))), np.uint8))
    return ink


def _choose_colours(rng: random.Random) -> tuple[Floats, Floats]:
    """Return the ground's and the ink's colour: dark on light four times in five."""
    if rng.random() < 0.2:
        ground = [rng.uniform(0, 110) for _ in range(3)]
        if rng.random() < 0.5:
            ground = [float(np.mean(ground))] * 3
        ink = [255 - part * rng.uniform(0, 0.4) for part in ground]
    else:
        light = rng.uniform(150, 250)
        ground = [min(255.0, light + rng.uniform(-25, 10)) for _ in range(3)]
        if rng.random() < 0.2:
            ground[rng.randrange(3)] *= rng.uniform(0.3, 0.9)
        dark = rng.uniform(0, 0.5) * light
        ink = [dark * rng.uniform(0.3, 1) for _ in range(3)]
        if rng.random() < 0.3:
            ink[rng.randrange(3)] = rng.uniform(0.3, 0.75) * light
    return np.array(ground, np.float32), np.array(ink, np.float32)


def _draw_scene(rng: random.Random, faces: Sequence[str], text: str) -> tuple[Floats, Quad]:
    """Return a plate's picture as floats, BGR, and the outline of its number."""
    line = _write_line(rng, faces, text)
    ground, ink = _choose_colours(rng)
    high, wide = line.ink.shape
    up, low, side = rng.randrange(30, 70), rng.randrange(24, 60), rng.randrange(20, 80)
    sheet = np.empty((high + up + low, wide + 2 * side, 3), np.float32)
    sheet[:] = ground
    if rng.random() < 0.4:
        coarse = np.array([[rng.uniform(-40, 40) for _ in range(5)] for _ in range(3)], np.float32)
        cloud = cv2.resize(coarse, (sheet.shape[1], sheet.shape[0]), interpolation=cv2.INTER_CUBIC)
        sheet += cloud[..., None] * np.array([rng.random() for _ in range(3)], np.float32)
    rows, columns = slice(up, up + high), slice(side, side + wide)
    emblem = _any_colour(rng) if rng.random() < 0.7 else ink
    _paint(sheet[rows, columns], line.emblems, emblem, rng.uniform(0.3, 1))
    if rng.random() < 0.25:
        raised = (np.roll(line.ink, (-2, -2), (0, 1)) > 128) & (line.ink < 100)
        sheet[rows, columns] += (rng.uniform(10, 60) * raised)[..., None]
    _print_words(rng, sheet, faces, ink, (up, up + high))
    if rng.random() < 0.6:
        _draw_rim(rng, sheet, ink, (side, up, low))
    _paint(sheet[rows, columns], line.ink, ink, 1.0)
    if rng.random() < 0.3:
        for _ in range(rng.choice((1, 2))):
            y = rng.choice((up - rng.randrange(4, 24), up + high + rng.randrange(4, 18)))
            grey = rng.uniform(20, 200)
            cv2.circle(sheet, (rng.randrange(sheet.shape[1]), y), rng.randrange(4, 9), (grey,) * 3, -1)
    left, right = side + 2, side + wide - 4
    return sheet, np.array([(left, up + 6), (right, up + 6), (right, up + 66), (left, up + 66)], np.float32)


def _any_colour(rng: random.Random) -> Floats:
    """Return any colour."""
    return np.array([rng.uniform(0, 255) for _ in range(3)], np.float32)


def _paint(part: Floats, ink: Picture, colour: Floats, share: float) -> None:
    """Lay a colour on a part of a picture where there is ink."""
    part += (colour - part) * (ink[..., None] / np.float32(255) * share)


def _print_words(
    rng: random.Random, sheet: Floats, faces: Sequence[str], ink: Floats, rows: tuple[int, int]
) -> None:
    """Print small words above and below the number."""
    cover = Image.new("L", (sheet.shape[1], sheet.shape[0]), 0)
    for above in (True, False):
        if rng.random() < 0.6:
            font = ImageFont.truetype(rng.choice(faces), rng.randrange(14, 24))
            letters = LETTERS if rng.random() < 0.6 else LETTERS.lower()
            word = "".join(rng.choice(letters) for _ in range(rng.randrange(4, 14)))
            _, top, across, bottom = font.getbbox(word)
            y = rows[0] - rng.randrange(2, 14) - bottom if above else rows[1] + rng.randrange(10) - top
            x = max(0, (sheet.shape[1] - across) // 2 + rng.randrange(-20, 20))
            ImageDraw.Draw(cover).text((x, y), word, font=font, fill=255)
    _paint(sheet, np.asarray(cover), ink if rng.random() < 0.5 else _any_colour(rng), 1.0)


def _draw_rim(rng: random.Random, sheet: Floats, ink: Floats, room: tuple[int, int, int]) -> None:
    """Draw the plate's rim or its holder's edge somewhere between the number and the picture's edge."""
    side, up, low = room
    colour = ink if rng.random() < 0.5 else _any_colour(rng)
    start = rng.randrange(side - 6), rng.randrange(up - 2)
    end = sheet.shape[1] - rng.randrange(side - 6), sheet.shape[0] - rng.randrange(low - 2)
    cv2.rectangle(sheet, start, end, [float(part) for part in colour], rng.randrange(2, 12))


def _photograph(
    rng: random.Random, sheet: Floats, outline: Quad, height: float
) -> tuple[Picture, NDArray[np.float32]]:
    """Return the plate as a camera sees it with characters of a height in pixels, and its outline there."""
    seen, matrix = _turn_and_shrink(rng, sheet, height / TALL)
    if rng.random() < 0.5:
        coarse = np.array([[rng.uniform(0.5, 1.3) for _ in range(3)] for _ in range(2)], np.float32)
        seen = seen * cv2.resize(coarse, (seen.shape[1], seen.shape[0]))[..., None]
    seen = _blur(rng, seen * rng.uniform(0.35, 1.1) + rng.uniform(0, 30), height)
    noise = rng.uniform(0, 9) if rng.random() < 0.8 else rng.uniform(5, 16)
    channels = 3 if rng.random() < 0.5 else 1
    grain = np.random.default_rng(rng.randrange(1 << 30)).normal(0, noise, (*seen.shape[:2], channels))
    seen = seen + grain.astype(np.float32)
    if rng.random() < 0.3:
        seen = cv2.addWeighted(seen, 1.8, cv2.GaussianBlur(seen, (0, 0), 1.2), -0.8, 0)
    picture = np.clip(seen, 0, 255).astype(np.uint8)
    if rng.random() < 0.15:
        picture = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    packed = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, rng.randrange(35, 96)])[1]
    moved = outline @ matrix[:, :2].T + matrix[:, 2]
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8), np.asarray(moved, np.float32)


def _turn_and_shrink(rng: random.Random, sheet: Floats, scale: float) -> tuple[Floats, Floats]:
    """Return the sheet tilted, slanted and scaled, and the matrix that did it."""
    high, wide = sheet.shape[:2]
    turn, slant, widen = np.radians(rng.gauss(0, 2.5)), rng.gauss(0, 0.08), rng.uniform(0.85, 1.1)
    matrix = scale * np.array(
        [[widen * np.cos(turn), slant - np.sin(turn)], [widen * np.sin(turn), np.cos(turn)]], np.float32
    )
    corners = np.array([(0, 0), (wide, 0), (wide, high), (0, high)], np.float32) @ matrix.T
    size = np.ceil(corners.max(axis=0) - corners.min(axis=0)).astype(int) + 1
    whole = np.hstack([matrix, rng.random() - corners.min(axis=0)[:, None]]).astype(np.float32)
    smooth = cv2.GaussianBlur(sheet, (0, 0), 0.32 / scale) if scale < 0.7 else sheet
    seen = cv2.warpAffine(smooth, whole, (int(size[0]), int(size[1])), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.float32), whole


def _blur(rng: random.Random, seen: Floats, height: float) -> Floats:
    """Return the picture out of focus and, three times in ten, smeared along or across the line."""
    if rng.random() < 0.8:
        seen = np.asarray(cv2.GaussianBlur(seen, (0, 0), rng.uniform(0.2, 0.055 * height + 0.25)))
    if rng.random() < 0.3:
        length = rng.uniform(1, 0.16 * height + 1)
        kernel = np.zeros((9, 9), np.float32)
        bar = np.clip(length / 2 + 0.5 - np.abs(np.arange(9) - 4), 0, 1)
        if rng.random() < 0.6:
            kernel[:, 4] = bar
        else:
            kernel[4] = bar
        seen = np.asarray(cv2.filter2D(seen, -1, kernel / kernel.sum()))
    return seen
