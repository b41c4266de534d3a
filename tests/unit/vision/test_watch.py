"""Looking at one vehicle: where and when faces are sought, and which of them are somebody else's."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from toy_lane import make_frame

from wayseal.model.border import Box, Pixels
from wayseal.vision.bestshot import KeptShot
from wayseal.vision.cabin import SeenFace, measure_vehicle
from wayseal.vision.detect import Detection, FaceDetector
from wayseal.vision.motion import Similarity
from wayseal.vision.notpeople import SMALLEST
from wayseal.vision.seats import EYES_M
from wayseal.vision.track import FaceTrack, Sighting
from wayseal.vision.vehicle import Moment, VehicleTrack, share_inside
from wayseal.vision.watch import BODY_M, FacePlace, VehicleWatch

WIDTH, HEIGHT = 1280, 720


def moment(index: int, fps: float = 30.0) -> Moment:
    """The time of a frame."""
    seconds = index / fps
    return Moment(index, datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds), seconds)


def face_at(x: float, y: float, eyes: float, score: float = 0.9) -> Detection:
    """A detection whose eyes' middle is at (x, y)."""
    points = np.array([[-0.5, 0], [0.5, 0], [0, 0.6], [-0.4, 1.1], [0.4, 1.1]]) * eyes + (x, y)
    return Detection((x - eyes, y - 0.9 * eyes, 2 * eyes, 2.6 * eyes), points.astype(np.float32), score)


def track_of(number: int, x: float, y: float, eyes: float, *, sightings: int = 4) -> FaceTrack:
    """A clear face that stood still in its vehicle."""
    seen = [Sighting(moment(index), face_at(x, y, eyes), (x, y), eyes, 1.0) for index in range(sightings)]
    return FaceTrack(number, seen)


@pytest.fixture
def vehicle() -> VehicleTrack:
    """A vehicle in the middle of the picture, as wide as 40 px between the eyes tell."""
    wide = 40.0 * BODY_M / EYES_M
    box = (WIDTH / 2 - wide / 2, 300.0, wide, 400.0)
    return VehicleTrack(1, moment(0), moment(3), agreed=5, points=50, box=box)


@pytest.mark.parametrize("eyes", [20.0, 60.0, 111.0, 160.0])
@pytest.mark.parametrize("y", [15.0, 60.0, 500.0])
def test_known_faces_are_searched(vehicle: VehicleTrack, eyes: float, y: float) -> None:
    """However large a face is and wherever it is, all of it is inside the part of the picture that is searched next."""
    watch = VehicleWatch(vehicle)
    track = track_of(1, 900.0, y, eyes)
    watch.faces.tracks.append(track)
    left, top, wide, high = watch.glass_box(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    x, above, face_wide, face_high = track.last.found.box
    assert left <= x
    assert x + face_wide <= left + wide
    assert top <= above
    assert above + face_high <= top + high


def test_large_faces_are_searched_in_each_frame(vehicle: VehicleTrack) -> None:
    """A face that is soon out of the picture is sought in each frame, a small one sixteen times a second."""
    for eyes, due in ((90.0, True), (30.0, False)):
        watch = VehicleWatch(vehicle)
        watch.faces.tracks.append(track_of(1, 640.0, 300.0, eyes))
        watch._looked = 3 / 30
        picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        vehicle.movement = Similarity(1.02)
        assert watch.is_due(make_frame(4, picture)) is due
        assert watch.is_due(make_frame(5, picture))


def test_own_faces_have_places(vehicle: VehicleTrack) -> None:
    """A vehicle's clear faces are where its movement takes them; those of vehicles behind it are not its own."""
    watch = VehicleWatch(vehicle)
    watch.faces.tracks += [track_of(1, 700.0, 350.0, 40.0), track_of(2, 600.0, 200.0, 0.9 * SMALLEST * 40.0)]
    vehicle.pose = Similarity(1.1, -60.0, -30.0)
    (place,) = watch.places(4 / 30)
    assert (place.x, place.y, place.size) == pytest.approx((710.0, 355.0, 44.0))
    assert watch.places(2.0) == []


def test_place_covers_one_face() -> None:
    """A place covers the face that is there, not its neighbour and not a much smaller one behind it."""
    place = FacePlace(500.0, 300.0, 40.0)
    assert place.covers(face_at(510.0, 305.0, 36.0))
    assert not place.covers(face_at(560.0, 300.0, 40.0))
    assert not place.covers(face_at(500.0, 300.0, 20.0))


def test_faces_of_nearer_vehicles_are_left_to_them(
    vehicle: VehicleTrack, astronaut: Pixels, detector: FaceDetector
) -> None:
    """A face that is known to be in a nearer vehicle is not taken; without that knowledge it is."""
    picture = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    picture[310:550, 500:730] = astronaut[20:260, 110:340]
    (real,) = detector.detect(picture)
    x, y = real.landmarks[:2].mean(axis=0)
    for taken, seen in (((), 1), ((FacePlace(float(x), float(y), real.inter_eye_px),), 0)):
        watch = VehicleWatch(vehicle)
        watch.look(make_frame(3, picture), picture, detector, alone=False, taken=taken)
        assert len(watch.faces.tracks) == seen


class Recorder(FaceDetector):
    """The detector, which remembers which regions were searched with evened contrast."""

    def __init__(self) -> None:
        super().__init__()
        self.evened: list[Box] = []

    def detect_region(self, bgr: Pixels, box: Box, *, even: bool = False, **rest: Any) -> list[Detection]:
        """Note a search with evened contrast, and search."""
        self.evened += [box] if even else []
        return super().detect_region(bgr, box, even=even, **rest)


@pytest.mark.parametrize(("score", "looked_at"), [(0.65, [1, 2, 3, 4]), (0.9, [2, 4])])
def test_unsure_faces_are_looked_at_evened_each_time(
    vehicle: VehicleTrack, score: float, looked_at: list[int]
) -> None:
    """Beside a clear face, an unsure one is searched with evened contrast in each look, a sure one in every second."""
    picture = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    other = track_of(2, 500.0, 300.0, 40.0)
    other.sightings = [replace(one, found=face_at(500.0, 300.0, 40.0, score)) for one in other.sightings]
    detector, evened = Recorder(), []
    for look in range(4):
        watch = VehicleWatch(vehicle, looks=look)
        watch.faces.tracks = [track_of(1, 760.0, 300.0, 40.0), other]
        watch._looked = 4 / 30
        watch.look(make_frame(5, picture), picture, detector, alone=True)
        if any(share_inside(other.last.found.box, box) > 0.99 for box in detector.evened):
            evened.append(look + 1)
        detector.evened.clear()
    assert evened == looked_at


def sure_face(eyes: float, astronaut_shots: list[KeptShot]) -> SeenFace:
    """A clear face with identity, so large between the eyes."""
    return SeenFace(track_of(1, 640.0, 200.0, eyes), 640.0, 200.0, eyes, astronaut_shots)


class TestRuler:
    """What tells the size between people's eyes: the body, unless sure faces contradict it."""

    @pytest.fixture
    def watch(self, vehicle: VehicleTrack, monkeypatch: pytest.MonkeyPatch) -> VehicleWatch:
        """A vehicle whose points span what 40 px between the eyes tell."""
        monkeypatch.setattr(VehicleTrack, "width", property(lambda _: 40.0 * BODY_M / EYES_M))
        return VehicleWatch(vehicle)

    @pytest.mark.parametrize(
        ("eyes", "strength", "ruler"), [(40.0, 11.0, 40.0), (90.0, 11.0, 90.0), (90.0, 5.0, 40.0), (150.0, 11.0, 40.0)]
    )  # fmt: skip
    def test_faces_overrule_a_narrow_body(
        self, watch: VehicleWatch, monkeypatch: pytest.MonkeyPatch, eyes: float, strength: float, ruler: float
    ) -> None:
        """Faces with identity outgrow a body whose sides had no points; a dog's never, nor one in a nearer vehicle."""
        monkeypatch.setattr(SeenFace, "strength", property(lambda _: strength))
        geometry = measure_vehicle(watch, [sure_face(eyes, [])])
        assert geometry is not None
        assert geometry.eyes == pytest.approx(ruler)
