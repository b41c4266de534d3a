"""Presentation attacks in lane videos against their truth: APCER by type and BPCER, as ISO/IEC 30107-3 defines them.

An attack that capture does not take for an occupant gives no response and is counted apart (APNRR), and so is somebody real
who is not captured (BPNRR): error rates are over the presentations that gave one. Keeps nothing and writes nothing but
the plot it is asked for.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wayseal.flow.measure.lane_truth import VISIBLE, read_truth
from wayseal.flow.measure.rates import wilson_interval
from wayseal.flow.plot import save_figure
from wayseal.model.border import Occupant
from wayseal.model.errors import Invalid
from wayseal.vision.capture import CaptureModels, LaneCapture
from wayseal.vision.frames import open_source
from wayseal.vision.optics import LaneOptics
from wayseal.vision.presentation import MAY_BE_PICTURE, NOT_COUNTED

BONA_FIDE = "bona_fide"
ATTACKS = ("held_print", "held_tablet", "window_mask", "worn_mask")
"""Types shown by somebody in place of the own face; all others of the truth are faces that nobody wears."""
FEWEST = 30
"""Presentations of a type below which nothing is concluded."""
_REACH = 0.8  # eye distances within which an occupant's eyes are a presentation's


@dataclass(frozen=True, slots=True)
class Presentation:
    """One presentation: `kind` (bona fide, or the attack's type), the score 0-100 and whether it was flagged.

    `score` is None when capture took nobody there for an occupant, or had no usable picture. `accepted` says that an occupant
    was counted there, with a usable picture or without.
    """

    kind: str
    score: float | None = None
    flagged: bool = False
    accepted: bool = False


def list_presentations(
    video: Path, models: CaptureModels, *, advance: Callable[[int], None] = lambda _: None
) -> list[Presentation]:
    """Return every presentation of one video: bona fide occupants who were visible, and printed faces that were in view.

    Its truth is the `.json` beside it. Raises `NotFound` or `Invalid`.
    """
    truth = read_truth(video.with_suffix(".json"))
    document = json.loads(video.with_suffix(".json").read_text(encoding="utf-8"))
    capture = LaneCapture(models, LaneOptics(focal_px=truth.focal_px))
    people: list[Occupant] = []
    with open_source(str(video)) as source:
        for frame in source:
            people += [one for seen in capture.feed(frame) for one in seen.occupants]
            advance(1)
    people += [one for seen in capture.finish() for one in seen.occupants]
    shown = list_shown(document, float(document["video"]["width"]))
    real = [_find_answers(eyes, people) for kind, eyes in shown if kind == BONA_FIDE]
    known = {id(person) for some in real for person in some}
    rest = [person for person in people if id(person) not in known]
    return [_answer(kind, eyes, people if kind == BONA_FIDE else rest) for kind, eyes in shown]


def report_presentations(found: Sequence[Presentation]) -> dict[str, Any]:
    """Return the figures by type. Raises `Invalid` without any presentation."""
    if not found:
        raise Invalid(
            "no presentation in these videos", hint="Render some: wayseal simulate lane --preset attacks"
        )
    kinds = sorted({one.kind for one in found} - {BONA_FIDE})
    real = _count([one for one in found if one.kind == BONA_FIDE])
    return {
        "presentations": len(found),
        "bona_fide": {
            "presentations": real["presentations"], "bpnrr": real["no_response"], "bpcer": real["flagged"],
            "bpcer_ci95": real["flagged_ci95"], "too_few_to_conclude": real["too_few_to_conclude"],
        },
        "attacks": {kind: _describe_attack([one for one in found if one.kind == kind]) for kind in kinds},
        "nobodies": {
            kind: _describe_nobody([one for one in found if one.kind == kind])
            for kind in kinds if kind not in ATTACKS
        },
    }  # fmt: skip


def plot_presentations(found: Sequence[Presentation], path: Path) -> None:
    """Draw the scores by type, and what each threshold would do, into a .png or .svg. Raises `Invalid`."""
    # Late: drawing is the only use of the plotting library here.
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(10, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    kinds = [BONA_FIDE, *sorted({one.kind for one in found} - {BONA_FIDE})]
    levels = np.linspace(0, 100, 201)
    for place, kind in enumerate(kinds):
        scores = np.array([one.score for one in found if one.kind == kind and one.score is not None])
        if not scores.size:
            continue
        label = f"{kind.replace('_', ' ')} ({scores.size})"
        left.scatter(scores, place + np.linspace(-0.2, 0.2, scores.size), s=14, label=label)
        share = (scores[None, :] >= levels[:, None]).mean(axis=1)
        right.plot(levels, share if kind == BONA_FIDE else 1 - share, label=label)
    left.set(xlabel="score, 100 speaks for a picture", yticks=range(len(kinds)), yticklabels=kinds)
    right.set(xlabel="threshold", ylabel="BPCER (bona fide), APCER (attacks)", ylim=(-0.02, 1.02))
    right.legend()
    right.grid(visible=True, alpha=0.3)
    save_figure(figure, path)


Eyes = dict[int, tuple[float, float, float]]
"""By frame: x and y of the middle between the eyes, and the pixels between them."""


def list_shown(document: dict[str, Any], width: float) -> list[tuple[str, Eyes]]:
    """Return (kind, eyes by frame) of all presentations that were in view."""
    shown: dict[tuple[object, ...], Eyes] = {}
    for index, frame in enumerate(document["frames"]):
        for vehicle in frame["vehicles"]:
            for place, person in enumerate(vehicle["occupants"]):
                if person["visible"] >= VISIBLE:
                    key = (vehicle["vehicle_id"], BONA_FIDE, place)
                    shown.setdefault(key, {})[index] = _read_eyes(person["eyes"])
            for place, thing in enumerate(vehicle.get("distractors", ())):
                eyes = _read_eyes(thing["eyes"]) if thing.get("eyes") else _read_box(thing["box"])
                if 0 < eyes[0] - eyes[2] / 2 < width:
                    shown.setdefault((vehicle["vehicle_id"], thing["type"], place), {})[index] = eyes
    return [(str(key[1]), eyes) for key, eyes in shown.items()]


def _read_eyes(eyes: Sequence[Sequence[float]]) -> tuple[float, float, float]:
    """Return a truth's eyes as middle and distance."""
    (x1, y1), (x2, y2) = eyes
    return (x1 + x2) / 2, (y1 + y2) / 2, max(float(np.hypot(x2 - x1, y2 - y1)), 1.0)


def _read_box(box: Sequence[float]) -> tuple[float, float, float]:
    """Return a thing without printed eyes as its middle and a distance whose reach is half its larger side."""
    x, y, width, height = box
    return x + width / 2, y + height / 2, max(width, height) / 2 / _REACH


def _find_answers(eyes: Eyes, people: Sequence[Occupant]) -> list[Occupant]:
    """Return the occupants whose best look is on a presentation."""
    found = []
    for person in people:
        best = person.best
        if best is not None and best.frame in eyes:
            x, y, apart = eyes[best.frame]
            middle = best.landmarks[:2].mean(axis=0)
            if np.hypot(middle[0] - x, middle[1] - y) < _REACH * apart:
                found.append(person)
    return found


def _answer(kind: str, eyes: Eyes, people: Sequence[Occupant]) -> Presentation:
    """Return what capture made of one presentation; of several answers, one with a usable picture."""
    found = _find_answers(eyes, people)
    for person in found:
        judged = person.template is not None or NOT_COUNTED in person.reasons
        if judged and person.best is not None:
            bona_fide = person.best.quality.components.get("bona_fide")
            score = None if bona_fide is None else 100.0 - bona_fide
            counted = NOT_COUNTED not in person.reasons
            return Presentation(kind, score, MAY_BE_PICTURE in person.reasons, accepted=counted)
    return Presentation(kind, accepted=bool(found))


def _count(some: Sequence[Presentation]) -> dict[str, Any]:
    """Return how many there were, the share without a response, and the share of responses that were flagged."""
    answered = [one for one in some if one.score is not None]
    flagged = sum(one.flagged for one in answered)
    return {
        "presentations": len(some),
        "no_response": 1 - len(answered) / len(some) if some else None,
        "flagged": flagged / len(answered) if answered else None,
        "flagged_ci95": list(wilson_interval(flagged, len(answered))) if answered else None,
        "too_few_to_conclude": len(answered) < FEWEST,
    }


def _describe_attack(some: Sequence[Presentation]) -> dict[str, Any]:
    """Return one type's figures: what was not flagged is the error."""
    counted = _count(some)
    share, interval = counted["flagged"], counted["flagged_ci95"]
    return {
        "presentations": counted["presentations"],
        "apnrr": counted["no_response"],
        "apcer": None if share is None else 1 - share,
        "apcer_ci95": None if interval is None else [1 - interval[1], 1 - interval[0]],
        "too_few_to_conclude": counted["too_few_to_conclude"],
    }


def _describe_nobody(some: Sequence[Presentation]) -> dict[str, Any]:
    """Return how many faces of a kind that nobody wears were shown, and how many were counted as occupants."""
    accepted = sum(one.accepted for one in some)
    return {
        "shown": len(some),
        "accepted": accepted,
        "accepted_ci95": list(wilson_interval(accepted, len(some))),
    }
