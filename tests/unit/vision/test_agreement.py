"""Whether looks together can be recognised: agreement and strength count, and what is unknown is not guessed."""

import numpy as np
import pytest

from wayseal.model.border import Template
from wayseal.vision.agreement import estimate_cosine, is_usable, measure_agreement
from wayseal.vision.template import OnnxFaceModel


def looks(sface: OnnxFaceModel, strength: float, spread: float, count: int = 6) -> list[Template]:
    """Templates of one direction, each turned away from it by random parts of this length."""
    rng = np.random.default_rng(2)
    middle = rng.normal(size=128)
    middle /= np.linalg.norm(middle)
    vectors = [middle + spread * rng.normal(size=128) / np.sqrt(128) for _ in range(count)]
    return [
        Template((one / np.linalg.norm(one)).astype(np.float32), sface.manifest.sha256, strength)
        for one in vectors
    ]


def test_same_looks_agree_fully(sface: OnnxFaceModel) -> None:
    """Looks that are one agree by 1, and their sum is as strong as each."""
    found = measure_agreement(looks(sface, 10.0, 0.0), [50] * 6)
    assert found["agreement"] == pytest.approx(1.0, abs=1e-5)
    assert found["resultant"] == pytest.approx(found["strength"], rel=1e-4)


def test_contradicting_looks_are_worth_less(sface: OnnxFaceModel) -> None:
    """Looks as strong as others, but unlike each other, are estimated less like the person."""
    alike, unlike = looks(sface, 9.0, 0.4), looks(sface, 9.0, 2.0)
    assert estimate_cosine(alike, [40] * 6) > estimate_cosine(unlike, [40] * 6) + 0.02


def test_good_looks_pass_and_poor_ones_do_not(sface: OnnxFaceModel) -> None:
    """Strong looks that agree can be compared; weak ones cannot, however many there are."""
    assert is_usable(looks(sface, 12.5, 0.4), [90] * 6) is True
    assert is_usable(looks(sface, 5.5, 1.0, count=10), [5] * 10) is False


def test_one_look_and_other_models_are_not_guessed(sface: OnnxFaceModel) -> None:
    """A single look has nothing to agree with, and templates of another model were not measured: nothing is said of either."""
    some = looks(sface, 12.0, 0.3)
    assert is_usable(some[:1], [90]) is None
    assert is_usable([Template(one.vector, "0" * 64, one.strength) for one in some], [90] * 6) is None
