"""Repairs of a poor face picture that were tried, shipped or not, as pure functions over pixels.

Those that ship are taken from the product itself; the others live here, so that the table which turned them down can be
made again. Nothing is written.
"""

from collections.abc import Callable

import cv2
import numpy as np
from degrade import smear

from wayseal.vision.condition import Treatment, apply_treatment

Repair = Callable[[np.ndarray], np.ndarray]
_NOISE_TO_SIGNAL = 0.01
"""Noise power over picture power that Wiener's filter is told."""


def leave(bgr: np.ndarray) -> np.ndarray:
    """Return the picture as it is."""
    return bgr


def smooth(bgr: np.ndarray) -> np.ndarray:
    """Return the picture after a Gaussian of one pixel."""
    return apply_treatment(bgr, Treatment.SMOOTH)


def stretch(bgr: np.ndarray) -> np.ndarray:
    """Return the picture with its 1st to 99th percentile spread over the whole range."""
    return apply_treatment(bgr, Treatment.STRETCH)


def fuse_tones(bgr: np.ndarray) -> np.ndarray:
    """Return the exposure fusion of a picture with itself made darker and lighter (Mertens, Kautz and Van Reeth 2007)."""
    ramp = np.arange(256) / 255.0
    return fuse_exposures([cv2.LUT(bgr, (255 * ramp**power).astype(np.uint8)) for power in (0.45, 1.0, 2.2)])


def fuse_exposures(frames: list[np.ndarray]) -> np.ndarray:
    """Return the exposure fusion of 8-bit pictures that lie on each other, taken with different shutters."""
    return np.clip(cv2.createMergeMertens().process(frames) * 255, 0, 255).astype(np.uint8)


def deblur(bgr: np.ndarray, length: float, angle: float) -> np.ndarray:
    """Return a picture with a straight smear of known length and direction undone (Wiener's filter, edges mirrored)."""
    edge = int(np.ceil(length)) * 2
    padded = cv2.copyMakeBorder(bgr, edge, edge, edge, edge, cv2.BORDER_REFLECT).astype(np.float32)
    point = np.zeros(padded.shape[:2], np.float32)
    point[point.shape[0] // 2, point.shape[1] // 2] = 1
    response = np.fft.rfft2(np.fft.ifftshift(smear(point, length, angle)))
    wiener = np.conj(response) / (np.abs(response) ** 2 + _NOISE_TO_SIGNAL)
    planes = [
        np.fft.irfft2(np.fft.rfft2(padded[..., channel]) * wiener, s=point.shape) for channel in range(3)
    ]
    sharp = np.clip(np.stack(planes, axis=2), 0, 255).astype(np.uint8)
    return sharp[edge:-edge, edge:-edge]
