"""Fixtures of the vision tests: one portrait with a clear licence, and networks loaded once."""

from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest

from wayseal.model.border import Pixels
from wayseal.vision.detect import FaceDetector
from wayseal.vision.picture import read_picture
from wayseal.vision.portrait import PortraitReader
from wayseal.vision.template import OnnxFaceModel


@pytest.fixture(scope="session")
def astronaut_file() -> Path:
    """The public-domain portrait that scikit-image carries (NASA)."""
    return Path(str(distribution("scikit-image").locate_file("skimage/data/astronaut.png")))


@pytest.fixture(scope="session")
def astronaut(astronaut_file: Path) -> Pixels:
    """Its pixels: (512, 512, 3) BGR, one frontal face."""
    return read_picture(astronaut_file)


@pytest.fixture(scope="session")
def detector() -> FaceDetector:
    """The shipped detector."""
    return FaceDetector()


@pytest.fixture(scope="session")
def sface() -> OnnxFaceModel:
    """The shipped face model."""
    return OnnxFaceModel()


@pytest.fixture(scope="session")
def reader(detector: FaceDetector, sface: OnnxFaceModel) -> PortraitReader:
    """Portraits by the shipped networks."""
    return PortraitReader(detector, sface)


@pytest.fixture
def landscape() -> Pixels:
    """A picture without a face: sky, hills and noise."""
    rng = np.random.default_rng(3)
    hills = np.zeros((480, 640, 3), np.float32)
    hills[:260] = (220, 170, 120)
    hills[260:] = (60, 120, 70)
    return np.clip(hills + rng.normal(0, 6, hills.shape), 0, 255).astype(np.uint8)
