"""The geometry of plates: corners, boxes, growth, joining and rectification. Pure; it reads no network."""

import cv2
import numpy as np
from numpy.typing import NDArray

from wayseal.model.border import Box, Pixels

Quad = NDArray[np.float32]
"""(4, 2) corners in pixels, clockwise as seen: top left, top right, bottom right, bottom left of the text as it reads."""


def order_corners(corners: NDArray[np.float32]) -> Quad:
    """Return four corners clockwise from the top left of a line that reads left to right, tilted at most 45 degrees."""
    points = np.asarray(corners, np.float32).reshape(4, 2)
    centre = points.mean(axis=0)
    angles = np.arctan2(points[:, 1] - centre[1], points[:, 0] - centre[0])
    ring = points[np.argsort(angles)]
    edges = np.roll(ring, -1, axis=0) - ring
    tops = edges[:, 0] / (np.hypot(edges[:, 0], edges[:, 1]) + 1e-6)
    return np.roll(ring, -int(np.argmax(tops)), axis=0)


def quad_size(quad: Quad) -> tuple[float, float]:
    """Return the quad's mean width and height in pixels."""
    top, bottom = quad[1] - quad[0], quad[2] - quad[3]
    left, right = quad[3] - quad[0], quad[2] - quad[1]
    width = (np.hypot(*top) + np.hypot(*bottom)) / 2
    height = (np.hypot(*left) + np.hypot(*right)) / 2
    return float(width), float(height)


def quad_tilt(quad: Quad) -> float:
    """Return the angle of the line against the horizontal, in degrees, positive downwards to the right."""
    along = (quad[1] - quad[0]) + (quad[2] - quad[3])
    return float(np.degrees(np.arctan2(along[1], along[0])))


def quad_box(quad: Quad) -> Box:
    """Return the upright box round a quad."""
    low, high = quad.min(axis=0), quad.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


def box_quad(box: Box) -> Quad:
    """Return an upright box as a quad."""
    x, y, width, height = box
    return np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], np.float32)


def shift_quad(quad: Quad, across: float, down: float) -> Quad:
    """Return the quad moved by so many pixels."""
    return quad + np.array((across, down), np.float32)


def grow_quad(quad: Quad, across: float, down: float) -> Quad:
    """Return the quad grown on each end by `across` heights along the line and by `down` heights across it."""
    width, height = quad_size(quad)
    if width <= 0 or height <= 0:
        return quad.copy()
    along = ((quad[1] - quad[0]) + (quad[2] - quad[3])) / (2 * width)
    drop = ((quad[3] - quad[0]) + (quad[2] - quad[1])) / (2 * height)
    reach, sink = along * across * height, drop * down * height
    return quad + np.stack([-reach - sink, reach - sink, reach + sink, -reach + sink]).astype(np.float32)


def clip_box(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """Return the whole pixels of a box inside a picture as x0, y0, x1, y1; empty (x1 <= x0 or y1 <= y0) when outside."""
    x, y, across, down = box
    left, top = max(0, int(np.floor(x))), max(0, int(np.floor(y)))
    return left, top, min(width, int(np.ceil(x + across))), min(height, int(np.ceil(y + down)))


def box_overlap(one: Box, other: Box) -> float:
    """Return intersection over union of two boxes, 0 to 1."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    if across <= 0 or down <= 0:
        return 0.0
    shared = across * down
    return float(shared / (one[2] * one[3] + other[2] * other[3] - shared))


def join_quads(one: Quad, other: Quad) -> Quad | None:
    """Return one quad round two halves of a line, or None when they are not halves of one line.

    Halves have like heights and tilts, lie on one line and are at most about two heights apart: a plate whose middle
    emblem cut its text in two.
    """
    width_a, height_a = quad_size(one)
    width_b, height_b = quad_size(other)
    if min(height_a, height_b) <= 0 or not 0.7 < height_a / height_b < 1.43:
        return None
    height = (height_a + height_b) / 2
    apart = other.mean(axis=0) - one.mean(axis=0)
    tilt = np.radians(quad_tilt(one if width_a > width_b else other))
    along = abs(apart[0] * np.cos(tilt) + apart[1] * np.sin(tilt))
    off = abs(-apart[0] * np.sin(tilt) + apart[1] * np.cos(tilt))
    gap = along - (width_a + width_b) / 2
    if off > 0.4 * height or not -0.8 * height < gap < 2.2 * height:
        return None
    left, right = (one, other) if apart[0] > 0 else (other, one)
    return np.stack([left[0], right[1], right[2], left[3]])


def rectify(bgr: Pixels, quad: Quad, *, height: int = 48, stretch: float = 1.0, widest: int = 640) -> Pixels:
    """Return the quad's content as an upright BGR picture, `height` pixels high, its aspect times `stretch`.

    Pixels outside the picture repeat its border. The width is at least `height` / 2 and at most `widest`.
    """
    across, down = quad_size(quad)
    aspect = across / down if down > 0 else 1.0
    width = int(np.clip(round(height * aspect * stretch), height // 2, widest))
    target = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    matrix = cv2.getPerspectiveTransform(np.ascontiguousarray(quad, np.float32), target)
    upright = cv2.warpPerspective(
        bgr, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(upright, np.uint8)
