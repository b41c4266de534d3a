"""A gallery's key in a real key keeper: wrapped, bound to its gallery, and gone after a traveller was forgotten."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from wayseal.flow.gallery_key import (
    KeeperCipher,
    forget_traveller,
    open_site_gallery,
    write_site_calibration,
)
from wayseal.match.calibrate import fit_calibration
from wayseal.match.gallery import Gallery
from wayseal.model.errors import Integrity, Invalid, NotFound, SealBroken
from wayseal.seal.keys import FileKeeper, PassphraseCost

MODEL = "a" * 64


@pytest.fixture
def keeper(tmp_path: Path) -> FileKeeper:
    """A file keeper with a cheap passphrase."""
    return FileKeeper.create(tmp_path / "keeper", b"correct horse battery", cost=PassphraseCost(64, 1, 1))


@pytest.fixture
def gallery(tmp_path: Path, keeper: FileKeeper) -> Gallery:
    """A gallery of three travellers."""
    made = open_site_gallery(keeper, tmp_path / "galleries", "port", model_sha256=MODEL, dimension=8)
    made.add_many(["a", "b", "c"], np.eye(8, dtype=np.float32)[:3])
    return made


def test_made_once_then_opened(tmp_path: Path, keeper: FileKeeper, gallery: Gallery) -> None:
    """The first call makes gallery and key, later ones open them; what is not there is not made by accident."""
    again = open_site_gallery(keeper, tmp_path / "galleries", "port")
    assert again.travellers() == gallery.travellers() == ["a", "b", "c"]
    assert keeper.labels() == ("gallery/port/00000001",)
    with pytest.raises(NotFound):
        open_site_gallery(keeper, tmp_path / "galleries", "other")


def test_strange_name_is_no_gallery(tmp_path: Path, keeper: FileKeeper) -> None:
    """A name that could leave the folder is refused as a gallery's name, before any key or folder is made."""
    with pytest.raises(Invalid, match="gallery name"):
        open_site_gallery(keeper, tmp_path / "galleries", "we ird/../x", model_sha256=MODEL, dimension=8)
    assert keeper.labels() == ()
    assert not (tmp_path / "galleries").exists()


def test_forgetting_shuts_backups(tmp_path: Path, keeper: FileKeeper, gallery: Gallery) -> None:
    """A backup from before a traveller was forgotten opens no more, and the gallery itself does."""
    shutil.copytree(tmp_path / "galleries", tmp_path / "backup")
    assert forget_traveller(keeper, gallery, "b") == 1
    assert open_site_gallery(keeper, tmp_path / "galleries", "port").travellers() == ["a", "c"]
    with pytest.raises(NotFound):
        open_site_gallery(keeper, tmp_path / "backup", "port")
    assert keeper.labels() == ("gallery/port/00000002",)
    with pytest.raises(NotFound):
        forget_traveller(keeper, gallery, "b")


def test_manifest_is_bound(tmp_path: Path, keeper: FileKeeper) -> None:
    """A sealed manifest opens in its own context only, unaltered, and in no other gallery."""
    keeper.create_key("gallery/port/00000001")
    cipher = KeeperCipher(keeper, "port", "gallery/port/00000001")
    sealed = cipher.seal(b"body", b"context")
    assert cipher.open(sealed, b"context") == b"body"
    assert b"body" not in sealed
    with pytest.raises(Integrity):
        cipher.open(sealed, b"other")
    for place in (1, 30, len(sealed) - 1):
        altered = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises((Integrity, NotFound)):
            cipher.open(altered, b"context")
    with pytest.raises(SealBroken):
        KeeperCipher(keeper, "other", "gallery/other/00000001").open(sealed, b"context")
    for broken in (b"", b"\xff\xff", sealed[:10]):
        with pytest.raises((Integrity, NotFound)):
            cipher.open(broken, b"context")
    assert not (tmp_path / "galleries").exists()


def test_site_calibration_goes_first(tmp_path: Path, keeper: FileKeeper, gallery: Gallery) -> None:
    """A gallery is searched with the site's own calibration once there is one, and an altered one is refused."""
    assert gallery.calibration is None
    faces = np.random.default_rng(1).standard_normal((400, 8)).astype(np.float32)
    faces /= np.linalg.norm(faces, axis=1, keepdims=True)
    names = [str(number) for number in range(400)]
    made = fit_calibration(faces, names, model_sha256=MODEL, source="here", cameras=["lane-1"])
    root = tmp_path / "galleries"
    write_site_calibration(keeper, root, made)
    assert open_site_gallery(keeper, root, "port").calibration == made
    path = next(root.glob("calibration-*"))
    sealed = path.read_bytes()
    assert b"lane-1" not in sealed
    path.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    with pytest.raises(SealBroken):
        open_site_gallery(keeper, root, "port")
