"""A home whose keyroom keeps its keys in a device: named in the configuration, used by everything above."""

import json
from pathlib import Path

from click.testing import CliRunner, Result
from sealdevices import run_tpm

from wayseal.cli.main import root
from wayseal.model.errors import Unavailable


def run(home: Path, phrase: Path, *arguments: str) -> Result:
    """Run one command on the home."""
    return CliRunner().invoke(
        root, ["--home", str(home), *arguments, "--passphrase-file", str(phrase), "--json"]
    )


def test_home_with_a_tpm(tmp_path: Path) -> None:
    """A home made for a TPM has its keyroom's keys there: listed, renewed, and useless without it."""
    (tmp_path / "phrase").write_text("a long enough phrase")
    with run_tpm(tmp_path / "tpm") as tcti:
        (tmp_path / "toml").write_text(f'[keyroom.keeper]\nkind = "tpm"\ntcti = "{tcti}"\n')
        made = run(tmp_path / "home", tmp_path / "phrase", "init", "--config", str(tmp_path / "toml"))
        assert made.exit_code == 0, made.output
        listed = json.loads(run(tmp_path / "home", tmp_path / "phrase", "keys", "list").stdout)
        assert listed["keeper"].startswith("TPM 2")
        renewed = run(tmp_path / "home", tmp_path / "phrase", "keys", "renew")
        assert json.loads(renewed.stdout)["epochs"] == len(listed["epochs"])
        kept = sorted(path.name for path in (tmp_path / "home/keyroom/keeper").iterdir())
        assert kept == [".lock", "CACHEDIR.TAG", "table"]
    assert isinstance(run(tmp_path / "home", tmp_path / "phrase", "keys", "list").exception, Unavailable)
