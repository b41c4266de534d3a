"""A drawn face and two small cameras, for the simulator's tests."""

from dataclasses import replace

import cv2
import numpy as np

from wayseal.testing.lane import Camera, FacePicture

SMALL = Camera(width=640, height=360, focal_px=3840.0)
"""The mid lens at half size: about 20 pixels between the eyes at the capture plane."""
QUIET = replace(SMALL, full_well=1e12, read_noise=0.0, defocus_px=0.0, lens_px=0.0, vignetting=0.0)
"""The same without noise, blur or shading: for comparing pictures."""


def draw_face() -> FacePicture:
    """Return a drawn face with green pupils that a test can find again; eyes 80 pixels apart."""
    pixels = np.full((480, 400, 3), 90, np.uint8)
    cv2.ellipse(pixels, (200, 250), (100, 140), 0, 0, 360, (120, 150, 200), -1)
    cv2.ellipse(pixels, (200, 140), (105, 60), 0, 0, 360, (30, 40, 60), -1)
    cv2.ellipse(pixels, (200, 310), (40, 12), 0, 0, 360, (60, 60, 160), -1)
    for x in (160, 240):
        cv2.circle(pixels, (x, 220), 13, (0, 255, 0), -1)
    return FacePicture(pixels, ((160.0, 220.0), (240.0, 220.0)), "drawn.png")
