"""Which line of text is the plate's number: not the clearest one, the most plate-like one.

Owns the score of a line as a plate, and the refusal of camera overlays. Weights were fitted by cross-validation
(docs/explanation/plates.md).
"""

import re

from wayseal.vision.plate.geometry import quad_size
from wayseal.vision.plate.reading import PlateReading
from wayseal.vision.plate.text_lines import TextLine

_DATE = re.compile(r"(19|20)[0-3]\d(0[1-9]|1[0-2])[0-3]?\d*")
_FOLD = str.maketrans("OQDILZSBG", "000112586")
_LONGEST = 10


def is_overlay(text: str) -> bool:
    """Tell whether a string is a camera's date stamp, look-alikes counted as digits, or too long for a plate."""
    if len(text) > _LONGEST:
        return True
    folded = text.translate(_FOLD)
    return len(text) >= 7 and _DATE.fullmatch(folded) is not None


def score_region(line: TextLine, reading: PlateReading, shape: tuple[int, int]) -> float:
    """Return how plate-like a line is: log odds, larger is likelier. `shape` is the picture's height and width."""
    across, down = quad_size(line.quad)
    aspect = across / max(down, 1e-6)
    centre_y = float(line.quad[:, 1].mean()) / shape[0]
    digits = sum(character.isdigit() for character in reading.text)
    length = len(reading.text)
    score = 0.6 * reading.odds + 2.0 * max(reading.fit, -3.0) + 2.0 * line.score
    score += 1.5 if 5 <= length <= 8 else -1.0
    score += -2.0 if digits == 0 else 0.0
    score += -2.5 if digits == length and (centre_y < 0.12 or centre_y > 0.9) else 0.0
    score += -0.5 if digits == length else 0.0
    score += 0.04 * min(down, 40.0)
    score += 0.0 if 2.0 <= aspect <= 7.0 else -1.5
    return score
