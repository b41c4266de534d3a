"""Each preset makes the condition it is named for, and the command renders it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from lanesamples import SMALL

from wayseal.cli.simulate import command
from wayseal.model.errors import Invalid, NotFound
from wayseal.testing.lane import (
    PRESETS,
    Light,
    Motion,
    Thing,
    Traveller,
    count_frames,
    demo_scene,
    make_scene,
)
from wayseal.testing.lane.optics import View, aim_camera, locate_vehicle
from wayseal.testing.lane.render import photograph, set_stage


def shrink(camera_width: int, focal: float) -> float:
    """Return a focal length that shows the same on a picture of 640 pixels."""
    return focal * 640 / camera_width


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_preset_renders(name: str, people: list[Traveller]) -> None:
    """Each preset gives a picture with something in it, the same twice, with its vehicles in the truth."""
    scene = make_scene(name, people[:3], seed=2)
    camera = replace(SMALL, focal_px=shrink(1280, scene.camera.focal_px), exposure_s=scene.camera.exposure_s)
    small = replace(
        scene, camera=replace(camera, z_capture_m=scene.camera.z_capture_m), vehicles=scene.vehicles[:1]
    )
    moment = round(small.vehicles[0].t_capture_s * camera.fps) if small.vehicles else 0
    first, second = (photograph(set_stage(small), moment) for _ in range(2))
    assert (first[0] == second[0]).all()
    assert first[1] == second[1]
    assert first[0].std() > 8
    assert len(first[1]["vehicles"]) == len(small.vehicles)


def test_presets_are_what_they_are_called(people: list[Traveller]) -> None:
    """Night is near infrared, rain rains, glare glints, the slow shutter is slow, and across goes across."""
    scenes = {name: make_scene(name, people) for name in PRESETS}
    assert scenes["night_nir"].weather.light is Light.NIR
    assert scenes["night_strobe"].weather.light is Light.STROBE
    assert scenes["rain"].weather.rain > 0
    assert scenes["glare"].weather.glint
    assert scenes["slow_shutter"].camera.exposure_s > 5 * scenes["day"].camera.exposure_s
    assert scenes["across"].motion is Motion.ACROSS
    assert scenes["tint"].vehicles[0].transmission < 0.5
    assert scenes["empty"].vehicles == ()
    assert {item.thing for item in scenes["impostors"].vehicles[0].distractors} >= {
        Thing.SHIRT,
        Thing.STICKER,
    }
    assert any(not vehicle.occupants or vehicle.occupants[0].hidden for vehicle in scenes["convoy"].vehicles)


@pytest.mark.parametrize("count", [1, 2, 4, 6])
def test_demo_has_known_and_unknown_travellers(people: list[Traveller], count: int) -> None:
    """The demonstration shows each person once, enrols at least one, and from two people on leaves one unknown."""
    scene = demo_scene(people[:count])
    riders = [who for vehicle in scene.vehicles for who in vehicle.occupants if not who.hidden]
    assert sorted(who.identity for who in riders) == sorted(person.identity for person in people[:count])
    assert any(who.gallery for who in riders)
    assert count == 1 or any(not who.gallery for who in riders)
    assert all(who.same_picture for who in riders if who.gallery)
    assert 2 <= len(scene.vehicles) <= 3


def test_demo_vehicles_overlap_in_time(people: list[Traveller]) -> None:
    """While a vehicle is at the capture plane, the next one is already in the picture."""
    scene = demo_scene(people)
    pinhole = aim_camera(scene.camera)
    for first, second in zip(scene.vehicles, scene.vehicles[1:], strict=False):
        place = locate_vehicle(second, scene.camera, scene.motion, first.t_capture_s)
        bumper = View(pinhole, place).project(np.array([[0.0, 0.3, -1.2]]))[0]
        assert 0 < bumper[1] < scene.camera.height


def test_everybody_undecided_gets_a_role(people: list[Traveller]) -> None:
    """People whose enrolment the caller leaves open are mostly enrolled, and one at least is not."""
    cast = make_scene("convoy", people, seed=1)
    known = [bool(who.gallery) for vehicle in cast.vehicles for who in vehicle.occupants]
    assert any(known)
    assert not all(known)


def test_unknown_preset_and_nobody_are_refused(people: list[Traveller]) -> None:
    """A wrong name lists the right ones; a scene without people cannot be made."""
    with pytest.raises(NotFound) as caught:
        make_scene("fog", people)
    assert "night_nir" in caught.value.hint
    with pytest.raises(Invalid):
        make_scene("day", [])


def test_command_renders_video_truth_and_gallery(tmp_path: Path) -> None:
    """`simulate lane` writes a video, its truth and a gallery, and says where in one JSON document."""
    answer = CliRunner().invoke(
        command, ["lane", "--out", str(tmp_path), "--preset", "empty", "--seconds", "0.2", "--json"]
    )
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert told["frames"] == 6
    assert Path(told["video"]).stat().st_size > 1000
    assert json.loads(Path(told["truth"]).read_text())["format"] == "lane-truth-1"
    assert Path(told["gallery"]).read_text() == "path,identity,class\n"


def test_length_follows_the_scene(people: list[Traveller]) -> None:
    """A length in seconds wins over the scene's own."""
    assert count_frames(make_scene("day", people, seconds=1.5)) == 45
    assert count_frames(make_scene("day", people)) > 60


def test_reference_page_names_every_preset_and_option() -> None:
    """The simulator's page lists each preset and each option of the command's own; `--home` is given to all, once the program has them."""
    page = (Path(__file__).parents[3] / "docs" / "reference" / "simulator.md").read_text()
    names = [*PRESETS, "demo"]
    options = [word for option in command.commands["lane"].params for word in option.opts]
    assert [name for name in names if f"`{name}`" not in page] == []
    assert [option for option in options if f"`{option}" not in page and option != "--home"] == []
