"""Fit the weights of the unified quality score on degraded faces, and say how well it predicts on persons it never saw.

Usage: fit_quality.py DATA [--samples N] [--write]

DATA is a folder with faces/manifest.csv (path, identity, source, eye1_x, eye1_y). Each sample is one picture of a person,
degraded at random (size, smear, noise, veil, darkness, glare, JPEG, and mixtures as at a lane), compared with up to three
clean pictures of the same person. Nothing but numbers is kept. `--write` replaces quality_weights.toml.
"""

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from degrade import degrade, nearest_face, random_recipe
from scipy.stats import spearmanr

from wayseal.model.border import Template
from wayseal.vision.detect import Detection, FaceDetector
from wayseal.vision.models_manifest import ModelManifest
from wayseal.vision.picture import faces_in, read_picture
from wayseal.vision.quality import FULL_COSINE, name_features
from wayseal.vision.quality_measure import measure_face
from wayseal.vision.template import OnnxFaceModel, align_face, cosine, fuse_templates

KINDS = ("size", "smear", "noise", "veil", "dark", "glare", "jpeg", "lane", "lane", "lane", "clean")
TARGET = Path(__file__).resolve().parents[1] / "src" / "wayseal" / "vision" / "quality_weights.toml"
FOLDS, RIDGE, SEED = 5, 3.0, 7


@dataclass(frozen=True)
class Sample:
    """One degraded face: who (opaque label), what was done, its features, and its cosine to clean pictures."""

    identity: str
    kind: str
    features: dict[str, dict[str, float]]
    cosine: float


class Laboratory:
    """The pictures of persons with at least two, and the networks."""

    def __init__(self, data: Path) -> None:
        self.folder = data / "faces"
        self.detector, self.model = FaceDetector(), OnnxFaceModel()
        self.people: dict[str, list[dict[str, str]]] = defaultdict(list)
        with (self.folder / "manifest.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                if row["eye1_x"]:
                    self.people[row["identity"]].append(row)
        self.names = sorted(name for name, rows in self.people.items() if len(rows) > 1)
        self._clean: dict[str, Template | None] = {}

    def draw_samples(self, count: int) -> Iterator[Sample]:
        """Give samples, person after person, kind after kind; failures to detect give none."""
        rng = np.random.default_rng(SEED)
        order = rng.permutation(len(self.names))
        for number in range(count):
            rows = self.people[self.names[order[number % len(order)]]]
            chosen = [rows[index] for index in rng.permutation(len(rows))][:4]
            sample = self._make_sample(chosen, KINDS[number % len(KINDS)], rng)
            if sample is not None:
                yield sample

    def _make_sample(self, rows: list[dict[str, str]], kind: str, rng: np.random.Generator) -> Sample | None:
        """Return the sample of the first row against the others."""
        mates = [template for template in map(self.embed_clean, rows[1:]) if template is not None]
        bgr = read_picture(self.folder / rows[0]["path"])
        face = self.main_face(bgr, rows[0])
        if not mates or face is None:
            return None
        done, points = degrade(bgr, face, random_recipe(kind, rng), rng)
        found = nearest_face(self.detector.detect(done, threshold=0.5), points)
        if found is None:
            return None
        crop = align_face(done, found.landmarks)
        template = self.model.embed([crop])[0]
        measures = measure_face(done, found, crop)
        features = {"blind": name_features(measures), "embedded": name_features(measures, template.strength)}
        return Sample(rows[0]["identity"], kind, features, cosine(template, fuse_templates(mates)))

    def main_face(self, bgr: np.ndarray, row: dict[str, str]) -> Detection | None:
        """Return the detection nearest to the manifest's first eye."""
        eye = np.array([float(row["eye1_x"]), float(row["eye1_y"])])
        faces = faces_in(bgr, self.detector)
        return min(faces, key=lambda face: float(np.hypot(*(face.landmarks[0] - eye))), default=None)

    def read_main(self, row: dict[str, str]) -> tuple[np.ndarray, Detection]:
        """Return a clean picture and its person's face; only for rows that `embed_clean` or the manifest vouches for."""
        bgr = read_picture(self.folder / row["path"])
        face = self.main_face(bgr, row)
        if face is None:
            raise SystemExit(f"no face in a clean picture of {row['identity']}")
        return bgr, face

    def embed_clean(self, row: dict[str, str]) -> Template | None:
        """Return the template of an undegraded picture, kept by path."""
        if row["path"] not in self._clean:
            bgr = read_picture(self.folder / row["path"])
            face = self.main_face(bgr, row)
            self._clean[row["path"]] = face and self.model.embed([align_face(bgr, face.landmarks)])[0]
        return self._clean[row["path"]]


def solve(features: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (mean, scale, weights with the intercept first) of a ridge regression."""
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-9
    rows = np.c_[np.ones(len(features)), np.clip((features - mean) / scale, -3, 3)]
    penalty = RIDGE * np.diag([0.0] + [1.0] * features.shape[1])
    return mean, scale, np.linalg.solve(rows.T @ rows + penalty, rows.T @ target)


def predict(features: np.ndarray, fit: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """Return the fitted estimate."""
    mean, scale, weights = fit
    return weights[0] + np.clip((features - mean) / scale, -3, 3) @ weights[1:]


def hold_out(features: np.ndarray, target: np.ndarray, identities: Sequence[str]) -> np.ndarray:
    """Return the estimate of each sample by a fit that saw none of its person's: in folds over persons."""
    people = sorted(set(identities))
    fold = {name: place % FOLDS for place, name in enumerate(np.random.default_rng(0).permutation(people))}
    folds = np.array([fold[name] for name in identities])
    held_out = np.zeros(len(target))
    for number in range(FOLDS):
        apart = folds == number
        held_out[apart] = predict(features[apart], solve(features[~apart], target[~apart]))
    return held_out


def spell_weights(kind: str, names: Sequence[str], fit: tuple[np.ndarray, np.ndarray, np.ndarray]) -> str:
    """Return a fit as a table of the weights file."""
    mean, scale, weights = fit
    rounded = {"mean": mean, "scale": scale, "coefficients": weights[1:]}
    body = "\n".join(f"{key} = {[round(float(v), 5) for v in values]}" for key, values in rounded.items())
    listed = ", ".join(f'"{name}"' for name in names)
    return f"[{kind}]\nnames = [{listed}]\nintercept = {weights[0]:.5f}\n{body}\n"


def spell_provenance(tool: str, fitted_on: str, held_out: str, manifest: ModelManifest) -> str:
    """Return the head of a weights file."""
    return (
        f"# Made by tools/{tool}; do not edit.\n[provenance]\n"
        f'fitted_on = "{fitted_on} from public research sets"\n'
        f'held_out = "{FOLDS} folds over persons; {held_out}"\n'
        f'model = "{manifest.name}"\nmodel_sha256 = "{manifest.sha256}"\ndate = "{datetime.now(UTC):%Y-%m-%d}"\n\n'
    )


def rank_auc(estimate: np.ndarray, bad: np.ndarray) -> float:
    """Return the chance that a bad sample is estimated lower than a good one."""
    ranks = np.argsort(np.argsort(-estimate))
    count = int(bad.sum())
    return float((ranks[bad].sum() - count * (count - 1) / 2) / (count * (len(bad) - count)))


def report(kind: str, estimate: np.ndarray, target: np.ndarray) -> str:
    """Return one line of held-out figures."""
    explained = 1 - ((target - estimate) ** 2).sum() / ((target - target.mean()) ** 2).sum()
    return (
        f"{kind}: rank correlation {spearmanr(estimate, target).statistic:.3f}, R2 {explained:.3f}, "
        f"AUC of cosine < 0.36: {rank_auc(estimate, target < 0.36):.3f}, < 0.45: {rank_auc(estimate, target < 0.45):.3f}"
    )


def gate_table(estimate: np.ndarray, target: np.ndarray) -> Iterator[str]:
    """Give, for several gates, what they refuse."""
    for gate in (20, 25, 30, 35, 40, 45, 50):
        refused = estimate < gate / 100 * FULL_COSINE
        lost = (refused & (target >= 0.36)).sum() / (target >= 0.36).sum()
        caught = (refused & (target < 0.25)).sum() / max((target < 0.25).sum(), 1)
        yield f"gate {gate}: refuses {lost:.1%} of the matchable (cosine >= 0.36), {caught:.1%} of the hopeless (< 0.25)"


def main() -> None:
    """Draw, fit in folds over persons, report, and write the weights when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    laboratory = Laboratory(options.data)
    manifest = laboratory.model.manifest
    samples = list(laboratory.draw_samples(options.samples))
    target = np.array([sample.cosine for sample in samples])
    identities = [sample.identity for sample in samples]
    parts, lines = [], []
    for kind in ("blind", "embedded"):
        names = list(samples[0].features[kind])
        features = np.array([[sample.features[kind][name] for name in names] for sample in samples])
        held_out = hold_out(features, target, identities)
        lines.append(report(kind, held_out, target))
        print(lines[-1])
        print("\n".join(gate_table(held_out, target)))
        parts.append(spell_weights(kind, names, solve(features, target)))
    if options.write:
        made_of = f"{len(samples)} degraded faces of {len(set(identities))} persons"
        head = spell_provenance("fit_quality.py", made_of, "; ".join(lines), manifest)
        TARGET.write_text(head + "\n".join(parts))


if __name__ == "__main__":
    main()
