"""`evaluate plates`: the contract's figures, and bad input."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from drawn import draw_plate, draw_scene

from wayseal.cli.evaluate.plates import command
from wayseal.flow.measure.plates import count_edits, fold_plate, measure_plates, plot_plates, read_manifest
from wayseal.model.errors import Invalid, NotFound
from wayseal.vision.plate.calibrate import tabulate_reliability
from wayseal.vision.plate.reader import PlateReader


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Return a manifest of one good picture, one mislabelled, one damaged and one missing."""
    picture = draw_scene(draw_plate("5QRV 204"))
    assert cv2.imwrite(str(tmp_path / "good.png"), picture)
    whole = (tmp_path / "good.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 3])
    (tmp_path / "m.csv").write_text(
        "path,plate,region\ngood.png,5qrv-204,us-ca\ngood.png,5QRV205,\ncut.png,5QRV204,\ngone.png,5QRV204,\ngood.png,,\n"
    )
    return tmp_path / "m.csv"


def test_figures(manifest: Path, plate_reader: PlateReader) -> None:
    """Spaces, hyphens and case do not count; everything that cannot be read is wrong, with its reason."""
    seen: list[int] = []
    report = measure_plates(read_manifest(manifest), reader=plate_reader, advance=seen.append)
    assert report.figures["images"] == 4
    assert report.figures["exact"] == 0.25
    assert report.figures["character_accuracy"] == pytest.approx(13 / 28)
    assert {one["path"]: one["reason"] for one in report.figures["failed"]} == {
        "cut.png": "truncated",
        "gone.png": "missing",
    }
    assert sum(seen) == 4


def test_command_prints_one_document(manifest: Path, tmp_path: Path) -> None:
    """`--json` prints the contract's fields and nothing else; `--plot` draws; no plate text is printed."""
    plot = tmp_path / "r.svg"
    answer = CliRunner().invoke(command, ["--manifest", str(manifest), "--json", "--plot", str(plot)])
    assert answer.exit_code == 0, answer.output
    figures = json.loads(answer.stdout)
    assert {"images", "exact", "character_accuracy", "top3_exact", "ms_per_image"} <= set(figures)
    assert figures["exact"] <= figures["findable"] <= 1
    assert "5QRV" not in answer.output
    assert plot.read_text().lstrip().startswith("<?xml")


def test_bad_manifests(tmp_path: Path) -> None:
    """A missing, empty, foreign or binary manifest is refused with a hint."""
    with pytest.raises(NotFound):
        read_manifest(tmp_path / "none.csv")
    for content in (b"", b"path,plate\n", b"file,text\na,b\n", b"\xff\xfe\x00\x01", b"path,plate\na.png,\n"):
        (tmp_path / "bad.csv").write_bytes(content)
        with pytest.raises(Invalid):
            read_manifest(tmp_path / "bad.csv")


def test_plot_needs_folder(manifest: Path, plate_reader: PlateReader) -> None:
    """A plot that cannot be written is a clear refusal."""
    report = measure_plates(read_manifest(manifest)[:1], reader=plate_reader)
    with pytest.raises(Invalid):
        plot_plates(report, manifest.parent / "no" / "where.png")


def test_edits_and_folding() -> None:
    """Edits count one a wrong, missing or extra character; folding keeps look-alikes apart."""
    assert count_edits("KITTEN", "SITTING") == 3
    assert count_edits("", "AB1") == 3
    assert fold_plate("ab 1-0o") == "AB10O"


def test_reliability_table() -> None:
    """Each filled bin gives its mean confidence, its share right and its count."""
    rows = tabulate_reliability(np.array([0.05, 0.95, 0.85, 1.0]), np.array([False, True, False, True]))
    assert rows == [(0.05, 0.0, 1), (pytest.approx(0.9333, abs=1e-3), pytest.approx(2 / 3), 3)]
