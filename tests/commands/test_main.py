"""The command line itself: unforeseen errors tell their type and nothing of what they were about."""

import sys
from pathlib import Path

import click
import pytest

from wayseal.cli import main as program
from wayseal.cli.common import default_principal


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that fails in a way nobody foresaw, with personal data in its text."""

    @click.command()
    def boom() -> None:
        raise RuntimeError("plate 6NM162")

    monkeypatch.setattr(program, "root", boom)
    monkeypatch.setattr(sys, "argv", ["wayseal"])


def test_unforeseen_error_tells_no_secret(failing: None, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: ARG001
    """Exit code 5, the type, a hint; not the text."""
    with pytest.raises(SystemExit) as stop:
        program.main()
    out, err = capsys.readouterr()
    assert (stop.value.code, out) == (5, "")
    assert "RuntimeError" in err
    assert "6NM162" not in err


def test_system_error_helps(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """What the operating system refuses is exit code 5 with its words and a hint, and without the path."""
    secret = tmp_path / "secret"
    secret.write_text("correct horse battery staple", encoding="ascii")
    monkeypatch.setenv("WAYSEAL_PASSPHRASE_FILE", str(secret))
    monkeypatch.setattr(sys, "argv", ["wayseal", "--home", "/proc/6NM162", "init", "--json"])
    with pytest.raises(SystemExit) as stop:
        program.main()
    out, err = capsys.readouterr()
    assert (stop.value.code, out) == (5, "")
    assert "No such file or directory" in err
    assert "hint:" in err
    assert "6NM162" not in err


def test_user_without_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whom the system has no name for, as in a container, acts as `operator`."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_000_000_001)
    assert default_principal() == "operator"


def test_traceback_on_demand(failing: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """Whoever asks for the traceback gets it."""
    monkeypatch.setenv("WAYSEAL_TRACEBACK", "1")
    with pytest.raises(RuntimeError):
        program.main()
