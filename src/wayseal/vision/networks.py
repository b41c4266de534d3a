"""The networks of a lane, opened: each checked against its pin before it is loaded."""

from collections.abc import Callable

import cv2

from wayseal.vision.capture import CaptureModels
from wayseal.vision.detect import FaceDetector
from wayseal.vision.models import PLATE_FINDER, PLATE_READER, load_session
from wayseal.vision.plate.reader import PlateReader
from wayseal.vision.plate.session import PlateSession
from wayseal.vision.second_opinion import SecondOpinion
from wayseal.vision.template import OnnxFaceModel


def load_networks(*, plates: bool = True, model: str = "", second: str = "") -> CaptureModels:
    """Return detector, embedder and, where wanted, plate reader.

    `model` names an installed face model, the default one when empty; `second` one for a second opinion, none when empty.
    Raises `WrongModel` for a file that is not the pinned one.
    """
    cv2.setNumThreads(1)  # one lane, one core: OpenCV's own threads would fight the other lanes for it
    new_plate: Callable[[], PlateSession] | None = None
    if plates:
        reader = PlateReader(load_session(PLATE_FINDER), load_session(PLATE_READER))

        def new_plate() -> PlateSession:
            return PlateSession(reader)

    other = SecondOpinion(name=second) if second else None
    return CaptureModels(FaceDetector(), OnnxFaceModel(model or None), new_plate, other)
