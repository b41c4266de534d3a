"""Error rates, checked against counting by hand and against scikit-like definitions written independently."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wayseal.flow.measure import rates
from wayseal.model.errors import Invalid

scores = st.lists(st.sampled_from([-0.5, -0.1, 0.0, 0.2, 0.21, 0.5, 0.9, 1.0]), min_size=1, max_size=40)


@given(genuine=scores, impostor=scores)
@settings(max_examples=60, deadline=None)
def test_trade_off_counts(genuine: list[float], impostor: list[float]) -> None:
    """Each point of the curve is what counting scores at its threshold gives."""
    curve = rates.trade_off(genuine, impostor)
    for level, accept, miss in zip(curve.thresholds, curve.accept, curve.miss, strict=True):
        assert accept == pytest.approx(sum(score >= level for score in impostor) / len(impostor))
        assert miss == pytest.approx(sum(score < level for score in genuine) / len(genuine))
    assert curve.accept[-1] == 0
    assert curve.miss[-1] == 1


@given(genuine=scores, impostor=scores)
@settings(max_examples=60, deadline=None)
def test_auc_is_pairwise_win_rate(genuine: list[float], impostor: list[float]) -> None:
    """The area equals the share of pairs that the genuine score wins, ties counting half."""
    wins = [1.0 if mate > other else 0.5 if mate == other else 0.0 for mate in genuine for other in impostor]
    assert rates.auc(genuine, impostor) == pytest.approx(sum(wins) / len(wins))


@given(genuine=scores, impostor=scores, wanted=st.sampled_from([0.0, 0.01, 0.1, 0.5]))
@settings(max_examples=60, deadline=None)
def test_operating_point_is_the_most_lenient(
    genuine: list[float], impostor: list[float], wanted: float
) -> None:
    """The threshold holds the wanted FMR, and no lower observed score does."""
    miss, threshold = rates.fnmr_at_fmr(genuine, impostor, wanted)
    assert rates.accept_rate(impostor, threshold) <= wanted
    assert miss == pytest.approx(rates.miss_rate(genuine, threshold))
    lower = [score for score in {*genuine, *impostor} if score < threshold]
    if lower:
        assert rates.accept_rate(impostor, max(lower)) > wanted


def test_missing_face_is_a_miss_and_no_alarm() -> None:
    """A face that was not acquired counts as a miss when mated and never as a false positive."""
    assert rates.miss_rate([rates.MISSING, 0.9], -5.0) == 0.5
    assert rates.accept_rate([rates.MISSING, 0.9], -5.0) == 0.5
    assert rates.rank_one([rates.MISSING, 0.9, 0.1]) == pytest.approx(2 / 3)
    assert rates.fnir_at_fpir([rates.MISSING, 0.9], [0.2, 0.1], 0.0)[0] == 0.5


def test_separated_scores_have_no_error() -> None:
    """When every genuine score exceeds every impostor score, the EER is 0 and the area 1."""
    assert rates.eer([0.8, 0.9], [0.1, 0.2]) == 0
    assert rates.auc([0.8, 0.9], [0.1, 0.2]) == 1
    assert rates.eer([0.1, 0.2], [0.1, 0.2]) == pytest.approx(0.5)


def test_wilson_matches_published_values() -> None:
    """Wilson's interval agrees with Newcombe's worked example (15 of 148) and is open at neither end."""
    low, high = rates.wilson_interval(15, 148)
    assert (round(low, 4), round(high, 4)) == (0.0624, 0.1605)
    assert rates.wilson_interval(0, 20)[0] == 0.0
    assert rates.wilson_interval(20, 20)[1] == 1.0
    assert rates.wilson_interval(0, 0) == (0.0, 1.0)


def test_bootstrap_draws_persons() -> None:
    """Ten copies of each person's value do not make the interval narrower: persons are drawn, not pictures."""
    draw = np.random.default_rng(1)
    people = draw.normal(size=40)
    single = rates.bootstrap_interval(people, [str(i) for i in range(40)], lambda v: float(np.mean(v)))
    repeated = rates.bootstrap_interval(
        np.repeat(people, 10), [str(i) for i in range(40) for _ in range(10)], lambda v: float(np.mean(v))
    )
    assert single[1] - single[0] == pytest.approx(repeated[1] - repeated[0], rel=0.02)


def test_rate_of_zero_is_not_certain() -> None:
    """No event among 50 people still leaves an upper bound of several per cent."""
    low, high = rates.rate_interval([0] * 50, [str(i) for i in range(50)])
    assert low == 0
    assert 0.03 < high < 0.12


def test_thin_curve_keeps_the_ends() -> None:
    """A thinned curve has at most the asked points and still reaches both corners."""
    draw = np.random.default_rng(2)
    curve = rates.trade_off(draw.normal(1, 1, 3000), draw.normal(-1, 1, 3000))
    points = rates.thin_curve(curve, 50)
    assert len(points) <= 50
    assert points[0][0] == 0
    assert points[-1][1] < 0.001


@pytest.mark.parametrize("bad", [[], [float("nan")]])
def test_no_scores_refused(bad: list[float]) -> None:
    """Nothing to measure, or a score that is no number, is an error and not a rate."""
    with pytest.raises(Invalid):
        rates.trade_off(bad, [0.1])
    with pytest.raises(Invalid):
        rates.bootstrap_interval([], [], lambda v: float(np.mean(v)))
