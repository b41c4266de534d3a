"""Whether several looks together can be recognised, where hardly one of them can alone: how strong they are, and how far they agree.

Judges a track by its own looks. Like `quality`, it never sees a gallery or anybody else's template; its weights are data with their
provenance (track_weights.toml, made by tools/fit_tracks.py).
"""

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from wayseal.model.border import Template
from wayseal.vision.quality import FULL_COSINE, RECOGNISABLE, parse_weights

TRACK_FEATURES = ("score", "best", "strength", "resultant", "agreement", "looks")
"""What is measured of a track's looks, in the order of the weights."""

LEAST_LOOKS = 2
"""Looks that can agree."""


def measure_agreement(templates: Sequence[Template], scores: Sequence[int]) -> dict[str, float]:
    """Return the features of a track: `templates` of its looks and their quality scores, at least two of each.

    `resultant` is the length of the mean of the raw embeddings: looks that contradict each other cancel. `agreement` is the mean
    cosine of two looks.
    """
    vectors = np.stack([one.vector for one in templates]).astype(np.float64)
    strengths = np.array([one.strength for one in templates])
    count = len(vectors)
    total = float(np.linalg.norm(vectors.sum(axis=0)) ** 2)
    return {
        "score": float(np.mean(scores)) / 100,
        "best": max(scores) / 100,
        "strength": float(strengths.mean()) / 13,
        "resultant": float(np.linalg.norm((vectors * strengths[:, None]).mean(axis=0))) / 13,
        "agreement": (total - count) / (count * (count - 1)),
        "looks": float(np.log2(count)),
    }


def is_usable(templates: Sequence[Template], scores: Sequence[int]) -> bool | None:
    """Return whether a track's fused template should be as like the person as a single shot must be that passes the gate.

    None where nothing is known: one look, or another model's templates.
    """
    estimate = estimate_usable(templates, scores)
    return None if estimate is None else estimate >= RECOGNISABLE / 100 * FULL_COSINE


def estimate_usable(templates: Sequence[Template], scores: Sequence[int]) -> float | None:
    """Return the estimate that `is_usable` judges by; None where nothing is known."""
    weights = _load_weights()
    if len(templates) < LEAST_LOOKS or templates[0].model_sha256 != weights["provenance"]["model_sha256"]:
        return None
    return estimate_cosine(templates, scores)


def estimate_cosine(templates: Sequence[Template], scores: Sequence[int]) -> float:
    """Return the similarity that a track's fused template should have with a clean picture of the same person."""
    return parse_weights(_load_weights()["fused"]).estimate(measure_agreement(templates, scores))


@cache
def _load_weights() -> dict[str, dict[str, Any]]:
    """Return the weights file: `provenance` and `fused`."""
    return tomllib.loads(files("wayseal.vision").joinpath("track_weights.toml").read_text())
