"""Faces that nobody wears, as the simulator shows them: where the truth says, at their size, and moving as they should."""

from dataclasses import replace

import numpy as np
import pytest
from lanesamples import QUIET, draw_face

from wayseal.model.border import Seat
from wayseal.testing.lane import Distractor, LaneScene, SceneVehicle, Thing, Traveller, make_scene
from wayseal.testing.lane.nobodies import turn_over
from wayseal.testing.lane.render import photograph, set_stage
from wayseal.testing.lane.scene import INTER_EYE_M, FacePicture, Motion


def show(
    thing: Thing, size: float, motion: Motion = Motion.TOWARD, frames: tuple[int, ...] = (30,)
) -> list[tuple]:
    """Return (what the thing changes in the picture, its eyes in the truth) for some frames."""
    nobody = Distractor(thing, Seat.DRIVER, draw_face(), "somebody", size)
    vehicle = SceneVehicle(t_capture_s=1.0, distractors=(nobody,))
    scene = LaneScene((vehicle,), QUIET, motion=motion, seed=4)
    stage = set_stage(scene)
    bare = set_stage(replace(scene, vehicles=(replace(vehicle, distractors=()),)))
    answers = []
    for frame in frames:
        pixels, truth = photograph(stage, frame)
        without, _ = photograph(bare, frame)
        (seen,) = truth["vehicles"][0]["distractors"]
        assert seen["type"] == thing.value
        answers.append((np.abs(pixels.astype(int) - without).sum(axis=2), np.array(seen["eyes"])))
    return answers


@pytest.mark.parametrize(("thing", "size"), [(Thing.PHONE_FACE, 0.5), (Thing.MIRROR_IMAGE, 0.9)])
def test_thing_is_where_its_eyes_are(thing: Thing, size: float) -> None:
    """The picture changes around the eyes that the truth names, which are as far apart as the share of life size says."""
    ((changed, eyes),) = show(thing, size)
    (x, y), apart = eyes.mean(axis=0), abs(eyes[1, 0] - eyes[0, 0])
    rows, columns = np.nonzero(changed > 20)
    assert rows.size
    assert (np.hypot(columns - x, rows - y) < 8 * apart / size).mean() > 0.99
    assert apart == pytest.approx(QUIET.px_per_m * INTER_EYE_M * size, rel=0.1)


@pytest.mark.parametrize("motion", list(Motion))
def test_wall_stands_still(motion: Motion) -> None:
    """A poster on a wall stays where it is in the picture while the vehicle moves."""
    (first, eyes), (_, later) = show(Thing.WALL_POSTER, 1.5, motion, frames=(27, 34))
    assert (eyes == later).all()
    assert first.max() > 60


def test_mirror_turns_over() -> None:
    """A mirrored photograph has the other side on the left, and its eyes where they then are; twice is as before."""
    face = FacePicture(draw_face().pixels, ((30.0, 40.0), (61.0, 44.0)))
    turned = turn_over(face)
    width = face.pixels.shape[1]
    assert turned.eyes == ((width - 61.0, 44.0), (width - 30.0, 40.0))
    assert (turned.pixels[:, 0] == face.pixels[:, -1]).all()
    assert turn_over(turned).eyes == face.eyes


def test_every_kind_comes_up(people: list[Traveller]) -> None:
    """Among the first seeds each kind is shown, always beside a driver; some shirts are worn by somebody who hides."""
    scenes = [make_scene("nobodies", people[:4], seed=seed).vehicles[0] for seed in range(60)]
    kinds = {vehicle.distractors[0].thing for vehicle in scenes}
    assert kinds == {
        Thing.SHIRT, Thing.STICKER, Thing.POSTER, Thing.PHONE_FACE, Thing.DOG, Thing.MIRROR_IMAGE, Thing.WALL_POSTER,
    }  # fmt: skip
    assert all(vehicle.occupants[0].seat is Seat.DRIVER for vehicle in scenes)
    assert any(rider.hidden for vehicle in scenes for rider in vehicle.occupants)


def test_dressed_headrests(people: list[Traveller]) -> None:
    """A driver has one or two head-rests beside that look like somebody, on seats where nobody is; each is in the picture."""
    scenes = [make_scene("headrests", people[:4], seed=seed) for seed in range(12)]
    vehicles = [scene.vehicles[0] for scene in scenes]
    assert {len(vehicle.distractors) for vehicle in vehicles} == {1, 2}
    assert all(
        rest.thing is Thing.HEADREST and rest.face is None for one in vehicles for rest in one.distractors
    )
    assert all([rider.seat for rider in one.occupants] == [Seat.DRIVER] for one in vehicles)
    nobody = Distractor(Thing.HEADREST, Seat.FRONT_PASSENGER)
    vehicle = SceneVehicle(t_capture_s=1.0, distractors=(nobody,))
    scene = LaneScene((vehicle,), QUIET, seed=4)
    pixels, truth = photograph(set_stage(scene), 30)
    without, _ = photograph(set_stage(replace(scene, vehicles=(replace(vehicle, distractors=()),))), 30)
    (seen,) = truth["vehicles"][0]["distractors"]
    x, y, width, height = seen["box"]
    rows, columns = np.nonzero(np.abs(pixels.astype(int) - without).sum(axis=2) > 20)
    assert rows.size
    assert ((columns > x) & (columns < x + width) & (rows > y) & (rows < y + height)).mean() > 0.99
