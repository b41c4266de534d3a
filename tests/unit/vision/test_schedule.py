"""What a lane leaves out to keep up: frames, parts of the glass, ways back of points, embeddings; and what stays the same."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_lane import approach, face_of, film, make_car

from wayseal.model.border import Pixels, Quality, Template
from wayseal.vision.bestshot import KeptShot, ShotKeeper, embed_enough
from wayseal.vision.capture import CaptureModels, LaneCapture
from wayseal.vision.detect import Detection, FaceDetector, scale_pixels
from wayseal.vision.motion import Similarity, follow_points
from wayseal.vision.quality_measure import estimate_noise
from wayseal.vision.template import OnnxFaceModel
from wayseal.vision.track import FaceTracker, Sighting
from wayseal.vision.vehicle import Moment, rank_columns
from wayseal.vision.vehicle_tracker import _quiet_mean
from wayseal.vision.watch import join_touching


@pytest.fixture(scope="module")
def driven(astronaut: Pixels, detector: FaceDetector, sface: OnnxFaceModel) -> LaneCapture:
    """A lane through which a car with one person has come nearer, slowly."""
    car = make_car([(face_of(astronaut), 705, 170, 1.0)])
    capture = LaneCapture(CaptureModels(detector, sface))
    for frame in film(approach(car, frames=44)):
        capture.feed(frame)
    return capture


def test_steady_vehicle_is_followed_in_every_other_frame(driven: LaneCapture) -> None:
    """Once a vehicle is known, frames between its looks are only decoded, and it is looked at as often as before."""
    counts = driven.counts
    assert counts.frames == 44
    assert 8 <= counts.skipped <= 22
    assert counts.searches >= 12


def test_followed_vehicle_grows_as_its_picture_does(driven: LaneCapture) -> None:
    """Skipped frames change nothing in how much nearer a vehicle has come; its movement stays that of one frame."""
    (seen,) = driven.finish()
    (person,) = seen.occupants
    assert person.template is not None
    assert person.shots >= 8


@given(st.floats(0.9, 1.1), st.floats(-50, 50), st.floats(-50, 50), st.integers(2, 8))
def test_movement_made_several_times(scale: float, dx: float, dy: float, count: int) -> None:
    """A movement made n times over is itself n times in a row, and the n-th part of that is itself again."""
    once = Similarity(scale, dx, dy)
    chained = Similarity()
    for _ in range(count):
        chained = chained.then(once)
    whole = once.times(count)
    assert (whole.scale, whole.dx, whole.dy) == pytest.approx(
        (chained.scale, chained.dx, chained.dy), rel=1e-4, abs=1e-2
    )
    part = whole.times(1 / count)
    assert (part.scale, part.dx, part.dy) == pytest.approx((scale, dx, dy), rel=1e-4, abs=1e-2)


def test_points_that_nobody_doubts_go_one_way(astronaut: Pixels) -> None:
    """A point that is not doubted is kept where it was found; a doubted one in plain colour has to come back and may not."""
    before = cv2.cvtColor(astronaut, cv2.COLOR_BGR2GRAY)
    after = np.roll(before, 3, axis=1)
    corners = cv2.goodFeaturesToTrack(before[40:-40, 40:-40], 40, 0.05, 8)
    assert corners is not None
    points = (corners[:, 0] + 40).astype(np.float32)
    one_way, found = follow_points(before, after, points, points, np.zeros(len(points), bool))
    both_ways, proven = follow_points(before, after, points, points)
    assert np.array_equal(one_way, both_ways)
    assert found.sum() >= proven.sum() >= 0.8 * len(points)
    assert np.median(one_way[:, 0] - points[:, 0]) == pytest.approx(3.0, abs=0.1)


def test_boxes_that_touch_are_searched_as_one() -> None:
    """Boxes that share a third of one of them become one around both; others stay apart."""
    joined = join_touching([(0, 0, 90, 90), (200, 0, 90, 90), (30, 10, 90, 90)])
    assert sorted(joined) == [(0, 0, 120, 100), (200, 0, 90, 90)]
    assert join_touching([]) == []


@pytest.mark.parametrize("scale", [0.2, 0.35, 0.5, 0.7, 0.99, 1.0, 1.6])
def test_scaled_picture_has_its_size_and_brightness(astronaut: Pixels, scale: float) -> None:
    """A picture is scaled to the rounded size, and stays as bright and as OpenCV's slow average within a grey level or two."""
    part = astronaut[:301, :413]
    small = scale_pixels(part, scale)
    assert small.shape[:2] == (round(301 * scale), round(413 * scale))
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    slow = cv2.resize(part, small.shape[1::-1], interpolation=kind)
    assert abs(float(small.mean()) - float(slow.mean())) < 1.0
    smooth = [cv2.GaussianBlur(one, (0, 0), 1.5).astype(int) for one in (small, slow)]
    assert np.abs(smooth[0] - smooth[1]).mean() < 2.0


def test_tiny_pictures_scale_to_at_least_a_pixel() -> None:
    """However small the scale, one pixel is left."""
    assert scale_pixels(np.full((3, 40, 3), 9, np.uint8), 0.05).shape == (1, 2, 3)
    assert scale_pixels(np.full((2, 2, 3), 9, np.uint8), 0.01).tolist() == [[[9, 9, 9]]]


@given(
    st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=1, max_size=30), st.floats(0, 1)
)
def test_ranks_are_numpys_quantiles(rows: list[tuple[float, float]], share: float) -> None:
    """The quick rank of columns is NumPy's quantile."""
    values = np.array(rows, dtype=np.float32)
    assert rank_columns(values, share) == pytest.approx(
        np.quantile(values, share, axis=0), rel=1e-4, abs=1e-3
    )


@given(st.lists(st.integers(0, 255), min_size=12, max_size=200), st.floats(0.1, 1.0))
def test_quiet_mean_is_of_the_smallest(values: list[int], share: float) -> None:
    """Counting gives the mean of the smallest share, as sorting does."""
    plane = np.array([values], dtype=np.uint8)
    smallest = np.sort(plane, axis=None)[: int(share * plane.size)]
    assert _quiet_mean(plane, share) == pytest.approx(float(smallest.mean()))


@given(st.integers(8, 20), st.integers(8, 21), st.integers(0, 2**31))
def test_noise_is_the_middle_response(height: int, width: int, seed: int) -> None:
    """The noise counted out is the median that sorting gives, for even and odd numbers of pixels."""
    luma = np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.uint8)
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    response = cv2.filter2D(luma, cv2.CV_32F, kernel)[1:-1, 1:-1]
    assert estimate_noise(luma) == pytest.approx(float(np.median(np.abs(response))) / (6 * 0.6745))


class Counted:
    """A face model that gives one template of a wanted strength, and counts how many it gave."""

    def __init__(self, model: OnnxFaceModel, strength: float) -> None:
        self.manifest = model.manifest
        self._strength = strength
        self.given = 0

    def embed(self, crops: Sequence[Pixels]) -> list[Template]:
        """Return the same direction for each crop."""
        self.given += len(crops)
        vector = np.eye(1, self.manifest.dim, dtype=np.float32)[0]
        return [Template(vector, self.manifest.sha256, self._strength) for _ in crops]


@pytest.fixture(scope="module")
def shots(astronaut: Pixels, detector: FaceDetector) -> list[KeptShot]:
    """Ten equal shots of a clear face."""
    found: Detection = detector.detect(astronaut)[0]
    keeper = ShotKeeper()
    kept = keeper.offer(astronaut, _sight(found))
    return [replace_shot(kept) for _ in range(10)]


def _sight(found: Detection) -> Sighting:
    """Return a sighting as the tracker makes it."""
    moment = Moment(0, datetime(2026, 1, 1, tzinfo=UTC), 0.0)
    ((_, sighting),) = FaceTracker().feed(moment, Similarity(), [found])
    return sighting


def replace_shot(shot: KeptShot) -> KeptShot:
    """Return a copy without a template."""
    return replace(shot, template=None)


def test_clear_face_is_embedded_five_times(shots: list[KeptShot], sface: OnnxFaceModel) -> None:
    """Five good templates are enough, and only shots that have one are given back."""
    model = Counted(sface, strength=14.0)
    used = embed_enough([replace_shot(shot) for shot in shots], model)
    assert model.given == len(used) == 5
    assert all(shot.template is not None for shot in used)


def test_hard_face_takes_all_its_shots(shots: list[KeptShot], sface: OnnxFaceModel) -> None:
    """A face whose templates stay weak takes every shot that was chosen."""
    model = Counted(sface, strength=5.5)
    used = embed_enough([replace_shot(shot) for shot in shots], model)
    assert model.given == len(used) == 10


def test_templates_made_before_are_not_made_again(shots: list[KeptShot], sface: OnnxFaceModel) -> None:
    """Shots that told people from animals are counted, not embedded a second time."""
    model = Counted(sface, strength=14.0)
    again = [replace_shot(shot) for shot in shots]
    embed_enough(again[:3], model)
    assert model.given == 3
    assert isinstance(again[0].quality, Quality)
    embed_enough(again, model)
    assert model.given == 5
