"""What the tests of matching share: a made-up model, and vectors as its templates."""

from collections.abc import Callable

import numpy as np

from wayseal.model.border import Template

MODEL = "0" * 64
DIMENSION = 32

MakeFaces = Callable[..., np.ndarray]


def as_template(vector: np.ndarray, model: str = MODEL) -> Template:
    """Return a vector as a template."""
    return Template(vector, model, 10.0)
