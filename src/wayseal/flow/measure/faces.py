"""One-to-one accuracy over pairs of pictures: each picture is read once, each pair scored once.

Owns the report of `evaluate faces`. It keeps templates in memory by path for the length of one run and writes nothing.
"""

import csv
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wayseal.flow.measure.bands import Band, find_band
from wayseal.flow.measure.groups import (
    Trials,
    compare_group,
    list_groups,
    name_group,
    name_quality,
    say_groups,
)
from wayseal.flow.measure.rates import MISSING, Curve, Scores, auc, eer, fnmr_at_fmr, trade_off
from wayseal.model.errors import Invalid, NotFound, WaysealError, WrongModel
from wayseal.vision.models_manifest import ModelManifest
from wayseal.vision.picture import read_picture
from wayseal.vision.portrait import Portrait, PortraitReader
from wayseal.vision.second_opinion import is_contradicted, rate_likeness
from wayseal.vision.template import cosine

HEADER = ("path_a", "path_b", "same")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two picture files and whether they show one person."""

    first: Path
    second: Path
    same: bool
    group: str = ""
    labelled: bool = False
    """Whether the list itself names the group; otherwise it is the first picture's folder."""


@dataclass(frozen=True, slots=True, eq=False)
class FacesReport:
    """The figures of one run (CONTRACT names) and the curve behind them; the curve is None when a side has no pairs."""

    figures: dict[str, Any]
    curve: Curve | None


def read_pairs(path: Path) -> list[Pair]:
    """Return the pairs of a CSV `path_a,path_b,same[,group]`; paths are relative to it. Raises `NotFound` or `Invalid`."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise NotFound(
            f"cannot read the pairs file: {error.strerror}", hint="Give a CSV path_a,path_b,same."
        ) from None
    except (UnicodeDecodeError, csv.Error):
        raise Invalid("the pairs file is not a CSV", hint="Give a UTF-8 CSV path_a,path_b,same.") from None
    if not rows or not set(HEADER) <= set(rows[0]):
        raise Invalid(
            "the pairs file has no rows or another header", hint=f"Its header is {','.join(HEADER)}."
        )
    for number, row in enumerate(rows, start=2):
        if row["same"] not in {"0", "1"} or not row["path_a"] or not row["path_b"]:
            raise Invalid(
                f"line {number} of the pairs file is not a pair", hint="Give two paths, and same as 1 or 0."
            )
    folder = path.parent
    return [
        Pair(
            folder / row["path_a"],
            folder / row["path_b"],
            row["same"] == "1",
            name_group(row.get("group"), row["path_a"]),
            labelled=bool(row.get("group")),
        )
        for row in rows
    ]


def measure_faces(
    pairs: Sequence[Pair],
    *,
    reader: PortraitReader | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> FacesReport:
    """Return the error rates over pairs. `advance` is called once a distinct picture.

    A picture that cannot be read or shows no face is a failure to acquire, counted by reason: its pairs score below every
    threshold, so a genuine one counts as a miss. `failure_to_acquire` is the share of pictures; `ms_per_image` is CPU time.
    """
    faces = reader or PortraitReader()
    paths = list(dict.fromkeys(path for pair in pairs for path in (pair.first, pair.second)))
    began = time.process_time()
    portraits: dict[Path, Portrait | None] = {}
    reasons: Counter[str] = Counter()
    for path in paths:
        portraits[path], reason = _read_portrait(path, faces)
        reasons.update([reason] if reason else [])
        advance(1)
    spent = time.process_time() - began
    sides = [(portraits[pair.first], portraits[pair.second]) for pair in pairs]
    same = np.array([pair.same for pair in pairs])
    scores = np.array([_score_pair(first, second) for first, second in sides])
    genuine, impostor = scores[same], scores[~same]
    failed = sum(portrait is None for portrait in portraits.values())
    figures: dict[str, Any] = {
        "pairs": len(pairs),
        "genuine": int(genuine.size),
        "impostor": int(impostor.size),
        "images": len(paths),
        "failed_images": failed,
        "failure_to_acquire": failed / len(paths),
        "failure_reasons": dict(sorted(reasons.items())),
        **_rates(genuine, impostor),
        "model": faces.model.manifest.name,
        "model_sha256": faces.model.manifest.sha256,
        "ms_per_image": 1000 * spent / len(paths),
    }
    limit = figures["threshold_at_fmr_1e-3"]
    figures["groups_are"] = say_groups(labelled=any(pair.labelled for pair in pairs))
    figures["by_group"] = describe_groups(pairs, scores, limit)
    binned = [replace(pair, group=_lower_quality(both)) for pair, both in zip(pairs, sides, strict=True)]
    figures["by_quality"] = describe_groups(binned, scores, limit)
    figures["det_ci95"] = _find_band(pairs, scores, same)
    if faces.second is not None:
        likeness = np.array([_score_second(first, second) for first, second in sides])
        figures |= _report_second(faces.second.manifest, scores, likeness, same)
    return FacesReport(figures, trade_off(genuine, impostor) if genuine.size and impostor.size else None)


def describe_groups(
    pairs: Sequence[Pair], scores: Scores, threshold: float | None
) -> dict[str, dict[str, Any]]:
    """Return each group's FNMR and FMR at one threshold for all, and how far they lie from everybody else's.

    Pairs are taken as one person's when their first pictures are the same file. Empty without a threshold.
    """
    if threshold is None:
        return {}
    kinds = {}
    for name, same in (("fnmr", True), ("fmr", False)):
        chosen = [place for place, pair in enumerate(pairs) if pair.same is same]
        wrong = (scores[chosen] >= threshold) != same
        people = [str(pairs[place].first) for place in chosen]
        kinds[name] = Trials(wrong, people, [pairs[place].group for place in chosen])
    return {
        group: {name: compare_group(trials, group) for name, trials in kinds.items()}
        for group in list_groups(*kinds.values())
    }


def _read_portrait(path: Path, faces: PortraitReader) -> tuple[Portrait | None, str]:
    """Return a picture's portrait, or None and the reason why it has none. Raises `WrongModel`."""
    try:
        return faces.read_main(read_picture(path)), ""
    except WrongModel:
        raise
    except WaysealError as error:
        return None, str(error.facts.get("reason", "unreadable"))


def _lower_quality(sides: tuple[Portrait | None, Portrait | None]) -> str:
    """Return the bin of the poorer picture of a pair."""
    scores = [None if side is None else side.quality.score for side in sides]
    return name_quality(None if None in scores else min(score for score in scores if score is not None))


def _find_band(pairs: Sequence[Pair], scores: Scores, same: NDArray[np.bool_]) -> Band | None:
    """Return the band of FNMR at rising FMR, over first pictures; None when a side has no pairs."""
    if same.all() or not same.any():
        return None
    people = np.array([str(pair.first) for pair in pairs])
    return find_band(scores[same], people[same].tolist(), scores[~same], people[~same].tolist())


def _score_pair(first: Portrait | None, second: Portrait | None) -> float:
    """Return the similarity of a pair, `MISSING` when either side could not be acquired."""
    return MISSING if first is None or second is None else cosine(first.template, second.template)


def _score_second(first: Portrait | None, second: Portrait | None) -> float:
    """Return the second opinion on a pair, `MISSING` when either side could not be acquired."""
    if first is None or second is None or first.second is None or second.second is None:
        return MISSING
    return rate_likeness(first.second, second.second)


def _report_second(
    manifest: ModelManifest, scores: Scores, likeness: Scores, same: NDArray[np.bool_]
) -> dict[str, Any]:
    """Return the second opinion's own rates, those of both scores added, and how often it doubts a match.

    `doubted` counts pairs that pass the main model's candidate threshold and fail the second's: rare among genuine pairs,
    frequent among impostors, when it is worth asking.
    """
    limit = manifest.thresholds["disagree"]
    doubted = np.array(
        [is_contradicted(a, b, match=0.36, disagree=limit) for a, b in zip(scores, likeness, strict=True)]
    )
    fused = scores + likeness
    return {
        "second_opinion": {"model": manifest.name, **_rates(likeness[same], likeness[~same])},
        "fusion": _rates(fused[same], fused[~same]),
        "doubted": {
            "genuine": int((doubted & same).sum()),
            "genuine_matches": int(((scores >= 0.36) & same).sum()),
            "impostor": int((doubted & ~same).sum()),
            "impostor_matches": int(((scores >= 0.36) & ~same).sum()),
        },
    }


def _rates(genuine: Scores, impostor: Scores) -> dict[str, float | None]:
    """Return the figures over both kinds of pairs; None where a side is empty."""
    names = (
        "auc",
        "eer",
        "fnmr_at_fmr_1e-2",
        "fnmr_at_fmr_1e-3",
        "threshold_at_fmr_1e-2",
        "threshold_at_fmr_1e-3",
    )
    if not genuine.size or not impostor.size:
        return dict.fromkeys(names)
    loose, strict = fnmr_at_fmr(genuine, impostor, 1e-2), fnmr_at_fmr(genuine, impostor, 1e-3)
    values = (auc(genuine, impostor), eer(genuine, impostor), loose[0], strict[0], loose[1], strict[1])
    return dict(zip(names, values, strict=True))
