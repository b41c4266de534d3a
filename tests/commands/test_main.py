"""The command line itself: unforeseen errors tell their type and nothing of what they were about."""

import sys

import click
import pytest

from wayseal.cli import main as program


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


def test_traceback_on_demand(failing: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """Whoever asks for the traceback gets it."""
    monkeypatch.setenv("WAYSEAL_TRACEBACK", "1")
    with pytest.raises(RuntimeError):
        program.main()
