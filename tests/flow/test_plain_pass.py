"""The plain pass over lane videos: who is found from which score, and by which look."""

import numpy as np
from plain_pass import PlainFace, choose_looks

from wayseal.model.border import Template

DRIVER, PASSENGER = ("d01", 0, 0), ("d01", 0, 1)


def make_face(person: tuple[str, int, int] | None, score: float) -> PlainFace:
    """A box on somebody, or on nobody."""
    template = Template(np.eye(1, 128, dtype=np.float32)[0], "0" * 64, 10.0)
    return PlainFace(person, score, template if person else None)


def test_looks_by_score() -> None:
    """The first look is the earliest one with the score asked for, the best one the surest; boxes on nobody find nobody."""
    faces = [make_face(*one) for one in ((DRIVER, 0.55), (None, 0.95), (DRIVER, 0.9), (PASSENGER, 0.7), (DRIVER, 0.8))]  # fmt: skip
    best, first = choose_looks(faces, 0.5)
    assert best == {DRIVER: faces[2], PASSENGER: faces[3]}
    assert first == {DRIVER: faces[0], PASSENGER: faces[3]}
    best, first = choose_looks(faces, 0.8)
    assert best == first == {DRIVER: faces[2]}
    assert choose_looks(faces, 0.93) == ({}, {})
