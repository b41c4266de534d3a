"""Writing a mark: a pattern too faint to see that names the recipient, the session or the lane of one picture.

Every mark keeps the promise of `PSNR` on pictures of any size. Writing is deterministic: the same picture and key give the
same pixels. Nothing here keeps a picture or a key.
"""

import cv2
import numpy as np

from wayseal.export.markcode import NEWEST, Channel, Floats, MarkKey, Recipe, make_codes, make_waves
from wayseal.model.border import Pixels

PSNR = 42.0
"""Decibels that no marked picture falls under, against the picture that was given."""
AIM = {Channel.EXPORT: 42.1, Channel.SESSION: 42.1, Channel.LANE: 46.0}
"""Decibels aimed at before rounding. The lane's mark is fainter, since a personal one comes on top of it."""
FLAT = 2.0
"""Levels of contrast that a wholly flat spot counts as having."""


def mark_picture(bgr: Pixels, key: MarkKey, picture: str, recipe: Recipe = NEWEST) -> Pixels:
    """Return a (height, width, 3) BGR picture with the mark of `key` for the record id `picture`.

    The same step goes into all three colours, so that a mark survives in grey, and colours do not shift.
    """
    return _add_within(bgr, draw_pattern(luma(bgr), key, picture, recipe))


def draw_pattern(plane: Floats, key: MarkKey, picture: str, recipe: Recipe) -> Floats:
    """Return what a mark adds to a brightness plane, before rounding."""
    height, width = plane.shape
    waves = make_waves(height, width, recipe)
    code = make_codes([key], [picture], waves.count)[0]
    pattern = waves.spread(code)[:height, :width] * weigh_spots(plane, recipe)
    step = _rms(AIM[key.channel]) / max(float(np.sqrt(np.mean(pattern * pattern))), 1e-9)
    return np.asarray(pattern * np.float32(step), dtype=np.float32)


def _add_within(bgr: Pixels, pattern: Floats) -> Pixels:
    """Return the picture with the pattern, weakened where rounding took it beyond the promise."""
    while True:
        wide = bgr.astype(np.float32) + pattern[..., None]
        marked = np.asarray(np.clip(np.rint(wide), 0, 255), dtype=np.uint8)
        if measure_psnr(bgr, marked) >= PSNR:
            return marked
        pattern = pattern * np.float32(0.98)


def measure_psnr(first: Pixels, second: Pixels) -> float:
    """Return the peak signal-to-noise ratio of two pictures of one size, in decibels; infinite for equal ones."""
    return float(cv2.PSNR(first, second)) if np.any(first != second) else float("inf")


def weigh_spots(plane: Floats, recipe: Recipe) -> Floats:
    """Return how much each spot of a brightness plane hides: more where it is busy, mean square 1.

    Works on a blurred plane, so that the original and its marked copy weigh nearly the same.
    """
    smooth = cv2.GaussianBlur(plane, (0, 0), 1.0)
    mean = cv2.blur(smooth, (7, 7))
    spread = cv2.blur(smooth * smooth, (7, 7)) - mean * mean
    weight = (np.sqrt(np.maximum(spread, 0)) + FLAT) ** np.float32(recipe.gamma)
    weight = np.minimum(weight, 4 * np.median(weight))
    weight /= np.sqrt(np.mean(weight * weight))
    return np.asarray(weight, dtype=np.float32)


def luma(bgr: Pixels) -> Floats:
    """Return the brightness plane, 0-255, as float32."""
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), dtype=np.float32)


def _rms(psnr: float) -> float:
    """Return the root mean square difference that a PSNR stands for."""
    return float(255 / 10 ** (psnr / 20))
