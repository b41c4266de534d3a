"""Match, no match or refer: each rule, with its reason."""

from dataclasses import replace

import numpy as np
import pytest
from made_faces import MODEL, MakeFaces, as_template

from wayseal.match import search as rules
from wayseal.match.assign import CLAIMED, CONTESTED, ELSEWHERE, assign
from wayseal.match.calibrate import Calibration
from wayseal.match.loaded import LoadedGallery
from wayseal.match.search import OTHER_CAMERA, SearchPolicy, refer_camera, search, search_all
from wayseal.model.border import Band, Candidate, Outcome, SearchAnswer
from wayseal.model.errors import Invalid, WrongModel


@pytest.fixture
def people(make_faces: MakeFaces) -> np.ndarray:
    """Sixty enrolled faces."""
    return make_faces(60, seed=20)


@pytest.fixture
def gallery(people: np.ndarray, calibration: Calibration) -> LoadedGallery:
    """A gallery of sixty travellers, one template each."""
    made = LoadedGallery("port", MODEL, people.shape[1], calibration=calibration)
    made.add([f"t{number}" for number in range(len(people))], people)
    return made


def test_same_face_matches(gallery: LoadedGallery, people: np.ndarray) -> None:
    """The enrolled picture itself is a strong match that says on what ground."""
    answer = search(as_template(people[7]), gallery)
    assert answer.outcome is Outcome.MATCH
    assert (answer.candidates[0].traveller, answer.candidates[0].band) == ("t7", Band.STRONG)
    assert (answer.gallery, answer.gallery_size, answer.scanned, answer.exact) == ("port", 60, 60, True)
    assert answer.fpir_target == 0.003
    assert answer.model_sha256 == MODEL


def test_strangers_are_not_matched(gallery: LoadedGallery, make_faces: MakeFaces) -> None:
    """Of 2,000 strangers about three in a thousand reach a match, and about five in a hundred an officer."""
    answers = search_all([as_template(face) for face in make_faces(2000, seed=21)], gallery)
    outcomes = [answer.outcome for answer in answers]
    assert outcomes.count(Outcome.MATCH) <= 16
    assert 30 <= outcomes.count(Outcome.REFER) + outcomes.count(Outcome.MATCH) <= 250
    assert all(answer.reasons == (rules.BELOW,) for answer in answers if answer.outcome is Outcome.NO_MATCH)


def test_equal_scores_refer(gallery: LoadedGallery, people: np.ndarray) -> None:
    """Two travellers with the same template cannot be told apart, so neither is matched."""
    gallery.add(["twin"], people[3])
    answer = search(as_template(people[3]), gallery)
    assert answer.outcome is Outcome.REFER
    assert answer.reasons == (rules.TOO_CLOSE,)
    assert {one.traveller for one in answer.candidates[:2]} == {"t3", "twin"}


def test_templates_of_one_traveller_do_not_compete(gallery: LoadedGallery, people: np.ndarray) -> None:
    """The same template twice for one traveller is one candidate, and matches."""
    gallery.add(["t3"], people[3])
    answer = search(as_template(people[3]), gallery)
    assert answer.outcome is Outcome.MATCH
    assert [one.traveller for one in answer.candidates].count("t3") == 1
    assert answer.gallery_size == 61


def test_between_thresholds_refers(gallery: LoadedGallery, people: np.ndarray, make_faces: MakeFaces) -> None:
    """A likeness too weak to match and too strong to ignore goes to the officer."""
    match, possible = rules.find_thresholds(gallery, SearchPolicy(), size=60, fpir=0.003)
    for seed in range(200):
        probe = make_faces(1, seed=seed, like=people[9:10], noise=2.2)[0]
        answer = search(as_template(probe), gallery)
        if possible <= answer.candidates[0].score < match:
            break
    else:
        pytest.fail("no probe between the thresholds")
    assert answer.outcome is Outcome.REFER
    assert answer.reasons == (rules.POSSIBLE,)
    assert answer.candidates[0].band is Band.POSSIBLE


def test_empty_gallery(calibration: Calibration, people: np.ndarray) -> None:
    """An empty gallery knows nobody, and says so."""
    empty = LoadedGallery("new", MODEL, people.shape[1], calibration=calibration)
    answer = search(as_template(people[0]), empty)
    assert (answer.outcome, answer.reasons, answer.candidates) == (Outcome.NO_MATCH, (rules.EMPTY,), ())
    assert search_all([], empty) == []


def test_one_traveller(calibration: Calibration, people: np.ndarray) -> None:
    """A gallery of one matches its traveller at a lower threshold than a gallery of sixty."""
    single = LoadedGallery("one", MODEL, people.shape[1], calibration=calibration)
    single.add(["only"], people[0])
    answer = search(as_template(people[0]), single)
    assert answer.outcome is Outcome.MATCH
    assert answer.threshold < calibration.threshold(60, 0.003)


def test_uncalibrated_refers(people: np.ndarray) -> None:
    """Without a calibration nothing is matched, however alike."""
    raw = LoadedGallery("raw", MODEL, people.shape[1], calibration=None)
    raw.add(["t0"], people[0])
    answer = search(as_template(people[0]), raw)
    assert (answer.outcome, answer.reasons) == (Outcome.REFER, (rules.NOT_CALIBRATED,))


def test_gallery_beyond_calibration_refers(
    gallery: LoadedGallery, people: np.ndarray, make_faces: MakeFaces, calibration: Calibration
) -> None:
    """A gallery larger than the calibration supports never matches by itself."""
    limit = calibration.largest_gallery(0.003)
    crowd = make_faces(limit + 1, seed=30)
    gallery.add([f"c{number}" for number in range(len(crowd))], crowd)
    answer = search(as_template(people[7]), gallery)
    assert answer.outcome is Outcome.REFER
    assert answer.reasons[0] == rules.TOO_LARGE


def test_another_camera_refers(gallery: LoadedGallery, people: np.ndarray, calibration: Calibration) -> None:
    """A calibration that names cameras lets nothing match at another; one that names none holds everywhere."""
    answers = search_all([as_template(people[3]), as_template(-people[3])], gallery)
    assert [one.outcome for one in answers] == [Outcome.MATCH, Outcome.NO_MATCH]
    bound = replace(calibration, cameras=("lane-1", "lane-2"))
    assert refer_camera(answers, "lane-2", bound) == answers
    assert refer_camera(answers, "lane-9", calibration) == answers
    assert refer_camera(answers, "lane-9", None) == answers
    elsewhere = refer_camera(answers, "lane-9", bound)
    assert [one.outcome for one in elsewhere] == [Outcome.REFER, Outcome.NO_MATCH]
    assert elsewhere[0].reasons[0] == OTHER_CAMERA
    assert elsewhere[0].candidates == answers[0].candidates


def test_expected_set_first(gallery: LoadedGallery, people: np.ndarray, make_faces: MakeFaces) -> None:
    """A probe too unlike for the whole gallery matches when its traveller is expected; the answer says so."""
    threshold = rules.find_thresholds(gallery, SearchPolicy(), size=60, fpir=0.003)[0]
    for seed in range(200):
        probe = as_template(make_faces(1, seed=seed, like=people[9:10], noise=1.6)[0])
        alone = search(probe, gallery)
        if alone.candidates[0].traveller == "t9" and threshold - 0.05 < alone.candidates[0].score < threshold:
            break
    else:
        pytest.fail("no such probe")
    answer = search(probe, gallery, expected=["t9", "unknown"])
    assert alone.outcome is Outcome.REFER
    assert (answer.outcome, answer.gallery_size) == (Outcome.MATCH, 1)
    assert rules.EXPECTED in answer.reasons


def test_expected_set_contradicted(gallery: LoadedGallery, people: np.ndarray) -> None:
    """An expected traveller is not matched when somebody else in the gallery fits better."""
    mixed = people[9] + 1.1 * people[10]
    probe = as_template((mixed / np.linalg.norm(mixed)).astype(np.float32))
    answer = search(probe, gallery, expected=["t9"])
    assert answer.outcome is Outcome.REFER
    assert rules.CONTRADICTED in answer.reasons


def test_after_expected_set_the_gallery_is_stricter(gallery: LoadedGallery, people: np.ndarray) -> None:
    """When the expected traveller is not there, the whole gallery is searched at the rest of the allowance."""
    answer = search(as_template(people[5]), gallery, expected=["t9"])
    assert (answer.outcome, answer.candidates[0].traveller) == (Outcome.MATCH, "t5")
    assert answer.fpir_target == pytest.approx(0.0015)
    assert answer.threshold > search(as_template(people[5]), gallery).threshold


def test_forgotten_traveller_is_in_no_answer(gallery: LoadedGallery, people: np.ndarray) -> None:
    """After forgetting, neither the traveller nor the expected set finds the face."""
    assert gallery.forget("t7") == 1
    assert gallery.forget("t7") == 0
    answer = search(as_template(people[7]), gallery, expected=["t7"])
    assert answer.outcome is not Outcome.MATCH
    assert "t7" not in {one.traveller for one in answer.candidates} | set(gallery.travellers())
    assert answer.gallery_size == 59


def test_another_model_refused(gallery: LoadedGallery, people: np.ndarray, calibration: Calibration) -> None:
    """A probe, or a calibration, of another model is refused and not compared."""
    with pytest.raises(WrongModel):
        search(as_template(people[0], "1" * 64), gallery)
    with pytest.raises(WrongModel):
        LoadedGallery("x", "1" * 64, 32, calibration=calibration)


def test_policy_checked() -> None:
    """Rates out of order, a negative margin or a single candidate are refused."""
    for bad in ({"fpir": 0.2}, {"fpir": 0.0}, {"margin": -0.1}, {"candidates": 1}, {"expected_share": 1.0}):
        with pytest.raises(Invalid):
            SearchPolicy(**bad)


def test_large_gallery_changes_index(people: np.ndarray, calibration: Calibration) -> None:
    """Past the exact limit the sign index takes over with the same travellers."""
    made = LoadedGallery("big", MODEL, people.shape[1], calibration=calibration, exact_up_to=40)
    made.add([f"t{number}" for number in range(30)], people[:30])
    made.add([f"t{number}" for number in range(30, 60)], people[30:])
    made.forget("t0")
    assert [search(as_template(face), made).candidates[0].traveller for face in people[1:]] == [
        f"t{number}" for number in range(1, 60)
    ]


def answer_with(*candidates: tuple[str, float], threshold: float = 0.5) -> SearchAnswer:
    """Return a search answer with these candidates."""
    made = tuple(
        Candidate(
            name, score, Band.STRONG if score >= threshold else Band.POSSIBLE if score > 0.3 else Band.WEAK
        )
        for name, score in candidates
    )
    outcome = Outcome.MATCH if made[0].band is Band.STRONG else Outcome.NO_MATCH
    return SearchAnswer(outcome, made, threshold, 0.003, "g", 10, MODEL, 10, 0, exact=True)


def test_two_occupants_are_not_one_traveller() -> None:
    """The better likeness keeps the traveller; the other seat is referred, without that candidate and not by elimination."""
    first, second = assign([answer_with(("a", 0.9), ("b", 0.2)), answer_with(("a", 0.7), ("b", 0.55))])
    assert (first.outcome, first.candidates[0].traveller) == (Outcome.MATCH, "a")
    assert (second.outcome, second.candidates[0].traveller) == (Outcome.REFER, "b")
    assert second.reasons == (CLAIMED,)


def test_loser_of_a_weak_claim_is_no_match() -> None:
    """Whoever only resembled a traveller who sits elsewhere, and resembles nobody else, is nobody to compare with."""
    possible = Candidate("a", 0.45, Band.POSSIBLE)
    loser = replace(
        answer_with(("a", 0.45), ("b", 0.1)),
        outcome=Outcome.REFER,
        reasons=(rules.POSSIBLE, rules.EXPECTED),
        candidates=(possible, Candidate("b", 0.1, Band.WEAK)),
    )
    first, second = assign([answer_with(("a", 0.9)), loser])
    assert (first.outcome, second.outcome) == (Outcome.MATCH, Outcome.NO_MATCH)
    assert second.reasons == (ELSEWHERE, rules.EXPECTED)  # nothing that says: compare


def test_contested_traveller_is_referred() -> None:
    """When two seats resemble one traveller almost equally, neither is matched."""
    first, second = assign([answer_with(("a", 0.80)), answer_with(("a", 0.78))])
    assert (first.outcome, second.outcome) == (Outcome.REFER, Outcome.REFER)
    assert first.reasons == (CONTESTED,)


def test_unknown_is_always_possible() -> None:
    """Weak likenesses stay unknown, and different travellers do not disturb each other."""
    answers = [answer_with(("a", 0.9)), answer_with(("b", 0.8)), answer_with(("a", 0.1))]
    assert assign(answers) == answers
    assert assign([]) == []
    lost = replace(answers[2], outcome=Outcome.NO_MATCH)
    assert assign([lost]) == [lost]


def test_several_templates_become_one(calibration: Calibration, make_faces: MakeFaces) -> None:
    """A traveller's templates are compared as the direction of their mean, whether added together or one by one."""
    people = make_faces(3, seed=60)
    pictures = np.concatenate([make_faces(3, seed=seed, like=people, noise=0.8) for seed in (61, 62, 63)])
    names = ["a", "b", "c"] * 3
    together = LoadedGallery("x", MODEL, people.shape[1], calibration=calibration)
    together.add(names, pictures)
    single = LoadedGallery("y", MODEL, people.shape[1], calibration=calibration)
    for name, picture in zip(names, pictures, strict=True):
        single.add([name], picture)
    prepared = calibration.prepare(pictures)
    mean = prepared[[0, 3, 6]].sum(axis=0)
    expected = float(calibration.prepare(people[0]) @ mean / np.linalg.norm(mean))
    for gallery in (together, single):
        answer = search(as_template(people[0]), gallery)
        assert answer.candidates[0].traveller == "a"
        assert answer.candidates[0].score == pytest.approx(expected, abs=1e-5)
        assert (gallery.size, gallery.count("a"), answer.gallery_size, answer.scanned) == (9, 3, 9, 3)
    assert single.forget("b") == 3
    assert (single.size, single.travellers()) == (6, ["a", "c"])


def test_opposite_templates_do_not_break(people: np.ndarray) -> None:
    """Two templates that cancel out leave the newer one, and the gallery stays usable."""
    made = LoadedGallery("odd", MODEL, people.shape[1], calibration=None)
    made.add(["a", "a"], np.stack([people[0], -people[0]]))
    assert search(as_template(-people[0]), made).candidates[0].score == pytest.approx(1.0, abs=1e-5)
