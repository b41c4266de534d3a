"""Confusions: the measured table, smoothing, and the look-up distance."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wayseal.vision.plate.confusion import GAP_COST, find_nearest, load_confusion, plate_distance
from wayseal.vision.plate.recognise import ALPHABET

texts = st.text(ALPHABET, max_size=8)


@given(texts, texts)
def test_distance_is_a_distance(one: str, other: str) -> None:
    """Zero only for equal strings, the same both ways, and never more than leaving out everything."""
    far = plate_distance(one, other)
    assert (far == 0.0) == (one == other)
    assert far == plate_distance(other, one)
    assert far <= GAP_COST * (len(one) + len(other)) + 1e-9


def test_lookalikes_are_near() -> None:
    """O for 0 is nearer than a missing character, which is nearer than X for 4."""
    assert (
        plate_distance("AB0123", "ABO123")
        < plate_distance("AB0123", "AB123")
        < plate_distance("AB4123", "ABX123")
    )


def test_find_nearest_orders() -> None:
    """Of an expected set, the equal plate comes first, then its look-alike; strangers are left out."""
    found = find_nearest("KT7H0R", ["KT7HOR", "KT7H0R", "LGT582"])
    assert [plate for plate, _ in found] == ["KT7H0R", "KT7HOR"]
    assert found[0][1] == 0.0


def test_smoothing_keeps_probability() -> None:
    """Spreading confusions moves probability between characters and loses none."""
    table = load_confusion().table
    assert np.allclose(table.sum(axis=1), 1.0)
    assert (table >= 0).all()
    columns = np.random.default_rng(3).dirichlet(np.ones(37), size=12).astype(np.float32)
    smoothed = load_confusion().smooth_columns(columns)
    assert np.allclose(smoothed.sum(axis=1), 1.0, atol=1e-4)
    assert np.array_equal(smoothed[:, 0], columns[:, 0])
