"""A second, independent face network: a fused score, and an alarm when the two contradict each other.

Optional: it needs a weight file that the site brings. Never used alone, because its impostors score higher on poor pictures.
"""

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from wayseal.model.border import Pixels, Template
from wayseal.model.errors import WrongModel
from wayseal.vision.models import SECOND_OPINION, find_model, load_session
from wayseal.vision.models_manifest import ModelManifest
from wayseal.vision.template import align_points, make_template

CHIP = 150
CHIP_POINTS = np.array([(47.6, 47.1), (104.6, 46.9), (77.0, 78.6), (50.8, 104.1), (102.0, 104.1)])
"""Where the five points lie in the chips that the network was trained on: medians over 144 faces."""


class SecondOpinion:
    """The dlib face network. Raises `NotFound` when its weight file was not brought, `WrongModel` when it is another."""

    def __init__(self, session: onnxruntime.InferenceSession | None = None) -> None:
        self.manifest: ModelManifest = find_model(SECOND_OPINION)
        self._session = session or load_session(SECOND_OPINION)

    def embed(self, bgr: Pixels, landmarks: NDArray[np.float32]) -> Template:
        """Return the template of the face at five points. Its network's numbers are `vector * strength`."""
        chip = align_points(bgr, landmarks, CHIP_POINTS, CHIP)
        raw = self._session.run(None, {"input": np.ascontiguousarray(chip[None, ..., ::-1])})[0][0]
        return make_template(raw, self.manifest.sha256)


def rate_likeness(first: Template, second: Template) -> float:
    """Return 1 minus the distance of two of these templates; same persons lie above about 0.4. Raises `WrongModel`."""
    if first.model_sha256 != second.model_sha256:
        raise WrongModel(
            "templates of two models cannot be compared", hint="Enrol again with the present model."
        )
    return 1.0 - float(np.linalg.norm(first.vector * first.strength - second.vector * second.strength))


def is_contradicted(cosine: float, likeness: float, *, match: float, disagree: float) -> bool:
    """Return whether the second network doubts a match of the first: a reason to refer, never to decide."""
    return cosine >= match and likeness < disagree
