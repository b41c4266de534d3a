"""The command line itself: unforeseen errors tell their type and nothing of what they were about."""

import io
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from rich.console import Console

from wayseal.cli import common
from wayseal.cli import main as program
from wayseal.cli.common import default_principal, print_table
from wayseal.cli.main import root


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that fails in a way nobody foresaw, with personal data in its text."""

    @click.command()
    def boom() -> None:
        raise RuntimeError("plate 6NM162")

    monkeypatch.setattr(program, "root", boom)
    monkeypatch.setattr(sys, "argv", ["wayseal"])


def test_unforeseen_error_tells_no_secret(failing: None, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: ARG001
    """Exit code 5, the type, the last place of this program that it passed, a hint; not the text."""
    with pytest.raises(SystemExit) as stop:
        program.main()
    out, err = capsys.readouterr()
    assert (stop.value.code, out) == (5, "")
    assert "RuntimeError" in err
    assert re.search(r"^  where: cli/main\.py:\d+ main$", err, re.MULTILINE)
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


ASK_LIMIT = """
import resource, sys
from wayseal.cli.main import main
sys.argv = ["wayseal", "--version"]
try:
    main()
finally:
    print(resource.getrlimit(resource.RLIMIT_CORE))
"""


def test_crash_leaves_no_dump() -> None:
    """A command may write no core dump, and cannot allow itself one again: what is in its memory stays there."""
    answer = subprocess.run(
        [sys.executable, "-c", ASK_LIMIT], capture_output=True, text=True, check=True, timeout=120
    )
    assert answer.stdout.splitlines()[-1] == "(0, 0)"


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


def run(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    """Call the program with these words and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["wayseal", *map(str, words)])
    try:
        program.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A passphrase file."""
    file = tmp_path / "passphrase"
    file.write_text("correct horse battery staple", encoding="ascii")
    return file


def test_failed_init_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, secret: Path
) -> None:
    """An init that was refused, for its passphrase or its settings, can be tried again in the same place."""
    home, short, wrong = tmp_path / "home", tmp_path / "short", tmp_path / "wrong.toml"
    short.write_text("x", encoding="ascii")
    wrong.write_text("no_such_field = 1", encoding="ascii")
    assert run(monkeypatch, "--home", home, "init", "--passphrase-file", short) == 2
    assert list(home.iterdir()) == []
    assert run(monkeypatch, "--home", home, "init", "--passphrase-file", secret, "--config", wrong) == 2
    assert list(home.iterdir()) == []
    capsys.readouterr()
    assert run(monkeypatch, "--home", home, "init", "--passphrase-file", secret) == 0
    assert run(monkeypatch, "--home", home, "init", "--passphrase-file", secret) == 2
    assert "not empty" in capsys.readouterr().err
    assert (home / "site.json").is_file()


def test_home_after_the_verb(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, secret: Path
) -> None:
    """`--home` counts before the noun, after it and after the verb; the last one wins."""
    home = tmp_path / "home"
    assert run(monkeypatch, "init", "--home", home, "--passphrase-file", secret) == 0
    assert run(monkeypatch, "ledger", "verify", "--json", "--home", home) == 0
    assert run(monkeypatch, "ledger", "--home", home, "verify", "--json") == 0
    assert run(monkeypatch, "--home", tmp_path / "none", "ledger", "verify", "--home", home) == 0
    assert run(monkeypatch, "--home", home, "ledger", "verify", "--home", tmp_path / "none") == 2
    assert "no ledger" in capsys.readouterr().err


def test_question_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, secret: Path
) -> None:
    """A verb that asks first ends with exit code 2 and names --yes where nobody can answer."""
    home = tmp_path / "home"
    assert run(monkeypatch, "--home", home, "init", "--passphrase-file", secret) == 0
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    capsys.readouterr()
    assert run(monkeypatch, "--home", home, "retention", "run", "--json", "--passphrase-file", secret) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "--yes" in err


def test_table_shows_text_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Brackets in a cell are no markup, nothing is cut off in a pipe, and a list without rows is one line."""
    print_table("Travellers [1]", ["traveller"], [["[/red]"], [None]])
    print_table("Holds", ["hold"], [])
    print_table("Facts", ["fact", "value"], [["digest", "0123456789" * 40], ["fit", False], ["below", []]])
    out = capsys.readouterr().out
    assert "Travellers [1]" in out
    assert "[/red]" in out
    assert "Holds: none" in out
    assert "0123456789" * 40 in out
    assert "False" not in out


def test_ids_stay_whole_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a list is wider than the terminal each row is a list of its facts, ids unbroken; where it fits it is a table."""
    row = ["01M82G8X7H6E2JEFG7MBQ7G8RR", "2026-11-22T20:48:29.973Z", "driver: match, rear_left: no_match"]
    columns = ["encounter", "time", "outcomes"]
    for width, table in ((60, False), (120, True)):
        monkeypatch.setattr(common, "stdout", Console(force_terminal=True, width=width))
        print_table("Encounters", columns, [row, row])
        out = capsys.readouterr().out
        assert out.count(row[0]) == 2
        assert out.count(row[1]) == 2
        assert ("│" in out) is table
    monkeypatch.setattr(common, "stdout", Console(force_terminal=True, width=40))
    print_table("Key", ["fact", "value"], [["digest", "0123456789" * 8]])
    assert "│" in capsys.readouterr().out


def test_lists_of_verbs_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 80 columns every noun says what each of its verbs does in whole words, and no verb says nothing."""
    monkeypatch.setenv("COLUMNS", "80")

    def look(group: click.Group, words: str) -> None:
        context = click.Context(group, info_name=words)
        text = group.get_help(context)
        assert "..." not in text.partition("Commands:")[2], words
        assert max(map(len, text.splitlines())) <= 80, words
        for name in group.list_commands(context):
            below = group.get_command(context, name)
            assert below is not None
            assert below.get_short_help_str(), f"{words} {name}"
            if isinstance(below, click.Group):
                look(below, f"{words} {name}")

    assert isinstance(root, click.Group)
    look(root, "wayseal")


def test_counts_are_no_python(capsys: pytest.CaptureFixture[str]) -> None:
    """Counts by kind, lists and nothing are printed as people write them."""
    print_table(
        "Export", ("what", "value"), [("counts", {"face": 3, "plate": 1}), ("none", {}), ("two", ["a", True])]
    )
    out = capsys.readouterr().out
    assert "3 face, 1 plate" in out
    assert "a, yes" in out
    assert "{" not in out


def call(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    """Call the program as a person would who set nothing up; return the exit code."""
    monkeypatch.delenv("WAYSEAL_PASSPHRASE_FILE", raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(sys, "argv", ["wayseal", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        program.main()
    return int(stop.value.code or 0)


def test_no_home_yet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Who has neither a passphrase nor a home is told how to make one; who has a home is asked for the passphrase only."""
    assert call(monkeypatch, "--home", tmp_path / "nowhere", "encounter", "list") == 3
    assert "wayseal --home DIR init" in capsys.readouterr().err
    assert call(monkeypatch, "--home", tmp_path, "encounter", "list") == 3
    assert "init" not in capsys.readouterr().err
    assert call(monkeypatch, "--home", tmp_path / "nowhere", "init") == 3
    assert "no home" not in capsys.readouterr().err


def test_misspelt_noun(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt noun is told which it is like, as a misspelt verb is."""
    assert call(monkeypatch, "galery", "list") == 2
    assert "Did you mean 'gallery'?" in capsys.readouterr().err
