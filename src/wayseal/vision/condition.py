"""At most one repair of a poor picture before a face is sought and embedded: against noise, or against a veil.

Each repair harms the other's case, so the choice is measured, never guessed. A repaired picture feeds the networks only;
it is never shown and never kept as evidence.
"""

from enum import StrEnum

import cv2
import numpy as np

from wayseal.model.border import Pixels
from wayseal.vision.quality_measure import estimate_noise

NOISY = 9.0
"""Noise in grey levels (of 255) from which smoothing gains more than it blurs."""
VEILED = 60.0
"""Spread between the 1st and 99th percentile, in grey levels, under which a stretch gains."""


class Treatment(StrEnum):
    """What is done to a picture before detection and embedding."""

    NONE = "none"
    SMOOTH = "smooth"
    STRETCH = "stretch"


def choose_treatment(luma: Pixels) -> Treatment:
    """Return the one repair that helps a face or glass region with this brightness plane (height, width), if any does.

    Noise goes first: stretching a noisy picture makes it much worse.
    """
    if min(luma.shape) < 8:
        return Treatment.NONE
    if estimate_noise(luma) >= NOISY:
        return Treatment.SMOOTH
    low, high = np.percentile(luma, (1, 99))
    return Treatment.STRETCH if high - low < VEILED else Treatment.NONE


def apply_treatment(bgr: Pixels, treatment: Treatment) -> Pixels:
    """Return the picture after one repair: Gaussian sigma 1, or the 1-99 percentile spread to 0-255 in each colour."""
    if treatment is Treatment.SMOOTH:
        return np.asarray(cv2.GaussianBlur(bgr, (0, 0), 1.0), dtype=np.uint8)
    if treatment is Treatment.STRETCH:
        low, high = np.percentile(bgr, (1, 99))
        table = np.clip((np.arange(256) - low) * (255.0 / max(high - low, 1.0)), 0, 255).astype(np.uint8)
        return np.asarray(cv2.LUT(bgr, table), dtype=np.uint8)
    return bgr
