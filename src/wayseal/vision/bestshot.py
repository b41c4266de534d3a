"""Which pictures of a face are kept: the best one to look at, and a few different ones fused into a template.

Shots are chosen by picture quality alone; nothing here has ever seen a gallery, so no shot is chosen because it looks
like somebody. The burst lives in memory and dies with the vehicle.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from wayseal.model.border import Box, Pixels, Quality, Template
from wayseal.vision.condition import repair_picture
from wayseal.vision.detect import Detection, clip_box
from wayseal.vision.presentation import cut_surround
from wayseal.vision.quality import is_recognisable, rate_face
from wayseal.vision.quality_measure import FaceMeasures, measure_face
from wayseal.vision.template import FaceModel, align_face, fuse_templates
from wayseal.vision.track import Sighting

KEPT = 90  # sightings whose crops are held while the vehicle is in the picture
VIEWS = 6  # of them with a picture for people
EMBEDDED = 10  # crops that go through the network at most
_ENOUGH, _SURE = 5, 70  # good templates after which no more are made, and the score from which one is good
FUSED = 6  # templates that make the track's template
_STRANGER = 0.25  # median cosine with the other shots under which a shot shows something else
_MARGIN = (1.6, 2.0, 2.4)  # picture for people: inter-eye distances to each side, above and below the eyes


@dataclass(slots=True, eq=False)
class KeptShot:
    """One sighting with its aligned crop, in memory only; the best have `view`, for people, and `surround` (`presentation`).

    `quality` becomes surer when the template is there.
    """

    sighting: Sighting
    crop: Pixels = field(repr=False)
    measures: FaceMeasures
    quality: Quality
    view: Pixels | None = field(default=None, repr=False)
    template: Template | None = field(default=None, repr=False)
    surround: Pixels | None = field(default=None, repr=False)


@dataclass(slots=True, eq=False)
class ShotKeeper:
    """The burst of one face. `release` empties it."""

    shots: list[KeptShot] = field(default_factory=list)

    def offer(self, bgr: Pixels, sighting: Sighting) -> KeptShot:
        """Take one sighting with the frame it was made in; the frame itself is not kept."""
        found = sighting.found
        crop = align_face(bgr, found.landmarks)
        measures = measure_face(bgr, found, crop)
        shot = KeptShot(sighting, crop, measures, rate_face(measures))
        self.shots.append(shot)
        viewed = sorted(
            (kept for kept in self.shots if kept.view is not None), key=lambda kept: kept.quality.score
        )
        if len(viewed) < VIEWS or shot.quality.score > viewed[0].quality.score:
            shot.view, shot.surround = cut_view(bgr, found), cut_surround(bgr, found)
            if len(viewed) >= VIEWS:
                viewed[0].view = viewed[0].surround = None
        if len(self.shots) > KEPT:
            self.shots.remove(min(self.shots, key=lambda kept: kept.quality.score))
        return shot

    def release(self) -> None:
        """Forget every crop."""
        self.shots.clear()


def choose_shots(shots: Sequence[KeptShot], count: int = EMBEDDED) -> list[KeptShot]:
    """Return up to `count` shots, best first, spread over the pass: neighbours in time show the same reflection."""
    gap = (
        max(1, (shots[-1].sighting.moment.index - shots[0].sighting.moment.index) // (3 * count))
        if shots
        else 1
    )
    chosen: list[KeptShot] = []
    for shot in sorted(shots, key=lambda kept: -kept.quality.score):
        index = shot.sighting.moment.index
        if all(abs(index - other.sighting.moment.index) >= gap for other in chosen):
            chosen.append(shot)
        if len(chosen) == count:
            break
    return chosen


def embed_shots(shots: Sequence[KeptShot], model: FaceModel) -> None:
    """Give each shot its template, and the surer quality that comes with it, where it has none yet.

    A noisy or veiled crop is repaired for the network; the shot keeps the untouched one.
    """
    bare = [shot for shot in shots if shot.template is None]
    for shot, template in zip(bare, model.embed([repair_picture(shot.crop) for shot in bare]), strict=True):
        shot.template = template
        shot.quality = rate_face(
            shot.measures, strength=template.strength, model_sha256=template.model_sha256
        )


@dataclass(frozen=True, slots=True, eq=False)
class FusedShots:
    """The template of a track, the shots it came from (strongest first) and whether it can be recognised at all."""

    template: Template = field(repr=False)
    shots: list[KeptShot]
    recognisable: bool


def embed_enough(shots: Sequence[KeptShot], model: FaceModel) -> list[KeptShot]:
    """Give templates to shots in order until five are good, and return those that have one: only hard faces take them all."""
    good = 0
    for count, shot in enumerate(shots, start=1):
        embed_shots([shot], model)
        good += shot.quality.score >= _SURE
        if good >= _ENOUGH:
            return list(shots[:count])
    return list(shots)


def fuse_shots(shots: Sequence[KeptShot], count: int = FUSED) -> FusedShots | None:
    """Return the quality-weighted mean of the strongest templates; None when no shot was embedded.

    A shot that is unlike the others is left out: a hand, a wiper, a neighbour. The comparison is within the track only.
    """
    embedded = [shot for shot in shots if shot.template is not None]
    ranked = sorted(embedded, key=lambda shot: -_strength(shot))[:count]
    if not ranked:
        return None
    ranked = _drop_strangers(ranked)
    template = _fuse(ranked)
    needed = min(2, len(shots))
    good = sum(is_recognisable(shot.quality) for shot in ranked)
    return FusedShots(template, ranked, recognisable=good >= needed)


def _drop_strangers(shots: list[KeptShot]) -> list[KeptShot]:
    """Return the shots without those that are unlike most of the others."""
    vectors = np.stack([shot.template.vector for shot in shots if shot.template is not None])
    if len(vectors) < 3:
        return shots
    alike = vectors @ vectors.T
    np.fill_diagonal(alike, np.nan)
    kept = [
        shot for shot, typical in zip(shots, np.nanmedian(alike, axis=1), strict=True) if typical > _STRANGER
    ]
    return kept if 2 * len(kept) > len(shots) else shots


def cut_view(bgr: Pixels, found: Detection) -> Pixels:
    """Return the head and shoulders around a face at the frame's own resolution: the picture for people (R-14)."""
    left, top, right, bottom = clip_box(view_box(found), bgr.shape[1], bgr.shape[0])
    return np.ascontiguousarray(bgr[top:bottom, left:right])


def view_box(found: Detection) -> Box:
    """Return the box that `cut_view` cuts, in frame pixels, before it is clipped to the frame."""
    eyes = found.landmarks[:2].mean(axis=0)
    unit = max(found.inter_eye_px, 0.35 * found.box[2])
    side, above, below = (share * unit for share in _MARGIN)
    width, height = 2 * side, above + below
    return (float(eyes[0]) - width / 2, float(eyes[1]) - above, width, height * 1.1)


def _strength(shot: KeptShot) -> float:
    """Return a shot's template length, or 0 without one."""
    return shot.template.strength if shot.template is not None else 0.0


def _fuse(shots: Sequence[KeptShot]) -> Template:
    """Return the mean template, each shot weighted by how far its strength exceeds that of an unrecognisable face."""
    templates = [shot.template for shot in shots if shot.template is not None]
    return fuse_templates(templates, [max(template.strength - 5.0, 0.2) ** 2 for template in templates])
