"""Fit the shipped calibration, and show on people it never saw that its promise holds, in colour and in infrared.

Usage: fit_calibration.py DATA [--source lfw] [--write FILE] [--splits 30] [--json FILE]

DATA holds `faces/manifest.csv` (path, identity, source). Impostors are drawn within one source: between sources the same
person may have two labels. Galleries hold templates as an import makes them; probes are the same networks' templates of the
picture in colour, and of the picture as an infrared camera might give it. The tables come from splits of the people into two
halves: one calibrates (mean, thresholds, intervals), the other is searched; nothing of the second is seen by the first.
Templates stay in memory.
"""

import argparse
import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from degrade import as_infrared

from wayseal.match.calibrate import Calibration, fit_calibration
from wayseal.match.strangers import Looks, search_strangers
from wayseal.match.tail import Tail, fit_excess, fit_tail
from wayseal.model.errors import WaysealError
from wayseal.vision.picture import read_picture
from wayseal.vision.portrait import PortraitReader

RATES = (0.01, 0.003, 0.001)
LIGHTS = ("colour", "infrared")
_SEED = 20261122


@dataclass(frozen=True, eq=False)
class Faces:
    """Templates of one source's pictures: as a gallery holds them, and as each light's probe. (n, d) each, same order."""

    enrolled: np.ndarray
    probes: dict[str, np.ndarray]
    people: np.ndarray
    model: str


def read_faces(data: Path, source: str) -> Faces:
    """Return the templates of one source's pictures. A picture that an import would refuse is left out."""
    reader = PortraitReader()
    with (data / "faces" / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["source"] == source]
    found = []
    for row in rows:
        bgr = read_picture(data / "faces" / row["path"])
        try:
            made = (reader.read_enrolment(bgr), reader.read_main(bgr), reader.read_main(as_infrared(bgr)))
        except WaysealError:
            continue
        found.append((row["identity"], [one.template.vector for one in made]))
    enrolled, *probes = (np.stack([vectors[part] for _, vectors in found]) for part in range(3))
    return Faces(
        enrolled,
        dict(zip(LIGHTS, probes, strict=True)),
        np.array([name for name, _ in found]),
        reader.model.manifest.sha256,
    )


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
    calibration: Calibration,
    faces: Faces,
    light: str,
    parts: tuple[np.ndarray, ...],
) -> dict[float, dict[str, float]]:
    """Return, for each rate, the figures of one split at the calibrated threshold, with one light's probes."""
    gallery = calibration.prepare(faces.enrolled[parts[0]])
    mated, nonmated = (calibration.prepare(faces.probes[light][part]) for part in parts[1:])
    best = (nonmated @ gallery.T).max(axis=1)
    scores = mated @ gallery.T
    own = scores[faces.people[parts[1]][:, None] == faces.people[parts[0]][None, :]]
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


def cross_validate(faces: Faces, splits: int) -> list[dict[str, Any]]:
    """Return the table's rows: with and without the mean taken away, for each light and rate, averaged over splits."""
    random = np.random.default_rng(_SEED)
    runs: dict[tuple[str, str, float], list[dict[str, float]]] = {}
    for _ in range(splits):
        train, *parts = split_people(faces.people, random)
        for name in ("mean taken away", "as the model gives them"):
            made = fit_calibration(
                faces.enrolled[train], faces.people[train].tolist(), model_sha256="", source="",
                centred=name == "mean taken away", probes=[Looks(faces.probes[light][train], faces.people[train].tolist()) for light in LIGHTS],
            )  # fmt: skip
            for light in LIGHTS:
                for rate, figures in measure_split(made, faces, light, tuple(parts)).items():
                    runs.setdefault((name, light, rate), []).append(figures)
    rows = []
    for (name, light, rate), figures in runs.items():
        mean = {key: float(np.mean([one[key] for one in figures])) for key in figures[0]}
        pooled = sum(one["alarms"] for one in figures) / sum(one["searches"] for one in figures)
        rows.append(
            {"comparison": name, "light": light, "target": rate, **mean, "fpir": pooled,
             "splits": splits}
        )  # fmt: skip
    return rows


def check_tail(faces: Faces, *, rounds: int = 200) -> list[dict[str, float]]:
    """Return how well the fitted tail follows the maxima it is for, at several shares of them taken as the tail.

    One search a person, so that the searches are nearly independent. `gap` is the largest difference between the observed and
    the fitted distribution within the tail; `p` the share of tails drawn from the fit, and fitted again, that differ as much.
    """
    random = np.random.default_rng(_SEED)
    _, first = np.unique(faces.people, return_index=True)
    names = faces.people.tolist()
    gallery, probes = Looks(faces.enrolled, names), Looks(faces.probes["colour"], names)
    (best,) = search_strangers(gallery, [probes], len(first) - 1, random, centred=True)
    best = best[: len(names)][first]
    rows = []
    for share in (0.05, 0.1, 0.2):
        tail = fit_tail(best, len(first) - 1, share=share)
        over = np.sort(best[best > tail.start] - tail.start)
        gap = largest_gap(over, tail)
        drawn = []
        for _ in range(rounds):
            made = draw_excess(tail, over.size, random)
            again = fit_excess(np.sort(made))
            drawn.append(largest_gap(np.sort(made), Tail(0, tail.body, *again, tail.share)))
        rows.append(
            {"share": share, "points": float(over.size), "shape": tail.shape, "gap": gap,
             "p": float(np.mean(np.array(drawn) >= gap)), **{f"{rate:g}": tail.score_at(rate) for rate in RATES}}
        )  # fmt: skip
    return rows


def largest_gap(over: np.ndarray, tail: Tail) -> float:
    """Return the Kolmogorov-Smirnov distance of sorted excesses from a tail's law."""
    said = 1 - np.array([tail.exceedance(tail.start + one) for one in over]) / tail.share
    steps = np.arange(over.size + 1) / over.size
    return float(max(np.abs(said - steps[1:]).max(), np.abs(said - steps[:-1]).max()))


def draw_excess(tail: Tail, count: int, random: np.random.Generator) -> np.ndarray:
    """Return random excesses over a tail's start, by its law."""
    return np.array([tail.score_at(tail.share * chance) for chance in random.random(count)]) - tail.start


def compare_cohorts(faces: Faces, splits: int) -> list[dict[str, Any]]:
    """Return misses at three rates, the threshold picked on the strangers themselves, for scores scaled by a cohort or not.

    The cohort are the calibrating half's gallery templates. `z` scales a score by the cohort's spread around the gallery's
    template, `t` around the probe's, `s` is the mean of both; a number takes only so many nearest of the cohort.
    """
    random = np.random.default_rng(_SEED)
    ways: list[tuple[str, int]] = [("none", 0), ("z", 0), ("t", 0), ("s", 0), ("s", 100), ("s", 20)]
    found: dict[tuple[str, str], list[tuple[np.ndarray, np.ndarray]]] = {}
    for _ in range(splits):
        train, *parts = split_people(faces.people, random)
        centre = faces.enrolled[train].mean(axis=0)
        cohort, gallery = (take_away(faces.enrolled[part], centre) for part in (train, parts[0]))
        own = faces.people[parts[1]][:, None] == faces.people[parts[0]][None, :]
        for light in LIGHTS:
            mated, others = (take_away(faces.probes[light][part], centre) for part in parts[1:])
            for way, nearest in ways:
                scores = scale_scores(mated, gallery, cohort, way, nearest)
                first = scores[own] >= scores.max(axis=1)
                strangers = scale_scores(others, gallery, cohort, way, nearest).max(axis=1)
                name = f"{way}{nearest or ''}"
                found.setdefault((name, light), []).append((strangers, np.where(first, scores[own], -np.inf)))
    rows = []
    for (name, light), runs in found.items():
        strangers, mates = (np.concatenate(side) for side in zip(*runs, strict=True))
        misses = {f"{rate:g}": float((mates < np.quantile(strangers, 1 - rate)).mean()) for rate in RATES}
        rows.append({"cohort": name, "light": light, **misses})
    return rows


def take_away(vectors: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Return templates without a mean, of unit length again."""
    moved = vectors - centre
    return moved / np.linalg.norm(moved, axis=1, keepdims=True)


def scale_scores(
    probes: np.ndarray, gallery: np.ndarray, cohort: np.ndarray, way: str, nearest: int
) -> np.ndarray:
    """Return scores of probes (rows) with a gallery (columns), scaled by how a cohort scores with either."""
    scores = probes @ gallery.T
    if way == "none":
        return scores
    sides = []
    for side in (gallery, probes):
        among = np.sort(side @ cohort.T, axis=1)[:, -nearest:] if nearest else side @ cohort.T
        sides.append((among.mean(axis=1), among.std(axis=1)))
    by_gallery = (scores - sides[0][0]) / sides[0][1]
    by_probe = (scores - sides[1][0][:, None]) / sides[1][1][:, None]
    return {"z": by_gallery, "t": by_probe, "s": (by_gallery + by_probe) / 2}[way]


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print rows as a Markdown table with four digits."""
    print("\n| " + " | ".join(rows[0]) + " |\n|" + "---|" * len(rows[0]))
    for row in rows:
        cells = [f"{value:.4f}" if isinstance(value, float) else str(value) for value in row.values()]
        print("| " + " | ".join(cells) + " |")


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
    faces = read_faces(chosen.data, chosen.source)
    tables = {
        "promise": cross_validate(faces, chosen.splits),
        "tail": check_tail(faces),
        "cohort": compare_cohorts(faces, chosen.splits),
    }
    for rows in tables.values():
        print_table(rows)
    if chosen.json:
        chosen.json.write_text(json.dumps(tables, indent=1) + "\n", encoding="utf-8")
    if chosen.write:
        source = (
            "Labeled Faces in the Wild, deep-funneled (Huang et al., 2007): press photographs, searched in colour and as infrared within the set"
            if chosen.source == "lfw"
            else chosen.source
        )
        made = fit_calibration(
            faces.enrolled, faces.people.tolist(), model_sha256=faces.model, source=source,
            probes=[Looks(one, faces.people.tolist()) for one in faces.probes.values()],
        )  # fmt: skip
        chosen.write.write_text(made.to_json() + "\n", encoding="utf-8")
        print(
            f"{made.people} people, {made.templates} templates; supports {made.largest_gallery(0.003)} at 0.003"
        )


if __name__ == "__main__":
    main()
