"""Lane videos with one step of capture exchanged at a time: how near each occupant comes to the own enrolment and to others'.

Uses the product's capture; each vehicle is settled once as shipped and once with each exchange, from the same burst.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
from treatments import Repair, deblur, fuse_tones, leave, smooth, stretch

from wayseal.flow.measure.lane_setup import list_videos, read_gallery_list
from wayseal.flow.measure.lane_truth import LaneTruth, find_face, read_truth
from wayseal.model.border import Frame
from wayseal.model.errors import WaysealError
from wayseal.vision import bestshot, capture, settle
from wayseal.vision.bestshot import FusedShots, KeptShot
from wayseal.vision.capture import CaptureModels, LaneCapture
from wayseal.vision.frames import open_source
from wayseal.vision.networks import load_networks
from wayseal.vision.optics import LaneOptics
from wayseal.vision.picture import read_picture
from wayseal.vision.portrait import PortraitReader
from wayseal.vision.template import ARCFACE_POINTS, align_matrix, fuse_templates
from wayseal.vision.watch import VehicleWatch

MATCH, POSSIBLE, MARGIN = 0.45, 0.36, 0.05
SHIPPED = "as shipped"
Alter = Callable[[np.ndarray], np.ndarray]


@dataclass
class Score:
    """One occupant's best shot under one exchange: similarity to the own enrolment and the best of the others'.

    `agree` is the share of the fused shots whose own nearest enrolment is the fused one's; `strangers_agree` the same with
    the own enrolment taken out of the gallery.
    """

    mate: float | None
    other: float
    second: float
    agree: float
    strangers_agree: float


@dataclass
class Bench:
    """The gallery, and the scores by exchange."""

    models: CaptureModels
    names: list[str]
    vectors: np.ndarray
    shots: dict[int, FusedShots] = field(default_factory=dict)
    scores: dict[str, list[Score]] = field(default_factory=dict)
    strangers: dict[str, int] = field(default_factory=dict)


def measure_videos(folder: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Measure every video as filmed and altered; print a Markdown table for each, and return the figures."""
    models = load_networks(plates=False)
    names, vectors = _enrol(folder / "gallery.csv", models)
    report = {}
    for name, alter in ALTERATIONS.items():
        bench = Bench(models, names, vectors)
        for video, truth in list_videos(None, None, folder):
            _run(bench, video, read_truth(truth), alter)
        report[name] = _print(name, bench)
    return report


def _enrol(path: Path, models: CaptureModels) -> tuple[list[str], np.ndarray]:
    """Return names and one fused template each."""
    reader, kept = PortraitReader(models.detector, models.embedder), {}
    for picture, identity in read_gallery_list(path):
        try:
            kept.setdefault(identity, []).append(reader.read_enrolment(read_picture(picture)).template)
        except WaysealError:
            continue
    return list(kept), np.stack([fuse_templates(some).vector for some in kept.values()])


def _run(bench: Bench, video: Path, truth: LaneTruth, alter: Alter) -> None:
    """Feed one video, and score each vehicle under each exchange."""
    optics = LaneOptics(focal_px=truth.focal_px, exposure_ms=truth.exposure_ms)
    lane = LaneCapture(replace(bench.models, new_plate=None), optics)
    real = settle.settle_vehicle

    def settle_all(watch: VehicleWatch, models: CaptureModels, optics: LaneOptics) -> settle.Settled:
        for name, exchange in EXCHANGES.items():
            shots = [shot for burst in watch.bursts.values() for shot in burst.shots]
            before = [(shot.template, shot.quality, shot.crop) for shot in shots]
            with ExitStack() as stack:
                exchange(stack, optics)
                _note_fused(stack, bench)
                _score(bench, name, real(watch, models, optics), truth)
            for shot, (template, quality, crop) in zip(shots, before, strict=True):
                shot.template, shot.quality, shot.crop = template, quality, crop
        return real(watch, models, optics)

    with patch.object(capture, "settle_vehicle", settle_all), open_source(str(video)) as source:
        for frame in source:
            lane.feed(_alter_frame(frame, alter))
        lane.finish()


def _alter_frame(frame: Frame, alter: Alter) -> Frame:
    """Return a frame whose pixels are altered."""
    if alter is _as_filmed:
        return frame
    bgr = alter(frame.colour())
    return replace(frame, luma=cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), colour=lambda: bgr)


def _note_fused(stack: ExitStack, bench: Bench) -> None:
    """Remember which shots each fused template came from."""
    inner = settle.fuse_shots

    def fuse(shots: list[KeptShot]) -> FusedShots | None:
        fused = inner(shots)
        if fused is not None:
            bench.shots[id(fused.template)] = fused
        return fused

    stack.enter_context(patch.object(settle, "fuse_shots", fuse))


def _score(bench: Bench, name: str, settled: settle.Settled, truth: LaneTruth) -> None:
    """Add each captured occupant who is in the gallery; count those on nobody."""
    for person in settled.occupants:
        if person.template is None or person.best is None:
            continue
        place = find_face(truth.vehicles, person.best.frame, person.best.box)
        if place is None:
            bench.strangers[name] = bench.strangers.get(name, 0) + 1
            continue
        identity = truth.vehicles[place[0]].occupants[place[1]].identity
        known = bench.names.index(identity) if identity in bench.names else None
        likes = bench.vectors @ person.template.vector
        fused = bench.shots.get(id(person.template))
        each = (
            [bench.vectors @ shot.template.vector for shot in fused.shots] if fused is not None else [likes]
        )
        agree = float(np.mean([int(one.argmax() == likes.argmax()) for one in each]))
        mate = None if known is None else float(likes[known])
        if known is not None:
            for one in (likes, *each):
                one[known] = -1.0
        best, second = (float(value) for value in np.sort(likes)[::-1][:2])
        left_out = float(np.mean([int(one.argmax() == likes.argmax()) for one in each]))
        bench.scores.setdefault(name, []).append(Score(mate, best, second, agree, left_out))


def _print(title: str, bench: Bench) -> dict[str, dict[str, float]]:
    """Print one Markdown table and return its figures."""
    columns = (
        "captured", "enrolled and captured", "rank 1", f"own >= {MATCH}", "mean own", "mean best other",
        f"other >= {POSSIBLE}", "and most shots agree", f"and leads by {MARGIN}", f"own >= {POSSIBLE}",
        "and most shots agree ", f"and leads by {MARGIN} ", "nobody",
    )  # fmt: skip
    print(f"\n{title}\n\n| exchanged | " + " | ".join(columns) + " |\n|---" + "|---" * len(columns) + "|")
    report = {}
    for name in EXCHANGES:
        rows = bench.scores.get(name, [])
        mates = [row for row in rows if row.mate is not None]
        near = [row for row in rows if row.other >= POSSIBLE]
        own = [row for row in mates if row.mate >= POSSIBLE and row.mate > row.other]
        values = (
            len(rows), len(mates), sum(row.mate > row.other for row in mates), sum(row.mate >= MATCH for row in mates),
            float(np.mean([row.mate for row in mates])) if mates else 0.0,
            float(np.mean([row.other for row in rows])) if rows else 0.0,
            len(near), sum(row.strangers_agree >= 0.5 for row in near), sum(row.other - row.second > MARGIN for row in near),
            len(own), sum(row.agree >= 0.5 for row in own), sum(row.mate - row.other > MARGIN for row in own),
            bench.strangers.get(name, 0),
        )  # fmt: skip
        report[name] = dict(zip(columns, values, strict=True))
        cells = [f"{value:.3f}" if isinstance(value, float) else str(value) for value in values]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    return report


def _as_filmed(bgr: np.ndarray) -> np.ndarray:
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
    "as filmed": _as_filmed,
    "darkened to 0.3, noise 6": _with_noise(0.3, 0.0, 6.0),
    "noise 15": _with_noise(1.0, 0.0, 15.0),
    "behind a veil of 60 %": _with_noise(1.0, 0.6, 1.0),
}


def _change_nothing(_stack: ExitStack, _optics: LaneOptics) -> None:
    """Leave capture as it ships."""


def _repair_by(repair: Repair) -> Callable[[ExitStack, LaneOptics], None]:
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

    for name in ("embed_shots", "embed_enough"):
        stack.enter_context(patch.object(settle, name, treat_before(getattr(settle, name))))


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


def _exchange(module: object, name: str, other: object) -> Callable[[ExitStack, LaneOptics], None]:
    """Return an exchange of one function by another."""

    def exchange(stack: ExitStack, _optics: LaneOptics) -> None:
        stack.enter_context(patch.object(module, name, other))

    return exchange


def _fuse_plainly(shots: list[KeptShot]) -> object:
    """Return the unweighted mean template."""
    return fuse_templates([shot.template for shot in shots if shot.template is not None])


def _fuse_one(shots: list[KeptShot]) -> FusedShots | None:
    """Return the strongest shot's template; whether it can be recognised is judged as shipped."""
    fused = bestshot.fuse_shots(shots)
    return fused and replace(fused, template=fused.shots[0].template, shots=fused.shots[:1])


def _keep_person(*arguments: object) -> object:
    """Return the occupant as found: nothing is restored."""
    return arguments[3]


EXCHANGES: dict[str, Callable[[ExitStack, LaneOptics], None]] = {
    SHIPPED: _change_nothing,
    "the first shot only": _exchange(settle, "choose_shots", lambda shots, _count=0: list(shots[:1])),
    "the best shot only": _exchange(settle, "fuse_shots", _fuse_one),
    "shots not weighted": _exchange(bestshot, "_fuse", _fuse_plainly),
    "unlike shots kept": _exchange(bestshot, "_drop_strangers", lambda shots: shots),
    "no temporal minimum": _exchange(settle, "_restore", _keep_person),
    "no repair of crops": _repair_by(leave),
    "every crop smoothed": _repair_by(smooth),
    "every crop stretched": _repair_by(stretch),
    "every crop fused with its own exposures": _repair_by(fuse_tones),
    "deblur by track and shutter": _deblur_by_track,
}
