"""Where there is text in a picture: the detector's probability map turned into rotated boxes.

Owns pre- and post-processing of the text detector (PP-OCRv6 det, MODELS.md conventions). It does not know what a plate is.
"""

from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from wayseal.model.border import Pixels
from wayseal.vision.plate.geometry import Quad, order_corners

STRIDE = 32
INK = 0.3
MEAN_SCORE = 0.5
GROWTH = 1.6
SMALLEST_SIDE = 3.0


class Session(Protocol):
    """The part of an onnxruntime session that is used here."""

    def run(
        self, names: list[str] | None, feeds: dict[str, NDArray[np.float32]]
    ) -> list[NDArray[np.float32]]:
        """Return the network's outputs."""

    def get_inputs(self) -> list[object]:
        """Return the network's inputs, each with a `name`."""

    def get_modelmeta(self) -> object:
        """Return the file's metadata."""


@dataclass(frozen=True, slots=True, eq=False)
class TextLine:
    """A line of text: its corners in the picture's pixels (clockwise from its top left) and the detector's score."""

    quad: Quad = field(repr=False)
    score: float


def find_lines(session: Session, bgr: Pixels, *, longest: int) -> list[TextLine]:
    """Return the lines of text in a BGR picture, looked at with its longer side scaled to `longest` pixels.

    An empty picture, or one thinner than four pixels, has none.
    """
    height, width = bgr.shape[:2]
    if min(height, width) < 4:
        return []
    scale = longest / max(height, width)
    across, down = _round_up(width * scale), _round_up(height * scale)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    seen = cv2.resize(bgr, (across, down), interpolation=method)
    feed = np.ascontiguousarray(seen.transpose(2, 0, 1)[None], np.float32) / 127.5 - 1.0
    heat = session.run(None, {session.get_inputs()[0].name: feed})[0][0, 0]  # type: ignore[attr-defined]
    return _trace_lines(heat, width / across, height / down)


def _round_up(side: float) -> int:
    """Return the nearest side length that the detector can take."""
    return max(STRIDE, round(side / STRIDE) * STRIDE)


def _trace_lines(heat: NDArray[np.float32], stretch_x: float, stretch_y: float) -> list[TextLine]:
    """Return rotated boxes round the map's blobs, grown to the whole glyphs, in the picture's own pixels."""
    mask = cv2.dilate((heat > INK).astype(np.uint8), np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    lines = []
    for contour in contours:
        (centre_x, centre_y), (side_a, side_b), angle = cv2.minAreaRect(contour)
        if min(side_a, side_b) < SMALLEST_SIDE:
            continue
        score = _mean_inside(heat, np.asarray(contour, np.int32))
        if score < MEAN_SCORE:
            continue
        grow = GROWTH * side_a * side_b / (side_a + side_b) / 2
        rect = ((centre_x, centre_y), (side_a + 2 * grow, side_b + 2 * grow), angle)
        corners = np.asarray(cv2.boxPoints(rect), np.float32) * np.array((stretch_x, stretch_y), np.float32)
        lines.append(TextLine(order_corners(corners), score))
    return lines


def _mean_inside(heat: NDArray[np.float32], contour: NDArray[np.int32]) -> float:
    """Return the mean probability inside a contour."""
    x, y, width, height = cv2.boundingRect(contour)
    mask = np.zeros((height, width), np.uint8)
    cv2.drawContours(mask, [contour], 0, 1, thickness=-1, offset=(-x, -y))
    return float(cv2.mean(heat[y : y + height, x : x + width], mask)[0])
