"""Degradations of face pictures for the accuracy tools: size, smear, noise, veil, darkness, glare, JPEG, and a lane's mixture.

Pure functions over pixels; nothing is written.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from wayseal.vision.detect import Detection, clip_box


@dataclass(frozen=True)
class Recipe:
    """What is done to a face, in this order. `height` is the face's height in pixels; smear in pixels and degrees."""

    height: float
    smear: float = 0.0
    angle: float = 0.0
    veil: float = 0.0
    veil_level: float = 180.0
    gain: float = 1.0
    noise: float = 0.0
    grey: bool = False
    jpeg: int | None = None


CONDITIONS = {
    "clean, 112 px": Recipe(112),
    "64 px": Recipe(64),
    "48 px": Recipe(48),
    "40 px": Recipe(40),
    "32 px": Recipe(32),
    "24 px": Recipe(24),
    "smear 7 px": Recipe(112, smear=7),
    "smear 11 px": Recipe(112, smear=11),
    "smear 15 px": Recipe(112, smear=15),
    "noise 15": Recipe(112, noise=15),
    "noise 30": Recipe(112, noise=30),
    "veil 70 %": Recipe(112, veil=0.7),
    "veil 85 %": Recipe(112, veil=0.85),
    "dark x0.2, noise 8": Recipe(112, gain=0.2, noise=8),
    "JPEG 20, 64 px": Recipe(64, jpeg=20),
    "lane mixture, 96 px": Recipe(96, smear=5, veil=0.4, noise=8, jpeg=60),
    "lane mixture, 64 px": Recipe(64, smear=3, veil=0.4, noise=8, jpeg=60),
    "lane mixture, 48 px": Recipe(48, smear=3, veil=0.4, noise=8, jpeg=60),
    "infrared mixture, 64 px": Recipe(64, smear=3, veil=0.3, noise=6, grey=True, jpeg=60),
}
"""The conditions of the accuracy table."""


def random_recipe(kind: str, rng: np.random.Generator) -> Recipe:
    """Return a recipe of one kind with its strength drawn at random; `clean` only changes the size."""
    low, high = {"size": (20, 150), "lane": (36, 130)}.get(kind, (48, 130))
    height = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    drawn = {
        "smear": {"smear": rng.uniform(1.5, 20) * height / 112, "angle": rng.uniform(0, 180)},
        "noise": {"noise": rng.uniform(4, 40)},
        "veil": {"veil": rng.uniform(0.2, 0.92), "veil_level": rng.uniform(120, 230)},
        "dark": {"gain": rng.uniform(0.08, 0.5), "noise": rng.uniform(1, 12)},
        "glare": {"gain": rng.uniform(1.2, 3)},
        "jpeg": {"jpeg": int(rng.uniform(8, 60))},
        "lane": {
            "smear": rng.uniform(1, 9), "angle": rng.normal(0, 20), "veil": rng.uniform(0, 0.6),
            "veil_level": rng.uniform(120, 230), "noise": rng.uniform(1, 14), "grey": bool(rng.random() < 0.3),
            "jpeg": int(rng.uniform(30, 90)),
        },
    }.get(kind, {})  # fmt: skip
    return Recipe(height, **drawn)


def degrade(
    bgr: np.ndarray, face: Detection, recipe: Recipe, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the surroundings of a face after a recipe, and where its five points then lie."""
    x, y, w, h = face.box
    scale = recipe.height / h
    left, top, right, bottom = clip_box(
        (x - 0.8 * w, y - 0.6 * h, 2.6 * w, 2.2 * h), bgr.shape[1], bgr.shape[0]
    )
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    out = cv2.resize(bgr[top:bottom, left:right], None, fx=scale, fy=scale, interpolation=way).astype(
        np.float32
    )
    if recipe.smear > 1:
        out = smear(out, recipe.smear, recipe.angle)
    out = (out * (1 - recipe.veil) + recipe.veil * recipe.veil_level) * recipe.gain
    if recipe.noise:
        out += rng.normal(0, recipe.noise, out.shape)
    done = np.clip(out, 0, 255).astype(np.uint8)
    if recipe.grey:
        done = cv2.cvtColor(cv2.cvtColor(done, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    if recipe.jpeg is not None:
        coded = cv2.imencode(".jpg", done, [cv2.IMWRITE_JPEG_QUALITY, recipe.jpeg])[1]
        done = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    return done, (face.landmarks - np.array([left, top])) * scale


def smear(picture: np.ndarray, length: float, angle: float) -> np.ndarray:
    """Return a picture smeared over `length` pixels at `angle` degrees."""
    side = max(3, int(np.ceil(length)) | 1) + 2
    line = np.zeros((side * 8, side * 8), np.float32)
    reach = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))]) * length * 4
    centre = np.array([side * 4, side * 4])
    cv2.line(line, tuple(int(v) for v in centre - reach), tuple(int(v) for v in centre + reach), 1, 8)
    kernel = cv2.resize(line, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.filter2D(picture, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def as_infrared(bgr: np.ndarray) -> np.ndarray:
    """Return a picture much as a near-infrared camera gives it: grey, by reflectance in linear light, red counting most."""
    linear = (bgr.astype(np.float32) / 255) ** 2.2
    grey = np.clip(linear @ np.array([0.12, 0.30, 0.58], np.float32), 0, 1) ** (1 / 2.2) * 255
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)


def nearest_face(faces: list[Detection], points: np.ndarray) -> Detection | None:
    """Return the best detection whose points lie within half an eye distance of `points`."""
    limit = 0.5 * float(np.hypot(*(points[1] - points[0])))
    near = [face for face in faces if float(np.abs(face.landmarks - points).mean()) < limit]
    return max(near, key=lambda face: face.score, default=None)
