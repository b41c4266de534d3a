"""Real pictures, where the test data folder is there: a small fixed part of each set."""

import csv
from pathlib import Path

import pytest

from wayseal.flow.measure.plates import PlateRow, fold_plate, measure_plates
from wayseal.vision.plate.reader import PlateReader


@pytest.mark.parametrize(("part", "every", "least"), [("us", 7, 0.7), ("eu", 5, 0.7)])
def test_real_pictures(
    shared_data: Path, plate_reader: PlateReader, part: str, every: int, least: float
) -> None:
    """Of every few pictures at least seven in ten are read to the last character (the whole sets do better)."""
    folder = shared_data / "plates" / part
    listed = next(folder.glob("*.csv"))
    with listed.open(newline="", encoding="utf-8") as file:
        rows = [PlateRow(folder / row["path"], fold_plate(row["plate"])) for row in csv.DictReader(file)]
    report = measure_plates(rows[::every], reader=plate_reader)
    assert report.figures["exact"] >= least
    assert report.figures["character_accuracy"] >= 0.8
