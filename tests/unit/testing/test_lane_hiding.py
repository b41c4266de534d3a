"""In a queue the truth says what the vehicle in front hides, and says nothing else of vehicles that stand free."""

from dataclasses import replace

import numpy as np
import pytest
from lanesamples import QUIET

from wayseal.testing.lane import LaneScene
from wayseal.testing.lane.hiding import measure_cover
from wayseal.testing.lane.render import photograph, set_stage
from wayseal.testing.lane.vehicle import Layer


def follow(scene: LaneScene, gap_s: float) -> LaneScene:
    """Return the scene with its vehicle followed by another one of its kind."""
    first = scene.vehicles[0]
    second = replace(first, t_capture_s=first.t_capture_s + gap_s)
    return replace(scene, camera=QUIET, vehicles=(first, second))


def test_follower_is_hidden(one_vehicle: LaneScene) -> None:
    """Close behind another vehicle neither plate nor face counts as seen; where it follows at a distance both do, as if alone."""
    frame = round(0.5 * QUIET.fps)
    alone = photograph(set_stage(replace(one_vehicle, camera=QUIET)), frame)[1]["vehicles"][0]
    hidden, free = photograph(set_stage(follow(one_vehicle, 0.9)), frame)[1]["vehicles"]
    assert free == alone
    assert alone["plate"]["in_frame"]
    assert not hidden["plate"]["in_frame"]
    assert hidden["occupants"][0]["visible"] < 0.6


def test_hidden_in_the_picture_too(one_vehicle: LaneScene) -> None:
    """Where the truth calls a plate hidden, the picture is the one without the vehicle that carries it."""
    frame = round(0.5 * QUIET.fps)
    alone, _ = photograph(set_stage(replace(one_vehicle, camera=QUIET)), frame)
    both, truth = photograph(set_stage(follow(one_vehicle, 0.9)), frame)
    x, y, width, height = (round(value) for value in truth["vehicles"][0]["plate"]["box"])
    where = (slice(y, y + height), slice(x, x + width))
    assert not truth["vehicles"][0]["plate"]["in_frame"]
    assert np.abs(alone[where].astype(int) - both[where]).max() <= 2


@pytest.mark.parametrize(
    ("box", "share"),
    [((0, 0, 10, 10), 0.0), ((20, 20, 10, 10), 1.0), ((15, 20, 10, 10), 0.5), ((15, 15, 10, 10), 0.25), ((35, 35, 10, 10), 0.25)],
)  # fmt: skip
def test_cover_is_the_share_of_the_box(box: tuple[float, float, float, float], share: float) -> None:
    """What lies outside the layer's window on any side is free, and a box without area is."""
    layer = Layer((20, 20, 40, 40), np.ones((20, 20, 4), np.float32))
    assert measure_cover(box, layer) == pytest.approx(share)
    assert measure_cover((25.0, 25.0, 0.0, 0.0), layer) == 0.0
