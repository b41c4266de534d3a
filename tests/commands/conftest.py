"""A rendered lane video of a public-domain portrait, and a home that has seen it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from session import Session

from wayseal.seal.keys import PassphraseCost
from wayseal.testing.lane import load_carried, make_scene, render_video, write_gallery


@pytest.fixture(autouse=True, scope="module")
def cheap_passphrase() -> Iterator[None]:
    """Make one guess at a passphrase cost little: these tests open keepers by the dozen and attack none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PassphraseCost.__init__, "__defaults__", (64, 1, 4))
        yield


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One vehicle with two people, of whom one is enrolled; `gallery.csv` and the truth lie beside it."""
    folder = tmp_path_factory.mktemp("video")
    scene = make_scene("day", load_carried(), seed=3)
    render_video(scene, folder / "lane.mp4", lambda _: None)
    write_gallery(scene, folder / "gallery.csv")
    return folder / "lane.mp4"


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A passphrase file."""
    file = tmp_path_factory.mktemp("secret") / "passphrase"
    file.write_text("correct horse battery staple\n", encoding="ascii")
    return file


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory, secret: Path) -> Session:
    """A home that the tests of one module use one after another."""
    return Session(tmp_path_factory.mktemp("used") / "home", secret)


@pytest.fixture
def ws(used: Session, capsys: pytest.CaptureFixture[str]) -> Session:
    """The module's home, ready to be called."""
    used.capture = capsys
    return used
