"""Licence plates in the manner of several jurisdictions, drawn with the DejaVu typeface that matplotlib carries.

Owns plate formats and their look. Every text is made up by formula; no plate of a real vehicle is copied.
"""

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from wayseal.model.errors import NotFound
from wayseal.testing.lane.canvas import Array, to_linear
from wayseal.testing.lane.measures import MEASURES
from wayseal.testing.lane.optics import Card, place_card
from wayseal.testing.lane.scene import ScenePlate, Shape

PX_PER_M = 1400.0
_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
_FONTS = "matplotlib/mpl-data/fonts/ttf"


@dataclass(frozen=True, slots=True)
class PlateStyle:
    """How a jurisdiction's plates look. Sizes in metres, colours as red, green, blue; in `form` A is a letter, 9 a digit."""

    region: str
    form: str
    width: float
    height: float
    ground: tuple[int, int, int]
    ink: tuple[int, int, int]
    header: str
    footer: str
    band: tuple[int, int, int] | None = None
    header_ink: tuple[int, int, int] = (20, 40, 120)


STYLES = {
    style.region: style
    for style in (
        PlateStyle("tx", "AAA-9999", 0.305, 0.152, (244, 244, 242), (16, 16, 18), "TEXAS", "The Lone Star State"),
        PlateStyle("ca", "9AAA999", 0.305, 0.152, (246, 246, 244), (28, 36, 96), "California", "dmv.ca.gov", None, (176, 24, 32)),
        PlateStyle("az", "AAA 9999", 0.305, 0.152, (232, 222, 206), (24, 70, 66), "ARIZONA", "Grand Canyon State", (86, 66, 140), (240, 240, 240)),
        PlateStyle("nm", "999-AAA", 0.305, 0.152, (240, 200, 60), (176, 34, 30), "New Mexico USA", "Land of Enchantment", None, (176, 34, 30)),
        PlateStyle("on", "AAAA 999", 0.305, 0.152, (246, 247, 248), (26, 62, 140), "ONTARIO", "Yours to Discover", None, (26, 62, 140)),
        PlateStyle("mx-chh", "AAA-99-99", 0.300, 0.150, (245, 245, 243), (20, 20, 22), "CHIHUAHUA", "MEXICO", (150, 30, 60), (245, 240, 236)),
        PlateStyle("de", "AA AA 9999", 0.520, 0.110, (248, 248, 246), (12, 12, 14), "", "", (20, 58, 150)),
    )
}  # fmt: skip


def make_plate(region: str, rng: np.random.Generator) -> ScenePlate:
    """Return a plate with a random text in a region's format. Raises `NotFound` for an unknown region."""
    style = find_style(region)
    text = "".join(
        str(rng.choice(list(_LETTERS))) if sign == "A" else str(rng.integers(10)) if sign == "9" else sign
        for sign in style.form
    )
    return ScenePlate(text, region)


def find_style(region: str) -> PlateStyle:
    """Return a region's style. Raises `NotFound` for an unknown one."""
    if region not in STYLES:
        raise NotFound(
            f"no plate style for region {region!r}", hint=f"Known regions: {', '.join(sorted(STYLES))}."
        )
    return STYLES[region]


def draw_plate(plate: ScenePlate) -> Array:
    """Return a plate as linear RGBA at 1,400 pixels a metre: rounded corners, header, embossed characters, bolts."""
    style = find_style(plate.region)
    width, height = round(style.width * PX_PER_M), round(style.height * PX_PER_M)
    sheet = Image.new("RGB", (width, height), style.ground)
    pen = ImageDraw.Draw(sheet)
    left = 0
    if style.band is not None and style.header:
        pen.rectangle((0, 0, width, round(height * 0.22)), fill=style.band)
    elif style.band is not None:
        left = round(width * 0.085)
        pen.rectangle((0, 0, left, height), fill=style.band)
    _letter(pen, style, width, height)
    _emboss(sheet, plate.text, style, left)
    for x in (0.22, 0.78):
        if style.header:
            pen.ellipse(
                (width * x - 6, height * 0.07 - 1, width * x + 6, height * 0.07 + 11), fill=(120, 122, 124)
            )
    pen.rounded_rectangle((2, 2, width - 3, height - 3), radius=height * 0.09, outline=style.ink, width=3)
    cover = Image.new("L", (width, height), 0)
    ImageDraw.Draw(cover).rounded_rectangle((0, 0, width - 1, height - 1), radius=height * 0.10, fill=255)
    alpha = np.asarray(cover, np.float32)[..., None] / 255
    light = to_linear(np.ascontiguousarray(np.asarray(sheet)[..., ::-1]))
    return np.concatenate([light * alpha, alpha], axis=2).astype(np.float32)


def _find_font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """Return a face of the DejaVu family (Bitstream Vera licence) from matplotlib's data."""
    path = Path(str(metadata.distribution("matplotlib").locate_file(f"{_FONTS}/{name}.ttf")))
    return ImageFont.truetype(str(path), size)


def _letter(pen: ImageDraw.ImageDraw, style: PlateStyle, width: int, height: int) -> None:
    """Write the jurisdiction's name at the top and its motto at the bottom."""
    if style.header:
        font = _find_font("DejaVuSans-Bold", round(height * 0.145))
        pen.text((width / 2, height * 0.115), style.header, font=font, fill=style.header_ink, anchor="mm")
    if style.footer:
        font = _find_font("DejaVuSans", round(height * 0.085))
        ink = style.ink if style.band else style.header_ink
        pen.text((width / 2, height * 0.915), style.footer, font=font, fill=ink, anchor="mm")


def _emboss(sheet: Image.Image, text: str, style: PlateStyle, left: int) -> None:
    """Write the characters tall and narrow across the plate, with a light edge where the metal is raised."""
    width, height = sheet.size
    top, bottom = (0.235, 0.845) if style.header else (0.13, 0.87)
    room = (width - left) * 0.93, height * (bottom - top)
    font = _find_font("DejaVuSansMono-Bold" if style.header else "DejaVuSans-Bold", 220)
    box = font.getbbox(text)
    mask = Image.new("L", (round(box[2] - box[0]) + 8, round(box[3] - box[1]) + 8), 0)
    ImageDraw.Draw(mask).text((4 - box[0], 4 - box[1]), text, font=font, fill=255)
    wide = min(room[0], room[1] * mask.width / mask.height * 0.86)
    mask = mask.resize((round(wide), round(room[1])), Image.Resampling.LANCZOS)
    spot = (left + round((width - left - mask.width) / 2), round(height * top))
    sheet.paste((255, 255, 255), (spot[0] - 2, spot[1] - 2), mask.point(lambda value: round(value * 0.5)))
    sheet.paste(style.ink, spot, mask)


def hang_plate(plate: ScenePlate, shape: Shape) -> Card:
    """Return a plate as a card on a vehicle's front holder."""
    style, frame = find_style(plate.region), MEASURES[shape]
    up = frame.sill_up + 0.12
    top_left = np.array([-style.width / 2, up + style.height / 2, frame.nose_depth - 0.02])
    across, below = np.array([style.width, 0, 0]), np.array([0, -style.height, 0])
    return place_card(draw_plate(plate), top_left, top_left + across, top_left + below)
