"""Fit the weights of the presentation attack score and write them.

Usage: fit_presentation.py FOLDER... [--out FILE] [--cues FILE]

Each folder holds lane videos with their truth; attacks are the truth's distractors, bona fide presentations its
occupants. The cues are measured at the truth's eyes, shaken as the detector shakes them, in frames in which they are far
apart. Prints what is flagged by
type with each video left out in turn, and the cues' means. `--cues` adds presentations collected before.
"""

import argparse
import json
from dataclasses import astuple, fields
from pathlib import Path

import av
import numpy as np
from scipy.optimize import minimize

from wayseal.flow.measure.presentation import BONA_FIDE, list_shown
from wayseal.testing.lane.scene import ATTACKS
from wayseal.vision.detect import Detection
from wayseal.vision.presentation import PresentationCues, cut_surround, measure_cues

LOOKS = 6
SHAKE = 0.04
"""Standard deviation of the detector's eye points, in eye distances."""
TOO_SMALL = 9.0
"""Pixels between the eyes below which nobody is captured."""
BPCER = 0.02
"""The threshold is put where so many of the left-out bona fide presentations are flagged."""
PENALTY = 0.3


def collect(folder: Path) -> list[dict[str, object]]:
    """Return the cues of every presentation in a folder's videos that was large enough."""
    rows: list[dict[str, object]] = []
    for video in sorted(folder.rglob("*.mp4")):
        document = json.loads(video.with_suffix(".json").read_text(encoding="utf-8"))
        size = document["video"]["width"], document["video"]["height"]
        shown = [
            (kind, choose_looks(eyes, size))
            for kind, eyes in list_shown(document, size[0])
            if kind in {BONA_FIDE, *ATTACKS}  # shirts and stickers are refused by their size before
        ]
        wanted = {index for _, looks in shown for index in looks}
        frames = {}
        with av.open(str(video)) as container:
            for index, frame in enumerate(container.decode(video=0)):
                if index in wanted:
                    frames[index] = frame.to_ndarray(format="bgr24")
        for kind, looks in shown:
            cues = measure_cues([cut_surround(frames[index], found) for index, found in looks.items()])
            if cues is not None:
                rows.append({"video": str(video), "type": kind, "cues": astuple(cues)})
    return rows


def choose_looks(eyes: dict[int, tuple[float, float, float]], size: tuple[int, int]) -> dict[int, Detection]:
    """Return the frames with the largest eye distance, well inside the picture, and a detection there."""
    inside = {
        index: (x, y, apart)
        for index, (x, y, apart) in eyes.items()
        if apart >= TOO_SMALL and 2 * apart < x < size[0] - 2 * apart and 2 * apart < y < size[1] - 2 * apart
    }
    looks = {}
    ranked = sorted(inside, key=lambda one: -inside[one][2])
    random = np.random.default_rng(len(ranked))
    for index in ranked[: 3 * LOOKS : 3]:
        x, y, apart = inside[index]
        points = np.array([[x - apart / 2, y], [x + apart / 2, y], [x, y], [x, y], [x, y]], np.float32)
        points += random.normal(0, SHAKE * apart, points.shape).astype(np.float32)
        looks[index] = Detection((x - apart, y - apart, 2 * apart, 3 * apart), points, 1.0)
    return looks


def fit(values: np.ndarray, attack: np.ndarray) -> tuple[float, np.ndarray]:
    """Return intercept and coefficients of a logistic regression with a ridge; both sides weigh the same."""
    weight = np.where(attack, 0.5 / max(attack.sum(), 1), 0.5 / max((~attack).sum(), 1))

    def loss(beta: np.ndarray) -> float:
        margin = np.where(attack, 1, -1) * (beta[0] + values @ beta[1:])
        return float(weight @ np.logaddexp(0, -margin) + PENALTY / len(values) * (beta[1:] ** 2).sum())

    best = minimize(loss, np.zeros(values.shape[1] + 1), method="L-BFGS-B").x
    return float(best[0]), best[1:]


def main() -> None:
    """Fit and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--cues", type=Path, help="JSON list of {video, type, cues}.")
    parser.add_argument("--out", type=Path, default=Path("src/wayseal/vision/presentation_weights.toml"))
    asked = parser.parse_args()
    rows = json.loads(asked.cues.read_text()) if asked.cues else []
    rows += [row for folder in asked.folders for row in collect(folder)]
    raw = np.array([row["cues"] for row in rows])
    attack = np.array([row["type"] != BONA_FIDE for row in rows])
    mean, scale = raw.mean(axis=0), raw.std(axis=0)
    values = np.clip((raw - mean) / scale, -4, 4)
    videos = np.array([row["video"] for row in rows])
    held = np.zeros(len(rows))
    for video in sorted(set(videos)):
        out = videos == video
        intercept, beta = fit(values[~out], attack[~out])
        held[out] = 100 / (1 + np.exp(-(intercept + values[out] @ beta)))
    threshold = float(np.quantile(held[~attack], 1 - BPCER)) + 0.5
    for kind in sorted({str(row["type"]) for row in rows}):
        mine = np.array([row["type"] == kind for row in rows])
        flagged = held[mine] >= threshold
        means = " ".join(f"{value:.2f}" for value in raw[mine].mean(axis=0))
        print(f"{kind:20} {mine.sum():4} flagged {flagged.mean():.2f}  cues {means}")
    intercept, beta = fit(values, attack)
    names = [field.name for field in fields(PresentationCues)]
    lines = [
        "# Made by tools/fit_presentation.py on lane videos of the simulator and others; see docs/explanation/capture.md.",
        f"# {int(attack.sum())} attacks, {int((~attack).sum())} bona fide presentations, {len(set(videos))} videos.",
        f"names = {json.dumps(names)}", f"intercept = {intercept:.4f}",
        f"mean = {np.round(mean, 4).tolist()}", f"scale = {np.round(scale, 4).tolist()}",
        f"coefficients = {np.round(beta, 4).tolist()}", f"threshold = {threshold:.1f}",
    ]  # fmt: skip
    asked.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
