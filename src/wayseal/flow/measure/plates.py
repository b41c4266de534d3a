"""Plate reading over single pictures with known plates: the report of `evaluate plates`.

Reads pictures and a CSV, keeps nothing, and reports figures only: no plate text leaves it.
"""

import csv
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wayseal.flow.plot import save_figure
from wayseal.model.errors import BadPicture, Invalid, NotFound, WaysealError
from wayseal.vision.models import PLATE_FINDER, PLATE_READER, find_model, load_session
from wayseal.vision.picture import read_picture
from wayseal.vision.plate.calibrate import tabulate_reliability
from wayseal.vision.plate.confusion import list_alike
from wayseal.vision.plate.reader import PlateReader
from wayseal.vision.plate.still import read_still

HEADER = ("path", "plate")


@dataclass(frozen=True, slots=True)
class PlateRow:
    """One picture and the plate it shows, without spaces and hyphens, in capitals."""

    path: Path
    plate: str = field(repr=False)
    name: str = ""


@dataclass(frozen=True, slots=True)
class PlateScore:
    """How one picture was read. `reason` is empty unless nothing was read; `edits` are characters wrong, missing or extra.

    `alike` are the plates that a look-up tries beside the text, and `findable` says whether the truth is it or among them.
    """

    exact: bool
    top3: bool
    edits: int
    length: int
    confidence: float
    reason: str = ""
    alike: int = 0
    findable: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class PlatesReport:
    """The figures of one run (CONTRACT names) and the scores behind them, in the order of the manifest."""

    figures: dict[str, Any]
    scores: tuple[PlateScore, ...]


def read_manifest(path: Path) -> list[PlateRow]:
    """Return the rows of a CSV `path,plate[,region]`; paths are relative to it, rows without a plate are left out.

    Raises `NotFound` when there is no such file and `Invalid` when it is no such CSV or labels no picture.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise NotFound(f"cannot read the manifest: {error.strerror}", hint="Give a CSV path,plate.") from None
    except (UnicodeDecodeError, csv.Error):
        raise Invalid("the manifest is not a CSV", hint="Give a UTF-8 CSV path,plate.") from None
    if not rows or not set(HEADER) <= set(rows[0]):
        raise Invalid("the manifest has no rows or another header", hint="Its header is path,plate[,region].")
    named = [(row["path"] or "", fold_plate(row["plate"] or "")) for row in rows]
    labelled = [PlateRow(path.parent / name, plate, name) for name, plate in named if name and plate]
    if not labelled:
        raise Invalid("no row of the manifest has a path and a plate", hint="Give the plate of each picture.")
    return labelled


def fold_plate(text: str) -> str:
    """Return a plate as it is compared: without spaces and hyphens, in capitals, and nothing else changed."""
    return text.replace(" ", "").replace("-", "").upper()


def make_reader() -> PlateReader:
    """Return a plate reader from the pinned models."""
    return PlateReader(load_session(PLATE_FINDER), load_session(PLATE_READER))


def measure_plates(
    rows: Sequence[PlateRow],
    *,
    reader: PlateReader | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> PlatesReport:
    """Return how many plates were read right. A picture that cannot be read counts as wrong, with its reason.

    Rates are shares from 0 to 1; `ms_per_image` is CPU time. `findable` is the share whose history a look-up with look-alikes
    would find, `alike` how many plates it tries beside the one read. `advance` is called once a picture.
    """
    plates = reader or make_reader()
    began = time.process_time()
    scores = []
    for row in rows:
        scores.append(_score_row(row, plates))
        advance(1)
    spent = time.process_time() - began
    confidences = np.array([score.confidence for score in scores])
    right = np.array([score.exact for score in scores])
    figures: dict[str, Any] = {
        "images": len(rows),
        "exact": float(right.mean()),
        "character_accuracy": _share_right(scores),
        "top3_exact": float(np.mean([score.top3 for score in scores])),
        "findable": float(np.mean([score.findable for score in scores])),
        "alike": float(np.mean([score.alike for score in scores])),
        "ms_per_image": 1000 * spent / len(rows),
        "reliability": [
            {"confidence": said, "exact": was, "images": count}
            for said, was, count in tabulate_reliability(confidences, right)
        ],
        "failed": [
            {"path": row.name, "reason": score.reason}
            for row, score in zip(rows, scores, strict=True)
            if score.reason
        ],
        "model": find_model(PLATE_READER).name,
        "model_sha256": find_model(PLATE_READER).sha256,
    }
    return PlatesReport(figures, tuple(scores))


def _score_row(row: PlateRow, reader: PlateReader) -> PlateScore:
    """Return how one picture was read."""
    size = len(row.plate)
    try:
        found = read_still(reader, read_picture(row.path))
    except BadPicture as error:
        return PlateScore(False, False, size, size, 0.0, str(error.facts.get("reason", "unreadable")))
    except WaysealError:
        return PlateScore(False, False, size, size, 0.0, "missing")
    if found is None:
        return PlateScore(False, False, size, size, 0.0, "no_plate_found")
    texts = [text for text, _ in found.reading.alternatives[:3]]
    edits = count_edits(found.reading.text, row.plate)
    alike = list_alike(found.reading.text)
    findable = row.plate in (found.reading.text, *alike)
    return PlateScore(
        edits == 0, row.plate in texts, edits, size, found.confidence, alike=len(alike), findable=findable
    )


def _share_right(scores: Sequence[PlateScore]) -> float:
    """Return the share of all plates' characters that were read right; a plate cannot count below zero."""
    kept = sum(max(0, score.length - score.edits) for score in scores)
    return kept / sum(score.length for score in scores)


def count_edits(one: str, other: str) -> int:
    """Return the Levenshtein distance of two strings."""
    previous = list(range(len(other) + 1))
    for row, mine in enumerate(one, start=1):
        current = [row]
        for column, theirs in enumerate(other, start=1):
            current.append(
                min(previous[column] + 1, current[-1] + 1, previous[column - 1] + (mine != theirs))
            )
        previous = current
    return previous[-1]


def plot_plates(report: PlatesReport, path: Path) -> None:
    """Draw said confidence against the share that was right into a PNG or SVG. Raises `Invalid` when it cannot."""
    # Late: drawing is the only use of the plotting library here.
    from matplotlib.figure import Figure  # noqa: PLC0415

    rows = report.figures["reliability"]
    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot((0, 1), (0, 1), color="grey", linestyle="dashed", label="as said")
    axes.plot(
        [row["confidence"] for row in rows], [row["exact"] for row in rows], marker="o", label="measured"
    )
    for row in rows:
        axes.annotate(
            f"n={row['images']}",
            (row["confidence"], row["exact"]),
            textcoords="offset points",
            xytext=(6, -10),
        )
    axes.set(
        xlabel="confidence said", ylabel="share right to the last character", xlim=(0, 1), ylim=(0, 1.02)
    )
    axes.set_title(f"Plates: {report.figures['images']} pictures, {report.figures['exact']:.1%} exact")
    axes.legend(loc="upper left")
    axes.grid(visible=True, alpha=0.3)
    save_figure(figure, path)
