"""A second, independent face network: a fused score, and an alarm when the two contradict each other.

Optional: it is dlib's network, whose weight file the site brings, or any face model that the site added. Never used alone,
because dlib's impostors score higher on poor pictures.
"""

from collections.abc import Sequence

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from wayseal.model.border import Pixels, Template
from wayseal.model.errors import Invalid
from wayseal.vision.bestshot import KeptShot, view_box
from wayseal.vision.models import OPTIONAL, SECOND_OPINION, find_model, load_session
from wayseal.vision.models_manifest import ModelManifest
from wayseal.vision.template import OnnxFaceModel, align_face, align_points, cosine, make_template

CHIP = 150
CHIP_POINTS = np.array([(47.6, 47.1), (104.6, 46.9), (77.0, 78.6), (50.8, 104.1), (102.0, 104.1)])
"""Where the five points lie in the chips that the network was trained on: medians over 144 faces."""
LOOKS = 3
"""Looks of one face that its second template is the mean of."""


class SecondOpinion:
    """A second network, dlib's unless `name` says which. Raises `NotFound` when its weight file was not brought.

    Raises `WrongModel` when the file is another, `Invalid` for a model that makes no templates.
    """

    def __init__(
        self, session: onnxruntime.InferenceSession | None = None, *, name: str = SECOND_OPINION
    ) -> None:
        self.manifest: ModelManifest = find_second(name)
        self._session = session or load_session(name)
        self._family = None if self.manifest.task == OPTIONAL else OnnxFaceModel(name, self._session)

    def embed(self, bgr: Pixels, landmarks: NDArray[np.float32]) -> Template:
        """Return the template of the face at five points. Its network's numbers are `vector * strength`."""
        if self._family is not None:
            return self._family.embed([align_face(bgr, landmarks)])[0]
        chip = align_points(bgr, landmarks, CHIP_POINTS, CHIP)
        raw = self._session.run(None, {"input": np.ascontiguousarray(chip[None, ..., ::-1])})[0][0]
        return make_template(raw, self.manifest.sha256)

    def embed_shots(self, shots: Sequence[KeptShot]) -> Template | None:
        """Return the mean template of a track's best looks that still have their picture; None without such a look."""
        looks = [shot for shot in shots if shot.view is not None][:LOOKS]
        made = [self.embed(shot.view, _move_points(shot)) for shot in looks if shot.view is not None]
        if not made:
            return None
        mean = np.mean([one.vector * one.strength for one in made], axis=0)
        return make_template(mean.astype(np.float32), self.manifest.sha256)


def find_second(name: str) -> ModelManifest:
    """Return the manifest of a model that can give a second opinion. Raises `NotFound` or `Invalid`."""
    manifest = find_model(name)
    if manifest.task not in {OPTIONAL, "face_embedding"}:
        raise Invalid(
            f"{manifest.name} makes no templates", hint="Name a face model: wayseal models list shows which."
        )
    return manifest


def rate_likeness(first: Template, second: Template, *, metric: str = "euclid") -> float:
    """Return how alike two of these templates are: 1 minus their distance, or for `cosine` models the cosine.

    With dlib's network same persons lie above about 0.4. Raises `WrongModel`.
    """
    alike = cosine(first, second)
    if metric == "cosine":
        return alike
    return 1.0 - float(np.linalg.norm(first.vector * first.strength - second.vector * second.strength))


def doubt_limit(manifest: ModelManifest) -> float:
    """Return the likeness under which a second network doubts a match: its manifest's `disagree`, else its `candidate`.

    Raises `Invalid` when the manifest names neither.
    """
    for name in ("disagree", "candidate"):
        if name in manifest.thresholds:
            return float(manifest.thresholds[name])
    raise Invalid(
        f"{manifest.name} does not say when it doubts",
        hint="Give its manifest thresholds = { disagree = ... }.",
    )


def is_contradicted(cosine: float, likeness: float, *, match: float, disagree: float) -> bool:
    """Return whether the second network doubts a match of the first: a reason to refer, never to decide.

    A likeness that is not a number confirms nothing: it doubts.
    """
    return cosine >= match and not likeness >= disagree


def _move_points(shot: KeptShot) -> NDArray[np.float32]:
    """Return a shot's five points in the pixels of its picture for people."""
    x, y, _, _ = view_box(shot.sighting.found)
    corner = np.array([max(0.0, np.floor(x)), max(0.0, np.floor(y))], np.float32)
    return np.asarray(shot.sighting.found.landmarks - corner, dtype=np.float32)
