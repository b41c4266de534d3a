"""Lane videos with one step of capture exchanged at a time: how near each occupant comes to the own enrolment and to others'.

Uses the product's capture; each vehicle is settled once as shipped and once with each exchange, from the same burst.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
from treatments_exchanges import ALTERATIONS, EXCHANGES, SHIPPED, Alter, Exchange, as_filmed

from wayseal.flow.measure.lane_setup import list_videos, read_gallery_list
from wayseal.flow.measure.lane_truth import LaneTruth, find_face, read_truth
from wayseal.model.border import Frame
from wayseal.model.errors import WaysealError
from wayseal.vision import capture, partly, settle
from wayseal.vision.bestshot import FusedShots, KeptShot
from wayseal.vision.capture import CaptureModels, LaneCapture
from wayseal.vision.frames import open_source
from wayseal.vision.networks import load_networks
from wayseal.vision.optics import LaneOptics
from wayseal.vision.picture import read_picture
from wayseal.vision.portrait import PortraitReader
from wayseal.vision.template import fuse_templates
from wayseal.vision.watch import VehicleWatch

MATCH, POSSIBLE, MARGIN = 0.45, 0.36, 0.05


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
    exchanges: dict[str, Exchange] = field(default_factory=lambda: EXCHANGES)
    sets: list[tuple[str, list[KeptShot]]] = field(default_factory=list)
    """Whom the fused shots of capture as shipped are of, and the shots."""


def list_shots(folder: Path) -> list[tuple[str, list[KeptShot]]]:
    """Return who was captured in the videos as filmed, and the shots that stand for each."""
    models = load_networks(plates=False)
    names, vectors = _enrol(folder / "gallery.csv", models)
    bench = Bench(models, names, vectors, exchanges={SHIPPED: EXCHANGES[SHIPPED]})
    for video, truth in list_videos(None, None, folder):
        _run(bench, video, read_truth(truth), as_filmed)
    return bench.sets


def measure_videos(folder: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Measure every video as filmed and altered; print a Markdown table for each and one of the rules, return the figures."""
    models = load_networks(plates=False)
    names, vectors = _enrol(folder / "gallery.csv", models)
    report, shipped = {}, {}
    for name, alter in ALTERATIONS.items():
        bench = Bench(models, names, vectors)
        for video, truth in list_videos(None, None, folder):
            _run(bench, video, read_truth(truth), alter)
        report[name] = _print(name, bench)
        shipped[name] = bench.scores.get(SHIPPED, [])
    report["rules"] = _print_rules(shipped)
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
        for name, exchange in bench.exchanges.items():
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
    if alter is as_filmed:
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

    for module in (settle, partly):
        stack.enter_context(patch.object(module, "fuse_shots", fuse))


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
        if name == SHIPPED and fused is not None:
            bench.sets.append((identity, list(fused.shots)))
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
    """Print one Markdown table, an exchange a row, and return its figures."""
    columns = (
        "captured", "enrolled of them", "rank 1", f"own >= {MATCH}", "mean own", "mean other",
        f"other >= {POSSIBLE}", "nobody",
    )  # fmt: skip
    print(
        f"\n**{title.capitalize()}**\n\n| exchanged | "
        + " | ".join(columns)
        + " |\n|---"
        + "|---" * len(columns)
        + "|"
    )
    report = {}
    for name in EXCHANGES:
        rows = bench.scores.get(name, [])
        mates = [row for row in rows if row.mate is not None]
        values = (
            len(rows), len(mates), sum(row.mate > row.other for row in mates), sum(row.mate >= MATCH for row in mates),
            float(np.mean([row.mate for row in mates])) if mates else 0.0,
            float(np.mean([row.other for row in rows])) if rows else 0.0,
            sum(row.other >= POSSIBLE for row in rows), bench.strangers.get(name, 0),
        )  # fmt: skip
        report[name] = dict(zip(columns, values, strict=True))
        cells = [f"{value:.3f}" if isinstance(value, float) else str(value) for value in values]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    return report


RULES: dict[str, Callable[[float, float, float], bool]] = {
    "none": lambda _share, _first, _second: True,
    "half of the shots agree": lambda share, _first, _second: share >= 0.5,
    "all shots agree": lambda share, _first, _second: share >= 1,
    f"leads by {MARGIN} (ships)": lambda _share, first, second: first - second > MARGIN,
}
"""Whether an answer stands: by the share of the fused shots that name the same, the first score and the second."""


def _print_rules(shipped: dict[str, list[Score]]) -> dict[str, dict[str, float]]:
    """Print what rules of search would leave of the answers as shipped: own first at 0.36, and others' where the own is missing."""
    heads = [f"{name}: {kind}" for name in shipped for kind in ("own", "other")]
    print(
        f"\n**Rules, of answers at {POSSIBLE} and above**\n\n| rule | "
        + " | ".join(heads)
        + " |\n|---"
        + "|---" * len(heads)
        + "|"
    )
    report = {}
    for title, holds in RULES.items():
        values = []
        for rows in shipped.values():
            own = [
                row for row in rows if row.mate is not None and row.mate >= POSSIBLE and row.mate > row.other
            ]
            near = [row for row in rows if row.other >= POSSIBLE]
            values.append(sum(holds(row.agree, row.mate, row.other) for row in own))
            values.append(sum(holds(row.strangers_agree, row.other, row.second) for row in near))
        report[title] = dict(zip(heads, values, strict=True))
        print(f"| {title} | {' | '.join(map(str, values))} |", flush=True)
    return report
