"""Made-up faces: unit vectors of known people, and a calibration fitted to them."""

import numpy as np
import pytest
from made_faces import DIMENSION, MODEL, MakeFaces

from wayseal.match.calibrate import Calibration, fit_calibration


@pytest.fixture(scope="session")
def make_faces() -> MakeFaces:
    """Return a function that draws unit vectors: `make_faces(count, seed=..., like=vectors, noise=...)`."""

    def make(count: int, *, seed: int = 1, like: np.ndarray | None = None, noise: float = 0.3) -> np.ndarray:
        draw = np.random.default_rng(seed)
        rows = draw.standard_normal((count, DIMENSION))
        if like is not None:
            rows = like + noise * rows / np.sqrt(DIMENSION)
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    return make


@pytest.fixture(scope="session")
def calibration(make_faces: MakeFaces) -> Calibration:
    """A calibration on 1,200 people, 300 of them with two pictures."""
    people = make_faces(1200, seed=2)
    second = make_faces(300, seed=3, like=people[:300])
    names = [f"p{number}" for number in [*range(1200), *range(300)]]
    return fit_calibration(np.concatenate([people, second]), names, model_sha256=MODEL, source="made up")
