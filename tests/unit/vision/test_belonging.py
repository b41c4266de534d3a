"""Which vehicle a face is in: how it slides over the one that it is followed in."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from wayseal.vision.belonging import is_elsewhere
from wayseal.vision.cabin import gather_faces
from wayseal.vision.detect import Detection
from wayseal.vision.motion import Similarity
from wayseal.vision.track import FaceTrack, FaceTracker, Sighting
from wayseal.vision.vehicle import Moment, VehicleTrack
from wayseal.vision.watch import VehicleWatch

FOCAL, HIGH = 7680.0, 1.0
"""Pixels, and metres by which the camera is above people's eyes."""


def film_face(
    behind: float, *, front: float = 12.0, until: float = 6.0, looks: int = 12, noise: float = 0.0
) -> FaceTrack:
    """A face that is `behind` metres behind a vehicle's front, followed in it while that comes from `front` to `until` metres."""
    tracker, rng = FaceTracker(), np.random.default_rng(1)
    for index, away in enumerate(np.linspace(front, until, looks)):
        eyes = FOCAL * 0.063 / (away + behind)
        x, y = rng.normal((640.0, FOCAL * HIGH / (away + behind)), noise * eyes)
        points = np.array([[-0.5, 0], [0.5, 0], [0, 0.6], [-0.4, 1.1], [0.4, 1.1]]) * eyes + (x, y)
        found = Detection((x - eyes, y - eyes, 2 * eyes, 2.6 * eyes), points.astype(np.float32), 0.93)
        scale = front / away
        pose = Similarity(scale, 640.0 * (1 - scale), 0.0)
        tracker.feed(moment(index), pose, [found])
    return tracker.tracks[0]


def moment(index: int) -> Moment:
    """The time of a look."""
    seconds = index / 16
    return Moment(index, datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds), seconds)


@pytest.mark.parametrize("behind", [0.0, 0.3, 0.6])
def test_faces_on_board_stay(behind: float) -> None:
    """Somebody a little farther away than the points that tell the vehicle's way is in it."""
    assert not is_elsewhere(film_face(behind, noise=0.05).sightings)


@pytest.mark.parametrize("behind", [6.0, 8.0, 12.0])
def test_faces_of_the_next_vehicle_leave(behind: float) -> None:
    """A face one vehicle's length farther away climbs over the vehicle before it: it is elsewhere."""
    assert is_elsewhere(film_face(behind, noise=0.05).sightings)


@pytest.mark.parametrize(("until", "looks"), [(11.7, 12), (10.5, 3)])
def test_little_way_tells_nothing(until: float, looks: int) -> None:
    """While a vehicle hardly grows, or after three looks, no face is left to another one."""
    sightings = film_face(8.0, until=until, looks=looks).sightings
    assert len(sightings) == looks
    assert not is_elsewhere(sightings)


def test_rough_places_tell_nothing() -> None:
    """A place that jumps about as far as it slides is no proof."""
    sightings = film_face(8.0, until=10.5, looks=8).sightings
    jumps = np.resize([2.0, -2.0, -2.0, 2.0], len(sightings))
    rough = [
        Sighting(one.moment, one.found, (one.place[0], one.place[1] + jump * one.size), one.size, one.scale)
        for one, jump in zip(sightings, jumps, strict=True)
    ]
    assert is_elsewhere(sightings)
    assert not is_elsewhere(rough)


def test_next_vehicles_faces_tell_nothing_of_this_one() -> None:
    """A face that is elsewhere neither says how large faces are here nor keeps the vehicle behind from it."""
    now = moment(12)
    for behind, known in ((0.3, True), (8.0, False)):
        track = film_face(behind)
        track.elsewhere = is_elsewhere(track.sightings)
        scale = track.last.scale
        vehicle = VehicleTrack(
            1, moment(0), now, pose=Similarity(scale, 640.0 * (1 - scale), 0.0), box=(100.0, 200.0, 1000.0, 400.0)
        )  # fmt: skip
        watch = VehicleWatch(vehicle)
        watch._looked = now.seconds
        watch.faces.tracks.append(track)
        assert bool(watch._clear_faces()) is known
        assert not watch.places(now.seconds) or known


def test_next_vehicles_faces_are_not_counted_here() -> None:
    """When a vehicle has left, its own faces are gathered; one that slid over it is left to the vehicle that it is in."""
    own, other = film_face(0.3), film_face(8.0)
    watch = VehicleWatch(VehicleTrack(1, moment(0), moment(11), pose=Similarity(2.0, -640.0, 0.0)))
    watch.faces.tracks = [other, own]
    assert [face.track.sightings for face in gather_faces(watch)] == [own.sightings]
