"""Thresholds that follow the gallery's size, their intervals, and where they stop."""

import json
from math import erfc, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_faces import DIMENSION, MODEL, MakeFaces

from wayseal.match.calibrate import Calibration, fit_calibration, read_calibration, shipped_calibration
from wayseal.match.strangers import Looks, search_strangers
from wayseal.match.tail import Tail, draw_tails, exceed_all, fit_tail, scale_chance
from wayseal.model.errors import Invalid, WrongModel

SFACE = "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee"


@given(first=st.integers(1, 10**7), second=st.integers(1, 10**7), fpir=st.sampled_from([0.001, 0.003, 0.05]))
@settings(max_examples=60, deadline=None)
def test_threshold_never_falls_with_size(first: int, second: int, fpir: float) -> None:
    """A larger gallery never gets a lower threshold, and a stricter rate never a lower one."""
    shipped = shipped_calibration(SFACE)
    assert shipped is not None
    low, high = sorted((first, second))
    assert shipped.threshold(low, fpir) <= shipped.threshold(high, fpir) + 1e-12
    assert shipped.threshold(low, fpir) <= shipped.threshold(low, fpir / 2) + 1e-12


@given(size=st.integers(1, 5000), fpir=st.floats(0.0005, 0.2))
@settings(max_examples=60, deadline=None)
def test_threshold_holds_the_rate(size: int, fpir: float) -> None:
    """At the threshold for a rate, the expected rate is that rate or less."""
    shipped = shipped_calibration(SFACE)
    assert shipped is not None
    assert shipped.fpir(size, shipped.threshold(size, fpir)) <= fpir * 1.01 + 1e-9


def test_one_comparison_follows_the_formula() -> None:
    """A rate for N templates is 1 - (1 - rate for one)^N, both ways."""
    one = 1 - (1 - 0.003) ** (1 / 500)
    assert scale_chance(0.003, fitted=500, wanted=1) == pytest.approx(one)
    assert scale_chance(one, fitted=1, wanted=500) == pytest.approx(0.003)


def test_unseen_people_fall_inside_the_interval(calibration: Calibration, make_faces: MakeFaces) -> None:
    """Strangers and a gallery that the calibration never saw are wrong at a rate inside its stated interval."""
    gallery = calibration.prepare(make_faces(500, seed=50))
    probes = calibration.prepare(make_faces(20_000, seed=51))
    threshold = calibration.threshold(500, 0.01)
    achieved = float(((probes @ gallery.T).max(axis=1) >= threshold).mean())
    low, high = calibration.interval(500, threshold)
    assert low * 0.8 <= achieved <= high * 1.2
    assert low < 0.01 < high


def test_probes_of_another_light_count(make_faces: MakeFaces) -> None:
    """Where infrared probes score higher against strangers, a calibration with them asks for more than one without."""
    people = make_faces(400, seed=60)
    closer = people @ _turn(people)
    closer /= np.linalg.norm(closer, axis=1, keepdims=True)
    names = [str(number) for number in range(400)]
    plain = fit_calibration(people, names, model_sha256=MODEL, source="x", centred=False)
    both = fit_calibration(
        people,
        names,
        model_sha256=MODEL,
        source="x",
        centred=False,
        probes=[Looks(people, names), Looks(closer, names)],
    )
    assert both.threshold(399, 0.01) > plain.threshold(399, 0.01)
    with pytest.raises(Invalid):
        fit_calibration(people, names, model_sha256=MODEL, source="x", probes=[Looks(people[:5], names[:5])])


def _turn(people: np.ndarray) -> np.ndarray:
    """Return a map that draws every template towards one of them: probes that resemble many."""
    return np.eye(people.shape[1], dtype=np.float32) + 2 * np.outer(people[1], people[1]).astype(np.float32)


def test_support_ends(calibration: Calibration) -> None:
    """The largest supported gallery is supported, the next one is not, and a laxer rate reaches further."""
    limit = calibration.largest_gallery(0.003)
    assert calibration.supports(limit, 0.003)
    assert not calibration.supports(limit + 1, 0.003)
    assert calibration.largest_gallery(0.03) > limit


def test_tail_recovers_a_known_law() -> None:
    """From 20,000 draws of a known generalised Pareto law the far quantile comes back within a few per cent."""
    draw = np.random.default_rng(4)
    shape, scale = -0.2, 0.05
    values = 0.3 + scale / shape * ((1 - draw.random(20_000)) ** -shape - 1)
    tail = fit_tail(values, 100)
    wanted = 0.3 + scale / shape * (0.0005**-shape - 1)
    assert tail.score_at(0.0005) == pytest.approx(wanted, rel=0.02)
    assert tail.shape == pytest.approx(shape, abs=0.06)


@given(chance=st.floats(1e-6, 0.999), shape=st.sampled_from([-0.3, 0.0, 0.2]))
@settings(max_examples=60, deadline=None)
def test_tail_inverts(chance: float, shape: float) -> None:
    """Chance to score and back is the same chance, in the body and in the tail."""
    tail = Tail(100, tuple(np.linspace(0.1, 0.4, 31).tolist()), shape, 0.03)
    assert tail.exceedance(tail.score_at(chance)) == pytest.approx(chance, rel=1e-6)


@pytest.mark.parametrize("rate", [0.03, 0.01, 0.003])
def test_interval_holds_the_true_rate(rate: float) -> None:
    """In made worlds whose true rate is known the stated interval holds it in nine of ten at least, without being boundless.

    Every pair of people has one likeness, found from both sides, as in a real set that is searched within itself.
    """
    held, worlds, people = 0, 60, 500
    for number in range(worlds):
        chance = np.random.default_rng(number)
        alike = np.triu(chance.standard_normal((people, people), dtype=np.float32), 1)
        alike += alike.T
        np.fill_diagonal(alike, -9)
        best = alike.max(axis=1).astype(np.float64)
        names = [str(one) for one in range(people)]
        draws = draw_tails(best, names, people - 1, rounds=100, seed=number)
        made = Calibration("", "", people, people, (fit_tail(best, people - 1),), (tuple(draws),))
        level = made.threshold(people - 1, rate)
        one = erfc(level / sqrt(2)) / 2
        low, high = made.interval(people - 1, level)
        held += low <= scale_chance(one, fitted=1, wanted=people - 1) <= high
        assert high < 12 * rate
    assert held >= 0.9 * worlds


def test_draws_take_whole_people() -> None:
    """Repeating each person's search does not make the refitted tails agree more."""
    draw = np.random.default_rng(6)
    scores = draw.normal(0.3, 0.05, 400)
    names = [str(number) for number in range(400)]
    once = draw_tails(scores, names, 10, rounds=60, seed=1)
    often = draw_tails(np.repeat(scores, 5), np.repeat(names, 5).tolist(), 10, rounds=60, seed=1)
    spread = [np.std([tail.score_at(0.01) for tail in tails]) for tails in (once, often)]
    assert spread[1] == pytest.approx(spread[0], rel=0.35)


def test_document_round_trip(calibration: Calibration) -> None:
    """A calibration survives its file, and the file holds no template of a person but the mean of all."""
    again = read_calibration(calibration.to_json())
    assert again == calibration
    assert len(json.loads(calibration.to_json())["centre"]) == DIMENSION


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format":"other"}',
        '{"format":"calibration-1"}',
        '{"format":"calibration-1","tails":1}',
    ],
)
def test_bad_document_refused(text: str) -> None:
    """A file that is no calibration is refused with a hint."""
    with pytest.raises(Invalid) as caught:
        read_calibration(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    "figure", ["shape", "scale", "share", "body", "centre", "gallery_size", "empty body", "no scale"]
)
@pytest.mark.parametrize("part", ["tails", "draws"])
def test_figures_that_are_none_are_refused(calibration: Calibration, part: str, figure: str) -> None:
    """A calibration with a figure that is not a number, or that describes no distribution, is refused and never read as a threshold."""
    document = json.loads(calibration.to_json())
    tail = document["tails"][0] if part == "tails" else document["draws"][0][0]
    if figure == "centre":
        document["centre"][3] = float("nan")
    elif figure == "body":
        tail["body"][2] = float("inf")
    elif figure == "empty body":
        tail["body"] = []
    elif figure == "no scale":
        tail["scale"] = 0.0
    else:
        tail[figure] = float("nan")
    with pytest.raises(Invalid) as caught:
        read_calibration(json.dumps(document))
    assert caught.value.hint


@given(
    score=st.floats(-0.5, 1.5),
    figures=st.lists(
        st.tuples(st.sampled_from([-0.3, -1e-9, 0.0, 0.2]), st.floats(0.01, 0.1)), min_size=1, max_size=6
    ),
)
@settings(max_examples=80, deadline=None)
def test_many_tails_at_once(score: float, figures: list[tuple[float, float]]) -> None:
    """Asking many tails at once gives what asking each gives."""
    tails = [
        Tail(100, tuple(np.linspace(0.1 + 0.01 * place, 0.4, 7).tolist()), shape, scale)
        for place, (shape, scale) in enumerate(figures)
    ]
    assert exceed_all(tails, score) == pytest.approx([tail.exceedance(score) for tail in tails], abs=1e-12)


def test_probes_of_other_people(make_faces: MakeFaces) -> None:
    """Lane pictures of people who are in no document list are strangers to all of it, and count as such."""
    enrolled = Looks(make_faces(150, seed=70), [f"e{number}" for number in range(150)])
    lane = Looks(make_faces(300, seed=71), [f"l{number}" for number in range(300)])
    (best,) = search_strangers(enrolled, [lane], 149, np.random.default_rng(1))
    scores = lane.vectors @ enrolled.vectors.T
    assert best.shape == (8 * 300,)
    assert np.all(best[:300] <= scores.max(axis=1) + 1e-6)
    assert np.all(best[:300] >= np.sort(scores, axis=1)[:, -2] - 1e-6)
    made = fit_calibration(enrolled.vectors, enrolled.people, model_sha256=MODEL, source="x", probes=[lane])
    assert made.people == 150
    with pytest.raises(Invalid):
        fit_calibration(
            enrolled.vectors, enrolled.people, model_sha256=MODEL, source="x",
            probes=[Looks(lane.vectors[:60], lane.people[:60])],
        )  # fmt: skip


def test_own_pictures_are_no_strangers(make_faces: MakeFaces) -> None:
    """A probe of somebody in the gallery is never compared with their own template."""
    people = make_faces(120, seed=72)
    looks = Looks(people, [str(number) for number in range(120)])
    (best,) = search_strangers(looks, [looks], 119, np.random.default_rng(1))
    assert best.max() < 0.95


def test_too_little_to_calibrate_on(make_faces: MakeFaces) -> None:
    """Fewer than 100 people, or fewer than 200 searches, or equal scores, give no calibration."""
    few = make_faces(99)
    with pytest.raises(Invalid):
        fit_calibration(few, [str(number) for number in range(99)], model_sha256=MODEL, source="x")
    for scores in (np.linspace(0, 1, 199), np.full(400, 0.5), np.full(400, np.nan)):
        with pytest.raises(Invalid):
            fit_tail(scores, 10)


def test_few_people_can_be_drawn() -> None:
    """Of the fewest people a draw may hold those most alike so often that it has no tail: it is drawn anew, and a fit comes out."""
    best = np.r_[np.linspace(0.1, 0.3, 95), np.full(5, 0.6)]
    names = [str(number) for number in range(100)]
    tails = draw_tails(np.tile(best, 8), names * 8, 99, rounds=600, seed=1)
    assert len(tails) == 600
    assert all(tail.is_sound() for tail in tails)
    with pytest.raises(Invalid):
        draw_tails(np.full(800, 0.3), names * 8, 99, rounds=50, seed=1)


def test_bound_to_its_model(calibration: Calibration) -> None:
    """A calibration refuses another model, and an unknown model has none."""
    calibration.check_model(MODEL)
    with pytest.raises(WrongModel):
        calibration.check_model("1" * 64)
    assert shipped_calibration("1" * 64) is None


def test_prepare_keeps_unit_length(calibration: Calibration, make_faces: MakeFaces) -> None:
    """Prepared templates are unit vectors, one or many; without a mean they are unchanged."""
    faces = make_faces(5)
    assert np.linalg.norm(calibration.prepare(faces), axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert calibration.prepare(faces[0]) == pytest.approx(calibration.prepare(faces)[0])
    plain = Calibration(MODEL, "x", 1, 1, calibration.tails, calibration.draws)
    assert plain.prepare(faces) is faces


def test_impossible_question_refused(calibration: Calibration) -> None:
    """There is no threshold for an empty gallery or for a rate of 0 or 1."""
    for size, fpir in ((0, 0.003), (5, 0.0), (5, 1.0)):
        with pytest.raises(Invalid):
            calibration.threshold(size, fpir)
