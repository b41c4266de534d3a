"""The import contract holds, and a planted violation is caught: the contract can fail."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PLANTED = {
    "a floor imports from the floor above": ("store/planted.py", "import wayseal.flow\n"),
    "a package imports sideways": ("vision/planted.py", "import wayseal.match\n"),
    "another room opens records": ("flow/planted.py", "import wayseal.seal.open\n"),
    "the lane can reach the opening room": ("station/lane.py", "import wayseal.flow.release\n"),
    "the model touches a database": ("model/planted.py", "import sqlite3\n"),
}


def run_linter(project: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on a copy of the project."""
    return subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"],
        cwd=project, env={"PYTHONPATH": str(project / "src"), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def project_copy(tmp_path: Path) -> Path:
    """The sources and the contract, free to be spoiled."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_contract_holds(project_copy: Path) -> None:
    """The code as it stands keeps every contract."""
    answer = run_linter(project_copy)
    assert answer.returncode == 0, answer.stdout
    assert "0 broken" in answer.stdout


@pytest.mark.parametrize("what", PLANTED)
def test_planted_violation(project_copy: Path, what: str) -> None:
    """Each kind of violation breaks a contract."""
    name, line = PLANTED[what]
    planted = project_copy / "src" / "wayseal" / name
    planted.write_text((planted.read_text() if planted.exists() else '"""Planted."""\n') + line)
    answer = run_linter(project_copy)
    assert answer.returncode == 1, answer.stdout
    assert "BROKEN" in answer.stdout
