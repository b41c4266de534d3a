"""Best shot: chosen by quality alone, spread over the pass, fused without strangers, and forgotten afterwards."""

from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import pytest
from toy_lane import face_of

from wayseal.model.border import Pixels, Quality, Template
from wayseal.vision.bestshot import (
    EMBEDDED,
    KEPT,
    VIEWS,
    KeptShot,
    ShotKeeper,
    choose_shots,
    embed_shots,
    fuse_shots,
    view_box,
)
from wayseal.vision.detect import Detection, FaceDetector
from wayseal.vision.motion import Similarity
from wayseal.vision.quality_measure import measure_face
from wayseal.vision.template import OnnxFaceModel, align_face, cosine
from wayseal.vision.track import FaceTracker
from wayseal.vision.vehicle import Moment


def at(index: int) -> Moment:
    """The time of a frame."""
    return Moment(index, datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=index / 30), index / 30)


@pytest.fixture(scope="module")
def portrait(astronaut: Pixels) -> Pixels:
    """The astronaut's head, enlarged to 60 px between the eyes."""
    return np.asarray(cv2.resize(face_of(astronaut), None, fx=1.7, fy=1.7), dtype=np.uint8)


@pytest.fixture(scope="module")
def found(portrait: Pixels, detector: FaceDetector) -> Detection:
    """The face in it."""
    return detector.detect(portrait)[0]


def burst(portrait: Pixels, found: Detection, blurs: list[float]) -> ShotKeeper:
    """A burst of one face in consecutive frames, each blurred by a sigma in pixels."""
    tracker, keeper = FaceTracker(), ShotKeeper()
    for index, sigma in enumerate(blurs):
        picture = (
            portrait if sigma == 0 else np.asarray(cv2.GaussianBlur(portrait, (0, 0), sigma), dtype=np.uint8)
        )
        ((_, sighting),) = tracker.feed(at(index), Similarity(), [found])
        keeper.offer(picture, sighting)
    return keeper


def test_sharp_shots_come_first(portrait: Pixels, found: Detection) -> None:
    """Of a burst, the sharpest shots are chosen first."""
    keeper = burst(portrait, found, [16, 0, 16, 12, 16, 0.5, 16, 16])
    chosen = [shot.sighting.moment.index for shot in choose_shots(keeper.shots, 3)]
    assert chosen[0] in {1, 5}
    assert set(chosen) >= {1, 5}


def test_chosen_shots_are_spread(portrait: Pixels, found: Detection) -> None:
    """Shots of a long pass lie apart in time, since neighbours show the same reflection; their number is limited."""
    keeper = burst(portrait, found, [0.0] * 61)
    indices = sorted(shot.sighting.moment.index for shot in choose_shots(keeper.shots))
    assert len(indices) == EMBEDDED
    assert min(np.diff(indices)) >= 2


def test_burst_is_bounded_and_forgotten(portrait: Pixels, found: Detection) -> None:
    """However long a vehicle stays, a burst holds a limited number of crops and pictures; release leaves none."""
    keeper = burst(portrait, found, [0.0] * (KEPT + 20))
    assert len(keeper.shots) == KEPT
    assert sum(shot.view is not None for shot in keeper.shots) <= VIEWS
    keeper.release()
    assert keeper.shots == []


def test_fusion_of_one_face(portrait: Pixels, found: Detection, sface: OnnxFaceModel) -> None:
    """Good shots fuse to a recognisable template that is like each of them."""
    keeper = burst(portrait, found, [0, 0.6, 1.0])
    embed_shots(keeper.shots, sface)
    fused = fuse_shots(keeper.shots)
    assert fused is not None
    assert fused.recognisable
    assert all(cosine(fused.template, shot.template) > 0.8 for shot in fused.shots if shot.template)
    assert np.linalg.norm(fused.template.vector) == pytest.approx(1, abs=1e-5)


def test_unrecognisable_face(portrait: Pixels, found: Detection, sface: OnnxFaceModel) -> None:
    """A face too blurred in every shot passes no gate: it must not be compared."""
    keeper = burst(portrait, found, [22.0] * 4)
    embed_shots(keeper.shots, sface)
    fused = fuse_shots(keeper.shots)
    assert fused is not None
    assert not fused.recognisable


def made_shot(portrait: Pixels, found: Detection, vector: np.ndarray, strength: float = 11.0) -> KeptShot:
    """A shot with a template of our own making."""
    crop = align_face(portrait, found.landmarks)
    ((_, sighting),) = FaceTracker().feed(at(0), Similarity(), [found])
    template = Template((vector / np.linalg.norm(vector)).astype(np.float32), "m", strength)
    return KeptShot(sighting, crop, measure_face(portrait, found, crop), Quality(80), None, template)


def test_stranger_in_the_burst_is_left_out(portrait: Pixels, found: Detection) -> None:
    """A shot unlike all others (a hand, a neighbour) has no part in the template, however strong it is."""
    rng = np.random.default_rng(6)
    base, other = rng.normal(size=128), -rng.normal(size=128)
    shots = [made_shot(portrait, found, base + 0.2 * rng.normal(size=128)) for _ in range(4)]
    shots.append(made_shot(portrait, found, other, strength=14.0))
    fused = fuse_shots(shots)
    assert fused is not None
    assert len(fused.shots) == 4
    assert float(fused.template.vector @ (base / np.linalg.norm(base))) > 0.95


def test_nothing_embedded_fuses_to_nothing(portrait: Pixels, found: Detection) -> None:
    """Without a template there is nothing to fuse."""
    assert fuse_shots(burst(portrait, found, [0.0]).shots) is None


def test_view_shows_head_and_shoulders(portrait: Pixels, found: Detection) -> None:
    """The picture for people is cut wider than the face, at the frame's own resolution, and clipped to the frame."""
    x, y, width, height = view_box(found)
    assert x < found.box[0]
    assert y < found.box[1]
    assert x + width > found.box[0] + found.box[2]
    assert y + height > found.box[1] + found.box[3]
    keeper = burst(portrait, found, [0.0])
    view = keeper.shots[0].view
    assert view is not None
    assert view.shape[0] <= portrait.shape[0]
    assert view.shape[1] <= portrait.shape[1]


def test_veiled_crop_is_repaired_for_the_network_only(
    portrait: Pixels, found: Detection, sface: OnnxFaceModel
) -> None:
    """Behind a veil the template is nearer to the clear one than an unrepaired crop's, and the kept crop stays as it was."""
    veiled = np.clip(portrait * 0.18 + 150, 0, 255).astype(np.uint8)
    clear = sface.embed([align_face(portrait, found.landmarks)])[0]
    (shot,) = burst(veiled, found, [0.0]).shots
    untouched = shot.crop.copy()
    embed_shots([shot], sface)
    assert shot.template is not None
    assert cosine(shot.template, clear) > cosine(sface.embed([untouched])[0], clear) + 0.02
    assert (shot.crop == untouched).all()
