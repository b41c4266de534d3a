"""How a set of picture points moved between two frames, as one scale and one shift. Pure geometry and optical flow.

A vehicle that nears a fixed camera grows about a point; one that passes across shifts. Both are p' = scale * p + shift,
so that one model serves every lane. Nothing here knows what a vehicle or a face is.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from wayseal.model.border import Box, Pixels

Points = NDArray[np.float32]
"""(n, 2): x to the right, y down."""

_WINDOW, _LEVELS = (15, 15), 4
_STEPS = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 10, 0.03)  # rounds, and pixels that end them
_ROUND_TRIP = 0.6  # pixels a point may miss its start after forward and backward flow
_ABSOLUTE, _RELATIVE = 0.4, 0.22  # a point fits when it misses by less than 0.4 px + 22 % of its own flow
_TRIALS = 40


@dataclass(frozen=True, slots=True)
class Similarity:
    """p' = scale * p + (dx, dy), without rotation."""

    scale: float = 1.0
    dx: float = 0.0
    dy: float = 0.0

    def move(self, points: Points) -> Points:
        """Return where (n, 2) points go."""
        return np.asarray(points * self.scale + np.array([self.dx, self.dy]), dtype=np.float32)

    def move_box(self, box: Box) -> Box:
        """Return where a box goes."""
        x, y, width, height = box
        return (
            x * self.scale + self.dx,
            y * self.scale + self.dy,
            width * self.scale,
            height * self.scale,
        )

    def then(self, later: "Similarity") -> "Similarity":
        """Return the movement of first this one, then `later`."""
        return Similarity(
            self.scale * later.scale,
            self.dx * later.scale + later.dx,
            self.dy * later.scale + later.dy,
        )

    def times(self, count: float) -> "Similarity":
        """Return this movement made `count` times over: half of it for 0.5."""
        scale = self.scale**count
        same = abs(self.scale - 1.0) < 1e-6
        ratio = count if same else (scale - 1.0) / (self.scale - 1.0)
        return Similarity(scale, self.dx * ratio, self.dy * ratio)

    def inverse(self) -> "Similarity":
        """Return the movement back."""
        return Similarity(1.0 / self.scale, -self.dx / self.scale, -self.dy / self.scale)


def follow_points(
    before: Pixels, after: Pixels, points: Points, guess: Points, doubted: NDArray[np.bool_] | None = None
) -> tuple[Points, NDArray[np.bool_]]:
    """Return where (n, 2) points of one luma plane are in the next, and which of them can be trusted.

    `guess` is where they are expected: a vehicle at 30 mph crosses a tenth of the picture between two frames. The `doubted`
    points (None: all) must come back when followed back; of the others it is enough that they were found.
    Source: Lucas-Kanade pyramids; the round trip is the forward-backward test of Kalal et al. (2010).
    """
    if len(points) == 0:
        return points, np.zeros(0, dtype=bool)
    start = points.reshape(-1, 1, 2)
    ahead = guess.reshape(-1, 1, 2).copy()
    moved, found, _ = cv2.calcOpticalFlowPyrLK(
        before,
        after,
        start,
        ahead,
        winSize=_WINDOW,
        maxLevel=_LEVELS,
        criteria=_STEPS,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    there: NDArray[np.float32] = np.asarray(moved, dtype=np.float32)
    good = found.ravel() > 0
    asked = np.flatnonzero(good if doubted is None else good & doubted)
    if asked.size:
        good[asked] = _come_back(after, before, start[asked], there[asked], guess.reshape(-1, 1, 2)[asked])
    height, width = after.shape
    ends = there[:, 0]
    good &= (ends[:, 0] >= 0) & (ends[:, 1] >= 0) & (ends[:, 0] < width) & (ends[:, 1] < height)
    return ends, good


def _come_back(
    after: Pixels,
    before: Pixels,
    start: NDArray[np.float32],
    there: NDArray[np.float32],
    guess: NDArray[np.float32],
) -> NDArray[np.bool_]:
    """Return which (n, 1, 2) points, followed back, end where they began."""
    behind = there - (guess - start)
    back, returned, _ = cv2.calcOpticalFlowPyrLK(
        after, before, there, behind, winSize=_WINDOW, maxLevel=_LEVELS, criteria=_STEPS, flags=cv2.OPTFLOW_USE_INITIAL_FLOW
    )  # fmt: skip
    miss = np.linalg.norm((back - start)[:, 0], axis=1)
    return np.asarray((returned.ravel() > 0) & (miss < _ROUND_TRIP))


def fits_movement(movement: Similarity, before: Points, after: Points) -> NDArray[np.bool_]:
    """Return which points moved as `movement` says. Parts of a vehicle at other depths move a little differently: allowed."""
    flow = np.linalg.norm(after - before, axis=1)
    miss = np.linalg.norm(movement.move(before) - after, axis=1)
    return np.asarray(miss < _ABSOLUTE + _RELATIVE * flow)


def refine_movement(before: Points, after: Points, inliers: NDArray[np.bool_]) -> Similarity | None:
    """Return the least-squares movement of the chosen points; None when they do not tell one (fewer than 4, or one spot)."""
    if int(inliers.sum()) < 4:
        return None
    here, there = before[inliers].astype(np.float64), after[inliers].astype(np.float64)
    mean_here, mean_there = here.mean(axis=0), there.mean(axis=0)
    spread = float(((here - mean_here) ** 2).sum())
    if spread < 1.0:
        return None
    scale = float(((here - mean_here) * (there - mean_there)).sum()) / spread
    if not 0.85 < scale < 1.25:
        return None
    shift = mean_there - scale * mean_here
    return Similarity(scale, float(shift[0]), float(shift[1]))


def fit_movement(
    before: Points, after: Points, *, guess: Similarity | None = None, shift_only: bool = False, seed: int = 0
) -> tuple[Similarity, NDArray[np.bool_]] | None:
    """Return the movement that most points share, and which they are; None when no four of them agree.

    `guess` (the movement of the frame before) is tried first and makes the random trials unnecessary when it holds.
    `shift_only` is for a vehicle that is known to pass across: nothing but a shift is believed then.
    """
    if shift_only:
        return _fit_shift(before, after)
    inliers = fits_movement(guess, before, after) if guess is not None else None
    if inliers is None or inliers.sum() < max(6, 0.6 * len(before)):
        inliers = _vote_pairs(before, after, seed)
    movement = None
    for _ in range(3):
        movement = refine_movement(before, after, inliers) if inliers is not None else None
        if movement is None:
            break
        inliers = fits_movement(movement, before, after)
    shifted = _fit_shift(before, after)
    if shifted is not None and (
        movement is None or inliers is None or shifted[1].sum() >= 0.9 * inliers.sum()
    ):
        return shifted
    return (
        (movement, inliers) if movement is not None and inliers is not None and inliers.sum() >= 4 else None
    )


def _fit_shift(before: Points, after: Points) -> tuple[Similarity, NDArray[np.bool_]] | None:
    """Return the plain shift that most points share, and which they are: the simpler story, preferred when it tells as much."""
    if len(before) < 4:
        return None
    flow = after - before
    middle = np.median(flow, axis=0)
    for _ in range(2):
        shift = Similarity(1.0, float(middle[0]), float(middle[1]))
        inliers = _keeps_pace(shift, before, after)
        if inliers.sum() < 4:
            return None
        middle = flow[inliers].mean(axis=0)
    return shift, inliers


def _keeps_pace(shift: Similarity, before: Points, after: Points) -> NDArray[np.bool_]:
    """Return which points moved by one shift: tighter than `fits_movement`, so that growth is never taken for a shift."""
    miss = np.linalg.norm(shift.move(before) - after, axis=1)
    return np.asarray(miss < 0.3 + 0.06 * float(np.hypot(shift.dx, shift.dy)))


def _vote_pairs(before: Points, after: Points, seed: int) -> NDArray[np.bool_] | None:
    """Return the points that agree with the best of some random pairs (RANSAC with two points, Fischler and Bolles 1981)."""
    if len(before) < 4:
        return None
    pairs = np.random.default_rng(seed).integers(0, len(before), (_TRIALS, 2))
    best, most = None, 3
    for first, second in pairs:
        apart = before[first] - before[second]
        length = float(apart @ apart)
        if length < 100.0:
            continue
        scale = float((after[first] - after[second]) @ apart) / length
        if not 0.8 < scale < 1.3:
            continue
        shift = (after[first] + after[second] - scale * (before[first] + before[second])) / 2
        inliers = fits_movement(Similarity(scale, float(shift[0]), float(shift[1])), before, after)
        if inliers.sum() > most:
            best, most = inliers, int(inliers.sum())
    return best
