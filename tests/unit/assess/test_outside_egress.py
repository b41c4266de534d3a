"""p10 on a real network: a lane's machine, a router, a centre and a listener outside; each hole in the router is found."""

import contextlib
import json
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from netparts import NOW, make_equipment
from netspace import Space, join_spaces, open_spaces

from wayseal.assess.outside.egress import probe_egress
from wayseal.assess.outside.listener import Listener, find_tokens, read_tokens
from wayseal.assess.outside.view import EgressPlan, OutsideView
from wayseal.assess.outside.wire import Endpoint
from wayseal.assess.probe import Seen
from wayseal.model.oversight import Result

CENTRE, LISTENER, LISTENER6 = "10.77.1.1", "10.77.9.9", "fd77:9::9"
TCP, UDP = (22, 53, 443), (53, 123)
DOOR = "import socket\nwith socket.create_server(('10.77.1.1', 443)) as s:\n print(1, flush=True)\n while 1: s.accept()[0].close()"


class Network:
    """A lane's machine `lane` on one cable to a router `out`, which is the centre and the listener as well."""

    def __init__(self, lane: Space, out: Space, notes: Path) -> None:
        self.lane, self.out, self.notes = lane, out, notes
        join_spaces(out, lane, "lane0", "eth0", "02:00:00:00:00:02", "10.77.0.2/24", "fd77::2/64")
        out.ip("address", "add", "10.77.0.1/24", "dev", "lane0")
        out.ip("address", "add", "fd77::1/64", "dev", "lane0", "nodad")
        for address in (f"{CENTRE}/32", f"{LISTENER}/32"):
            out.ip("address", "add", address, "dev", "lo")
        out.ip("address", "add", f"{LISTENER6}/128", "dev", "lo")
        lane.ip("route", "add", f"{CENTRE}/32", "via", "10.77.0.1")  # and no other way out

    def open_hole(self) -> None:
        """Let IPv4 out to everywhere."""
        self.lane.ip("route", "add", "default", "via", "10.77.0.1")

    def open_hole6(self) -> None:
        """Let IPv6 out to everywhere: the way that is most often forgotten."""
        self.lane.ip("-6", "route", "add", "default", "via", "fd77::1")

    def plan(self) -> EgressPlan:
        """What the assessor is told."""
        return EgressPlan(
            allowed=(Endpoint(CENTRE, 443),), listener=(LISTENER, LISTENER6), tcp_ports=TCP, udp_ports=UDP,
            notes=self.notes,
        )  # fmt: skip

    def settle(self) -> None:
        """Return when the listener has noted what it had heard: a word of our own, said after all the others, and one after that."""
        end = time.monotonic() + 120
        for token in (secrets.token_hex(16), secrets.token_hex(16)):
            self.out.run(partial(say, token))
            while token not in read_tokens(self.notes):
                assert time.monotonic() < end, "the listener hears nothing"
                time.sleep(0.02)  # waiting for the listener's word, not for time to pass

    def look(self, plan: EgressPlan | None, limit_s: float = 0.6) -> Seen:
        """Run the probe from the lane's machine."""
        view = OutsideView(
            equipment=make_equipment(), clock=lambda: NOW, limit_s=limit_s, egress=plan, pause=lambda _seconds: self.settle()
        )  # fmt: skip
        return self.lane.run(lambda: probe_egress(view))


def say(token: str) -> None:
    """Send a canary to the listener from its own machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.sendto(f"wayseal-canary-{token}".encode(), (LISTENER, UDP[0]))


@contextlib.contextmanager
def serve(space: Space, *command: str) -> Iterator[None]:
    """Run a server in a machine until the block ends; it prints a line when it listens."""
    words = ["ip", "netns", "exec", space.name, sys.executable, *command]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline()
            yield
        finally:
            process.kill()


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A network whose lane reaches the centre and nothing else, with a centre and a listener that listen."""
    notes = tmp_path_factory.mktemp("listener") / "notes"
    with open_spaces(2) as (lane, out):
        made = Network(lane, out, notes)
        program = str(Path(__file__).with_name("listener_main.py"))
        ports = [",".join(map(str, some)) for some in (TCP, UDP)]
        with (
            serve(out, "-c", DOOR),
            serve(out, program, str(notes), *ports, LISTENER, LISTENER6),
        ):
            yield made


@pytest.fixture
def closed(network: Network) -> Iterator[Network]:
    """The network as it should be, and put back afterwards."""
    yield network
    for family, address in (("-4", "10.77.0.1"), ("-6", "fd77::1")):
        with contextlib.suppress(subprocess.CalledProcessError):
            network.lane.ip(family, "route", "del", "default", "via", address)


def test_closed_network(closed: Network) -> None:
    """A lane that reaches its centre only passes, after every way out was tried over IPv4 and IPv6."""
    seen = closed.look(closed.plan())
    assert seen.result is Result.PASS, seen.reason
    ways = {one["way"].split(" to ")[0] for one in json.loads(seen.evidence)["tries"]}
    assert ways == {"TCP", "UDP", "ICMP", "ICMPv6", "IPv6 in IPv4", "GRE"}


def test_hole_in_ipv4(closed: Network) -> None:
    """With a default route every way out is found: TCP by its connection, the silent ones by the listener's word."""
    closed.open_hole()
    seen = closed.look(closed.plan())
    assert seen.result is Result.FAIL
    facts = json.loads(seen.evidence)
    through = {one["way"] for one in facts["tries"] if LISTENER in one["way"]}
    assert set(facts["arrived"]) == through
    assert len(through) == len(TCP) + len(UDP) + 3
    assert "TCP to 10.77.9.9:22 gets out" in seen.reason


def test_hole_in_ipv6(closed: Network) -> None:
    """A network that was closed for IPv4 only is caught by its IPv6."""
    closed.open_hole6()
    seen = closed.look(closed.plan())
    assert seen.result is Result.FAIL
    assert all(LISTENER6 in way for way in json.loads(seen.evidence)["arrived"])
    assert f"ICMPv6 to {LISTENER6} gets out" in seen.reason


def test_resolver_leaks(closed: Network) -> None:
    """A resolver that asks outside for any name is a way out, though no packet of the lane leaves the network itself."""
    plan = replace(closed.plan(), resolvers=("10.77.0.1",), resolver_port=5353)
    relay = (
        "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('10.77.0.1', 5353))\n"
        "print(1, flush=True)\nwhile 1:\n q, who = s.recvfrom(512)\n s.sendto(q, ('10.77.9.9', 53))"
    )
    assert closed.look(plan).result is Result.PASS
    with serve(closed.out, "-c", relay):
        seen = closed.look(plan, limit_s=5.0)  # for the relay to ask
    assert (seen.result, seen.reason) == (Result.FAIL, "DNS through 10.77.0.1 gets out")


def test_pulled_cable(closed: Network) -> None:
    """When the centre does not answer either, the silence proves nothing: an error, never a pass."""
    seen = closed.look(replace(closed.plan(), allowed=(Endpoint(CENTRE, 444),)))
    assert (seen.result, seen.reason) == (Result.ERROR, "10.77.1.1:444 does not answer")


def test_too_much_allowed(closed: Network) -> None:
    """More than two allowed endpoints fail, and none at all is an error."""
    allowed = (Endpoint(CENTRE, 443), Endpoint(CENTRE, 443), Endpoint(CENTRE, 443))
    assert closed.look(replace(closed.plan(), allowed=allowed)).result is Result.FAIL
    assert closed.look(replace(closed.plan(), allowed=())).result is Result.ERROR
    assert closed.look(None).result is Result.ERROR


def test_tokens_found() -> None:
    """A token is found in plain bytes and as a DNS label, and nothing else is noted."""
    token = "0123456789abcdef" * 2
    assert list(find_tokens(b"xx wayseal-canary-" + token.encode())) == [token]
    assert list(find_tokens(b"\x00\x01\x20" + token.encode() + b"\x06canary\x00")) == [token]
    assert list(find_tokens(b"wayseal-canary-nothing:" + token.encode())) == []


def test_listener_closes(tmp_path: Path) -> None:
    """A listener that cannot have all its ports opens none."""
    with pytest.raises(OSError, match="address"):
        Listener(tmp_path / "notes", ["203.0.113.77"], tcp=(9,), udp=())
    assert not (tmp_path / "notes").exists()
