"""Open-set identification over a gallery and probes, as the product would do it: same enrolment, search and threshold.

Owns the figures of `evaluate search`. The threshold is the one that the calibration gives for the gallery's size, not one
picked on these probes, so that the measured FPIR tells whether the promise held; what the probes themselves would have
picked stands beside it. Keeps nothing and writes nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from wayseal.flow.enrol import Row, read_rows
from wayseal.flow.measure.bands import find_band
from wayseal.flow.measure.groups import FEWEST, Trials, compare_group, list_groups, name_quality, say_groups
from wayseal.flow.measure.rates import (
    Curve,
    fnir_at_fpir,
    rank_one,
    rate_interval,
    thin_curve,
    trade_off,
)
from wayseal.flow.measure.search_expected import measure_expected
from wayseal.flow.measure.search_scores import Probe, SearchScores, run_searches, take_probe
from wayseal.flow.measure.search_sizes import measure_sizes
from wayseal.match.calibrate import shipped_calibration
from wayseal.match.loaded import LoadedGallery
from wayseal.vision.portrait import PortraitReader


@dataclass(frozen=True, slots=True, eq=False)
class SearchReport:
    """The figures of one run (CONTRACT names) and the curves behind them: all probes, each group, each gallery size."""

    figures: dict[str, Any]
    curve: Curve
    groups: dict[str, Curve]
    sizes: dict[str, Curve]


def measure_search(
    gallery_rows: Sequence[Row],
    gallery_folder: Path,
    probe_rows: Sequence[Row],
    probe_folder: Path,
    *,
    fpir: float,
    distractors: int = 0,
    expected: int = 0,
    labels: Sequence[str] | None = None,
    reader: PortraitReader | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> SearchReport:
    """Return the open-set figures. `advance` is called once a picture.

    `labels` names each probe's group; without them it is the folder that its row names.
    A probe without a recognisable face is a failure to acquire, and a miss when its traveller is enrolled. With
    `distractors`, synthetic templates like the probes are added in steps of ten and figures given for each size. With
    `expected`, the searches are made again with as many expected travellers.
    Raises `Invalid` without mated or without non-mated searches.
    """
    faces = reader or PortraitReader()
    gallery, reasons = enrol_rows(gallery_rows, gallery_folder, faces, advance=advance)
    enrolled = {row.identity for row in gallery_rows}
    named = labels or [""] * len(probe_rows)
    readings = read_rows(probe_rows, probe_folder, faces, strict=False, advance=advance)
    probes = [take_probe(reading, label) for reading, label in zip(readings, named, strict=True)]
    scores = run_searches(gallery, probes, enrolled)
    figures = describe_scores(scores, gallery, fpir)
    figures["gallery_size"] = len(gallery_rows)
    figures["failure_to_enrol"] = count_reasons(reasons["failed"])
    figures["import_would_refuse"] = count_reasons(reasons["refused"])
    figures["failure_to_acquire"] = count_reasons([one.reason for one in probes if one.template is None])
    groups = group_curves(scores)
    figures["groups_are"] = say_groups(labelled=labels is not None)
    figures["by_group"] = describe_groups(scores, figures["threshold"])
    figures["by_quality"] = describe_groups(label_quality(scores, probes, enrolled), figures["threshold"])
    if expected:
        figures["expected_set"] = measure_expected(gallery, probes, enrolled, expected, fpir)
    sizes: dict[str, Curve] = {}
    if distractors:
        figures["by_size"], sizes = measure_sizes(gallery, probes, enrolled, distractors, fpir)
    return SearchReport(figures, trade_off(scores.mated, scores.nonmated), groups, sizes)


def enrol_rows(
    rows: Sequence[Row],
    folder: Path,
    faces: PortraitReader,
    *,
    advance: Callable[[int], None] = lambda _: None,
) -> tuple[LoadedGallery, dict[str, list[str]]]:
    """Return a gallery in memory, and the reasons of what an import would refuse and of what had no face at all.

    A refused picture is enrolled here all the same: at a port somebody would bring a better one, on a list nobody can.
    """
    manifest = faces.model.manifest
    calibration = shipped_calibration(manifest.sha256)
    gallery = LoadedGallery("evaluation", manifest.sha256, manifest.dim, calibration=calibration)
    reasons: dict[str, list[str]] = {"refused": [], "failed": []}
    for reading in read_rows(rows, folder, faces, advance=advance):
        taken = reading
        if reading.portrait is None:
            reasons["refused"].append(reading.reason)
            (taken,) = read_rows([reading.row], folder, faces, strict=False)
        if taken.portrait is None:
            reasons["failed"].append(taken.reason)
        else:
            gallery.add([taken.row.identity], taken.portrait.template.vector)
    return gallery, reasons


def describe_scores(scores: SearchScores, gallery: LoadedGallery, fpir: float) -> dict[str, Any]:
    """Return the contract's figures at the calibrated threshold, and what these probes would have picked themselves."""
    calibration = gallery.calibration
    picked = fnir_at_fpir(scores.mated, scores.nonmated, fpir)
    threshold = picked[1] if calibration is None else calibration.threshold(max(1, gallery.size), fpir)
    missed = scores.mated < threshold
    alarms = scores.nonmated >= threshold
    curve = trade_off(scores.mated, scores.nonmated)
    return {
        "gallery_size": gallery.size,
        "mated": len(scores.mated),
        "nonmated": len(scores.nonmated),
        "rank1": rank_one(scores.mated),
        "fnir": float(missed.mean()),
        "fpir": float(alarms.mean()),
        "threshold": threshold,
        "fnir_ci95": list(rate_interval(missed, scores.mated_people)),
        "fpir_ci95": list(rate_interval(alarms, scores.nonmated_people)),
        "det": thin_curve(curve),
        "det_ci95": find_band(scores.mated, scores.mated_people, scores.nonmated, scores.nonmated_people),
        "fpir_target": fpir,
        "calibrated": calibration is not None,
        "calibration_fpir_ci95": None
        if calibration is None
        else list(calibration.interval(max(1, gallery.size), threshold)),
        "supported_size": None if calibration is None else calibration.largest_gallery(fpir),
        "enrolled_templates": gallery.size,
        "at_observed_fpir": {
            f"{rate:g}": dict(
                zip(("fnir", "threshold"), fnir_at_fpir(scores.mated, scores.nonmated, rate), strict=True)
            )
            for rate in (0.01, 0.003, 0.001)
        },
        "model_sha256": gallery.model_sha256,
    }


def describe_groups(scores: SearchScores, threshold: float) -> dict[str, dict[str, Any]]:
    """Return each group's rates with intervals, its distance from all others, and what that allows to conclude."""
    misses = Trials(scores.mated < threshold, scores.mated_people, scores.mated_groups)
    alarms = Trials(scores.nonmated >= threshold, scores.nonmated_people, scores.nonmated_groups)
    return {
        name: {"fnir": compare_group(misses, name), "fpir": compare_group(alarms, name)}
        for name in list_groups(misses, alarms)
    }


def label_quality(scores: SearchScores, probes: Sequence[Probe], enrolled: set[str]) -> SearchScores:
    """Return the scores with each probe's bin of quality in place of its group. `probes` are those that were searched."""
    bins: tuple[list[str], list[str]] = ([], [])
    for probe in probes:
        bins[probe.identity not in enrolled].append(name_quality(probe.quality))
    return replace(scores, mated_groups=bins[0], nonmated_groups=bins[1])


def group_curves(scores: SearchScores) -> dict[str, Curve]:
    """Return the curve of each group that has enough searches of both kinds."""
    curves = {}
    for name in _names(scores):
        mine = np.array([group == name for group in scores.mated_groups], dtype=bool)
        others = np.array([group == name for group in scores.nonmated_groups], dtype=bool)
        if min(mine.sum(), others.sum()) >= FEWEST:
            curves[name] = trade_off(scores.mated[mine], scores.nonmated[others])
    return curves


def count_reasons(reasons: Sequence[str]) -> dict[str, int]:
    """Return how often each reason occurs, and `total`."""
    counted = {reason: reasons.count(reason) for reason in sorted(set(reasons))}
    return {"total": len(reasons), **counted}


def _names(scores: SearchScores) -> list[str]:
    """Return the groups that occur, in alphabetical order."""
    return sorted({*scores.mated_groups, *scores.nonmated_groups})
