"""A face behind reflections, made visible from many looks: reflections move over the glass, the person does not.

Light reflected by the glass only ever adds to what comes through it, so the darkest looks at each point of a face are the
cleanest. The result feeds the networks only: it is marked, never shown, and never the evidence. Source: layer separation by
minimum over registered pictures (Szeliski, Avidan and Anandan 2000).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from wayseal.model.border import Box, Pixels, Quality, Shot, Template
from wayseal.vision.detect import (
    IN_TRACK,
    NEW_TRACK,
    Detection,
    FaceDetector,
    clip_box,
    move_detection,
    overlap,
)
from wayseal.vision.glass import (
    WINDOW_EYES,
    WINDOW_SIDE,
    GlassLook,
    PlaceModel,
    chain_windows,
    cut_window,
    rank_darkest,
    settle_windows,
)
from wayseal.vision.motion import Similarity
from wayseal.vision.notpeople import LARGEST, SMALLEST
from wayseal.vision.quality import is_recognisable, rate_face
from wayseal.vision.quality_measure import measure_face
from wayseal.vision.template import FaceModel, align_face, fuse_templates

RESTORED = "restored_from_reflections"
"""Reason on an occupant whose template comes from a restored picture. The picture kept is an untouched one."""
LEAST_LOOKS = 8
LEAST_EYES = 20.0
"""Pixels between the eyes that somebody must have reached: a far face is blurred, not veiled."""
_SHARES = (0.05, 0.08, 0.1, 0.13, 0.16, 0.21)
"""How far from the darkest look the kept one is, picture by picture: a wiper or a shadow is darker than the face."""
_ONE_FACE = 0.3  # overlap from which two finds are of one face


@dataclass(frozen=True, slots=True, eq=False)
class RestoredFace:
    """A face found in a restored picture: its template, and the untouched look that is most like it."""

    template: Template = field(repr=False)
    shot: Shot
    view: Pixels = field(repr=False)


def restore_face(
    looks: Sequence[GlassLook], place: PlaceModel, right: float, detector: FaceDetector, model: FaceModel
) -> RestoredFace | None:
    """Return the face `right` eye distances beside a modelled place, when its restored pictures can be recognised.

    All pictures show it at one place, so they are aligned by one set of points: the middle of what is found in each.
    """
    windows = [cut_window(look, place, right) for look in looks]
    windows = settle_windows(looks, chain_windows(looks, windows))
    stack = [pixels for pixels, _ in windows]
    ranks = sorted({max(2, round(share * len(stack))) for share in _SHARES})
    pictures = [_enhance(rank_darkest(stack, rank)) for rank in ranks]
    face = _find_face(pictures, detector)
    if face is None:
        return None
    rated = [(picture, *_rate(picture, face, model)) for picture in pictures]
    usable = [one for one in rated if is_recognisable(one[2])]
    if not usable:
        return None
    picture, _, quality = max(usable, key=lambda one: one[2].score)
    template = fuse_templates([one[1] for one in usable], [float(one[2].score) for one in usable])
    clearest = min(range(len(looks)), key=lambda index: _difference(stack[index], picture, face.box))
    shot = _as_shot(looks[clearest], windows[clearest][1], face, quality, template)
    return RestoredFace(template, shot, _view(looks[clearest], shot))


def _rate(picture: Pixels, face: Detection, model: FaceModel) -> tuple[Template, Quality]:
    """Return the template of a face in one restored picture, and its quality."""
    crop = align_face(picture, face.landmarks)
    template = model.embed([crop])[0]
    return template, rate_face(measure_face(picture, face, crop), strength=template.strength)


def _enhance(picture: Pixels) -> Pixels:
    """Return the picture with its middle's contrast spread, and local contrast evened out: veils leave little of it."""
    core = picture[WINDOW_SIDE // 6 : -WINDOW_SIDE // 4, WINDOW_SIDE // 4 : -WINDOW_SIDE // 4]
    low, high = np.percentile(core, (1, 97))
    spread = np.clip((picture.astype(np.float32) - low) * (255.0 / max(float(high - low), 8.0)), 0, 255)
    lab = cv2.cvtColor(spread.astype(np.uint8), cv2.COLOR_BGR2LAB)
    lab[..., 0] = cv2.createCLAHE(3.0, (4, 4)).apply(lab[..., 0])
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2BGR), dtype=np.uint8)


def _find_face(pictures: Sequence[Pixels], detector: FaceDetector) -> Detection | None:
    """Return the surest face of the right size near the middle, with the median points of all pictures' looks at it.

    Each picture is searched as it is and mirrored. None without a sure one.
    """
    whole = (0.0, 0.0, float(WINDOW_SIDE), float(WINDOW_SIDE))
    faces = [
        face
        for picture in pictures
        for scale in (1.0, 1.5)
        for mirrored in (False, True)
        for face in detector.detect_region(picture, whole, scale=scale, threshold=IN_TRACK, mirrored=mirrored)
        if SMALLEST < face.inter_eye_px / WINDOW_EYES < LARGEST
        and abs(face.box[0] + face.box[2] / 2 - WINDOW_SIDE / 2) < 2.5 * WINDOW_EYES
    ]
    surest = max(faces, key=lambda face: face.score, default=None)
    if surest is None or surest.score < NEW_TRACK:
        return None
    same = [face.landmarks for face in faces if overlap(face.box, surest.box) > _ONE_FACE]
    return replace(surest, landmarks=np.median(same, axis=0).astype(np.float32))


def _difference(pixels: Pixels, picture: Pixels, box: Box) -> float:
    """Return how unlike a look and the restored picture are inside the face, brightness and contrast apart."""
    left, top, right, bottom = clip_box(box, WINDOW_SIDE, WINDOW_SIDE)
    one, other = (part[top:bottom, left:right].mean(axis=2).ravel() for part in (pixels, picture))
    if one.size == 0 or one.std() < 1e-6 or other.std() < 1e-6:
        return 2.0
    return 1.0 - float(np.corrcoef(one, other)[0, 1])


def _as_shot(
    look: GlassLook, to_window: Similarity, face: Detection, quality: Quality, template: Template
) -> Shot:
    """Return the restored face as a shot in the frame of a look."""
    back = to_window.inverse()
    placed = move_detection(face, scale=back.scale, x=back.dx, y=back.dy)
    return Shot(
        frame=look.moment.index,
        time=look.moment.time,
        box=placed.box,
        landmarks=placed.landmarks,
        detector_score=placed.score,
        inter_eye_px=placed.inter_eye_px,
        quality=quality,
        template=template,
    )


def _view(look: GlassLook, shot: Shot) -> Pixels:
    """Return head and shoulders from the untouched look."""
    x, y, width, height = shot.box
    wide = look.to_pixels.move_box((x - 0.6 * width, y - 0.6 * height, 2.2 * width, 2.2 * height))
    left, top, right, bottom = clip_box(wide, look.pixels.shape[1], look.pixels.shape[0])
    return np.ascontiguousarray(look.pixels[top : max(bottom, top + 1), left : max(right, left + 1)])
