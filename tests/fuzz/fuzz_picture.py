"""Fuzz target of the upload path: still pictures and model manifests. Anything but pixels or a plain refusal is a failure.

`python tests/fuzz/fuzz_picture.py [libFuzzer options] [CORPUS]` runs it under atheris, coverage-guided (group `fuzz`).
`check_input` is a plain function, so that the ordinary suite runs it over a short corpus without atheris.
"""

import io
from functools import partial

import numpy as np
from fuzzing import mutate_corpus, run_atheris
from PIL import Image

from wayseal.model.errors import BadPicture, Invalid
from wayseal.vision.models_manifest import parse_manifest
from wayseal.vision.picture import read_picture

REASONS = {"empty", "not_a_picture", "truncated", "too_large"}
FORMS = [("RGB", "JPEG"), ("CMYK", "JPEG"), ("L", "PNG"), ("P", "PNG"), ("I;16", "PNG"), ("RGB", "WEBP"), ("RGB", "TIFF"),
         ("L", "PPM"), ("RGB", "BMP"), ("P", "GIF"), ("RGB", "JPEG2000")]  # fmt: skip
MANIFEST = f"""name = "own"
task = "face_embedding"
file = "own.onnx"
sha256 = "{"0" * 64}"
size = 10
licence = "CC0"
licence_class = "free"
dim = 128
metric = "cosine"
thresholds = {{ match = 0.4 }}
""".encode()


def load_corpus() -> list[bytes]:
    """Return a small picture in each form, one with an orientation mark, and a manifest: what mutations start from."""
    ramp = np.tile(np.linspace(0, 255, 24).astype(np.uint8), (16, 1))
    corpus = [MANIFEST]
    for mode, form in FORMS:
        deep = Image.fromarray(ramp.astype(np.uint16) * 257)
        image = deep if mode == "I;16" else Image.fromarray(ramp).convert("RGB").convert(mode)
        out = io.BytesIO()
        exif = Image.Exif()
        exif[0x0112] = 6
        image.save(out, form, **({"exif": exif} if form in {"JPEG", "PNG", "WEBP"} else {}))
        corpus.append(out.getvalue())
    return corpus


def check_input(data: bytes) -> None:
    """Feed bytes to both readers. Raises AssertionError for an odd result, and whatever a reader should not raise."""
    _check_picture(data)
    try:
        manifest = parse_manifest(data)
    except Invalid:
        return
    assert "/" not in manifest.file, "a manifest names a path"
    assert len(manifest.sha256) == 64, "a manifest without a pin"


def _check_picture(data: bytes) -> None:
    refusal = None
    try:
        bgr = read_picture(data)
    except BadPicture as error:
        refusal = error
    if refusal is not None:
        assert refusal.facts["reason"] in REASONS, "a refusal without its reason"
        assert refusal.hint, "a refusal without a hint"
        return
    assert bgr.ndim == 3, "not a colour picture"
    assert bgr.shape[2] == 3, "not three colours"
    assert bgr.dtype == np.uint8, "not bytes"
    assert bgr.size > 0, "an empty picture"


mutate = partial(mutate_corpus, cuts=(1, 2, 16, 200), doubles=(1, 4, 100))


if __name__ == "__main__":
    run_atheris(check_input)
