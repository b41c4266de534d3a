"""The assessor is assessed: at a port in order all 31 probes pass, and each of 31 seeded faults is caught by its own probe."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from assessparts import LISTENER, Port, describe, open_port
from hosttree import HostTree, make_tree, need_tools
from lineparts import MovableClock
from netparts import Badge, answer, guarded, listen, server_tls, time_server
from paperparts import with_paper
from seededhost import SEEDED

from wayseal.assess.catalogue import Where, find_probe, load_catalogue
from wayseal.assess.probe import find_part
from wayseal.flow.assess import Sight
from wayseal.flow.policy import Policy, default_rules
from wayseal.model.ids import EpochId
from wayseal.model.oversight import EquipmentKind, Result
from wayseal.seal.keys import PassphraseCost

ALL = tuple(spec.id for spec in load_catalogue())
CENTRE = EquipmentKind.CENTRE_HOST
Change = Callable[[Port, Sight], Iterator[Sight]]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Port]:
    """A port in order."""
    need_tools()
    folder = tmp_path_factory.mktemp("port")
    (folder / "maker").mkdir()
    clock = MovableClock(datetime(2026, 11, 22, 7, 15, tzinfo=UTC))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PassphraseCost.__init__, "__defaults__", (64, 1, 4))
        tree: HostTree = make_tree(folder / "root", folder / "maker")
        with open_port(folder, tree, clock) as opened:
            yield opened


def test_port_in_order(port: Port) -> None:
    """No false alarm: between the lane's computer and the centre's, every one of the 31 probes passes and none fails."""
    lane = port.assess(port.sight())
    centre = port.assess(port.sight(CENTRE), kind=CENTRE)
    assert describe(lane, "pass", "not_applicable") == {}
    assert describe(centre, "pass", "not_applicable") == {}
    passed = {name for seen in (lane, centre) for name, one in seen.items() if one.result is Result.PASS}
    assert passed == set(ALL)
    assert tuple(lane) == ALL


@pytest.mark.parametrize("kind", [EquipmentKind.CAMERA, EquipmentKind.NETWORK])
def test_without_collector(port: Port, kind: EquipmentKind) -> None:
    """A camera and a switch run no collector: their probes pass from outside and on paper, and the others are not about them."""
    seen = port.assess(replace(port.sight(kind), host=()), kind=kind)
    assert describe(seen, "pass", "not_applicable") == {}
    about = {spec.id for spec in load_catalogue() if kind in spec.kinds}
    assert {name for name, one in seen.items() if one.result is Result.PASS} == about


def test_blind_assessor(port: Port) -> None:
    """Without any view nothing passes: each probe is an error, or not about this kind of device."""
    for kind in EquipmentKind:
        seen = port.assess(Sight(), kind=kind)
        assert tuple(seen) == ALL
        assert not [one for one in seen.values() if one.result is Result.PASS]


def outside(sight: Sight, **changes: Any) -> Sight:
    """The sight with something else seen from outside."""
    assert sight.outside is not None
    return replace(sight, outside=replace(sight.outside, **changes))


def doors(sight: Sight, **changes: Any) -> Sight:
    """The sight with another door."""
    assert sight.outside is not None
    assert sight.outside.doors is not None
    return outside(sight, doors=replace(sight.outside.doors, **changes))


def paper(name: str, **changes: Any) -> Change:
    """A fault in a signed paper."""

    def change(port: Port, sight: Sight) -> Iterator[Sight]:
        view = with_paper(name, **changes)
        yield replace(sight, documents=replace(view, equipment=port.equipment(), clock=port.clock))

    return change


def late_event(port: Port, sight: Sight) -> Iterator[Sight]:
    """An insertion that nobody heard."""
    yield outside(sight, inserted_at=port.clock() - timedelta(minutes=1))


def dead_watch(port: Port, sight: Sight) -> Iterator[Sight]:
    """A port watch that ended an hour ago."""
    port.clock.move(timedelta(hours=1))
    yield sight
    port.clock.move(-timedelta(hours=1))


def keys_on_lane(port: Port, sight: Sight) -> Iterator[Sight]:
    """Epoch keys on the lane's computer."""
    yield outside(sight, lane_vault=port.site.keyroom.vault)


def plain_camera(port: Port, sight: Sight) -> Iterator[Sight]:
    """A camera whose plain stream was left on."""
    with listen(answer(b"RTSP/1.0 200 OK\r\n\r\n")) as plain:
        camera = port.network["cameras"][0]
        yield outside(sight, cameras=(replace(camera, plain_stream=(plain,)),))


def open_network(port: Port, sight: Sight) -> Iterator[Sight]:
    """A way out of the lane's network."""
    with listen(answer(b""), host=LISTENER) as way:
        yield outside(sight, egress=replace(port.network["egress"], tcp_ports=(way.port,)))


def open_door(port: Port, sight: Sight) -> Iterator[Sight]:
    """A door at the centre that asks nobody for a certificate."""
    badge = Badge(port.folder, "centre")
    with listen(answer(b"HTTP/1.1 200 OK\r\n\r\n"), tls=server_tls(badge)) as service:
        peer = replace(port.network["peer"], service=service, certificate_sha256=badge.sha256)
        yield outside(sight, peer=peer)


def default_login(port: Port, sight: Sight) -> Iterator[Sight]:
    """A camera with the maker's password."""
    camera, badge = port.network["cameras"][0], Badge(port.folder, "camera1")
    talk = guarded("maker", "letmein", protocol="RTSP/1.0")
    with listen(talk, tls=server_tls(badge)) as stream:
        yield outside(sight, cameras=(replace(camera, stream=stream, certificate_sha256=badge.sha256),))


def doubled_serial(port: Port, sight: Sight) -> Iterator[Sight]:
    """A second device with the first one's serial number."""
    (own,) = port.network["lane"].inventory
    twin = replace(own, equipment="twin", mac="02:00:00:00:00:09", address="127.0.0.2")
    addresses = ("127.0.0.1", "127.0.0.2")
    yield outside(sight, lane=replace(port.network["lane"], addresses=addresses, inventory=(own, twin)))


def loose_rules(_port: Port, sight: Sight) -> Iterator[Sight]:
    """Rules in which the vendors' line was lost."""
    rules = default_rules().replace(
        'principal in Role::"vendor", action', 'principal in Role::"nobody", action'
    )
    hole = '\n@id("a-hole")\npermit (principal in Role::"vendor", action == Action::"hold", resource);\n'
    yield doors(sight, policy=Policy(rules + hole))


def remote_access(port: Port, sight: Sight) -> Iterator[Sight]:
    """A port for remote access that was left open."""
    with listen(answer(b"SSH-2.0-x\r\n")) as way:
        yield outside(sight, inbound=replace(port.network["inbound"], ticket_ports=(way.port,)))


def lone_approver(_port: Port, sight: Sight) -> Iterator[Sight]:
    """An export desk to which one approval is enough."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wayseal.flow.consent.count_needed", lambda *_args: 1)
        patch.setattr("wayseal.flow.vouch.Vouchers._count_consents", lambda *_args: 2)
        yield sight


def unwitnessed(_port: Port, sight: Sight) -> Iterator[Sight]:
    """A ledger that no witness cosigns."""
    yield doors(sight, witnesses=None)


def hour_off(port: Port, sight: Sight) -> Iterator[Sight]:
    """A device whose clock is an hour behind."""
    with time_server(timedelta(hours=-1), clock=port.clock) as device:
        yield outside(sight, time=replace(port.network["time"], device_sntp=device))


def unfinished_erasure(port: Port, sight: Sight) -> Iterator[Sight]:
    """An erasure that was begun eleven minutes ago and never finished."""
    epoch, begun = "citizen/2026-11-20T07Z", port.clock() - timedelta(minutes=11)
    entry = {"type": "erase", "object": epoch, "epoch": epoch, "count": 1, "reason": "expired"}
    (index,) = port.site.ledger.append(
        [{**entry, "time": begun.isoformat(timespec="milliseconds")[:23] + "Z"}]
    )
    yield sight
    port.site.ledger.append([{"type": "erase-done", "object": epoch, "epoch": epoch, "intent": index}])


def cloud_resolves(port: Port, sight: Sight) -> Iterator[Sight]:
    """A cloud name that the lane's resolver answers."""
    yield outside(sight, cloud=replace(port.network["cloud"], names=("localhost",)))


def forgotten_canaries(_port: Port, sight: Sight) -> Iterator[Sight]:
    """A keyroom that knows no canary."""
    yield doors(sight, note_canary=lambda _record: None)


def own_assessor(_port: Port, sight: Sight) -> Iterator[Sight]:
    """A vendor who assesses their own equipment."""
    assert sight.outside is not None
    assert sight.outside.history is not None
    yield outside(sight, history=replace(sight.outside.history, assessor="opteq"))


def stranger_account(port: Port, sight: Sight) -> Iterator[Sight]:
    """An account of somebody who left two days ago."""
    assert sight.outside is not None
    roster = sight.outside.roster
    assert roster is not None
    gone = replace(roster.people[0], left_at=port.clock() - timedelta(days=2))
    yield outside(sight, roster=replace(roster, people=(gone,)))


def hoarding_keeper(port: Port, _sight: Sight) -> Iterator[Sight]:
    """A keeper that says it destroyed a key and kept it."""
    vault = port.site.keyroom.vault

    class Hoard:
        """A vault that destroys nothing."""

        def __getattr__(self, name: str) -> Any:
            return getattr(vault, name)

        def destroy(self, epoch: EpochId) -> Any:
            """Say that the key is gone."""
            return type(
                "Stone", (), {"epoch": epoch, "public_sha256": "00" * 32, "destroyed_at": port.clock()}
            )

        def has(self, _epoch: EpochId) -> bool:
            """Say that there is no key."""
            return False

    port.clock.move(timedelta(hours=2))
    eraser = replace(port.site.eraser, vault=Hoard())  # type: ignore[arg-type]
    yield doors(port.sight(CENTRE), eraser=eraser)


CHANGES: dict[str, tuple[Change, str]] = {
    "p01": (late_event, "not on the ledger"),
    "p02": (paper("port-locks", serial="sn-9"), "another device"),
    "p04": (dead_watch, "silent from"),
    "p07": (keys_on_lane, "epoch keys lie on the lane"),
    "p09": (plain_camera, "plain RTSP is answered"),
    "p10": (open_network, "gets out"),
    "p11": (open_door, "nobody is let in"),
    "p12": (default_login, "login 1 of the list was let in"),
    "p14": (paper("firmware", sha256="00" * 32), "not in the component definition"),
    "p15": (doubled_serial, "2 devices with the serial sn-0001"),
    "p17": (paper("sbom", components=[]), "0 of 0 components"),
    "p18": (paper("vulnerability-feed", vulnerabilities=[{}]), "an entry without"),
    "p19": (loose_rules, "hold: allowed"),
    "p20": (remote_access, "without a live ticket"),
    "p21": (lone_approver, "released with one approval"),
    "p22": (unwitnessed, "names no witnesses"),
    "p23": (hour_off, "-3600000 ms off"),
    "p24": (unfinished_erasure, "begun and not finished"),
    "p25": (cloud_resolves, "localhost resolves"),
    "p26": (forgotten_canaries, "a canary was opened"),
    "p27": (own_assessor, "the assessor is the vendor"),
    "p29": (stranger_account, "left more than 24 hours ago"),
    "p30": (hoarding_keeper, "an erased record opens after a restore"),
    "p31": (paper("contract-clauses.c-1", clauses=["audit-right"]), "lacks incident-notice-24h"),
}
ON_HOST = {one.probe: one for one in reversed(SEEDED) if one.probe not in CHANGES}
ONLY_CENTRE = {spec.id for spec in load_catalogue() if spec.kinds == (CENTRE,)}


def test_every_probe_seeded() -> None:
    """There is a seeded fault for each of the 31 probes."""
    assert sorted({*CHANGES, *ON_HOST}) == list(ALL)


LAST = "p30"
"""The fault that takes two hours: the tests about it come last."""


def judge_fault(port: Port, probe: str) -> set[tuple[Result, str]]:
    """Return what a probe says at each sight of its own fault: the words that name the fault, or the reason that lacks them."""
    change, words = CHANGES[probe]
    kind = CENTRE if probe in ONLY_CENTRE else EquipmentKind.LANE_HOST
    seen = [port.assess(sight, [find_probe(probe)], kind)[probe] for sight in change(port, port.sight(kind))]
    return {(one.result, words if words in one.reason else one.reason) for one in seen}


@pytest.mark.parametrize("probe", sorted(set(CHANGES) - {LAST}))
def test_seeded_fault(port: Port, probe: str) -> None:
    """A fault seen from outside, on paper or by a drill is caught by its own probe, with a reason that names it."""
    assert judge_fault(port, probe) == {(Result.FAIL, CHANGES[probe][1])}


@pytest.mark.parametrize("probe", sorted(ON_HOST))
def test_seeded_host(port: Port, probe: str, tmp_path: Path) -> None:
    """A fault on the host is caught by its own probe through the whole assessment."""
    tree = port.host.copy(tmp_path / "root")
    ON_HOST[probe].sow(tree)
    sight = replace(port.sight(), host=port.collect(EquipmentKind.LANE_HOST, tree))
    seen = port.assess(sight, [find_probe(probe)])[probe]
    assert seen.result is Result.FAIL
    assert ON_HOST[probe].says in seen.reason


@pytest.mark.parametrize("probe", sorted(set(CHANGES) - {LAST}))
def test_no_other_alarm(port: Port, probe: str) -> None:
    """A fault is caught by its own probe alone: every other probe goes on passing."""
    kind = CENTRE if probe in ONLY_CENTRE else EquipmentKind.LANE_HOST
    for sight in CHANGES[probe][0](port, port.sight(kind)):
        seen = port.assess(sight, kind=kind)
        assert set(describe(seen, "pass", "not_applicable")) == {probe}


def test_parts_complete() -> None:
    """Every part that the catalogue names is there."""
    missing = [
        (spec.id, where.value)
        for spec in load_catalogue()
        for where in spec.where
        if not find_part(spec.id, where)
    ]
    assert missing == []
    assert {where for spec in load_catalogue() for where in spec.where} == set(Where)


def test_seeded_restore(port: Port) -> None:
    """A keeper that only says it destroyed a key is caught by the restore drill."""
    assert judge_fault(port, LAST) == {(Result.FAIL, CHANGES[LAST][1])}
