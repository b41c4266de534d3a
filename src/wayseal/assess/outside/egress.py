"""p10: from the lane's network nothing gets out but to the two allowed endpoints.

Tries TCP, UDP (DNS, NTP, VPN ports), DNS through the network's own resolvers, ICMP, IPv6 and IP-in-IP towards the assessor's
listener outside. A connection is seen here; whether a packet arrived, only the listener can say. Each try carries a token of its
own and nothing else. Run it from a port of the lane's network, as root.
"""

import contextlib
import secrets
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

from wayseal.assess.outside.listener import read_tokens
from wayseal.assess.outside.sweep import sweep_ports
from wayseal.assess.outside.view import EgressPlan, OutsideView, untold
from wayseal.assess.outside.wire import Endpoint, State, exchange, knock
from wayseal.assess.probe import Seen, broken, judge, probe

MOST_ALLOWED = 2
_ECHO = {socket.AF_INET: 8, socket.AF_INET6: 128}
_TUNNELS = {41: "IPv6 in IPv4", 47: "GRE"}


@dataclass(frozen=True, slots=True)
class Try:
    """One way out that was tried: its name, its token, and what was seen of it from inside."""

    way: str
    token: str
    state: str

    @property
    def connected(self) -> bool:
        """Whether something outside answered."""
        return self.state == State.ANSWERED.value


@probe("p10", where="outside")
def probe_egress(view: OutsideView) -> Seen:
    """Try every way out, then ask the listener what reached it.

    An allowed endpoint that does not answer makes an error: a cable that was pulled looks just like a firewall.
    """
    plan = view.egress
    if plan is None:
        return untold("what the lane's network may reach, and where the listener is")
    allowed = {str(at): knock(at, limit_s=view.limit_s) for at in plan.allowed}
    tries = [*_try_streams(plan, view.limit_s), *_try_packets(plan), *_try_resolvers(plan, view.limit_s)]
    view.pause(min(1.0, view.limit_s))  # for what is still on its way
    noted = read_tokens(plan.notes)
    arrived = [one.way for one in tries if one.token in noted]
    facts = {
        "allowed": {name: state.value for name, state in allowed.items()},
        "tries": [{"way": one.way, "state": one.state} for one in tries],
        "arrived": arrived,
    }
    faults = [f"{one.way} gets out" for one in tries if one.connected or one.way in arrived]
    if len(plan.allowed) > MOST_ALLOWED:
        faults.append(f"{len(plan.allowed)} endpoints are allowed, over {MOST_ALLOWED}")
    unseen = [f"{at} does not answer" for at, state in allowed.items() if state in _CUT]
    unseen += [f"{one.way} could not be tried" for one in tries if one.state == "not permitted"]
    if not plan.allowed or not plan.listener:
        unseen.append("no allowed endpoint or no listener was named")
    if unseen and not faults:
        return broken("; ".join(unseen), **facts)
    return judge(faults, f"{len(tries)} ways out were tried and none of them got out", **facts)


_CUT = (State.REFUSED, State.UNREACHABLE, State.FILTERED)


def make_token() -> str:
    """Return 32 hexadecimal digits that nobody else sends."""
    return secrets.token_hex(16)


def _mark(token: str) -> bytes:
    return f"wayseal-canary-{token}".encode()


def _try_streams(plan: EgressPlan, limit_s: float) -> Iterator[Try]:
    """Yield each TCP port of the listener."""
    for at, state in sweep_ports(plan.listener, plan.tcp_ports, limit_s=limit_s).items():
        token = make_token()
        if state is State.ANSWERED:
            exchange(at, _mark(token), limit_s=min(0.2, limit_s))
        yield Try(f"TCP to {at}", token, state.value)


def _try_packets(plan: EgressPlan) -> Iterator[Try]:
    """Yield each UDP port of the listener, ICMP, and IP-in-IP."""
    for address, port in product(plan.listener, plan.udp_ports):
        yield _send(f"UDP to {Endpoint(address, port)}", address, port, _send_datagram)
    for address in plan.listener:
        name = "ICMPv6" if ":" in address else "ICMP"
        yield _send(f"{name} to {address}", address, 0, _send_echo)
        if ":" not in address:
            for protocol, tunnel in _TUNNELS.items():
                yield _send(f"{tunnel} to {address}", address, protocol, _send_raw)


def _send(way: str, address: str, number: int, send: Callable[[str, int, bytes], None]) -> Try:
    """Send one token; say when this process was not permitted to, or the network had no way."""
    token = make_token()
    try:
        send(address, number, _mark(token))
    except _NoPrivilegeError:
        return Try(way, token, "not permitted")
    except OSError:
        return Try(way, token, State.UNREACHABLE.value)
    return Try(way, token, "sent")


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _send_datagram(address: str, port: int, data: bytes) -> None:
    with contextlib.closing(socket.socket(_family(address), socket.SOCK_DGRAM)) as line:
        line.sendto(data, (address, port))


def _send_echo(address: str, _number: int, data: bytes) -> None:
    """Send an ICMP echo request."""
    family = _family(address)
    protocol = socket.IPPROTO_ICMPV6 if family == socket.AF_INET6 else socket.IPPROTO_ICMP
    with contextlib.closing(_open_raw(family, protocol)) as line:
        packet = struct.pack(">BBHHH", _ECHO[family], 0, 0, 1, 1) + data
        if family == socket.AF_INET:  # the kernel itself sums ICMPv6
            packet = packet[:2] + struct.pack(">H", _sum_words(packet)) + packet[4:]
        line.sendto(packet, (address, 0))


def _send_raw(address: str, protocol: int, data: bytes) -> None:
    with contextlib.closing(_open_raw(socket.AF_INET, protocol)) as line:
        line.sendto(data, (address, 0))


class _NoPrivilegeError(PermissionError):
    """This process may not open a raw socket."""


def _open_raw(family: socket.AddressFamily, protocol: int) -> socket.socket:
    """Return a raw socket. Raises `_NoPrivilegeError` without the privilege, as against a route that prohibits."""
    try:
        return socket.socket(family, socket.SOCK_RAW, protocol)
    except PermissionError:
        raise _NoPrivilegeError(1, "raw socket") from None


def _sum_words(packet: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    padded = packet + b"\0" * (len(packet) % 2)
    total: int = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def _try_resolvers(plan: EgressPlan, limit_s: float) -> Iterator[Try]:
    """Yield each resolver of the network, asked for a name that only a name server outside could answer."""
    for resolver in plan.resolvers:
        token = make_token()
        state = _ask_resolver(resolver, plan, token, limit_s)
        yield Try(f"DNS through {resolver}", token, state)


def _ask_resolver(resolver: str, plan: EgressPlan, token: str, limit_s: float) -> str:
    """Ask for an A record of `token.zone`; an answer with a record means that the resolver asked outside."""
    labels = [token, *plan.canary_zone.split(".")]
    name = b"".join(bytes([len(label)]) + label.encode("ascii") for label in labels) + b"\0"
    question = secrets.token_bytes(2) + struct.pack(">HHHHH", 0x0100, 1, 0, 0, 0) + name
    question += struct.pack(">HH", 1, 1)
    try:
        with contextlib.closing(socket.socket(_family(resolver), socket.SOCK_DGRAM)) as line:
            line.settimeout(limit_s)
            line.connect((resolver, plan.resolver_port))
            line.send(question)
            answer = line.recv(4096)
    except TimeoutError:
        return State.SILENT.value
    except OSError:
        return State.REFUSED.value
    records = struct.unpack(">H", answer[6:8])[0] if len(answer) >= 12 else 0
    mine = answer[:2] == question[:2]
    return State.ANSWERED.value if mine and records else State.CLOSED.value
