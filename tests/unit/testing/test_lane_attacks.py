"""Presentation attacks of the simulator: drawn where a head would be, with their eyes in the truth."""

from dataclasses import replace

import numpy as np
import pytest
from lanesamples import QUIET, draw_face

from wayseal.model.border import Seat
from wayseal.testing.lane import Distractor, LaneScene, Light, SceneVehicle, Thing, Weather
from wayseal.testing.lane.render import photograph, set_stage
from wayseal.testing.lane.scene import ATTACKS


def show(thing: Thing, light: Light = Light.DAY) -> tuple[np.ndarray, np.ndarray]:
    """Return what an attack on the passenger's seat changes in the picture at the capture plane, and its eyes there."""
    attack = Distractor(thing, Seat.FRONT_PASSENGER, draw_face(), "somebody")
    vehicle = SceneVehicle(t_capture_s=1.0, distractors=(attack,))
    scene = LaneScene((vehicle,), QUIET, Weather(light, glare=0.0), seed=4)
    empty = replace(scene, vehicles=(replace(vehicle, distractors=()),))
    pixels, truth = photograph(set_stage(scene), 30)
    bare, _ = photograph(set_stage(empty), 30)
    (seen,) = truth["vehicles"][0]["distractors"]
    assert seen["type"] == thing.value
    return np.abs(pixels.astype(int) - bare).sum(axis=2), np.array(seen["eyes"])


@pytest.mark.parametrize("thing", ATTACKS)
def test_attack_is_where_its_eyes_are(thing: Thing) -> None:
    """The picture changes around the eyes that the truth names, over about a head's size, and not on the other seat."""
    changed, eyes = show(thing)
    (x, y), apart = eyes.mean(axis=0), abs(eyes[1, 0] - eyes[0, 0])
    rows, columns = np.nonzero(changed > 30)
    assert 12 < apart < 40
    near = (np.abs(columns - x) < 3.5 * apart) & (np.abs(rows - y) < 7 * apart)
    assert near.mean() > 0.99
    assert columns.max() - columns.min() > 2 * apart


def test_ink_fades_in_near_infrared() -> None:
    """Under near infrared a print has less contrast around the eyes than by day: most inks do not show."""
    spreads = []
    for light in (Light.DAY, Light.NIR):
        changed, eyes = show(Thing.WINDOW_MASK, light)
        x, y = eyes.mean(axis=0).astype(int)
        part = changed[y - 6 : y + 10, x - 10 : x + 10]
        spreads.append(part.std() / max(part.mean(), 1.0))
    assert spreads[1] < spreads[0]
