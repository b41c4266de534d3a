"""What can be measured of one face in a picture, in natural units: pixels, degrees, grey levels, shares.

Owns the measuring, not the judging. It sees one picture and never a gallery, a traveller or another face.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from wayseal.model.border import Pixels
from wayseal.vision.detect import Detection, clip_box
from wayseal.vision.template import ARCFACE_POINTS, CROP, align_face, align_matrix

FACE_MODEL = np.array(
    [(-31.5, 0.0, 0.0), (31.5, 0.0, 0.0), (0.0, 35.0, 28.0), (-25.5, 67.0, 5.0), (25.5, 67.0, 5.0)]
)
"""The five points of a mean adult face in millimetres: right, down, toward the camera (eyes 63 mm apart)."""
_OVAL = np.zeros((CROP, CROP), np.uint8)
cv2.ellipse(_OVAL, (56, 66), (36, 46), 0, 0, 360, 1, -1)
_PLACES = np.flatnonzero(_OVAL)
_NOISE_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


@dataclass(frozen=True, slots=True)
class FaceMeasures:
    """Numbers about one face. `motion_angle` is the direction of smear in degrees from the picture's x axis, 0-180.

    `detail` holds the natural logarithms of the aligned crop's contrast in one octave over the next coarser one, four of
    them from 0.7 px up: lower is smoother. `isotropy` compares fine edges in the two directions: 1 is no smear.
    `point_error` is how far, in pixels of the aligned crop, the five points lie from where a frontal face has them.
    """

    inter_eye_px: float
    face_height: float
    yaw: float
    pitch: float
    roll: float
    luma_mean: float
    dark_share: float
    bright_share: float
    contrast: float
    side_balance: float
    noise: float
    detail: tuple[float, float, float, float]
    isotropy: float
    motion_angle: float
    eye_light: float
    mouth_edges: float
    point_error: float
    detector_score: float


def measure_face(bgr: Pixels, found: Detection, crop: Pixels | None = None) -> FaceMeasures:
    """Return the measures of one detected face. `crop` is its aligned 112x112 picture, made here when not given."""
    aligned = align_face(bgr, found.landmarks) if crop is None else crop
    luma = np.asarray(cv2.cvtColor(aligned, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
    inside = luma.ravel()[_PLACES]
    low, high = (float(value) for value in np.percentile(inside, (1, 99)))
    isotropy, angle = _measure_smear(luma)
    yaw, pitch, roll = measure_pose(found.landmarks)
    left, right = float(luma[40:100, 22:54].mean()), float(luma[40:100, 58:90].mean())
    cheeks = float(np.concatenate([luma[62:82, 28:44].ravel(), luma[62:82, 68:84].ravel()]).mean())
    edges = np.abs(cv2.Sobel(luma, cv2.CV_32F, 0, 1))
    return FaceMeasures(
        inter_eye_px=found.inter_eye_px,
        face_height=found.box[3],
        yaw=yaw,
        pitch=pitch,
        roll=roll,
        luma_mean=float(inside.mean()),
        dark_share=float((inside < 25).mean()),
        bright_share=float((inside > 247).mean()),
        contrast=high - low,
        side_balance=min(left, right) / max(left, right, 1.0),
        noise=estimate_noise(_native_luma(bgr, found)),
        detail=_measure_detail(luma),
        isotropy=isotropy,
        motion_angle=(angle + roll) % 180.0,
        eye_light=float(luma[44:60, 28:84].mean()) / max(cheeks, 1.0),
        mouth_edges=float(edges[84:100, 40:72].mean()) / max(float(edges[44:60, 28:84].mean()), 1.0),
        point_error=_point_error(found.landmarks),
        detector_score=found.score,
    )


def estimate_noise(luma: Pixels) -> float:
    """Return the standard deviation of a picture's noise in grey levels (Immerkaer 1996, with the median for the mean).

    The median keeps edges out of the estimate; pictures of less than 8 pixels a side give 0.
    """
    if min(luma.shape) < 8:
        return 0.0
    response = np.abs(cv2.filter2D(luma, cv2.CV_16S, _NOISE_KERNEL)[1:-1, 1:-1])
    reached = np.cumsum(
        np.bincount(response.ravel())
    )  # whole numbers: counting finds the median sooner than sorting
    low, high = np.searchsorted(reached, [(response.size - 1) // 2, response.size // 2], side="right")
    return float(low + high) / 2 / (6.0 * 0.6745)


def measure_pose(landmarks: NDArray[np.float32]) -> tuple[float, float, float]:
    """Return (yaw, pitch, roll) in degrees from the five points, by scaled orthography onto a mean face.

    Yaw is positive when the face turns to the picture's right, pitch when it looks down, roll when it tilts clockwise.
    """
    image = np.asarray(landmarks, dtype=np.float64)
    image = image - image.mean(axis=0)
    model = FACE_MODEL - FACE_MODEL.mean(axis=0)
    rows = np.linalg.lstsq(model, image, rcond=None)[0].T
    lengths = np.linalg.norm(rows, axis=1)
    if min(lengths) < 1e-9:
        return 0.0, 0.0, 0.0
    first, second = rows[0] / lengths[0], rows[1] / lengths[1]
    yaw = float(np.degrees(np.arcsin(np.clip(first[2], -1, 1))))
    pitch = float(np.degrees(np.arcsin(np.clip(second[2], -1, 1))))
    eyes = landmarks[1] - landmarks[0]
    return yaw, pitch, float(np.degrees(np.arctan2(eyes[1], eyes[0])))


def _native_luma(bgr: Pixels, found: Detection) -> Pixels:
    """Return the brightness of the face's box at the picture's own resolution."""
    left, top, right, bottom = clip_box(found.box, bgr.shape[1], bgr.shape[0])
    if right <= left or bottom <= top:
        return np.zeros((1, 1), np.uint8)
    return np.asarray(cv2.cvtColor(bgr[top:bottom, left:right], cv2.COLOR_BGR2GRAY), dtype=np.uint8)


def _measure_detail(luma: Pixels) -> tuple[float, float, float, float]:
    """Return log ratios of contrast between neighbouring octaves inside the face's oval; lighting cancels."""
    before = luma.astype(np.float32)
    spreads = []
    for sigma in (0.7, 1.4, 2.8, 5.6, 11.2):
        after = np.asarray(cv2.GaussianBlur(before, (0, 0), sigma), dtype=np.float32)
        _, spread = cv2.meanStdDev(before - after, mask=_OVAL)
        spreads.append(max(float(spread[0, 0]), 0.05))
        before = after
    ratios = np.log(np.array(spreads[:-1]) / np.array(spreads[1:]))
    return float(ratios[0]), float(ratios[1]), float(ratios[2]), float(ratios[3])


def _point_error(landmarks: NDArray[np.float32]) -> float:
    """Return the root mean square distance of the aligned points from the frontal ones, in crop pixels."""
    matrix = align_matrix(landmarks)
    moved = landmarks @ matrix[:, :2].T + matrix[:, 2]
    return float(np.sqrt(((moved - ARCFACE_POINTS) ** 2).sum(axis=1).mean()))


def _measure_smear(luma: Pixels) -> tuple[float, float]:
    """Return (isotropy, angle): how fine edges compare with coarse ones by direction, and where they are missing.

    Structure tensors at two scales; the fine one in the frame of the coarse one shows a smear as its weak direction, and
    lighting and contrast cancel.
    """
    fine = _structure_tensor(cv2.GaussianBlur(luma, (0, 0), 0.8).astype(np.float32))
    coarse = _structure_tensor(cv2.GaussianBlur(luma, (0, 0), 2.4).astype(np.float32))
    coarse += np.eye(2) * (1e-6 + 0.02 * np.trace(coarse))
    values, vectors = np.linalg.eigh(coarse)
    whiten = vectors @ np.diag(values**-0.5) @ vectors.T
    ratios, directions = np.linalg.eigh(whiten @ fine @ whiten)
    x, y = directions[:, 0]
    angle = float(np.degrees(np.arctan2(y, x))) % 180.0
    return float(np.sqrt(max(ratios[0], 0.0) / max(ratios[1], 1e-9))), angle


def _structure_tensor(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the (2, 2) mean of gradient products inside the face's oval."""
    x, y = (cv2.Sobel(values, cv2.CV_32F, *order).ravel()[_PLACES] for order in ((1, 0), (0, 1)))
    both = np.stack([x, y]).astype(np.float64)
    return np.asarray(both @ both.T / len(_PLACES))
