"""Reading single pictures: drawn plates exactly, and nothing out of nothing."""

import cv2
import numpy as np
import pytest
from drawn import add_noise, draw_plate, draw_scene, tilt_scene, write_caption

from wayseal.vision.plate.choose import is_overlay
from wayseal.vision.plate.geometry import quad_box
from wayseal.vision.plate.reader import PlateReader
from wayseal.vision.plate.still import read_still


@pytest.mark.parametrize("text", ["KT7 H2R", "5QRV204", "NR-482KD", "ABC1D23"])
def test_drawn_plates_exact(plate_reader: PlateReader, text: str) -> None:
    """A clean plate is read to the last character, and its outline lies on it."""
    found = read_still(plate_reader, draw_scene(draw_plate(text)))
    assert found is not None
    assert found.reading.text == text.replace(" ", "").replace("-", "")
    x, y, width, height = quad_box(found.quad)
    assert 215 < x + width / 2 < 520
    assert 200 < y + height / 2 < 260
    assert found.reading.spread.shape == (len(found.reading.text), 36)
    assert found.confidence > 0.5


def test_tilted_dark_noisy(plate_reader: PlateReader) -> None:
    """Twelve degrees of tilt, dusk and sensor noise together still give the plate."""
    scene = tilt_scene(draw_scene(draw_plate("WXY 1847", height=70)), 12.0)
    dark = np.clip(scene * 0.22, 0, 255).astype(np.uint8)
    found = read_still(plate_reader, add_noise(dark, 3.0))
    assert found is not None
    assert found.reading.text == "WXY1847"


@pytest.mark.parametrize("light", [0.08, 0.06])
def test_beside_headlights(plate_reader: PlateReader, light: float) -> None:
    """A plate in the dark between headlights, a little out of focus: no first look finds it, a look with even contrast does."""
    scene = draw_scene(draw_plate("WXY 1847", height=44))
    dark = np.clip(scene * light, 0, 255).astype(np.uint8)
    for across in (140, 560):
        cv2.circle(dark, (across, 150), 40, (255, 255, 255), -1)
    night = add_noise(np.asarray(cv2.GaussianBlur(dark, (0, 0), 1.5), np.uint8), 1.0)
    assert not any("1847" in one.reading.text for one in plate_reader.locate(night))
    found = read_still(plate_reader, night)
    assert found is not None
    assert found.reading.text == "WXY1847"


def test_light_on_dark(plate_reader: PlateReader) -> None:
    """Light characters on a dark plate are read as well."""
    found = read_still(plate_reader, draw_scene(draw_plate("FDR 5207", ink=230, ground=40)))
    assert found is not None
    assert found.reading.text == "FDR5207"


def test_state_name_is_evidence(plate_reader: PlateReader) -> None:
    """A banner with the state's name is not the number, and it tells the region."""
    found = read_still(plate_reader, draw_scene(draw_plate("HJK 4821", height=90, banner="TEXAS")))
    assert found is not None
    assert found.reading.text == "HJK4821"
    assert "TEXAS" in found.printed


def test_overlay_is_not_a_plate(plate_reader: PlateReader) -> None:
    """A camera's time stamp is left out, also when it is the clearest text in the picture."""
    scene = draw_scene(draw_plate("5QRV204", height=46))
    cv2.putText(scene, "2014-05-12 06:12:02", (10, 26), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (255, 255, 255), 2)
    found = read_still(plate_reader, scene)
    assert found is not None
    assert found.reading.text == "5QRV204"


def test_credit_is_not_a_plate(plate_reader: PlateReader) -> None:
    """Words that a photographer laid over the picture open with a copyright sign and are no plate; without it they could be one."""
    empty = np.full((360, 640, 3), 90, np.uint8)
    assert read_still(plate_reader, write_caption(empty, "© SW722", at=(400, 300))) is None
    found = read_still(plate_reader, write_caption(empty, "SW722", at=(400, 300)))
    assert found is not None
    assert found.reading.text == "SW722"


@pytest.mark.parametrize("text", ["20140512", "2O14O512", "20140512061202", "201405120"])
def test_overlay_strings(text: str) -> None:
    """Dates count as overlays also with look-alikes for digits; plates with seven digits do not."""
    assert is_overlay(text)
    assert not is_overlay("2085885")
    assert not is_overlay("1049338")


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 900, 3), (40, 3, 3), (16, 16, 3)])
def test_tiny_pictures(plate_reader: PlateReader, shape: tuple[int, int, int]) -> None:
    """Pictures too small for a plate have none, and do not fail."""
    assert read_still(plate_reader, np.full(shape, 128, np.uint8)) is None


def test_empty_and_noisy_pictures(plate_reader: PlateReader) -> None:
    """A uniform picture has no plate; night noise alone gives none that is believed."""
    assert read_still(plate_reader, np.zeros((360, 640, 3), np.uint8)) is None
    night = add_noise(np.full((360, 640, 3), 12, np.uint8), 9.0)
    found = read_still(plate_reader, night)
    assert found is None or found.confidence < 0.5


def test_huge_picture(plate_reader: PlateReader) -> None:
    """A 24-megapixel picture costs no more than a small one: it is looked at scaled down."""
    scene = draw_scene(draw_plate("KT7 H2R", height=220), at=(2000, 1500), size=(6000, 4000))
    found = read_still(plate_reader, scene)
    assert found is not None
    assert found.reading.text == "KT7H2R"


def test_region_limits_search(plate_reader: PlateReader) -> None:
    """Only the region is searched: a plate outside it is not found, one inside keeps full-picture coordinates."""
    scene = draw_scene(draw_plate("5QRV204"))
    assert plate_reader.locate(scene, (0, 0, 180, 360)) == []
    inside = plate_reader.locate(scene, (150, 150, 450, 180))
    assert inside[0].reading.text == "5QRV204"
    assert quad_box(inside[0].quad)[0] > 200
    assert plate_reader.locate(scene, (5000, 5000, 10, 10)) == []


def test_printing_shows_no_plate(plate_reader: PlateReader) -> None:
    """A reading that lands in a log or a test report does not show the plate."""
    found = read_still(plate_reader, draw_scene(draw_plate("5QRV204")))
    assert found is not None
    assert "5QRV" not in repr(found)
    assert "5QRV" not in repr(found.reading)


def test_stacked_letters_left_out(plate_reader: PlateReader) -> None:
    """A small pair of letters set one above the other beside the number is no character of it."""
    plate = draw_plate("   55382", height=80)
    for place, letter in enumerate("US"):
        cv2.putText(plate, letter, (26, 36 + 24 * place), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (20, 20, 20), 2)
    found = read_still(plate_reader, draw_scene(plate))
    assert found is not None
    assert found.reading.text == "55382"
