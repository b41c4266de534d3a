"""`evaluate faces`: the contract's figures, with failures to acquire counted against us."""

import json
from importlib.metadata import distribution
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from wayseal.cli.main import root
from wayseal.flow.measure.faces import measure_faces, read_pairs
from wayseal.flow.measure.faces_report import faces_tables, plot_faces, write_faces_page
from wayseal.model.errors import Invalid, NotFound
from wayseal.vision.picture import encode_picture, read_picture

CONTRACT = {
    "pairs", "genuine", "impostor", "failure_to_acquire", "auc", "eer", "fnmr_at_fmr_1e-2", "fnmr_at_fmr_1e-3", "model",
    "ms_per_image",
}  # fmt: skip


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one person in five pictures, two pictures of nobody, and an empty file."""
    folder = tmp_path_factory.mktemp("album")
    portrait = read_picture(Path(str(distribution("scikit-image").locate_file("skimage/data/astronaut.png"))))
    for name, copy in {
        "a": portrait,
        "b": cv2.resize(portrait, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA),
        "c": cv2.convertScaleAbs(portrait, alpha=0.6),
        "d": portrait[:, ::-1],
        "e": cv2.GaussianBlur(portrait, (0, 0), 1.5),
        "sky": np.full((300, 300, 3), (200, 160, 120), np.uint8),
        "wall": np.random.default_rng(1).integers(90, 110, (300, 300, 3), np.uint8),
    }.items():
        (folder / f"{name}.jpg").write_bytes(encode_picture(np.asarray(copy, dtype=np.uint8)).data)
    (folder / "empty.jpg").write_bytes(b"")
    return folder


def write_pairs(folder: Path, text: str) -> Path:
    """Write a pairs file beside the pictures."""
    path = folder / "pairs.csv"
    path.write_text(f"path_a,path_b,same\n{text}")
    return path


def test_contract_fields(album: Path) -> None:
    """The command prints one JSON document with the contract's fields, and nothing else."""
    pairs = write_pairs(
        album, "a.jpg,b.jpg,1\na.jpg,c.jpg,1\nd.jpg,e.jpg,1\na.jpg,sky.jpg,0\nb.jpg,wall.jpg,0\n"
    )
    result = CliRunner().invoke(
        root, ["evaluate", "faces", "--pairs", str(pairs), "--json"], catch_exceptions=False
    )
    report = json.loads(result.stdout)
    assert set(report) >= CONTRACT
    assert (report["pairs"], report["genuine"], report["impostor"]) == (5, 3, 2)
    assert report["groups_are"] == "source_folders"
    assert report["auc"] == 1.0
    assert report["fnmr_at_fmr_1e-3"] == 0.0
    assert report["failure_to_acquire"] == pytest.approx(2 / 7)
    assert report["ms_per_image"] > 0


def test_failure_to_acquire_is_a_miss(album: Path) -> None:
    """A genuine pair with an unreadable or missing picture counts as a non-match, and the others go on."""
    text = "a.jpg,b.jpg,1\na.jpg,empty.jpg,1\na.jpg,none.jpg,1\nc.jpg,e.jpg,1\na.jpg,sky.jpg,0\n"
    figures = measure_faces(read_pairs(write_pairs(album, text))).figures
    assert figures["fnmr_at_fmr_1e-2"] == 0.5
    assert figures["failed_images"] == 3
    assert figures["failure_reasons"] == {"empty": 1, "missing": 1, "no_face": 1}
    assert figures["by_quality"]["none"]["fnmr"]["rate"] == 1.0


def test_one_sided_pairs_have_no_rates(album: Path) -> None:
    """Without impostor pairs the rates are null, and there is nothing to draw."""
    report = measure_faces(read_pairs(write_pairs(album, "a.jpg,b.jpg,1\n")))
    assert report.figures["auc"] is None
    assert report.figures["genuine"] == 1
    with pytest.raises(Invalid):
        plot_faces(report, album / "x.png")


def test_each_picture_is_read_once(album: Path) -> None:
    """Progress counts distinct pictures, however many pairs share them."""
    steps: list[int] = []
    pairs = read_pairs(write_pairs(album, "a.jpg,b.jpg,1\nb.jpg,a.jpg,1\na.jpg,a.jpg,1\na.jpg,sky.jpg,0\n"))
    assert measure_faces(pairs, advance=steps.append).figures["images"] == len(steps) == 3


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_plot(album: Path, suffix: str) -> None:
    """The curve is drawn as PNG or SVG; another ending is refused."""
    report = measure_faces(read_pairs(write_pairs(album, "a.jpg,b.jpg,1\na.jpg,sky.jpg,0\n")))
    path = album / f"curve.{suffix}"
    plot_faces(report, path)
    assert path.stat().st_size > 1000
    with pytest.raises(Invalid):
        plot_faces(report, album / "curve.nothing")


def test_page(album: Path) -> None:
    """The printable page has every table, why pictures were not acquired, and the curve; it has no script and no picture."""
    report = measure_faces(
        read_pairs(write_pairs(album, "a.jpg,b.jpg,1\na.jpg,empty.jpg,1\na.jpg,sky.jpg,0\n"))
    )
    write_faces_page(report, album / "page.html")
    text = (album / "page.html").read_text()
    assert all(f"<h2>{title}</h2>" in text for title, _, _ in faces_tables(report))
    assert {"<td>empty</td>" in text, "<svg" in text} == {True}
    assert "<script" not in text
    assert "<img" not in text
    one_sided = measure_faces(read_pairs(write_pairs(album, "a.jpg,b.jpg,1\n")))
    write_faces_page(one_sided, album / "page.html")
    assert "<svg" not in (album / "page.html").read_text()
    with pytest.raises(Invalid):
        write_faces_page(report, album / "none" / "page.html")


@pytest.mark.parametrize(
    "text",
    ["", "path_a,path_b\nx,y\n", "path_a,path_b,same\n", "path_a,path_b,same\na,b,yes\n", "path_a,path_b,same\na,,1\n",
     "path_a,path_b,same\na\n"],
)  # fmt: skip
def test_bad_pairs_file(tmp_path: Path, text: str) -> None:
    """A pairs file with another header, without rows or with a bad row is refused with a hint."""
    path = tmp_path / "pairs.csv"
    path.write_text(text)
    with pytest.raises(Invalid) as caught:
        read_pairs(path)
    assert caught.value.hint


def test_pairs_file_forms(tmp_path: Path) -> None:
    """A byte-order mark and further columns do no harm; a missing file is not found, a binary one invalid."""
    path = tmp_path / "pairs.csv"
    path.write_bytes(b"\xef\xbb\xbfpath_a,path_b,same,note\r\na,b,0,x\r\n")
    assert read_pairs(path)[0].first == tmp_path / "a"
    with pytest.raises(NotFound):
        read_pairs(tmp_path / "none.csv")
    path.write_bytes(bytes(range(256)))
    with pytest.raises(Invalid):
        read_pairs(path)


def test_real_faces(shared_data: Path) -> None:
    """On 120 real pairs of one source, misses at one false match in a hundred stay under 3 %."""
    pairs = read_pairs(shared_data / "faces" / "pairs_small.csv")
    orl = [pair for pair in pairs if pair.first.parent.name == "orl"]
    some = [pair for pair in orl if pair.same][:60] + [pair for pair in orl if not pair.same][:60]
    figures = measure_faces(some).figures
    assert figures["failure_to_acquire"] == 0
    assert figures["auc"] > 0.999
    assert figures["fnmr_at_fmr_1e-2"] < 0.03
