"""The cues for a picture of a face: they see sheets and masks around a face, and not shoulders or head-rests."""

from datetime import UTC, datetime
from importlib.resources import files

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayseal.model.border import Occupant, Pixels, PlainImage, Quality, Seat, Shot, Template
from wayseal.vision.detect import FaceDetector
from wayseal.vision.presentation import (
    MAY_BE_PICTURE,
    NOT_COUNTED,
    UNIT,
    PresentationCues,
    cut_surround,
    discount_picture,
    is_sheet,
    is_suspicious,
    measure_cues,
    score_presentation,
)

START = datetime(2026, 3, 1, tzinfo=UTC)
WIDE, HIGH, EYES = 96, 112, (48, 52)


def draw_person(seed: int) -> Pixels:
    """Return the surround of somebody on a seat: dark cabin, rounded head-rest, head, shoulders, noise."""
    sheet = np.full((HIGH, WIDE, 3), 45, np.uint8)
    cv2.ellipse(sheet, (48, 48), (42, 30), 0, 0, 360, (70, 70, 72), -1)
    cv2.ellipse(sheet, (48, 116), (44, 24), 0, 0, 360, (110, 80, 70), -1)
    draw_face(sheet)
    return spoil(sheet, seed)


def draw_face(sheet: Pixels) -> None:
    """Draw a head around the eyes, in place."""
    cv2.ellipse(sheet, (48, 58), (23, 32), 0, 0, 360, (120, 150, 190), -1)
    for x in (38, 58):
        cv2.circle(sheet, (x, EYES[1]), 3, (40, 40, 50), -1)


def spoil(sheet: Pixels, seed: int) -> Pixels:
    """Return the sheet as a camera would give it."""
    noise = np.random.default_rng(seed).normal(0, 4, sheet.shape)
    return np.clip(cv2.GaussianBlur(sheet, (0, 0), 1.0) + noise, 0, 255).astype(np.uint8)


def hold_sheet(seed: int) -> Pixels:
    """Return the surround of a portrait on a sheet of paper."""
    sheet = np.full((HIGH, WIDE, 3), 45, np.uint8)
    cv2.rectangle(sheet, (14, 8), (82, 102), (200, 200, 200), -1)
    draw_face(sheet)
    return spoil(sheet, seed)


def cut_mask(seed: int) -> Pixels:
    """Return the surround of a paper mask with a pale rim."""
    sheet = np.full((HIGH, WIDE, 3), 60, np.uint8)
    cv2.ellipse(sheet, (48, 62), (25, 34), 0, 0, 360, (225, 225, 225), -1)
    cv2.ellipse(sheet, (48, 62), (23, 32), 0, 0, 360, (80, 95, 120), -1)
    return spoil(sheet, seed)


def cues_of(*surrounds: Pixels) -> PresentationCues:
    """Return the cues, which must be there."""
    cues = measure_cues(surrounds)
    assert cues is not None
    return cues


@pytest.mark.parametrize("seed", range(5))
def test_sheet_of_paper(seed: int) -> None:
    """Three straight sides around a face are seen, and make it suspicious; a person on a seat is not."""
    sheet, person = cues_of(hold_sheet(seed)), cues_of(draw_person(seed))
    assert sheet.edges > 1.5 * person.edges
    assert is_suspicious(score_presentation(sheet))
    assert not is_suspicious(score_presentation(person))


@pytest.mark.parametrize("seed", range(5))
def test_rim_of_a_mask(seed: int) -> None:
    """A closed outline along the face is stronger than a head's own."""
    assert cues_of(cut_mask(seed)).rim > cues_of(draw_person(seed)).rim


def test_reflections_average_out() -> None:
    """One look with a bright bar across it changes the cues of six looks less than those of one."""
    looks = [draw_person(seed) for seed in range(6)]
    barred = looks[0].copy()
    barred[:, 20:26] = 220
    alone = abs(cues_of(barred).edges - cues_of(looks[0]).edges)
    among = abs(cues_of(barred, *looks[1:]).edges - cues_of(*looks).edges)
    assert among < alone


def test_nothing_to_look_at() -> None:
    """Without a surround there is no cue, and so no advice."""
    assert measure_cues([]) is None


@given(st.integers(0, 255), st.integers(0, 255))
def test_flat_surrounds_have_a_score(one: int, other: int) -> None:
    """Any surround, even a plain one, gives finite cues and a score between 0 and 100."""
    sheet = np.full((HIGH, WIDE, 3), one, np.uint8)
    sheet[: HIGH // 2] = other
    assert 0 <= score_presentation(cues_of(sheet)) <= 100


def test_surround_is_scaled(astronaut: Pixels, detector: FaceDetector) -> None:
    """A surround has the eyes level with its reference and `UNIT` pixels apart, and is filled beyond the frame's rim."""
    (face,) = detector.detect(astronaut)[:1]
    cut = cut_surround(astronaut, face)
    assert cut.shape == (HIGH, WIDE, 3)
    again = max(detector.detect(cv2.resize(cut, None, fx=3, fy=3)), key=lambda one: one.score)
    assert again.inter_eye_px == pytest.approx(3 * UNIT, rel=0.15)
    middle = again.landmarks[:2].mean(axis=0) / 3
    assert np.hypot(*(middle - np.array(EYES))) < 3
    beyond = cut_surround(np.ascontiguousarray(astronaut[:, : int(face.box[0] + face.box[2])]), face)
    assert beyond.shape == cut.shape


def test_weights_name_their_making() -> None:
    """The weights' file says what they were fitted on."""
    text = files("wayseal.vision").joinpath("presentation_weights.toml").read_text()
    assert "fit_presentation.py" in text
    assert "bona fide presentations" in text


def seen(seat: Seat, *reasons: str) -> Occupant:
    """Return somebody captured."""
    shot = Shot(3, START, (0.0, 0.0, 9.0, 9.0), np.zeros((5, 2), np.float32), 0.9, 40.0, Quality(70))
    template = Template(np.eye(1, 128, dtype=np.float32)[0], "m", 11.0)
    return Occupant(seat, shot, PlainImage(b"x", 9, 9), template, 9, reasons)


def test_sheet_is_told_from_a_mask() -> None:
    """Strong straight edges are a sheet's; an oval outline is suspicious too, and may be a mask that somebody wears."""
    sheets = measure_cues([hold_sheet(seed) for seed in range(5)])
    masks = measure_cues([cut_mask(seed) for seed in range(5)])
    people = measure_cues([draw_person(seed) for seed in range(5)])
    assert sheets is not None
    assert masks is not None
    assert people is not None
    assert [is_sheet(cues) for cues in (sheets, masks, people)] == [True, False, False]
    assert is_suspicious(score_presentation(masks))


def test_sure_picture_is_no_occupant() -> None:
    """A face that is surely a picture, on a seat where nobody need sit, has nothing to search; its seat and reasons stay."""
    picture = seen(Seat.FRONT_PASSENGER, NOT_COUNTED, MAY_BE_PICTURE, "low_contrast")
    left = discount_picture(picture)
    assert (left.seat, left.best) == (picture.seat, picture.best)
    assert (left.picture, left.template, left.second) == (None, None, None)
    assert left.reasons == picture.reasons


def test_driver_counts_behind_a_picture() -> None:
    """Whoever drives counts, with a picture before the face too, and so does everybody else whose face is none."""
    driver = discount_picture(seen(Seat.DRIVER, NOT_COUNTED, MAY_BE_PICTURE))
    assert driver.template is not None
    assert driver.reasons == (MAY_BE_PICTURE,)
    passenger = seen(Seat.FRONT_PASSENGER, MAY_BE_PICTURE)
    assert discount_picture(passenger) is passenger
