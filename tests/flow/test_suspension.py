"""A suspended organisation at a keyroom in a process of its own: refused at once, whoever forgets to say so."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from keyroomparts import NowClock, open_client, serve_keyroom
from lineparts import PASSPHRASE, Line, make_vehicle
from test_keyroom_process import list_faces

from wayseal.flow.policy import Principal
from wayseal.flow.release import UnwrapBatch
from wayseal.flow.spent import StaleProof
from wayseal.ledger.log import Ledger
from wayseal.model.border import Seat
from wayseal.model.custody import Kind, Purpose, SealedRecord
from wayseal.model.errors import Integrity, QuotaExceeded, Refused, WaysealError
from wayseal.model.ids import epoch_id, new_ulid
from wayseal.seal.keys import PassphraseCost
from wayseal.station.keyroom import STANDING
from wayseal.station.keyroom_server import open_server
from wayseal.station.settings import load_settings
from wayseal.station.site import Site, init_site, open_site

CLOCK = NowClock()
GUEST = Principal("guest-1", "officer", "maintainer", suspended=False)
SUSPENDED = {"type": "org-status", "object": "maintainer", "status": "suspended", "reason": "drill"}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site with one vehicle, whose keyroom serves."""
    monkeypatch.setattr(PassphraseCost.__init__, "__defaults__", (64, 1, 4))
    home = tmp_path / "home"
    init_site(home, PASSPHRASE, evaluation=True, clock=CLOCK)
    with serve_keyroom(home), open_site(home, PASSPHRASE, clock=CLOCK) as opened:
        lane = Line(opened, CLOCK).lane()
        lane.keep(make_vehicle(CLOCK, {Seat.DRIVER: 1}))
        lane.send_pending()
        yield opened


def reinstate(ledger: Ledger, **changes: object) -> None:
    """Write a reinstatement, whole unless told otherwise."""
    entry = {
        "type": "org-status", "object": "maintainer", "status": "reinstated", "assessment": new_ulid(CLOCK()),
        "approvers": ["ciso", "privacy-1"],
    } | changes  # fmt: skip
    ledger.append([{name: value for name, value in entry.items() if value is not None}])


def open_face(site: Site, face: SealedRecord, who: Principal = GUEST) -> int:
    """Let somebody open a face, and return how many pictures came out."""
    return len(site.opener.read_now(who, [face.header.object_id], Purpose.PRIMARY_INSPECTION))


def test_suspended_at_once(site: Site) -> None:
    """From the entry on nothing opens, re-wraps or draws for the organisation, though nobody told the keyroom; others work on."""
    (face,) = list_faces(site)
    assert open_face(site, face) == 1
    site.ledger.append([SUSPENDED])
    with pytest.raises(Refused, match="suspended") as refusal:
        open_face(site, face)
    assert refusal.value.facts["rule"] == "suspended-organisations-do-nothing"
    size = site.ledger.size
    with pytest.raises(Refused, match="suspended"):
        site.opener.keep(
            GUEST, face.header.object_id, epoch_id("non_citizen", CLOCK()), reason="decision.refer"
        )
    written = [site.ledger.entry(index) for index in range(size, site.ledger.size)]
    assert [entry["type"] for entry in written] == ["open-intent", "reclass", "open-done", "open-done"]
    assert [(entry["outcome"], entry["intent"]) for entry in written[2:]] == [
        ("refused", size), ("refused", size + 1),
    ]  # fmt: skip
    with pytest.raises(Refused, match="suspended"):
        site.opener.keys.draw(GUEST, [Kind.FACE])
    assert open_face(site, face, Principal("officer-7", "officer", "agency")) == 1


def test_old_proofs_die_with_the_news(site: Site) -> None:
    """A request that was proved before the suspension is refused once the keyroom has learned of it."""
    (face,) = list_faces(site)
    client = open_client(site)
    release = site.opener.request(GUEST, [face.header.object_id], Purpose.PRIMARY_INSPECTION)
    before = site.opener._prove([face], release)
    site.ledger.append([SUSPENDED])
    known = site.opener.teach()
    assert (known.read, known.pinned) == (site.ledger.size, False)
    with pytest.raises(StaleProof):
        client.unwrap(GUEST, before)
    again = site.opener._prove([face], release)
    with pytest.raises(Refused, match="suspended"):
        client.unwrap(GUEST, again)
    with pytest.raises(WaysealError):
        client.learn(UnwrapBatch(again.checkpoint.replace("\n", "\n\n", 1), again.since, (), ()))
    client.close()


def test_reinstated_only_as_it_must_be(site: Site) -> None:
    """Without an assessment, or with one approver, an organisation stays suspended; with both it works again."""
    (face,) = list_faces(site)
    reinstate(site.ledger)  # before the suspension: worth nothing afterwards
    site.ledger.append([SUSPENDED])
    for half in ({"assessment": None}, {"approvers": ["ciso"]}, {"approvers": None}, {"status": "active"}):
        reinstate(site.ledger, **half)
        with pytest.raises(Refused, match="suspended"):
            open_face(site, face)
    reinstate(site.ledger)
    assert open_face(site, face) == 1


def test_suspension_outlives_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed, and with its file of standings thrown away, the keyroom knows of the suspension when it is back."""
    monkeypatch.setattr(PassphraseCost.__init__, "__defaults__", (64, 1, 4))
    home = tmp_path / "home"
    init_site(home, PASSPHRASE, evaluation=True, clock=CLOCK)
    with serve_keyroom(home) as first, open_site(home, PASSPHRASE, clock=CLOCK) as site:
        lane = Line(site, CLOCK).lane()
        lane.keep(make_vehicle(CLOCK, {Seat.DRIVER: 1}))
        lane.send_pending()
        site.ledger.append([SUSPENDED])
        site.opener.teach()
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        (home / "keyroom" / STANDING).unlink()
        (face,) = list_faces(site)
        with serve_keyroom(home):
            client = open_client(site)
            with pytest.raises(Refused, match="suspended"):
                client.unwrap(GUEST, prove_as_guest(site, face))
            client.close()


def prove_as_guest(site: Site, face: SealedRecord) -> UnwrapBatch:
    """Return the guest's honest request."""
    release = site.opener.request(GUEST, [face.header.object_id], Purpose.PRIMARY_INSPECTION)
    return site.opener._prove([face], release)


def test_lane_of_suspended_equipment_is_not_armed(site: Site) -> None:
    """The keyroom lists no lane where a suspended organisation's equipment is registered, whatever the centre asks for."""
    camera = {
        "type": "register", "object": "cam-1", "register": "equipment", "action": "added", "lane": "lane1",
        "org": "maintainer",
    }  # fmt: skip
    devices = {"lane1": site._hosts[0].identity.public}

    def is_listed() -> bool:
        site.sign_checkpoint()
        site.keyroom.publish_roster(site.ledger, devices=devices)
        roster = site.keyroom.read_roster()
        return roster is not None and "lane1" in roster.devices

    assert is_listed()
    site.ledger.append([camera, SUSPENDED])
    assert not is_listed()
    reinstate(site.ledger)
    assert is_listed()


def test_rules_are_the_ledgers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A keyroom that is started with other rules than the ledger knows opens nothing; as soon as they are on the ledger, it does."""
    monkeypatch.setattr(PassphraseCost.__init__, "__defaults__", (64, 1, 4))
    home = tmp_path / "home"
    init_site(home, PASSPHRASE, evaluation=True, clock=CLOCK)
    with open_site(home, PASSPHRASE, clock=CLOCK) as site:
        lane = Line(site, CLOCK).lane()
        lane.keep(make_vehicle(CLOCK, {Seat.DRIVER: 1}))
        lane.send_pending()
        (face,) = list_faces(site)
        assert open_face(site, face, Principal("officer-7", "officer", "agency")) == 1
    rules = home / "policy" / "site.cedar"
    text = rules.read_text(encoding="utf-8")
    rules.write_text(text.replace("principal.suspended", "principal.suspended && false"), encoding="utf-8")
    with open_site(home, PASSPHRASE, clock=CLOCK) as site, pytest.raises(Refused, match="not the ones"):
        open_face(site, face, Principal("officer-7", "officer", "agency"))
    rules.write_text(text, encoding="utf-8")
    with open_site(home, PASSPHRASE, clock=CLOCK) as site:
        assert open_face(site, face, Principal("officer-7", "officer", "agency")) == 1


def test_settings_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A keyroom that works with other allowances than before says so on the ledger, once."""
    monkeypatch.setattr(PassphraseCost.__init__, "__defaults__", (64, 1, 4))
    home = tmp_path / "home"
    init_site(home, PASSPHRASE, evaluation=True, clock=CLOCK)
    for burst, entries in (("120", 1), ("9000", 2), ("9000", 2)):
        monkeypatch.setenv("WAYSEAL_KEYROOM__PICTURES_BURST", burst)
        with open_server(home, PASSPHRASE, load_settings(home), CLOCK) as server:
            assert len(server.desk.ledger.find(type="config", object="site-settings")) == entries


def test_in_process_keyroom_honours_its_trust_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a socket the same list counts: a role that it does not give the centre opens nothing, an altered list neither."""
    monkeypatch.setattr(PassphraseCost.__init__, "__defaults__", (64, 1, 4))
    home = tmp_path / "home"
    init_site(home, PASSPHRASE, evaluation=True, clock=CLOCK)
    with (
        open_site(home, PASSPHRASE, clock=CLOCK) as site,
        pytest.raises(Refused, match="may not speak for that role"),
    ):
        site.opener.keys.draw(Principal("x", "vendor", "agency"), [Kind.FACE])
    file = home / "keyroom" / "trust.json"
    file.write_bytes(file.read_bytes().replace(b'"matcher"', b'"vendor"'))
    with (
        open_site(home, PASSPHRASE, clock=CLOCK) as site,
        pytest.raises(Integrity, match="not the one on the ledger"),
    ):
        _ = site.opener


def test_invented_names_gain_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many staff ids and organisations somebody invents, a client draws no more than its shared allowance."""
    monkeypatch.setattr(PassphraseCost.__init__, "__defaults__", (64, 1, 4))
    monkeypatch.setenv("WAYSEAL_KEYROOM__PICTURES_BURST", "10")
    monkeypatch.setenv("WAYSEAL_KEYROOM__SHARED_FACTOR", "3")
    home = tmp_path / "home"
    init_site(home, PASSPHRASE, evaluation=True, clock=CLOCK)
    with open_site(home, PASSPHRASE, clock=CLOCK) as site:
        drawn = 0
        for number in range(20):
            who = Principal(f"officer-{number}", "officer", f"agency-{number % 7}")
            try:
                site.opener.keys.draw(who, [Kind.FACE] * 10)
            except QuotaExceeded:
                continue
            drawn += 10
        assert drawn == 30
