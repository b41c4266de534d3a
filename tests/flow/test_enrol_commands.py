"""`wayseal gallery` from a shell: import, list, show, forget, calibrate, with exit codes and JSON."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from lineparts import PASSPHRASE

from wayseal.cli.main import root
from wayseal.ledger.log import Ledger
from wayseal.model.clock import utc_now
from wayseal.model.errors import Invalid, KeeperLocked, NotFound
from wayseal.station.site import Site


class Shell:
    """Runs commands against one home."""

    def __init__(self, home: Path, passphrase: Path) -> None:
        self._before = ["--home", str(home)]
        self._after = ["--passphrase-file", str(passphrase)]

    def run(self, *arguments: str) -> str:
        """Return what a command printed. Errors come through as they are."""
        result = CliRunner().invoke(
            root,
            [*self._before, "gallery", *arguments, *self._after],
            catch_exceptions=False,
            standalone_mode=False,
        )
        return result.stdout

    def read(self, *arguments: str) -> Any:
        """Return a command's JSON document."""
        return json.loads(self.run(*arguments, "--json"))


@pytest.fixture
def shell(site: Site, home: Path, tmp_path: Path) -> Shell:
    """A shell on an initialised home that nobody else has open."""
    site.close()
    (tmp_path / "passphrase").write_bytes(PASSPHRASE)
    return Shell(home, tmp_path / "passphrase")


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    """A list of one good picture under two names and one that is missing."""
    from PIL import Image
    from skimage import data

    Image.fromarray(data.astronaut()).save(tmp_path / "a.png")
    Image.fromarray(data.astronaut()[:, ::-1]).save(tmp_path / "b.png")
    with (tmp_path / "list.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [("path", "identity"), ("a.png", "T-1"), ("b.png", "T-2"), ("c.png", "T-3")]
        )
    return tmp_path / "list.csv"


def test_import_list_forget(shell: Shell, listing: Path, home: Path) -> None:
    """Two travellers go in, one row is rejected; one is forgotten only with --yes; no id is in any file; all is logged."""
    report = shell.read("import", str(listing), "--gallery", "port")
    assert report == {
        "gallery": "port", "images": 3, "enrolled": 2, "travellers": 2,
        "rejected": [{"path": "c.png", "reason": "missing"}],
    }  # fmt: skip
    (facts,) = shell.read("list")
    assert (facts["gallery"], facts["travellers"], facts["templates"]) == ("port", 2, 2)
    assert 0 < facts["threshold"] < 1
    assert facts["fpir_ci95"][0] < facts["fpir_target"] < facts["fpir_ci95"][1] * 3
    assert shell.read("show", "port", "--travellers")["names"] == ["T-1", "T-2"]
    assert "Nothing was changed" in shell.run("forget", "port", "T-1")
    assert shell.read("forget", "port", "T-1")["forgotten"] is False
    assert shell.read("forget", "port", "T-1", "--yes") == {
        "gallery": "port", "templates": 1, "travellers": 1, "forgotten": True,
    }  # fmt: skip
    assert shell.read("show", "port", "--travellers")["names"] == ["T-2"]
    files = [path for path in (home / "gallery").rglob("*") if path.is_file()]
    assert not any(
        name in path.read_bytes() + str(path).encode() for path in files for name in (b"T-1", b"T-2")
    )
    ledger = Ledger(home / "ledger", clock=utc_now)
    types = [entry["type"] for _, entry in ledger.entries() if entry["type"] in {"enrol", "forget"}]
    ledger.close()
    assert types == ["enrol", "enrol", "forget"]


def test_errors_have_their_codes(shell: Shell, listing: Path, tmp_path: Path) -> None:
    """A missing gallery or traveller, another header, too few people and a wrong passphrase each fail as promised."""
    shell.run("import", str(listing), "--gallery", "port")
    for arguments in (
        ("show", "nobody"),
        ("forget", "port", "T-9", "--yes"),
        ("import", "none.csv", "--gallery", "g"),
    ):
        with pytest.raises(NotFound):
            shell.run(*arguments)
    (tmp_path / "bad.csv").write_text("file,who\na.png,T-1\n")
    for arguments in (("import", str(tmp_path / "bad.csv"), "--gallery", "g"), ("calibrate", str(listing))):
        with pytest.raises(Invalid):
            shell.run(*arguments)
    with pytest.raises(Invalid):
        shell.run("import", str(listing), "--gallery", "../elsewhere")
    (tmp_path / "passphrase").write_bytes(b"not the right passphrase")
    with pytest.raises(KeeperLocked):
        shell.run("list")


def test_people_get_sentences(shell: Shell, listing: Path) -> None:
    """Without --json the commands speak to people: what was rejected and why, sizes and thresholds."""
    said = shell.run("import", str(listing), "--gallery", "port")
    assert "rejected c.png: missing" in said
    assert "2 of 3 pictures enrolled" in said
    assert "port" in shell.run("list")
    assert "threshold" in shell.run("show", "port")
    assert "forgotten: 1 templates; 1 travellers remain" in shell.run("forget", "port", "T-2", "--yes")
