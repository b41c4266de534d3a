"""`wayseal equipment survey`: what a host shows, as a file that the centre can take."""

import json
from pathlib import Path

import pytest
import rfc8785
from session import Session

from wayseal.assess.host.facts import decode_facts
from wayseal.flow.collect import declare_host
from wayseal.model.clock import utc_now


def test_survey_writes_facts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file holds every fact of this host, needs no passphrase to be made, and says how much was found."""
    out = tmp_path / "facts.json"
    answer = Session(tmp_path / "home", tmp_path / "none", capsys).call(
        "equipment", "survey", "--out", out, "--json"
    )
    assert answer.code == 0, answer.err
    facts = decode_facts(rfc8785.dumps(json.loads(out.read_bytes())))
    assert facts == declare_host(tmp_path / "home" / "lanes", utc_now)
    assert answer.json["disks"] == len(facts.disk_serials)
