"""Plates and scenes drawn on purpose."""

import cv2
import matplotlib.font_manager
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from wayseal.model.border import Pixels


def draw_plate(text: str, *, height: int = 60, ink: int = 20, ground: int = 235, banner: str = "") -> Pixels:
    """Return a plate as BGR: dark text on a light ground with a rim, and a small banner above the number."""
    font = ImageFont.truetype(_font_path(), int(height * 0.62))
    width = int(font.getlength(text)) + height
    picture = Image.new("L", (width, height), ground)
    pen = ImageDraw.Draw(picture)
    pen.rectangle((1, 1, width - 2, height - 2), outline=ink, width=2)
    middle = height * (0.58 if banner else 0.5)
    pen.text((width / 2, middle), text, fill=ink, font=font, anchor="mm")
    if banner:
        small = ImageFont.truetype(_font_path(), int(height * 0.2))
        pen.text((width / 2, height * 0.15), banner, fill=ink, font=small, anchor="mm")
    return cv2.cvtColor(np.asarray(picture, np.uint8), cv2.COLOR_GRAY2BGR)


def draw_scene(
    plate: Pixels, *, at: tuple[int, int] = (220, 200), size: tuple[int, int] = (640, 360)
) -> Pixels:
    """Return a grey scene with a darker car body and a plate on it at `at` (x, y)."""
    scene = np.full((size[1], size[0], 3), 120, np.uint8)
    cv2.rectangle(scene, (60, 40), (size[0] - 60, size[1] - 20), (70, 60, 60), -1)
    x, y = at
    scene[y : y + plate.shape[0], x : x + plate.shape[1]] = plate
    return scene


def write_caption(scene: Pixels, text: str, *, at: tuple[int, int]) -> Pixels:
    """Return the scene with white words laid over it, as a photographer would."""
    picture = Image.fromarray(scene)
    pen = ImageDraw.Draw(picture)
    pen.text(at, text, fill=(255, 255, 255), font=ImageFont.truetype(_font_path(), 22))
    return np.asarray(picture, np.uint8)


def tilt_scene(scene: Pixels, degrees: float) -> Pixels:
    """Return the scene turned about its middle."""
    height, width = scene.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return np.asarray(cv2.warpAffine(scene, turn, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def add_noise(picture: Pixels, sigma: float, *, seed: int = 5) -> Pixels:
    """Return the picture with Gaussian sensor noise."""
    noise = np.random.default_rng(seed).normal(0, sigma, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def _font_path() -> str:
    """Return a font that the plotting library carries."""
    return matplotlib.font_manager.findfont("DejaVu Sans:bold")
