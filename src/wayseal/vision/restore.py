"""A face behind reflections, made visible from many looks: reflections move over the glass, the person does not.

Light reflected by the glass only ever adds to what comes through it, so the darkest looks at each point of a face are the
cleanest. The result feeds the networks only: it is marked, never shown, and never the evidence. Source: layer separation by
minimum over registered pictures (Szeliski, Avidan and Anandan 2000).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from wayseal.model.border import Box, Pixels, Quality, Shot, Template
from wayseal.vision.detect import NEW_TRACK, Detection, FaceDetector, clip_box, move_detection
from wayseal.vision.motion import Similarity
from wayseal.vision.notpeople import LARGEST, SMALLEST
from wayseal.vision.quality import is_recognisable, rate_face
from wayseal.vision.quality_measure import measure_face
from wayseal.vision.template import FaceModel, align_face, fuse_templates
from wayseal.vision.track import Sighting
from wayseal.vision.vehicle import Moment

RESTORED = "restored_from_reflections"
"""Reason on an occupant whose template comes from a restored picture. The picture kept is an untouched one."""
LEAST_LOOKS = 8
_EYES = 44.0  # pixels between the eyes in the restored picture
_SIDE = 300  # its size
_SHARES = (
    0.12,
    0.16,
)  # how far from the darkest look the kept one is: a wiper or a shadow is darker than the face
_ROUNDS, _MOST_SHIFT = 3, 14.0  # rounds of laying windows on each other, and pixels that one may move in each
_TAPER = np.asarray(cv2.createHanningWindow((_SIDE, _SIDE), cv2.CV_32F), dtype=np.float32)
_GLASS_EYES = 40.0  # pixels between the eyes in a kept look, at most


@dataclass(frozen=True, slots=True, eq=False)
class GlassLook:
    """The glass in one frame, in memory only: pixels, and the scale and shift from frame pixels to them."""

    moment: Moment
    pose: Similarity
    pixels: Pixels = field(repr=False)
    to_pixels: Similarity


@dataclass(frozen=True, slots=True)
class PlaceModel:
    """Where a face is at each vehicle scale, by the pinhole camera: it sits deeper than the points of the vehicle's front.

    Its size between the eyes is c / (1 + b * scale), and its place in vehicle coordinates is linear in that size.
    """

    inverse: tuple[float, float]
    x: tuple[float, float]
    y: tuple[float, float]

    def at(self, scale: float, right: float) -> tuple[float, float, float]:
        """Return (x, y, size between the eyes) in vehicle coordinates, `right` eye distances to the right of the face."""
        size = 1.0 / max(self.inverse[0] * scale + self.inverse[1], 1e-9)
        return self.x[0] * size + self.x[1] + right * size, self.y[0] * size + self.y[1], size


@dataclass(frozen=True, slots=True, eq=False)
class RestoredFace:
    """A face found in a restored picture: its template, and the untouched look that is most like it."""

    template: Template = field(repr=False)
    shot: Shot
    view: Pixels = field(repr=False)


def keep_look(moment: Moment, pose: Similarity, bgr: Pixels, glass: Box, eyes_px: float) -> GlassLook | None:
    """Return the glass of one frame for later, shrunk where faces are larger than needed; None when it is outside."""
    left, top, right, bottom = clip_box(glass, bgr.shape[1], bgr.shape[0])
    if right - left < 32 or bottom - top < 32:
        return None
    scale = min(1.0, _GLASS_EYES / max(eyes_px, 1.0))
    size = (round((right - left) * scale), round((bottom - top) * scale))
    pixels = np.asarray(
        cv2.resize(bgr[top:bottom, left:right], size, interpolation=cv2.INTER_AREA), dtype=np.uint8
    )
    return GlassLook(moment, pose, pixels, Similarity(scale, -left * scale, -top * scale))


def model_place(sightings: Sequence[Sighting]) -> PlaceModel:
    """Return the pinhole model of one face's sightings in a vehicle that comes nearer; nearer ones weigh more."""
    scales = np.array([one.scale for one in sightings])
    sizes = np.array([one.size for one in sightings])
    places = np.array([one.place for one in sightings])
    slope, level = _fit_line(scales, 1.0 / sizes, scales)
    lowest = 0.5 / float(np.median(sizes))
    if slope < 0 or level < lowest:
        slope, level = 0.0, 1.0 / float(np.median(sizes))
    modelled = 1.0 / (slope * scales + level)
    x, y = (_fit_line(modelled, places[:, axis], scales) for axis in (0, 1))
    return PlaceModel((slope, level), x, y)


def _fit_line(
    inputs: NDArray[np.float64], values: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float]:
    """Return (slope, level) of a weighted line that ignores outliers; a level line where the inputs hardly differ."""
    kept = np.ones(len(inputs), dtype=bool)
    slope, level = 0.0, float(np.average(values, weights=weights))
    for _ in range(3):
        if np.ptp(inputs[kept]) > 0.02 * abs(float(inputs[kept].mean())):
            slope, level = (float(one) for one in np.polyfit(inputs[kept], values[kept], 1, w=weights[kept]))
        miss = np.abs(slope * inputs + level - values) * weights
        kept = miss <= 3.0 * float(np.median(miss)) + 1e-9
    return slope, level


def restore_face(
    looks: Sequence[GlassLook], place: PlaceModel, right: float, detector: FaceDetector, model: FaceModel
) -> RestoredFace | None:
    """Return the face `right` eye distances beside a modelled place, when its restored picture can be recognised."""
    windows = [_cut_window(look, place, right) for look in looks]
    windows = _settle_windows(looks, windows)
    stack = [pixels for pixels, _ in windows]
    found: list[tuple[Detection, Pixels, Template, Quality]] = []
    for rank in sorted({max(2, round(share * len(stack))) for share in _SHARES}):
        picture = _enhance(_rank_darkest(stack, rank))
        face = _find_face(picture, detector)
        if face is None:
            continue
        crop = align_face(picture, face.landmarks)
        template = model.embed([crop])[0]
        quality = rate_face(measure_face(picture, face, crop), strength=template.strength)
        if is_recognisable(quality):
            found.append((face, picture, template, quality))
    if not found:
        return None
    face, picture, _, quality = max(found, key=lambda one: one[3].score)
    template = fuse_templates([one[2] for one in found], [float(one[3].score) for one in found])
    clearest = min(range(len(looks)), key=lambda index: _difference(stack[index], picture, face.box))
    shot = _as_shot(looks[clearest], windows[clearest][1], face, quality, template)
    return RestoredFace(template, shot, _view(looks[clearest], shot))


def _cut_window(look: GlassLook, place: PlaceModel, right: float) -> tuple[Pixels, Similarity]:
    """Return the window round the expected face with 44 px between the eyes, white outside, and frame-to-window."""
    x, y, size = place.at(look.pose.scale, right)
    middle = look.pose.move(np.array([[x, y]], np.float32))[0]
    scale = _EYES / max(size * look.pose.scale, 1e-6)
    to_window = Similarity(
        scale, _SIDE / 2 - scale * float(middle[0]), 0.45 * _SIDE - scale * float(middle[1])
    )
    return _cut(look, to_window)


def _cut(look: GlassLook, to_window: Similarity) -> tuple[Pixels, Similarity]:
    """Return what a window shows of a look, with the way from frame to window."""
    step = look.to_pixels.inverse().then(to_window)
    matrix = np.array([[step.scale, 0, step.dx], [0, step.scale, step.dy]])
    pixels = cv2.warpAffine(
        look.pixels, matrix, (_SIDE, _SIDE), flags=cv2.INTER_LINEAR, borderValue=(255, 255, 255)
    )
    return np.asarray(pixels, dtype=np.uint8), to_window


def _settle_windows(
    looks: Sequence[GlassLook], windows: list[tuple[Pixels, Similarity]]
) -> list[tuple[Pixels, Similarity]]:
    """Return the windows shifted so that they lie on each other: what a modelled place still misses by a few pixels."""
    for _ in range(_ROUNDS):
        target = _edges(_rank_darkest([pixels for pixels, _ in windows], max(2, len(windows) // 8)))
        moved = []
        for look, (pixels, to_window) in zip(looks, windows, strict=True):
            (dx, dy), _ = cv2.phaseCorrelate(_edges(pixels), target, _TAPER)
            if np.hypot(dx, dy) > _MOST_SHIFT:
                dx = dy = 0.0
            moved.append(_cut(look, to_window.then(Similarity(1.0, dx, dy))))
        windows = moved
    return windows


def _edges(pixels: Pixels) -> NDArray[np.float32]:
    """Return fine brightness structure without the slow part, and none outside the look."""
    luma = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY).astype(np.float32)
    fine = luma - cv2.GaussianBlur(luma, (0, 0), 5)
    outside = cv2.dilate((luma > 253).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    fine[outside] = 0
    return np.asarray(np.clip(fine, -20, 20), dtype=np.float32)


def _rank_darkest(stack: Sequence[Pixels], rank: int) -> Pixels:
    """Return, for each value of equal pictures, the `rank`-th smallest (1 is the minimum)."""
    darkest = [np.full_like(stack[0], 255) for _ in range(rank)]
    for pixels in stack:
        rest = pixels
        for place in range(rank):
            darkest[place], rest = np.minimum(darkest[place], rest), np.maximum(darkest[place], rest)
    return darkest[-1]


def _enhance(picture: Pixels) -> Pixels:
    """Return the picture with its middle's contrast spread, and local contrast evened out: veils leave little of it."""
    core = picture[_SIDE // 6 : -_SIDE // 4, _SIDE // 4 : -_SIDE // 4]
    low, high = np.percentile(core, (1, 97))
    spread = np.clip((picture.astype(np.float32) - low) * (255.0 / max(float(high - low), 8.0)), 0, 255)
    lab = cv2.cvtColor(spread.astype(np.uint8), cv2.COLOR_BGR2LAB)
    lab[..., 0] = cv2.createCLAHE(3.0, (4, 4)).apply(lab[..., 0])
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2BGR), dtype=np.uint8)


def _find_face(picture: Pixels, detector: FaceDetector) -> Detection | None:
    """Return the surest face of the right size near the middle; None without a sure one."""
    whole = (0.0, 0.0, float(_SIDE), float(_SIDE))
    faces = [
        face
        for scale in (1.0, 1.5)
        for face in detector.detect_region(picture, whole, scale=scale, threshold=NEW_TRACK)
        if SMALLEST < face.inter_eye_px / _EYES < LARGEST
        and abs(face.box[0] + face.box[2] / 2 - _SIDE / 2) < 2.5 * _EYES
    ]
    return max(faces, key=lambda face: face.score, default=None)


def _difference(pixels: Pixels, picture: Pixels, box: Box) -> float:
    """Return how unlike a look and the restored picture are inside the face, brightness and contrast apart."""
    left, top, right, bottom = clip_box(box, _SIDE, _SIDE)
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
