"""How near something in a vehicle is, by parallax: told from a pinhole camera's own geometry, and not told from too little."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest

from wayseal.vision.detect import Detection
from wayseal.vision.nearness import measure_nearness
from wayseal.vision.track import Sighting
from wayseal.vision.vehicle import Moment

FOCAL, FAR, ABOVE = 7680.0, 25.0, 0.96
"""Focal length in pixels, range of the first sighting in metres, camera above the row of eyes in metres."""
EYES = FOCAL * 0.063 / FAR
"""Distance between the eyes in vehicle coordinates."""
ROW, GLASS, REAR = 0.6, 0.12, 1.45
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def follow(depth: float, ranges: Sequence[float], noise: float = 0.0, seed: int = 1) -> list[Sighting]:
    """Return the sightings of something `depth` metres behind the points that tell the vehicle's scale."""
    chance = np.random.default_rng(seed)
    found = Detection((0.0, 0.0, 40.0, 50.0), np.zeros((5, 2), np.float32), 0.9)
    sightings = []
    for index, away in enumerate(ranges):
        scale = FAR / away
        drop = FOCAL * ABOVE / (away + depth) / scale + float(chance.normal(0, noise * EYES))
        sightings.append(Sighting(Moment(index, NOW, index / 16), found, (0.0, drop), EYES, scale))
    return sightings


RANGES = np.linspace(25, 8, 24).tolist()


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_nearer_drops_faster(noise: float) -> None:
    """Glass is nearer than the front row, the front row than the rear one, by more than people of one row differ."""
    near = [measure_nearness(follow(depth, RANGES, noise), EYES) for depth in (GLASS, ROW, REAR)]
    glass, row, rear = (value for value in near if value is not None)
    assert glass - row > 0.25
    assert row - rear > 0.4
    again = measure_nearness(follow(ROW, RANGES, noise, seed=2), EYES)
    assert again == pytest.approx(row, abs=0.1)


def test_outliers_change_nothing() -> None:
    """Two sightings of something else do not move the answer."""
    sightings = follow(ROW, RANGES, 0.01)
    for place in (4, 15):
        one = sightings[place]
        sightings[place] = Sighting(
            one.moment, one.found, (0.0, one.place[1] + 3 * EYES), one.size, one.scale
        )
    clean = measure_nearness(follow(ROW, RANGES, 0.01), EYES)
    assert measure_nearness(sightings, EYES) == pytest.approx(clean, abs=0.1)


def test_too_little_tells_nothing() -> None:
    """Few sightings, a vehicle that hardly came nearer, a place that jumps, or no ruler give no answer."""
    assert measure_nearness(follow(ROW, RANGES[:5]), EYES) is None
    assert measure_nearness(follow(ROW, np.linspace(12, 10, 20).tolist()), EYES) is None
    assert measure_nearness(follow(ROW, RANGES, 0.6), EYES) is None
    assert measure_nearness(follow(ROW, RANGES), 0.0) is None


def test_far_and_rough_tells_nothing() -> None:
    """Points that waver tell a face that comes near how near it is, and nothing of one that was seen from afar only."""
    assert measure_nearness(follow(REAR, RANGES, 0.1), EYES) is not None
    assert measure_nearness(follow(REAR, np.linspace(40, 26, 9).tolist(), 0.1), EYES) is None
