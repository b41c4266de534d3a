"""Which line of text is the plate's number: not the clearest one, the most plate-like one.

Owns the score of a line as a plate, with its weights in `choose.toml`, and the refusal of camera overlays and of the words
that issuers print. It looks at geometry and at what was read, never at a list of plates.
"""

import math
import re
import tomllib
from functools import cache
from importlib.resources import files

from wayseal.vision.plate.geometry import Quad, quad_size
from wayseal.vision.plate.reading import PlateReading

_DATE = re.compile(r"(19|20)[0-3]\d(0[1-9]|1[0-2])[0-3]?\d*")
_FOLD = str.maketrans("OQDILZSBG", "000112586")
_LONGEST = 10
_EDGE = 0.12
"""Share of the picture's height, at its top and bottom, where cameras write their overlays."""


def is_overlay(text: str) -> bool:
    """Tell whether a string is a camera's date stamp, look-alikes counted as digits, or too long for a plate."""
    if len(text) > _LONGEST:
        return True
    return len(text) >= 7 and _DATE.fullmatch(text.translate(_FOLD)) is not None


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


@cache
def load_weights() -> dict[str, float]:
    """Return the fitted weights that ship with the package."""
    text = files("wayseal.vision.plate").joinpath("choose.toml").read_text("utf-8")
    return {name: float(weight) for name, weight in tomllib.loads(text)["weights"].items()}
