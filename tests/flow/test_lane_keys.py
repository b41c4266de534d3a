"""The machine that sees cannot read back: a thief with the lane's whole computer, and its passphrase, opens nothing."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from lineparts import PASSPHRASE, Line, MovableClock, make_vehicle

from wayseal.model.border import Seat
from wayseal.model.custody import Purpose
from wayseal.model.errors import Erased, NotArmed, SealBroken, WaysealError
from wayseal.seal.envelope import parse_record
from wayseal.seal.keys import EpochVault, FileKeeper
from wayseal.seal.open import unwrap_data_key
from wayseal.store.blobs import SegmentStore


def test_lane_computer_holds_no_opening_key(line: Line, clock: MovableClock, tmp_path: Path) -> None:
    """With the lane's folder and passphrase, its own sealed records stay shut: its keeper holds a signing key and no more."""
    lane = line.lane()
    sealed = lane.keep(make_vehicle(clock, {Seat.DRIVER: 1}))
    stolen = tmp_path / "stolen"
    shutil.copytree(line.site.home / "lanes" / "lane1", stolen)
    keeper = FileKeeper.open(stolen / "keys", PASSPHRASE)
    assert keeper.labels() == ("identity/lane1",)
    store = SegmentStore(stolen / "segments")
    found = [store.read(frame.position) for epoch in store.epochs() for frame in store.frames(epoch)]
    assert len(found) == len(sealed.records)
    vault = EpochVault(keeper, tmp_path / "epochs", clock)
    for data in found:
        record = parse_record(data)
        with pytest.raises(Erased):
            unwrap_data_key(record, vault, device_public=line.hosts["lane1"].identity.public)


def test_lane_cannot_make_the_centres_keys(line: Line, clock: MovableClock, tmp_path: Path) -> None:
    """An epoch pair that the thief makes under the lane's keeper does not open what was sealed to the site's pair."""
    lane = line.lane()
    record = lane.keep(make_vehicle(clock, {Seat.DRIVER: 1})).records[0]
    shutil.copytree(line.site.home / "lanes" / "lane1" / "keys", tmp_path / "keys")
    vault = EpochVault(FileKeeper.open(tmp_path / "keys", PASSPHRASE), tmp_path / "epochs", clock)
    vault.create_epoch(record.header.epoch)
    with pytest.raises(WaysealError):
        unwrap_data_key(record, vault, device_public=line.hosts["lane1"].identity.public)


def test_lane_process_never_loads_the_opening_room() -> None:
    """Importing all that a lane is made of loads no module that opens, erases, searches or exports."""
    code = (
        "import sys, wayseal.station.lane, wayseal.vision.capture\n"
        "bad = [m for m in sys.modules if m.startswith(('wayseal.seal.open', 'wayseal.seal.erase', 'wayseal.match.gallery',"
        " 'wayseal.match.search', 'wayseal.export'))]\n"
        "sys.exit(', '.join(bad) or 0)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stderr) == (0, "")


def test_refused_lane_is_not_armed(line: Line, clock: MovableClock) -> None:
    """A lane that is not fit gets no roster that lists it and delivers nothing; what it sealed before still opens; fit again, it works."""
    lane = line.lane()
    answered = line.drive(lane, make_vehicle(clock, {Seat.DRIVER: 1}))
    site, host = line.site, line.hosts["lane1"]
    devices = {"lane1": host.identity.public}
    roster = host.accept_roster(site.keyroom.publish_roster(site.ledger, devices=devices, refused=["lane1"]))
    assert "lane1" not in roster.devices
    assert host.identity.public in roster.devices.values()
    lane.keep(make_vehicle(clock, {Seat.DRIVER: 2}))
    with pytest.raises(SealBroken, match="another lane"):
        lane.send_pending()
    keys = site.roster_keys(host)
    keys._fetch = lambda: site.keyroom.publish_roster(site.ledger, devices=devices, refused=["lane1"])
    with pytest.raises(NotArmed, match="does not list"):
        keys.current()
    face = answered.occupants[0].record
    assert face is not None
    officer = site.principal("officer-7", "officer")
    assert len(site.opener.read_now(officer, [face], Purpose.PRIMARY_INSPECTION)) == 1
    assert site.roster_keys(host).current()
    assert len(lane.send_pending()) == 1
    roster = site.keyroom.read_roster()
    assert roster is not None
    assert list(roster.devices.values()).count(host.identity.public) == 1
