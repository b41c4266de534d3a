"""Read stills with known plates as they are and altered as another camera might have taken them: exact rates by alteration.

Usage: altered_plates.py MANIFEST.csv [MANIFEST.csv ...] [--only NAME ...]

A reading that does not outlast a shift of a few pixels was luck, and two hundred pictures tell little; their copies tell more. The
copies stay in memory, the noise is seeded, and only counts are printed.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from wayseal.flow.measure.plates import make_reader, read_manifest
from wayseal.model.border import Pixels
from wayseal.vision.picture import read_picture
from wayseal.vision.plate.reader import PlateReader
from wayseal.vision.plate.still import read_still

Alteration = Callable[[Pixels], Pixels]
EDGE = 0.05


def bend_light(power: float) -> Alteration:
    """Return an alteration that raises brightness, as a share of white, to a power."""
    table = np.asarray(np.round(255 * (np.arange(256) / 255) ** power), np.uint8)
    return lambda bgr: np.asarray(cv2.LUT(bgr, table), np.uint8)


def move(right: float, down: float, *, turn: float = 0.0, slant: float = 0.0) -> Alteration:
    """Return an alteration that moves a picture by pixels, turns it by degrees and slants it; its border is repeated."""

    def alter(bgr: Pixels) -> Pixels:
        height, width = bgr.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, 1.0)
        matrix[0, 1] += slant
        matrix[:, 2] += (right - slant * height / 2, down)
        moved = cv2.warpAffine(
            bgr, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(moved, np.uint8)

    return alter


def scale(factor: float) -> Alteration:
    """Return an alteration of a picture's size."""
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return lambda bgr: np.asarray(cv2.resize(bgr, None, fx=factor, fy=factor, interpolation=method), np.uint8)


def compress(quality: int) -> Alteration:
    """Return an alteration that stores a picture as a JPEG of a quality and reads it again."""

    def alter(bgr: Pixels) -> Pixels:
        packed = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)

    return alter


def defocus(sigma: float) -> Alteration:
    """Return an alteration that blurs a picture by so many pixels."""
    return lambda bgr: np.asarray(cv2.GaussianBlur(bgr, (0, 0), sigma), np.uint8)


def add_grain(spread: float) -> Alteration:
    """Return an alteration that adds the same seeded noise each time, of a standard deviation in grey levels."""

    def alter(bgr: Pixels) -> Pixels:
        grain = np.random.default_rng(7).normal(0, spread, bgr.shape)
        return np.clip(bgr + grain, 0, 255).astype(np.uint8)

    return alter


def trim(bgr: Pixels) -> Pixels:
    """Return a picture without its outermost 5 %."""
    down, across = (int(EDGE * side) for side in bgr.shape[:2])
    return np.ascontiguousarray(bgr[down:-down, across:-across])


ALTERATIONS: dict[str, Alteration] = {
    "as it is": lambda bgr: bgr,
    "gamma 0.7": bend_light(0.7),
    "gamma 1.4": bend_light(1.4),
    "moved by 3.3 and 5.6 pixels": move(3.3, 5.6),
    "moved by -6.5 and 2.5 pixels": move(-6.5, 2.5),
    "scaled by 0.8": scale(0.8),
    "scaled by 0.9": scale(0.9),
    "scaled by 1.15": scale(1.15),
    "JPEG 60": compress(60),
    "JPEG 35": compress(35),
    "blurred by 0.7 pixels": defocus(0.7),
    "blurred by 1.2 pixels": defocus(1.2),
    "noise of 6": add_grain(6.0),
    "turned by 2 degrees": move(0.0, 0.0, turn=2.0),
    "slanted by 0.06": move(0.0, 0.0, slant=0.06),
    "5 % of the edges lost": trim,
}


def count_exact(reader: PlateReader, manifest: Path, alteration: Alteration) -> tuple[int, int]:
    """Return how many of a manifest's altered pictures are read to the last character, and how many there are."""
    rows = read_manifest(manifest)
    found = [(row, read_still(reader, alteration(read_picture(row.path)))) for row in rows]
    return sum(plate is not None and plate.reading.text == row.plate for row, plate in found), len(rows)


def main() -> None:
    """Read, count, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("manifests", type=Path, nargs="+")
    parser.add_argument("--only", nargs="*", choices=list(ALTERATIONS), default=list(ALTERATIONS))
    options = parser.parse_args()
    cv2.setNumThreads(1)
    reader = make_reader()
    print("| pictures | " + " | ".join(path.parent.name for path in options.manifests) + " |")
    print("|---" * (1 + len(options.manifests)) + "|")
    totals = [[0, 0] for _ in options.manifests]
    for name in options.only:
        cells = []
        for total, manifest in zip(totals, options.manifests, strict=True):
            right, count = count_exact(reader, manifest, ALTERATIONS[name])
            total[0], total[1] = total[0] + right, total[1] + count
            cells.append(f"{right} of {count}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    print("| all | " + " | ".join(f"{right / count:.1%}" for right, count in totals) + " |")


if __name__ == "__main__":
    sys.exit(main())
