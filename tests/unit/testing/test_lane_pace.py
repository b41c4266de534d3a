"""Halts of a queue: time that is lost and never gained, vehicles that stand, and a preset whose vehicles keep apart."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lanesamples import QUIET

from wayseal.model.errors import Invalid
from wayseal.testing.lane import Halt, LaneScene, Traveller, make_scene
from wayseal.testing.lane.pace import drive_seconds, video_seconds
from wayseal.testing.lane.render import count_frames, set_stage
from wayseal.testing.lane.scene import check_scene

HALTS = st.builds(Halt, st.floats(0, 20), st.floats(0, 10), st.floats(0.1, 4))


@given(HALTS, st.floats(0, 60), st.floats(0, 5))
def test_nobody_drives_backwards_or_faster(halt: Halt, seconds: float, later: float) -> None:
    """Time driven never falls and never grows faster than the video's, and a whole halt costs what it says."""
    before, after = (drive_seconds([halt], moment) for moment in (seconds, seconds + later))
    assert -1e-9 <= after - before <= later + 1e-9
    end = halt.at_s + halt.length_s
    assert end - drive_seconds([halt], end) == pytest.approx(halt.lost_s, abs=1e-6)


@given(st.lists(HALTS, max_size=3), st.floats(0, 30))
def test_way_is_done_by_the_time_that_is_told(halts: list[Halt], driven: float) -> None:
    """By the time that `video_seconds` gives, the way has been driven whatever halts there were."""
    ordered, free = [], 0.0
    for halt in sorted(halts, key=lambda one: one.at_s):
        ordered.append(replace(halt, at_s=max(halt.at_s, free)))
        free = ordered[-1].at_s + halt.length_s
    assert drive_seconds(ordered, video_seconds(ordered, driven)) >= driven - 1e-6


def test_vehicle_stands_and_drives_on(one_vehicle: LaneScene) -> None:
    """While a halt lasts a vehicle is where it was; the video is longer by what was lost."""
    halted = replace(one_vehicle, camera=QUIET, halts=(Halt(0.4, 2.0, 0.5),))
    stage = set_stage(halted)
    places = [float(stage.view(stage.models[0], moment).place[2]) for moment in (0.3, 1.0, 2.8, 3.5)]
    assert places[0] > places[1] == pytest.approx(places[2])
    assert places[2] > places[3]
    free = replace(halted, halts=())
    assert count_frames(halted) - count_frames(free) == round(2.5 * QUIET.fps)


def test_halts_that_overlap_are_refused(one_vehicle: LaneScene) -> None:
    """Nobody brakes before they drive again."""
    with pytest.raises(Invalid):
        check_scene(replace(one_vehicle, halts=(Halt(1.0, 2.0), Halt(3.0, 1.0))))


def test_queues_differ_and_keep_their_distance(people: list[Traveller]) -> None:
    """Seeds give several lenses, paces and halts; three vehicles follow each other by more than a bonnet's length."""
    scenes = [make_scene("queue", people, seed=seed) for seed in range(24)]
    for scene in scenes:
        check_scene(scene)
        times = [vehicle.t_capture_s for vehicle in scene.vehicles]
        gaps = np.diff(times) * scene.vehicles[0].speed_m_s
        assert len(times) == 3
        assert gaps.min() > 5.5
    assert len({scene.camera.focal_px for scene in scenes}) == 4
    assert len({scene.vehicles[0].speed_mph for scene in scenes}) == 3
    assert 0 < sum(bool(scene.halts) for scene in scenes) < 24
