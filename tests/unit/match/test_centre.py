"""The mean face without the two who are compared."""

import numpy as np
import pytest
from made_faces import DIMENSION, MODEL, MakeFaces

from wayseal.match.calibrate import fit_calibration
from wayseal.match.centre import Centre


def test_pairs_are_left_out_of_their_mean(make_faces: MakeFaces) -> None:
    """Each score is that of two templates from which the mean of all people but these two was taken, one by one."""
    gallery, member = make_faces(30, seed=80), np.arange(30) // 2
    probes, own = make_faces(12, seed=81), np.array([*range(11), -1])
    scores = Centre.of(gallery, member).compare(probes, own, gallery, member)
    for row, column in np.ndindex(scores.shape):
        if own[row] == member[column]:
            continue
        mean = gallery[(member != own[row]) & (member != member[column])].mean(axis=0)
        first, second = probes[row] - mean, gallery[column] - mean
        wanted = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
        assert scores[row, column] == pytest.approx(wanted, abs=1e-5)


def test_many_probes_are_compared_in_parts(make_faces: MakeFaces) -> None:
    """More probes than are compared at once give the scores that each gives alone."""
    gallery, member = make_faces(20, seed=82), np.arange(20)
    probes, own = make_faces(1030, seed=83), np.full(1030, -1)
    centre = Centre.of(gallery, member)
    whole = centre.compare(probes, own, gallery, member)
    assert whole.shape == (1030, 20)
    last = centre.compare(probes[-1:], own[-1:], gallery, member)
    assert whole[-1] == pytest.approx(last[0], abs=1e-6)


def test_unseen_people_score_as_the_fitted(make_faces: MakeFaces) -> None:
    """Two of a calibration's people are as alike as strangers will be; with a mean that holds them they are less."""
    lean = np.ones(DIMENSION, np.float32) / np.sqrt(DIMENSION)
    everybody = make_faces(2100, seed=84) + lean
    everybody /= np.linalg.norm(everybody, axis=1, keepdims=True)
    few, strangers = everybody[:100], everybody[100:]
    made = fit_calibration(few, [str(one) for one in range(100)], model_sha256=MODEL, source="x")
    apart = ~np.eye(100, dtype=bool)
    without = Centre.of(few, np.arange(100)).compare(few, np.arange(100), few, np.arange(100))[apart]
    with_them = (made.prepare(few) @ made.prepare(few).T)[apart]
    unseen = made.prepare(strangers[:1000]) @ made.prepare(strangers[1000:]).T
    assert without.mean() == pytest.approx(unseen.mean(), abs=0.004)
    assert with_them.mean() < unseen.mean() - 0.015
