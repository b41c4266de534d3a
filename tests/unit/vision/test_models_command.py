"""`wayseal models`: set-up installs, an administrator sees licences, a wrong file stops with exit code 4."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from wayseal.cli.main import root
from wayseal.model.errors import WrongModel
from wayseal.vision import models


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A command runner with an empty model folder."""
    monkeypatch.setenv("WAYSEAL_MODELS", str(tmp_path / "models"))
    return CliRunner()


def test_install_twice(run: CliRunner, tmp_path: Path) -> None:
    """Installing makes the derived files; doing it again changes no byte."""
    for _ in range(2):
        result = run.invoke(root, ["models", "install", "--json"], catch_exceptions=False)
        needed = {m.name for m in models.shipped_models() if m.task != models.OPTIONAL}
        assert set(json.loads(result.stdout)["installed"]) >= needed
        contents = {path.name: path.read_bytes() for path in (tmp_path / "models").iterdir()}
        assert len(contents) >= 2
    assert contents == {path.name: path.read_bytes() for path in (tmp_path / "models").iterdir()}


def test_list_shows_licences(run: CliRunner) -> None:
    """The list names each model's hash, licence, licence class and training note."""
    rows = json.loads(run.invoke(root, ["models", "list", "--json"]).stdout)
    assert {"yunet-2023mar", "sface-2021dec"} <= {row["name"] for row in rows}
    assert all(row["licence"] and row["licence_class"] == "free" and row["training_note"] for row in rows)
    assert "Apache-2.0" in run.invoke(root, ["models", "list"]).stdout


def test_check_finds_tampering(run: CliRunner, tmp_path: Path) -> None:
    """A clean installation passes; an altered file fails the check with an integrity error that names it."""
    assert run.invoke(root, ["models", "check"]).exit_code == 0
    altered = tmp_path / "models" / models.find_model(models.DETECTOR).derived_file
    altered.write_bytes(altered.read_bytes()[:-1])
    result = run.invoke(root, ["models", "check", "--json"])
    assert isinstance(result.exception, WrongModel)
    assert WrongModel.exit_code == 4
    rows = {row["name"]: row for row in json.loads(result.stdout)}
    assert not rows["yunet-2023mar"]["ok"]
    assert rows["sface-2021dec"]["ok"]


def test_missing_manifest(run: CliRunner, tmp_path: Path) -> None:
    """Adding a model whose manifest is not there is an error with exit code 2."""
    result = run.invoke(root, ["models", "add", str(tmp_path / "none.toml")])
    assert result.exception is not None
    assert getattr(result.exception, "exit_code", None) == 2


def test_use_shows_the_licence(run: CliRunner) -> None:
    """Choosing a model says under which licence it runs; the list marks it."""
    answer = json.loads(run.invoke(root, ["models", "use", models.EMBEDDER, "--json"]).stdout)
    assert answer["licence_class"] == "free"
    rows = json.loads(run.invoke(root, ["models", "list", "--json"]).stdout)
    assert [row["name"] for row in rows if row["active"]] == [models.EMBEDDER]
