"""From an aligned face to a template: alignment, embedding, fusion, similarity.

Owns the numbers that stand for a face. It compares nothing across models, and writes nothing.
"""

from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from wayseal.model.border import Pixels, Template
from wayseal.model.errors import Invalid, WrongModel
from wayseal.vision.models import active_model, find_model, load_session
from wayseal.vision.models_manifest import ModelManifest

CROP = 112
ARCFACE_POINTS = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)],
    dtype=np.float64,
)
"""Where the five points lie in a 112x112 crop: the template that ArcFace made common and SFace shares."""


class FaceModel(Protocol):
    """Anything that turns aligned 112x112 BGR crops into templates of one model."""

    @property
    def manifest(self) -> ModelManifest:
        """What the model is; `manifest.sha256` goes into each template."""

    def embed(self, crops: Sequence[Pixels]) -> list[Template]:
        """Return one template a crop, in order."""


class OnnxFaceModel:
    """A face network of the ArcFace family (SFace, ArcFace, AdaFace, MobileFaceNet) as its manifest describes it.

    Without a name it is the model that this installation was told to use.
    """

    def __init__(self, name: str | None = None, session: onnxruntime.InferenceSession | None = None) -> None:
        self._manifest = find_model(active_model() if name is None else name)
        self._session = session or load_session(self._manifest.name)
        self._input = self._manifest.input or self._session.get_inputs()[0].name

    @property
    def manifest(self) -> ModelManifest:
        """What the model is."""
        return self._manifest

    def embed(self, crops: Sequence[Pixels]) -> list[Template]:
        """Return one L2-normalised template for each aligned (112, 112, 3) BGR crop, in order.

        Crops run one by one: a batch gains nothing on a CPU. Raises `Invalid` for a crop of another shape.
        """
        return [self._embed_one(crop) for crop in crops]

    def _embed_one(self, crop: Pixels) -> Template:
        """Return the template of one crop."""
        if crop.shape != (CROP, CROP, 3):
            raise Invalid("a face crop that is not 112x112", hint="Align the face first: align_face.")
        manifest = self._manifest
        pixels = crop[..., ::-1] if manifest.channel_order == "RGB" else crop
        values = (pixels.astype(np.float32) - np.float32(manifest.mean)) / np.float32(manifest.std)
        if manifest.layout == "NCHW":
            values = values.transpose(2, 0, 1)
        raw = self._session.run(None, {self._input: np.ascontiguousarray(values[None])})[0].reshape(-1)
        return make_template(raw, manifest.sha256)


def make_template(raw: NDArray[np.float32], model_sha256: str) -> Template:
    """Return a network's raw output as a template: its direction, and its length as `strength`."""
    strength = float(np.linalg.norm(raw))
    vector = (raw / np.float32(max(strength, 1e-12))).astype(np.float32)
    return Template(vector, model_sha256, strength)


def align_face(bgr: Pixels, landmarks: NDArray[np.float32]) -> Pixels:
    """Return the (112, 112, 3) crop with the five points moved to where the networks expect them."""
    return align_points(bgr, landmarks, ARCFACE_POINTS, CROP)


def align_points(
    bgr: Pixels, landmarks: NDArray[np.float32], target: NDArray[np.float64], side: int
) -> Pixels:
    """Return the square crop of `side` pixels with the five points moved onto `target`.

    The least-squares similarity of Umeyama (1991), bilinear, black outside the picture.
    """
    matrix = align_matrix(landmarks, target)
    shrink = int(1 / max(float(np.hypot(matrix[0, 0], matrix[1, 0])), 1e-3))
    if shrink >= 2:  # bilinear sampling skips pixels from half size on: average them first
        size = (max(1, bgr.shape[1] // shrink), max(1, bgr.shape[0] // shrink))
        scale = (size[0] / bgr.shape[1], size[1] / bgr.shape[0])
        matrix = align_matrix((landmarks + 0.5) * scale - 0.5, target)
        bgr = np.asarray(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    crop = cv2.warpAffine(bgr, matrix, (side, side), flags=cv2.INTER_LINEAR, borderValue=(0, 0, 0))
    return np.asarray(crop, dtype=np.uint8)


def align_matrix(
    landmarks: NDArray[np.float32], target: NDArray[np.float64] = ARCFACE_POINTS
) -> NDArray[np.float64]:
    """Return the (2, 3) similarity that moves five points onto `target`.

    Raises `Invalid` when all five points coincide.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    source = points - points.mean(axis=0)
    aim = target - target.mean(axis=0)
    spread = float((source**2).sum())
    if spread < 1e-9:
        raise Invalid("the five points of a face coincide", hint="Detect the face again.")
    # With points as complex numbers a similarity is one multiplication: its least-squares factor has a closed form.
    a = float((source * aim).sum()) / spread
    b = float((source[:, 0] * aim[:, 1] - source[:, 1] * aim[:, 0]).sum()) / spread
    turn = np.array([[a, -b], [b, a]])
    shift = target.mean(axis=0) - turn @ points.mean(axis=0)
    return np.hstack([turn, shift[:, None]])


def cosine(first: Template, second: Template) -> float:
    """Return the cosine similarity of two templates, -1 to 1. Raises `WrongModel` when their models differ."""
    if first.model_sha256 != second.model_sha256:
        raise WrongModel(
            "templates of two models cannot be compared", hint="Enrol again with the present model."
        )
    return float(np.dot(first.vector, second.vector))


def fuse_templates(templates: Sequence[Template], weights: Sequence[float] | None = None) -> Template:
    """Return the weighted mean direction of one person's templates; `strength` is their weighted mean strength.

    Raises `WrongModel` for templates of several models, `Invalid` for none or for weights that do not fit.
    """
    if not templates or (weights is not None and len(weights) != len(templates)):
        raise Invalid("nothing to fuse, or not one weight a template", hint="Pass at least one template.")
    if len({template.model_sha256 for template in templates}) > 1:
        raise WrongModel("templates of two models cannot be fused")
    share = np.ones(len(templates)) if weights is None else np.asarray(weights, dtype=np.float64)
    if not np.all(np.isfinite(share)) or share.min() < 0 or share.sum() <= 0:
        raise Invalid("weights must be positive numbers", hint="Use each shot's quality score.")
    share = share / share.sum()
    mean = share @ np.stack([template.vector for template in templates])
    strength = float(share @ [template.strength for template in templates])
    return Template(
        make_template(mean.astype(np.float32), templates[0].model_sha256).vector,
        templates[0].model_sha256,
        strength,
    )
