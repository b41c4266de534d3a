"""A rendered video decodes to what was drawn, the same for the same seed, with its truth and its gallery beside it."""

import csv
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from lanesamples import QUIET, SMALL

from wayseal.model.errors import Invalid, Unavailable
from wayseal.testing.lane import (
    LaneScene,
    Light,
    Motion,
    SceneVehicle,
    Weather,
    count_frames,
    render_frames,
    render_video,
    write_gallery,
)

TINY = replace(SMALL, width=320, height=180, focal_px=1920.0)


def short(scene: LaneScene, seconds: float = 0.4) -> LaneScene:
    """Return the scene at 320x180, cut to a few pictures around the capture time."""
    return replace(
        scene, camera=TINY, seconds=seconds, vehicles=(replace(scene.vehicles[0], t_capture_s=0.2),)
    )


def test_video_decodes_to_its_frames(one_vehicle: LaneScene, tmp_path: Path) -> None:
    """The file is H.264 with the truth's size, rate and number of pictures, and they look like what was rendered."""
    scene = short(one_vehicle)
    told: list[int] = []
    truth = render_video(scene, tmp_path / "lane.mp4", told.append)
    with av.open(str(tmp_path / "lane.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 320, 180)
        assert float(stream.average_rate) == 30
        decoded = [picture.to_ndarray(format="bgr24") for picture in container.decode(video=0)]
    drawn = [pixels for pixels, _ in render_frames(scene)]
    assert len(decoded) == len(drawn) == truth["video"]["frames"] == sum(told) == 12
    error = np.abs(decoded[6].astype(float) - drawn[6]).mean()
    assert error < 8
    assert json.loads((tmp_path / "lane.json").read_text()) == truth


def test_same_seed_gives_the_same_video(one_vehicle: LaneScene, tmp_path: Path) -> None:
    """Two renderings of a scene are equal to the byte; another seed gives another video."""
    sums = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        render_video(replace(short(one_vehicle, 0.2), seed=seed), tmp_path / f"{name}.mp4")
        sums.append(hashlib.sha256((tmp_path / f"{name}.mp4").read_bytes()).hexdigest())
    assert sums[0] == sums[1] != sums[2]


def test_scene_ends_when_the_last_vehicle_has_left(one_vehicle: LaneScene) -> None:
    """Without a length, a scene lasts until the last vehicle is out of the picture."""
    for motion in Motion:
        scene = replace(one_vehicle, motion=motion, camera=replace(QUIET, fps=4))
        vehicles = [len(truth["vehicles"]) for _, truth in render_frames(scene)]
        assert max(vehicles) == 1
        assert vehicles[-1] == 0
        assert len(vehicles) == count_frames(scene)


def test_two_vehicles_overlap_in_time(one_vehicle: LaneScene) -> None:
    """A vehicle that follows is in the picture together with the one before it, and drawn behind it."""
    first = one_vehicle.vehicles[0]
    follower = replace(first, t_capture_s=first.t_capture_s + 2.0, occupants=())
    scene = replace(one_vehicle, vehicles=(first, follower), camera=replace(QUIET, fps=5))
    listed = [[item["vehicle_id"] for item in truth["vehicles"]] for _, truth in render_frames(scene)]
    assert [2, 1] in listed


def test_noise_is_of_the_sensor(one_vehicle: LaneScene) -> None:
    """A dark scene amplified is noisier than a bright one, and fewer electrons are noisier than many."""
    spreads = []
    for light, well in ((Light.DAY, 4000.0), (Light.DAY, 400.0), (Light.DUSK, 4000.0)):
        camera = replace(TINY, full_well=well)
        scene = replace(one_vehicle, vehicles=(), seconds=0.1, camera=camera, weather=Weather(light))
        pictures = [pixels.astype(float) for pixels, _ in render_frames(scene)]
        spreads.append(float((pictures[0] - pictures[1]).std()))
    assert spreads[1] > 2 * spreads[0]
    assert spreads[2] > 1.5 * spreads[0]


def test_near_infrared_has_no_colour(one_vehicle: LaneScene) -> None:
    """A near-infrared picture is grey, and the far end of the lane lies in the dark."""
    scene = replace(one_vehicle, vehicles=(), seconds=0.1, camera=TINY, weather=Weather(Light.NIR))
    pixels, _ = next(render_frames(scene))
    assert (pixels[..., 0] == pixels[..., 1]).all()
    assert (pixels[..., 1] == pixels[..., 2]).all()
    assert pixels[-40:].mean() > 1.3 * pixels[:40].mean()


@pytest.mark.parametrize(
    "broken",
    [
        LaneScene(()),
        LaneScene((SceneVehicle(1.0, 0.0),)),
        LaneScene((SceneVehicle(1.0),), replace(SMALL, width=321)),
        LaneScene((SceneVehicle(1.0),), replace(SMALL, exposure_s=0.5)),
    ],
    ids=["endless", "standing", "odd-size", "shutter-longer-than-a-frame"],
)
def test_impossible_scenes_are_refused(broken: LaneScene, tmp_path: Path) -> None:
    """A scene that cannot be drawn is refused with a hint, and no file is left."""
    with pytest.raises(Invalid):
        render_video(broken, tmp_path / "lane.mp4")
    assert list(tmp_path.iterdir()) == []


def test_two_people_on_one_seat_are_refused(one_vehicle: LaneScene, tmp_path: Path) -> None:
    """Each seat holds one occupant."""
    twice = one_vehicle.vehicles[0].occupants * 2
    scene = replace(one_vehicle, vehicles=(replace(one_vehicle.vehicles[0], occupants=twice),))
    with pytest.raises(Invalid, match="two occupants"):
        render_video(scene, tmp_path / "lane.mp4")


def test_unwritable_place_is_an_error_of_ours(one_vehicle: LaneScene, tmp_path: Path) -> None:
    """A path that is no folder gives a WaysealError, not a traceback of the encoder."""
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(Unavailable):
        render_video(short(one_vehicle, 0.1), tmp_path / "file" / "lane.mp4")


def test_gallery_lists_the_enrolled_only(one_vehicle: LaneScene, tmp_path: Path) -> None:
    """The table enrols those with pictures, by a path relative to itself, and nobody else."""
    picture = tmp_path / "faces" / "one.png"
    enrolled = replace(one_vehicle.vehicles[0].occupants[0], gallery=(str(picture),))
    stranger = replace(enrolled, identity="T2", gallery=())
    vehicles = tuple(replace(one_vehicle.vehicles[0], occupants=(who,)) for who in (enrolled, stranger))
    (tmp_path / "out").mkdir()
    table = tmp_path / "out" / "gallery.csv"
    assert write_gallery(replace(one_vehicle, vehicles=vehicles), table) == 1
    with table.open() as lines:
        rows = list(csv.DictReader(lines))
    assert [row["identity"] for row in rows] == ["T1"]
    assert (table.parent / rows[0]["path"]).resolve() == picture.resolve()
