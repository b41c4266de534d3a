"""One vehicle over its frames: what is spent, what is agreed, what is kept."""

from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import pytest
from drawn import draw_plate

from wayseal.model.border import Box, Frame, Pixels
from wayseal.vision.plate.reader import PlateReader
from wayseal.vision.plate.session import PlateSession

START = datetime(2026, 3, 1, tzinfo=UTC)


def make_frame(index: int, picture: Pixels) -> Frame:
    """Return a frame of 30 a second."""
    luma = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    seconds = index / 30
    return Frame(
        index, START + timedelta(seconds=seconds), seconds, np.asarray(luma, np.uint8), lambda: picture
    )


def approach(text: str | None, frames: int) -> list[tuple[Frame, Box]]:
    """Return frames of a car that comes nearer, with its box in each; `text` is its plate."""
    made = []
    for index in range(frames):
        scale = 1.0 + index * 0.02
        picture = np.full((480, 848, 3), 110, np.uint8)
        width, height = int(300 * scale), int(240 * scale)
        x, y = 424 - width // 2, 20 + 3 * index
        cv2.rectangle(picture, (x, y), (x + width, y + height), (60, 50, 50), -1)
        if text is not None:
            plate = draw_plate(text, height=int(44 * scale))
            top, left = y + int(height * 0.7), 424 - plate.shape[1] // 2
            bottom = min(480, top + plate.shape[0])
            picture[top:bottom, left : left + plate.shape[1]] = plate[: bottom - top]
        made.append((make_frame(index, picture), (float(x), float(y), float(width), float(height))))
    return made


def test_reads_agree(plate_reader: PlateReader) -> None:
    """The plate is the vote of several readings; the box and picture are of a frame that was read."""
    session = PlateSession(plate_reader)
    for frame, box in approach("5QRV204", 40):
        session.offer(frame, box)
    plate = session.result()
    assert plate is not None
    assert plate.text == "5QRV204"
    assert plate.reads >= 2
    assert len(plate.characters) == 7
    assert 0 <= plate.frame < 40
    assert plate.picture is not None
    assert plate.picture.width > plate.picture.height
    assert "5QRV" not in repr(plate)
    assert "5QRV" not in repr(session)


def test_most_frames_cost_nothing(plate_reader: PlateReader) -> None:
    """Of forty frames only a handful are turned into colour: the rest are never looked at."""
    looked = []
    session = PlateSession(plate_reader)
    for frame, box in approach("KT7 H2R", 40):

        def colour(frame: Frame = frame) -> Pixels:
            looked.append(frame.index)
            return frame.colour()

        session.offer(Frame(frame.index, frame.time, frame.seconds, frame.luma, colour), box)
    assert 2 <= len(looked) <= 9


def test_one_reading_is_none(plate_reader: PlateReader) -> None:
    """A single reading is no plate: two must agree."""
    session = PlateSession(plate_reader)
    frame, box = approach("5QRV204", 1)[0]
    session.offer(frame, box)
    assert session.result() is None


def test_vehicle_without_plate(plate_reader: PlateReader) -> None:
    """A vehicle without a plate ends with none, after a bounded number of searches."""
    looked = []
    session = PlateSession(plate_reader)
    for frame, box in approach(None, 60):

        def colour(frame: Frame = frame) -> Pixels:
            looked.append(frame.index)
            return frame.colour()

        session.offer(Frame(frame.index, frame.time, frame.seconds, frame.luma, colour), box)
    assert session.result() is None
    assert len(looked) <= 8


def test_small_vehicle_waits(plate_reader: PlateReader) -> None:
    """A vehicle too far away for a legible plate is not looked at."""
    session = PlateSession(plate_reader)
    frame, _ = approach("5QRV204", 1)[0]
    session.offer(frame, (300.0, 100.0, 120.0, 90.0))
    assert session.seconds == 0.0


def test_lost_number_is_searched_at_once(plate_reader: PlateReader) -> None:
    """A plate that jumps away from where its movement leads is found again in the same frame."""
    session = PlateSession(plate_reader)
    first, last = approach("5QRV204", 40)[0], approach("5QRV204", 40)[30]
    session.offer(*first)
    frame, (x, y, width, height) = last
    session.offer(make_frame(30, np.roll(frame.colour(), -150, axis=1)), (x - 150, y, width, height))
    plate = session.result()
    assert plate is not None
    assert (plate.text, plate.reads) == ("5QRV204", 2)


@pytest.mark.parametrize(("tall", "read"), [(0.3, True), (0.05, False)])
def test_box_that_reaches_down_late(plate_reader: PlateReader, tall: float, *, read: bool) -> None:
    """The number of a vehicle that comes out from behind another is found below its box; below a sliver nothing is sought."""
    session = PlateSession(plate_reader)
    for frame, (x, y, width, _) in approach("5QRV204", 20):
        session.offer(frame, (x, y, width, tall * width))
    plate = session.result()
    assert (plate is not None and plate.text == "5QRV204") == read
    assert read or plate is None


def test_number_soon_gone(plate_reader: PlateReader) -> None:
    """A number that is low in the picture when it is first read is read again before it leaves, within a fifth of a second."""
    session = PlateSession(plate_reader)
    for frame, box in approach("5QRV204", 26)[20:]:
        session.offer(frame, box)
    plate = session.result()
    assert plate is not None
    assert (plate.text, plate.reads) == ("5QRV204", 2)
