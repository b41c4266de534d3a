"""The compiled scan and the NumPy one find the same rows, and those are the right ones."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayseal.match.signscan import LIBRARY, STEP, Scan, load_compiled, scan_numpy

SCANS = {"numpy": scan_numpy, "compiled": load_compiled()}


@pytest.mark.parametrize("name", sorted(SCANS))
@given(
    shape=st.tuples(st.integers(1, 9), st.integers(0, 5000)),
    limit=st.integers(0, 600),
    seed=st.integers(0, 99),
    data=st.data(),
)
def test_scan_finds_the_near_rows(
    name: str, shape: tuple[int, int], limit: int, seed: int, data: st.DataObject
) -> None:
    """Exactly the rows of the range with fewer unequal bits than the limit come back, in order, with their counts."""
    scan = SCANS[name]
    if scan is None:
        pytest.skip("built without a C compiler")
    draw, (tables, room) = np.random.default_rng(seed), shape
    words = draw.integers(0, 2**64, (tables, room), dtype=np.uint64)
    query = draw.integers(0, 2**64, tables, dtype=np.uint64)
    begin = data.draw(st.integers(0, room))
    end = data.draw(st.integers(begin, room))
    true = np.unpackbits((words[:, begin:end] ^ query[:, None]).view(np.uint8), axis=1)
    true = true.reshape(tables, end - begin, 64).sum(axis=(0, 2))
    rows, counts = scan(words, query, begin, end, limit)
    assert rows.tolist() == (np.flatnonzero(true < limit) + begin).tolist()
    assert counts.tolist() == true[true < limit].tolist()


@pytest.mark.parametrize("name", sorted(SCANS))
def test_many_steps_are_one_scan(name: str) -> None:
    """A range of several steps gives what its steps give."""
    scan = SCANS[name]
    if scan is None:
        pytest.skip("built without a C compiler")
    draw, room = np.random.default_rng(3), 2 * STEP + 1000
    words = draw.integers(0, 2**64, (2, room), dtype=np.uint64)
    query = draw.integers(0, 2**64, 2, dtype=np.uint64)
    parts = [scan(words, query, start, min(start + 700, room), 55) for start in range(5, room, 700)]
    rows, counts = scan(words, query, 5, room, 55)
    assert len(rows) > 1000
    assert rows.tolist() == [row for part, _ in parts for row in part.tolist()]
    assert counts.tolist() == [count for _, part in parts for count in part.tolist()]


def test_compiled_scan_is_here_where_a_compiler_is() -> None:
    """An install with a C compiler has the compiled scan; a missing library is no error."""
    if shutil.which("cc"):
        assert LIBRARY.exists()
    assert load_compiled(Path("nowhere.so")) is None


def test_compiled_scan_refuses_other_shapes() -> None:
    """Memory that is not laid out as the loop reads it never reaches it."""
    scan: Scan | None = load_compiled()
    if scan is None:
        pytest.skip("built without a C compiler")
    words = np.zeros((4, 10), dtype=np.uint64)
    for wrong, query, end in (
        (words[:, ::2], words[:, 0], 3),
        (words, words[:3, 0], 3),
        (words, words[:, 0], 11),
    ):
        with pytest.raises(AssertionError):
            scan(wrong, query, 0, end, 9)
