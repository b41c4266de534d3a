"""Faces in a picture: YuNet with vectorised pre- and post-processing, on any size, region or enlarged crop.

Owns boxes, scores and the five points. It keeps nothing between calls, follows nobody over time and knows no traveller.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from wayseal.model.border import Box, Pixels
from wayseal.vision.models import DETECTOR, load_session

NEW_TRACK = 0.75
"""Score from which a face may begin a track: below it, badges, lamps and wheels pass for faces."""
IN_TRACK = 0.6
"""Score that is enough where a face is already expected."""
SMALL_FACE = 44.0
"""Face height in pixels under which a crop enlarged twice is searched again."""
_STRIDES = (8, 16, 32)
_OVERLAP = 0.3
_CLIP, _TILES = 3.0, (4, 4)  # how far evening out may raise a tile's contrast, and tiles across, down


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """One face: box in picture pixels, (5, 2) points in the order of `Shot.landmarks`, score 0-1."""

    box: Box
    landmarks: NDArray[np.float32] = field(repr=False)
    score: float

    @property
    def inter_eye_px(self) -> float:
        """The distance between the eye points, in pixels."""
        return float(np.hypot(*(self.landmarks[1] - self.landmarks[0])))


class FaceDetector:
    """YuNet (2023mar). One session; `detect` may be called from several threads."""

    def __init__(self, session: onnxruntime.InferenceSession | None = None) -> None:
        self._session = session or load_session(DETECTOR)
        self._outputs = [f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in _STRIDES]

    def detect(self, bgr: Pixels, *, threshold: float = NEW_TRACK) -> list[Detection]:
        """Return the faces of a (height, width, 3) BGR picture, best score first.

        Equal to OpenCV's FaceDetectorYN on the same weights, overlap limit 0.3.
        """
        height, width = bgr.shape[:2]
        planes = np.zeros((1, 3, height + -height % 32, width + -width % 32), np.uint8)
        cv2.split(bgr, [planes[0, channel, :height, :width] for channel in range(3)])
        return self._decode(self._session.run(self._outputs, {"input": planes}), planes.shape[3], threshold)

    def detect_region(
        self,
        bgr: Pixels,
        box: Box,
        *,
        scale: float = 1.0,
        threshold: float = NEW_TRACK,
        even: bool = False,
        mirrored: bool = False,
    ) -> list[Detection]:
        """Return the faces inside `box` of a picture, in the whole picture's coordinates.

        The region is searched at `scale` times its size (`scale_pixels`), and with its local contrast evened out where `even`
        asks for it; with `mirrored` its mirror image is, where a face that is half hidden often shows when it does not otherwise.
        A box that leaves the picture is clipped; one without area gives nothing.
        """
        left, top, right, bottom = clip_box(box, bgr.shape[1], bgr.shape[0])
        if right - left < 2 or bottom - top < 2:
            return []
        crop = scale_pixels(bgr[top:bottom, left:right], scale)
        if even:
            crop = even_light(crop)
        if mirrored:
            turned = self.detect(np.ascontiguousarray(crop[:, ::-1]), threshold=threshold)
            faces = [mirror_detection(found, crop.shape[1]) for found in turned]
        else:
            faces = self.detect(crop, threshold=threshold)
        return [move_detection(found, scale=1 / scale, x=left, y=top) for found in faces]

    def refine_small(self, bgr: Pixels, found: Detection, *, threshold: float = IN_TRACK) -> Detection:
        """Return the same face searched again in a crop enlarged twice, when it is under 44 px; else `found` itself.

        Below 44 px the enlarged crop halves the misses; above, it only harms (measured; docs/reference/models.md).
        """
        x, y, width, height = found.box
        if height >= SMALL_FACE:
            return found
        around = (x - width, y - height, 3 * width, 3 * height)
        again = self.detect_region(bgr, around, scale=2.0, threshold=threshold)
        near = [other for other in again if overlap(other.box, found.box) > 0.3]
        return max(near, key=lambda other: overlap(other.box, found.box), default=found)

    def _decode(
        self, outputs: Sequence[NDArray[np.float32]], width: int, threshold: float
    ) -> list[Detection]:
        """Return the detections that YuNet's twelve outputs hold: only cells above the threshold are decoded."""
        boxes, points, scores = [], [], []
        for level, stride in enumerate(_STRIDES):
            cls, obj, bbox, kps = (outputs[3 * kind + level][0] for kind in range(4))
            product = np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1)
            cells = np.flatnonzero(product >= threshold * threshold)
            if not cells.size:
                continue
            rows, columns = np.divmod(cells, width // stride)
            origin = np.stack([columns, rows], axis=1).astype(np.float32)
            size = np.exp(bbox[cells, 2:]) * stride
            centre = (origin + bbox[cells, :2]) * stride
            boxes.append(np.hstack([centre - size / 2, size]))
            points.append((kps[cells].reshape(-1, 5, 2) + origin[:, None]) * stride)
            scores.append(np.sqrt(product[cells]))
        if not scores:
            return []
        return _suppress(np.concatenate(boxes), np.concatenate(points), np.concatenate(scores))


def even_light(bgr: Pixels) -> Pixels:
    """Return the picture with its local contrast evened out, colours kept: faces behind a veil or in shade come forward.

    For the search alone: templates are made of untouched pixels. Source: contrast-limited adaptive histograms (Zuiderveld 1994).
    """
    luma = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
    even = cv2.createCLAHE(_CLIP, _TILES).apply(luma)
    brighter, darker = cv2.subtract(even, luma), cv2.subtract(luma, even)
    lifted = cv2.add(bgr, cv2.merge([brighter] * 3))
    return np.asarray(cv2.subtract(lifted, cv2.merge([darker] * 3)), dtype=np.uint8)


def keep_best(found: Sequence[Detection]) -> list[Detection]:
    """Return the detections left, best score first, when each has removed what lies within it or within what it lies.

    Two boxes are of one face when they share more than 0.6 of the smaller; for searches of one picture at several sizes.
    """
    kept: list[Detection] = []
    for face in sorted(found, key=lambda one: one.score, reverse=True):
        if all(_shared_area(face.box, other.box) <= 0.6 for other in kept):
            kept.append(face)
    return kept


def _shared_area(first: Box, second: Box) -> float:
    """Return the area that two boxes share, as a share of the smaller."""
    wide = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    high = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    return max(wide, 0.0) * max(high, 0.0) / max(min(first[2] * first[3], second[2] * second[3]), 1e-9)


def _suppress(
    boxes: NDArray[np.float32], points: NDArray[np.float32], scores: NDArray[np.float32]
) -> list[Detection]:
    """Return the detections left when each best box has removed those that overlap it by more than 0.3."""
    order = np.argsort(-scores, kind="stable")[:5000]
    kept: list[Detection] = []
    while order.size:
        best, rest = order[0], order[1:]
        x, y, width, height = (float(value) for value in boxes[best])
        kept.append(Detection((x, y, width, height), points[best].astype(np.float32), float(scores[best])))
        order = rest[_overlaps(boxes[best], boxes[rest]) <= _OVERLAP]
    return kept


def _overlaps(box: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return intersection over union of one box with each of (n, 4) others."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[:2] + box[2:], others[:, :2] + others[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    union = box[2] * box[3] + others[:, 2] * others[:, 3] - shared
    return np.asarray(shared / np.maximum(union, 1e-9), dtype=np.float32)


def overlap(first: Box, second: Box) -> float:
    """Return the intersection over union of two boxes, 0-1."""
    share = _overlaps(np.array(first, np.float32), np.array([second], np.float32))[0]
    return min(1.0, float(share))  # single precision may give a little more than all


def scale_pixels(bgr: Pixels, scale: float) -> Pixels:
    """Return a picture at `scale` times its size: cubic when enlarged; halved by areas while that is not too small, then linear.

    OpenCV averages areas quickly for whole factors only; for others it takes six times as long as this.
    """
    height, width = bgr.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    kind = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_LINEAR
    while bgr.shape[1] >= 2 * size[0] and bgr.shape[0] >= 2 * size[1] and min(bgr.shape[:2]) > 1:
        half = (bgr.shape[1] // 2, bgr.shape[0] // 2)
        even = bgr[: 2 * half[1], : 2 * half[0]]
        bgr = np.asarray(cv2.resize(even, half, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    if bgr.shape[1::-1] == size:
        return bgr
    return np.asarray(cv2.resize(bgr, size, interpolation=kind), dtype=np.uint8)


def clip_box(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """Return (left, top, right, bottom) of a box as whole pixels inside a picture of that size."""
    x, y, w, h = box
    left, top = max(0, int(np.floor(x))), max(0, int(np.floor(y)))
    return left, top, min(width, int(np.ceil(x + w))), min(height, int(np.ceil(y + h)))


def move_detection(found: Detection, *, scale: float, x: float, y: float) -> Detection:
    """Return a detection made in a crop in the coordinates of the picture it was cut from at (x, y)."""
    left, top, width, height = found.box
    box = (left * scale + x, top * scale + y, width * scale, height * scale)
    points = found.landmarks * np.float32(scale) + np.array([x, y], np.float32)
    return Detection(box, points.astype(np.float32), found.score)


def mirror_detection(found: Detection, width: int) -> Detection:
    """Return a detection made in the mirror image of a picture `width` pixels wide in the picture itself: left and right change places."""
    left, top, wide, high = found.box
    points = found.landmarks[[1, 0, 2, 4, 3]].astype(np.float32)
    points[:, 0] = width - points[:, 0]
    return Detection((width - left - wide, top, wide, high), points, found.score)
