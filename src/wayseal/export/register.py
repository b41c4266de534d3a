"""Where an original lies in a leak: the homography from the original's pixels to the leak's, through any crop, resize or tilt.

Pure geometry on two pictures in memory. It says how well they agree and names nobody; nothing is kept.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from wayseal.export.mark import luma
from wayseal.export.markcode import Floats
from wayseal.model.border import Pixels

Matrix = NDArray[np.float64]
"""(3, 3), from pixels (x, y, 1) of the original to pixels of the leak."""

FULL = 4096
"""Longer side, in pixels, beyond which a leak is made smaller before anything is read from it."""
SIDE = 1600
"""Longer side, in pixels, at which features are sought in a leak."""
LEAST = 16
"""Shorter side, in pixels, under which a picture holds too little to be laid over anything."""
FEW = 10
"""Inliers that a match by features needs."""
AGREES = 0.50
"""Agreement from which a leak is taken to show the original. Measured: true ones 0.55 and more, other people's at most 0.43."""
SURE = 0.97
"""Agreement at which no other place is tried."""
_HOPELESS = 0.15
_FINE = 240
_ROUNDS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Where an original lies in a leak, and how well the two agree there (`measure_agreement`, -1 to 1)."""

    matrix: Matrix = field(repr=False)
    agreement: float

    @property
    def agrees(self) -> bool:
        """Whether the leak is taken to show this original."""
        return self.agreement >= AGREES


class Leak:
    """A leaked picture, prepared once and then laid against many originals. In memory only.

    `plane` is its brightness at up to `FULL` pixels a side; features are sought in a smaller copy.
    """

    def __init__(self, bgr: Pixels) -> None:
        self.plane = _shrink(luma(bgr), FULL)
        self._small = _shrink(self.plane, SIDE)
        self._enlarge = whole_matrix(_size(self._small), _size(self.plane))
        self._features: dict[bool, Features] = {}

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of `plane`."""
        return _size(self.plane)

    def place(
        self, original: Pixels, guesses: Sequence[Matrix] = (), *, features: "Features | None" = None
    ) -> Placed | None:
        """Return the best place of an original in `plane`, or None when nothing fits at all.

        Tried: features (plain and mirrored), the given guesses (maps to `plane`, from whoever knows where the same face lies
        in both), and the whole picture resized. `features` are the original's own, where they were found before
        (`find_features`). The best two are refined by Evangelidis and Psarakis' ECC (2008), first as
        affine maps, then with perspective.
        """
        plane = luma(original)
        if min(plane.shape) < LEAST or min(self.plane.shape) < LEAST:
            return None
        tried = [
            (measure_agreement(plane, self.plane, guess), number, guess)
            for number, guess in enumerate(self._guess(plane, guesses, features or find_features(original)))
        ]
        best: Placed | None = None
        for agreement, _, guess in sorted(tried, key=lambda one: -one[0])[:2]:
            if agreement < _HOPELESS:
                break
            placed = refine(plane, self.plane, guess)
            if best is None or placed.agreement > best.agreement:
                best = placed
            if best.agreement > SURE:
                break
        return best

    def _find(self, *, side: bool) -> "Features":
        """Return this leak's features, or those of its mirror image; found once."""
        if side not in self._features:
            self._features[side] = _sift(_mirror(self._small, side=side))
        return self._features[side]

    def _guess(self, plane: Floats, given: Sequence[Matrix], found: "Features") -> Iterator[Matrix]:
        """Yield first places to refine."""
        yield from given
        width = self._small.shape[1]
        for side in (False, True):
            matrix = _match_features(found, self._find(side=side))
            if matrix is not None:
                yield self._enlarge @ (_unmirror(matrix, width) if side else matrix)
                break
        whole = whole_matrix(_size(plane), _size(self.plane))
        yield whole
        yield _unmirror(whole, self.plane.shape[1])


def whole_matrix(original: tuple[int, int], leak: tuple[int, int]) -> Matrix:
    """Return the map of a whole picture of (width, height) onto another one, pixel centres at whole numbers."""
    x, y = leak[0] / original[0], leak[1] / original[1]
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]], dtype=np.float64)


def _size(plane: Floats) -> tuple[int, int]:
    """Return (width, height)."""
    return plane.shape[1], plane.shape[0]


def _shrink(plane: Floats, side: int) -> Floats:
    """Return a plane whose longer side is at most `side`."""
    scale = side / max(plane.shape)
    if scale >= 1:
        return plane
    size = (max(1, round(plane.shape[1] * scale)), max(1, round(plane.shape[0] * scale)))
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def measure_agreement(original: Floats, leak: Floats, matrix: Matrix) -> float:
    """Return how well an original agrees with the leak where `matrix` lays it; 0 where too little of it shows.

    The median, by contrast, of the correlation around each spot: up to half of what shows may be covered, cut or painted over.
    """
    over, seen = lay_over(leak, matrix, original.shape)
    if float(seen.mean()) < 0.05:
        return 0.0
    near, weight = _correlate_spots(original, over)
    weight = (weight * seen).ravel()
    order = np.argsort(near.ravel())
    total = np.cumsum(weight[order])
    if total[-1] < 1e-3:
        return 0.0
    return float(near.ravel()[order[int(np.searchsorted(total, total[-1] / 2))]])


def _correlate_spots(original: Floats, over: Floats) -> tuple[Floats, Floats]:
    """Return the correlation of two planes around each spot, and the original's contrast there."""
    side = 2 * max(3, round(min(original.shape) / 16)) + 1

    def mean(plane: Floats) -> Floats:
        return np.asarray(cv2.blur(plane, (side, side)), dtype=np.float32)

    mean_o, mean_l = mean(original), mean(over)
    cross = mean(original * over) - mean_o * mean_l
    power_o = np.maximum(mean(original * original) - mean_o * mean_o, 0)
    power_l = np.maximum(mean(over * over) - mean_l * mean_l, 0)
    near = cross / np.sqrt(power_o * power_l + 1.0)
    return np.asarray(near, np.float32), np.asarray(np.sqrt(power_o), np.float32)


def lay_over(leak: Floats, matrix: Matrix, shape: tuple[int, int]) -> tuple[Floats, Floats]:
    """Return the leak drawn in the original's pixels, and 1 where the leak has any."""
    size, how = (shape[1], shape[0]), cv2.WARP_INVERSE_MAP
    over = cv2.warpPerspective(
        leak, matrix, size, flags=cv2.INTER_LINEAR | how, borderMode=cv2.BORDER_REPLICATE
    )
    seen = cv2.warpPerspective(np.ones_like(leak), matrix, size, flags=cv2.INTER_NEAREST | how)
    return np.asarray(over, dtype=np.float32), np.asarray(seen, dtype=np.float32)


def refine(original: Floats, leak: Floats, guess: Matrix) -> Placed:
    """Return a place refined to fractions of a pixel: coarse first, then fine; the guess where nothing is better."""
    best = Placed(guess, measure_agreement(original, leak, guess))
    for side, motion in (
        (_FINE, cv2.MOTION_AFFINE),
        (2 * _FINE, cv2.MOTION_AFFINE),
        (2 * _FINE, cv2.MOTION_HOMOGRAPHY),
    ):
        matrix = _step(original, leak, best.matrix, side, motion)
        if matrix is None:
            continue
        agreement = measure_agreement(original, leak, matrix)
        if agreement > best.agreement:
            best = Placed(matrix, agreement)
    return best


def _step(original: Floats, leak: Floats, guess: Matrix, side: int, motion: int) -> Matrix | None:
    """Return one ECC refinement at a size of the original, or None where it does not settle."""
    scale = min(1.0, side / max(original.shape))
    small = _shrink(original, side)
    there = whole_matrix(_size(original), _size(small))
    zoom = _zoom(guess, original.shape) / scale
    start = guess @ np.linalg.inv(there)
    other, back = leak, np.eye(3)
    if zoom > 1.5:
        less = (max(8, round(leak.shape[1] / zoom)), max(8, round(leak.shape[0] / zoom)))
        other = np.asarray(cv2.resize(leak, less, interpolation=cv2.INTER_AREA), dtype=np.float32)
        back = whole_matrix((leak.shape[1], leak.shape[0]), less)
        start = back @ start
    start = start / start[2, 2]
    first = start if motion == cv2.MOTION_HOMOGRAPHY else start[:2]
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, _ROUNDS, 1e-5)
    try:
        mask = _mask_agreeing(small, other, start)
        _, found = cv2.findTransformECC(small, other, first.astype(np.float32), motion, stop, mask, 5)
    except cv2.error:
        return None
    whole = (
        np.vstack([np.asarray(found), [0, 0, 1]]) if motion != cv2.MOTION_HOMOGRAPHY else np.asarray(found)
    )
    matrix = np.linalg.inv(back) @ whole.astype(np.float64) @ there
    return matrix / matrix[2, 2] if np.isfinite(matrix).all() and abs(matrix[2, 2]) > 1e-9 else None


def _mask_agreeing(original: Floats, leak: Floats, matrix: Matrix) -> NDArray[np.uint8]:
    """Return 255 where the leak agrees somewhat with the original: what was painted over must not pull at the fit."""
    over, _ = lay_over(leak, matrix, original.shape)
    near, _ = _correlate_spots(original, over)
    good = (near > 0.3).astype(np.uint8) * 255
    drawn = cv2.warpPerspective(good, matrix, _size(leak), flags=cv2.INTER_NEAREST)
    return np.asarray(drawn if np.count_nonzero(drawn) > 200 else np.full(leak.shape, 255), dtype=np.uint8)


def _zoom(matrix: Matrix, shape: tuple[int, int]) -> float:
    """Return how much larger the original is drawn in the leak, as a length."""
    return float(np.sqrt(max(measure_area(matrix, shape), 1e-6) / (shape[0] * shape[1])))


def measure_area(matrix: Matrix, shape: tuple[int, int]) -> float:
    """Return the area, in pixels of the leak, that the whole original takes up there."""
    height, width = shape
    corners = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], dtype=np.float64)
    return float(cv2.contourArea(cv2.perspectiveTransform(corners, matrix)[0].astype(np.float32)))


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """The points of a picture that can be found again in another one, and what is around them. In memory only."""

    points: NDArray[np.float32]
    descriptors: NDArray[np.float32] | None


def find_features(bgr: Pixels) -> Features:
    """Return an original's features, for `Leak.place`."""
    return _sift(luma(bgr))


def _sift(plane: Floats) -> Features:
    """Return SIFT points and root-normalised descriptors; small pictures are doubled first, as faces have few corners."""
    scale = 2.0 if max(plane.shape) < 400 else 1.0
    grey = np.clip(plane, 0, 255).astype(np.uint8)
    if scale != 1.0:
        grey = np.asarray(cv2.resize(grey, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    sift = cv2.SIFT.create(nfeatures=3000, contrastThreshold=0.015)
    found, descriptors = sift.detectAndCompute(grey, None)
    points = np.array([point.pt for point in found], dtype=np.float32).reshape(-1, 2)
    if descriptors is not None:
        descriptors = np.sqrt(descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-6))
    return Features((points + 0.5) / scale - 0.5, descriptors)


def _match_features(first: Features, second: Features) -> Matrix | None:
    """Return the homography that most matched points follow, or None when too few do."""
    if (
        first.descriptors is None
        or second.descriptors is None
        or min(len(first.points), len(second.points)) < FEW
    ):
        return None
    alike = first.descriptors @ second.descriptors.T
    rows, nearest = np.arange(len(alike)), np.argmax(alike, axis=1)
    near = np.sqrt(np.maximum(2 - 2 * alike[rows, nearest], 0))
    alike[rows, nearest] = -1
    good = near < 0.85 * np.sqrt(2 - 2 * alike.max(axis=1))
    if int(good.sum()) < FEW:
        return None
    source, target = first.points[good], second.points[nearest[good]]
    matrix, inliers = cv2.findHomography(
        source, target, cv2.USAC_MAGSAC, 3.0, maxIters=3000, confidence=0.999
    )
    if matrix is None or int(inliers.sum()) < FEW:
        return None
    return np.asarray(matrix, dtype=np.float64)


def _mirror(plane: Floats, *, side: bool) -> Floats:
    """Return the plane, mirrored left to right when `side`."""
    return np.ascontiguousarray(plane[:, ::-1]) if side else plane


def _unmirror(matrix: Matrix, width: int) -> Matrix:
    """Return a map into the mirrored leak as a map into the leak."""
    return np.array([[-1, 0, width - 1], [0, 1, 0], [0, 0, 1]], dtype=np.float64) @ matrix
