"""What each treatment of a poor picture adds: degraded stills, then lane videos, in printed tables.

Usage: accuracy_treatments.py DATA [--probes N] [--only stills|lane|mixed] [--json FILE]

One treatment at a time against none, one threshold for all (cosine 0.36). Stills: a degraded picture of each person against
the clean enrolment of that person and of all others. Lane videos: the product's own capture with one step exchanged, as filmed
and altered; then shots of somebody else mixed into a track. Nothing is written but the JSON asked for.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from degrade import CONDITIONS, Recipe, degrade, nearest_face
from fit_quality import Laboratory
from treatments import Repair, deblur, fuse_exposures, fuse_tones, leave, smooth, stretch
from treatments_lane import list_shots, measure_videos
from treatments_mixed import print_mixed

from wayseal.model.border import Template
from wayseal.vision.condition import repair_picture
from wayseal.vision.detect import SMALL_FACE
from wayseal.vision.template import align_face, fuse_templates

THRESHOLD = 0.36
CONDITIONS_TOO = {"smear 21 px": Recipe(112, smear=21), "dark x0.1, noise 4": Recipe(112, gain=0.1, noise=4)}
"""Conditions beside those of the accuracy table."""
REPAIRS: dict[str, Repair] = {
    "none": leave,
    "Gaussian": smooth,
    "stretch": stretch,
    "exposure fusion of itself": fuse_tones,
    "chosen": repair_picture,
}


class Stills:
    """Persons with a clean enrolment and a clean picture to degrade."""

    def __init__(self, data: Path, probes: int) -> None:
        self.laboratory = Laboratory(data)
        rng = np.random.default_rng(11)
        self.people = []
        for name in rng.permutation(self.laboratory.names)[: 2 * probes]:
            rows = self.laboratory.people[name]
            mate = self.laboratory.embed_clean(rows[1])
            if mate is not None and len(self.people) < probes:
                self.people.append((rows[0], mate))
        self.mates = np.stack([mate.vector for _, mate in self.people])

    def measure(self, recipe: Recipe) -> dict[str, tuple[float, float]]:
        """Return (missed, false) in per cent for each treatment that can apply under a recipe; not acquired is missed."""
        ways: dict[str, list[Template | None]] = {}
        for number, (row, _) in enumerate(self.people):
            bgr, face = self.laboratory.read_main(row)
            looks = [degrade(bgr, face, recipe, np.random.default_rng([number, look])) for look in range(3)]
            for name, template in self._treat(looks, recipe, bgr, face, number).items():
                ways.setdefault(name, []).append(template)
        return {name: self._rate(templates) for name, templates in ways.items()}

    def _treat(self, looks, recipe, bgr, face, number) -> dict[str, Template | None]:  # noqa: ANN001
        """Return one template a treatment, None where no face is found."""
        done, points = looks[0]
        answer = {name: self._embed(repair(done), points) for name, repair in REPAIRS.items()}
        if recipe.height < SMALL_FACE:
            answer["x2"] = self._embed(*_enlarge(done, points))
        answer["chosen, x2 when small"] = (
            self._embed(*_enlarge(repair_picture(done), points))
            if recipe.height < SMALL_FACE
            else answer["chosen"]
        )
        if recipe.smear > 1:
            answer["deblur, smear known"] = self._embed(deblur(done, recipe.smear, recipe.angle), points)
            answer["deblur, 20 % wrong"] = self._embed(deblur(done, 1.2 * recipe.smear, recipe.angle), points)
        if recipe.gain < 1:
            long = degrade(bgr, face, replace(recipe, gain=4 * recipe.gain), np.random.default_rng(number))[0]
            answer["exposure fusion of two shutters"] = self._embed(fuse_exposures([done, long]), points)
        three = [self._embed(repair_picture(look), points) for look, points in looks]
        kept = [one for one in three if one is not None]
        answer["chosen, three looks fused"] = fuse_templates(kept) if kept else None
        return answer

    def _embed(self, done: np.ndarray, points: np.ndarray) -> Template | None:
        """Return the template of the face at `points`, sought in the treated picture."""
        found = nearest_face(self.laboratory.detector.detect(done, threshold=0.6), points)
        return found and self.laboratory.model.embed([align_face(done, found.landmarks)])[0]

    def _rate(self, probes: list[Template | None]) -> tuple[float, float]:
        """Return the missed and the false, in per cent."""
        missing = np.full(len(self.mates), -np.inf)
        scores = np.stack([missing if one is None else self.mates @ one.vector for one in probes])
        others = scores[~np.eye(len(scores), dtype=bool)]
        others = others[np.isfinite(others)]
        missed = 100 * float(np.mean(np.diag(scores) < THRESHOLD))
        return missed, 100 * float(np.mean(others >= THRESHOLD)) if others.size else 0.0


def _enlarge(done: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture twice as large, and its points."""
    return cv2.resize(done, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), points * 2


def print_stills(data: Path, probes: int) -> dict[str, dict[str, tuple[float, float]]]:
    """Measure every condition and print a Markdown table, treatments as columns."""
    trial = Stills(data, probes)
    columns = [
        "none", "Gaussian", "stretch", "chosen", "x2", "chosen, x2 when small", "chosen, three looks fused",
        "exposure fusion of itself", "exposure fusion of two shutters", "deblur, smear known", "deblur, 20 % wrong",
    ]  # fmt: skip
    print(
        f"\n{len(trial.people)} persons a condition; missed at cosine {THRESHOLD}, per cent; - is not tried\n"
    )
    print("| condition | " + " | ".join(columns) + " |\n|---" + "|---" * len(columns) + "|")
    conditions = CONDITIONS | CONDITIONS_TOO
    found = {}
    for name, recipe in conditions.items():
        found[name] = rates = trial.measure(recipe)
        cells = [f"{rates[way][0]:.1f}" if way in rates else "-" for way in columns]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    false = [[rates[way][1] for rates in found.values() if way in rates] for way in columns]
    cells = [f"{np.mean(some):.2f}" if some else "-" for some in false]
    print(f"| false matches, mean | {' | '.join(cells)} |", flush=True)
    return found


def main() -> None:
    """Measure and print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--probes", type=int, default=80)
    parser.add_argument("--only", choices=["stills", "lane", "mixed"])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    report = {}
    if options.only in {None, "stills"}:
        report["stills"] = print_stills(options.data, options.probes)
    if options.only in {None, "lane"}:
        report["lane"] = measure_videos(options.data / "lane")
    if options.only in {None, "mixed"}:
        report["mixed"] = print_mixed(list_shots(options.data / "lane"))
    if options.json is not None:
        options.json.write_text(json.dumps(report))


if __name__ == "__main__":
    main()
