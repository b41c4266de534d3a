"""The site's settings: one file, variables over it, and no misspelt rule that passes for a rule."""

from pathlib import Path

import pytest

from wayseal.model.border import Direction
from wayseal.model.errors import Invalid, NotFound
from wayseal.station.settings import FILE_NAME, SiteSettings, initial_file, load_settings


def write(home: Path, text: str) -> Path:
    """Put a settings file into a home."""
    (home / FILE_NAME).write_text(text, encoding="utf-8")
    return home


def test_initial_file_is_the_defaults(tmp_path: Path) -> None:
    """What `init` writes means the defaults."""
    assert load_settings(write(tmp_path, initial_file("port", "agency"))) == SiteSettings()


def test_lane_without_settings_has_defaults(tmp_path: Path) -> None:
    """A lane that the file does not name is an entry lane; a named one is what the file says."""
    settings = load_settings(write(tmp_path, '[lanes.out1]\ndirection = "exit"\n'))
    assert (settings.lane("lane1").direction, settings.lane("out1").direction) == (
        Direction.ENTRY,
        Direction.EXIT,
    )


def test_variable_lies_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable wins over the file."""
    monkeypatch.setenv("WAYSEAL_MATCH__FPIR", "0.001")
    assert load_settings(write(tmp_path, "[match]\nfpir = 0.01\n")).match.fpir == 0.001


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[retentoin]\nx = 1\n", "retentoin"),
        ("[match]\nfpir = 0\n", "match.fpir"),
        ("[match]\nfpir = 'much'\n", "match.fpir"),
        ("[retention.keep_hours]\ncitizen = -1\n", "retention.keep_hours.citizen"),
        ("[lanes.a]\ndirection = 'sideways'\n", "lanes.a.direction"),
        ("[retention.hard_end]\nevaluation = 2027-01-01T00:00:00\n", "retention.hard_end.evaluation"),
        ("match = [", "TOML"),
    ],
)
def test_wrong_value_is_named(tmp_path: Path, text: str, named: str) -> None:
    """A wrong key or value is an error that names it."""
    with pytest.raises(Invalid, match=named.replace(".", r"\.")):
        load_settings(write(tmp_path, text))


def test_no_home(tmp_path: Path) -> None:
    """Without a home the hint says how to make one."""
    with pytest.raises(NotFound) as error:
        load_settings(tmp_path)
    assert "init" in error.value.hint
