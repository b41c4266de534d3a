"""What a second person has signed is good for one opening: a ledger that holds the same intent twice, and a keyroom that dies."""

import hashlib
import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from keyroomparts import NowClock, serve_keyroom
from lineparts import PASSPHRASE, Line, make_vehicle

from wayseal.export.approval import Subject, encode_approval, sign_approval
from wayseal.flow.countersign import countersign_release, show_release
from wayseal.flow.grant import approval_entry
from wayseal.flow.partners import add_approver, enrol_own_key
from wayseal.flow.policy import Principal
from wayseal.model.border import Seat
from wayseal.model.custody import Purpose, Release
from wayseal.model.errors import NoIntent, Unapproved
from wayseal.model.ids import RecordId
from wayseal.seal.keys import PassphraseCost, SigningIdentity
from wayseal.station.exports import open_disclosure, open_partners
from wayseal.station.site import Site, init_site, open_site

OFFICER = Principal("officer-7", "officer", "agency")
BOSS = Principal("boss:1", "supervisor", "agency")
SIGNER = SigningIdentity(BOSS.id, hashlib.sha256(b"boss").digest())


@dataclass
class Vault:
    """A home with one face, where every opening needs a second person's signature."""

    home: Path
    face: RecordId


@pytest.fixture
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Vault:
    """The home; a picture was opened there within the hour, and one in an hour is the usual."""
    monkeypatch.setattr(PassphraseCost.__init__, "__defaults__", (64, 1, 4))
    monkeypatch.setenv("WAYSEAL_RELEASE__SIGNED_APPROVALS", "true")
    monkeypatch.setenv("WAYSEAL_RELEASE__BULK_PER_HOUR", "1")
    monkeypatch.setenv("WAYSEAL_RELEASE__SECONDS", "3600")
    home = tmp_path / "home"
    init_site(home, PASSPHRASE, evaluation=True, clock=NowClock())
    with open_site(home, PASSPHRASE, clock=NowClock()) as site:
        partners = open_partners(site, "privacy-1")
        add_approver(partners, BOSS.id, organisation=BOSS.organisation, role=BOSS.role)
        enrol_own_key(partners, BOSS.id, SIGNER.public)
        line = Line(site, NowClock())
        answered = line.drive(line.lane(), make_vehicle(line.clock, {Seat.DRIVER: 1}))
        face = answered.occupants[0].record
        assert face is not None
        site.opener.read_now(OFFICER, [face], Purpose.SECONDARY_INSPECTION)
    return Vault(home, face)


def ask(site: Site, face: RecordId) -> Release:
    """Return an officer's release, which needs a second person."""
    (release,) = site.opener.request(OFFICER, [face], Purpose.SECONDARY_INSPECTION)
    with pytest.raises(Unapproved):
        site.opener.open(OFFICER, [release])
    return release


def write_again(site: Site, release: Release) -> Release:
    """Put a release's intent on the ledger a second time, word for word, and return the twin that lies there."""
    (index,) = site.ledger.append([site.ledger.entry(release.ledger_index)])
    assert site.ledger.raw(index) == site.ledger.raw(release.ledger_index)
    return replace(release, ledger_index=index)


def countersign(site: Site, release: Release, twin: Release) -> None:
    """Let the second person sign once, and write down for the twin that they did."""
    desk = open_disclosure(site)
    ballot = show_release(desk, release)
    raw = encode_approval(
        sign_approval(
            release.id, BOSS.id, manifest=ballot.manifest, checkpoint=ballot.checkpoint, signer=SIGNER,
            about=Subject.RELEASE,
        )
    )  # fmt: skip
    countersign_release(desk, release, raw)
    said = approval_entry(BOSS, release.id, twin.ledger_index, site.clock())
    site.ledger.append([said | {"approval_sha256": hashlib.sha256(raw).hexdigest()}])


def test_one_signature_one_opening(vault: Vault) -> None:
    """Of two identical intents under one signature the keyroom opens one, whichever is first, also after it was killed and started again."""
    with serve_keyroom(vault.home) as keyroom, open_site(vault.home, PASSPHRASE, clock=NowClock()) as site:
        release = ask(site, vault.face)
        twin = write_again(site, release)
        countersign(site, release, twin)
        assert len(site.opener.open(OFFICER, [twin])) == 1
        with pytest.raises(NoIntent, match="used before"):
            site.opener.open(OFFICER, [release])
        os.kill(keyroom.pid, signal.SIGKILL)
        keyroom.wait()
    with serve_keyroom(vault.home), open_site(vault.home, PASSPHRASE, clock=NowClock()) as site:
        for one in (release, twin, write_again(site, release)):
            with pytest.raises(NoIntent, match="used before"):
                site.opener.open(OFFICER, [one])
        fresh = ask(site, vault.face)
        countersign(site, fresh, fresh)
        assert len(site.opener.open(OFFICER, [fresh])) == 1


def test_twins_in_one_request(vault: Vault) -> None:
    """Both twins in one request open neither and use neither up; one of them alone opens."""
    with open_site(vault.home, PASSPHRASE, clock=NowClock()) as site:
        release = ask(site, vault.face)
        twin = write_again(site, release)
        countersign(site, release, twin)
        with pytest.raises(NoIntent, match="used before"):
            site.opener.open(OFFICER, [release, twin])
        assert len(site.opener.open(OFFICER, [release])) == 1


def test_intent_names_its_release(vault: Vault) -> None:
    """An intent without a release, or for a purpose that there is not, opens nothing: it could be used as often as it is written."""
    with open_site(vault.home, PASSPHRASE, clock=NowClock()) as site:
        release = ask(site, vault.face)
        entry = site.ledger.entry(release.ledger_index)
        bare = {name: value for name, value in entry.items() if name != "release"}
        for bad in (bare, entry | {"purpose": "curiosity"}):
            (index,) = site.ledger.append([bad])
            with pytest.raises(NoIntent, match=r"no release|purpose that there is not"):
                site.opener.open(OFFICER, [replace(release, ledger_index=index)])
