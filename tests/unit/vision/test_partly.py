"""Somebody partly hidden: the width at which placed looks are cut is chosen by the looks, and whoever has an identity in them is somebody."""

from dataclasses import replace

import numpy as np
import pytest
from toy_glass import film_glass, sightings, watch_hidden
from toy_lane import face_of

from wayseal.model.border import Pixels
from wayseal.vision.bestshot import embed_shots, fuse_shots
from wayseal.vision.capture import CaptureModels
from wayseal.vision.detect import FaceDetector
from wayseal.vision.located import place_shots
from wayseal.vision.optics import LaneOptics
from wayseal.vision.partly import look_again, take_glimpses
from wayseal.vision.portrait import PortraitReader
from wayseal.vision.settle import settle_vehicle
from wayseal.vision.template import OnnxFaceModel, cosine
from wayseal.vision.track import Sighting


@pytest.fixture(scope="module")
def portrait(astronaut: Pixels) -> Pixels:
    """The head of the public-domain portrait."""
    return np.ascontiguousarray(face_of(astronaut))


def narrow(seen: list[Sighting], share: float) -> list[Sighting]:
    """The sightings with the points drawn together to a share of their width, as the detector sees half a face."""
    drawn = []
    for one in seen:
        middle = one.found.landmarks.mean(axis=0)
        points = (middle + (one.found.landmarks - middle) * share).astype(np.float32)
        moved = points[:2].mean(axis=0) - one.found.landmarks[:2].mean(axis=0)
        place = (one.place[0] + float(moved[0]) / one.scale, one.place[1] + float(moved[1]) / one.scale)
        found = replace(one.found, landmarks=points, score=0.85)
        drawn.append(Sighting(one.moment, found, place, one.size * share, one.scale))
    return drawn


def scatter(seen: list[Sighting], share: float) -> list[Sighting]:
    """The sightings with each point off by a share of the distance between the eyes, in a face that was sure."""
    rng = np.random.default_rng(5)
    wrong = []
    for one in seen:
        off = rng.normal(0, share * one.found.inter_eye_px, (5, 2)).astype(np.float32)
        eyes = off[:2].mean(axis=0) / one.scale
        found = replace(one.found, landmarks=one.found.landmarks + off, score=0.85)
        place = (one.place[0] + float(eyes[0]), one.place[1] + float(eyes[1]))
        wrong.append(replace(one, found=found, place=place))
    return wrong


def test_narrow_points_are_widened(
    portrait: Pixels, detector: FaceDetector, sface: OnnxFaceModel, reader: PortraitReader
) -> None:
    """Of a half-hidden face whose points lie too near to each other, the chosen cut is more like the person than the one at the points."""
    looks = film_glass(portrait, detector, reflection=False, mirror=True)
    wrong = narrow(sightings(detector, portrait), 0.82)
    shots = place_shots(looks, wrong)
    embed_shots(shots, sface)
    own, chosen = fuse_shots(shots), look_again(looks, wrong, sface)
    assert own is not None
    assert chosen is not None
    person = reader.read_main(portrait).template
    assert cosine(chosen.template, person) > cosine(own.template, person)
    assert chosen.shots[0].sighting.found.inter_eye_px > 1.05 * min(
        shot.sighting.found.inter_eye_px
        for shot in shots
        if shot.sighting.moment == chosen.shots[0].sighting.moment
    )


def test_true_points_stay(portrait: Pixels, detector: FaceDetector, sface: OnnxFaceModel) -> None:
    """A face whose points are right is cut at them: no other width promises more."""
    looks, seen = film_glass(portrait, detector, reflection=False), sightings(detector, portrait)
    chosen = look_again(looks, seen, sface)
    assert chosen is not None
    true = {shot.sighting.moment.index: shot.sighting.found.inter_eye_px for shot in place_shots(looks, seen)}
    for shot in chosen.shots:
        assert shot.sighting.found.inter_eye_px == pytest.approx(true[shot.sighting.moment.index])


def test_nothing_in_nothing(portrait: Pixels, detector: FaceDetector, sface: OnnxFaceModel) -> None:
    """Looks that show no face give no template, and a track without looks none either."""
    looks, seen = film_glass(portrait, detector, reflection=False), sightings(detector, portrait)
    grey = [replace(look, pixels=np.full_like(look.pixels, 120)) for look in looks]
    assert look_again(grey, seen, sface) is None
    assert look_again([], seen, sface) is None
    assert take_glimpses([], seen, sface) == []


def test_misplaced_points_make_nobody_of_a_person(
    portrait: Pixels, detector: FaceDetector, sface: OnnxFaceModel, reader: PortraitReader
) -> None:
    """A sure face without any identity at its own points is somebody when the looks that its track places have one."""
    wrong = scatter(sightings(detector, portrait), 0.6)
    watch = watch_hidden(portrait, detector, wrong)
    (person,) = settle_vehicle(watch, CaptureModels(detector, sface), LaneOptics()).occupants
    assert person.template is not None
    assert cosine(person.template, reader.read_main(portrait).template) > 0.36
    watch.glass = []
    assert settle_vehicle(watch, CaptureModels(detector, sface), LaneOptics()).occupants == ()
