"""What a growing gallery does to misses and false positives, with synthetic templates where real people run out.

Synthetic templates are nobody's faces: they have the mean and covariance of real ones and nothing else. Figures from them
are marked, and how far they can stand for people is measured beside them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from wayseal.flow.measure.rates import Curve, accept_rate, miss_rate, rank_one, trade_off
from wayseal.flow.measure.search_scores import Probe, SearchScores, run_searches
from wayseal.match.loaded import LoadedGallery
from wayseal.model.errors import Invalid

_SEED = 11


def measure_sizes(
    gallery: LoadedGallery, probes: Sequence[Probe], enrolled: set[str], distractors: int, fpir: float
) -> tuple[list[dict[str, Any]], dict[str, Curve]]:
    """Return figures and curves for growing galleries; what is added is synthetic and says so. Changes `gallery`.

    The first row is a gallery of as many synthetic templates as there are real ones, without the real ones: its FPIR
    beside the real gallery's tells how far the synthetic templates can stand for people.
    """
    calibration = gallery.calibration
    if calibration is None:
        raise Invalid("no calibration for this model: sizes cannot be compared")
    templates = [one.template for one in probes if one.template is not None]
    real = np.stack([template.vector for template in templates])
    people = len(gallery.travellers())
    alone = LoadedGallery("synthetic", gallery.model_sha256, gallery.dimension, calibration=calibration)
    alone.add(
        [f"synthetic-{number}" for number in range(people)], synthetic_templates(real, people, seed=_SEED)
    )
    best = [float(hits.scores[0]) for hits in alone.find(templates, 1)]
    level = calibration.threshold(people, fpir)
    rows: list[dict[str, Any]] = [
        {"gallery_size": people, "synthetic": people, "threshold": level, "fpir": accept_rate(best, level)}
    ]
    curves: dict[str, Curve] = {}
    added = 0
    for step in _steps(distractors):
        made = synthetic_templates(real, step - added, seed=_SEED + step)
        gallery.add([f"synthetic-{added + number}" for number in range(len(made))], made)
        added = step
        scores = run_searches(gallery, probes, enrolled)
        curves[f"{gallery.size} ({added} synthetic)"] = trade_off(scores.mated, scores.nonmated)
        rows.append(_describe_size(gallery, scores, added, fpir))
    return rows, curves


def _describe_size(gallery: LoadedGallery, scores: SearchScores, added: int, fpir: float) -> dict[str, Any]:
    """Return the figures of a gallery with `added` synthetic templates, at its own threshold."""
    calibration = gallery.calibration
    level = 1.0 if calibration is None else calibration.threshold(gallery.size, fpir)
    return {
        "gallery_size": gallery.size,
        "synthetic": added,
        "threshold": level,
        "supported": calibration is not None and calibration.supports(gallery.size, fpir),
        "rank1": rank_one(scores.mated),
        "fnir": miss_rate(scores.mated, level),
        "fpir": accept_rate(scores.nonmated, level),
    }


def synthetic_templates(like: Any, count: int, *, seed: int) -> Any:
    """Return (count, d) unit vectors with the mean and covariance of `like`: nobody's faces, for size alone."""
    random = np.random.default_rng(seed)
    centre = like.mean(axis=0)
    values, axes = np.linalg.eigh(np.cov(like.T))
    mix = (axes * np.sqrt(np.maximum(values, 0))).T.astype(np.float32)
    made = random.standard_normal((count, like.shape[1]), dtype=np.float32) @ mix + centre
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def _steps(distractors: int) -> list[int]:
    """Return rising numbers of distractors: powers of ten from 1,000, and the number itself."""
    powers = [10**power for power in range(3, 9) if 10**power < distractors]
    return [*powers, distractors]
