"""Fit the shipped calibration, and show on people it never saw that its promise holds.

Usage: fit_calibration.py DATA [--source lfw] [--write FILE] [--splits 30] [--json FILE]

DATA holds `faces/manifest.csv` (path, identity, source). Impostors are drawn within one source: between sources the same
person may have two labels. The table comes from splits of the people into two halves: one calibrates (mean, thresholds,
intervals), the other is searched; nothing of the second is seen by the first. Templates stay in memory.
"""

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from wayseal.match.calibrate import Calibration, fit_calibration
from wayseal.model.errors import WaysealError
from wayseal.vision.picture import read_picture
from wayseal.vision.portrait import PortraitReader

RATES = (0.01, 0.003, 0.001)


def read_faces(data: Path, source: str) -> tuple[np.ndarray, np.ndarray, str]:
    """Return (templates, people, model SHA-256) of one source's pictures, as an import would read them."""
    reader = PortraitReader()
    vectors, people = [], []
    with (data / "faces" / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["source"] == source]
    for row in rows:
        try:
            portrait = reader.read_enrolment(read_picture(data / "faces" / row["path"]))
        except WaysealError:
            continue
        vectors.append(portrait.template.vector)
        people.append(row["identity"])
    return np.stack(vectors), np.array(people), reader.model.manifest.sha256


def split_people(
    people: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return indices (calibration, gallery, mated probes, non-mated probes); the last three are of other people."""
    names = random.permutation(np.unique(people))
    half, quarter = len(names) // 2, len(names) * 3 // 4
    train = np.flatnonzero(np.isin(people, names[:half]))
    gallery, mated = [], []
    for name in names[half:quarter]:
        pictures = random.permutation(np.flatnonzero(people == name))
        gallery.append(pictures[0])
        mated.extend(pictures[1:])
    return train, np.array(gallery), np.array(mated), np.flatnonzero(np.isin(people, names[quarter:]))


def measure_split(
    calibration: Calibration, vectors: np.ndarray, people: np.ndarray, parts: tuple[np.ndarray, ...]
) -> dict[float, dict[str, float]]:
    """Return, for each rate, the figures of one split at the calibrated threshold."""
    gallery, mated, nonmated = (calibration.prepare(vectors[part]) for part in parts)
    best = (nonmated @ gallery.T).max(axis=1)
    scores = mated @ gallery.T
    own = scores[people[parts[1]][:, None] == people[parts[0]][None, :]]
    first = own >= scores.max(axis=1)
    figures = {}
    for rate in RATES:
        level = calibration.threshold(len(gallery), rate)
        low, high = calibration.interval(len(gallery), level)
        picked = float(np.quantile(best, 1 - rate))
        figures[rate] = {
            "threshold": level,
            "low": low,
            "high": high,
            "fpir": float((best >= level).mean()),
            "fnir": float((~first | (own < level)).mean()),
            "fnir_at_observed": float((~first | (own < picked)).mean()),
            "alarms": float((best >= level).sum()),
            "searches": float(best.size),
        }
    return figures


def cross_validate(vectors: np.ndarray, people: np.ndarray, splits: int) -> list[dict[str, Any]]:
    """Return the table's rows: with and without the mean taken away, for each rate, averaged over splits."""
    random = np.random.default_rng(20261122)
    runs: dict[tuple[str, float], list[dict[str, float]]] = {}
    for _ in range(splits):
        train, *parts = split_people(people, random)
        for name in ("mean taken away", "as the model gives them"):
            plain = name != "mean taken away"
            made = fit_calibration(
                vectors[train], people[train].tolist(), model_sha256="", source="", centred=not plain
            )
            for rate, figures in measure_split(made, vectors, people, tuple(parts)).items():
                runs.setdefault((name, rate), []).append(figures)
    rows = []
    for (name, rate), figures in runs.items():
        mean = {key: float(np.mean([one[key] for one in figures])) for key in figures[0]}
        pooled = sum(one["alarms"] for one in figures) / sum(one["searches"] for one in figures)
        rows.append({"comparison": name, "target": rate, **mean, "fpir": pooled, "splits": splits})
    return rows


def print_rows(rows: list[dict[str, Any]]) -> None:
    """Print the rows as a Markdown table."""
    print(
        "| comparison | FPIR wanted | stated interval | FPIR achieved | threshold | FNIR | FNIR at the FPIR observed |"
    )
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['comparison']} | {row['target']:g} | {row['low']:.4f} to {row['high']:.4f} | {row['fpir']:.4f} |"
            f" {row['threshold']:.3f} | {row['fnir']:.4f} | {row['fnir_at_observed']:.4f} |"
        )


def main() -> None:
    """Fit, print, and write where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--source", default="lfw")
    parser.add_argument("--splits", type=int, default=30)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    vectors, people, model = read_faces(chosen.data, chosen.source)
    rows = cross_validate(vectors, people, chosen.splits)
    print_rows(rows)
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    if chosen.write:
        source = (
            "Labeled Faces in the Wild, deep-funneled (Huang et al., 2007): press photographs; searches within the set"
            if chosen.source == "lfw"
            else chosen.source
        )
        made = fit_calibration(vectors, people.tolist(), model_sha256=model, source=source)
        chosen.write.write_text(made.to_json() + "\n", encoding="utf-8")
        print(
            f"{made.people} people, {made.templates} templates; supports {made.largest_gallery(0.003)} at 0.003"
        )


if __name__ == "__main__":
    main()
