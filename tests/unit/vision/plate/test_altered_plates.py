"""Altered stills: each copy is what its name says, the same each time, and readings of copies are counted to the last character."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from altered_plates import ALTERATIONS, Alteration, bend_light, count_exact, move, scale, trim
from drawn import draw_plate, draw_scene

from wayseal.vision.plate.reader import PlateReader


@pytest.mark.parametrize("alteration", ALTERATIONS.values(), ids=ALTERATIONS.keys())
def test_copies_repeat(alteration: Alteration) -> None:
    """An alteration gives a picture of bytes, the same one each time, and leaves the original alone."""
    scene = draw_scene(draw_plate("5QRV204"))
    kept = scene.copy()
    once, again = alteration(scene), alteration(scene)
    assert once.dtype == np.uint8
    assert once.ndim == 3
    assert np.array_equal(once, again)
    assert np.array_equal(scene, kept)


def test_moves_by_pixels() -> None:
    """A dot stands where it was moved to, to a fraction of a pixel."""
    dot = np.zeros((60, 80, 3), np.uint8)
    cv2.circle(dot, (30, 20), 4, (255, 255, 255), -1)
    moments = cv2.moments(move(3.3, 5.6)(dot)[..., 0])
    assert moments["m10"] / moments["m00"] == pytest.approx(33.3, abs=0.1)
    assert moments["m01"] / moments["m00"] == pytest.approx(25.6, abs=0.1)


def test_light_and_size() -> None:
    """Bent light leaves black and white and darkens grey; a scaled or trimmed picture has the size that its name says."""
    grey = np.full((100, 200, 3), 128, np.uint8)
    assert bend_light(1.4)(grey).max() < 128 < bend_light(0.7)(grey).min()
    assert bend_light(1.4)(np.full((2, 2, 3), 255, np.uint8)).min() == 255
    assert scale(0.8)(grey).shape == (80, 160, 3)
    assert trim(grey).shape == (90, 180, 3)


def test_counts_exact(plate_reader: PlateReader, tmp_path: Path) -> None:
    """Of two drawn plates, one of them labelled with another number, one is counted."""
    for name, text in (("a.png", "5QRV204"), ("b.png", "KT7 H2R")):
        cv2.imwrite(str(tmp_path / name), draw_scene(draw_plate(text)))
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("path,plate\na.png,5QRV204\nb.png,KT7H2X\n", "utf-8")
    assert count_exact(plate_reader, manifest, ALTERATIONS["moved by 3.3 and 5.6 pixels"]) == (1, 2)
