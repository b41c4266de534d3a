"""The ground truth says where things really are: it is compared with the pixels it describes."""

import json
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lanesamples import QUIET
from numpy.typing import NDArray

from wayseal.model.border import Seat
from wayseal.testing.lane import (
    Distractor,
    FacePicture,
    LaneScene,
    Light,
    SceneOccupant,
    SceneVehicle,
    Thing,
    Weather,
    render_frames,
)
from wayseal.testing.lane.render import Stage, photograph, set_stage
from wayseal.testing.lane.truth import describe_vehicle
from wayseal.testing.lane.video import describe_video

Truth = dict[str, Any]


@lru_cache(maxsize=4)
def stage_of(scene: LaneScene) -> Stage:
    """Return a scene's stage; the scenes here are noiseless, so that pictures may be taken in any order."""
    return set_stage(scene)


def shoot(scene: LaneScene, seconds: float) -> tuple[NDArray[np.int16], Truth]:
    """Return the picture at a time as signed numbers, and its first vehicle's truth."""
    pixels, truth = photograph(stage_of(scene), round(seconds * scene.camera.fps))
    return pixels.astype(np.int16), truth["vehicles"][0]


def dress(scene: LaneScene, **changes: Any) -> LaneScene:
    """Return the scene with its only vehicle changed."""
    return replace(scene, vehicles=(replace(scene.vehicles[0], **changes),))


def change_box(first: NDArray[np.int16], second: NDArray[np.int16]) -> tuple[float, float, float, float]:
    """Return x0, y0, x1, y1 of where two pictures differ."""
    rows, columns = np.nonzero(np.abs(first - second).max(axis=2) > 8)
    return float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1)


@pytest.mark.parametrize("seconds", [0.6, 1.0, 1.3])
def test_eyes_are_where_the_truth_says(one_vehicle: LaneScene, seconds: float) -> None:
    """Green pupils painted on the face are found within a pixel of the truth's eyes."""
    pixels, truth = shoot(one_vehicle, seconds)
    who = truth["occupants"][0]
    green = pixels[..., 1] - np.maximum(pixels[..., 0], pixels[..., 2])
    for x, y in who["eyes"]:
        reach = round(who["iod_px"] / 3)
        part = np.clip(
            green[round(y) - reach : round(y) + reach, round(x) - reach : round(x) + reach], 0, None
        )
        rows, columns = np.indices(part.shape)
        found = np.array([(part * columns).sum(), (part * rows).sum()]) / part.sum() + 0.5
        expected = np.array([x - round(x) + reach, y - round(y) + reach])
        assert np.linalg.norm(found - expected) < 1.0


def test_removing_the_driver_changes_the_face_box(one_vehicle: LaneScene) -> None:
    """With and without the driver, the face box differs nearly everywhere and the other seats not at all."""
    seated, truth = shoot(one_vehicle, 1.0)
    empty, _ = shoot(dress(one_vehicle, occupants=()), 1.0)
    x, y, width, height = truth["occupants"][0]["face_box"]
    inner = np.s_[
        round(y + 0.2 * height) : round(y + 0.8 * height), round(x + 0.2 * width) : round(x + 0.8 * width)
    ]
    assert (np.abs(seated[inner] - empty[inner]).max(axis=2) > 8).mean() > 0.9
    x0, _, x1, _ = change_box(seated, empty)
    assert x0 > 320
    assert x1 < truth["body_box"][2]


def test_plate_box_is_where_the_plate_is(one_vehicle: LaneScene) -> None:
    """With and without a plate, the pictures differ exactly within the truth's plate box."""
    with_plate, truth = shoot(one_vehicle, 0.2)
    without, _ = shoot(dress(one_vehicle, plate=None), 0.2)
    x, y, width, height = truth["plate"]["box"]
    assert change_box(with_plate, without) == pytest.approx((x, y, x + width, y + height), abs=2.0)
    assert truth["plate"]["in_frame"] is True


def test_plate_leaves_the_frame(one_vehicle: LaneScene) -> None:
    """The plate is said to be in the frame only while all of it is."""
    _, truth = shoot(one_vehicle, 1.2)
    assert truth["plate"]["box"][1] + truth["plate"]["box"][3] > QUIET.height
    assert truth["plate"]["in_frame"] is False


def test_inter_eye_distance_follows_the_range(one_vehicle: LaneScene) -> None:
    """The truth's distance between the eyes is focal * 0.063 over the range of the driver's eyes."""
    for seconds in (0.0, 0.5, 1.0, 1.4):
        _, truth = shoot(one_vehicle, seconds)
        who = truth["occupants"][0]
        assert who["iod_px"] == pytest.approx(QUIET.focal_px * 0.063 / (truth["range_m"] + 0.6), rel=0.01)


def test_blur_of_an_oncoming_face_is_its_radial_path(one_vehicle: LaneScene) -> None:
    """An approaching face smears away from the vanishing point: by its picture's speed times the exposure."""
    scene = replace(one_vehicle, camera=replace(QUIET, exposure_s=0.01))
    frames = [shoot(scene, seconds)[1]["occupants"][0] for seconds in (1.0, 1.0 + 1 / 30)]
    middles = [np.mean(who["eyes"], axis=0) for who in frames]
    speed = np.linalg.norm(middles[1] - middles[0]) * QUIET.fps
    assert frames[0]["blur_px"] == pytest.approx(speed * 0.01, rel=0.06)


def test_hidden_face_is_invisible(one_vehicle: LaneScene) -> None:
    """Somebody behind a sun visor is an occupant with no visible face and no light from it."""
    driver = replace(one_vehicle.vehicles[0].occupants[0], hidden=True)
    _, truth = shoot(dress(one_vehicle, occupants=(driver,)), 1.0)
    assert truth["occupants"][0]["visible"] == 0.0
    assert truth["occupants"][0]["transmitted_share"] is None


def test_front_seat_hides_the_seat_behind_it(one_vehicle: LaneScene, face: FacePicture) -> None:
    """Somebody behind the driver is hardly visible; when the driver's seat is empty, only its back is in the way."""
    behind = SceneOccupant(Seat.REAR_LEFT, face, "T2")
    centre = SceneOccupant(Seat.REAR_CENTRE, face, "T3")
    full = dress(one_vehicle, occupants=(*one_vehicle.vehicles[0].occupants, behind, centre))
    visible = {who["seat"]: who["visible"] for who in shoot(full, 1.0)[1]["occupants"]}
    assert visible["driver"] > 0.95
    assert visible["rear_middle"] > 0.6
    assert visible["rear_left"] < 0.5
    alone = dress(one_vehicle, occupants=(behind,))
    assert shoot(alone, 1.0)[1]["occupants"][0]["visible"] >= visible["rear_left"]


def test_tint_takes_light_from_the_face(one_vehicle: LaneScene) -> None:
    """The share of light that comes from the face falls with the glass's transmission and with glare."""
    shares = []
    for transmission, glare in ((0.75, 0.06), (0.3, 0.06), (0.3, 0.2)):
        scene = replace(dress(one_vehicle, transmission=transmission), weather=Weather(glare=glare))
        shares.append(shoot(scene, 1.0)[1]["occupants"][0]["transmitted_share"])
    assert shares[0] > shares[1] > shares[2] > 0


def test_illuminator_crosses_the_glass_twice(one_vehicle: LaneScene) -> None:
    """Under near-infrared light the face dims with the square of the transmission, by day with the transmission."""
    for light, power in ((Light.DAY, 1), (Light.NIR, 2)):
        clear, dark = (
            replace(dress(one_vehicle, transmission=share), weather=Weather(light, glare=0.0))
            for share in (0.8, 0.4)
        )
        stages = [set_stage(scene) for scene in (clear, dark)]
        assert stages[0].levels.passes == power
        ratio = []
        for stage in stages:
            pixels, truth = photograph(stage, 30)
            x, y = np.mean(truth["vehicles"][0]["occupants"][0]["eyes"], axis=0)
            spot = pixels[round(y) + 3 : round(y) + 12, round(x) - 6 : round(x) + 6].astype(float)
            ratio.append(((spot / 255) ** 2.2).mean())
        assert ratio[0] / ratio[1] == pytest.approx(2**power, rel=0.25)


def test_distractors_have_eyes_or_a_box(one_vehicle: LaneScene, face: FacePicture) -> None:
    """A printed face is given by its eyes, anything else by its box; none of them is among the occupants."""
    things = (
        Distractor(Thing.SHIRT, Seat.DRIVER, face, "T9"),
        Distractor(Thing.STICKER, None, face, "T9"),
        Distractor(Thing.POSTER, Seat.REAR_CENTRE, face, "T9"),
        Distractor(Thing.DOG, Seat.FRONT_PASSENGER),
        Distractor(Thing.PHONE, Seat.DRIVER),
    )
    _, truth = shoot(dress(one_vehicle, distractors=things), 1.0)
    found = {item["type"]: item for item in truth["distractors"]}
    assert set(found) == {"shirt_print", "windshield_sticker", "poster", "dog", "phone"}
    assert [len(found[name]["eyes"]) for name in ("shirt_print", "windshield_sticker", "poster")] == [2, 2, 2]
    assert len(found["dog"]["box"]) == 4
    assert [who["identity"] for who in truth["occupants"]] == ["T1"]


def test_vehicles_out_of_the_frame_are_not_listed(one_vehicle: LaneScene) -> None:
    """The truth's pictures list a vehicle only while some of it is in the frame."""
    scene = replace(one_vehicle, seconds=3.0)
    listed = [
        len(truth["vehicles"]) for _, truth in render_frames(replace(scene, camera=replace(QUIET, fps=5)))
    ]
    assert listed[5] == 1
    assert listed[-1] == 0


def keys_of(value: Any, path: str = "") -> set[str]:
    """Return the paths of all keys in nested dictionaries and lists."""
    if isinstance(value, dict):
        return {f"{path}.{key}" for key in value} | {
            deep for key, inner in value.items() for deep in keys_of(inner, f"{path}.{key}")
        }
    if isinstance(value, list):
        return {deep for inner in value for deep in keys_of(inner, path)}
    return set()


def test_truth_has_the_sample_files_fields(
    shared_data: Path, one_vehicle: LaneScene, face: FacePicture
) -> None:
    """Every field of a truth file of the test data is in ours, at the same place (the renderer's own params aside)."""
    sample = json.loads((shared_data / "lane" / "d12_mid_sticker_shirt.json").read_text())
    sample["video"].pop("params")
    things = (Distractor(Thing.SHIRT, Seat.DRIVER, face, "T9"), Distractor(Thing.STICKER, None, face, "T9"))
    scene = dress(one_vehicle, distractors=things)
    _, entry = photograph(set_stage(scene), 30)
    ours = {
        "format": "lane-truth-1", "note": "", "video": describe_video(scene, "x.mp4", 1),
        "vehicles": [describe_vehicle(1, scene.vehicles[0])], "frames": [entry],
    }  # fmt: skip
    assert keys_of(sample) - keys_of(ours) == set()


def test_rear_centre_is_named_as_in_the_format(face: FacePicture) -> None:
    """The truth calls the middle of the rear row `rear_middle`."""
    vehicle = SceneVehicle(1.0, occupants=(SceneOccupant(Seat.REAR_CENTRE, face, "T1"),))
    assert describe_vehicle(1, vehicle)["occupants"][0]["seat"] == "rear_middle"


def test_occupants_keep_one_order(one_vehicle: LaneScene, face: FacePicture) -> None:
    """Occupants stand in the same order in a vehicle's facts and in each picture's, however the scene lists them."""
    seats = (Seat.REAR_RIGHT, Seat.FRONT_PASSENGER, Seat.REAR_LEFT, Seat.DRIVER)
    scene = dress(one_vehicle, occupants=tuple(SceneOccupant(seat, face, str(seat)) for seat in seats))
    _, entry = shoot(scene, 1.0)
    told = [person["seat"] for person in describe_vehicle(1, scene.vehicles[0])["occupants"]]
    assert [person["seat"] for person in entry["occupants"]] == told
