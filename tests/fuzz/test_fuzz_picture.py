"""The short form of the upload path's fuzzing: a picture in each form, and mutations of them, without atheris."""

import fuzz_picture
import numpy as np
import pytest

from wayseal.model.errors import BadPicture, Invalid
from wayseal.vision.models_manifest import parse_manifest
from wayseal.vision.picture import read_picture


def test_corpus_is_read() -> None:
    """Each entry of the corpus is what it claims: a picture that is read, or a manifest that is taken."""
    manifest, *pictures = fuzz_picture.load_corpus()
    assert parse_manifest(manifest).name == "own"
    for data in pictures:
        fuzz_picture.check_input(data)
        assert read_picture(data).size == 24 * 16 * 3


@pytest.mark.parametrize("seed", range(4))
def test_mutations_are_read_or_refused(seed: int) -> None:
    """A thousand damaged pictures and manifests: pixels or a plain refusal, nothing else."""
    for data in fuzz_picture.mutate(fuzz_picture.load_corpus(), 1000, seed):
        fuzz_picture.check_input(data)


def test_target_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """The target reports an odd result: it is not a check that nothing can fail."""
    monkeypatch.setattr(fuzz_picture, "read_picture", lambda _: np.zeros((4, 4), np.uint8))
    with pytest.raises(AssertionError, match="not a colour picture"):
        fuzz_picture.check_input(b"x")
    monkeypatch.setattr(fuzz_picture, "read_picture", _refuse_silently)
    with pytest.raises(AssertionError, match="without its reason"):
        fuzz_picture.check_input(b"x")


def _refuse_silently(_: bytes) -> None:
    raise BadPicture("no", reason="because")


@pytest.mark.parametrize(
    "text",
    ["a = " + "[" * 5000 + "]" * 5000, "size = " + "9" * 5000, "std = nan", "mean = inf", 'name = "\\ud800"'],
)
def test_hostile_manifest_refused(text: str) -> None:
    """Deep nesting, endless numbers, numbers that are none and broken text are refused, not a crash."""
    known = fuzz_picture.MANIFEST.decode()
    with pytest.raises(Invalid):
        parse_manifest((known + text).encode())
