"""Rates by group: counting, differences with intervals, and what few trials allow to say."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wayseal.flow.measure.faces import Pair, describe_groups, read_pairs
from wayseal.flow.measure.groups import (
    Trials,
    compare_group,
    group_rows,
    name_quality,
    read_groups,
    subtract_intervals,
)


def make_trials(**groups: tuple[int, int]) -> Trials:
    """Return trials of different people: for each group how many went wrong, of how many."""
    wrong, names = [], []
    for name, (bad, count) in groups.items():
        wrong += [True] * bad + [False] * (count - bad)
        names += [name] * count
    return Trials(np.array(wrong), [f"p{place}" for place in range(len(names))], names)


def test_worse_group_is_found() -> None:
    """A group that is missed four times as often is called higher, the other lower, and the difference is what counting gives."""
    trials = make_trials(one=(80, 400), two=(20, 400))
    report = compare_group(trials, "one")
    assert report["conclusion"] == "higher"
    assert report["rate"] == pytest.approx(0.2)
    assert report["difference"] == pytest.approx(0.15)
    assert report["difference_ci95"][0] < 0.15 < report["difference_ci95"][1]
    assert compare_group(trials, "two")["conclusion"] == "lower"


def test_equal_groups_show_nothing() -> None:
    """Groups with one rate are not told apart, also where nothing went wrong in either."""
    assert (
        compare_group(make_trials(one=(12, 300), two=(12, 300)), "one")["conclusion"] == "no_difference_shown"
    )
    none = compare_group(make_trials(one=(0, 150), two=(0, 900)), "one")
    assert none["conclusion"] == "no_difference_shown"
    assert none["difference_ci95"][1] > 0.005


def test_few_trials_conclude_nothing() -> None:
    """However far apart the rates are, fewer than a hundred trials on either side conclude nothing."""
    trials = make_trials(one=(60, 90), two=(1, 900))
    assert compare_group(trials, "one")["conclusion"] == "too_few_to_conclude"
    assert compare_group(trials, "two")["conclusion"] == "too_few_to_conclude"
    alone = compare_group(make_trials(one=(5, 500)), "one")
    assert (alone["difference"], alone["conclusion"]) == (None, "too_few_to_conclude")
    assert compare_group(trials, "three")["trials"] == 0


def test_one_person_many_times_is_one_person() -> None:
    """Five hundred misses of five people leave a wider interval than those of five hundred people."""
    many = make_trials(one=(100, 500), two=(50, 500))
    few = Trials(many.wrong, [f"p{place // 100}" for place in range(1000)], many.groups)
    wide, narrow = compare_group(few, "one")["difference_ci95"], compare_group(many, "one")["difference_ci95"]
    assert wide[1] - wide[0] > 2 * (narrow[1] - narrow[0])


@given(
    rates=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    margins=st.tuples(*[st.floats(0, 0.3) for _ in range(4)]),
)
@settings(max_examples=60, deadline=None)
def test_difference_is_inside_its_interval(rates: tuple[float, float], margins: tuple[float, ...]) -> None:
    """The interval of a difference holds the difference, and swapping the sides mirrors it."""
    one, two = rates
    first, second = (one - margins[0], one + margins[1]), (two - margins[2], two + margins[3])
    low, high = subtract_intervals(one, first, two, second)
    assert low <= one - two <= high
    assert subtract_intervals(two, second, one, first) == pytest.approx((-high, -low))


def test_labels_come_from_the_column(tmp_path: Path) -> None:
    """A column `group` labels rows, an empty cell is unlabelled, and a list without the column has no labels."""
    labelled, plain = tmp_path / "a.csv", tmp_path / "b.csv"
    labelled.write_text("path,identity,group\nx.jpg,p1,north\ny.jpg,p2,\n")
    plain.write_text("path,identity\nx.jpg,p1\n")
    assert read_groups(labelled) == ["north", "unlabelled"]
    assert read_groups(plain) is None


def test_pairs_have_groups(tmp_path: Path) -> None:
    """A pair's group is its label, else its first picture's folder; rates are at one threshold for all groups."""
    path = tmp_path / "pairs.csv"
    path.write_text("path_a,path_b,same,group\nnorth/a.jpg,b.jpg,1,\na.jpg,c.jpg,0,south\nd.jpg,c.jpg,0,\n")
    assert [pair.group for pair in read_pairs(path)] == ["north", "south", "all"]
    pairs = [
        Pair(Path(f"{place}"), Path("x"), place % 2 == 0, "n" if place < 400 else "s") for place in range(800)
    ]
    scores = np.array([0.9 if pair.same else 0.1 for pair in pairs])
    scores[:100:2] = 0.2
    report = describe_groups(pairs, scores, 0.5)
    assert report["n"]["fnmr"]["rate"] == pytest.approx(50 / 200)
    assert report["n"]["fnmr"]["conclusion"] == "higher"
    assert report["s"]["fmr"]["rate"] == 0
    assert describe_groups(pairs, scores, None) == {}
    assert len(group_rows(report, ("fnmr", "fmr"))) == 4


@pytest.mark.parametrize(
    ("score", "name"),
    [
        (None, "none"),
        (0, "0-34"),
        (34, "0-34"),
        (35, "35-49"),
        (64, "50-64"),
        (65, "65-79"),
        (80, "80-100"),
        (100, "80-100"),
    ],
)
def test_quality_has_bins(score: int | None, name: str) -> None:
    """Each quality has one bin; a face that was not acquired has a bin of its own."""
    assert name_quality(score) == name
