"""Registration: where an original lies in a leak, to a fraction of a pixel, and never that another's picture is it."""

import cv2
import numpy as np
import pytest
from leakparts import cut_face

from wayseal.export.register import Leak, whole_matrix
from wayseal.testing.leaks import crop, photograph, screenshot, shrink

CORNERS = np.array([[[0, 0], [255, 0], [255, 255], [0, 255]]], np.float64)


def turn(bgr: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The picture turned by 15 degrees and shifted, and the map that did it."""
    matrix = np.vstack([cv2.getRotationMatrix2D((128, 128), 15, 0.9), [0, 0, 1]])
    matrix[:2, 2] += (12.3, -4.7)
    return cv2.warpPerspective(bgr, matrix, (280, 260)), matrix


def measure_error(found: np.ndarray, true: np.ndarray) -> float:
    """The mean distance between two maps at the picture's corners, in pixels of the leak."""
    apart = cv2.perspectiveTransform(CORNERS, found) - cv2.perspectiveTransform(CORNERS, true)
    return float(np.linalg.norm(apart, axis=2).mean())


def test_turned_and_shifted() -> None:
    """A turned, smaller, shifted picture is found to half a pixel at its corners."""
    face = cut_face(1)
    leak, true = turn(face)
    placed = Leak(leak).place(face)
    assert placed is not None
    assert placed.agrees
    assert measure_error(placed.matrix, true) < 0.5


def test_mirrored() -> None:
    """A mirrored picture is found as mirrored."""
    face = cut_face(2)
    placed = Leak(np.ascontiguousarray(face[:, ::-1])).place(face)
    assert placed is not None
    assert np.linalg.det(placed.matrix[:2, :2]) < 0
    assert placed.agreement > 0.95


@pytest.mark.parametrize(
    "attack",
    [lambda f: shrink(f, 0.25), lambda f: crop(f, 0.5), screenshot, photograph],
    ids=["quarter", "crop50", "screenshot", "photograph"],
)
def test_after_attacks(attack: object) -> None:
    """The picture is found after each attack, and another cut of somebody else's light is not more alike."""
    face = cut_face(3)
    placed = Leak(attack(face)).place(face)
    assert placed is not None
    assert placed.agreement > 0.85


def test_half_painted_over() -> None:
    """A picture whose lower two fifths are painted over is still found."""
    face = cut_face(4)
    leak = face.copy()
    leak[154:] = (20, 200, 60)
    placed = Leak(leak).place(face)
    assert placed is not None
    assert placed.agrees


def test_somebody_elses_picture() -> None:
    """A picture of something else does not agree with the original."""
    rng = np.random.default_rng(6)
    other = cv2.GaussianBlur(rng.integers(0, 256, (256, 256, 3), dtype=np.uint8), (0, 0), 4)
    placed = Leak(other).place(cut_face(5))
    assert placed is None or not placed.agrees


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (15, 15), (16, 16)])
def test_tiny_leaks(shape: tuple[int, int]) -> None:
    """A leak of a few pixels is no error: it is laid over nothing, or agrees by little."""
    placed = Leak(np.full((*shape, 3), 90, np.uint8)).place(cut_face(6))
    assert placed is None or not placed.agrees


def test_whole_matrix_maps_corners() -> None:
    """The map of a whole picture takes outer edges to outer edges."""
    matrix = whole_matrix((100, 50), (50, 100))
    edge = cv2.perspectiveTransform(np.array([[[-0.5, -0.5], [99.5, 49.5]]]), matrix)
    assert np.allclose(edge, [[[-0.5, -0.5], [49.5, 99.5]]])
