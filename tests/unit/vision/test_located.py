"""Looks placed by a whole track: single points may be wrong and most looks missed, and the face is cut out right all the same."""

from dataclasses import replace

import numpy as np
import pytest
from toy_glass import EYES, film_glass, sightings, watch_hidden
from toy_lane import face_of

from wayseal.model.border import Pixels
from wayseal.vision.bestshot import embed_shots, fuse_shots
from wayseal.vision.capture import CaptureModels
from wayseal.vision.detect import FaceDetector
from wayseal.vision.located import LEAST_SIGHTINGS, PARTLY_HIDDEN, place_shots, trace_points
from wayseal.vision.optics import LaneOptics
from wayseal.vision.portrait import PortraitReader
from wayseal.vision.settle import settle_vehicle
from wayseal.vision.template import OnnxFaceModel, align_face, cosine, fuse_templates
from wayseal.vision.track import Sighting


@pytest.fixture(scope="module")
def portrait(astronaut: Pixels) -> Pixels:
    """The head of the public-domain portrait."""
    return np.ascontiguousarray(face_of(astronaut))


@pytest.fixture(scope="module")
def seen(detector: FaceDetector, portrait: Pixels) -> list[Sighting]:
    """Where the face truly is in each look."""
    return sightings(detector, portrait)


def misplace(seen: list[Sighting], share: float) -> list[Sighting]:
    """The sightings with each point off by a share of the distance between the eyes, as for a face half hidden."""
    rng = np.random.default_rng(5)
    wrong = []
    for one in seen:
        off = rng.normal(0, share * one.found.inter_eye_px, (5, 2))
        eyes = off[:2].mean(axis=0) / one.scale
        found = replace(one.found, landmarks=(one.found.landmarks + off).astype(np.float32))
        place = (one.place[0] + float(eyes[0]), one.place[1] + float(eyes[1]))
        wrong.append(replace(one, found=found, place=place))
    return wrong


def miss(points: np.ndarray, one: Sighting) -> float:
    """How far vehicle-coordinate points are from a sighting's, in eye distances."""
    eyes = one.found.landmarks[:2].mean(axis=0)
    true = np.array(one.place) + (one.found.landmarks - eyes) / one.scale
    return float(np.linalg.norm(points - true, axis=1).mean()) / EYES


def test_errors_cancel_over_the_track(seen: list[Sighting]) -> None:
    """Points placed by the track are off by less than half of what single sightings are off."""
    wrong = misplace(seen, 0.12)
    path = trace_points(wrong)
    single = np.mean(
        [miss(trace_points([bad]).points[0], good) for bad, good in zip(wrong, seen, strict=True)]
    )
    placed = [(path.at(good.scale), good) for good in seen]
    assert all(points is not None for points, _ in placed)
    assert np.mean([miss(points, good) for points, good in placed if points is not None]) < 0.5 * single


def test_one_wild_sighting_bends_nothing(seen: list[Sighting]) -> None:
    """A sighting that is elsewhere altogether moves the way of the points by less than a tenth of an eye distance."""
    wild = replace(seen[8], place=(seen[8].place[0] + 2 * EYES, seen[8].place[1]))
    path = trace_points([*seen[:8], wild, *seen[9:]])
    points = path.at(seen[8].scale)
    assert points is not None
    assert miss(points, seen[8]) < 0.1


def test_looks_without_detection_are_used(
    seen: list[Sighting], portrait: Pixels, detector: FaceDetector
) -> None:
    """Looks between two sightings give shots though nothing was found in them; looks before the first one and after the last do not."""
    looks = film_glass(portrait, detector, reflection=False)
    shots = place_shots(looks, seen[3:13:2])
    indices = [shot.sighting.moment.index for shot in shots]
    assert set(range(3, 12)) <= set(indices)
    assert not {0, 1, 14, 15} & set(indices)


def test_short_and_far_tracks_give_none(
    seen: list[Sighting], portrait: Pixels, detector: FaceDetector
) -> None:
    """Too few sightings tell no way, and a far face gains nothing by it: neither gives a shot."""
    looks = film_glass(portrait, detector, reflection=False)
    far = [replace(one, found=replace(one.found, landmarks=one.found.landmarks / 4)) for one in seen]
    assert place_shots(looks, seen[: LEAST_SIGHTINGS - 1]) == []
    assert place_shots(looks, far) == []


def test_half_hidden_face_is_nearer_to_itself(
    seen: list[Sighting],
    portrait: Pixels,
    detector: FaceDetector,
    sface: OnnxFaceModel,
    reader: PortraitReader,
) -> None:
    """With one eye behind a mirror and misplaced points, placed looks are more like the person than those cut by their own points."""
    looks = film_glass(portrait, detector, reflection=False, mirror=True)
    wrong = misplace(seen, 0.12)
    shots = place_shots(looks, wrong)
    embed_shots(shots, sface)
    placed = fuse_shots(shots)
    assert placed is not None
    own = [
        align_face(look.pixels, look.to_pixels.move(one.found.landmarks))
        for look, one in zip(looks, wrong, strict=True)
    ]
    person = reader.read_main(portrait).template
    assert cosine(placed.template, person) > cosine(fuse_templates(sface.embed(own)), person) + 0.05


def test_settled_as_partly_hidden(
    seen: list[Sighting],
    portrait: Pixels,
    detector: FaceDetector,
    sface: OnnxFaceModel,
    reader: PortraitReader,
) -> None:
    """Somebody whose single shots cannot be recognised is captured by placed looks, and the officer reads that part of the face was hidden."""
    wrong = [
        replace(one, found=replace(one.found, score=0.78)) for one in misplace(seen, 0.6)
    ]  # unsure, as such faces are
    watch = watch_hidden(portrait, detector, wrong)
    (person,) = settle_vehicle(watch, CaptureModels(detector, sface), LaneOptics()).occupants
    assert person.template is not None
    assert person.reasons[0] == PARTLY_HIDDEN
    assert "unrecognisable" not in person.reasons
    assert cosine(person.template, reader.read_main(portrait).template) > 0.36
    watch.glass = []
    (alone,) = settle_vehicle(watch, CaptureModels(detector, sface), LaneOptics()).occupants
    assert alone.template is None
