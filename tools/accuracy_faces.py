"""One-to-one accuracy under degradations: what the repairs of a poor probe add, condition by condition.

Usage: accuracy_faces.py DATA [--probes N] [--json FILE]

Each probe is one degraded picture of a person, compared with the clean enrolment of the same person and of all others. The
plain way detects, aligns and embeds; the product's way also repairs and enlarges. Both use one threshold.
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
from degrade import CONDITIONS, Recipe, degrade, nearest_face
from fit_quality import Laboratory

from wayseal.model.border import Template
from wayseal.model.errors import BadPicture
from wayseal.vision.portrait import PortraitReader
from wayseal.vision.template import align_face, cosine

THRESHOLD = 0.36


class Trial:
    """Persons with a clean enrolment and a clean picture to degrade."""

    def __init__(self, data: Path, probes: int) -> None:
        self.laboratory = Laboratory(data)
        self.reader = PortraitReader(self.laboratory.detector, self.laboratory.model)
        rng = np.random.default_rng(11)
        self.people = []
        for name in rng.permutation(self.laboratory.names)[: 2 * probes]:
            rows = self.laboratory.people[name]
            mate = self.laboratory.embed_clean(rows[1])
            if mate is not None and len(self.people) < probes:
                self.people.append((rows[0], mate))

    def measure(self, recipe: Recipe) -> dict[str, float]:
        """Return failure to acquire, misses and false matches of both ways under one recipe."""
        rng = np.random.default_rng(5)
        plain: list[Template | None] = []
        full: list[Template | None] = []
        for row, _ in self.people:
            bgr, face = self.laboratory.read_main(row)
            done, points = degrade(bgr, face, recipe, rng)
            plain.append(self._embed_plain(done, points))
            full.append(self._embed_full(done))
        return {**self._rates("plain", plain), **self._rates("wayseal", full)}

    def _embed_plain(self, done: np.ndarray, points: np.ndarray) -> Template | None:
        """Return the template without any repair, None when no face is found."""
        found = nearest_face(self.laboratory.detector.detect(done, threshold=0.6), points)
        return found and self.laboratory.model.embed([align_face(done, found.landmarks)])[0]

    def _embed_full(self, done: np.ndarray) -> Template | None:
        """Return the template as the product makes it."""
        try:
            return self.reader.read_main(done).template
        except BadPicture:
            return None

    def _rates(self, name: str, probes: list[Template | None]) -> dict[str, float]:
        """Return one way's rates in per cent."""
        mates = [mate for _, mate in self.people]
        missed = [
            probe is None or cosine(probe, mate) < THRESHOLD
            for probe, mate in zip(probes, mates, strict=True)
        ]
        matrix = np.stack([mate.vector for mate in mates])
        others = [
            np.delete(matrix, place, axis=0) @ probe.vector
            for place, probe in enumerate(probes)
            if probe is not None
        ]
        return {
            f"{name}_fta": 100 * float(np.mean([probe is None for probe in probes])),
            f"{name}_fnmr": 100 * float(np.mean(missed)),
            f"{name}_fmr": 100 * float(np.mean(np.concatenate(others) >= THRESHOLD)) if others else 0.0,
        }


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
    print(f"{len(trial.people)} probes a condition, one threshold: cosine {THRESHOLD}; per cent\n")
    print(
        "| condition | plain: not acquired / missed / false | Wayseal: not acquired / missed / false |\n|---|---|---|"
    )
    for name, recipe in CONDITIONS.items():
        rows[name] = rates = trial.measure(recipe)
        cells = [
            f"{rates[f'{way}_fta']:.1f} / {rates[f'{way}_fnmr']:.1f} / {rates[f'{way}_fmr']:.2f}"
            for way in ("plain", "wayseal")
        ]
        print(f"| {name} | {cells[0]} | {cells[1]} |", flush=True)
    if options.json is not None:
        options.json.write_text(
            json.dumps({"probes": len(trial.people), "threshold": THRESHOLD, "conditions": rows})
        )


if __name__ == "__main__":
    main()
