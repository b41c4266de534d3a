"""Best-shot regret: how much better the best picture of a face was, among all that a pass offered, than the one that was kept.

Goes through a video a second time, with its truth, and judges every look at everybody of whom a picture was kept. Offline only: no
lane does this, and no gallery is asked.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from wayseal.flow.measure.lane_truth import VISIBLE, FaceTruth, LaneTruth, OccupantTruth, find_face
from wayseal.model.border import Box, Frame, Shot, VehiclePass
from wayseal.vision.capture import CaptureModels
from wayseal.vision.condition import repair_picture
from wayseal.vision.detect import IN_TRACK, Detection, overlap
from wayseal.vision.frames import open_source
from wayseal.vision.quality import rate_face
from wayseal.vision.quality_measure import measure_face
from wayseal.vision.template import align_face

_ON_FACE = 0.25  # of their union that a found and a true box must share
_AROUND = 1.0  # widths and heights around a true box in which it is looked for


@dataclass(slots=True)
class KeptLook:
    """One person's kept picture, and the quality of the best look (0-100) that the video offered of them."""

    person: OccupantTruth
    shot: Shot
    kept: int | None = None
    best: int = 0

    @property
    def regret(self) -> float | None:
        """The share of the best look's quality that the kept picture lacks, 0-1; None where no look could be judged."""
        kept = self.shot.quality.score if self.kept is None else self.kept
        return max(0.0, 1.0 - kept / self.best) if self.best else None


def measure_regret(
    video: Path, truth: LaneTruth, passes: Iterable[VehiclePass], models: CaptureModels
) -> list[float]:
    """Return one regret for each picture that the passes of a video kept of somebody.

    A look is any frame in which the truth says that at least 60 % of the face is visible and the detector finds it; its quality
    is what capture would have given it, template included. The kept picture is judged again in its own frame, so that both
    numbers are made alike; one that cannot be keeps the quality that it had.
    """
    looks = [KeptLook(person, shot) for person, shot in list_kept(passes, truth)]
    wanted: defaultdict[int, list[tuple[KeptLook, FaceTruth]]] = defaultdict(list)
    for look in looks:
        for index, face in look.person.faces.items():
            if face.visible >= VISIBLE or index == look.shot.frame:
                wanted[index].append((look, face))
    with open_source(str(video)) as source:
        for frame in source:
            for look, face in wanted.get(frame.index, []):
                _judge(frame, look, face, models)
    return [look.regret for look in looks if look.regret is not None]


def list_kept(passes: Iterable[VehiclePass], truth: LaneTruth) -> list[tuple[OccupantTruth, Shot]]:
    """Return whose face each kept picture is on, and its shot; pictures of nobody are counted elsewhere."""
    kept = []
    for person in (person for seen in passes for person in seen.occupants):
        if person.template is None or person.best is None:
            continue
        place = find_face(truth.vehicles, person.best.frame, person.best.box)
        if place is not None:
            kept.append((truth.vehicles[place[0]].occupants[place[1]], person.best))
    return kept


def _judge(frame: Frame, look: KeptLook, face: FaceTruth, models: CaptureModels) -> None:
    """Judge one look at one person, where the detector finds the face."""
    bgr = frame.colour()
    found = _find(models.detector.detect_region(bgr, _widen(face.box), threshold=IN_TRACK), face.box)
    if found is None:
        return
    found = models.detector.refine_small(bgr, found)
    crop = align_face(bgr, found.landmarks)
    template = models.embedder.embed([repair_picture(crop)])[0]
    measures = measure_face(bgr, found, crop)
    quality = rate_face(measures, strength=template.strength, model_sha256=template.model_sha256).score
    look.best = max(look.best, quality)
    if frame.index == look.shot.frame:
        look.kept = quality


def _find(faces: Iterable[Detection], box: Box) -> Detection | None:
    """Return the detection that is on a true face, or None."""
    on = [face for face in faces if overlap(face.box, box) >= _ON_FACE]
    return max(on, key=lambda face: overlap(face.box, box), default=None)


def _widen(box: Box) -> Box:
    """Return the surroundings of a box."""
    x, y, width, height = box
    return (
        x - _AROUND * width,
        y - _AROUND * height,
        (1 + 2 * _AROUND) * width,
        (1 + 2 * _AROUND) * height,
    )
