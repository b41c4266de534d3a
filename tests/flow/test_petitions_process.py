"""Holds and petitions at a keyroom in a process of its own: what its door refuses, also when it has just been started anew."""

import os
import signal
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from keyroomparts import NowClock, serve_keyroom
from lineparts import PASSPHRASE, Line, make_vehicle
from signingparts import add_signer, hand_in
from test_keyroom_process import list_faces

from wayseal.export.approval import Subject
from wayseal.flow.hold import finish_hold, place_hold
from wayseal.flow.petition import SIGNED
from wayseal.ledger.history import CHECKPOINT_FILE
from wayseal.model.border import Seat
from wayseal.model.custody import Hold
from wayseal.model.errors import Invalid, Refused
from wayseal.model.ids import EpochId, RecordId
from wayseal.retention.schedule import hold_class
from wayseal.seal.keys import PassphraseCost
from wayseal.station.appointing import appoint_as_founder
from wayseal.station.exports import open_disclosure
from wayseal.station.petitions import finish_petition, lift
from wayseal.station.site import Site, init_site, open_site

CLOCK = NowClock()
BOTH = ("chief-1", "counsel-1")
SUSPENDED = {"type": "org-status", "object": "maintainer", "status": "suspended", "reason": "drill"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home where people's word counts with their signature only."""
    monkeypatch.setattr(PassphraseCost.__init__, "__defaults__", (64, 1, 4))
    monkeypatch.setenv("WAYSEAL_RELEASE__SIGNED_APPROVALS", "true")
    init_site(tmp_path / "home", PASSPHRASE, evaluation=True, clock=CLOCK)
    return tmp_path / "home"


@pytest.fixture
def site(home: Path) -> Iterator[Site]:
    """The site with one vehicle and two appointed people."""
    with serve_keyroom(home), open_site(home, PASSPHRASE, clock=CLOCK) as opened:
        _prepare(opened)
        yield opened


def _prepare(site: Site) -> None:
    """Let a vehicle pass, and appoint two people."""
    lane = Line(site, CLOCK).lane()
    lane.keep(make_vehicle(CLOCK, {Seat.DRIVER: 1}))
    lane.send_pending()
    for name, role in zip(BOTH, ("supervisor", "privacy_officer"), strict=True):
        add_signer(site, name, role)
        appoint_as_founder(site, PASSPHRASE, name)


def hold_face(site: Site) -> Hold:
    """Hold the driver's face: placed, signed by both, kept."""

    def keep(record: RecordId, epoch: EpochId, code: str) -> object:
        return site.opener.keep(site.principal("privacy-1", "privacy_officer"), record, epoch, reason=code)

    (face,) = list_faces(site)
    placed = place_hold(
        site.eraser, [face.header.object_id], reason="court-order-7", approvers=BOTH,
        until=site.clock() + timedelta(days=30), keep=keep, finish=False,
    )  # fmt: skip
    for name in BOTH:
        hand_in(site, name, Subject.HOLD, placed.id)
    assert finish_hold(site.eraser, placed.id, keep=keep) == 1
    return placed


def find_epoch(site: Site, hold: Hold) -> EpochId:
    """Return the epoch of a hold's key."""
    return next(
        key.epoch for key in site.keyroom.vault.epoch_keys() if key.record_class == hold_class(hold.id)
    )


def hide_checkpoints(folder: Path) -> None:
    """Take every signed checkpoint out of the ledger's folder, as whoever has the centre can."""
    (folder / CHECKPOINT_FILE).unlink()
    with sqlite3.connect(folder / "ledger.sqlite") as database:
        database.execute("DELETE FROM checkpoints")
    database.close()


def test_destroy_at_the_door(site: Site, home: Path) -> None:
    """With an erasure on the ledger and names for a lift the keyroom keeps a held epoch's key; when both have signed the lift it dies."""
    hold = hold_face(site)
    epoch = find_epoch(site, hold)
    names = {"type": "lift", "object": hold.id, "reason": "over", "approvers": ["a", "b"]}
    site.ledger.append([names, {"type": "erase", "object": epoch, "count": 1}])
    site.opener.teach()
    with pytest.raises(Refused, match="a hold keeps this epoch"):
        site.keyroom.vault.destroy(epoch)
    petition = lift(site, hold.id, reason="case-closed", approvers=BOTH, actor="chief-1")["lift"]
    for name in BOTH:
        hand_in(site, name, Subject.LIFT, petition)
    done = finish_petition(site, open_disclosure(site), Subject.LIFT, petition)
    assert done["epochs_destroyed"] == [epoch]
    assert not site.keyroom.vault.has(epoch)
    assert home.is_dir()


@pytest.mark.parametrize("hidden", [False, True])
def test_started_anew(home: Path, *, hidden: bool) -> None:
    """A keyroom that was killed knows of the hold and of a suspension at its first request, also when no checkpoint is left to read by."""
    camera = {
        "type": "register", "object": "cam-1", "register": "equipment", "action": "added", "lane": "lane1",
        "org": "maintainer",
    }  # fmt: skip
    with serve_keyroom(home) as first, open_site(home, PASSPHRASE, clock=CLOCK) as site:
        _prepare(site)
        hold = hold_face(site)
        epoch = find_epoch(site, hold)
        site.ledger.append([camera, SUSPENDED, {"type": "erase", "object": epoch, "count": 1}])
        site.opener.teach()
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        devices = {"lane1": site._hosts[0].identity.public}
    if hidden:
        hide_checkpoints(home / "ledger")
    with serve_keyroom(home), open_site(home, PASSPHRASE, clock=CLOCK) as site:
        site.keyroom.publish_roster(site.ledger, devices=devices)
        roster = site.keyroom.read_roster()
        assert roster is not None
        assert "lane1" not in roster.devices
        with pytest.raises(Refused, match="a hold keeps this epoch"):
            site.keyroom.vault.destroy(epoch)


def test_petition_at_the_door(site: Site) -> None:
    """The door takes a petition's number and what it is about, and nothing else; one that does not wait is refused."""
    assert site.ledger.find(type="config", object=SIGNED)
    for about in ("lift", "reinstatement"):
        with pytest.raises(Refused, match="no such petition waits"):
            site.opener.keys.settle(about, "0" * 26, site.opener._prove([], []))
    for about, petition in (("hold", "0" * 26), ("lift", "../../etc")):
        with pytest.raises(Invalid):
            site.opener.keys.settle(about, petition, site.opener._prove([], []))
