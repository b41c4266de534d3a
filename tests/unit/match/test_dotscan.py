"""The compiled scan, at each width of vectors, and the NumPy one find the same best rows, and those are the right ones."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wayseal.match.dotscan import LIBRARY, load_compiled, scan_numpy

SCANS = {
    "numpy": scan_numpy,
    "compiled": load_compiled(),
    **{f"compiled, {width} floats": load_compiled(width=width) for width in (4, 8, 16)},
}
by_name = pytest.mark.parametrize("name", sorted(SCANS))


@by_name
@given(
    shape=st.tuples(
        st.one_of(st.integers(0, 60), st.integers(2000, 9000)),
        st.sampled_from([1, 3, 16, 31, 64, 100, 128, 512]),
    ),
    probes=st.integers(1, 40),
    wanted=st.one_of(st.integers(0, 12), st.integers(100, 4000)),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_scan_finds_the_best_rows(
    name: str, shape: tuple[int, int], probes: int, wanted: int, seed: int
) -> None:
    """Each query gets as many rows as were wanted and are there, each once, with their scores, and none is better."""
    scan = SCANS[name]
    if scan is None:
        pytest.skip("built without a C compiler, or a processor without such vectors")
    (count, dimension), draw = shape, np.random.default_rng(seed)
    rows = draw.standard_normal((count, dimension), dtype=np.float32)
    queries = draw.standard_normal((probes, dimension), dtype=np.float32)
    answers = scan(rows, queries, wanted)
    assert len(answers) == probes
    true = queries.astype(np.float64) @ rows.T.astype(np.float64)
    for scores, (found, near) in zip(true, answers, strict=True):
        assert len(set(found.tolist())) == len(found) == min(wanted, count)
        assert np.allclose(near, scores[found], atol=1e-3)
        if 0 < len(found) < count:
            assert np.delete(scores, found).max() <= scores[found].min() + 1e-3


@by_name
def test_rows_in_rising_order(name: str) -> None:
    """A matrix where each row is better than all before it, and one with equal rows only, give the right rows too."""
    scan = SCANS[name]
    if scan is None:
        pytest.skip("built without a C compiler, or a processor without such vectors")
    rows = np.linspace(-1, 1, 5000, dtype=np.float32)[:, None] * np.ones((1, 4), dtype=np.float32)
    for probes in (1, 2, 7, 33):
        queries = np.ones((probes, 4), dtype=np.float32)
        for found, scores in scan(rows, queries, 5):
            assert sorted(found.tolist()) == [4995, 4996, 4997, 4998, 4999]
            assert scores.max() == pytest.approx(4)
        for found, scores in scan(np.ones_like(rows), queries, 5):
            assert len(set(found.tolist())) == 5
            assert scores.tolist() == [4.0] * 5


def test_compiled_scan_is_here_where_a_compiler_is() -> None:
    """An install with a C compiler has the compiled scan; a missing library and too wide vectors are no error."""
    if shutil.which("cc"):
        assert LIBRARY.exists()
    assert load_compiled(Path("nowhere.so")) is None
    assert load_compiled(width=1024) is None


def test_compiled_scan_refuses_other_layouts() -> None:
    """Memory that is not laid out as the loop reads it never reaches it."""
    scan = load_compiled()
    if scan is None:
        pytest.skip("built without a C compiler")
    rows, query = np.zeros((8, 4), dtype=np.float32), np.zeros((1, 4), dtype=np.float32)
    for wrong in (rows[:, ::2], rows[::2], rows.astype(np.float64), np.zeros((8, 5), dtype=np.float32)):
        with pytest.raises(AssertionError):
            scan(wrong, query, 1)
