"""Looks at the glass kept in memory, where a face is in each of them, and windows laid exactly on each other.

Geometry only: nothing here finds or compares faces, and nothing is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from wayseal.model.border import Box, Pixels
from wayseal.vision.detect import clip_box, scale_pixels
from wayseal.vision.motion import Points, Similarity, fit_movement, follow_points
from wayseal.vision.track import Sighting
from wayseal.vision.vehicle import Moment

WINDOW_EYES = 44.0
"""Pixels between the eyes in a window."""
WINDOW_SIDE = 300
_GLASS_EYES = 40.0  # pixels between the eyes in a kept look, at most
_ROUNDS, _MOST_SHIFT = 3, 14.0  # rounds of laying windows on each other, and pixels that one may move in each
_TAPER = np.asarray(cv2.createHanningWindow((WINDOW_SIDE, WINDOW_SIDE), cv2.CV_32F), dtype=np.float32)
_MIDDLE = np.zeros((WINDOW_SIDE, WINDOW_SIDE), np.uint8)
cv2.ellipse(_MIDDLE, (WINDOW_SIDE // 2, 165), (110, 130), 0, 0, 360, 255, -1)
_FEWEST = 10  # points that tell how one window lies on the next


@dataclass(frozen=True, slots=True, eq=False)
class GlassLook:
    """The glass in one frame, in memory only: pixels, and the scale and shift from frame pixels to them."""

    moment: Moment
    pose: Similarity
    pixels: Pixels = field(repr=False)
    to_pixels: Similarity


@dataclass(frozen=True, slots=True)
class PlaceModel:
    """Where a face is at each vehicle scale, by the pinhole camera: it sits deeper than the points of the vehicle's front.

    Its size between the eyes is c / (1 + b * scale), and its place in vehicle coordinates is linear in that size.
    """

    inverse: tuple[float, float]
    x: tuple[float, float]
    y: tuple[float, float]

    def at(self, scale: float, right: float) -> tuple[float, float, float]:
        """Return (x, y, size between the eyes) in vehicle coordinates, `right` eye distances to the right of the face."""
        size = 1.0 / max(self.inverse[0] * scale + self.inverse[1], 1e-9)
        return self.x[0] * size + self.x[1] + right * size, self.y[0] * size + self.y[1], size


def keep_look(moment: Moment, pose: Similarity, bgr: Pixels, glass: Box, eyes_px: float) -> GlassLook | None:
    """Return the glass of one frame for later, shrunk where faces are larger than needed; None when it is outside."""
    left, top, right, bottom = clip_box(glass, bgr.shape[1], bgr.shape[0])
    if right - left < 32 or bottom - top < 32:
        return None
    scale = min(1.0, _GLASS_EYES / max(eyes_px, 1.0))
    pixels = np.ascontiguousarray(scale_pixels(bgr[top:bottom, left:right], scale))
    return GlassLook(moment, pose, pixels, Similarity(scale, -left * scale, -top * scale))


def model_place(sightings: Sequence[Sighting]) -> PlaceModel:
    """Return the pinhole model of one face's sightings in a vehicle that comes nearer; nearer ones weigh more."""
    scales = np.array([one.scale for one in sightings])
    sizes = np.array([one.size for one in sightings])
    places = np.array([one.place for one in sightings])
    slope, level = _fit_line(scales, 1.0 / sizes, scales)
    lowest = 0.5 / float(np.median(sizes))
    if slope < 0 or level < lowest:
        slope, level = 0.0, 1.0 / float(np.median(sizes))
    modelled = 1.0 / (slope * scales + level)
    x, y = (_fit_line(modelled, places[:, axis], scales) for axis in (0, 1))
    return PlaceModel((slope, level), x, y)


def _fit_line(
    inputs: NDArray[np.float64], values: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float]:
    """Return (slope, level) of a weighted line that ignores outliers; a level line where the inputs hardly differ."""
    kept = np.ones(len(inputs), dtype=bool)
    slope, level = 0.0, float(np.average(values, weights=weights))
    for _ in range(3):
        if np.ptp(inputs[kept]) > 0.02 * abs(float(inputs[kept].mean())):
            slope, level = (float(one) for one in np.polyfit(inputs[kept], values[kept], 1, w=weights[kept]))
        miss = np.abs(slope * inputs + level - values) * weights
        kept = miss <= 3.0 * float(np.median(miss)) + 1e-9
    return slope, level


def cut_window(look: GlassLook, place: PlaceModel, right: float) -> tuple[Pixels, Similarity]:
    """Return the window round the expected face with 44 px between the eyes, white outside, and frame-to-window."""
    x, y, size = place.at(look.pose.scale, right)
    middle = look.pose.move(np.array([[x, y]], np.float32))[0]
    scale = WINDOW_EYES / max(size * look.pose.scale, 1e-6)
    to_window = Similarity(
        scale, WINDOW_SIDE / 2 - scale * float(middle[0]), 0.45 * WINDOW_SIDE - scale * float(middle[1])
    )
    return _cut(look, to_window)


def _cut(look: GlassLook, to_window: Similarity) -> tuple[Pixels, Similarity]:
    """Return what a window shows of a look, with the way from frame to window."""
    step = look.to_pixels.inverse().then(to_window)
    matrix = np.array([[step.scale, 0, step.dx], [0, step.scale, step.dy]])
    pixels = cv2.warpAffine(
        look.pixels, matrix, (WINDOW_SIDE, WINDOW_SIDE), flags=cv2.INTER_LINEAR, borderValue=(255, 255, 255)
    )
    return np.asarray(pixels, dtype=np.uint8), to_window


def chain_windows(
    looks: Sequence[GlassLook], windows: list[tuple[Pixels, Similarity]]
) -> list[tuple[Pixels, Similarity]]:
    """Return the windows with scale and shift corrected from neighbour to neighbour, outward from a whole one.

    Shoulders and seat give points that move together; those of reflections go elsewhere and are outvoted.
    """
    whole = [place for place, (pixels, _) in enumerate(windows) if _is_whole(pixels)]
    if not whole:
        return windows
    middle, chained = whole[len(whole) // 2], list(windows)
    for order in (range(middle + 1, len(windows)), range(middle - 1, -1, -1)):
        anchor, correction = windows[middle][0], Similarity()
        for place in order:
            to_window = windows[place][1]
            guess = _cut(looks[place], to_window.then(correction))
            step = _follow_window(anchor, guess[0])
            if step is None:
                chained[place] = guess
                continue
            correction = correction.then(step.inverse())
            chained[place] = _cut(looks[place], to_window.then(correction))
            anchor = chained[place][0]
    return chained


def _is_whole(pixels: Pixels) -> bool:
    """Return whether a window's middle lies inside its look."""
    core = pixels[WINDOW_SIDE // 5 : -WINDOW_SIDE // 8, WINDOW_SIDE // 5 : -WINDOW_SIDE // 5]
    return float((core.min(axis=2) < 254).mean()) > 0.95


def _follow_window(anchor: Pixels, pixels: Pixels) -> Similarity | None:
    """Return how what is in a window's middle moved from one to the next; None when too few points tell."""
    before, after = (cv2.cvtColor(one, cv2.COLOR_BGR2GRAY) for one in (anchor, pixels))
    points = cv2.goodFeaturesToTrack(before, 120, 0.01, 5, mask=_MIDDLE)
    if points is None:
        return None
    starts: Points = np.asarray(points[:, 0], dtype=np.float32)
    ends, good = follow_points(
        np.asarray(before, np.uint8), np.asarray(after, np.uint8), starts, starts.copy()
    )
    answer = fit_movement(starts[good], ends[good], guess=Similarity()) if good.sum() >= _FEWEST else None
    return answer[0] if answer is not None and answer[1].sum() >= _FEWEST else None


def settle_windows(
    looks: Sequence[GlassLook], windows: list[tuple[Pixels, Similarity]]
) -> list[tuple[Pixels, Similarity]]:
    """Return the windows shifted so that they lie on each other: what a modelled place still misses by a few pixels."""
    for _ in range(_ROUNDS):
        target = _edges(rank_darkest([pixels for pixels, _ in windows], max(2, len(windows) // 8)))
        moved = []
        for look, (pixels, to_window) in zip(looks, windows, strict=True):
            (dx, dy), _ = cv2.phaseCorrelate(_edges(pixels), target, _TAPER)
            if np.hypot(dx, dy) > _MOST_SHIFT:
                dx = dy = 0.0
            moved.append(_cut(look, to_window.then(Similarity(1.0, dx, dy))))
        windows = moved
    return windows


def _edges(pixels: Pixels) -> NDArray[np.float32]:
    """Return fine brightness structure without the slow part, and none outside the look."""
    luma = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY).astype(np.float32)
    fine = luma - cv2.GaussianBlur(luma, (0, 0), 5)
    outside = cv2.dilate((luma > 253).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    fine[outside] = 0
    return np.asarray(np.clip(fine, -20, 20), dtype=np.float32)


def rank_darkest(stack: Sequence[Pixels], rank: int) -> Pixels:
    """Return, for each value of equal pictures, the `rank`-th smallest (1 is the minimum)."""
    darkest = [np.full_like(stack[0], 255) for _ in range(rank)]
    for pixels in stack:
        rest = pixels
        for place in range(rank):
            darkest[place], rest = np.minimum(darkest[place], rest), np.maximum(darkest[place], rest)
    return darkest[-1]
