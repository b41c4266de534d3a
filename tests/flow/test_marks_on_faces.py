"""The short form of bench_marks: real faces, the common attacks alone and combined, a thousand innocent keys beside each."""

import csv
from pathlib import Path

import numpy as np
import pytest

from wayseal.export.mark import PSNR, luma, mark_picture, measure_psnr
from wayseal.export.markcode import Channel, MarkRoot
from wayseal.export.markjpeg import read_compression
from wayseal.export.markread import cut_view, gather_evidence
from wayseal.export.markscore import score_keys, suffices
from wayseal.export.register import Leak
from wayseal.testing.leaks import average, crop, photograph, screenshot, shrink, to_jpeg
from wayseal.vision.picture import encode_picture, read_picture

ROOT = MarkRoot(b"the short form, thirty-two bytes.")
KEYS = [ROOT.key(Channel.EXPORT, str(number)) for number in range(1000)]
ATTACKS = {
    "jpeg50": lambda c: to_jpeg(c[0], 50),
    "crop10-half-jpeg50": lambda c: to_jpeg(shrink(crop(c[0], 0.1), 0.5), 50),
    "screenshot-jpeg50": lambda c: to_jpeg(screenshot(c[0]), 50),
    "crop10-screen-photograph": lambda c: to_jpeg(photograph(crop(c[0], 0.1), zoom=1.8), 75),
    "averaged5-jpeg50": lambda c: to_jpeg(average(c), 50),
}

ALONE = {"jpeg50", "screenshot-jpeg50"}
"""Left to the long form: what is combined is harder."""


@pytest.fixture(scope="module")
def faces(shared_data: Path) -> list[Path]:
    """Two faces from each source whose pictures have at least 240 pixels, in the manifest's order."""
    chosen: dict[str, list[Path]] = {}
    for row in csv.DictReader(
        (shared_data / "faces" / "manifest.csv").read_text(encoding="utf-8").splitlines()
    ):
        found = chosen.setdefault(row["source"], [])
        if len(found) < 2 and 240 <= min(int(row["width"]), int(row["height"])) <= 700:
            found.append(shared_data / "faces" / row["path"])
    return [file for files in chosen.values() for file in files]


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if name in ALONE else []) for name in sorted(ATTACKS)],
)
def test_real_faces_name_the_guilty_and_nobody_else(faces: list[Path], name: str) -> None:
    """After each attack at least 19 in 20 real faces name one of their recipients, and no innocent key or decoy suffices."""
    named = 0
    for number, file in enumerate(faces):
        sealed = read_picture(encode_picture(read_picture(file)).data)
        marked = [mark_picture(sealed, key, file.name) for key in KEYS[:5]]
        assert min(measure_psnr(sealed, one) for one in marked) >= PSNR
        data = ATTACKS[name]([read_picture(encode_picture(one).data) for one in marked])
        leak = Leak(read_picture(data))
        placed = leak.place(sealed)
        assert placed is not None, f"face {number} was not found again"
        view = cut_view(leak.plane, placed.matrix, sealed.shape[:2], read_compression(data))
        scores = score_keys(gather_evidence(luma(sealed), view), KEYS, [file.name] * 1000)
        guilty = 5 if "averaged" in name else 1
        innocent = np.concatenate([scores.z[guilty:], scores.decoys])
        assert not suffices(float(innocent.max()), 1000)
        named += suffices(float(scores.z[:guilty].max()), 1000)
    assert named >= 0.95 * len(faces)
