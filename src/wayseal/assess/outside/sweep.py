"""Which of a few addresses answer on which of a few TCP ports, and whose hardware addresses the kernel saw meanwhile.

A sweep is bounded: so many sockets at once, so long for each batch. It connects and hangs up; it sends nothing.
"""

import contextlib
import errno
import ipaddress
import selectors
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from wayseal.assess.outside.wire import Deadline, Endpoint, State
from wayseal.model.errors import Invalid

MAX_ADDRESSES = 1024
_BATCH = 256
_COMPLETE = 0x2  # a neighbour entry that was answered (linux/if_arp.h ATF_COM)
_PENDING = frozenset((errno.EINPROGRESS, errno.EWOULDBLOCK))


def sweep_ports(addresses: Iterable[str], ports: Iterable[int], *, limit_s: float) -> dict[Endpoint, State]:
    """Return what came of connecting to each address and port: `ANSWERED` for an open one, else why not.

    `limit_s` bounds each batch of 256. Raises `Invalid` for what is no IP address, and above 1,024 addresses.
    """
    plain = [str(_read_address(address)) for address in addresses]
    if len(plain) > MAX_ADDRESSES:
        raise Invalid("a sweep of more than 1,024 addresses", hint="Name the lane's own network only.")
    wanted = (Endpoint(address, port) for address in plain for port in dict.fromkeys(ports))
    states: dict[Endpoint, State] = {}
    while batch := list(islice(wanted, _BATCH)):
        states |= _sweep_batch(batch, limit_s)
    return states


def _read_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        raise Invalid("a sweep needs IP addresses, not names") from None


def _sweep_batch(batch: Sequence[Endpoint], limit_s: float) -> dict[Endpoint, State]:
    """Connect to all of a batch at once."""
    states = dict.fromkeys(batch, State.FILTERED)
    deadline = Deadline(limit_s)
    with selectors.DefaultSelector() as waiting, contextlib.ExitStack() as sockets:
        for endpoint in batch:
            family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
            one = sockets.enter_context(socket.socket(family, socket.SOCK_STREAM))
            one.setblocking(False)
            code = one.connect_ex((endpoint.host, endpoint.port))
            if code in _PENDING:
                waiting.register(one, selectors.EVENT_WRITE, endpoint)
            else:
                states[endpoint] = _name_code(code)
        for endpoint, code in _wait(waiting, deadline):
            states[endpoint] = _name_code(code)
    return states


def _wait(waiting: selectors.BaseSelector, deadline: Deadline) -> Iterator[tuple[Endpoint, int]]:
    """Yield each connection attempt that ended before the deadline, with its error number (0: connected).

    There is always a last look after it: what the network answered while this process had no turn counts.
    """
    left: float | None = None
    while waiting.get_map() and left != 0:
        try:
            left = deadline.left()
        except TimeoutError:
            left = 0
        for key, _ in waiting.select(left):
            one = key.fileobj
            assert isinstance(one, socket.socket)  # noqa: S101 - what was registered above
            waiting.unregister(one)
            yield key.data, one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def _name_code(code: int) -> State:
    """Return what an error number of a connection attempt means."""
    if code == 0:
        return State.ANSWERED
    if code == errno.ECONNREFUSED:
        return State.REFUSED
    return State.FILTERED if code == errno.ETIMEDOUT else State.UNREACHABLE


def list_present(states: Mapping[Endpoint, State]) -> tuple[str, ...]:
    """Return the addresses at which something answered, if only to refuse."""
    answered = (State.ANSWERED, State.REFUSED)
    return tuple(dict.fromkeys(at.host for at, state in states.items() if state in answered))


def read_neighbours(file: Path) -> dict[str, str]:
    """Return the hardware address of each IPv4 neighbour that answered, from the kernel's table (`/proc/net/arp`)."""
    found = {}
    for line in file.read_text(encoding="ascii").splitlines()[1:]:
        words = line.split()
        if len(words) >= 6 and int(words[2], 16) & _COMPLETE:
            found[words[0]] = words[3].lower()
    return found
