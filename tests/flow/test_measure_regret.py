"""Best-shot regret: what the kept picture lacks of the best that the video offered, on made pictures of a public portrait."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from wayseal.flow.measure.lane import LaneTally
from wayseal.flow.measure.lane_regret import KeptLook, measure_regret
from wayseal.flow.measure.lane_report import lane_tables, report_lane, write_lane_page
from wayseal.flow.measure.lane_truth import FaceTruth, LaneTruth, OccupantTruth, VehicleTruth
from wayseal.model.border import Occupant, Quality, Seat, Shot, Template, VehiclePass
from wayseal.vision.capture import CaptureModels
from wayseal.vision.detect import FaceDetector
from wayseal.vision.template import OnnxFaceModel

NOW = datetime(2026, 11, 22, tzinfo=UTC)
BLURS = (0.0, 3.0, 6.0, 0.0, 9.0)
"""How far each picture of the film is blurred."""


@pytest.fixture(scope="module")
def models() -> CaptureModels:
    """The shipped networks, without plates."""
    return CaptureModels(FaceDetector(), OnnxFaceModel())


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures of one face, some of them blurred."""
    from skimage import data

    folder = tmp_path_factory.mktemp("film")
    face = np.ascontiguousarray(data.astronaut()[..., ::-1])
    for number, blur in enumerate(BLURS):
        cv2.imwrite(str(folder / f"{number}.png"), cv2.GaussianBlur(face, (0, 0), blur) if blur else face)
    return folder


@pytest.fixture(scope="module")
def truth(film: Path, models: CaptureModels) -> LaneTruth:
    """Where the face is: wholly visible in every picture but the fourth."""
    (found, *_) = models.detector.detect(cv2.imread(str(film / "0.png")))
    person = OccupantTruth(
        Seat.DRIVER, "A", {n: FaceTruth(found.box, 60.0, 0.2 if n == 3 else 1.0) for n in range(len(BLURS))}
    )
    return LaneTruth(len(BLURS), 30.0, None, None, [VehicleTruth(1, 20.0, None, [person], list(range(5)))])


def kept_pass(truth: LaneTruth, frame: int, *, captured: bool = True) -> VehiclePass:
    """Return a pass that kept the driver's picture of one frame."""
    box = truth.vehicles[0].occupants[0].faces[frame].box
    shot = Shot(frame, NOW, box, np.zeros((5, 2), np.float32), 0.9, 60.0, Quality(50))
    template = Template(np.eye(1, 128, dtype=np.float32)[0], "m", 11.0) if captured else None
    return VehiclePass(1, NOW, NOW, 20.0, None, (Occupant(Seat.DRIVER, shot, None, template, 5),), 1, 5)


def test_best_picture_has_no_regret(film: Path, truth: LaneTruth, models: CaptureModels) -> None:
    """Keeping the sharpest visible look costs nothing; a sharp look at a hidden face is no alternative."""
    assert measure_regret(film, truth, [kept_pass(truth, 0)], models) == [0.0]


def test_poorer_picture_is_regretted_more(film: Path, truth: LaneTruth, models: CaptureModels) -> None:
    """The more blurred the kept picture, the larger the regret, and it never leaves 0 to 1."""
    (little,) = measure_regret(film, truth, [kept_pass(truth, 1)], models)
    (more,) = measure_regret(film, truth, [kept_pass(truth, 4)], models)
    assert 0 < little < more <= 1


def test_only_kept_pictures_of_somebody_count(film: Path, truth: LaneTruth, models: CaptureModels) -> None:
    """Nobody who was not captured, and no picture of nobody, has a regret."""
    nobody = kept_pass(truth, 0)
    (driver,) = nobody.occupants
    assert driver.best is not None
    away = replace(driver, best=replace(driver.best, box=(0.0, 0.0, 9.0, 9.0)))
    assert (
        measure_regret(
            film, truth, [kept_pass(truth, 0, captured=False), replace(nobody, occupants=(away,))], models
        )
        == []
    )


def test_unjudged_has_no_regret(truth: LaneTruth) -> None:
    """Where no look could be judged there is no regret to give; a kept picture that cannot be judged keeps its quality."""
    person = truth.vehicles[0].occupants[0]
    (driver,) = kept_pass(truth, 0).occupants
    assert driver.best is not None
    assert KeptLook(person, driver.best).regret is None
    assert KeptLook(person, driver.best, best=80).regret == pytest.approx(1 - 50 / 80)


def test_report_says_whether_it_was_measured(tmp_path: Path) -> None:
    """The report has a regret only where it was measured, and the printable page shows it."""
    assert "best_shot_regret" not in report_lane([LaneTally("a")])
    tallies = [LaneTally("a", regrets=[0.0, 0.1]), LaneTally("b", regrets=[0.02])]
    report = report_lane(tallies)
    assert report["best_shot_regret"] == pytest.approx(0.04)
    assert (report["best_shots"], report["best_shot_regret_most"]) == (3, 0.1)
    assert report_lane([LaneTally("a", regrets=[])])["best_shot_regret"] is None
    write_lane_page(tallies, report, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert all(f"<h2>{title}</h2>" in text for title, _, _ in lane_tables(tallies, report))
    assert "<td>best shot regret</td><td>0.04</td>" in text
