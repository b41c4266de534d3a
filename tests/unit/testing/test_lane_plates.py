"""Plates wear their jurisdiction's format, and can be read from a rendered picture."""

import re
from dataclasses import replace

import cv2
import numpy as np
import pytest
from lanesamples import SMALL

from wayseal.model.errors import NotFound
from wayseal.testing.lane import LaneScene, ScenePlate
from wayseal.testing.lane.canvas import to_screen
from wayseal.testing.lane.plates import STYLES, draw_plate, find_style, make_plate
from wayseal.testing.lane.render import photograph, set_stage


def flatten(plate: ScenePlate, size: tuple[int, int]) -> np.ndarray:
    """Return a plate as a grey picture of a size, with mean 0 and deviation 1."""
    grey = cv2.cvtColor(to_screen(draw_plate(plate)[..., :3]).astype(np.uint8), cv2.COLOR_BGR2GRAY)
    return standardise(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))


def standardise(grey: np.ndarray) -> np.ndarray:
    """Return a picture with mean 0 and deviation 1."""
    return (grey.astype(np.float32) - grey.mean()) / max(float(grey.std()), 1e-6)


@pytest.mark.parametrize("region", sorted(STYLES))
def test_plates_follow_their_format(region: str) -> None:
    """A made plate matches its region's form, and chance gives another one each time."""
    form = re.escape(find_style(region).form).replace("A", "[A-Z]").replace("9", "[0-9]")
    rng = np.random.default_rng(5)
    texts = {make_plate(region, rng).text for _ in range(20)}
    assert len(texts) == 20
    assert all(re.fullmatch(form, text) for text in texts)


def test_unknown_region_is_refused() -> None:
    """A region without a style is refused, with the known ones in the hint."""
    with pytest.raises(NotFound) as caught:
        make_plate("atlantis", np.random.default_rng(1))
    assert "tx" in caught.value.hint


def test_drawn_plate_is_as_large_as_the_real_one() -> None:
    """The texture has the plate's true proportions, is opaque inside and cut round at the corners."""
    texture = draw_plate(ScenePlate("ABC-1234", "tx"))
    assert texture.shape[1] / texture.shape[0] == pytest.approx(0.305 / 0.152, rel=0.01)
    assert texture[texture.shape[0] // 2, texture.shape[1] // 2, 3] == 1
    assert texture[0, 0, 3] == 0


@pytest.mark.parametrize("region", ["tx", "nm", "de"])
def test_plate_is_legible_in_the_picture(one_vehicle: LaneScene, region: str) -> None:
    """Among plates that differ in one character or more, the rendered one correlates best with its own text."""
    rng = np.random.default_rng(9)
    shown = make_plate(region, rng)
    vehicle = replace(one_vehicle.vehicles[0], plate=shown)
    camera = replace(SMALL, width=1280, height=720, focal_px=7680.0)
    pixels, truth = photograph(set_stage(replace(one_vehicle, vehicles=(vehicle,), camera=camera)), 12)
    x, y, width, height = truth["vehicles"][0]["plate"]["box"]
    cut = pixels[round(y) : round(y + height), round(x) : round(x + width)]
    seen = standardise(cv2.cvtColor(cut, cv2.COLOR_BGR2GRAY))
    digit = max(index for index, sign in enumerate(shown.text) if sign.isdigit())
    near = [
        shown.text[:digit] + other + shown.text[digit + 1 :]
        for other in "0123456789"
        if other != shown.text[digit]
    ]
    others = [ScenePlate(text, region) for text in near] + [make_plate(region, rng) for _ in range(5)]
    size = (seen.shape[1], seen.shape[0])
    own = float((seen * flatten(shown, size)).mean())
    best = max(float((seen * flatten(other, size)).mean()) for other in others)
    assert width > 60
    assert own > best
    assert own > 0.75
