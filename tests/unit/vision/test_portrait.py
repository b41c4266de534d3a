"""Portraits: one face, one template; every unusable enrolment picture has its reason."""

import cv2
import numpy as np
import pytest

from wayseal.model.border import Pixels
from wayseal.model.errors import BadPicture
from wayseal.vision.condition import Treatment
from wayseal.vision.detect import FaceDetector
from wayseal.vision.portrait import PortraitReader, cut_around, main_face
from wayseal.vision.template import cosine


def shrink(bgr: Pixels, height: float, face: float = 114.0) -> Pixels:
    """Return the portrait with its face `height` pixels high."""
    ratio = height / face
    return np.asarray(cv2.resize(bgr, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def reason_of(reader: PortraitReader, bgr: Pixels) -> object:
    """Return why a picture is refused for enrolment."""
    with pytest.raises(BadPicture) as caught:
        reader.read_enrolment(bgr)
    assert caught.value.hint
    return caught.value.facts["reason"]


def test_good_picture_enrols(reader: PortraitReader, astronaut: Pixels) -> None:
    """A sharp frontal picture enrols untreated, with a high score and no reason against it."""
    portrait = reader.read_enrolment(astronaut)
    assert portrait.quality.score >= 60
    assert portrait.treatment is Treatment.NONE
    assert cosine(portrait.template, reader.read_main(astronaut).template) > 0.95


def test_landscape_has_no_face(reader: PortraitReader, landscape: Pixels) -> None:
    """A landscape is refused for want of a face."""
    assert reason_of(reader, landscape) == "no_face"


def test_two_people_are_unclear(reader: PortraitReader, astronaut: Pixels) -> None:
    """Two faces of like size are refused; a much smaller one in the background is not."""
    assert reason_of(reader, np.hstack([astronaut, astronaut])) == "several_faces"
    scene = np.full((512, 800, 3), 100, np.uint8)
    scene[:, :512] = astronaut
    scene[300:500, 560:760] = cv2.resize(astronaut, (200, 200))
    assert reader.read_enrolment(scene).found.box[0] < 300


def test_too_small(reader: PortraitReader, astronaut: Pixels) -> None:
    """A face of too few pixels is refused for its size; one a little above the limit is taken."""
    assert reason_of(reader, shrink(astronaut, 40)) == "too_small"
    assert reader.read_enrolment(shrink(astronaut, 50)).found.box[3] < 56


def test_blurred_is_refused(reader: PortraitReader, astronaut: Pixels) -> None:
    """A face blurred beyond recognition is refused with a reason an officer understands."""
    blurred = np.asarray(cv2.GaussianBlur(astronaut, (0, 0), 11), dtype=np.uint8)
    assert reason_of(reader, blurred) in {"too_blurred", "motion_blur", "unrecognisable", "no_face"}


def test_grey_and_colour_match(reader: PortraitReader, astronaut: Pixels) -> None:
    """The enrolled template is nearer to an infrared-like picture than a colour-only template is."""
    grey = np.asarray(
        cv2.cvtColor(cv2.cvtColor(astronaut, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), dtype=np.uint8
    )
    probe = reader.read_main(grey).template
    enrolled = reader.read_enrolment(astronaut).template
    assert cosine(enrolled, probe) > cosine(reader.read_main(astronaut).template, probe)


def test_enrolled_with_the_mirror_image(reader: PortraitReader, astronaut: Pixels) -> None:
    """The enrolled template is nearer to the face seen from the other side than the picture's own template is."""
    probe = reader.read_main(np.ascontiguousarray(astronaut[:, ::-1])).template
    enrolled = reader.read_enrolment(astronaut).template
    assert cosine(enrolled, probe) > cosine(reader.read_main(astronaut).template, probe)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("noise", {Treatment.SMOOTH, Treatment.SMOOTH_STRETCH, Treatment.DENOISE_STRETCH}),
        ("veil", {Treatment.STRETCH, Treatment.SMOOTH_STRETCH}),
    ],
)
def test_repair_brings_the_face_back(
    reader: PortraitReader, astronaut: Pixels, name: str, expected: set[Treatment]
) -> None:
    """A noisy or veiled picture gets its own repair, and stays the same person."""
    if name == "noise":
        poor = astronaut + np.random.default_rng(1).normal(0, 25, astronaut.shape)
    else:
        poor = astronaut * 0.2 + 0.8 * 190
    portrait = reader.read_main(np.clip(poor, 0, 255).astype(np.uint8))
    assert portrait.treatment in expected
    assert cosine(portrait.template, reader.read_main(astronaut).template) > 0.6


def test_main_face_is_central(detector: FaceDetector, astronaut: Pixels) -> None:
    """Of two like faces the one nearer the middle is the picture's."""
    scene = np.full((512, 1100, 3), 100, np.uint8)
    scene[:, 0:400] = astronaut[:, 50:450]
    scene[:, 400:800] = astronaut[:, 50:450]
    faces = detector.detect(scene)
    assert len(faces) == 2
    assert main_face(faces, 1100, 512).box[0] > 400


def test_cut_stays_inside(astronaut: Pixels) -> None:
    """The surroundings of a box at the edge are clipped to the picture."""
    around, left, top = cut_around(astronaut, (480, -10, 60, 60))
    assert left == 444
    assert top == 0
    assert around.shape[1] == 512 - 444
