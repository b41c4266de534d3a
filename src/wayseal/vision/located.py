"""Looks at a face that is partly hidden, placed by the way its points take through the whole pass.

The detector misses such a face in most looks and misplaces its points in the others; over the track the errors cancel. Nothing here
finds, compares or judges faces, and nothing is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from wayseal.model.border import Pixels
from wayseal.vision.bestshot import KeptShot, view_box
from wayseal.vision.detect import Detection, clip_box
from wayseal.vision.glass import GlassLook
from wayseal.vision.quality import rate_face
from wayseal.vision.quality_measure import measure_face
from wayseal.vision.template import CROP, align_matrix
from wayseal.vision.track import Sighting

PARTLY_HIDDEN = "partly_hidden"
"""Reason on an occupant whose looks were placed by the track, because single ones were not good enough."""
LEAST_SIGHTINGS = 5
LEAST_EYES = 20.0
"""Pixels between the eyes that the face must have reached: a far one gains nothing by it."""
_SPAN, _MARGIN = (
    0.28,
    0.08,
)  # growth (logarithm) over which points are averaged, and beyond the ends of a track
_ROUNDS = 4
_INSIDE = 0.97  # share of the crop's middle that must lie inside the look
_MIDDLE = np.zeros((CROP, CROP), bool)
_MIDDLE[18:108, 18:94] = True


@dataclass(frozen=True, slots=True, eq=False)
class PointPath:
    """The five points of a face in vehicle coordinates, as its vehicle grows: sightings with their weights."""

    growth: NDArray[np.float64]
    points: NDArray[np.float64] = field(repr=False)
    weights: NDArray[np.float64] = field(repr=False)

    def at(self, scale: float) -> NDArray[np.float32] | None:
        """Return the (5, 2) points at a vehicle's scale, by a local line through the sightings that outliers do not bend.

        None before the first sighting and after the last. Source: locally weighted regression (Cleveland 1979).
        """
        away = self.growth - np.log(scale)
        if away.min() > _MARGIN or away.max() < -_MARGIN:
            return None
        near = self.weights * (np.exp(-0.5 * (away / _SPAN) ** 2) + 1e-6)
        values, rows = self.points.reshape(len(away), -1), np.c_[np.ones(len(away)), away]
        line = np.zeros((2, values.shape[1]))
        share = near
        for _ in range(_ROUNDS):
            turned = (rows * share[:, None]).T
            line = np.linalg.solve(turned @ rows + 1e-9 * np.eye(2), turned @ values)
            miss = np.linalg.norm((values - rows @ line).reshape(-1, 5, 2), axis=2).mean(axis=1)
            share = near / (1 + (miss / (1.5 * float(np.median(miss)) + 1e-9)) ** 2)
        return np.asarray(line[0].reshape(5, 2), dtype=np.float32)


def trace_points(sightings: Sequence[Sighting]) -> PointPath:
    """Return the way of a face's points; surer and nearer sightings weigh more."""
    points, weights = [], []
    for one in sightings:
        eyes = one.found.landmarks[:2].mean(axis=0)
        points.append(np.array(one.place) + (one.found.landmarks - eyes) / max(one.scale, 1e-6))
        weights.append(max(one.found.score - 0.4, 0.02) * one.found.inter_eye_px)
    growth = np.log([max(one.scale, 1e-6) for one in sightings])
    return PointPath(growth, np.array(points, dtype=np.float64), np.array(weights))


def place_shots(
    looks: Sequence[GlassLook], sightings: Sequence[Sighting], *, wider: float = 1.0
) -> list[KeptShot]:
    """Return one shot for each kept look that shows the whole face, cut where the track says; none for a track too short or far.

    The points are spread `wider` about their middle.
    """
    if len(sightings) < LEAST_SIGHTINGS or max(one.found.inter_eye_px for one in sightings) < LEAST_EYES:
        return []
    path = trace_points(sightings)
    score = float(np.median([one.found.score for one in sightings]))
    placed = [(look, path.at(look.pose.scale)) for look in looks]
    shots = [_cut_shot(look, _spread(points, wider), score) for look, points in placed if points is not None]
    return [shot for shot in shots if shot is not None]


def _spread(points: NDArray[np.float32], wider: float) -> NDArray[np.float32]:
    """Return points that lie `wider` times as far from their middle."""
    middle = points.mean(axis=0)
    return np.asarray(middle + (points - middle) * wider, dtype=np.float32)


def _cut_shot(look: GlassLook, points: NDArray[np.float32], score: float) -> KeptShot | None:
    """Return the shot of a look with a face at (5, 2) points of vehicle coordinates; None when it is cut off."""
    there = look.pose.move(points)
    inside = _detection(look.to_pixels.move(there), score)
    matrix = align_matrix(inside.landmarks)
    shown = cv2.warpAffine(np.full(look.pixels.shape[:2], 255, np.uint8), matrix, (CROP, CROP)) > 0
    if shown[_MIDDLE].mean() < _INSIDE:
        return None
    crop = np.asarray(
        cv2.warpAffine(look.pixels, matrix, (CROP, CROP), flags=cv2.INTER_CUBIC, borderValue=(0, 0, 0)),
        np.uint8,
    )
    found = _detection(there, score)
    eyes = points[:2].mean(axis=0)
    place = (float(eyes[0]), float(eyes[1]))
    size = found.inter_eye_px / max(look.pose.scale, 1e-6)
    sighting = Sighting(look.moment, found, place, size, look.pose.scale)
    measures = measure_face(look.pixels, inside, crop)
    return KeptShot(sighting, crop, measures, rate_face(measures), _cut_view(look.pixels, inside))


def _detection(points: NDArray[np.float32], score: float) -> Detection:
    """Return a face with these points; its box is what the detector makes of such a face."""
    eyes = points[:2].mean(axis=0)
    unit = float(np.hypot(*(points[1] - points[0])))
    box = (float(eyes[0]) - unit, float(eyes[1]) - 0.95 * unit, 2 * unit, 2.6 * unit)
    return Detection(box, np.asarray(points, dtype=np.float32), score)


def _cut_view(pixels: Pixels, found: Detection) -> Pixels:
    """Return head and shoulders from an untouched look."""
    left, top, right, bottom = clip_box(view_box(found), pixels.shape[1], pixels.shape[0])
    return np.ascontiguousarray(pixels[top : max(bottom, top + 1), left : max(right, left + 1)])
