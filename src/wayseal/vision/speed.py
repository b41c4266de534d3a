"""How fast a vehicle went, from how its picture changed. Null where the geometry does not tell: a guess is no figure."""

from collections.abc import Sequence

import numpy as np

from wayseal.vision.seats import EYES_M

MPH = 2.236936
"""Miles an hour in one metre a second."""


def speed_toward(path: Sequence[tuple[float, float]], *, eyes: float, focal_px: float | None) -> float | None:
    """Return mph of a vehicle that comes toward the camera, or None without a focal length or a long enough path.

    `path` is (stream seconds, log scale) a frame; `eyes` is the size between the eyes in vehicle coordinates (scale 1).
    The range is focal * 0.063 m / eyes, and its inverse grows linearly with the scale: range = focal * 0.063 / (eyes * scale).
    """
    if focal_px is None or eyes <= 0 or len(path) < 8:
        return None
    seconds, logs = np.array(path, dtype=np.float64).T
    ranges = focal_px * EYES_M / (eyes * np.exp(logs))
    return _fit_speed(seconds, ranges)


def speed_across(seconds: Sequence[float], shifts: Sequence[float], *, eyes: float) -> float | None:
    """Return mph of a vehicle that passes across: its shift in pixels, with the distance between the eyes as the ruler."""
    if eyes <= 0 or len(seconds) < 5:
        return None
    return _fit_speed(np.array(seconds), np.array(shifts) * EYES_M / eyes)


def _fit_speed(seconds: np.ndarray, metres: np.ndarray) -> float | None:
    """Return the size of the slope in mph, by least squares on the middle of the path."""
    if np.ptp(seconds) <= 0:
        return None
    slope = float(np.polyfit(seconds - seconds.mean(), metres, 1)[0])
    mph = abs(slope) * MPH
    return round(mph, 1) if np.isfinite(mph) and mph < 200 else None
