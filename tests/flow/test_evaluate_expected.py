"""The gain of an expected set: measured by the product's own search, on the same probes."""

import numpy as np
import pytest

from wayseal.flow.measure.search_expected import measure_expected
from wayseal.flow.measure.search_scores import Probe
from wayseal.match.calibrate import shipped_calibration
from wayseal.match.loaded import LoadedGallery
from wayseal.model.border import Template
from wayseal.model.errors import Invalid

SFACE = "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee"
ENROLLED = {f"p{number}" for number in range(400)}


def unit_rows(count: int, seed: int) -> np.ndarray:
    """Return random unit vectors of 128 numbers."""
    rows = np.random.default_rng(seed).standard_normal((count, 128)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def make_probes(people: np.ndarray, noise: float) -> list[Probe]:
    """Return one probe of everybody, blurred with chance; the first has no face."""
    noisy = people + noise * unit_rows(len(people), 2)
    noisy /= np.linalg.norm(noisy, axis=1, keepdims=True)
    made = [Probe(f"p{number}", "all", Template(row, SFACE, 1.0)) for number, row in enumerate(noisy)]
    return [Probe("p0", "all", None, "no_face"), *made[1:]]


@pytest.fixture
def people() -> np.ndarray:
    """Six hundred people."""
    return unit_rows(600, 1)


@pytest.fixture
def gallery(people: np.ndarray) -> LoadedGallery:
    """Four hundred of them, enrolled."""
    made = LoadedGallery("evaluation", SFACE, 128, calibration=shipped_calibration(SFACE))
    made.add([f"p{number}" for number in range(400)], people[:400])
    return made


def test_expecting_finds_more(gallery: LoadedGallery, people: np.ndarray) -> None:
    """On probes that are hard for the whole gallery, an expected traveller is missed less, and never so without a face."""
    figures = measure_expected(gallery, make_probes(people, 2.2), ENROLLED, 4, 0.003)
    assert figures["expected"]["fnir"] < figures["plain"]["fnir"]
    assert figures["expected"]["fnir"] >= 1 / 400
    assert figures["fnir_gain"] == pytest.approx(figures["plain"]["fnir"] - figures["expected"]["fnir"])
    low, high = figures["fnir_gain_ci95"]
    assert 0 < low <= figures["fnir_gain"] <= high


def test_wrong_expectation_costs(gallery: LoadedGallery, people: np.ndarray) -> None:
    """Where somebody else was expected, misses do not fall below the plain search's: half of the rate is spent on it."""
    figures = measure_expected(gallery, make_probes(people, 2.2), ENROLLED, 4, 0.003)
    assert figures["wrong"]["fnir"] >= figures["plain"]["fnir"]


def test_strangers_stay_strangers(gallery: LoadedGallery, people: np.ndarray) -> None:
    """Those who are not enrolled are matched no more often than the rate wanted and its chance allow."""
    figures = measure_expected(gallery, make_probes(people, 0.5), ENROLLED, 10, 0.003)
    for name in ("plain", "expected", "wrong"):
        low, high = figures[name]["fpir_ci95"]
        assert low <= 0.003 <= high


def test_too_many_expected(gallery: LoadedGallery, people: np.ndarray) -> None:
    """Expecting everybody, or searching without a calibration, is refused."""
    with pytest.raises(Invalid):
        measure_expected(gallery, make_probes(people, 0.5), ENROLLED, 400, 0.003)
    bare = LoadedGallery("evaluation", SFACE, 128, calibration=None)
    bare.add(["p1", "p2"], people[1:3])
    with pytest.raises(Invalid):
        measure_expected(bare, make_probes(people, 0.5), ENROLLED, 1, 0.003)
