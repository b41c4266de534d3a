"""The tool that checks calibrations on unseen people: rates over all galleries at once, and bands that count pairs of people."""

import sys
from pathlib import Path

import numpy as np
import pytest

from wayseal.match.calibrate import Calibration

sys.path.append(str(Path(__file__).resolve().parents[3] / "tools"))  # tools import each other by name


def test_all_galleries_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rate over all galleries is what many galleries drawn at random give, one picture of each other person."""
    import check_calibration as tool

    monkeypatch.setattr(tool, "GALLERY", 15)
    chance = np.random.default_rng(2)
    people = np.repeat([f"p{number:02}" for number in range(60)], 2)
    vectors = np.repeat(chance.standard_normal((60, 8)), 2, axis=0) + chance.standard_normal((120, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    faces = tool.Faces(vectors, {"colour": vectors}, people, "")
    plain = Calibration("", "", 60, 120, (), ())
    scores, drawn = vectors @ vectors.T, []
    for _ in range(400):
        order = chance.permutation(120)
        _, first = np.unique(people[order], return_index=True)
        chosen = chance.permutation(order[first])[:16]
        found = scores[:, chosen].copy()
        own = people[:, None] == people[chosen][None, :]
        found[own] = -1.0
        found[
            ~own.any(axis=1), -1
        ] = -1.0  # sixteen are drawn so that whoever is among them still has fifteen others
        drawn.append(float((found.max(axis=1) >= 0.85).mean()))
    got = tool.search_galleries(plain, faces, "colour", np.arange(120), 0.85)
    assert 0.01 < got.rate < 0.5
    assert got.rate == pytest.approx(float(np.mean(drawn)), rel=0.08)
    low, high = got.band()
    assert low < got.rate < high


def test_band_holds_for_few_pairs() -> None:
    """Where four pairs of people are alike on average, the band holds the true rate in 19 of 20 worlds, and none is never certain."""
    import check_calibration as tool

    held = 0
    for number in range(400):
        alike = np.triu(np.random.default_rng(number).random((50, 50)) < 4 / 1225, 1) * 0.001
        low, high = tool.Alike(float(alike.sum()), alike).band()
        held += low <= 0.004 <= high
    assert held >= 0.94 * 400
