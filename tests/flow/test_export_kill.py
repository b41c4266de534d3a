"""A release that is killed at each of its boundaries: nothing is given out twice, and the ledger explains what happened."""

import subprocess
import sys
from pathlib import Path

import pytest
from exportparts import open_office
from lineparts import PASSPHRASE, Line

from wayseal.flow.handover import release_export
from wayseal.ledger.check import read_vkeys, verify_ledger
from wayseal.model.clock import utc_now
from wayseal.station.exports import open_disclosure
from wayseal.station.site import Site, init_site, open_site

CHILD = Path(__file__).with_name("exportchild.py")


@pytest.mark.parametrize(
    ("boundary", "when", "entered"),
    [
        pytest.param("wayseal.flow.handover:_open_items", "before", False, marks=pytest.mark.slow),
        ("wayseal.flow.handover:_open_items", "after", False),
        pytest.param("wayseal.flow.handover:write_file", "before", False, marks=pytest.mark.slow),
        ("wayseal.flow.handover:write_file", "after", False),
        pytest.param("ledger", "before", False, marks=pytest.mark.slow),
        ("ledger", "after", True),
        pytest.param("wayseal.store.exports:mark_released", "before", True, marks=pytest.mark.slow),
    ],
)
def test_killed_release(home: Path, tmp_path: Path, boundary: str, when: str, *, entered: bool) -> None:
    """After SIGKILL the next release gives out one bundle: the one on the ledger if it got that far, else a new one."""
    init_site(home, PASSPHRASE, evaluation=True)
    with open_site(home, PASSPHRASE) as site:
        office = open_office(Line(site, utc_now), tmp_path / "people")  # type: ignore[arg-type]  # a clock is a clock
        export = office.ask(office.records)
        office.approve(export, "kim", "lee")
    died = subprocess.run(
        [sys.executable, str(CHILD), str(home), export.id, boundary, when], capture_output=True, check=False
    )
    assert died.returncode == -9, died.stderr.decode()
    with open_site(home, PASSPHRASE) as site:
        assert len(site.ledger.find(type="export-release", object=export.id)) == int(entered)
        left = {file.name: file.read_bytes() for file in (home / "exports").glob("*.wsx")}
        data = release_in(site, export.id)
        (index,) = site.ledger.find(type="export-release", object=export.id)
        if entered:
            assert left == {f"{export.id}.wsx": data}
        _, items = office.boxes["county-court"].open_bundle(data)
        assert [item.record for item in items] == sorted(office.records)
        opened = site.ledger.find(type="open-intent", object=office.records[0])
        asked = [i for i in opened if site.ledger.entry(i)["purpose"] == "export"]
        assert asked
        assert max(asked) < index
        assert release_in(site, export.id) == data
        size = site.ledger.size
    folder = home / "ledger"
    assert verify_ledger(folder / "ledger.sqlite", read_vkeys(folder)).size == size


def release_in(site: Site, export_id: str) -> bytes:
    """Release in the reopened site."""
    requester = site.principal("privacy-1", "privacy_officer")
    return release_export(open_disclosure(site), requester, export_id).file.read_bytes()
