"""Restoring a face behind reflections: what many looks show is found, what none shows is not, and the evidence is untouched."""

import numpy as np
import pytest
from toy_glass import EYES, SCALES, at, film_glass, sightings
from toy_lane import face_of

from wayseal.model.border import Pixels
from wayseal.vision.detect import FaceDetector
from wayseal.vision.glass import keep_look, model_place
from wayseal.vision.motion import Similarity
from wayseal.vision.portrait import PortraitReader
from wayseal.vision.restore import restore_face
from wayseal.vision.template import OnnxFaceModel, cosine
from wayseal.vision.track import Sighting


@pytest.fixture(scope="module")
def portrait(astronaut: Pixels) -> Pixels:
    """The head of the public-domain portrait."""
    return np.ascontiguousarray(face_of(astronaut))


def test_face_behind_reflections(
    portrait: Pixels, detector: FaceDetector, sface: OnnxFaceModel, reader: PortraitReader
) -> None:
    """Behind moving reflections the face is found and is like the person; the picture kept is an untouched look."""
    place = model_place(sightings(detector, portrait))
    looks = film_glass(portrait, detector, reflection=True)
    found = restore_face(looks, place, 0.0, detector, sface)
    assert found is not None
    assert cosine(found.template, reader.read_main(portrait).template) > 0.45
    assert found.shot.inter_eye_px == pytest.approx(EYES * SCALES[found.shot.frame], rel=0.25)
    source = looks[found.shot.frame].pixels
    view = found.view
    assert any(
        np.array_equal(source[y : y + view.shape[0], x : x + view.shape[1]], view)
        for y in range(source.shape[0] - view.shape[0] + 1)
        for x in range(source.shape[1] - view.shape[1] + 1)
        if np.array_equal(source[y, x], view[0, 0])
    )


@pytest.mark.parametrize("off", [-0.4, 0.4])
def test_place_known_roughly(
    portrait: Pixels, detector: FaceDetector, sface: OnnxFaceModel, reader: PortraitReader, off: float
) -> None:
    """Where the place is known only roughly, the face is restored all the same: its points are found in several pictures."""
    place = model_place(sightings(detector, portrait))
    found = restore_face(film_glass(portrait, detector, reflection=True), place, off, detector, sface)
    assert found is not None
    assert cosine(found.template, reader.read_main(portrait).template) > 0.45


def test_nobody_is_made_of_nothing(portrait: Pixels, detector: FaceDetector, sface: OnnxFaceModel) -> None:
    """Where nobody sits, reflections alone never become a face."""
    place = model_place(sightings(detector, portrait))
    assert (
        restore_face(film_glass(portrait, detector, reflection=True, face=False), place, 0.0, detector, sface)
        is None
    )


def test_place_beside_a_known_face(portrait: Pixels, detector: FaceDetector) -> None:
    """A place some eye distances beside a face keeps its distance in metres as the vehicle grows."""
    place = model_place(sightings(detector, portrait))
    for scale in (0.8, 1.2, 1.6):
        x, y, size = place.at(scale, 11.0)
        assert size == pytest.approx(EYES, rel=0.02)
        assert x == pytest.approx(200 + 11 * EYES, rel=0.02)
        assert y == pytest.approx(150, rel=0.02)


def test_deeper_faces_shrink_beside_the_vehicle(portrait: Pixels, detector: FaceDetector) -> None:
    """A face that sits deeper than the vehicle's front is modelled by the pinhole camera, outliers left out."""
    base = sightings(detector, portrait)
    deeper = [
        Sighting(
            one.moment,
            one.found,
            (100 + 50 / (1 + 0.2 * one.scale), 80.0),
            EYES / (1 + 0.2 * one.scale),
            one.scale,
        )
        for one in base
    ]
    deeper[4] = Sighting(base[4].moment, base[4].found, (400.0, 10.0), 60.0, base[4].scale)
    place = model_place(deeper)
    for scale in (0.8, 1.6):
        x, _, size = place.at(scale, 0.0)
        assert size == pytest.approx(EYES / (1 + 0.2 * scale), rel=0.02)
        assert x == pytest.approx(100 + 50 / (1 + 0.2 * scale), abs=1.0)


def test_glass_outside_the_picture(portrait: Pixels) -> None:
    """A glass that lies outside the frame gives no look."""
    assert keep_look(at(0), Similarity(), portrait, (5000.0, 0.0, 100.0, 100.0), 30.0) is None
