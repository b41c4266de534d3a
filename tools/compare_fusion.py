"""Is a sum of two networks' scores better than one in open set? Measured on people that no threshold was fitted on.

Usage: compare_fusion.py DATA [--source lfw] [--splits 20] [--keep FILE.npz]

Needs the optional second network (`wayseal models install --from DIR`). Half of the people calibrate each way of scoring by the
product's own fit; the other half is searched: a quarter enrolled, a quarter strangers. Every way gets the rate of false positives
that its own strangers give, so that ways are compared at the same rate; beside it stands what its calibrated threshold gave.
`--keep` stores the templates of these public pictures for another run; without it nothing is written.
"""

import argparse
import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from degrade import CONDITIONS, as_infrared, degrade, nearest_face
from fit_calibration import split_people

from wayseal.flow.measure.rates import bootstrap_interval
from wayseal.match.calibrate import Calibration, fit_calibration
from wayseal.match.strangers import Looks
from wayseal.model.border import Pixels
from wayseal.model.errors import WaysealError
from wayseal.vision.picture import faces_in, read_picture
from wayseal.vision.portrait import Portrait, PortraitReader
from wayseal.vision.second_opinion import SecondOpinion

RATES = (0.01, 0.003, 0.001)
LIGHTS = ("colour", "infrared")
POOR = (
    "lane mixture, 64 px",
    "lane mixture, 48 px",
    "infrared mixture, 64 px",
    "dark x0.2, noise 8",
    "smear 11 px",
)
WEIGHTS = (0.25, 0.5, 1.0)
DOUBT = 0.36
_NOBODY = -9.0
_SEED = 20261122
Scorer = Callable[[np.ndarray, str, np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Twins:
    """Both networks' numbers of the same pictures: `first` unit templates, `second` dlib's own numbers. By condition, (n, 128).

    `enrolled` is the condition of the gallery; a face that was not found is a row of NaN.
    """

    people: np.ndarray
    first: dict[str, np.ndarray]
    second: dict[str, np.ndarray]


def read_twins(data: Path, source: str) -> Twins:
    """Return both networks' numbers of one source's pictures, as enrolled and under each condition."""
    reader = PortraitReader(second=SecondOpinion())
    rng = np.random.default_rng(_SEED)
    with (data / "faces" / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["source"] == source]
    people, made = [], []
    for row in rows:
        bgr = read_picture(data / "faces" / row["path"])
        try:
            shown = {"enrolled": reader.read_enrolment(bgr), "colour": reader.read_main(bgr)}
        except WaysealError:
            continue
        shown["infrared"] = read_probe(reader, as_infrared(bgr))
        for name in POOR:
            done, points = degrade(bgr, shown["colour"].found, CONDITIONS[name], rng)
            shown[name] = read_probe(reader, done, points)
        people.append(row["identity"])
        made.append(shown)
    names = ("enrolled", *LIGHTS, *POOR)
    return Twins(
        np.array(people),
        {name: np.stack([first_numbers(one[name]) for one in made]) for name in names},
        {name: np.stack([second_numbers(one[name]) for one in made]) for name in names},
    )


def read_probe(reader: PortraitReader, bgr: Pixels, points: np.ndarray | None = None) -> Portrait | None:
    """Return the portrait of the face at `points`, else of the main one; None when there is no face."""
    try:
        near = None if points is None else nearest_face(faces_in(bgr, reader.detector), points)
        return reader.read_main(bgr) if near is None else reader.read_at(bgr, near)
    except WaysealError:
        return None


def first_numbers(portrait: Portrait | None) -> np.ndarray:
    """Return the first network's unit template, NaN without one."""
    return np.full(128, np.nan, np.float32) if portrait is None else portrait.template.vector


def second_numbers(portrait: Portrait | None) -> np.ndarray:
    """Return the second network's own numbers, NaN without any."""
    if portrait is None or portrait.second is None:
        return np.full(128, np.nan, np.float32)
    return portrait.second.vector * portrait.second.strength


def centre_rows(rows: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Return templates without a mean, of unit length again."""
    moved = rows - centre
    return moved / np.linalg.norm(moved, axis=1, keepdims=True)


def join_vectors(twins: Twins, train: np.ndarray, weight: float) -> dict[str, np.ndarray]:
    """Return one vector a picture whose inner products are the weighted mean of both networks' cosines, by condition."""
    firsts, seconds = twins.first, {
        name: rows / np.linalg.norm(rows, axis=1, keepdims=True) for name, rows in twins.second.items()
    }  # fmt: skip
    means = firsts["enrolled"][train].mean(axis=0), seconds["enrolled"][train].mean(axis=0)
    return {
        name: np.hstack(
            [centre_rows(firsts[name], means[0]), np.sqrt(weight) * centre_rows(seconds[name], means[1])]
        ).astype(np.float32) / np.float32(np.sqrt(1 + weight))
        for name in firsts
    }  # fmt: skip


def list_scorers(twins: Twins, train: np.ndarray) -> dict[str, tuple[Scorer, Calibration | None]]:
    """Return each way of scoring, and its own calibration by the product's fit where it is an inner product."""
    ways: dict[str, tuple[Scorer, Calibration | None]] = {}
    for weight in (0.0, *WEIGHTS):
        joined = join_vectors(twins, train, weight)
        made = fit_calibration(
            joined["enrolled"][train], twins.people[train].tolist(), model_sha256="", source="", centred=False,
            probes=[Looks(joined[light][train], twins.people[train].tolist()) for light in LIGHTS],
        )  # fmt: skip
        name = f"first + {weight:g} second" if weight else "first alone"
        ways[name] = (
            lambda gallery, shown, rows, joined=joined: joined[shown][rows] @ joined["enrolled"][gallery].T,
            made,
        )
    alone = ways["first alone"][0]
    ways["first + dlib's likeness"] = (
        lambda gallery, shown, rows: alone(gallery, shown, rows) + liken(twins, gallery, shown, rows), None,
    )  # fmt: skip
    ways[f"first, none that dlib doubts ({DOUBT:g})"] = (
        lambda gallery, shown, rows: np.where(
            liken(twins, gallery, shown, rows) >= DOUBT, alone(gallery, shown, rows), _NOBODY
        ),
        None,
    )
    return ways


def liken(twins: Twins, gallery: np.ndarray, shown: str, rows: np.ndarray) -> np.ndarray:
    """Return dlib's likeness, 1 less the distance, of probes (rows) and a gallery (columns)."""
    probes, mates = twins.second[shown][rows], twins.second["enrolled"][gallery]
    squares = (probes**2).sum(axis=1)[:, None] + (mates**2).sum(axis=1)[None] - 2 * probes @ mates.T
    return 1 - np.sqrt(np.maximum(squares, 0))


@dataclass(eq=False)
class Runs:
    """What all splits gave for one way and condition: strangers' best scores, mates' scores, and which calibrated alarm or miss."""

    strangers: list[np.ndarray]
    mates: list[np.ndarray]
    alarms: list[np.ndarray]
    misses: list[np.ndarray]


def search_splits(twins: Twins, splits: int) -> tuple[dict[tuple[str, str], Runs], list[str]]:
    """Return the scores of every way and condition over random splits, and whose the mated probes were."""
    random = np.random.default_rng(_SEED)
    found: dict[tuple[str, str], Runs] = {}
    people: list[str] = []
    for _ in range(splits):
        train, gallery, mated, others = split_people(twins.people, random)
        people += twins.people[mated].tolist()
        own = twins.people[mated][:, None] == twins.people[gallery][None, :]
        for name, (score, made) in list_scorers(twins, train).items():
            for shown in (*LIGHTS, *POOR):
                best = np.nan_to_num(score(gallery, shown, others), nan=_NOBODY).max(axis=1)
                scores = np.nan_to_num(score(gallery, shown, mated), nan=_NOBODY)
                mates = np.where(scores[own] >= scores.max(axis=1), scores[own], _NOBODY)
                runs = found.setdefault((name, shown), Runs([], [], [], []))
                runs.strangers.append(best)
                runs.mates.append(mates)
                if made is not None:
                    level = made.threshold(len(gallery), 0.003)
                    runs.alarms.append(best >= level)
                    runs.misses.append(mates < level)
    return found, people


def print_tables(found: dict[tuple[str, str], Runs], people: list[str]) -> None:
    """Print, for each condition, misses of each way at three rates and how far each lies from the first network alone."""
    for shown in (*LIGHTS, *POOR):
        print(f"\n**{shown}**\n\n| score | FNIR at FPIR 0.01 | 0.003 | 0.001 | at 0.003 less the first alone (95 %) | "
              "calibrated for 0.003: FPIR | FNIR |\n|---|---|---|---|---|---|---|")  # fmt: skip
        base = _missed(found["first alone", shown], 0.003)
        for (name, condition), runs in found.items():
            if condition != shown:
                continue
            cells = [f"{_missed(runs, rate).mean():.4f}" for rate in RATES]
            apart = _missed(runs, 0.003).astype(float) - base
            low, high = bootstrap_interval(apart, people, lambda part: float(np.mean(part)), rounds=400)
            cells.append(f"{apart.mean():+.4f} ({low:+.4f} to {high:+.4f})")
            cells += [
                f"{np.concatenate(side).mean():.4f}" if side else "-" for side in (runs.alarms, runs.misses)
            ]
            print(f"| {name} | " + " | ".join(cells) + " |")


def _missed(runs: Runs, rate: float) -> np.ndarray:
    """Return which mated searches are missed where the strangers themselves give `rate`."""
    return np.concatenate(runs.mates) < np.quantile(np.concatenate(runs.strangers), 1 - rate)


def main() -> None:
    """Read, search and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--source", default="lfw")
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--keep", type=Path)
    chosen = parser.parse_args()
    if chosen.keep and chosen.keep.is_file():
        held = np.load(chosen.keep)
        names = [name.removeprefix("first ") for name in held.files if name.startswith("first ")]
        first, second = ({name: held[f"{which} {name}"] for name in names} for which in ("first", "second"))
        twins = Twins(held["people"], first, second)
    else:
        twins = read_twins(chosen.data, chosen.source)
    if chosen.keep and not chosen.keep.is_file():
        parts = {
            f"{which} {name}": rows
            for which in ("first", "second")
            for name, rows in getattr(twins, which).items()
        }
        np.savez(chosen.keep, people=twins.people, **parts)
    found, people = search_splits(twins, chosen.splits)
    print(f"{len(twins.people)} pictures of {len(np.unique(twins.people))} people, {chosen.splits} splits")
    print_tables(found, people)


if __name__ == "__main__":
    main()
