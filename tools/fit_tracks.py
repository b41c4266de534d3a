"""Fit the gate on fused templates: how like the person a track's template is, from its looks and how far they agree.

Usage: fit_tracks.py DATA [--tracks N] [--write]

DATA is as for fit_quality.py. A track is two to six looks at one picture of a person, degraded alike (size, smear, noise, veil,
darkness, a lane's mixture), in half of them with something in front of a part of the face (a mirror, a sticker, a hand) that moves
a little from look to look. Each look has a reflection of its own, and its points are mostly the middle of what was found in all. Nothing but numbers is kept. `--write` replaces
track_weights.toml.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from degrade import Recipe, degrade, nearest_face, random_recipe
from fit_quality import Laboratory, hold_out, rank_auc, solve, spell_provenance, spell_weights

from wayseal.model.border import Template
from wayseal.vision.agreement import TRACK_FEATURES, measure_agreement
from wayseal.vision.condition import repair_picture
from wayseal.vision.picture import read_picture
from wayseal.vision.quality import rate_face
from wayseal.vision.quality_measure import measure_face
from wayseal.vision.template import align_face, cosine, fuse_templates

KINDS = ("size", "size", "smear", "noise", "veil", "dark", "lane", "lane", "lane", "clean")
TARGET = Path(__file__).resolve().parents[1] / "src" / "wayseal" / "vision" / "track_weights.toml"
SEED, USABLE, HOPELESS = 11, 0.36, 0.25


@dataclass(frozen=True)
class Track:
    """One track: who (opaque label), its features, whether two looks pass the gate on single shots, its cosine to clean pictures."""

    identity: str
    features: dict[str, float]
    two_pass: bool
    cosine: float


class Tracks(Laboratory):
    """The pictures of persons with at least two, looked at several times."""

    def draw_tracks(self, count: int) -> Iterator[Track]:
        """Give tracks, person after person, kind after kind; those found in fewer than two looks give none."""
        rng = np.random.default_rng(SEED)
        order = rng.permutation(len(self.names))
        for number in range(count):
            rows = self.people[self.names[order[number % len(order)]]]
            chosen = [rows[index] for index in rng.permutation(len(rows))][:4]
            track = self._make_track(
                chosen, KINDS[number % len(KINDS)], rng, hidden=number // len(KINDS) % 2 == 0
            )
            if track is not None:
                yield track

    def _make_track(
        self, rows: list[dict[str, str]], kind: str, rng: np.random.Generator, *, hidden: bool
    ) -> Track | None:
        """Return the track of the first row against the others."""
        mates = [template for template in map(self.embed_clean, rows[1:]) if template is not None]
        bgr = read_picture(self.folder / rows[0]["path"])
        face = self.main_face(bgr, rows[0])
        if not mates or face is None:
            return None
        recipe, cover = random_recipe(kind, rng), draw_cover(rng) if hidden else None
        looks, found, errors = [], [], []
        for _ in range(int(rng.integers(2, 7))):
            done, points = degrade(bgr, face, vary(recipe, rng), rng)
            done = shade(done, rng)
            if cover is not None:
                put_cover(done, points, cover, rng)
            one = nearest_face(self.detector.detect(done, threshold=0.5), points)
            if one is not None:
                looks.append(done)
                found.append((one, points))
                errors.append((one.landmarks - points) / np.hypot(*(points[1] - points[0])))
        if len(found) < 2:
            return None
        middle = np.median(errors, axis=0)
        shots = []
        for done, (one, points), error in zip(looks, found, errors, strict=True):
            off = 0.7 * middle + 0.3 * error + rng.normal(0, 0.03, (5, 2))
            there = points + off * np.hypot(*(points[1] - points[0]))
            shots.append(self._embed(done, replace(one, landmarks=there.astype(np.float32))))
        templates, scores = [shot[0] for shot in shots], [shot[1] for shot in shots]
        fused = fuse_templates(templates, [max(one.strength - 5.0, 0.2) ** 2 for one in templates])
        features = measure_agreement(templates, scores)
        return Track(
            rows[0]["identity"],
            features,
            sum(score >= 35 for score in scores) >= 2,
            cosine(fused, fuse_templates(mates)),
        )

    def _embed(self, done: np.ndarray, face: object) -> tuple[Template, int]:
        """Return a look's template, made as capture makes it, and its quality score."""
        crop = align_face(done, face.landmarks)
        template = self.model.embed([repair_picture(crop)])[0]
        return template, rate_face(measure_face(done, face, crop), strength=template.strength).score


def vary(recipe: Recipe, rng: np.random.Generator) -> Recipe:
    """Return a recipe as it is in another look: nearer or farther, more or less veiled."""
    return replace(
        recipe,
        height=recipe.height * float(np.exp(rng.uniform(-0.3, 0.3))),
        veil=float(np.clip(recipe.veil * rng.uniform(0.6, 1.2), 0, 0.95)),
        gain=recipe.gain * rng.uniform(0.85, 1.15),
        noise=recipe.noise * rng.uniform(0.8, 1.2),
    )


def shade(done: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a look with a reflection or a shadow of its own: slow, and elsewhere in each look."""
    field = rng.normal(0, rng.uniform(0, 45), (4, 4)).astype(np.float32)
    slow = cv2.resize(field, (done.shape[1], done.shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.clip(done + slow[..., None], 0, 255).astype(np.uint8)


def draw_cover(rng: np.random.Generator) -> dict[str, float]:
    """Return what hides a part of a face: place and size in eye distances from the middle between the eyes, and brightness."""
    return {
        "x": rng.uniform(-1.4, 1.4), "y": rng.uniform(-0.8, 1.3), "wide": rng.uniform(0.8, 2.6), "high": rng.uniform(0.4, 1.0),
        "level": rng.uniform(20, 220), "move": rng.uniform(0, 0.12),
    }  # fmt: skip


def put_cover(
    done: np.ndarray, points: np.ndarray, cover: dict[str, float], rng: np.random.Generator
) -> None:
    """Draw what hides a part of the face into a look."""
    eyes, unit = points[:2].mean(axis=0), float(np.hypot(*(points[1] - points[0])))
    x, y = eyes + unit * (np.array([cover["x"], cover["y"]]) + rng.normal(0, cover["move"], 2))
    left, top = int(x - cover["wide"] * unit / 2), int(y - cover["high"] * unit / 2)
    right, bottom = left + int(cover["wide"] * unit), top + int(cover["high"] * unit)
    part = done[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    part[:] = np.clip(cover["level"] + rng.normal(0, 6, part.shape), 0, 255).astype(np.uint8)


def compare_gates(estimate: np.ndarray, tracks: list[Track]) -> tuple[float, str]:
    """Return the limit at which as many hopeless tracks pass as with the gate on single shots, and what each gate keeps."""
    target, single = (np.array([getattr(one, name) for one in tracks]) for name in ("cosine", "two_pass"))
    hopeless, usable = target < HOPELESS, target >= USABLE
    through = float(single[hopeless].mean())
    limit = float(np.quantile(estimate[hopeless], 1 - through))
    fused = estimate >= limit
    return limit, (
        f"of {hopeless.sum()} hopeless tracks {through:.1%} pass either gate; of {usable.sum()} usable ones "
        f"{single[usable].mean():.1%} pass two single looks, {fused[usable].mean():.1%} the gate on the fused"
    )


def main() -> None:
    """Draw, fit in folds over persons, report, and write the weights when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--tracks", type=int, default=2500)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    laboratory = Tracks(options.data)
    tracks = list(laboratory.draw_tracks(options.tracks))
    target = np.array([one.cosine for one in tracks])
    features = np.array([[one.features[name] for name in TRACK_FEATURES] for one in tracks])
    identities = [one.identity for one in tracks]
    held_out = hold_out(features, target, identities)
    limit, said = compare_gates(held_out, tracks)
    lines = f"AUC of cosine < {USABLE}: {rank_auc(held_out, target < USABLE):.3f}; limit {limit:.3f}: {said}"
    print(f"{len(tracks)} tracks of {len(set(identities))} persons; {lines}")
    if options.write:
        made_of = f"{len(tracks)} made tracks of {len(set(identities))} persons"
        head = spell_provenance("fit_tracks.py", made_of, lines, laboratory.model.manifest)
        TARGET.write_text(head + spell_weights("fused", TRACK_FEATURES, solve(features, target)))


if __name__ == "__main__":
    main()
