"""The networks of a lane, opened: each checked against its pin before it is loaded."""

from collections.abc import Callable

from wayseal.vision.capture import CaptureModels
from wayseal.vision.detect import FaceDetector
from wayseal.vision.models import EMBEDDER, PLATE_FINDER, PLATE_READER, load_session
from wayseal.vision.plate.reader import PlateReader
from wayseal.vision.plate.session import PlateSession
from wayseal.vision.template import OnnxFaceModel


def load_networks(*, plates: bool = True, model: str = "") -> CaptureModels:
    """Return detector, embedder and, where wanted, plate reader.

    `model` names an installed face model, the default one when empty. Raises `WrongModel` for a file that is not the pinned one.
    """
    new_plate: Callable[[], PlateSession] | None = None
    if plates:
        reader = PlateReader(load_session(PLATE_FINDER), load_session(PLATE_READER))

        def new_plate() -> PlateSession:
            return PlateSession(reader)

    return CaptureModels(FaceDetector(), OnnxFaceModel(model or EMBEDDER), new_plate)
