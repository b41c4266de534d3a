"""Which line of text is the plate's number: not the clearest one, the most plate-like one.

Owns the score of a line as a plate, with its weights in `choose.toml`, and the refusal of camera overlays, of the words
that issuers print, and of the names that vehicles bear. It looks at geometry and at what was read, never at a list of plates.
"""

import math
import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import numpy as np

from wayseal.vision.plate.geometry import Quad, quad_size
from wayseal.vision.plate.reading import PlateReading, PlateRegion

_DATE = re.compile(r"(19|20)[0-3]\d(0[1-9]|1[0-2])[0-3]?\d*")
_FOLD = str.maketrans("OQDILZSBG", "000112586")
_LONGEST = 10
NEVER = -50.0
"""Score of a line that is no number: a state's name, kept because it tells the region."""
_FAINTEST = -2.5
_EDGE = 0.12
"""Share of the picture's height, at its top and bottom, where cameras write their overlays."""


def is_overlay(text: str) -> bool:
    """Tell whether a string is a camera's date stamp, look-alikes counted as digits, or too long for a plate."""
    if len(text) > _LONGEST:
        return True
    return len(text) >= 7 and _DATE.fullmatch(text.translate(_FOLD)) is not None


def is_badge(text: str) -> bool:
    """Tell whether a string is a name that vehicles bear: a maker's, a hauler's, a renter's; look-alikes counted as the same."""
    return text.translate(_FOLD) in _load_badges()


def score_region(quad: Quad, reading: PlateReading, shape: tuple[int, int]) -> float:
    """Return the log odds that a line is the plate's number. `shape` is the picture's height and width."""
    weights = load_weights()
    marks = describe_line(quad, reading, shape)
    return weights["intercept"] + sum(weights[name] * mark for name, mark in marks.items())


def describe_line(quad: Quad, reading: PlateReading, shape: tuple[int, int]) -> dict[str, float]:
    """Return the marks of a line that the score weighs, by name."""
    across, down = quad_size(quad)
    across, down = max(across, 1e-3), max(down, 1e-3)
    length = len(reading.text)
    digits = sum(character.isdigit() for character in reading.text)
    place = float(quad[:, 1].mean()) / shape[0]
    outermost = min(place, 1 - place) < _EDGE
    return {
        "grammar": reading.odds,
        "sure": math.log(max(reading.score, 0.02)),
        "six_to_eight": float(length in {6, 7, 8}),
        "five": float(length == 5),
        "under_five": float(length < 5),
        "only_digits": float(digits == length),
        "only_letters": float(digits == 0),
        "at_edge": float(outermost),
        "digits_at_edge": float(outermost and digits == length),
        "height": math.log(down / 12.0),
        "share_of_picture": math.log(down / (0.05 * min(shape))),
        "odd_aspect": abs(math.log(across / down) - 1.2),
    }


def rank_on_vehicle(regions: Sequence[PlateRegion], vehicle_width: float) -> list[tuple[float, PlateRegion]]:
    """Return the lines on one vehicle that may be its number, likeliest first, each with its log odds.

    `regions` are all lines found on the vehicle, words that issuers print among them; `vehicle_width` is in pixels.
    """
    weights = load_weights("vehicle")
    rated = []
    for one in regions:
        if one.score == NEVER:
            continue
        marks = describe_on_vehicle(one, regions, vehicle_width)
        rated.append((weights["intercept"] + sum(weights[name] * mark for name, mark in marks.items()), one))
    return sorted(rated, key=lambda item: -item[0])


def describe_on_vehicle(
    one: PlateRegion, regions: Sequence[PlateRegion], vehicle_width: float
) -> dict[str, float]:
    """Return the marks of one line among all lines on a vehicle, by name."""
    down = max(quad_size(one.quad)[1], 1e-3)
    tallest = max(quad_size(other.quad)[1] for other in regions)
    length = len(one.reading.text)
    words = [other.quad for other in regions if other.score == NEVER]
    return {
        "grammar": one.reading.odds,
        "six_to_eight": float(length in {6, 7, 8}),
        "five": float(length == 5),
        "under_five": float(length < 5),
        "only_letters": float(not any(character.isdigit() for character in one.reading.text)),
        "height": math.log(down / max(0.1 * vehicle_width, 1e-3)),
        "beside_tallest": math.log(down / max(tallest, down)),
        "word_near": float(any(_is_near(one.quad, word) for word in words)),
        "fit": max(one.reading.fit, _FAINTEST),
    }


def _is_near(number: Quad, word: Quad) -> bool:
    """Tell whether a printed word lies above or below a line, as on one plate."""
    across, down = quad_size(number)
    apart = np.abs(word.mean(axis=0) - number.mean(axis=0))
    return bool(apart[0] < 0.8 * across and 0.4 * down < apart[1] < 3 * down)


@cache
def _load_badges() -> frozenset[str]:
    """Return the names on vehicles, look-alikes folded."""
    text = files("wayseal.vision.plate").joinpath("choose.toml").read_text("utf-8")
    return frozenset(str(name).translate(_FOLD) for name in tomllib.loads(text)["badges"]["names"])


@cache
def load_weights(table: str = "weights") -> dict[str, float]:
    """Return the fitted weights that ship with the package: `weights` for whole pictures, `vehicle` for lanes."""
    text = files("wayseal.vision.plate").joinpath("choose.toml").read_text("utf-8")
    return {name: float(weight) for name, weight in tomllib.loads(text)[table].items()}
