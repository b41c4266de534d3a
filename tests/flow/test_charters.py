"""Whom stations believe: the embedded charter, a ceremony of 3 of 5 with SLIP-39, a new roster key, and what is refused."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from carrierparts import enrol_travellers, make_car, serve_centre
from keyroomparts import write_secret
from lineparts import PASSPHRASE, Line, MovableClock, make_vehicle
from session import Session

from wayseal.flow.standing import Standings, decode_standings, encode_standings
from wayseal.model.border import Seat
from wayseal.model.errors import Integrity, NotArmed, Refused, Unavailable
from wayseal.seal.keys import Charter, SigningIdentity
from wayseal.seal.keys.ceremony import (
    add_signature,
    draft_charter,
    finish_charter,
    join_official,
    look_at,
    make_official,
    make_shared_official,
    open_official,
)
from wayseal.station.charter_change import open_change
from wayseal.station.site import Site, open_site

NAMES = ("privacy", "security", "operations", "inspector", "counsel")


@dataclass
class Officials:
    """Five officials: four with a drive of their own, the fifth as SLIP-39 word lists, any three of five."""

    folder: Path
    shares: tuple[str, ...]
    publics: dict[str, bytes]

    def key(self, name: str) -> SigningIdentity:
        """Return an official's key, from the drive or from three of the five lists."""
        if name == "counsel":
            return join_official(name, self.shares[1:4])
        return open_official(name, self.folder / name, PASSPHRASE)

    def sign(self, draft: bytes, names: Sequence[str]) -> list[bytes]:
        """Return the draft as each of them signed it apart."""
        return [add_signature(draft, self.key(name)) for name in names]


@pytest.fixture
def officials(tmp_path: Path) -> Officials:
    """Five officials, made where each of them is."""
    publics = {name: make_official(name, tmp_path / name, PASSPHRASE).public for name in NAMES[:4]}
    publics["counsel"], shares = make_shared_official("counsel", needed=3, total=5)
    return Officials(tmp_path, shares, publics)


def draft_next(home: Path, officials: Officials, clock: MovableClock) -> bytes:
    """Return a draft that hands the site from its founder to 3 of 5 officials and exchanges the keyroom's roster key."""
    with open_change_of(home, clock) as room:
        return draft_charter(
            "port", officials=officials.publics, needed=3, roster_signers={"keyroom": room.next_official().public},
            issued_at=clock(), days=365, after=room.book.current(),
        )  # fmt: skip


def open_change_of(home: Path, clock: MovableClock):  # type: ignore[no-untyped-def]  # noqa: ANN201
    """Return a home's stopped keyroom."""
    from wayseal.station.settings import load_settings

    return open_change(home, PASSPHRASE, load_settings(home), clock)


def finish(
    home: Path, officials: Officials, draft: bytes, names: Sequence[str], clock: MovableClock
) -> bytes:
    """Return the charter that the founder and these officials signed."""
    with open_change_of(home, clock) as room:
        founder = room.sign_as_founder(draft)
        return finish_charter([founder, *officials.sign(draft, names)], after=room.book.current())


def install(home: Path, data: bytes, clock: MovableClock) -> Charter:
    """Put a charter into force."""
    with open_change_of(home, clock) as room:
        return room.install(data)


@pytest.fixture
def made(site: Site, home: Path) -> Path:
    """A home whose site was closed."""
    site.close()
    return home


def test_embedded_charter(line: Line, clock: MovableClock) -> None:
    """A new home has a charter of one official on its ledger, its lanes follow it, and it names the keyroom's key."""
    charter = line.site.charters.current()
    assert (charter.version, charter.needed, len(charter.officials)) == (1, 1, 1)
    assert line.site.keyroom.official.public in charter.roster_signers.values()
    line.drive(line.lane(), make_vehicle(clock, {Seat.DRIVER: 1}))
    assert line.hosts["lane1"].charter == charter


def test_ceremony_without_stopping_a_lane(
    site: Site, home: Path, officials: Officials, clock: MovableClock
) -> None:
    """Founder and 3 of 5 exchange officials and roster key; a lane that ran all the time goes on and hears of it by itself."""
    enrol_travellers(site)
    with serve_centre(site) as centre:
        lane = centre.add_lane(home.parent / "lane")
        centre.drive(lane, make_car(clock, 1))
        address, before = centre.address, lane.host.known_roster()
    site.close()
    data = finish(
        home, officials, draft_next(home, officials, clock), ("privacy", "counsel", "operations"), clock
    )
    assert install(home, data, clock).needed == 3
    held = centre.drive(lane, make_car(clock, 2), drain_s=0.1)  # the centre is away; sealing goes on
    assert (held.vehicles, held.delivered) == (1, 0)
    with open_site(home, PASSPHRASE, clock=clock) as again, serve_centre(again, address) as back:
        assert back.drive(lane, make_car(clock, 1)).waiting == 0
        official = again.keyroom.official.public
        after = lane.host.known_roster()
        assert before is not None
        assert after is not None
        assert after.version > before.version
        assert (lane.host.charter.version, lane.host.charter.roster_signers) == (2, {"keyroom": official})
        assert set(before.epoch_keys) <= set(after.epoch_keys)
    lane.close()


def test_too_few_officials(made: Path, officials: Officials, clock: MovableClock) -> None:
    """Two of five put nothing into force, nor three without the founder; the old charter and key stay."""
    draft = draft_next(made, officials, clock)
    with open_change_of(made, clock) as room:
        old, key = room.book.current(), room.keyroom.official.public
        founder = room.sign_as_founder(draft)
    for signed in ([founder, *officials.sign(draft, NAMES[:2])], officials.sign(draft, NAMES)):
        with pytest.raises(Integrity):
            finish_charter(signed, after=old)
        from wayseal.seal.keys.quorum import merge_signatures

        with pytest.raises(Integrity):
            install(made, merge_signatures(signed), clock)
    with open_change_of(made, clock) as room:
        assert (room.book.current(), room.keyroom.official.public) == (old, key)


def test_charter_of_another_keyroom(made: Path, officials: Officials, clock: MovableClock) -> None:
    """A charter that names no key of this keyroom is refused before anything changes."""
    with open_change_of(made, clock) as room:
        draft = draft_charter(
            "port", officials=officials.publics, needed=3, roster_signers={"keyroom": bytes(31) + b"\x01"},
            issued_at=clock(), days=365, after=room.book.current(),
        )  # fmt: skip
    data = finish(made, officials, draft, NAMES[:3], clock)
    with pytest.raises(Refused, match="no roster key of this keyroom"):
        install(made, data, clock)
    with open_site(made, PASSPHRASE, clock=clock) as site:
        assert site.charters.current().version == 1


def test_centre_refuses_a_keyroom_without_a_charter(made: Path, clock: MovableClock) -> None:
    """A keyroom that took another roster key into use by itself is not believed by the centre, so no lane hears of it."""
    (made / "keyroom" / "roster-key").write_text("roster-2")
    with open_site(made, PASSPHRASE, clock=clock) as site, pytest.raises(Integrity, match="does not name"):
        site.keyroom  # noqa: B018


def test_charter_rolled_back_at_the_centre(made: Path, officials: Officials, clock: MovableClock) -> None:
    """Putting an older charter back contradicts the ledger; installing the newer one again mends it."""
    data = finish(made, officials, draft_next(made, officials, clock), NAMES[:3], clock)
    install(made, data, clock)
    (made / "centre" / "charters" / "2.charter").unlink()
    with (
        open_site(made, PASSPHRASE, clock=clock) as site,
        pytest.raises(Integrity, match="ledger names last"),
    ):
        site.keyroom  # noqa: B018
    assert install(made, data, clock).version == 2
    with open_site(made, PASSPHRASE, clock=clock) as site:
        assert site.keyroom.official.public in site.charters.current().roster_signers.values()


def test_charter_named_again_at_the_centre(made: Path, officials: Officials, clock: MovableClock) -> None:
    """Whoever writes entries and takes files away puts no superseded officials back: neither centre nor gate believes it."""
    with open_site(made, PASSPHRASE, clock=clock) as site:
        first = site.charters.current()
    second = install(
        made, finish(made, officials, draft_next(made, officials, clock), NAMES[:3], clock), clock
    )
    (made / "centre" / "charters" / "2.charter").unlink()
    with open_site(made, PASSPHRASE, clock=clock) as site:
        site.ledger.append([{"type": "config", "object": "charter", "config_sha256": first.fingerprint}])
        with pytest.raises(Integrity, match="ledger names last"):
            site.charters.current()
        known = Standings()
        for index in site.ledger.find(type="config"):
            known.apply(index, site.ledger.entry(index))
    assert (known.founding, known.rules["charter"]) == (first.fingerprint, second.fingerprint)
    assert decode_standings(encode_standings(known)) == known


def test_lane_refuses_old_and_stale(
    line: Line, officials: Officials, clock: MovableClock, home: Path
) -> None:
    """A lane goes back to no charter, believes no roster of a key that its charter does not name, and none out of its time."""
    line.lane()
    host, book = line.hosts["lane1"], line.site.charters
    old_roster, first = line.site.keyroom.roster_bytes(), book.chain()[0]
    assert old_roster is not None
    line.site.close()
    data = finish(home, officials, draft_next(home, officials, clock), NAMES[2:], clock)
    install(home, data, clock)
    with open_site(home, PASSPHRASE, clock=clock) as site:
        device = {"lane1": host.identity.public}
        fresh = site.keyroom.publish_roster(site.ledger, devices=device)
        with pytest.raises(Integrity):
            host.accept_roster(fresh)  # its charter is stale: it does not know the new key yet
        assert host.accept_charters(site.charters.after(1)).version == 2
        host.accept_roster(fresh)
    with pytest.raises(Integrity):
        host.accept_charters([first])
    with pytest.raises(Integrity):
        host.accept_roster(old_roster)
    assert host.charter.version == 2
    clock.move(timedelta(days=400))
    with pytest.raises(NotArmed, match="charter is not valid"):
        host.accept_roster(fresh)


def test_lane_keeps_its_charter_over_a_restart(
    line: Line, officials: Officials, clock: MovableClock, home: Path
) -> None:
    """A lane that knows the second charter does not fall back to the first when its centre offers only that; a forged one on its disk is refused."""
    from wayseal.station.lane import LaneHost, LaneTrust

    line.lane()
    host, book = line.hosts["lane1"], line.site.charters
    trust = LaneTrust(book.chain(), book.first_fingerprint, line.site.keys.identity.public)
    line.site.close()
    data = finish(home, officials, draft_next(home, officials, clock), NAMES[:3], clock)
    host.accept_charters([data])
    folder = home / "lanes" / "lane1"
    again = LaneHost.open("lane1", folder, PASSPHRASE, trust, clock)
    assert again.charter.version == 2
    again.close()
    forged = draft_charter(
        "port", officials=officials.publics, needed=1, roster_signers=look_at(data).roster_signers, issued_at=clock(),
        days=9, after=look_at(data),
    )  # fmt: skip
    (folder / "3.charter").write_bytes(add_signature(forged, officials.key("privacy")))
    with pytest.raises(Integrity):
        LaneHost.open("lane1", folder, PASSPHRASE, trust, clock)


def test_change_needs_a_stopped_keyroom(site: Site, home: Path, clock: MovableClock) -> None:
    """While anybody has the keyroom open, nothing is changed."""
    site.keyroom  # noqa: B018
    with pytest.raises(Unavailable), open_change_of(home, clock):
        pytest.fail("it was opened")


def test_crash_between_charter_and_key(
    made: Path, officials: Officials, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash after the charter and before the key leaves a home that says so; the same command again finishes it."""
    from wayseal.station import charter_change

    data = finish(made, officials, draft_next(made, officials, clock), NAMES[:3], clock)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(charter_change, "switch_official", die)
        with pytest.raises(KeyboardInterrupt):
            install(made, data, clock)
    with open_site(made, PASSPHRASE, clock=clock) as site, pytest.raises(Integrity, match="does not name"):
        site.keyroom  # noqa: B018
    install(made, data, clock)
    with open_site(made, PASSPHRASE, clock=clock) as site:
        assert site.keyroom.official.name == "roster-2"


def test_commands(made: Path, officials: Officials, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole ceremony by commands: draft with the next key, founder and three officials sign apart, finish, install."""
    site, work = Session(made, write_secret(made), capsys), made.parent
    for number, share in enumerate(officials.shares):
        (work / f"share{number}").write_text(share)
    assert site.call("ceremony", "current", "--out", work / "now", "--json").json["version"] == 1
    pairs = [
        part
        for name, public in officials.publics.items()
        for part in ("--official", f"{name}={public.hex()}")
    ]
    drafted = site.call(
        "ceremony", "draft", "--site", "port", "--needed", 3, "--next-key", "--after", work / "now",
        "--out", work / "draft", "--json", *pairs,
    )  # fmt: skip
    assert drafted.json["version"] == 2
    sign = ("ceremony", "sign", work / "draft", "--yes", "--out")
    assert site.call(*sign, work / "s0", "--this-site").code == 0
    assert site.call(*sign, work / "s1", "--name", "privacy", "--folder", work / "privacy").code == 0
    assert site.call(*sign, work / "s2", "--name", "security", "--folder", work / "security").code == 0
    finish_all = ("ceremony", "finish", "--after", work / "now", "--out", work / "charter")
    assert site.call(*finish_all, work / "s0", work / "s1", work / "s2").code == 4
    words = [part for number in (0, 2, 4) for part in ("--share-file", work / f"share{number}")]
    assert site.call(*sign, work / "s3", "--name", "counsel", *words).code == 0
    assert site.call(*finish_all, *(work / f"s{number}" for number in range(4))).code == 0
    assert site.call("ceremony", "install", work / "charter").code == 2
    assert site.call("ceremony", "install", work / "draft", "--yes").code == 4
    assert site.call("ceremony", "install", work / "charter", "--yes", "--json").json["needed"] == 3
    assert site.call("ceremony", "current", "--json").json["version"] == 2
