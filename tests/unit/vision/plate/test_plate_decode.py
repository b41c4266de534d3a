"""CTC arithmetic against brute force on small cases."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wayseal.vision.plate.decode import INDEX, score_strings, search_strings, spread_positions
from wayseal.vision.plate.recognise import ALPHABET, Columns

LIVE = ("A", "B", "1")


def make_columns(rows: list[list[float]]) -> Columns:
    """Return columns in which only blank, A, B and 1 have probability."""
    columns = np.zeros((len(rows), len(ALPHABET) + 1), np.float32)
    for step, row in enumerate(rows):
        total = sum(row)
        for place, value in zip((0, *(INDEX[name] for name in LIVE)), row, strict=True):
            columns[step, place] = value / total
    return columns


def sum_paths(columns: Columns, text: str) -> float:
    """Return a string's probability by walking every path: the definition, hopeless for real sizes."""
    places = (0, *(INDEX[name] for name in LIVE))
    total = 0.0
    for path in itertools.product(places, repeat=len(columns)):
        kept = [place for place, _ in itertools.groupby(path) if place]
        if "".join(ALPHABET[place - 1] for place in kept) == text:
            total += float(np.prod([columns[step, place] for step, place in enumerate(path)]))
    return total


rows = st.lists(st.lists(st.floats(0.05, 1.0), min_size=4, max_size=4), min_size=2, max_size=5)


@settings(max_examples=25, deadline=None)
@given(rows, st.sampled_from(["A", "AB", "AA", "1B", "A1A"]))
def test_score_is_sum_of_paths(given_rows: list[list[float]], text: str) -> None:
    """The forward sum is the sum over all alignments, doubled letters included."""
    columns = make_columns(given_rows)
    direct = sum_paths(columns, text)
    scored = float(np.exp(score_strings(columns, [text])[0]))
    assert scored == pytest.approx(direct, rel=1e-3, abs=1e-5)


def test_search_finds_best() -> None:
    """The beam's first string is the likeliest of all strings, not the likeliest path."""
    columns = make_columns([[0.4, 0.6, 0.001, 0.001]] * 2)
    strings = search_strings(columns)
    best = max(["", "A", "AA"], key=lambda text: sum_paths(columns, text))
    assert strings[0] == best == "A"


def test_doubled_letter_needs_gap() -> None:
    """A letter twice with a blank between is two letters; without it, one."""
    apart = make_columns([[0.01, 1, 0.01, 0.01], [1, 0.01, 0.01, 0.01], [0.01, 1, 0.01, 0.01]])
    together = make_columns([[0.01, 1, 0.01, 0.01]] * 3)
    assert search_strings(apart)[0] == "AA"
    assert search_strings(together)[0] == "A"


def test_spread_shows_doubt() -> None:
    """A position that could be two characters shows both; a sure one shows one; rows sum to 1."""
    columns = make_columns([[0.02, 1, 0.01, 0.01], [1, 0.01, 0.01, 0.01], [0.02, 0.01, 0.6, 0.4]])
    spread = spread_positions(columns, "AB")
    assert np.allclose(spread.sum(axis=1), 1.0)
    assert spread[0, ALPHABET.index("A")] > 0.9
    assert 0.3 < spread[1, ALPHABET.index("1")] < 0.5 < spread[1, ALPHABET.index("B")]


@settings(max_examples=25, deadline=None)
@given(rows, st.lists(st.sampled_from(["", "A", "AA", "1B", "A1A", "BBB"]), min_size=1, max_size=5))
def test_strings_together_as_alone(given_rows: list[list[float]], texts: list[str]) -> None:
    """Strings of several lengths scored in one pass score exactly as each alone."""
    columns = make_columns(given_rows)
    together = score_strings(columns, texts)
    assert together == pytest.approx([float(score_strings(columns, [text])[0]) for text in texts], rel=1e-9)
    assert score_strings(columns, []).shape == (0,)
