"""Steps of capture exchanged one at a time, and alterations of whole frames: what the table of lane videos compares.

Each exchange patches one function of the product for the time of one settling. Those that are no longer shipped live here.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import pairwise
from unittest.mock import patch

import numpy as np
from treatments import Repair, deblur, fuse_tones, leave, smooth, stretch

from wayseal.model.border import Pixels, Quality, Template
from wayseal.vision import bestshot, partly, restore, settle
from wayseal.vision.bestshot import FusedShots, KeptShot
from wayseal.vision.detect import Detection, FaceDetector
from wayseal.vision.optics import LaneOptics
from wayseal.vision.template import ARCFACE_POINTS, FaceModel, align_matrix, fuse_templates

SHIPPED = "as shipped"
Alter = Callable[[np.ndarray], np.ndarray]
Exchange = Callable[[ExitStack, LaneOptics], None]


def as_filmed(bgr: np.ndarray) -> np.ndarray:
    """Return the frame itself."""
    return bgr


def _with_noise(gain: float, veil: float, sigma: float) -> Alter:
    """Return an alteration: darker, behind a veil of 180 grey levels, with noise that never repeats from frame to frame."""
    chance = np.random.default_rng(3)
    bank = chance.normal(0, sigma, (1080 + 256, 1920 + 256, 3)).astype(np.float32)

    def alter(bgr: np.ndarray) -> np.ndarray:
        top, left = chance.integers(0, 256, 2)
        height, width = bgr.shape[:2]
        light = bgr * np.float32(gain * (1 - veil)) + np.float32(gain * veil * 180)
        return np.clip(light + bank[top : top + height, left : left + width], 0, 255).astype(np.uint8)

    return alter


ALTERATIONS: dict[str, Alter] = {
    "as filmed": as_filmed,
    "darkened to 0.3, noise 6": _with_noise(0.3, 0.0, 6.0),
    "noise 15": _with_noise(1.0, 0.0, 15.0),
    "behind a veil of 60 %": _with_noise(1.0, 0.6, 1.0),
}


def _change_nothing(_stack: ExitStack, _optics: LaneOptics) -> None:
    """Leave capture as it ships."""


def _repair_by(repair: Repair) -> Exchange:
    """Return an exchange that repairs every crop in the same way before it is embedded."""
    return _exchange(bestshot, "repair_picture", repair)


def _embed_after(stack: ExitStack, treat: Callable[[KeptShot, list[KeptShot]], np.ndarray]) -> None:
    """Embed what `treat` makes of each shot in place of its crop."""

    def treat_before(inner: Callable[..., object]) -> Callable[..., object]:
        def embed(shots: list[KeptShot], model: object) -> object:
            for shot in shots:
                if shot.template is None:
                    shot.crop = treat(shot, shots)
            return inner(shots, model)

        return embed

    for module in (settle, partly):
        for name in ("embed_shots", "embed_enough"):
            stack.enter_context(patch.object(module, name, treat_before(getattr(module, name))))


def _deblur_by_track(stack: ExitStack, optics: LaneOptics) -> None:
    """Undo in each crop the smear that its own track's movement and the reported shutter tell, from two crop pixels on."""

    def treat(shot: KeptShot, shots: list[KeptShot]) -> np.ndarray:
        ordered = sorted((one.sighting for one in shots), key=lambda one: one.moment.seconds)
        pairs = [(a, b) for a, b in pairwise(ordered) if shot.sighting in (a, b)]
        if not pairs or optics.exposure_ms is None:
            return shot.crop
        before, after = pairs[0]
        pause = max(after.moment.seconds - before.moment.seconds, 1e-3)
        moved = (after.found.landmarks - before.found.landmarks)[2] * optics.exposure_ms / 1000 / pause
        x, y = align_matrix(shot.sighting.found.landmarks, ARCFACE_POINTS)[:, :2] @ moved
        length = float(np.hypot(x, y))
        return shot.crop if length < 2 else deblur(shot.crop, length, float(np.degrees(np.arctan2(y, x))))

    _embed_after(stack, treat)


def _exchange(module: object, name: str, other: object) -> Exchange:
    """Return an exchange of one function by another."""

    def exchange(stack: ExitStack, _optics: LaneOptics) -> None:
        stack.enter_context(patch.object(module, name, other))

    return exchange


def _in_turn(*exchanges: Exchange) -> Exchange:
    """Return an exchange that makes several."""

    def exchange(stack: ExitStack, optics: LaneOptics) -> None:
        for one in exchanges:
            one(stack, optics)

    return exchange


def _fuse_plainly(shots: list[KeptShot]) -> object:
    """Return the unweighted mean template."""
    return fuse_templates([shot.template for shot in shots if shot.template is not None])


def _fuse_one(shots: list[KeptShot]) -> FusedShots | None:
    """Return the strongest shot's template; whether it can be recognised is judged as shipped."""
    fused = bestshot.fuse_shots(shots)
    return fused and replace(fused, template=fused.shots[0].template)


def _keep_person(*arguments: object) -> object:
    """Return the occupant as found: nothing is restored."""
    return arguments[3]


def _align_singly(stack: ExitStack, _optics: LaneOptics) -> None:
    """Align each restored picture of a face by the points found in it alone; one in which none is sure is not used."""
    find, rate, used = restore._find_face, restore._rate, []  # noqa: SLF001

    def find_common(pictures: Sequence[Pixels], detector: FaceDetector) -> Detection | None:
        used.append(detector)
        return find(pictures, detector)

    def rate_singly(picture: Pixels, face: Detection, model: FaceModel) -> tuple[Template, Quality]:
        own = find([picture], used[-1])
        template, quality = rate(picture, own or face, model)
        return template, quality if own is not None else replace(quality, score=0)

    stack.enter_context(patch.object(restore, "_find_face", find_common))
    stack.enter_context(patch.object(restore, "_rate", rate_singly))


EXCHANGES: dict[str, Exchange] = {
    SHIPPED: _change_nothing,
    "the first shot only": _in_turn(
        _exchange(settle, "choose_shots", lambda shots, _count=0: list(shots[:1])),
        _exchange(partly, "choose_shots", lambda shots, _count=0: list(shots[:1])),
    ),
    "the best shot only": _in_turn(
        _exchange(settle, "fuse_shots", _fuse_one), _exchange(partly, "fuse_shots", _fuse_one)
    ),
    "shots not weighted": _exchange(bestshot, "_fuse", _fuse_plainly),
    "unlike shots kept": _exchange(bestshot, "_drop_strangers", lambda shots: shots),
    "no temporal minimum": _exchange(settle, "_restore", _keep_person),
    "restored pictures aligned one by one": _align_singly,
    "no looks placed by the track": _in_turn(
        _exchange(settle, "look_again", lambda *_: None), _exchange(settle, "take_glimpses", lambda *_: [])
    ),
    "placed looks judged singly": _exchange(partly, "is_usable", lambda *_: False),
    "placed looks cut at one width": _exchange(partly, "WIDTHS", partly.WIDTHS[:1]),
    "no repair of crops": _repair_by(leave),
    "every crop smoothed": _repair_by(smooth),
    "every crop stretched": _repair_by(stretch),
    "every crop fused with its own exposures": _repair_by(fuse_tones),
    "deblur by track and shutter": _deblur_by_track,
}
