"""Tracking: movements of points, vehicles on a toy lane, faces in vehicle coordinates."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_lane import HEIGHT, WIDTH, approach, film, make_car, make_frame, make_road

from wayseal.vision.detect import Detection
from wayseal.vision.motion import Similarity, fit_movement, follow_points
from wayseal.vision.points import FREE, PointSet
from wayseal.vision.track import FaceTracker, join_broken, match_places
from wayseal.vision.vehicle import LARGE_PART, PART, Moment, VehicleTrack
from wayseal.vision.vehicle_tracker import VehicleTracker

SCALES = st.floats(0.9, 1.2)
SHIFTS = st.floats(-40, 40)


def moment(index: int, fps: float = 30.0) -> Moment:
    """The time of a frame."""
    seconds = index / fps
    return Moment(index, datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds), seconds)


def face_at(x: float, y: float, eyes: float = 40.0, score: float = 0.9) -> Detection:
    """A detection whose eyes' middle is at (x, y)."""
    points = np.array([[-0.5, 0], [0.5, 0], [0, 0.6], [-0.4, 1.1], [0.4, 1.1]]) * eyes + (x, y)
    return Detection((x - eyes, y - eyes, 2 * eyes, 2.6 * eyes), points.astype(np.float32), score)


@given(SCALES, SHIFTS, SHIFTS)
def test_movement_there_and_back(scale: float, dx: float, dy: float) -> None:
    """A movement followed by its inverse leaves points where they were."""
    points = np.array([[0, 0], [640, 0], [13, 200]], np.float32)
    there = Similarity(scale, dx, dy)
    assert np.allclose(there.then(there.inverse()).move(points), points, atol=1e-2)


@settings(max_examples=40, deadline=None)
@given(st.floats(1.02, 1.1), SHIFTS, SHIFTS, st.integers(0, 1000))
def test_fit_ignores_strays(scale: float, dx: float, dy: float, seed: int) -> None:
    """The movement of seven points in ten is found although the others go anywhere."""
    rng = np.random.default_rng(seed)
    before = rng.uniform(0, 600, (60, 2)).astype(np.float32)
    after = Similarity(scale, dx, dy).move(before)
    after[42:] += rng.uniform(30, 90, (18, 2)) * rng.choice([-1, 1], (18, 2))
    answer = fit_movement(before, after.astype(np.float32), seed=seed)
    assert answer is not None
    movement, inliers = answer
    assert movement.scale == pytest.approx(scale, abs=0.006)
    assert inliers[:42].mean() > 0.9


def test_points_far_apart_are_followed() -> None:
    """With a guess, points are followed over a tenth of the picture."""
    car = make_car()
    frames = list(film([[(car, 400, x, 40)] for x in (260, 325)]))
    start = np.array([[x, y] for x in range(120, 380, 40) for y in range(190, 330, 30)], np.float32)
    guess = start + np.array([60, 0])
    ends, good = follow_points(frames[0].luma, frames[1].luma, start, guess.astype(np.float32))
    assert good.sum() > 8
    assert np.median(ends[good, 0] - start[good, 0]) == pytest.approx(65, abs=0.5)


def run_tracker(frames: list) -> tuple[list[VehicleTrack], VehicleTracker]:
    """Feed frames and return every believed vehicle with the tracker."""
    tracker = VehicleTracker()
    gone = [track for frame in frames for track in tracker.feed(frame)]
    return gone + tracker.finish(), tracker


def test_one_approaching_vehicle() -> None:
    """A car that comes nearer is one vehicle; its growth and its middle are measured."""
    places = approach(make_car())
    found, _ = run_tracker(list(film(places)))
    assert len(found) == 1
    axis = found[0].axis
    assert axis is not None
    assert axis == pytest.approx(WIDTH / 2, abs=8)
    assert found[0].pose.scale > 3


def test_one_vehicle_across() -> None:
    """A car that passes across is one vehicle that never grew."""
    car = make_car()
    places = [[(car, 500, 900 - 32 * step, 60)] for step in range(38)]
    found, _ = run_tracker(list(film(places)))
    assert len(found) == 1
    assert found[0].went_across
    assert found[0].pose.dx < -500


def test_two_vehicles_overlap_in_time() -> None:
    """A second car that appears behind the first while that is still there is a vehicle of its own."""
    first, second = make_car(seed=2), make_car(seed=9)
    near = approach(first, frames=50, total=90)
    far = approach(second, frames=50, first=120, last=1500, start=32, total=90)
    places = [[*behind, *before] for behind, before in zip(far, near, strict=True)]
    found, _ = run_tracker(list(film(places)))
    assert len(found) == 2
    assert found[0].entered.index < found[1].entered.index
    assert found[1].entered.index >= 32


def test_waiting_vehicle_stays_one() -> None:
    """A car that stops for a while and drives on is one vehicle, and waiting adds nothing to its memory."""
    moving = approach(make_car())
    places = moving[:25] + [moving[24]] * 40 + moving[25:]
    tracker = VehicleTracker()
    gone, spans = [], 0
    for frame in film(places):
        gone += tracker.feed(frame)
        if frame.index == 40:
            spans = len(tracker.tracks[0]._spans)
        if frame.index == 60:
            assert len(tracker.tracks[0]._spans) == spans
    assert len(gone + tracker.finish()) == 1


@pytest.mark.parametrize("kind", ["still", "noise", "rain", "flash"])
def test_weather_is_no_vehicle(kind: str) -> None:
    """Noise, rain streaks and a flash of light make no vehicle."""
    rng = np.random.default_rng(4)
    road = make_road()
    frames = []
    for index in range(40):
        picture = road.astype(np.float32)
        if kind == "noise":
            picture += rng.normal(0, 12, picture.shape)
        if kind == "flash" and index % 9 < 2:
            picture *= 1.4
        picture = np.clip(picture, 0, 255).astype(np.uint8)
        if kind == "rain":
            for _ in range(120):
                x, y, long = (
                    int(rng.integers(0, WIDTH)),
                    int(rng.integers(0, HEIGHT)),
                    int(rng.integers(6, 20)),
                )
                picture[y : y + long, x : x + 1] = 220
        frames.append(make_frame(index, picture))
    found, _ = run_tracker(frames)
    assert found == []


def test_changed_size_starts_afresh() -> None:
    """When the picture's size changes in the stream nothing breaks, and what is left is told."""
    frames = list(film(approach(make_car())))[:30]
    half = make_frame(30, frames[-1].colour()[::2, ::2])
    tracker = VehicleTracker()
    for frame in frames:
        tracker.feed(frame)
    assert len(tracker.feed(half)) == 1
    assert tracker.feed(make_frame(31, half.colour())) == []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.floats(0, 5), min_size=1, max_size=5), min_size=1, max_size=5).filter(
        lambda rows: len({len(row) for row in rows}) == 1
    )
)
def test_assignment_is_one_to_one(rows: list[list[float]]) -> None:
    """No row and no column is used twice, and refused pairs are never used."""
    cost = np.array(rows)
    cost[cost > 4] = 1e6
    pairs = match_places(cost)
    assert len({row for row, _ in pairs}) == len(pairs) == len({column for _, column in pairs})
    assert all(cost[row, column] < 1e6 for row, column in pairs)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(-0.3, 0.3), min_size=3, max_size=3),
    st.floats(1.0, 1.05),
    st.randoms(use_true_random=False),
)
def test_separated_faces_never_swap(drifts: list[float], growth: float, random: object) -> None:
    """Faces four inter-eye distances apart keep their numbers while the vehicle grows, in whatever order they are found."""
    tracker = FaceTracker()
    pose = Similarity()
    owners: dict[int, set[int]] = {}
    for index in range(25):
        scale = growth**index
        pose = Similarity(scale, 100 * (1 - scale), 50)
        order = [0, 1, 2]
        random.shuffle(order)  # type: ignore[attr-defined]
        found = {}
        for seat in order:
            place = np.array([[100 + 80 * seat + drifts[seat] * index, 60.0]], np.float32)
            x, y = pose.move(place)[0]
            found[seat] = face_at(float(x), float(y), eyes=20 * scale)
        pairs = tracker.feed(moment(index), pose, list(found.values()))
        for track, sighting in pairs:
            seat = next(seat for seat, face in found.items() if face is sighting.found)
            owners.setdefault(track.number, set()).add(seat)
    assert len(owners) == 3
    assert all(len(seats) == 1 for seats in owners.values())


def test_weak_detections_begin_nothing() -> None:
    """A detection below the birth score begins no track; one a little above does, and is judged later."""
    tracker = FaceTracker()
    assert tracker.feed(moment(0), Similarity(), [face_at(50, 50, score=0.5)]) == []
    assert len(tracker.feed(moment(1), Similarity(), [face_at(50, 50, score=0.6)])) == 1


def test_broken_track_is_joined() -> None:
    """A face lost behind a wiper and found again at the same place is one face; two faces at once never are."""
    tracker = FaceTracker()
    for index in (*range(5), *range(40, 45)):
        tracker.feed(moment(index), Similarity(), [face_at(50 if index < 5 else 80, 50), face_at(300, 50)])
    joined = join_broken(tracker.tracks)
    assert sorted(len(track.sightings) for track in joined) == [10, 10]


def test_bad_end_breaks_nothing() -> None:
    """A face going behind the mirror, whose last look is half as large and off its place, is the one that comes out of it; one half as large again is not."""
    tracker = FaceTracker()
    for index in range(8):
        tracker.feed(moment(index), Similarity(), [face_at(50, 50)])
    tracker.feed(moment(8), Similarity(), [face_at(50, 68, eyes=26.0)])
    for index in range(16, 20):
        tracker.feed(moment(index), Similarity(), [face_at(56, 26, eyes=43.0)])
    assert [len(track.sightings) for track in tracker.tracks] == [9, 4]
    assert [len(track.sightings) for track in join_broken(tracker.tracks)] == [13]
    for track in tracker.tracks[1:]:
        track.sightings = [replace(one, size=1.5 * one.size) for one in track.sightings]
    assert [len(track.sightings) for track in join_broken(tracker.tracks)] == [9, 4]


def test_vehicles_bumper_to_bumper_stay_apart() -> None:
    """Three vehicles that creep after each other, two metres apart, are three, at the lane's own rate of looking."""
    cars = [make_car(seed=seed) for seed in (2, 5, 9)]
    runs = [approach(car, frames=120, start=40 * place, total=200) for place, car in enumerate(cars)]
    places = [[one for run in reversed(runs) for one in run[index]] for index in range(200)]
    tracker = VehicleTracker()
    gone = [
        track
        for frame in film(places, noise=2.0)
        if not tracker.steady or frame.index % 2 == 0
        for track in tracker.feed(frame)
    ]
    gone += tracker.finish()
    entered = sorted(track.entered.index for track in gone)
    assert len(gone) == 3
    assert all(later - sooner > 10 for sooner, later in pairwise(entered))


def test_point_of_the_vehicle_behind_is_freed() -> None:
    """A point that grows half as fast as its vehicle is freed for good; one on the vehicle's roof stays."""
    track = VehicleTrack(7, moment(0), moment(0))
    points = PointSet(2.0)
    points.add(np.array([[100, 50], [100, 50], [100, 50]], np.float32))
    points.give(np.arange(3), track, points.places)
    track.pose = Similarity(1.4)
    shares = np.array([1.0, 0.7, 0.45])
    ends = (points.places * (1 + 0.4 * shares[:, None])).astype(np.float32)
    points.free_strays(np.arange(3), track, ends)
    assert points.owners.tolist() == [7, 7, FREE]
    assert points.refused.tolist() == [0, 0, 7]


@pytest.mark.parametrize("pace", [0.02, -0.02])
def test_what_follows_is_no_part(pace: float) -> None:
    """Parts grow about as fast as their vehicle; what follows it grows more slowly, or shrinks faster when all go away."""
    track = VehicleTrack(1, moment(0), moment(0))
    frame = make_frame(1, make_road())
    for _ in range(8):
        track.follow(Similarity(float(np.exp(pace))), np.array([[10, 10], [600, 300]], np.float32), frame)
    following = 0.4 * pace if pace > 0 else 2.5 * pace
    assert track.may_own(0.9 * pace, LARGE_PART)
    assert not track.may_own(following, PART)
