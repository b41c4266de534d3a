"""One person's still picture to one template: find the face, repair what can be repaired, judge, embed.

Owns the way from a picture to a template for enrolment and for offline measures; the lane's own way is in capture. It
keeps nothing, and it never sees a gallery.
"""

from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from wayseal.model.border import Box, Pixels, Quality, Template
from wayseal.model.errors import BadPicture
from wayseal.vision.condition import Treatment, apply_treatment, choose_treatment
from wayseal.vision.detect import SMALL_FACE, Detection, FaceDetector, clip_box, move_detection
from wayseal.vision.picture import faces_in
from wayseal.vision.quality import is_recognisable, rate_face
from wayseal.vision.quality_measure import measure_face
from wayseal.vision.second_opinion import SecondOpinion
from wayseal.vision.template import FaceModel, OnnxFaceModel, align_face, fuse_templates

ENROL_HEIGHT = 44.0
"""Face height in pixels that an enrolment picture needs at least. Height, because a turned head brings the eyes together."""
RIVAL_FACE = 0.5
"""A second face that weighs this share of the first one (`weigh_face`) makes it unclear who is meant.

On 294 press photographs with several faces and a known subject: 5 refused, and the subject chosen in all others.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """The face that stands for a picture: where it is, how good, its template, and what was repaired for it."""

    found: Detection
    quality: Quality
    template: Template = field(repr=False)
    treatment: Treatment
    second: Template | None = field(default=None, repr=False)
    """The second opinion's template, where the reader has one."""


class PortraitReader:
    """Templates from still pictures. Holds the two networks; safe to call from several threads."""

    def __init__(
        self,
        detector: FaceDetector | None = None,
        model: FaceModel | None = None,
        second: SecondOpinion | None = None,
    ) -> None:
        self.detector = detector or FaceDetector()
        self.model = model or OnnxFaceModel()
        self.second = second

    def read_main(self, bgr: Pixels) -> Portrait:
        """Return the portrait of the main face, however poor. Raises `BadPicture` (fact `reason`: no_face) without one."""
        return self._embed(bgr, self._find_main(bgr)[0])

    def read_enrolment(self, bgr: Pixels) -> Portrait:
        """Return the portrait of a picture that may stand in a gallery.

        Raises `BadPicture` with the fact `reason`: `no_face`, `several_faces`, `too_small`, or the worst reason of the
        quality gate (`too_blurred`, `too_dark`, `unrecognisable`, ...). The template is the mean of the picture's in colour
        and in grey, each also mirrored: an enrolment is made once, and misses fall by a tenth (docs/adr/0185).
        """
        main, others = self._find_main(bgr)
        height, width = bgr.shape[:2]
        least = RIVAL_FACE * weigh_face(main, width, height)
        if any(weigh_face(other, width, height) >= least for other in others):
            raise BadPicture(
                "several faces of like size", hint="Crop the picture to one person.", reason="several_faces"
            )
        if main.box[3] < ENROL_HEIGHT:
            raise BadPicture(
                "the face is too small", hint="Use a picture with more pixels.", reason="too_small"
            )
        portrait = self._embed(bgr, main)
        if not is_recognisable(portrait.quality):
            reason = (*portrait.quality.reasons, "unrecognisable")[0]
            raise BadPicture("the face cannot be recognised", hint="Use a sharper picture.", reason=reason)
        return replace(portrait, template=self._average(bgr, main, portrait.template))

    def read_at(self, bgr: Pixels, found: Detection) -> Portrait:
        """Return the portrait of a face that was found in the picture already."""
        return self._embed(bgr, found)

    def _find_main(self, bgr: Pixels) -> tuple[Detection, list[Detection]]:
        """Return the main face and the others; a picture without one is searched again after a repair."""
        faces = faces_in(bgr, self.detector)
        if not faces:
            treatment = choose_treatment(_luma(bgr))
            if treatment is not Treatment.NONE:
                faces = faces_in(apply_treatment(bgr, treatment), self.detector)
        if not faces:
            raise BadPicture(
                "no face was found",
                hint="Use a picture that shows one face from the front.",
                reason="no_face",
            )
        main = main_face(faces, bgr.shape[1], bgr.shape[0])
        return main, [face for face in faces if face is not main]

    def _average(self, bgr: Pixels, found: Detection, own: Template) -> Template:
        """Return the mean of a picture's `own` template, that of its mirror image, and those of both in grey."""
        grey = np.asarray(cv2.cvtColor(_luma(bgr), cv2.COLOR_GRAY2BGR), dtype=np.uint8)
        coloured, plain = (align_face(*self._cut(one, found)[:2]) for one in (bgr, grey))
        others = [np.ascontiguousarray(crop[:, ::-1]) for crop in (coloured, plain)]
        return fuse_templates([own, *self.model.embed([plain, *others])])

    def _embed(self, bgr: Pixels, found: Detection) -> Portrait:
        """Return the portrait of one detection, from a repaired and, when small, enlarged crop around it."""
        around, points, treatment = self._cut(bgr, found)
        crop = align_face(around, points)
        template = self.model.embed([crop])[0]
        quality = rate_face(
            measure_face(bgr, found, crop), strength=template.strength, model_sha256=template.model_sha256
        )
        second = self.second.embed(around, points) if self.second else None
        return Portrait(found, quality, template, treatment, second)

    def _cut(self, bgr: Pixels, found: Detection) -> tuple[Pixels, NDArray[np.float32], Treatment]:
        """Return a face's surroundings, repaired and, where it is small, enlarged; its five points there; and the repair."""
        around, left, top = cut_around(bgr, found.box)
        treatment = choose_treatment(_luma(around))
        local = move_detection(found, scale=1.0, x=-left, y=-top)
        around = apply_treatment(around, treatment)
        if found.box[3] < SMALL_FACE:
            again = self.detector.refine_small(around, local)
            around = np.asarray(
                cv2.resize(around, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), dtype=np.uint8
            )
            local = move_detection(again, scale=2.0, x=0, y=0)
        return around, local.landmarks, treatment


def main_face(faces: list[Detection], width: int, height: int) -> Detection:
    """Return the face a picture is about: the one that weighs most."""
    return max(faces, key=lambda face: weigh_face(face, width, height))


def weigh_face(face: Detection, width: int, height: int) -> float:
    """Return how much a face is what the picture is about: its area, less towards the edge, less where unsure."""
    x, y, w, h = face.box
    off = np.hypot((x + w / 2) / width - 0.5, (y + h / 2) / height - 0.5)
    return float(w * h * max(0.0, 1.0 - off) ** 2 * face.score)


def cut_around(bgr: Pixels, box: Box, *, margin: float = 0.6) -> tuple[Pixels, int, int]:
    """Return the picture around a box, `margin` times its size wider on each side, and the cut's left and top."""
    x, y, width, height = box
    wide = (x - margin * width, y - margin * height, width * (1 + 2 * margin), height * (1 + 2 * margin))
    left, top, right, bottom = clip_box(wide, bgr.shape[1], bgr.shape[0])
    return bgr[top:bottom, left:right], left, top


def _luma(bgr: Pixels) -> Pixels:
    """Return the brightness plane of BGR pixels."""
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
