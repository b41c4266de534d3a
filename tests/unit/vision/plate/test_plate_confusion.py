"""Confusions: the measured table, smoothing, and the plates that look alike."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wayseal.vision.plate.confusion import MOST, list_alike, load_confusion
from wayseal.vision.plate.recognise import ALPHABET

texts = st.text(ALPHABET, max_size=9)


@given(texts)
def test_plates_alike(text: str) -> None:
    """As long as the text, never itself, none twice, one or two characters away, and the relation goes both ways."""
    found = list_alike(text)
    assert len(found) == len(set(found)) <= MOST
    for plate in found:
        assert len(plate) == len(text)
        assert 1 <= sum(mine != other for mine, other in zip(text, plate, strict=True)) <= 2
        assert len(found) == MOST or text in list_alike(plate) or len(list_alike(plate)) == MOST


def test_lookalikes_come_first() -> None:
    """O for 0 comes before both that and 1 for I; X for 4 is never looked up, nor is a sign that no plate has."""
    found = list_alike("KT7H0R1")
    assert found[0] == "KT7HOR1"
    assert found.index("KT7HOR1") < found.index("KT7HORI")
    assert list_alike("X4") == list_alike("\u0416") == list_alike("") == []


def test_smoothing_keeps_probability() -> None:
    """Spreading confusions moves probability between characters and loses none."""
    table = load_confusion().table
    assert np.allclose(table.sum(axis=1), 1.0)
    assert (table >= 0).all()
    columns = np.random.default_rng(3).dirichlet(np.ones(37), size=12).astype(np.float32)
    smoothed = load_confusion().smooth_columns(columns)
    assert np.allclose(smoothed.sum(axis=1), 1.0, atol=1e-4)
    assert np.array_equal(smoothed[:, 0], columns[:, 0])
