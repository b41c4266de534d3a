"""What happens to a picture between its theft and its discovery: recompressed, resized, cut, shown, photographed, averaged.

For drills, tests and measurements. Seeded; takes pixels and gives pixels or a file's bytes; keeps nothing.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from wayseal.model.border import Pixels


def to_jpeg(bgr: Pixels, quality: int = 50) -> bytes:
    """Return a JPEG file as an ordinary program writes it (4:2:0)."""
    return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())


def to_png(bgr: Pixels) -> bytes:
    """Return a PNG file."""
    return bytes(cv2.imencode(".png", bgr)[1].tobytes())


def shrink(bgr: Pixels, share: float) -> Pixels:
    """Return a smaller copy, `share` of each side."""
    size = (max(1, round(bgr.shape[1] * share)), max(1, round(bgr.shape[0] * share)))
    return np.asarray(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def crop(bgr: Pixels, share: float) -> Pixels:
    """Return a copy without `share` of its height and of its width, more from one side than from the other."""
    height, width = bgr.shape[:2]
    top, left = int(0.6 * share * height), int(0.4 * share * width)
    bottom, right = top + round(height * (1 - share)), left + round(width * (1 - share))
    return np.ascontiguousarray(bgr[top:bottom, left:right])


def average(copies: Sequence[Pixels]) -> Pixels:
    """Return the mean of several people's copies of one picture: what colluders do against marks."""
    return np.asarray(np.rint(np.mean(np.stack(copies).astype(np.float32), axis=0)), dtype=np.uint8)


def screenshot(bgr: Pixels, *, zoom: float = 1.3) -> Pixels:
    """Return the picture enlarged in a window with a title bar, on a desktop."""
    shown = cv2.resize(bgr, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_LINEAR)
    height, width = shown.shape[:2]
    desk = np.tile(np.linspace(40, 120, width + 260).astype(np.uint8)[None, :, None], (height + 200, 1, 3))
    desk = np.ascontiguousarray(desk)
    desk[60:100, 80 : 120 + width] = 220
    cv2.putText(desk, "Picture 1 of 19", (90, 88), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (30, 30, 30), 1)
    desk[100 : 100 + height, 100 : 100 + width] = shown
    return np.asarray(desk, dtype=np.uint8)


def photograph(bgr: Pixels, *, seed: int = 1, zoom: float = 2.2) -> Pixels:
    """Return a simulated photograph of a screen that shows the picture, as the camera's JPEG (quality 75) decodes.

    Perspective of up to 4 % a corner, the screen's pixel grid, defocus, uneven light, moire of 3 %, noise of 3 levels.
    """
    rng = np.random.default_rng(seed)
    height, width = bgr.shape[:2]
    out = (round(width * zoom * 1.3), round(height * zoom * 1.3))
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = corners + rng.uniform(-0.04, 0.04, (4, 2)) * (width, height)
    aim = (moved * zoom + np.array(out) * 0.12).astype(np.float32)
    grid = 1 - 0.12 * (np.arange(width * 3) % 3 == 2)
    lit = ((bgr / 255.0) ** 2.2).astype(np.float32)
    screen = cv2.resize(lit, (width * 3, height * 3), interpolation=cv2.INTER_NEAREST)
    screen = (screen * grid[None, :, None]).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(corners * 3, aim)
    shot = cv2.warpPerspective(screen, matrix, out, flags=cv2.INTER_LINEAR, borderValue=(0.02, 0.02, 0.02))
    shot = cv2.GaussianBlur(shot, (0, 0), zoom / 2)
    rows, columns = np.indices(shot.shape[:2])
    light = 0.85 + 0.25 * columns / out[0] - 0.1 * rows / out[1]
    moire = 1 + 0.03 * np.sin(2 * np.pi * (columns * 0.031 + rows * 0.043))
    seen = 255 * np.clip(shot * (light * moire)[..., None], 0, 1) ** (1 / 2.2) + rng.normal(
        0, 3.0, shot.shape
    )
    file = to_jpeg(np.asarray(np.clip(seen, 0, 255), dtype=np.uint8), 75)
    return np.asarray(cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR), dtype=np.uint8)
