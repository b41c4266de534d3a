"""Which characters of a line are as tall as the others: stacked letters and emblems at its ends are not.

Some issuers set small letters one above the other beside the number; readers take such a pair for one character. Owns
nothing else, and acts only where the ink is clear.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from wayseal.model.border import Pixels
from wayseal.vision.plate.decode import place_characters
from wayseal.vision.plate.geometry import Quad, grow_quad, rectify
from wayseal.vision.plate.recognise import Columns, stretch_contrast

_MARGINS = (0.15, 0.05)
"""The number's outline is grown like the looks it was read in, in heights: places along the line then agree."""
_CLEAR_INK = 28
_SPECK = 5
_SMALL = 0.65
_EVEN = 0.15


def find_small_ends(bgr: Pixels, quad: Quad, columns: Columns, text: str) -> slice:
    """Return which part of `text` is the number: all of it, unless an end character is far smaller than the rest.

    It speaks only where every inner character's ink is at least 28 of the line's 48 pixels high and all are within
    15 % of one another; anywhere else the whole text is returned.
    """
    whole = slice(0, len(text))
    if len(text) < 5:
        return whole
    heights = _measure_ink(rectify(bgr, grow_quad(quad, *_MARGINS)), place_characters(columns, text))
    inner = heights[1:-1]
    usual = float(np.median(inner))
    if usual < _CLEAR_INK or bool((np.abs(inner - usual) > _EVEN * usual).any()):
        return whole
    first, last = (bool(_SPECK <= end < _SMALL * usual) for end in (heights[0], heights[-1]))
    return slice(int(first), len(text) - int(last))


def _measure_ink(crop: Pixels, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the height in pixels of the tallest stroke that stands at each place of a rectified line."""
    grey = cv2.cvtColor(stretch_contrast(crop), cv2.COLOR_BGR2GRAY)
    _, ink = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    if ink[8:-8].mean() > 127:
        ink = cv2.bitwise_not(ink)
    count, _, boxes, centres = cv2.connectedComponentsWithStats(ink)
    width = crop.shape[1]
    stands = places * width
    borders = np.concatenate(([-1.0], (stands[1:] + stands[:-1]) / 2, [width + 1.0]))
    heights = np.zeros(len(places))
    for part in range(1, count):
        slot = int(np.searchsorted(borders, centres[part][0])) - 1
        if boxes[part][cv2.CC_STAT_AREA] > 12 and boxes[part][cv2.CC_STAT_WIDTH] < 0.4 * width:
            heights[slot] = max(heights[slot], boxes[part][cv2.CC_STAT_HEIGHT])
    return heights
