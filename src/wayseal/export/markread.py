"""Reading a mark: what is left of a leak when its original is taken away, as one number for each wave of the mark.

Works in the leak's own pixels, where its compression happened, and carries the rest back to the original's. Pure arithmetic
on brightness planes; it knows no key and names nobody.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np

from wayseal.export.mark import weigh_spots
from wayseal.export.markcode import NEWEST, Floats, Recipe, Waves, make_waves
from wayseal.export.markjpeg import Compression, score_bins
from wayseal.export.register import Matrix, measure_area, whole_matrix

_CLIP = 3.0
_QUIET = 4.0
"""Levels of noise that a blind reading takes for something that was added to the picture."""
_NEAREST = 14.0
"""Pixels around a spot to which brightness is fitted at least: a nearer fit takes the mark for light, in small pictures most."""
_LARGEST = 1.25
"""Times the original's size up to which a leak is read as it is; a larger one is made smaller first."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one leak, laid over one original, says about marks. Holds no picture and cannot be turned into one."""

    chips: Floats = field(repr=False)
    covered: float
    """Share of the original's area that the leak shows."""


@dataclass(frozen=True, slots=True)
class View:
    """The part of a leak where the original lies: its plane, the map from the original to it, and how it was compressed."""

    plane: Floats = field(repr=False)
    matrix: Matrix = field(repr=False)
    compression: Compression | None


def read_blind(leak: Floats, recipe: Recipe = NEWEST) -> Evidence:
    """Return what a picture says about a recipe's marks without its original: it must have the original's very size and place.

    The picture itself is then the noise, so less is found; what is found bears the same statistics. What non-local means would
    take for noise is read: twice the z of a simple high-pass on faces from 240 pixels.
    """
    bytes_ = np.asarray(np.clip(np.rint(leak), 0, 255), np.uint8)
    lifted = leak - cv2.fastNlMeansDenoising(bytes_, None, _QUIET, 5, 13).astype(np.float32)
    quiet = lifted / (_blurred(np.abs(lifted), 0.02 * max(leak.shape)) + 0.5)
    waves = make_waves(*leak.shape, recipe)
    return Evidence(_whiten(np.asarray(quiet, np.float32), np.ones(waves.count, np.float32), waves), 1.0)


def cut_view(leak: Floats, matrix: Matrix, shape: tuple[int, int], compression: Compression | None) -> View:
    """Return the part of a leak that the original covers, on whole JPEG blocks, at no more than the original's size."""
    zoom = float(np.sqrt(max(measure_area(matrix, shape), 1.0) / (shape[0] * shape[1])))
    if zoom > _LARGEST:
        size = (max(1, round(leak.shape[1] / zoom)), max(1, round(leak.shape[0] / zoom)))
        matrix = whole_matrix((leak.shape[1], leak.shape[0]), size) @ matrix
        leak, compression = np.asarray(cv2.resize(leak, size, interpolation=cv2.INTER_AREA), np.float32), None
    corners = np.array([[[0, 0], [shape[1], 0], [shape[1], shape[0]], [0, shape[0]]]], dtype=np.float64)
    found = cv2.perspectiveTransform(corners, matrix)[0]
    left, top = (max(0, int(low) // 8 * 8) for low in np.floor(found.min(axis=0)))
    right, bottom = (int(high) // 8 * 8 + 8 for high in np.ceil(found.max(axis=0)))
    plane = np.ascontiguousarray(leak[top:bottom, left:right])
    shift = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]], dtype=np.float64)
    return View(plane, shift @ matrix, compression)


def gather_evidence(original: Floats, view: View, recipe: Recipe = NEWEST) -> Evidence:
    """Return what a view of a leak says about a recipe's marks of an original (its brightness plane).

    The original is drawn into the leak's pixels, fitted in brightness around each spot and in strength at each frequency,
    and compared: by the difference over its noise and, where the leak's own JPEG steps are known, by its bins as well. The
    two err differently; their sum is better than either.
    """
    drawn, seen = _draw(original, view)
    model = _fit(drawn, view.plane, seen)
    left = (view.plane - model) * seen
    scores = [left / (_blurred(left * left, 0.03 * max(left.shape)) + 0.3)]
    if view.compression is not None:
        scores.append(score_bins(view.plane, model, view.compression) * seen)
    waves = make_waves(*original.shape, recipe)
    kept = _measure_transfer(_lift(original), _carry_back(_lift(drawn) * seen, view, original.shape), waves)
    spots = weigh_spots(original, recipe)
    parts = [_whiten(_carry_back(score, view, original.shape) * spots, kept, waves) for score in scores]
    chips = sum(part / np.float32(max(float(np.linalg.norm(part)), 1e-12)) for part in parts)
    covered = _carry_back(seen, view, original.shape)
    return Evidence(np.asarray(chips, dtype=np.float32), float(np.mean(covered)))


def _carry_back(plane: Floats, view: View, shape: tuple[int, int]) -> Floats:
    """Return a plane of the leak's pixels in the original's."""
    how = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    back = cv2.warpPerspective(plane, view.matrix, (shape[1], shape[0]), flags=how)
    return np.asarray(back, dtype=np.float32)


def _draw(original: Floats, view: View) -> tuple[Floats, Floats]:
    """Return the original drawn into the leak's pixels, each the mean over its area, and 1 where it lies."""
    height, width = view.plane.shape
    zoom = float(np.sqrt(max(measure_area(view.matrix, original.shape), 1.0) / original.size))
    fine = 1 if zoom > 0.9 else min(4, int(np.ceil(1.5 / zoom)))
    matrix = whole_matrix((width, height), (width * fine, height * fine)) @ view.matrix
    size = (width * fine, height * fine)
    drawn = cv2.warpPerspective(
        original, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    there = cv2.warpPerspective(np.ones_like(original), matrix, size, flags=cv2.INTER_LINEAR)
    if fine > 1:
        drawn = cv2.resize(drawn, (width, height), interpolation=cv2.INTER_AREA)
        there = cv2.resize(there, (width, height), interpolation=cv2.INTER_AREA)
    seen = cv2.erode((there > 0.99).astype(np.float32), np.ones((3, 3)))
    return np.asarray(drawn, dtype=np.float32), np.asarray(seen, dtype=np.float32)


def _fit(drawn: Floats, leak: Floats, seen: Floats) -> Floats:
    """Return the drawn original as the leak would show it: its brightness and contrast around each spot, its sharpness."""
    reach = max(_NEAREST, 0.06 * max(drawn.shape))
    weight = _blurred(seen, reach) + np.float32(1e-4)
    mean_o = _blurred(drawn * seen, reach) / weight
    mean_l = _blurred(leak * seen, reach) / weight
    cross = _blurred(drawn * leak * seen, reach) / weight - mean_o * mean_l
    power = _blurred(drawn * drawn * seen, reach) / weight - mean_o * mean_o
    model = mean_l + (cross + 1.0) / (power + 1.0) * (drawn - mean_o)
    shape = make_waves(*drawn.shape).shape
    busy = _transform((model - mean_l) * seen, shape)
    left = _transform((leak - model) * seen, shape)
    gain = _around(left * busy) / (_around(busy * busy) + np.float32(1e-3))
    height, width = drawn.shape
    return np.asarray(model + cv2.idct(busy * gain)[:height, :width], dtype=np.float32)


def _measure_transfer(original: Floats, echo: Floats, waves: Waves) -> Floats:
    """Return for each wave how much of it came through the leak's size and sharpness, 0 to 1."""
    sent, came = _transform(original, waves.shape), _transform(echo, waves.shape)
    through = _around(sent * came) / (_around(sent * sent) + np.float32(1e-3))
    return np.clip(waves.gather(np.asarray(through, np.float32)), 0.0, 1.0)


def _whiten(weighted: Floats, kept: Floats, waves: Waves) -> Floats:
    """Return each wave's share of the evidence, by the noise around it in frequency, with outliers cut."""
    plane = _transform(weighted, waves.shape)
    level = np.sqrt(_around(plane * plane))
    level += np.float32(1e-9 + 0.05 * float(np.max(level)))
    chips = waves.gather(np.clip(plane / level, -_CLIP, _CLIP))
    return np.asarray(chips * waves.strength * kept / waves.gather(level), dtype=np.float32)


def _transform(plane: Floats, shape: tuple[int, int]) -> Floats:
    """Return the cosine transform of a plane padded to `shape`."""
    padded = np.zeros(shape, np.float32)
    padded[: plane.shape[0], : plane.shape[1]] = plane
    return np.asarray(cv2.dct(padded), dtype=np.float32)


def _lift(plane: Floats) -> Floats:
    """Return a plane without its slow changes."""
    return plane - _blurred(plane, max(6.0, 0.06 * max(plane.shape)))


def _around(plane: Floats) -> Floats:
    """Return the mean over neighbouring frequencies."""
    return np.asarray(cv2.blur(plane, (13, 13)), dtype=np.float32)


def _blurred(plane: Floats, reach: float) -> Floats:
    """Return a plane smoothed over `reach` pixels: boxes, whose cost does not grow with the reach."""
    side = 2 * round(reach * 0.87) + 1
    for _ in range(2):
        plane = np.asarray(cv2.blur(plane, (side, side), borderType=cv2.BORDER_REFLECT), dtype=np.float32)
    return plane
