"""Who is it: candidates with bands, and one of match, no match or refer, with the reason.

Rules, in order. (1) The threshold holds the rate of false positives for this gallery's size. (2) A gallery beyond what
the calibration supports, or without one, never matches automatically. (3) Two travellers nearly as good as each other
are referred. (4) A score between the two thresholds is referred: an officer compares. (5) Everything else is no match,
which means: check documents, and nothing more (R-37). Nothing here sees a picture.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from wayseal.match.calibrate import Calibration
from wayseal.match.index import Hits
from wayseal.match.loaded import LoadedGallery
from wayseal.model.border import Band, Candidate, Outcome, SearchAnswer, Template
from wayseal.model.errors import Invalid

EMPTY = "gallery_empty"
NOT_CALIBRATED = "not_calibrated"
TOO_LARGE = "gallery_larger_than_calibrated"
TOO_CLOSE = "two_travellers_too_close"
POSSIBLE = "score_between_thresholds"
BELOW = "below_threshold"
EXPECTED = "expected_set"
EXPECTED_ALIKE = "expected_with_a_plate_alike"
CONTRADICTED = "another_traveller_scores_higher"
OTHER_CAMERA = "camera_not_calibrated"

_UNREACHABLE = 1.0  # only the very same template is this like


@dataclass(frozen=True, slots=True)
class SearchPolicy:
    """What a site allows. Rates are of false positives for a traveller who is not enrolled.

    `fpir` is the rate for an automatic match, `possible_fpir` the one for being shown as a possible candidate. `margin`
    is the least lead over the second traveller. An expected set spends `expected_share` of `fpir`, and the gallery after
    it the rest, so that both together hold `fpir`.
    """

    fpir: float = 0.003
    possible_fpir: float = 0.05
    margin: float = 0.05
    candidates: int = 5
    expected_share: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.fpir <= self.possible_fpir < 1 or not 0 < self.expected_share < 1:
            raise Invalid(
                "a search policy with rates out of order", hint="Take 0 < fpir <= possible_fpir < 1."
            )
        if self.margin < 0 or self.candidates < 2:
            raise Invalid("a search policy needs a margin of 0 or more and 2 candidates or more")


def search(
    template: Template,
    gallery: LoadedGallery,
    policy: SearchPolicy | None = None,
    *,
    expected: Collection[str] = (),
) -> SearchAnswer:
    """Return the answer for one probe.

    `expected` are travellers whom plate history or documents announce: they are compared first, at the threshold for
    so few; then the whole gallery at a stricter one. `SearchAnswer.gallery_size` and its reasons say which it was.
    Raises `WrongModel` for a template of another model, `Invalid` for one that is not a unit vector.
    """
    policy = policy or SearchPolicy()
    whole = gallery.find([template], policy.candidates)[0]
    few = sum(gallery.count(traveller) for traveller in set(expected))
    if not few:
        return _decide(whole, gallery, policy, policy.fpir)
    near = gallery.find_among(template, expected, policy.candidates)
    first = _decide(near, gallery, policy, policy.fpir * policy.expected_share, size=few, extra=(EXPECTED,))
    if first.outcome is Outcome.MATCH:
        return _contradict(first, _candidates(whole, gallery, 0.0, 0.0), policy.margin)
    return _decide(whole, gallery, policy, policy.fpir * (1 - policy.expected_share))


def search_all(
    templates: Sequence[Template], gallery: LoadedGallery, policy: SearchPolicy | None = None
) -> list[SearchAnswer]:
    """Return the answers for many probes, in order: one pass over the gallery for all of them."""
    policy = policy or SearchPolicy()
    return [
        _decide(hits, gallery, policy, policy.fpir) for hits in gallery.find(templates, policy.candidates)
    ]


def refer_camera(
    answers: Sequence[SearchAnswer], camera: str, calibration: Calibration | None
) -> list[SearchAnswer]:
    """Return answers, matches referred where the calibration is of other cameras than `camera` (its lane's id).

    Thresholds do not travel: nothing is known of the rate of false positives there.
    """
    if calibration is None or calibration.covers(camera):
        return list(answers)
    return [answer.refer(OTHER_CAMERA) if answer.outcome is Outcome.MATCH else answer for answer in answers]


def tell_alike(answer: SearchAnswer) -> SearchAnswer:
    """Return an answer that says that whoever was expected is so by a plate that only looks like the one read."""
    reasons = tuple(EXPECTED_ALIKE if one == EXPECTED else one for one in answer.reasons)
    return replace(answer, reasons=reasons)


def find_thresholds(
    gallery: LoadedGallery, policy: SearchPolicy, *, size: int, fpir: float
) -> tuple[float, float]:
    """Return the scores for (match, possible) among `size` templates; beyond any score where nothing is calibrated."""
    if gallery.calibration is None:
        return _UNREACHABLE, _UNREACHABLE
    size = max(1, size)
    match = gallery.calibration.threshold(size, fpir)
    possible = gallery.calibration.threshold(size, policy.possible_fpir)
    return match, min(match, possible)


def _decide(
    hits: Hits,
    gallery: LoadedGallery,
    policy: SearchPolicy,
    fpir: float,
    *,
    size: int | None = None,
    extra: tuple[str, ...] = (),
) -> SearchAnswer:
    """Return the answer that hits among `size` templates (all of the gallery's by default) stand for."""
    size = gallery.size if size is None else size
    match, possible = find_thresholds(gallery, policy, size=size, fpir=fpir)
    candidates = _candidates(hits, gallery, match, possible)
    outcome, reasons = _judge(candidates, match, possible, policy.margin)
    unsupported = _unsupported(gallery, size, fpir)
    if unsupported and outcome is not Outcome.NO_MATCH:
        outcome, reasons = Outcome.REFER, (*unsupported, *reasons)
    elif unsupported and gallery.calibration is None and candidates:
        outcome, reasons = Outcome.REFER, unsupported
    return SearchAnswer(
        outcome=outcome,
        candidates=candidates,
        threshold=match,
        fpir_target=fpir,
        gallery=gallery.name,
        gallery_size=size,
        model_sha256=gallery.model_sha256,
        scanned=hits.scanned,
        reranked=hits.reranked,
        exact=hits.exact,
        reasons=(*reasons, *extra),
    )


def _judge(
    candidates: tuple[Candidate, ...], match: float, possible: float, margin: float
) -> tuple[Outcome, tuple[str, ...]]:
    """Return outcome and reasons for candidates, best first, before asking whether the calibration reaches this far."""
    if not candidates:
        return Outcome.NO_MATCH, (EMPTY,)
    best = candidates[0].score
    if best < possible:
        return Outcome.NO_MATCH, (BELOW,)
    if best < match:
        return Outcome.REFER, (POSSIBLE,)
    lead = best - candidates[1].score if len(candidates) > 1 else float("inf")
    if lead <= margin and candidates[1].score >= possible:
        return Outcome.REFER, (TOO_CLOSE,)
    return Outcome.MATCH, ()


def _unsupported(gallery: LoadedGallery, size: int, fpir: float) -> tuple[str, ...]:
    """Return why nothing may be matched automatically here, or nothing."""
    if gallery.calibration is None:
        return (NOT_CALIBRATED,)
    return () if gallery.calibration.supports(max(1, size), fpir) else (TOO_LARGE,)


def _contradict(answer: SearchAnswer, whole: tuple[Candidate, ...], margin: float) -> SearchAnswer:
    """Return an expected-set match, referred when somebody else in the whole gallery is as good as the expected one."""
    best = answer.candidates[0]
    rival = next((other for other in whole if other.traveller != best.traveller), None)
    if rival is None or rival.score < best.score - margin:
        return answer
    return answer.refer(CONTRADICTED)


def _candidates(hits: Hits, gallery: LoadedGallery, match: float, possible: float) -> tuple[Candidate, ...]:
    """Return hits as candidates with their bands, best first."""
    return tuple(
        Candidate(gallery.name_of(int(owner)), float(score), _band(float(score), match, possible))
        for owner, score in zip(hits.owners, hits.scores, strict=True)
    )


def _band(score: float, match: float, possible: float) -> Band:
    """Return how a score reads on the officer's screen."""
    if score >= match:
        return Band.STRONG
    return Band.POSSIBLE if score >= possible else Band.WEAK
