"""Fit the weights of the unified quality score on degraded faces, and say how well it predicts on persons it never saw.

Usage: fit_quality.py DATA [--samples N] [--write]

DATA is a folder with faces/manifest.csv (path, identity, source, eye1_x, eye1_y). Each sample is one picture of a person,
degraded at random (size, smear, noise, veil, darkness, glare, JPEG, and mixtures as at a lane), compared with up to three
clean pictures of the same person. Nothing but numbers is kept. `--write` replaces quality_weights.toml.
"""

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
from scipy.stats import spearmanr

from wayseal.vision.detect import Detection, FaceDetector, clip_box
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


def smear(picture: np.ndarray, length: float, angle: float) -> np.ndarray:
    """Return a picture smeared over `length` pixels at `angle` degrees."""
    side = max(3, int(np.ceil(length)) | 1) + 2
    line = np.zeros((side * 8, side * 8), np.float32)
    reach = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))]) * length * 4
    centre = np.array([side * 4, side * 4])
    cv2.line(line, tuple(int(v) for v in centre - reach), tuple(int(v) for v in centre + reach), 1, 8)
    kernel = cv2.resize(line, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.filter2D(picture, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def degrade(
    bgr: np.ndarray, face: Detection, kind: str, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the surroundings of a face, degraded in one way or, for `lane`, in several, and where its points then lie."""
    x, y, w, h = face.box
    low, high = {"size": (20, 150), "lane": (36, 130)}.get(kind, (48, 130))
    scale = float(np.exp(rng.uniform(np.log(low), np.log(high)))) / h
    left, top, right, bottom = clip_box(
        (x - 0.8 * w, y - 0.6 * h, 2.6 * w, 2.2 * h), bgr.shape[1], bgr.shape[0]
    )
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    out = cv2.resize(bgr[top:bottom, left:right], None, fx=scale, fy=scale, interpolation=way).astype(
        np.float32
    )
    points = (face.landmarks - np.array([left, top])) * scale
    if kind == "smear":
        out = smear(out, rng.uniform(1.5, 20) * scale * h / 112, rng.uniform(0, 180))
    if kind == "lane":
        out = smear(out, rng.uniform(1.0, 9), rng.normal(0, 20))
    if kind in {"veil", "lane"}:
        veil = rng.uniform(0.2, 0.92) if kind == "veil" else rng.uniform(0, 0.6)
        out = out * (1 - veil) + veil * rng.uniform(120, 230)
    out *= {"dark": rng.uniform(0.08, 0.5), "glare": rng.uniform(1.2, 3)}.get(kind, 1.0)
    spread = {"noise": rng.uniform(4, 40), "dark": rng.uniform(1, 12), "lane": rng.uniform(1, 14)}.get(
        kind, 0.0
    )
    done = np.clip(out + rng.normal(0, spread, out.shape) if spread else out, 0, 255).astype(np.uint8)
    if kind == "lane" and rng.random() < 0.3:
        done = cv2.cvtColor(cv2.cvtColor(done, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    if kind in {"jpeg", "lane"}:
        level = int(rng.uniform(8, 60) if kind == "jpeg" else rng.uniform(30, 90))
        done = cv2.imdecode(
            cv2.imencode(".jpg", done, [cv2.IMWRITE_JPEG_QUALITY, level])[1], cv2.IMREAD_COLOR
        )
    return done, points


def nearest_face(faces: list[Detection], points: np.ndarray) -> Detection | None:
    """Return the best detection whose points lie within half an eye distance of `points`."""
    limit = 0.5 * float(np.hypot(*(points[1] - points[0])))
    near = [face for face in faces if float(np.abs(face.landmarks - points).mean()) < limit]
    return max(near, key=lambda face: face.score, default=None)


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
        self._clean: dict[str, tuple[Detection, object] | None] = {}

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
        mates = [template for template in map(self._embed_clean, rows[1:]) if template is not None]
        bgr = read_picture(self.folder / rows[0]["path"])
        face = self._main_face(bgr, rows[0])
        if not mates or face is None:
            return None
        done, points = degrade(bgr, face, kind, rng)
        found = nearest_face(self.detector.detect(done, threshold=0.5), points)
        if found is None:
            return None
        crop = align_face(done, found.landmarks)
        template = self.model.embed([crop])[0]
        measures = measure_face(done, found, crop)
        features = {"blind": name_features(measures), "embedded": name_features(measures, template.strength)}
        return Sample(rows[0]["identity"], kind, features, cosine(template, fuse_templates(mates)))

    def _main_face(self, bgr: np.ndarray, row: dict[str, str]) -> Detection | None:
        """Return the detection nearest to the manifest's first eye."""
        eye = np.array([float(row["eye1_x"]), float(row["eye1_y"])])
        faces = faces_in(bgr, self.detector)
        return min(faces, key=lambda face: float(np.hypot(*(face.landmarks[0] - eye))), default=None)

    def _embed_clean(self, row: dict[str, str]) -> object:
        """Return the template of an undegraded picture, kept by path."""
        if row["path"] not in self._clean:
            bgr = read_picture(self.folder / row["path"])
            face = self._main_face(bgr, row)
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
    samples = list(Laboratory(options.data).draw_samples(options.samples))
    target = np.array([sample.cosine for sample in samples])
    people = sorted({sample.identity for sample in samples})
    fold = {name: place % FOLDS for place, name in enumerate(np.random.default_rng(0).permutation(people))}
    folds = np.array([fold[sample.identity] for sample in samples])
    parts, lines = [], []
    for kind in ("blind", "embedded"):
        names = list(samples[0].features[kind])
        features = np.array([[sample.features[kind][name] for name in names] for sample in samples])
        held_out = np.zeros(len(target))
        for number in range(FOLDS):
            apart = folds == number
            held_out[apart] = predict(features[apart], solve(features[~apart], target[~apart]))
        lines.append(report(kind, held_out, target))
        print(lines[-1])
        print("\n".join(gate_table(held_out, target)))
        mean, scale, weights = solve(features, target)
        rounded = {"mean": mean, "scale": scale, "coefficients": weights[1:]}
        body = "\n".join(f"{key} = {[round(float(v), 5) for v in values]}" for key, values in rounded.items())
        listed = ", ".join(f'"{name}"' for name in names)
        parts.append(f"[{kind}]\nnames = [{listed}]\nintercept = {weights[0]:.5f}\n{body}\n")
    if options.write:
        head = (
            "# Made by tools/fit_quality.py; do not edit.\n[provenance]\n"
            f'fitted_on = "{len(samples)} degraded faces of {len(people)} persons from public research sets"\n'
            f'held_out = "{FOLDS} folds over persons; {"; ".join(lines)}"\n'
            f'model = "sface-2021dec"\ndate = "{datetime.now(UTC):%Y-%m-%d}"\n\n'
        )
        TARGET.write_text(head + "\n".join(parts))


if __name__ == "__main__":
    main()
