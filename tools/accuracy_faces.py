"""One-to-one accuracy under degradations: what the repairs of a poor probe add, condition by condition.

Usage: accuracy_faces.py DATA [--probes N] [--json FILE]

Each probe is one degraded picture of a person, compared with the clean enrolment of the same person and of all others. The
plain way detects, aligns and embeds; the product's way also repairs and enlarges. Both use one threshold. Where the optional
second network is installed, a third column adds its score; that sum has a threshold of its own.
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
from degrade import CONDITIONS, Recipe, degrade, nearest_face
from fit_quality import Laboratory

from wayseal.model.border import Template
from wayseal.model.errors import BadPicture, NotFound
from wayseal.vision.portrait import Portrait, PortraitReader
from wayseal.vision.second_opinion import SecondOpinion
from wayseal.vision.template import align_face

THRESHOLD, FUSED_THRESHOLD = 0.36, 0.742


class Trial:
    """Persons with a clean enrolment and a clean picture to degrade."""

    def __init__(self, data: Path, probes: int) -> None:
        self.laboratory = Laboratory(data)
        try:
            second = SecondOpinion()
        except NotFound:
            second = None
        self.reader = PortraitReader(self.laboratory.detector, self.laboratory.model, second)
        rng = np.random.default_rng(11)
        self.people = []
        self.seconds: list[np.ndarray | None] = []
        for name in rng.permutation(self.laboratory.names)[: 2 * probes]:
            rows = self.laboratory.people[name]
            bgr, face = self.laboratory.read_main(rows[1])
            mate = self.laboratory.embed_clean(rows[1])
            if mate is not None and len(self.people) < probes:
                self.people.append((rows[0], mate))
                self.seconds.append(second and raw_numbers(second.embed(bgr, face.landmarks)))

    def measure(self, recipe: Recipe) -> dict[str, float]:
        """Return failure to acquire, misses and false matches of both ways under one recipe."""
        rng = np.random.default_rng(5)
        plain: list[Template | None] = []
        full: list[Portrait | None] = []
        for row, _ in self.people:
            bgr, face = self.laboratory.read_main(row)
            done, points = degrade(bgr, face, recipe, rng)
            plain.append(self._embed_plain(done, points))
            full.append(self._embed_full(done))
        rates = self._rates("plain", self._compare(plain), THRESHOLD)
        cosines = self._compare([portrait and portrait.template for portrait in full])
        rates |= self._rates("wayseal", cosines, THRESHOLD)
        if self.reader.second is not None:
            rates |= self._rates("fused", cosines + self._compare_second(full), FUSED_THRESHOLD)
        return rates

    def _embed_plain(self, done: np.ndarray, points: np.ndarray) -> Template | None:
        """Return the template without any repair, None when no face is found."""
        found = nearest_face(self.laboratory.detector.detect(done, threshold=0.6), points)
        return found and self.laboratory.model.embed([align_face(done, found.landmarks)])[0]

    def _embed_full(self, done: np.ndarray) -> Portrait | None:
        """Return the portrait as the product makes it."""
        try:
            return self.reader.read_main(done)
        except BadPicture:
            return None

    def _compare(self, probes: list[Template | None]) -> np.ndarray:
        """Return the cosine of each probe (row) with each enrolment (column); minus infinity where there is no probe."""
        matrix = np.stack([mate.vector for _, mate in self.people])
        missing = np.full(len(matrix), -np.inf)
        return np.stack([missing if probe is None else matrix @ probe.vector for probe in probes])

    def _compare_second(self, probes: list[Portrait | None]) -> np.ndarray:
        """Return the second opinion's likenesses in the same form."""
        matrix = np.stack(self.seconds)
        missing = np.full(len(matrix), -np.inf)
        return np.stack(
            [
                missing if probe is None else 1 - np.linalg.norm(matrix - raw_numbers(probe.second), axis=1)
                for probe in probes
            ]
        )

    @staticmethod
    def _rates(name: str, scores: np.ndarray, threshold: float) -> dict[str, float]:
        """Return one way's rates in per cent: the diagonal are the mates."""
        mates, others = np.diag(scores), scores[~np.eye(len(scores), dtype=bool)]
        found = others[np.isfinite(others)]
        return {
            f"{name}_fta": 100 * float(np.mean(~np.isfinite(mates))),
            f"{name}_fnmr": 100 * float(np.mean(mates < threshold)),
            f"{name}_fmr": 100 * float(np.mean(found >= threshold)) if found.size else 0.0,
        }


def raw_numbers(template: Template) -> np.ndarray:
    """Return the network's own numbers, before they were brought to length 1."""
    return template.vector * template.strength


def main() -> None:
    """Measure every condition and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--probes", type=int, default=300)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    trial = Trial(options.data, options.probes)
    rows = {}
    ways = ["plain", "wayseal"] + (["fused"] if trial.reader.second else [])
    print(f"{len(trial.people)} probes a condition; not acquired / missed / false, per cent\n")
    print("| condition | " + " | ".join(ways) + " |\n|---" + "|---" * len(ways) + "|")
    for name, recipe in CONDITIONS.items():
        rows[name] = rates = trial.measure(recipe)
        cells = [
            f"{rates[f'{way}_fta']:.1f} / {rates[f'{way}_fnmr']:.1f} / {rates[f'{way}_fmr']:.2f}"
            for way in ways
        ]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    if options.json is not None:
        options.json.write_text(
            json.dumps({"probes": len(trial.people), "threshold": THRESHOLD, "conditions": rows})
        )


if __name__ == "__main__":
    main()
