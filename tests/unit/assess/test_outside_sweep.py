"""p15 and the network half of p20: real devices on a virtual cable, found by ARP and by their ports, too many, missing or doubled."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from netparts import NOW, answer, closed_endpoint, listen, make_equipment
from netspace import Space, join_spaces, open_spaces

from wayseal.assess.outside.inbound import look_inbound
from wayseal.assess.outside.inventory import probe_inventory
from wayseal.assess.outside.sweep import read_neighbours, sweep_ports
from wayseal.assess.outside.view import InboundPlan, Inventoried, LanePlan, OutsideView
from wayseal.assess.outside.wire import Endpoint, State
from wayseal.assess.probe import Seen
from wayseal.model.errors import Invalid
from wayseal.model.oversight import Result

ADDRESSES = tuple(f"10.77.0.{last}" for last in range(2, 9))
INVENTORY = (
    Inventoried("lane1-host", "sn-1", "02:00:00:00:00:02", "10.77.0.2"),
    Inventoried("lane1-camera", "sn-2", "02:00:00:00:00:03", "10.77.0.3"),
)
PLAN = LanePlan(ADDRESSES, INVENTORY, ports=(22, 554))


class Lane:
    """A switch with the assessor's own port, into which devices are plugged."""

    def __init__(self, assessor: Space, spare: list[Space]) -> None:
        self.assessor = assessor
        self._spare = spare
        assessor.ip("link", "add", "br0", "type", "bridge")
        assessor.ip("address", "add", "10.77.0.1/24", "dev", "br0")
        assessor.ip("link", "set", "br0", "up")

    def plug_in(self, mac: str, *addresses: str) -> Space:
        """Plug in a device."""
        device = self._spare.pop()
        port = f"port{len(self._spare)}"
        join_spaces(self.assessor, device, port, "eth0", mac, *(f"{one}/24" for one in addresses))
        self.assessor.ip("link", "set", port, "master", "br0")
        return device

    def look(self, plan: LanePlan | None = PLAN) -> Seen:
        """Run p15 from the assessor's port."""
        view = OutsideView(equipment=make_equipment(), clock=lambda: NOW, limit_s=1.2, lane=plan)
        return self.assessor.run(lambda: probe_inventory(view))


@pytest.fixture
def lane() -> Iterator[Lane]:
    """A lane's network without devices."""
    with open_spaces(4) as (assessor, *spare):
        yield Lane(assessor, spare)


def test_inventory_agrees(lane: Lane) -> None:
    """The two listed devices, which offer no service at all, are found by their hardware addresses, and that is a pass."""
    for one in INVENTORY:
        lane.plug_in(one.mac, one.address)
    seen = lane.look()
    assert (seen.result, seen.reason) == (
        Result.PASS,
        "the 2 devices that answer are those of the inventory",
    )


def test_stranger_on_lane(lane: Lane) -> None:
    """A device that somebody plugged in is found, though it offers no service."""
    for one in INVENTORY:
        lane.plug_in(one.mac, one.address)
    lane.plug_in("02:00:00:00:00:66", "10.77.0.6")
    seen = lane.look()
    assert (seen.result, seen.reason) == (
        Result.FAIL,
        "a device at 10.77.0.6 (02:00:00:00:00:66) is not in the inventory",
    )


def test_impostor_and_missing(lane: Lane) -> None:
    """A stranger at a listed device's address is a stranger, and the device is missing."""
    lane.plug_in(INVENTORY[0].mac, INVENTORY[0].address)
    lane.plug_in("02:00:00:00:00:66", INVENTORY[1].address)
    seen = lane.look()
    assert seen.result is Result.FAIL
    assert "a device at 10.77.0.3 (02:00:00:00:00:66) is not in the inventory" in seen.reason
    assert "lane1-camera does not answer" in seen.reason


def test_moved_device(lane: Lane) -> None:
    """A device that answers at an address beside its own is told of: two devices may share its identity."""
    lane.plug_in(INVENTORY[0].mac, INVENTORY[0].address)
    lane.plug_in(INVENTORY[1].mac, INVENTORY[1].address, "10.77.0.8")
    assert lane.look().reason == "lane1-camera answers at 10.77.0.8, not at 10.77.0.3"


def test_one_serial_twice(lane: Lane) -> None:
    """Two devices with one serial fail, though both are listed and answer."""
    for one in INVENTORY:
        lane.plug_in(one.mac, one.address)
    doubled = (INVENTORY[0], replace(INVENTORY[1], serial="sn-1"))
    seen = lane.look(replace(PLAN, inventory=doubled))
    assert (seen.result, seen.reason) == (
        Result.FAIL,
        "the inventory has 2 devices with the serial sn-1",
    )


def test_empty_network(lane: Lane) -> None:
    """A network on which nothing answers is an error, even when the inventory is empty too; so is not being told."""
    assert lane.look(replace(PLAN, inventory=())).result is Result.ERROR
    assert lane.look(None).result is Result.ERROR


def test_neighbours_of_kernel(tmp_path: Path) -> None:
    """Only neighbours that answered are read from the kernel's table."""
    file = tmp_path / "arp"
    file.write_text(
        "IP address       HW type     Flags       HW address            Mask     Device\n"
        "10.77.0.2        0x1         0x2         02:AA:00:00:00:02     *        eth0\n"
        "10.77.0.4        0x1         0x0         00:00:00:00:00:00     *        eth0\n",
        encoding="ascii",
    )
    assert read_neighbours(file) == {"10.77.0.2": "02:aa:00:00:00:02"}


def test_sweep_states() -> None:
    """A sweep tells open from refused, for IPv4 and IPv6, and takes no names and no thousands of addresses."""
    with listen(answer(b"")) as opened:
        gone = closed_endpoint()
        states = sweep_ports(["127.0.0.1", "::1"], [opened.port, gone.port], limit_s=2)
    assert states[opened] is State.ANSWERED
    assert states[gone] is State.REFUSED
    assert states[Endpoint("::1", gone.port)] in {State.REFUSED, State.UNREACHABLE}
    with pytest.raises(Invalid):
        sweep_ports(["localhost"], [1], limit_s=1)
    with pytest.raises(Invalid):
        sweep_ports([f"127.0.{i // 250}.{i % 250 + 1}" for i in range(1025)], [1], limit_s=1)


def test_large_sweep() -> None:
    """More sockets than one batch are asked in turn, and every one of them is answered for."""
    addresses = [f"127.0.1.{last}" for last in range(1, 101)]
    states = sweep_ports(addresses, (1, 2, 3), limit_s=5)
    assert len(states) == 300
    assert set(states.values()) == {State.REFUSED}


def test_late_look_counts() -> None:
    """A process that got no turn until the time was over still sees what was answered in it: no open port passes for a closed one."""
    addresses = [f"127.0.1.{last}" for last in range(1, 33)]
    with listen(answer(b"")) as opened:
        states = sweep_ports(["127.0.0.1", *addresses], (opened.port,), limit_s=0)
    assert states.pop(opened) is State.ANSWERED
    assert set(states.values()) == {State.REFUSED}


def look_in(plan: InboundPlan | None, *, ticket_lives: bool = False) -> Seen:
    """Judge a device's open ports."""
    view = OutsideView(equipment=make_equipment(), clock=lambda: NOW, limit_s=1.0, inbound=plan)
    return look_inbound(view, ticket_lives=ticket_lives)


def test_declared_ports() -> None:
    """A declared service passes; another one fails and is named."""
    with ExitStack() as stack:
        declared = stack.enter_context(listen(answer(b"")))
        plan = InboundPlan(("127.0.0.1",), (declared.port,), ticket_ports=(), ports=())
        assert look_in(plan).result is Result.PASS
        other = stack.enter_context(listen(answer(b"")))
        seen = look_in(replace(plan, ports=(other.port,)))
    assert (seen.result, seen.reason) == (Result.FAIL, f"{other} is open and not declared")


def test_ticket_ports() -> None:
    """A port for remote access fails without a live ticket and passes while one lives."""
    with listen(answer(b"SSH-2.0-x\r\n")) as remote:
        plan = InboundPlan(("127.0.0.1",), (), ticket_ports=(remote.port,), ports=())
        seen = look_in(plan)
        assert (seen.result, seen.reason) == (
            Result.FAIL,
            f"{remote} is open for remote access without a live ticket",
        )
        assert look_in(plan, ticket_lives=True).result is Result.PASS


def test_silent_device(lane: Lane) -> None:
    """A device that does not answer at all is an error, not a device without open ports."""
    plan = InboundPlan(("10.77.0.5",), (443,), ports=(22,))
    view = OutsideView(equipment=make_equipment(), clock=lambda: NOW, limit_s=0.2, inbound=plan)
    seen = lane.assessor.run(lambda: look_inbound(view, ticket_lives=False))
    assert (seen.result, seen.reason) == (Result.ERROR, "the device does not answer at 10.77.0.5")
    assert look_in(None).result is Result.ERROR
    assert look_in(InboundPlan((), ())).result is Result.ERROR


def test_assessor_shares_nothing() -> None:
    """The cable's test bench really is another network: what listens here is not seen from there."""
    with open_spaces(1) as (space,), listen(answer(b"")) as here:
        states = space.run(lambda: sweep_ports([here.host], [here.port], limit_s=1))
    assert list(states.values()) == [State.REFUSED]
