"""The statistics: innocent keys behave as the bound says whatever the evidence, and nobody is named below it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wayseal.export.markcode import Channel, MarkRoot, make_codes
from wayseal.export.markread import Evidence
from wayseal.export.markscore import bound_chance, combine_chances, score_keys, suffices

ROOT = MarkRoot(b"another secret of 32 bytes, tests")
KEYS = [ROOT.key(Channel.SESSION, str(number)) for number in range(1000)]


def evidence_of(chips: np.ndarray) -> Evidence:
    """Evidence with these chips."""
    return Evidence(chips.astype(np.float32), 1.0)


@pytest.mark.parametrize("kind", ["normal", "heavy", "few", "same sign"])
def test_null_is_as_bounded(kind: str) -> None:
    """On any evidence, innocent keys exceed z no oftener than exp(-z*z/2): also where a few values outweigh all others."""
    rng = np.random.default_rng(7)
    chips = {
        "normal": rng.normal(size=4000),
        "heavy": rng.standard_cauchy(4000),
        "few": np.r_[rng.normal(size=3990) * 0.01, rng.normal(size=10) * 100],
        "same sign": np.abs(rng.normal(size=4000)),
    }[kind]
    scores = score_keys(evidence_of(chips), KEYS, ["R"] * len(KEYS), decoys=4000)
    everybody = np.concatenate([scores.z, scores.decoys])
    for z in (1.5, 2.0, 2.5, 3.0):
        expected = math.exp(-0.5 * z * z)
        assert (everybody > z).mean() <= expected + 4 * math.sqrt(expected / len(everybody))
    assert everybody.max() < 6.5


def test_null_is_normal_on_ordinary_evidence() -> None:
    """On ordinary evidence the decoys' spread is 1 and their tails are the normal law's."""
    rng = np.random.default_rng(8)
    scores = score_keys(evidence_of(rng.normal(size=6000)), KEYS, ["R"] * 1000, decoys=10_000)
    everybody = np.concatenate([scores.z, scores.decoys])
    assert 0.97 < everybody.std() < 1.03
    assert 0.0010 < (everybody > 2.7).mean() < 0.0065


def test_finds_the_guilty() -> None:
    """Evidence that leans towards one key's code scores that key, and no other."""
    code = make_codes(KEYS[:1], ["R"], 5000)[0] * 2.0 - 1
    chips = np.random.default_rng(9).normal(size=5000) + 0.2 * code
    scores = score_keys(evidence_of(chips), KEYS, ["R"] * 1000)
    assert scores.z.argmax() == 0
    assert scores.z[0] > 10
    assert scores.z[1:].max() < 6


def test_empty_evidence_names_nobody() -> None:
    """No evidence at all gives noughts, not errors."""
    scores = score_keys(evidence_of(np.zeros(0)), KEYS[:3], ["R"] * 3)
    assert scores.z.tolist() == [0.0, 0.0, 0.0]


def test_more_candidates_ask_for_more() -> None:
    """Seven suffices among a thousand candidates, never less, and among ten million it does not."""
    assert suffices(7.0, 1000)
    assert not suffices(6.99, 1)
    assert not suffices(7.0, 10_000_000)
    assert bound_chance(0.0, 5) == bound_chance(-3.0, 5) == 1.0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(1e-12, 1.0), min_size=1, max_size=12))
def test_combination_is_a_chance(chances: list[float]) -> None:
    """A combined chance lies between the product and one, and a chance of one adds no guilt."""
    combined = combine_chances(chances)
    assert math.prod(chances) * (1 - 1e-9) <= combined <= 1.0
    assert combine_chances([*chances, 1.0]) >= combined * (1 - 1e-9)


def test_combination_of_uniform_chances_is_uniform() -> None:
    """Innocent chances combine to innocent ones: below a hundredth once in a hundred."""
    rng = np.random.default_rng(10)
    combined = np.array([combine_chances(rng.random(6)) for _ in range(20_000)])
    assert abs((combined < 0.01).mean() - 0.01) < 0.003
    assert abs(combined.mean() - 0.5) < 0.02
