"""Indexes against brute force, through any sequence of additions and removals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wayseal.match.index import ExactIndex, TemplateIndex
from wayseal.match.matrix import TemplateMatrix
from wayseal.match.signbits import SignBitIndex, rotate_signs
from wayseal.model.errors import Invalid

DIMENSION = 16

steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 8), st.integers(1, 4)),
        st.tuples(st.just("remove"), st.integers(0, 8), st.just(0)),
    ),
    max_size=25,
)


def draw_units(count: int, seed: int) -> np.ndarray:
    """Return random unit vectors."""
    rows = np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def brute_force(held: list[tuple[int, np.ndarray]], probe: np.ndarray, k: int) -> list[float]:
    """Return the best score of each owner, best first, by looking at everything."""
    best: dict[int, float] = {}
    for owner, vector in held:
        best[owner] = max(best.get(owner, -2.0), float(vector @ probe))
    return sorted(best.values(), reverse=True)[:k]


@pytest.mark.parametrize("kind", [ExactIndex, SignBitIndex])
@given(script=steps, k=st.integers(1, 10), probes=st.integers(1, 7))
@settings(max_examples=40, deadline=None)
def test_answers_equal_brute_force(
    kind: type[TemplateIndex], script: list[tuple[str, int, int]], k: int, probes: int
) -> None:
    """After any additions and removals each query's owners and scores are those of brute force, alone or in a batch."""
    index, held = kind(DIMENSION), []
    for step, (verb, owner, count) in enumerate(script):
        if verb == "add":
            vectors = draw_units(count, step)
            index.add([owner] * count, vectors)
            held += [(owner, vector) for vector in vectors]
        else:
            gone = sum(1 for who, _ in held if who == owner)
            assert index.remove(owner) == gone
            held = [(who, vector) for who, vector in held if who != owner]
    queries = draw_units(probes, 999)
    for probe, hits in zip(queries, index.search(queries, k), strict=True):
        assert hits.scores.tolist() == pytest.approx(brute_force(held, probe, k), abs=1e-5)
        assert len(set(hits.owners.tolist())) == len(hits.owners)
        assert hits.scanned == len(held)
        assert hits.exact


def test_large_exact_scan_crosses_blocks() -> None:
    """A gallery of many blocks gives the same answer to one query, to a batch, and to a full comparison."""
    rows = draw_units(30_000, 1)
    index = ExactIndex(DIMENSION)
    index.add(np.arange(len(rows)) // 3, rows)
    queries = draw_units(6, 2)
    single = [index.search(query, 5)[0] for query in queries]
    for query, alone, together in zip(queries, single, index.search(queries, 5), strict=True):
        expected = np.maximum.reduceat(rows @ query, np.arange(0, len(rows), 3))
        assert alone.scores.tolist() == pytest.approx(np.sort(expected)[::-1][:5].tolist(), abs=1e-5)
        assert alone.owners.tolist() == together.owners.tolist()


def test_sign_scan_finds_mates() -> None:
    """Among 20,000 strangers the sign scan finds the noisy mate that the exact scan finds, and says it was not exact."""
    rows = draw_units(20_000, 5)
    index = SignBitIndex(DIMENSION, rerank=200)
    index.add(np.arange(len(rows)), rows)
    probes = rows[:50] + 0.15 * draw_units(50, 6)
    probes /= np.linalg.norm(probes, axis=1, keepdims=True)
    hits = index.search(probes, 2)
    assert [int(hit.owners[0]) for hit in hits] == list(range(50))
    assert not any(hit.exact for hit in hits)
    assert {hit.reranked for hit in hits} == {200}


def test_sign_scan_of_many_steps() -> None:
    """Over several growing steps the rows that are compared exactly are those with the fewest unequal bits of all."""
    rows, probe = draw_units(150_000, 8), draw_units(1, 9)
    index = SignBitIndex(DIMENSION, rerank=100)
    index.add(np.arange(len(rows)), rows)
    bits = index._pack(rows)
    unequal = np.bitwise_count(bits ^ index._pack(probe)).sum(axis=0)
    kept = index._scan(index._pack(probe)[:, 0], 100)
    assert len(set(kept.tolist())) == 100
    assert sorted(unequal[kept].tolist()) == np.sort(unequal)[:100].tolist()


def test_removed_rows_are_overwritten() -> None:
    """Nothing of a removed owner's numbers stays in the matrix's memory, whichever rows moved."""
    matrix = TemplateMatrix(DIMENSION)
    rows = draw_units(10, 7)
    matrix.add([0, 1, 2, 1, 3, 1, 4, 5, 6, 1], rows)
    matrix.remove(1)
    memory = matrix._rows.tobytes()
    assert all(rows[place].tobytes() not in memory for place in (1, 3, 5, 9))
    assert all(rows[place].tobytes() in memory for place in (0, 2, 4, 6, 7, 8))


@pytest.mark.parametrize(
    "bad",
    [
        np.full(DIMENSION, np.nan, dtype=np.float32),
        np.full(DIMENSION, np.inf, dtype=np.float32),
        np.zeros(DIMENSION, dtype=np.float32),
        np.ones(DIMENSION, dtype=np.float32),
        np.ones(DIMENSION + 1, dtype=np.float32) / np.sqrt(DIMENSION + 1),
        np.ones((1, 1, DIMENSION), dtype=np.float32),
    ],
    ids=["nan", "infinite", "zero", "not unit", "too long", "too deep"],
)
@pytest.mark.parametrize("kind", [ExactIndex, SignBitIndex])
def test_bad_vectors_refused(kind: type[TemplateIndex], bad: np.ndarray) -> None:
    """A vector that is no unit vector of the right size is refused on both sides, and nothing is added."""
    index = kind(DIMENSION)
    with pytest.raises(Invalid):
        index.add([0], bad)
    with pytest.raises(Invalid):
        index.search(bad, 1)
    assert index.matrix.size == 0


def test_owner_numbers_checked() -> None:
    """Each template needs one owner number that is not negative."""
    index = ExactIndex(DIMENSION)
    for owners in ([0, 1], [-1]):
        with pytest.raises(Invalid):
            index.add(owners, draw_units(1, 0))


def test_rotations_are_orthogonal() -> None:
    """The first directions are a rotation: distances survive, so the signs say as much as they can."""
    directions = rotate_signs(64, 128)
    assert np.abs(directions[:, :64].T @ directions[:, :64] - np.eye(64)).max() < 1e-5
    with pytest.raises(Invalid):
        rotate_signs(64, 100)
