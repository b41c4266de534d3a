"""Lane and centre over mutual TLS: what goes through, what is refused and why, and what a lane never learns."""

import dataclasses
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from carrierparts import Centre, enrol_travellers, make_car, serve_centre
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lineparts import PASSPHRASE, MovableClock
from overseeparts import add_subcontractor, assess, enrol_host, give_duties

from wayseal.model.border import Direction
from wayseal.model.custody import Receipt, SealedRecord
from wayseal.model.errors import (
    Integrity,
    Invalid,
    NotArmed,
    Refused,
    SealBroken,
    Unavailable,
    WaysealError,
)
from wayseal.model.ids import EncounterId, epoch_id, new_ulid
from wayseal.seal.envelope import parse_record
from wayseal.seal.keys.roster import peek_version
from wayseal.seal.suite import sha256
from wayseal.station import carrier_link, centre_server
from wayseal.station.carrier_ca import SiteAuthority, from_pem, read_badge
from wayseal.station.carrier_link import CarrierLink, Ends, parse_address
from wayseal.station.carrier_wire import (
    BODY_LIMITS,
    Delivery,
    JoinRequest,
    decode_delivery,
    decode_join,
    decode_receipts,
    decode_roster_answer,
    encode_delivery,
    join_message,
)
from wayseal.station.centre_run import invite_lane, open_authority, open_register
from wayseal.station.join_file import decode_join_file
from wayseal.station.lane_home import LaneHome, join_lane, open_lane_home, read_lane_facts
from wayseal.station.remote_lane import vehicle_line
from wayseal.station.site import Site


def wait_answers(centre: Centre, count: int) -> None:
    """Wait until the centre has answered so many vehicles."""
    pause, end = threading.Event(), time.monotonic() + 120
    while time.monotonic() < end:
        if len(centre.answered) >= count:
            return
        pause.wait(0.05)
    pytest.fail(f"{len(centre.answered)} of {count} answered; {centre.warnings}")


def link_as(
    lane: LaneHome, centre: Centre, *, key: Ed25519PrivateKey, certificate: x509.Certificate
) -> CarrierLink:
    """Return a line that shows another certificate."""
    facts = lane.facts
    host, port = parse_address(centre.address)
    return CarrierLink(Ends(host, port, facts.site, from_pem(facts.authority), certificate, key), lane.clock)


def waiting_delivery(lane: LaneHome) -> Delivery:
    """Return the delivery that waits first in a lane's outbox."""
    queued = lane.host.outbox.pending()
    records = tuple(parse_record(lane.host.outbox.read(one.object_id)) for one in queued)
    encounter = queued[0].encounter
    assert encounter is not None
    return Delivery(encounter, lane.facts.direction, records)


def seal_one(centre: Centre, lane: LaneHome) -> Delivery:
    """Let a vehicle pass while nothing is sent, and return what waits."""
    original, lane.link.deliver = lane.link.deliver, _silence  # type: ignore[method-assign]
    try:
        centre.drive(lane, make_car(lane.clock, 1), drain_s=0.0)
    finally:
        lane.link.deliver = original  # type: ignore[method-assign]
    return waiting_delivery(lane)


def _silence(*_: object) -> tuple[()]:
    raise Unavailable("the test holds the line")


def test_whole_way(centre: Centre, lane: LaneHome, clock: MovableClock) -> None:
    """Vehicles sealed at the lane are receipted, answered at the centre and gone from the outbox; the group is hybrid."""
    summary = centre.drive(lane, make_car(clock, 1, 50), make_car(clock, 2))
    assert (summary.vehicles, summary.delivered, summary.waiting, summary.problem) == (2, 2, 0, None)
    wait_answers(centre, 2)
    best = [person.candidates[0] for one in centre.answered for person in one.occupants if person.candidates]
    assert [one.traveller for one in best if one.score > 0.9] == ["traveller-1", "traveller-2"]
    seen = lane.link.negotiated
    assert seen is not None
    assert (seen.protocol, seen.group) == ("TLSv1.3", "X25519MLKEM768")
    assert centre.server.negotiated == seen


def test_lane_learns_nobody(centre: Centre, lane: LaneHome, clock: MovableClock, tmp_path: Path) -> None:
    """No answer to a lane, no line that it prints and no byte of its home names a traveller, an outcome or a plate."""
    heard: list[bytes] = []
    ask = lane.link._ask_once

    def listen(*args: object) -> bytes:
        heard.append(ask(*args))  # type: ignore[arg-type]
        return heard[-1]

    lane.link._ask_once = listen  # type: ignore[method-assign]
    lines: list[object] = []
    from carrierparts import Parade, make_frames

    from wayseal.station.remote_lane import RemoteLane

    RemoteLane(lane, lane.link, Parade(iter([make_car(clock, 1)])), lines.append).run(
        make_frames(1), drain_s=20
    )
    wait_answers(centre, 1)
    assert centre.answered[0].occupants[0].candidates[0].traveller == "traveller-1"
    files = b"".join(path.read_bytes() for path in (tmp_path / "lane").rglob("*") if path.is_file())
    for needle in (b"traveller", b"6NM162", b'"match"'):
        assert needle not in b"".join(heard) + files + repr(lines).encode()


def test_output_that_is_gone(lane: LaneHome) -> None:
    """A lane whose output breaks stops with that error, more vehicles than may wait behind it; what is sealed is kept."""
    from carrierparts import Parade, make_frames

    from wayseal.station.remote_lane import RemoteLane

    def tell(_: object) -> None:
        raise BrokenPipeError

    lane.link.deliver = _silence  # type: ignore[method-assign]
    running = RemoteLane(lane, lane.link, Parade(make_car(lane.clock, 1) for _ in range(40)), tell)
    with pytest.raises(BrokenPipeError):
        running.run(make_frames(40), drain_s=0.0)
    assert running.summary.vehicles == 1
    assert lane.host.outbox.pending()


def test_line_of_a_lane_has_the_contract_fields(clock: MovableClock) -> None:
    """A lane's line has every field that the line of one host has, and says nothing of who it was."""
    from wayseal.flow.encounter import SealedPass

    line = vehicle_line(
        make_car(clock, 1), SealedPass(EncounterId(new_ulid(clock())), ()), "lane1", Direction.ENTRY
    )
    assert {"encounter", "lane", "direction", "time", "speed_mph", "plate", "occupants_seen", "occupants", "gallery",
            "gallery_size", "threshold", "fpir_target", "model_sha256", "seconds"} <= set(line)  # fmt: skip
    (person,) = line["occupants"]
    assert (line["plate"], person["outcome"], person["candidates"]) == (None, None, [])


def test_no_opening_key_at_the_lane(lane: LaneHome, home: Path) -> None:
    """A lane's home holds no key of the centre or keyroom, its own are wrapped, and only its owner can read them."""
    secrets = {path.read_bytes() for path in (home / "keyroom").rglob("*.kek")}
    secrets |= {path.read_bytes() for path in home.rglob("*.secret")}
    files = [path for path in lane.home.rglob("*") if path.is_file()]
    assert not secrets & {path.read_bytes() for path in files}
    keys = [path for path in files if path.suffix in {".kek", ".secret", ".pem", ".json"}]
    assert keys
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys} == {0o600}


def test_lane_process_never_loads_an_opening_room() -> None:
    """The modules of a lane on its own host bring neither the opening room nor the keyroom, the gallery or the site."""
    code = (
        "import sys, wayseal.cli.remote, wayseal.station.remote_lane, wayseal.station.lane_home, wayseal.station.optics;"
        "bad = {'wayseal.seal.open', 'wayseal.seal.erase', 'wayseal.match.gallery', 'wayseal.match.search',"
        "'wayseal.station.keyroom', 'wayseal.station.site', 'wayseal.flow.release'} & set(sys.modules);"
        "sys.exit(str(bad) if bad else 0)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stderr) == (0, "")


def test_replay_changes_nothing(centre: Centre, lane: LaneHome) -> None:
    """The same delivery again, whole or in part, brings the same receipts and not one entry."""
    delivery = seal_one(centre, lane)
    first = lane.link.deliver(delivery.encounter, delivery.records, delivery.direction)
    size = len(centre.captures())
    assert size == len(delivery.records)
    assert lane.link.deliver(delivery.encounter, delivery.records, delivery.direction) == first
    assert lane.link.deliver(delivery.encounter, delivery.records[:1], delivery.direction) == first[:1]
    assert len(centre.captures()) == size


def test_other_bytes_under_a_known_id(centre: Centre, lane: LaneHome) -> None:
    """A record that was altered on its way is refused, and the lane keeps the true one."""
    delivery = seal_one(centre, lane)
    record = delivery.records[0]
    altered = bytearray(record.data)
    altered[-1] ^= 1
    forged = dataclasses.replace(record, data=bytes(altered))
    with pytest.raises(SealBroken):
        lane.link.deliver(delivery.encounter, [forged, *delivery.records[1:]], delivery.direction)
    assert centre.captures() == []
    assert lane.host.outbox.counts()["released"] == 0


def test_lane_posing_as_another(centre: Centre, lane: LaneHome, tmp_path: Path) -> None:
    """An enrolled lane can neither deliver another lane's records nor write into another lane's encounter."""
    delivery = seal_one(centre, lane)
    with centre.add_lane(tmp_path / "other", "lane2") as other:
        with pytest.raises(SealBroken, match="another lane"):
            other.link.deliver(delivery.encounter, delivery.records, delivery.direction)
        own = seal_one(centre, other)
        lane.link.deliver(delivery.encounter, delivery.records, delivery.direction)
        with pytest.raises(Refused, match="another lane's"):
            other.link.deliver(delivery.encounter, own.records, own.direction)


def test_lane_cannot_turn_round(centre: Centre, lane: LaneHome) -> None:
    """A lane that was enrolled for entry delivers no exit."""
    delivery = seal_one(centre, lane)
    with pytest.raises(Invalid, match="other direction"):
        lane.link.deliver(delivery.encounter, delivery.records, Direction.EXIT)
    assert centre.captures() == []


def test_foreign_certificate(centre: Centre, lane: LaneHome, clock: MovableClock, tmp_path: Path) -> None:
    """A certificate of another authority with the very same name is not accepted, and the lane is told so."""
    from wayseal.seal.keys import FileKeeper

    keeper = FileKeeper.create(tmp_path / "keeper", PASSPHRASE)
    stranger = SiteAuthority.open(keeper, tmp_path / "ca", lane.facts.site, clock)
    key = Ed25519PrivateKey.generate()
    device = sha256(lane.host.identity.public).hex()
    certificate = stranger.issue("lane", "lane1", key.public_key(), device)
    with (
        closing(link_as(lane, centre, key=key, certificate=certificate)) as link,
        pytest.raises(Refused, match="does not accept") as told,
    ):
        link.read_health()
    assert told.value.facts["code"] == "certificate-unknown"


def test_right_authority_wrong_key(centre: Centre, lane: LaneHome) -> None:
    """A certificate of the site's authority for other keys than the enrolled ones opens nothing."""
    key = Ed25519PrivateKey.generate()
    device = sha256(lane.host.identity.public).hex()
    certificate = open_authority(centre.site).issue("lane", "lane1", key.public_key(), device)
    with (
        closing(link_as(lane, centre, key=key, certificate=certificate)) as link,
        pytest.raises(Refused, match="another computer") as told,
    ):
        link.read_health()
    assert told.value.facts["code"] == "lane-replaced"


@pytest.mark.parametrize("connected", [False, True])
@pytest.mark.usefixtures("centre")
def test_expired_certificate(lane: LaneHome, clock: MovableClock, *, connected: bool) -> None:
    """A certificate that has expired is refused, also on a connection that was made before; the lane is told why."""
    if connected:
        lane.link.read_health()
    clock.move(timedelta(days=31))
    with pytest.raises(Refused) as told:
        lane.link.read_health()
    assert told.value.facts["code"] == "certificate-expired"


@pytest.mark.usefixtures("centre")
def test_certificate_is_renewed_in_time(lane: LaneHome, clock: MovableClock) -> None:
    """With less than a third of its time left a lane fetches a fresh certificate for the same keys, and goes on."""
    before = lane.certificate
    assert lane.renew_certificate(lane.link) == before.not_valid_after_utc
    clock.move(timedelta(days=25))
    assert lane.renew_certificate(lane.link) > before.not_valid_after_utc
    fresh = lane.certificate
    assert (fresh.public_key(), read_badge(fresh, site=lane.facts.site)) == (
        before.public_key(), read_badge(before, site=lane.facts.site),
    )  # fmt: skip
    clock.move(timedelta(days=20))
    assert lane.link.read_health()["lanes"] == 1


def test_somebody_in_the_centres_place(centre: Centre, lane: LaneHome, clock: MovableClock) -> None:
    """A lane sends nothing to another lane that answers at the centre's address, nor to a stranger's server."""
    from wayseal.station.centre_server import CentreServer, TlsFace

    desk = centre.desk
    key = Ed25519PrivateKey.generate()
    face = TlsFace(open_authority(centre.site), key, "0" * 64, clock)
    face._certificate = desk.authority.issue("lane", "lane1", key.public_key(), "0" * 64)
    with CentreServer(("127.0.0.1", 0), desk, face, lane.facts.site, lambda _: None) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        link = lane.open_link(f"127.0.0.1:{server.server_address[1]}")
        with pytest.raises(Refused) as told:
            link.read_health()
        server.shutdown()
        thread.join()
    assert told.value.facts["code"] == "not-the-centre"
    assert desk.counts.refused == 0


def test_revoked_lane(centre: Centre, lane: LaneHome, clock: MovableClock) -> None:
    """A revoked lane is refused with the next request; what it sealed stays, and a new join file lets the computer in again."""
    delivery = seal_one(centre, lane)
    open_register(centre.site).revoke("lane1")
    for act in (
        lambda: lane.link.deliver(delivery.encounter, delivery.records, delivery.direction),
        lambda: lane.link.fetch_roster(0),
        lane.link.renew,
    ):
        with pytest.raises(Refused) as told:
            act()
        assert told.value.facts["code"] == "lane-revoked"
    with pytest.raises(NotArmed, match="lane-revoked"):
        centre.drive(lane, make_car(clock, 1), drain_s=0.5)
    assert len(lane.host.outbox.pending()) == len(delivery.records)
    join_lane(
        lane.home,
        invite_lane(centre.site, "lane1", direction=None, address=centre.address),
        PASSPHRASE,
        clock=clock,
    )
    lane.link.close()
    assert centre.drive(lane).waiting == 0


def test_join_file_is_for_one_computer(centre: Centre, tmp_path: Path, clock: MovableClock) -> None:
    """A join file works again for the same computer, whose answer may have been lost, and never for another one."""
    data = invite_lane(centre.site, "lane1", direction=None, address=centre.address)
    facts = join_lane(tmp_path / "a", data, PASSPHRASE, clock=clock)
    assert (
        join_lane(tmp_path / "a", data, PASSPHRASE, clock=clock) == facts == read_lane_facts(tmp_path / "a")
    )
    with pytest.raises(Refused, match="used already"):
        join_lane(tmp_path / "b", data, PASSPHRASE, clock=clock)
    assert not (tmp_path / "b" / "lane.json").exists()
    fresh = invite_lane(centre.site, "lane1", direction=None, address=centre.address)
    with pytest.raises(Refused, match="newest"):
        join_lane(tmp_path / "b", data, PASSPHRASE, clock=clock)
    join_lane(tmp_path / "b", fresh, PASSPHRASE, clock=clock)
    with open_lane_home(tmp_path / "a", PASSPHRASE, clock=clock) as old, pytest.raises(Refused) as told:
        old.link.read_health()
    assert told.value.facts["code"] == "lane-replaced"


def test_join_file_is_over(centre: Centre, tmp_path: Path, clock: MovableClock) -> None:
    """After its day a join file is refused at the lane, and its key by the centre's TLS."""
    data = invite_lane(centre.site, "lane1", direction=None, address=centre.address)
    clock.move(timedelta(hours=25))
    with pytest.raises(Refused, match="over"):
        join_lane(tmp_path / "a", data, PASSPHRASE, clock=clock)


def test_join_key_can_only_join(centre: Centre, lane: LaneHome) -> None:
    """Whoever finds a join file can ask for nothing but to join."""
    file = decode_join_file(invite_lane(centre.site, "lane2", direction=None, address=centre.address))
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(file.key))
    with closing(link_as(lane, centre, key=key, certificate=from_pem(file.certificate))) as link:
        for act in (link.read_health, link.renew, lambda: link.fetch_roster(0)):
            with pytest.raises(Refused) as told:
                act()
            assert told.value.facts["code"] == "not-a-lane"


def test_home_of_something_else(centre: Centre, home: Path, clock: MovableClock) -> None:
    """A site's home does not become a lane's."""
    data = invite_lane(centre.site, "lane1", direction=None, address=centre.address)
    with pytest.raises(Invalid, match="not empty"):
        join_lane(home, data, PASSPHRASE, clock=clock)


def send_raw(lane: LaneHome, centre: Centre, request: bytes) -> bytes:
    """Send bytes over an authenticated connection, close this side, and return whatever comes back."""
    connection = lane.open_link(centre.address)._connect()
    stream = connection.stream
    stream.allow(10)
    stream.sendall(request)
    stream._raw.shutdown(socket.SHUT_WR)
    found = b""
    try:
        while chunk := stream.recv(65536):
            found += chunk
    except OSError:
        pass
    stream.close()
    return found


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /v1/deliver HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n" + b"x" * 100,
        b"POST /v1/deliver HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n",
        b"POST /v1/deliver HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nxxxxxx",
        b"POST /v1/deliver HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nxxxxx\r\n0\r\n\r\n",
        b"POST /v1/deliver HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/open HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        b"GET /v1/roster HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /v1/deliver HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x00\xff" * 300,
    ],
    ids=["truncated", "too-long", "two-lengths", "chunked", "negative", "no-such-verb", "wrong-method", "no-length", "noise"],
)  # fmt: skip
def test_malformed_requests(centre: Centre, lane: LaneHome, request_bytes: bytes) -> None:
    """A request that is cut off, too long or no request gets an error and no effect, and the next lane is served."""
    answer = send_raw(lane, centre, request_bytes)
    assert b"200 OK" not in answer
    assert centre.captures() == []
    assert lane.link.read_health()["deliveries"] == 0


def test_silent_peers_do_not_stop_a_lane(
    centre: Centre, lane: LaneHome, monkeypatch: pytest.MonkeyPatch, clock: MovableClock
) -> None:
    """Connections that say nothing are dropped after their time, and lanes are served meanwhile."""
    monkeypatch.setattr(centre_server, "HANDSHAKE_S", 0.3)
    mute = [socket.create_connection(("127.0.0.1", centre.server.server_address[1])) for _ in range(20)]
    assert centre.drive(lane, make_car(clock, 1)).waiting == 0
    for one in mute:
        one.settimeout(10)
        assert one.recv(1) == b""
        one.close()


def test_hung_centre(lane: LaneHome, monkeypatch: pytest.MonkeyPatch) -> None:
    """A centre that accepts and never answers costs a request its time and no more; nothing is lost."""
    monkeypatch.setattr(carrier_link, "CONNECT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        link = lane.open_link(f"127.0.0.1:{mute.getsockname()[1]}")
        with pytest.raises(Unavailable, match="does not answer"):
            link.read_health()


def test_outage_in_order(site: Site, clock: MovableClock, tmp_path: Path) -> None:
    """While the centre is away a lane goes on sealing; when it is back everything goes, oldest first, once each."""
    enrol_travellers(site)
    with serve_centre(site) as centre:
        lane = centre.add_lane(tmp_path / "lane")
        centre.drive(lane, make_car(clock, 1))
        address = centre.address
    summary = centre.drive(lane, make_car(clock, 1), make_car(clock, 2), make_car(clock, 50), drain_s=0.2)
    assert (summary.vehicles, summary.delivered) == (3, 0)
    assert summary.waiting > 0
    assert isinstance(summary.problem, Unavailable)
    queued = [one.encounter for one in lane.host.outbox.pending()]
    with serve_centre(site, address) as back:
        assert back.drive(lane).waiting == 0
        wait_answers(back, 3)
        assert [one.id for one in back.answered] == list(dict.fromkeys(queued))
    entries = [site.ledger.entry(index) for index in centre.captures()]
    assert len({entry["object"] for entry in entries}) == len(entries)
    lane.close()


def test_one_bad_vehicle_stops_no_other(centre: Centre, lane: LaneHome, clock: MovableClock) -> None:
    """A vehicle that the centre does not take stays in the outbox with its reason; the next ones go."""
    bad = seal_one(centre, lane)
    deliver = lane.link.deliver

    def spoil(encounter: EncounterId, records: Sequence[SealedRecord], way: Direction) -> tuple[Receipt, ...]:
        return deliver(encounter, records, Direction.EXIT if encounter == bad.encounter else way)

    lane.link.deliver = spoil  # type: ignore[method-assign]
    summary = centre.drive(lane, make_car(clock, 1), make_car(clock, 2), drain_s=60.0)
    assert summary.delivered == 2
    assert set(summary.refused) == {bad.encounter}
    assert summary.waiting == len(bad.records)
    assert "other direction" in str(summary.refused[bad.encounter])


def test_too_old_to_be_taken(centre: Centre, lane: LaneHome, clock: MovableClock) -> None:
    """What waited for longer than the centre takes it is let go at the lane, bytes and all, and counted."""
    bad = seal_one(centre, lane)
    clock.move(timedelta(days=9))
    summary = centre.drive(lane, make_car(clock, 1))
    assert (summary.delivered, summary.waiting, summary.expired) == (1, 0, len(bad.records))
    left = b"".join(path.read_bytes() for path in lane.home.rglob("*") if path.is_file())
    assert bad.records[0].data[-64:] not in left


def test_outage_longer_than_the_keys(site: Site, clock: MovableClock, tmp_path: Path) -> None:
    """A lane seals through an outage for as long as its keys reach, then stops and says why."""
    enrol_travellers(site)
    with serve_centre(site) as centre:
        lane = centre.add_lane(tmp_path / "lane")
        centre.drive(lane, make_car(clock, 1))
    clock.move(timedelta(hours=site.settings.retention.epochs_ahead))
    assert centre.drive(lane, make_car(clock, 1), drain_s=0.1).vehicles == 1
    clock.move(timedelta(hours=1))
    with pytest.raises(NotArmed) as told:
        centre.drive(lane, make_car(clock, 1), drain_s=0.1)
    assert told.value.facts["code"] == "no-key"
    lane.close()


def test_disarmed_lane_hears_why(centre: Centre, lane: LaneHome, clock: MovableClock) -> None:
    """A lane that is found unfit hears the code, seals for the grace and not beyond the hour, and arms again when it is fit."""
    reasons: list[str] = []
    centre.desk.unfit = lambda name: reasons[0] if reasons and name == "lane1" else None
    centre.drive(lane, make_car(clock, 1))
    reasons.append("assessment-overdue")
    summary = centre.drive(lane, make_car(clock, 2), drain_s=0.3)
    assert (summary.vehicles, summary.delivered) == (1, 0)
    clock.move(timedelta(minutes=45))
    with pytest.raises(NotArmed, match="assessment-overdue") as told:
        centre.drive(lane, make_car(clock, 2), drain_s=0.1)
    assert told.value.facts["code"] == "assessment-overdue"
    roster = centre.site.keyroom.read_roster()
    assert roster is not None
    assert "lane1" not in roster.devices
    reasons.clear()
    summary = centre.drive(lane, make_car(clock, 2))
    assert (summary.delivered, summary.waiting) == (2, 0)


def test_disarmed_lane_stays_so_without_the_centre(site: Site, clock: MovableClock, tmp_path: Path) -> None:
    """Cutting the line after bad news does not arm a lane again, though its old roster reaches further."""
    enrol_travellers(site)
    with serve_centre(site) as centre:
        lane = centre.add_lane(tmp_path / "lane")
        centre.drive(lane, make_car(clock, 1))
        centre.desk.unfit = lambda _: "organisation-suspended"
        centre.drive(lane, drain_s=0.1)
    clock.move(timedelta(minutes=45))
    with pytest.raises(NotArmed, match="organisation-suspended"):
        centre.drive(lane, make_car(clock, 1), drain_s=0.1)
    lane.close()


@pytest.fixture(scope="module")
def sealed_delivery(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A true delivery's bytes."""
    from datetime import UTC, datetime

    from wayseal.seal.keys import PassphraseCost
    from wayseal.station.site import init_site, open_site

    folder, clock = tmp_path_factory.mktemp("wire"), MovableClock(datetime(2026, 11, 22, 7, 15, tzinfo=UTC))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PassphraseCost.__init__, "__defaults__", (64, 1, 4))
        init_site(folder / "home", PASSPHRASE, evaluation=True, clock=clock)
        with (
            open_site(folder / "home", PASSPHRASE, clock=clock) as site,
            serve_centre(site) as centre,
            centre.add_lane(folder / "lane") as lane,
        ):
            return encode_delivery(seal_one(centre, lane))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.integers(0, 10**6), value=st.integers(0, 255), cut=st.booleans())
def test_delivery_has_one_spelling(sealed_delivery: bytes, where: int, value: int, *, cut: bool) -> None:
    """A delivery that was cut or has another byte is another delivery with the same form, or is refused; never a crash."""
    place = where % len(sealed_delivery)
    changed = sealed_delivery[:place] if cut else (
        sealed_delivery[:place] + bytes([value]) + sealed_delivery[place + 1 :]
    )  # fmt: skip
    try:
        found = decode_delivery(changed)
    except (Invalid, Integrity):
        assert changed != sealed_delivery
        return
    assert encode_delivery(found) == changed


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_noise_is_no_message(noise: bytes) -> None:
    """Bytes from anywhere are refused by every reader of the wire, with an error that a lane may be told."""
    for read in (decode_delivery, decode_join, decode_receipts, decode_roster_answer):
        with pytest.raises(WaysealError):
            read(noise)


def test_limits_cover_every_verb(centre: Centre, lane: LaneHome) -> None:
    """Each verb has a limit, and the largest vehicle fits the one for deliveries."""
    assert set(BODY_LIMITS) == {"deliver", "roster", "join", "renew", "health", "ports", "ticket", "tickets"}
    assert len(encode_delivery(seal_one(centre, lane))) < BODY_LIMITS["deliver"] // 64


def test_roster_always_reaches_ahead(centre: Centre, lane: LaneHome, clock: MovableClock) -> None:
    """Each hour brings one roster with the hours ahead, the same for every lane that asks; a revoked lane is not on it."""
    first = lane.link.fetch_roster(0)
    assert lane.link.fetch_roster(1).roster == first.roster
    assert (len(first.charters), len(lane.link.fetch_roster(1).charters)) == (1, 0)
    clock.move(timedelta(hours=1))
    second = lane.host.accept_roster(lane.link.fetch_roster(1).roster)
    assert second.version == peek_version(first.roster) + 1
    last = clock() + timedelta(hours=centre.site.settings.retention.epochs_ahead)
    assert [key.epoch for key in second.epoch_keys][-1] == epoch_id("citizen", last)
    assert "lane1" in second.devices
    with centre.add_lane(lane.home.parent / "other", "lane2") as other:
        open_register(centre.site).revoke("lane1")
        third = other.host.accept_roster(other.link.fetch_roster(1).roster)
    assert {"lane1", "lane2"} & set(third.devices) == {"lane2"}
    assert third.device_public(sha256(lane.host.identity.public).hex()) == lane.host.identity.public


@pytest.mark.parametrize("flaw", ["proof", "key", "noise"])
def test_join_with_false_keys(centre: Centre, lane: LaneHome, flaw: str) -> None:
    """A join file's holder must prove both keys: the request signed by its own TLS key, and the sealing key over the request."""
    file = decode_join_file(invite_lane(centre.site, "lane2", direction=None, address=centre.address))
    key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey = Ed25519PrivateKey.generate()
    if flaw == "key":
        key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    algorithm = hashes.SHA256() if isinstance(key, ec.EllipticCurvePrivateKey) else None
    request = b"noise" if flaw == "noise" else builder.sign(key, algorithm).public_bytes(Encoding.DER)  # type: ignore[call-overload]
    sealing = Ed25519PrivateKey.generate()
    signed = b"something else" if flaw == "proof" else join_message(file.facts.site, "lane2", request)
    joining = JoinRequest(request, sealing.public_key().public_bytes_raw(), sealing.sign(signed))
    ticket = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(file.key))
    with (
        closing(link_as(lane, centre, key=ticket, certificate=from_pem(file.certificate))) as link,
        pytest.raises((Refused, Invalid)),
    ):
        link.join(joining)
    assert open_register(centre.site).find("lane2").state == "invited"


def test_deliveries_at_once(centre: Centre, lane: LaneHome) -> None:
    """The same vehicle over several connections at once is on the ledger once, and each of them gets the same receipts."""
    delivery = seal_one(centre, lane)
    links = [lane.open_link(centre.address) for _ in range(3)]  # and the one that is open already
    found: list[object] = []

    def deliver(link: CarrierLink) -> None:
        found.append(link.deliver(delivery.encounter, delivery.records, delivery.direction))

    threads = [threading.Thread(target=deliver, args=(link,)) for link in links]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for link in links:
        link.close()
    assert len(found) == 3
    assert len(set(map(str, found))) == 1
    assert len(centre.captures()) == len(delivery.records)


def test_one_lane_cannot_take_every_place(centre: Centre, lane: LaneHome, tmp_path: Path) -> None:
    """A fifth connection of one lane is closed; another lane is served beside the four."""
    links = [lane.open_link(centre.address) for _ in range(centre_server.CONNECTIONS_A_LANE)]
    for link in links:
        link.read_health()
    with closing(lane.open_link(centre.address)) as fifth, pytest.raises(Unavailable):
        fifth.read_health()
    with centre.add_lane(tmp_path / "other", "lane2") as other:
        assert other.link.read_health()["lanes"] == 2
    for link in links:
        link.close()


def test_register_disarms_a_lane_elsewhere(centre: Centre, lane: LaneHome, clock: MovableClock) -> None:
    """A lane on another host whose equipment was enrolled and not assessed hears the register's code; assessed, it works; the ledger tells both."""
    centre.drive(lane, make_car(clock, 1))
    desk = centre.site.oversight
    add_subcontractor(desk)
    enrol_host(desk)
    give_duties(desk)
    clock.move(timedelta(hours=1))
    with pytest.raises(NotArmed) as told:
        lane.link.fetch_roster(1)
    assert told.value.facts["code"] == "never-assessed"
    assert "wayseal equipment assess" in str(told.value.hint)
    assess(desk)
    assert centre.drive(lane, make_car(clock, 2)).waiting == 0
    entries = [centre.site.ledger.entry(index) for index in centre.site.ledger.find(type="lane-status")]
    assert [(one["status"], one.get("reason")) for one in entries] == [
        ("disarmed", "never-assessed"), ("armed", None),
    ]  # fmt: skip
