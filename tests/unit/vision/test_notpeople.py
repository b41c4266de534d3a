"""Which tracked faces are nobody: each rule by itself, and people who come near to a rule without breaking it."""

from dataclasses import replace

import numpy as np
import pytest

from wayseal.vision.notpeople import FaceFacts, NotPerson, judge_faces

DRIVER = FaceFacts(
    right=0.36, below=0.0, size=1.0, score=0.9, eyes_px=50.0, strength=11.0, wander=0.3, travel=6.0
)
PASSENGER = replace(DRIVER, right=-0.36)


def turn(cosine: float) -> np.ndarray:
    """Return a unit direction with that cosine to the first axis."""
    return np.array([cosine, np.sqrt(1 - cosine**2)], np.float32)


def judge(face: FaceFacts, *others: FaceFacts) -> NotPerson | None:
    """Return the verdict about a face among others, who are all people."""
    first, *rest = judge_faces([face, *others])
    assert rest == [None] * len(others)
    return first


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"size": 0.5}, NotPerson.TOO_SMALL),
        ({"size": 1.6}, NotPerson.TOO_LARGE),
        ({"right": 1.2}, NotPerson.OUTSIDE),
        ({"below": 0.5}, NotPerson.OUTSIDE),
        ({"strength": 5.0}, NotPerson.NO_IDENTITY),
        ({"wander": 1.7, "travel": 0.8}, NotPerson.ADRIFT),
        ({"size": 0.75}, None),
        ({"below": 0.25}, None),
        ({"strength": None}, None),
        ({"strength": 5.0, "score": 0.7}, None),
        ({"strength": 5.0, "sure_px": 17.0}, None),
        ({"strength": 5.0, "sure_px": 17.0, "steady": 0.6}, NotPerson.NO_IDENTITY),
        ({"right": None}, None),
        ({"wander": 0.45, "travel": 0.1}, None),
        ({"wander": 1.2, "travel": 8.0}, None),
        ({"wander": 0.1, "travel": 0.0}, None),
    ],
)
def test_rule(change: dict[str, float], verdict: NotPerson | None) -> None:
    """A passenger with one thing changed is nobody for that reason, or still a person: a child, a veiled face, one sure only from afar, a car that stands."""
    assert judge(replace(PASSENGER, **change), DRIVER) is verdict


def test_print_on_a_shirt() -> None:
    """A face below another one in the same seat is on the body; a child in the same place beside nobody is a person."""
    shirt = replace(DRIVER, below=0.3, size=0.95)
    assert judge(shirt, DRIVER) is NotPerson.ON_A_BODY
    assert judge(shirt, PASSENGER) is None


def test_poster_outside_tells_nothing_of_people() -> None:
    """A face on a wall above a driver, as large, makes neither a print of them nor a mirror image."""
    wall = replace(DRIVER, right=None, below=-0.3, wander=3.0, travel=0.1, direction=turn(1.0))
    driver = replace(DRIVER, right=None, size=0.9, direction=turn(0.9))
    assert judge_faces([driver, wall]) == [None, NotPerson.ADRIFT]


def test_mirror_image() -> None:
    """The driver's own face again, smaller and nearer than any seat, is an image; a stranger there and a twin on a seat are not."""
    driver = replace(DRIVER, direction=turn(1.0))
    image = replace(DRIVER, right=0.62, size=0.8, direction=turn(0.8))
    assert judge(image, driver) is NotPerson.MIRROR_IMAGE
    assert judge(replace(image, direction=turn(0.4)), driver) is None
    assert judge(replace(image, direction=None), driver) is None
    assert judge(replace(PASSENGER, size=0.8, direction=turn(0.9)), driver) is None
    assert judge(replace(image, size=1.0), driver) is None


def test_sticker_on_the_glass() -> None:
    """Nearer than the front row, where no front seat is, a face is on the glass; a child between the seats is deeper."""
    row = [replace(DRIVER, near=-0.45), replace(PASSENGER, near=-0.40)]
    middle = replace(DRIVER, right=-0.1, near=-0.15)
    assert judge(middle, *row) is NotPerson.ON_GLASS
    assert judge(replace(middle, near=-0.38), *row) is None
    assert judge(replace(middle, near=-1.4), *row) is None
    assert judge(replace(middle, near=None), *row) is None
    assert judge(replace(middle, right=None), *row) is None
    assert judge(replace(PASSENGER, near=-0.1), row[0]) is None
    assert judge(middle) is None


@pytest.mark.parametrize(
    ("steady", "score", "eyes_px", "verdict"),
    [
        (0.6, 0.72, 60.0, NotPerson.NO_IDENTITY),
        (0.6, 0.72, 18.0, None),
        (0.9, 0.79, 60.0, None),
    ],
)
def test_animal_that_is_hardly_a_face(
    steady: float, score: float, eyes_px: float, verdict: NotPerson | None
) -> None:
    """Near, never sure and without identity is an animal; far away the same is a person who cannot be made out."""
    face = replace(PASSENGER, strength=6.3, steady=steady, score=score, eyes_px=eyes_px)
    assert judge(face, DRIVER) is verdict


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"placed": 8.0}, None),
        ({"placed": 6.9}, NotPerson.NO_IDENTITY),
        ({"placed": 8.0, "size": 1.2}, NotPerson.NO_IDENTITY),
        ({"placed": 8.0, "score": 0.72, "steady": 0.6}, NotPerson.NO_IDENTITY),
    ],
)
def test_face_with_misplaced_points(change: dict[str, float], verdict: NotPerson | None) -> None:
    """A clear face no larger than people's is one when the looks that its track placed have an identity; an animal is not."""
    assert judge(replace(PASSENGER, strength=6.3, **change), DRIVER) is verdict


@pytest.mark.parametrize(
    ("size", "steady", "eyes_px", "verdict"),
    [
        (1.3, 0.75, 60.0, NotPerson.TOO_LARGE),
        (1.3, 0.9, 60.0, None),
        (1.3, 0.75, 30.0, None),
        (1.1, 0.75, 60.0, None),
    ],
)
def test_large_and_never_sure(size: float, steady: float, eyes_px: float, verdict: NotPerson | None) -> None:
    """A near face a quarter larger than people's is a dog's or a head-rest's, unless it is sure throughout."""
    face = replace(PASSENGER, size=size, steady=steady, eyes_px=eyes_px, strength=9.0)
    assert judge(face, DRIVER) is verdict


def test_facts_print_no_template() -> None:
    """The text form of a face's facts shows no numbers of its template."""
    assert "direction" not in repr(replace(DRIVER, direction=turn(1.0)))
