"""What it gains to know whom to expect: the same probes searched plainly and with an expected set, judged by the product's rules.

Owns the figures of `evaluate search --expected`. Who is expected is drawn by chance beside the traveller, so the draw
never looks at a score. Keeps nothing and writes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wayseal.flow.measure.rates import bootstrap_interval, rate_interval
from wayseal.flow.measure.search_scores import Probe
from wayseal.match.loaded import LoadedGallery
from wayseal.match.search import SearchPolicy, search
from wayseal.model.border import Outcome, SearchAnswer
from wayseal.model.errors import Invalid

_SEED = 13
_Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class _Answers:
    """What one way of searching said to every probe, in order: its first candidate, and whom it matched; None for nobody."""

    first: list[str | None] = field(repr=False)
    matched: list[str | None] = field(repr=False)


def measure_expected(
    gallery: LoadedGallery, probes: Sequence[Probe], enrolled: set[str], count: int, fpir: float
) -> dict[str, Any]:
    """Return figures for a plain search, one with `count` expected travellers, and one whose expectation was wrong.

    A mated probe expects its own traveller and `count - 1` others; a non-mated one `count` others. Under `wrong` nobody
    expects the traveller: another family's car. A miss is an enrolled person who was not matched, referrals included; a
    false positive is a match of somebody who is not enrolled. A probe without a template misses. Raises `Invalid` when
    the gallery has no more than `count` travellers, and without a calibration: then nothing matches.
    """
    if gallery.calibration is None:
        raise Invalid("no calibration for this model: nothing would be matched")
    names = gallery.travellers()
    if count >= len(names):
        raise Invalid("as many expected as there are travellers", hint="Take a smaller --expected.")
    policy, draw = SearchPolicy(fpir=fpir), np.random.default_rng(_SEED)
    others = [_draw_others(names, probe.identity, count, draw) for probe in probes]
    announced = [
        [probe.identity, *some[: count - 1]] if probe.identity in enrolled else some
        for probe, some in zip(probes, others, strict=True)
    ]
    plain = _search_each(gallery, probes, [()] * len(probes), policy)
    helped = _search_each(gallery, probes, announced, policy)
    wrong = _search_each(gallery, probes, others, policy)
    mated = np.array([probe.identity in enrolled for probe in probes], dtype=bool)
    gain = _missed(plain, probes)[mated].astype(float) - _missed(helped, probes)[mated]
    people = [probe.identity for probe in probes if probe.identity in enrolled]
    return {
        "count": count,
        "plain": _describe(plain, probes, mated),
        "expected": _describe(helped, probes, mated),
        "wrong": _describe(wrong, probes, mated),
        "fnir_gain": float(gain.mean()),
        "fnir_gain_ci95": list(bootstrap_interval(gain, people, lambda part: float(np.mean(part)))),
    }


def _draw_others(names: Sequence[str], own: str, count: int, draw: np.random.Generator) -> list[str]:
    """Return `count` travellers other than `own`, by chance."""
    chosen = [names[int(place)] for place in draw.choice(len(names), count + 1, replace=False)]
    return [name for name in chosen if name != own][:count]


def _search_each(
    gallery: LoadedGallery,
    probes: Sequence[Probe],
    expected: Sequence[Sequence[str]],
    policy: SearchPolicy,
) -> _Answers:
    """Return what the product's search says to each probe, each with its own expected set."""
    first: list[str | None] = []
    matched: list[str | None] = []
    for probe, some in zip(probes, expected, strict=True):
        answer = None if probe.template is None else search(probe.template, gallery, policy, expected=some)
        best = _best(answer)
        first.append(best)
        matched.append(best if answer is not None and answer.outcome is Outcome.MATCH else None)
    return _Answers(first, matched)


def _best(answer: SearchAnswer | None) -> str | None:
    """Return an answer's first candidate."""
    return answer.candidates[0].traveller if answer is not None and answer.candidates else None


def _missed(answers: _Answers, probes: Sequence[Probe]) -> _Flags:
    """Return, for each probe, whether it was not matched with its own traveller."""
    pairs = zip(answers.matched, probes, strict=True)
    return np.array([name != probe.identity for name, probe in pairs], dtype=bool)


def _describe(answers: _Answers, probes: Sequence[Probe], mated: _Flags) -> dict[str, Any]:
    """Return rank one, FNIR and FPIR of one way of searching, with intervals over persons."""
    first = np.array([name == probe.identity for name, probe in zip(answers.first, probes, strict=True)])
    alarm = np.array([name is not None for name in answers.matched], dtype=bool)
    report: dict[str, Any] = {}
    for name, events, chosen in (
        ("rank1", first, mated),
        ("fnir", _missed(answers, probes), mated),
        ("fpir", alarm, ~mated),
    ):
        whose = [probe.identity for probe, take in zip(probes, chosen, strict=True) if take]
        report[name] = float(events[chosen].mean())
        report[f"{name}_ci95"] = list(rate_interval(events[chosen], whose))
    return report
