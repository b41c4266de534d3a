"""A camera's setting in numbers: how sharp, how bright, how noisy a whole picture is. For people who may not see it.

Owns the measures. They are of the whole picture and of its middle, never of a smaller place, so that no picture can be put
together from them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import cv2
import numpy as np

from wayseal.model.border import Pixels
from wayseal.model.errors import Unavailable
from wayseal.vision.quality_measure import estimate_noise

DARK, BRIGHT = 8, 247


@dataclass(frozen=True, slots=True)
class CameraNumbers:
    """Means over `frames` pictures.

    `sharpness` compares fine detail (about 1 px) with coarse (about 4 px), 0 and up, whatever the light; `brightness` is the mean luma, 0-255; `dark` and `saturated` are the shares below 9 and above 246; `noise` is a
    standard deviation in grey levels.
    """

    frames: int
    width: int
    height: int
    sharpness: float
    sharpness_middle: float
    brightness: float
    dark: float
    saturated: float
    noise: float


def measure_camera(lumas: Iterable[Pixels], *, frames: int = 10) -> CameraNumbers:
    """Return the numbers over the first `frames` brightness planes. Raises `Unavailable` when there is none."""
    rows, size = [], (0, 0)
    for luma in islice(lumas, frames):
        size = (luma.shape[1], luma.shape[0])
        third = luma[size[1] // 3 : -size[1] // 3, size[0] // 3 : -size[0] // 3]
        rows.append((
            measure_sharpness(luma), measure_sharpness(third), float(luma.mean()), float((luma <= DARK).mean()),
            float((luma >= BRIGHT).mean()), estimate_noise(luma),
        ))  # fmt: skip
    if not rows:
        raise Unavailable("the camera gave no picture", hint="Check its stream and its cable.")
    means = [round(float(value), 4) for value in np.mean(rows, axis=0)]
    return CameraNumbers(len(rows), *size, *means)


def measure_sharpness(luma: Pixels) -> float:
    """Return fine contrast over coarse contrast; more is sharper, and light cancels. 0 for a picture without any contrast."""
    layers = [cv2.GaussianBlur(luma.astype(np.float32), (0, 0), sigma) for sigma in (0.7, 1.4, 2.8, 5.6)]
    fine, coarse = float((layers[0] - layers[1]).std()), float((layers[2] - layers[3]).std())
    return fine / coarse if coarse > 1e-6 else 0.0
