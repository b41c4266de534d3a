"""Altered lane videos: where the truth says that something is after an alteration, the altered frames show it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from lane_alterations import ALTERATIONS, AlteredVideo, alter_truth

from wayseal.flow.measure.lane_truth import FaceTruth, LaneTruth, OccupantTruth, VehicleTruth
from wayseal.model.border import Box, Seat

WIDTH, HEIGHT, FRAMES = 320, 240, 8
START = datetime(2026, 11, 22, 12, tzinfo=UTC)


def box_at(index: int) -> Box:
    """Where the bright patch is in a frame: it moves to the right, left of the middle."""
    return (30.0 + 6 * index, 60.0, 40.0, 50.0)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of a bright patch that moves over grey."""
    path = tmp_path_factory.mktemp("altered") / "patch.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index in range(FRAMES):
            bgr = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
            x, y, wide, high = (int(value) for value in box_at(index))
            bgr[y : y + high, x : x + wide] = 220
            container.mux(stream.encode(av.VideoFrame.from_ndarray(bgr, format="bgr24")))
        container.mux(stream.encode(None))
    return path


def truth() -> LaneTruth:
    """The truth of that video: the patch is somebody in the left rear seat."""
    faces = {index: FaceTruth(box_at(index), 20.0, 1.0) for index in range(FRAMES)}
    person = OccupantTruth(Seat.REAR_LEFT, "A", faces)
    vehicle = VehicleTruth(1, 20.0, "AB12", [person], list(range(FRAMES)), plate_counts=True)
    return LaneTruth(FRAMES, 30.0, 1000.0, 1.0, [vehicle])


def bright_box(grey: np.ndarray) -> Box:
    """Where a frame is bright."""
    x, y, wide, high = cv2.boundingRect(
        (grey > (int(grey.max()) + int(np.median(grey))) / 2).astype(np.uint8)
    )
    return (float(x), float(y), float(wide), float(high))


@pytest.mark.parametrize("name", ALTERATIONS)
def test_truth_follows_the_pixels(video: Path, name: str) -> None:
    """Each alteration numbers its frames from 0 without a gap, and the face lies where the altered truth says, in both planes."""
    one = ALTERATIONS[name]
    altered = alter_truth(truth(), one, WIDTH, HEIGHT)
    frames = list(AlteredVideo(str(video), one))
    (person,) = altered.vehicles[0].occupants
    assert [frame.index for frame in frames] == list(range(altered.frames)) == sorted(person.faces)
    for frame in frames:
        for grey in (frame.luma, cv2.cvtColor(frame.colour(), cv2.COLOR_BGR2GRAY)):
            assert np.allclose(bright_box(grey), person.faces[frame.index].box, atol=1.6)


def test_mirror_changes_sides() -> None:
    """In the mirror the left rear seat is the right one, the driver sits on the right, and no plate can be read."""
    one = ALTERATIONS["mirrored"]
    (vehicle,) = alter_truth(truth(), one, WIDTH, HEIGHT).vehicles
    assert (vehicle.occupants[0].seat, one.steering, vehicle.plate_counts) == (
        Seat.REAR_RIGHT,
        "right",
        False,
    )


def test_fewer_frames_take_as_long(video: Path) -> None:
    """With every second frame dropped the stream's clock goes on, at half the rate."""
    one = ALTERATIONS["every second frame"]
    seconds = [frame.seconds for frame in AlteredVideo(str(video), one)]
    assert alter_truth(truth(), one, WIDTH, HEIGHT).fps == 15
    assert np.allclose(np.diff(seconds), 1 / 15, atol=1e-3)


def test_noise_is_new_in_each_frame(video: Path) -> None:
    """The noise of the dark alteration is not the same in two frames, and the same when measured again."""

    def corners() -> Iterator[np.ndarray]:
        return (
            frame.colour()[-40:, -40:]
            for frame in AlteredVideo(str(video), ALTERATIONS["half as bright, noise 6"])
        )

    first, second = list(corners()), list(corners())
    assert not np.array_equal(first[0], first[1])
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))
