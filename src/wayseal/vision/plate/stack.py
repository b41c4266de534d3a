"""One clearer picture of a number from the pictures of its readings, and what it says where they disagree.

Noise and compression differ from frame to frame and fall with the mean; what is left bears sharpening that a single picture
does not. Pure; it keeps nothing, and it only weighs strings that single readings proposed.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from wayseal.model.border import Pixels
from wayseal.vision.plate.geometry import Quad, grow_quad, quad_size
from wayseal.vision.plate.reading import PlateReading
from wayseal.vision.plate.recognise import stretch_contrast

WIDTH, HEIGHT = 400, 80
_AROUND = (0.3, 0.25)
_TRIM = 17
"""Rows above and below the number in a cut of 80: what its outline was grown by, and a little of the outline."""
_LIKE = 0.6
_SHARPEN, _RADIUS = 2.0, 3.0
_STRETCHES = (1.0, 1.3)
WEIGHT = 6.0
"""Readings that the stacked picture counts for: from 6 up it decides, and nothing changed up to 30 (ADR 0124)."""


class Weigher(Protocol):
    """What tells how likely strings are in pictures of one line."""

    def weigh_strings(self, crops: Sequence[Pixels], strings: Sequence[str]) -> NDArray[np.float64]:
        """Return each string's mean probability over crops 48 pixels high."""


def cut_number(bgr: Pixels, quad: Quad) -> Pixels:
    """Return a number with a margin as a picture of `WIDTH` by `HEIGHT`, contrast stretched: the same place in each frame."""
    target = np.array([(0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT)], np.float32)
    matrix = cv2.getPerspectiveTransform(np.ascontiguousarray(grow_quad(quad, *_AROUND), np.float32), target)
    cut = cv2.warpPerspective(
        bgr, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return stretch_contrast(np.asarray(cut, np.uint8))


def stack_cuts(cuts: Sequence[Pixels], heights: Sequence[float]) -> Pixels:
    """Return the sharpened mean of cuts, all laid on the one of the greatest `heights` (pixels in the frame), weighed by them.

    A cut that cannot be laid on it, or is too unlike it afterwards, is left out.
    """
    first = int(np.argmax(heights))
    model = np.asarray(cv2.cvtColor(cuts[first], cv2.COLOR_BGR2GRAY), np.uint8)
    total, weight = cuts[first].astype(np.float32) * heights[first], float(heights[first])
    for place, cut in enumerate(cuts):
        laid = None if place == first else _lay_on(model, cut)
        if laid is not None:
            share = laid[1] * heights[place]
            total += laid[0] * share
            weight += share
    mean = total / weight
    sharp = mean + _SHARPEN * (mean - cv2.GaussianBlur(mean, (0, 0), _RADIUS))
    return np.clip(sharp, 0, 255).astype(np.uint8)


def _lay_on(model: Pixels, cut: Pixels) -> tuple[NDArray[np.float32], float] | None:
    """Return a cut moved onto the model, and their correlation; None when they do not fit (G. Evangelidis, E. Psarakis 2008)."""
    until = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-3)
    start = np.eye(2, 3, dtype=np.float32)
    grey = np.asarray(cv2.cvtColor(cut, cv2.COLOR_BGR2GRAY), np.uint8)
    whole = np.full(model.shape[:2], 255, np.uint8)
    try:
        like, matrix = cv2.findTransformECC(model, grey, start, cv2.MOTION_AFFINE, until, whole, 5)
    except cv2.error:
        return None
    if like < _LIKE:
        return None
    way = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(cut, matrix, (WIDTH, HEIGHT), flags=way, borderMode=cv2.BORDER_REPLICATE)
    return moved.astype(np.float32), float(like)


def settle_dispute(
    weigher: Weigher, cuts: Sequence[Pixels], quads: Sequence[Quad], readings: Sequence[PlateReading]
) -> str:
    """Return the string that readings and the picture made of all of them speak for; the readings' own when they agree.

    `cuts` and `quads` belong to `readings`, one each, in the same order.
    """
    votes = Counter(one.text for one in readings)
    if len(votes) < 2:
        return readings[0].text if readings else ""
    strings = sorted({*votes, *(text for one in readings for text, _ in one.alternatives[:3])})
    sizes = [quad_size(grow_quad(quad, 0.15, -0.08)) for quad in quads]
    picture = stretch_contrast(stack_cuts(cuts, [quad_size(quad)[1] for quad in quads])[_TRIM:-_TRIM])
    aspect = float(np.mean([across / max(down, 1e-3) for across, down in sizes]))
    widths = [int(np.clip(48 * aspect * stretch, 24, 640)) for stretch in _STRETCHES]
    crops = [
        np.asarray(cv2.resize(picture, (width, 48), interpolation=cv2.INTER_AREA), np.uint8)
        for width in widths
    ]
    chances = weigher.weigh_strings(crops, strings)
    beliefs = [np.mean([dict(one.alternatives).get(text, 0.0) for one in readings]) for text in strings]
    scores = [
        votes[text] + 0.5 * belief + WEIGHT * chance
        for text, belief, chance in zip(strings, beliefs, chances, strict=True)
    ]
    return strings[int(np.argmax(scores))]
