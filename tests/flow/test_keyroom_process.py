"""The keyroom as a process: a whole line through its socket, attackers at its door, and deaths in the middle."""

import os
import random
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from keyroomparts import (
    RUN,
    NowClock,
    open_client,
    open_link,
    serve_keyroom,
    start_keyroom,
    write_secret,
)
from lineparts import PASSPHRASE, Line, make_vehicle
from test_adversary import OFFICER, Loot, run_attacks

from wayseal.flow.policy import Principal
from wayseal.flow.request import UnwrapBatch
from wayseal.model.border import Outcome, Seat
from wayseal.model.custody import Kind, Purpose, SealedRecord
from wayseal.model.errors import (
    Integrity,
    Invalid,
    KeeperLocked,
    NoIntent,
    NotArmed,
    Refused,
    Unavailable,
    WaysealError,
)
from wayseal.model.ids import EpochId, RecordId
from wayseal.seal.envelope import parse_record
from wayseal.seal.keys import EpochVault, PassphraseCost
from wayseal.seal.keys.vault import seed_context
from wayseal.station import keyroom_client
from wayseal.station.keyroom import Keyroom
from wayseal.station.keyroom_client import KeyroomClient
from wayseal.station.keyroom_door import SOCKET, check_peer
from wayseal.station.keyroom_server import open_server, renew_trust
from wayseal.station.keyroom_wire import FRAME_LIMIT, PROTOCOL, encode_message, read_frame, send_frame
from wayseal.station.settings import load_settings
from wayseal.station.site import Site, init_site, open_site
from wayseal.store import records as record_rows
from wayseal.store.centre import read_record
from wayseal.store.engine import read

FACES = 4


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose passphrase costs little to try."""
    folder = tmp_path_factory.mktemp("site") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PassphraseCost.__init__, "__defaults__", (64, 1, 4))
        init_site(folder, PASSPHRASE, evaluation=True, clock=NowClock())
    return folder


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[subprocess.Popen[str]]:
    """The home's keyroom, listening."""
    with serve_keyroom(home) as process:
        yield process


@pytest.fixture
def served(home: Path, server: subprocess.Popen[str]) -> Iterator[Line]:
    """A line whose site has its keyroom behind the socket."""
    assert server.poll() is None
    with open_site(home, PASSPHRASE, clock=NowClock()) as site:
        assert isinstance(site.keyroom, KeyroomClient)
        yield Line(site, NowClock())


def list_faces(site: Site) -> list[SealedRecord]:
    """Return the newest sealed faces, oldest first."""
    with read(site.store.engine) as connection:
        day = record_rows.iterate_day_records(connection, NowClock()().date())
        ids = [row.object_id for row in day if row.kind is Kind.FACE]
    return [parse_record(read_record(site.store, face)) for face in sorted(ids)[-FACES:]]


def drive_two(line: Line) -> None:
    """Let two vehicles with two people each pass."""
    lane = line.lane()
    for seed in (1, 2):
        people: dict[Seat, int | None] = {Seat.DRIVER: seed, Seat.FRONT_PASSENGER: seed + 50}
        line.drive(lane, make_vehicle(line.clock, people))


def test_whole_line(served: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lane, matcher and officer work through the socket, and no answer ever carries the private half of an epoch."""
    heard: list[bytes] = []
    receive = keyroom_client._receive

    def listen(connection: socket.socket, limit: int) -> bytearray:
        heard.append(bytes(receive(connection, limit)))
        return bytearray(heard[-1])

    monkeypatch.setattr(keyroom_client, "_receive", listen)
    answered = served.drive(served.lane(), make_vehicle(served.clock, {Seat.DRIVER: 1}))
    assert [person.outcome for person in answered.occupants] == [Outcome.MATCH]
    face = answered.occupants[0].record
    assert face is not None
    (picture,) = served.site.opener.read_now(OFFICER, [face], Purpose.PRIMARY_INSPECTION)
    assert b"JFIF" in picture
    assert served.site.keyroom.read_roster() is not None
    keys = served.site.keyroom.vault.epoch_keys()
    assert keys
    folder = served.site.home / "keyroom"
    keeper = served.site.settings.keyroom.keeper.choice().open(folder / "keeper", PASSPHRASE)
    vault = EpochVault(keeper, folder / "epochs", served.clock)
    for key in keys:
        public, wrapped = vault.read_pair(key.epoch)
        seed = bytes(keeper.unwrap(key.epoch, wrapped, seed_context(key.epoch, public)))
        assert not any(seed in one or seed.hex().encode() in one for one in heard)


def test_no_attack_opens_through_the_socket(served: Line) -> None:
    """Sixteen hundred attempts of sixteen kinds through the client: none succeeds, and an honest one still does."""
    drive_two(served)
    client = open_client(served.site)
    empty = UnwrapBatch("", 0, (), ())
    loot = Loot(served, client, served.site.opener, list_faces(served.site), empty, empty, random.Random(7))  # type: ignore[arg-type]
    loot.used = loot.honest(OFFICER)
    client.unwrap(OFFICER, loot.used)
    loot.renew()
    assert run_attacks(loot, 1600) == 0
    assert len(client.unwrap(OFFICER, loot.honest(OFFICER))) == 1
    client.close()


def make_junk(rng: random.Random) -> bytes:
    """Return a payload that is nearly a request, or nothing like one."""
    operation = rng.choice(
        [
            "unwrap",
            "rewrap",
            "learn",
            "draw",
            "publish_roster",
            "destroy",
            "epochs",
            "keys_for",
            "note_canary",
            "seeds",
            "",
            7,
            None,
        ]
    )
    principal = {
        "id": "officer-7",
        "role": "officer",
        "organisation": "agency",
        "suspended": False,
        "training_valid": 1,
    }
    args = rng.choice(
        [
            {},
            [],
            None,
            {"principal": principal},
            {"epoch": "../../etc"},
            {"only": "x"},
            {"record": "?"},
            {"principal": principal, "kinds": [7]},
            {"principal": {**principal, "training_valid": True}, "kinds": [["face"]]},
            {"devices": {}, "refused": [5]},
            {"devices": {"lane1": 5}, "refused": []},
        ]
    )
    good = bytes(encode_message({"op": operation, "args": args}, rng.randbytes(rng.randrange(60))))
    place = rng.randrange(len(good))
    return rng.choice(
        [
            good,
            good[:place] or b"\0",
            good[:place] + rng.randbytes(3) + good[place:],
            rng.randbytes(rng.randrange(1, 90)),
            b"\xff\xff\xff\xff" + good[4:],
            b"\0\0\0\2[]" + good,
        ]
    )


def test_malformed_requests(served: Line) -> None:
    """Three hundred and fifty malformed requests each get an error and nothing else, on connections that stay usable."""
    rng = random.Random(11)
    link = open_link(served.site)
    link.connect()
    connection = link._connection
    assert connection is not None
    for _ in range(350):
        send_frame(connection, make_junk(rng))
        payload = read_frame(connection, limit=FRAME_LIMIT, within_s=30)
        assert payload is not None
        with pytest.raises(WaysealError):
            keyroom_client._open_answer(payload)
    assert link.ask("seen_size").head["answer"]["size"] >= 0
    link.close()


@pytest.mark.parametrize("size", [0, FRAME_LIMIT + 1, 2**32 - 1])
def test_impossible_length(served: Line, size: int) -> None:
    """A frame of no bytes, or of four gigabytes, ends the connection before anything is kept."""
    link = open_link(served.site)
    link.connect()
    connection = link._connection
    assert connection is not None
    connection.sendall(size.to_bytes(4, "big"))
    with pytest.raises(Invalid, match="too long"):
        keyroom_client._open_answer(keyroom_client._receive(connection, FRAME_LIMIT))
    assert connection.recv(1) == b""
    link.close()


def test_strangers(served: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another name, another key and a greeting that was overheard are all refused, and nothing is answered before it."""
    with pytest.raises(Refused, match="does not know"):
        open_link(served.site, "matcher").connect()
    said: list[bytes] = []

    def overhear(connection: socket.socket, payload: bytes | bytearray) -> None:
        said.append(bytes(payload))
        send_frame(connection, payload)

    monkeypatch.setattr(keyroom_client, "send_frame", overhear)
    served.site.keyroom.read_roster()
    honest = open_link(served.site)
    honest.connect()
    honest.close()
    for number in range(40):
        link = open_link(served.site)
        with monkeypatch.context() as patch:
            patch.setattr(
                keyroom_client, "send_frame",
                lambda connection, _payload, number=number: send_frame(connection, make_greeting(said[-1], number)),
            )  # fmt: skip
            with pytest.raises((Refused, Invalid)):
                link.connect()


def make_greeting(overheard: bytes, number: int) -> bytes:
    """Return what a stranger says first: somebody's greeting of another day, a request, or noise."""
    if number == 0:
        return overheard
    rng = random.Random(number)
    if number % 2:
        place = rng.randrange(len(overheard))
        return overheard[:place] + bytes([overheard[place] ^ 1]) + overheard[place + 1 :]
    return make_junk(rng)


def test_impostor_keyroom(served: Line, tmp_path: Path) -> None:
    """Somebody who sits on the socket and cannot sign as the keyroom is found out before anything is asked."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / SOCKET))
    listener.listen()

    def pretend() -> None:
        connection, _ = listener.accept()
        with connection:
            hello = {"protocol": PROTOCOL, "challenge": "00" * 32}
            send_frame(connection, encode_message({"answer": hello, "error": None}))
            read_frame(connection, limit=4096, within_s=30)
            send_frame(connection, encode_message({"answer": {"signature": "00" * 64}, "error": None}))

    thread = threading.Thread(target=pretend)
    thread.start()
    link = open_link(served.site)
    link._folder = tmp_path
    with pytest.raises(Integrity, match="not this home's keyroom"):
        link.connect()
    thread.join()
    listener.close()


def test_role_that_no_client_may_speak_for(served: Line) -> None:
    """A client speaks only for roles on its list; whatever else the request says is not looked at."""
    client = open_client(served.site)
    for role in ("vendor", "stranger", ""):
        with pytest.raises(Refused, match="may not speak for that role"):
            client.unwrap(Principal("officer-7", role, "agency"), UnwrapBatch("", 0, (), ()))
    client.close()


def test_epoch_dies_only_after_the_ledger_says_so(served: Line) -> None:
    """A client cannot have an epoch destroyed that no `erase` entry names, nor keys made for another day."""
    vault = served.site.keyroom.vault
    (key,) = served.site.keyroom.keys_for("evaluation")
    with pytest.raises(Refused, match="ledger does not say"):
        vault.destroy(key.epoch)
    assert vault.has(key.epoch)
    with pytest.raises(NotArmed, match="not the hour"):
        vault.create_epoch(EpochId("evaluation/2020-01-01T00Z"))
    served.site.ledger.append([{"type": "erase", "object": key.epoch, "reason": "drill"}])
    vault.destroy(key.epoch)
    assert not vault.has(key.epoch)


def test_canary_is_noted(served: Line) -> None:
    """A canary that was told to the keyroom is refused afterwards, as if the keyroom were in this process."""
    drive_two(served)
    face = list_faces(served.site)[-1].header.object_id
    served.site.keyroom.note_canary(face)
    with pytest.raises(Refused, match="not for reading"):
        served.site.opener.read_now(OFFICER, [face], Purpose.PRIMARY_INSPECTION)


def test_clients_at_once(served: Line) -> None:
    """Three readers at once, each on a connection of its own, get every key they have a right to, once."""
    drive_two(served)
    record = list_faces(served.site)[0]
    errors: list[BaseException] = []

    def read_five(site: Site, name: str) -> None:
        who = Principal(name, "officer", "agency")
        try:
            for _ in range(5):
                bodies = site.opener.read_now(who, [record.header.object_id], Purpose.PRIMARY_INSPECTION)
                assert len(bodies) == 1
        except BaseException as error:  # noqa: BLE001 - reported by the test's thread
            errors.append(error)

    sites = [open_site(served.site.home, PASSPHRASE, clock=NowClock()) for _ in range(3)]
    readers = [
        threading.Thread(target=read_five, args=(site, f"officer-{n}")) for n, site in enumerate(sites)
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    for site in sites:
        site.close()
    assert errors == []


def test_one_keyroom_a_home(served: Line) -> None:
    """While one serves, neither a second server nor a command that would open the keyroom itself gets in."""
    home = served.site.home
    socket_file = home / "keyroom" / SOCKET
    assert stat.S_IMODE(socket_file.stat().st_mode) == 0o600
    answer = subprocess.run(
        [sys.executable, "-c", RUN, "--home", str(home), "keyroom", "run"],
        env=os.environ | {"WAYSEAL_PASSPHRASE_FILE": str(write_secret(home))},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode == 5
    assert "open in another process" in answer.stderr
    with pytest.raises(Unavailable, match="process of its own"):
        Keyroom.open(home / "keyroom", PASSPHRASE, served.site.settings, served.clock)
    assert served.site.keyroom.vault.has(EpochId("citizen/2020-01-01T00Z")) is False


def test_other_users_are_refused() -> None:
    """The kernel's word counts: a connection of another user is refused whatever it says."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("\0wayseal-test-" + os.urandom(8).hex())
    listener.listen()
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.connect(listener.getsockname())
            stranger.recv(1)
        os._exit(0)
    connection, _ = listener.accept()
    with pytest.raises(Refused, match="another user"):
        check_peer(connection)
    connection.close()
    os.waitpid(child, 0)
    listener.close()


@pytest.mark.parametrize(
    ("boundary", "when", "spent"),
    [
        ("wayseal.flow.spent:SpentIntents.spending", "before", False),
        ("wayseal.flow.guard:Guard.admit", "after", False),
        ("wayseal.flow.admit:Admission.admit", "after", True),
        ("wayseal.flow.release:Gate._unwrap_one", "after", True),
    ],
)
def test_killed_in_the_middle(tmp_path: Path, boundary: str, when: str, *, spent: bool) -> None:
    """The client hears that the keyroom is silent, no command takes its place, and after a restart nothing opens twice."""
    home = tmp_path / "home"
    init_site(home, PASSPHRASE, evaluation=True, clock=NowClock())
    with serve_keyroom(home, boundary, when) as dying, open_site(home, PASSPHRASE, clock=NowClock()) as site:
        line = Line(site, NowClock())
        lane = line.lane()
        lane.keep(make_vehicle(line.clock, {Seat.DRIVER: 1}))
        lane.send_pending()
        record = list_faces(site)[0]
        client = open_client(site)
        assert len(client.unwrap(OFFICER, prove(site, record))) == 1
        batch = prove(site, record)
        with pytest.raises(Unavailable, match="does not answer"):
            client.unwrap(OFFICER, batch)
        assert dying.wait() == -signal.SIGKILL
        with (
            open_site(home, PASSPHRASE, clock=NowClock()) as other,
            pytest.raises(Unavailable, match="answer"),
        ):
            _ = other.opener
        with serve_keyroom(home):
            opened = 0
            for _ in range(3):
                try:
                    opened += len(client.unwrap(OFFICER, batch))
                except (NoIntent, Unavailable):  # used, or proved from an older checkpoint
                    continue
            assert opened == (0 if spent else 1)
            assert len(client.unwrap(OFFICER, prove(site, record))) == 1
        client.close()


def prove(site: Site, record: SealedRecord) -> UnwrapBatch:
    """Return an honest request for one record."""
    releases = site.opener.request(OFFICER, [RecordId(record.header.object_id)], Purpose.PRIMARY_INSPECTION)
    return site.opener._prove([record], releases)


def test_stopped_politely(tmp_path: Path) -> None:
    """A keyroom that is told to stop takes its socket away, and commands open the keyroom in themselves again."""
    home = tmp_path / "home"
    init_site(home, PASSPHRASE, evaluation=True, clock=NowClock())
    process = start_keyroom(home)
    process.terminate()
    assert process.wait() == 0
    assert process.stdout is not None
    process.stdout.close()
    assert not (home / "keyroom" / SOCKET).exists()
    with open_site(home, PASSPHRASE, clock=NowClock()) as site:
        assert isinstance(site.keyroom, Keyroom)


def test_client_list_is_the_ledgers(tmp_path: Path) -> None:
    """A keyroom whose list of clients was changed behind the ledger's back does not start."""
    home = tmp_path / "home"
    init_site(home, PASSPHRASE, evaluation=True, clock=NowClock())
    file = home / "keyroom" / "trust.json"
    file.write_bytes(file.read_bytes().replace(b'"matcher"', b'"vendor"'))
    with (
        pytest.raises(Integrity, match="not the one on the ledger"),
        open_server(home, PASSPHRASE, load_settings(home), NowClock()),
    ):
        pytest.fail("it started")


def test_roles_follow_the_policy(tmp_path: Path) -> None:
    """After a change of policy a client speaks for the roles it names and the ledger knows it; not while the keyroom serves."""
    home = tmp_path / "home"
    init_site(home, PASSPHRASE, evaluation=True, clock=NowClock())
    settings = load_settings(home)
    rules = home / "policy" / "site.cedar"
    more = (
        '\n@id("auditors-read")\npermit (principal in Role::"auditor", action == Action::"open", resource);'
    )
    rules.write_text(rules.read_text(encoding="utf-8") + more, encoding="utf-8")
    with pytest.raises(KeeperLocked):
        renew_trust(home, b"a wrong passphrase", settings, NowClock())
    trust = renew_trust(home, PASSPHRASE, settings, NowClock())
    assert {"auditor", "officer"} <= trust.clients["centre"].roles
    assert "vendor" not in trust.clients["centre"].roles
    with open_server(home, PASSPHRASE, settings, NowClock()) as server:
        assert server.trust == trust
        with pytest.raises(Unavailable, match="another process"):
            renew_trust(home, PASSPHRASE, settings, NowClock())
