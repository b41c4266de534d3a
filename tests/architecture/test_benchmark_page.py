"""The benchmarks' page says what the stored results say, and the guard knows every hot path."""

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "benchmarks.md"


sys.path.append(str(ROOT / "bench"))  # the benchmarks are scripts that import each other by name


def test_page_shows_the_goals_as_judged() -> None:
    """Every goal's row on the committed page is what its number in the committed results gives: no verdict by hand."""
    import page

    table = "".join(page.table_goals(page.read_results()))
    assert table in PAGE.read_text(encoding="utf-8"), "run: .venv/bin/python -m bench --page"


def test_goal_that_was_not_measured_is_not_met() -> None:
    """A goal without a figure reads 'not measured', whatever its bound."""
    import goals
    import page

    assert all(goal.judge({}) == (None, False) for goal in goals.GOALS)
    rows = page.table_goals({})[1:]
    assert len(rows) == len(goals.GOALS)
    assert all("| not measured" in row for row in rows)


@settings(deadline=None)
@given(bound=st.floats(0.01, 1e6), value=st.floats(0, 1e7))
def test_goal_is_met_on_its_good_side_only(bound: float, value: float) -> None:
    """'At least' is met from the bound upwards, 'at most' from the bound downwards."""
    import goals

    for at_least in (True, False):
        goal = goals.Goal("X", "", "", lambda r: r["x"], bound, at_least=at_least)
        assert goal.judge({"x": value}) == (value, value >= bound if at_least else value <= bound)


def test_missed_goals_have_a_reason() -> None:
    """A goal that its stored number misses is published with why."""
    import goals
    import page

    results = page.read_results()
    missed = [
        goal for goal in goals.GOALS if goal.judge(results)[0] is not None and not goal.judge(results)[1]
    ]
    assert [goal.id for goal in missed if not goal.why] == []


@settings(deadline=None)  # the first example loads the plotting library
@given(exponent=st.floats(0.2, 2.5), factor=st.floats(1e-6, 1e3))
def test_fitted_exponent_is_the_curves_own(exponent: float, factor: float) -> None:
    """A curve that is a power of its size gives that power back."""
    import bench_growth

    sizes = (10, 100, 1000, 10_000)
    fit = bench_growth.fit_power(sizes, [factor * size**exponent for size in sizes])
    assert fit is not None
    assert fit == pytest.approx((exponent, factor), rel=1e-6)


def test_curve_without_growth_has_no_exponent() -> None:
    """Figures of zero, as memory that did not grow, are not fitted."""
    import bench_growth

    assert bench_growth.fit_power((1, 2, 4), (0.0, 0.0, 0.0)) is None
    flat = {
        curve: {"sizes": [1, 2, 4], "figures": {one[1]: [0.0, 0.0, 0.0] for one in bench_growth.LIMITS}}
        for curve, *_ in bench_growth.LIMITS
    }
    assert bench_growth.find_breaks(flat) == []
    assert bench_growth.reach_limit((1, 2, 4), (0.0, 10.0, 30.0), 100.0) == 11.0


def test_guard_fails_beyond_its_band_only() -> None:
    """A path at its recorded cost passes; one without a record is left to the guard's list of unknowns."""
    import bench_guard

    assert bench_guard.compare({"a": 130.0, "new": 5.0}, {"a": 100.0}) == {"a": 1.3}


def test_guard_has_a_record_of_every_path() -> None:
    """The recorded costs name the paths that the last guard run measured, and no others."""
    baseline = json.loads((ROOT / "bench" / "guard_baseline.json").read_text(encoding="utf-8"))
    result = json.loads((ROOT / "bench" / "results" / "guard.json").read_text(encoding="utf-8"))
    assert set(baseline["ratios"]) == set(result["now"]["ratios"])
    assert result["not_recorded"] == []
