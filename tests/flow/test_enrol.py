"""Enrolment from a list, on real pictures and every bad one: the bad are rows with reasons, the good go in."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from wayseal.flow.enrol import import_gallery, read_list
from wayseal.flow.gallery_key import open_site_gallery
from wayseal.match.gallery import Gallery
from wayseal.match.portraits import PortraitBook
from wayseal.match.search import search
from wayseal.model.border import Outcome
from wayseal.model.errors import Invalid, NotFound, WrongModel
from wayseal.seal.keys import FileKeeper, PassphraseCost
from wayseal.vision.portrait import PortraitReader


class OpenCipher:
    """Keeps reference pictures as they are, so that a test can look at them."""

    def seal(self, data: bytes, context: bytes) -> bytes:
        """Return data behind its context."""
        return context + data

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Return data."""
        return sealed[len(context) :]


@pytest.fixture(scope="session")
def reader() -> PortraitReader:
    """The networks, loaded once."""
    return PortraitReader()


@pytest.fixture(scope="session")
def face() -> np.ndarray:
    """The public-domain portrait that scikit-image carries, BGR."""
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[..., ::-1])


@pytest.fixture
def keeper(tmp_path: Path) -> FileKeeper:
    """A file keeper with a cheap passphrase."""
    return FileKeeper.create(tmp_path / "keeper", b"correct horse battery", cost=PassphraseCost(64, 1, 1))


@pytest.fixture
def gallery(tmp_path: Path, keeper: FileKeeper, reader: PortraitReader) -> Gallery:
    """An empty gallery of the reader's model."""
    manifest = reader.model.manifest
    return open_site_gallery(
        keeper, tmp_path / "galleries", "port", model_sha256=manifest.sha256, dimension=manifest.dim
    )


def write_list(
    path: Path, rows: list[tuple[str, ...]], header: tuple[str, ...] = ("path", "identity")
) -> Path:
    """Write a CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def save_pictures(folder: Path, face: np.ndarray) -> None:
    """Write good and bad pictures of every kind the import must survive."""
    rgb = Image.fromarray(face[..., ::-1])
    rgb.save(folder / "good.jpg")
    rgb.convert("CMYK").save(folder / "cmyk.jpg")
    Image.fromarray(np.asarray(rgb.convert("L")).astype(np.uint16) * 257).save(folder / "deep.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb.rotate(90, expand=True).save(folder / "turned.jpg", exif=exif)
    rgb.resize((6400, 6400)).save(folder / "forty-megapixels.jpg", quality=40)
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "cut.jpg").write_bytes((folder / "good.jpg").read_bytes()[:9000])
    (folder / "text.jpg").write_bytes(b"this is no picture")
    landscape = cv2.GaussianBlur(
        np.random.default_rng(1).integers(0, 255, (300, 400, 3), dtype=np.uint8), (0, 0), 20
    )
    Image.fromarray(landscape).save(folder / "landscape.png")
    Image.fromarray(np.hstack([face, face[:, ::-1]])[..., ::-1]).save(folder / "two.jpg")
    rgb.resize((48, 48)).save(folder / "tiny.png")
    Image.new("RGB", (1, 1)).save(folder / "pixel.png")


def test_bad_rows_are_reasons(
    tmp_path: Path, face: np.ndarray, gallery: Gallery, reader: PortraitReader
) -> None:
    """Each bad picture is one rejected row with its reason; CMYK, 16 bit, rotated and 40 megapixels go in."""
    save_pictures(tmp_path, face)
    good = ["good.jpg", "cmyk.jpg", "deep.png", "turned.jpg", "forty-megapixels.jpg"]
    bad = {
        "empty.jpg": {"empty"},
        "cut.jpg": {"truncated", "not_a_picture"},
        "text.jpg": {"not_a_picture"},
        "landscape.png": {"no_face"},
        "two.jpg": {"several_faces"},
        "tiny.png": {"no_face", "too_small"},
        "pixel.png": {"no_face"},
        "missing.jpg": {"missing"},
    }
    listing = write_list(tmp_path / "list.csv", [(name, "T-1") for name in [*bad, *good]])
    seen: list[int] = []
    report = import_gallery(listing, gallery, reader, advance=seen.append).as_json()
    reasons = {one["path"]: one["reason"] for one in report["rejected"]}
    assert reasons.keys() == bad.keys()
    assert all(reasons[name] in allowed for name, allowed in bad.items())
    assert (report["gallery"], report["images"], report["enrolled"]) == ("port", 13, 5)
    assert (report["travellers"], gallery.travellers(), sum(seen)) == (1, ["T-1"], 13)


def test_enrolled_traveller_is_found(
    tmp_path: Path, face: np.ndarray, gallery: Gallery, reader: PortraitReader
) -> None:
    """A darker, smaller picture of an enrolled person matches, and importing the list again adds nothing."""
    (tmp_path / "pictures").mkdir()
    cv2.imwrite(str(tmp_path / "pictures" / "a.png"), face)
    listing = write_list(
        tmp_path / "list.csv", [("pictures/a.png", "T-7", "citizen")], ("path", "identity", "class")
    )
    import_gallery(listing, gallery, reader)
    again = import_gallery(listing, gallery, reader)
    assert (again.enrolled, again.travellers, gallery.size) == (1, 1, 1)
    probe = cv2.resize((face * 0.6).astype(np.uint8), None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    answer = search(reader.read_main(probe).template, gallery.loaded)
    assert (answer.outcome, answer.candidates[0].traveller) == (Outcome.MATCH, "T-7")


def test_reference_picture_is_kept(
    tmp_path: Path, face: np.ndarray, gallery: Gallery, reader: PortraitReader
) -> None:
    """The first picture of a new traveller is kept for the officer, cut to the face."""
    cv2.imwrite(str(tmp_path / "a.png"), face)
    book = PortraitBook(tmp_path / "portraits", OpenCipher(), lambda name: name.encode())
    import_gallery(write_list(tmp_path / "list.csv", [("a.png", "T-7")]), gallery, reader, portraits=book)
    kept = book.get("T-7")
    assert kept is not None
    assert 60 < kept.width < face.shape[1]
    assert (
        reader.read_main(cv2.imdecode(np.frombuffer(kept.data, np.uint8), cv2.IMREAD_COLOR)).quality.score > 0
    )


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("file,person\na.jpg,b\n", "header"),
        ("", "header"),
        ("path,identity\na.jpg\n", "line 2"),
        ("path,identity\na.jpg,b\n,b\n", "line 3"),
        ("path,identity\na.jpg,b,c,d\n", "line 2"),
        ('path,identity\n"a.jpg,b\n', "CSV"),
        ("path,identity,class\na.jpg,b,NOT A NAME\n", "class"),
    ],
)
def test_wrong_list_refused(tmp_path: Path, text: str, wrong: str) -> None:
    """A list with another header or a broken line is refused, saying where, without repeating what stands there."""
    path = tmp_path / "list.csv"
    path.write_text(text)
    with pytest.raises(Invalid, match=wrong) as caught:
        read_list(path)
    assert caught.value.hint
    assert "a.jpg" not in caught.value.diagnostics()


def test_list_of_another_encoding_is_called_that(tmp_path: Path) -> None:
    """A list that a spreadsheet wrote in a code page of its own is refused for that, not as something that is no list."""
    path = tmp_path / "list.csv"
    path.write_bytes("path,identity\nnaïve.jpg,T-1\n".encode("latin-1"))
    with pytest.raises(Invalid, match="UTF-8"):
        read_list(path)


def test_broken_lines_are_rejected_rows(
    tmp_path: Path, face: np.ndarray, gallery: Gallery, reader: PortraitReader
) -> None:
    """A line without a path or identity, with too much, or with no class is reported as a row; the picture between them goes in."""
    cv2.imwrite(str(tmp_path / "a.png"), face)
    path = tmp_path / "list.csv"
    path.write_text("path,identity,class\n,b\na.png\na.png,b,c,d\na.png,T-7,citizen\na.png,b,NOT A NAME\n")
    report = import_gallery(path, gallery, reader).as_json()
    assert [(one["path"], one["reason"]) for one in report["rejected"]] == [
        ("line 2", "no_path"), ("a.png", "no_identity"), ("a.png", "too_many_cells"), ("a.png", "not_a_class"),
    ]  # fmt: skip
    assert (report["images"], report["enrolled"], gallery.travellers()) == (5, 1, ["T-7"])


def test_list_that_is_no_text_refused(tmp_path: Path) -> None:
    """A binary file and a missing file are errors with hints; a byte order mark is none."""
    (tmp_path / "binary.csv").write_bytes(b"path,identity\n\xff\xfe\x00,b\n")
    with pytest.raises(Invalid):
        read_list(tmp_path / "binary.csv")
    with pytest.raises(NotFound):
        read_list(tmp_path / "none.csv")
    (tmp_path / "mark.csv").write_bytes(b"\xef\xbb\xbfpath,identity\na.jpg,b\n")
    assert [row.identity for row in read_list(tmp_path / "mark.csv")] == ["b"]


def test_gallery_of_another_model_refused(tmp_path: Path, keeper: FileKeeper, reader: PortraitReader) -> None:
    """Pictures are not enrolled into a gallery whose templates another model made."""
    other = open_site_gallery(keeper, tmp_path / "galleries", "old", model_sha256="a" * 64, dimension=128)
    listing = write_list(tmp_path / "list.csv", [("a.png", "T-1")])
    with pytest.raises(WrongModel):
        import_gallery(listing, other, reader)
    assert other.size == 0
