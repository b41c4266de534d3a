"""The band around a curve: what it holds, how it answers to size, and what it refuses."""

import numpy as np
import pytest

from wayseal.flow.measure.bands import RATES, find_band, shade_band
from wayseal.flow.measure.rates import MISSING, fnir_at_fpir, trade_off
from wayseal.model.errors import Invalid


def make_scores(mates: int, others: int, *, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return scores of mates and of strangers that overlap a little."""
    draw = np.random.default_rng(seed)
    return draw.normal(0.6, 0.1, mates), draw.normal(0.3, 0.06, others)


def name_people(count: int, each: int = 1) -> list[str]:
    """Return whose each of `count` scores is, `each` of them one person's in turn."""
    return [str(number // each) for number in range(count)]


def test_curve_lies_in_its_band() -> None:
    """At each rate that the test can show, the observed miss rate lies in the band; stricter rates are not given."""
    mates, others = make_scores(600, 500)
    band = find_band(mates, name_people(600), others, name_people(500))
    assert [one[0] for one in band] == [rate for rate in RATES if rate >= 1 / 500]
    for rate, low, high in band:
        assert low <= fnir_at_fpir(mates, others, rate)[0] <= high
        assert 0 <= low < high <= 1


def test_true_rate_is_held() -> None:
    """Over forty tests of one kind, the band at a rate of 0.1 holds the true miss rate in nearly all."""
    large = make_scores(200_000, 200_000, seed=99)
    truth = fnir_at_fpir(*large, 0.03)[0]
    held = 0
    for seed in range(40):
        mates, others = make_scores(300, 300, seed=seed)
        rate, low, high = find_band(mates, name_people(300), others, name_people(300))[2]
        assert rate == 0.03
        held += low <= truth <= high
    assert held >= 34


def test_people_count_and_not_pictures() -> None:
    """Five pictures a person give a wider band than as many people would."""
    mates, others = make_scores(100, 1000)
    often = np.repeat(mates, 5)
    widths = [
        high - low
        for people in (name_people(500, 5), name_people(500))
        for rate, low, high in find_band(often, people, others, name_people(1000))
        if rate == 0.01
    ]
    assert widths[0] > 1.5 * widths[1]


def test_misses_without_a_template_stay_misses() -> None:
    """Searches that had no template are missed at every rate."""
    mates, others = make_scores(200, 300)
    mates[:100] = MISSING
    assert all(low >= 0.35 for _, low, _ in find_band(mates, name_people(200), others, name_people(300)))


def test_empty_side_refused() -> None:
    """A band needs scores of both kinds, with a person each."""
    with pytest.raises(Invalid):
        find_band([], [], [0.1], ["a"])
    with pytest.raises(Invalid):
        find_band([0.5], ["a", "b"], [0.1], ["a"])


def test_shading() -> None:
    """A band is drawn as one shape that holds the curve; without one nothing is drawn."""
    from matplotlib.figure import Figure

    mates, others = make_scores(300, 300)
    axes = Figure().add_subplot()
    shade_band(axes, [], trade_off(mates, others), 0.001)
    assert not axes.collections
    shade_band(
        axes, find_band(mates, name_people(300), others, name_people(300)), trade_off(mates, others), 0.001
    )
    assert len(axes.collections) == 1
