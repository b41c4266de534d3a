"""The assessor's listener outside the lane's network: it notes every token that reaches it, by whatever way.

Run where the lane must not reach. It answers nobody, so that it cannot become a way out itself; each token is one line of a file.
"""

import contextlib
import re
import selectors
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path

TOKEN = re.compile(rb"wayseal-canary-[0-9a-f]{32}")
_DNS_TOKEN = re.compile(rb"\x20([0-9a-f]{32})")  # as a DNS label: its length, then the token's digits
RAW_PROTOCOLS = (socket.IPPROTO_ICMP, 41, 47)
"""ICMP, IPv6 in IPv4, GRE."""


class Listener:
    """An open listener. `notes` is the file of tokens; only this process writes it. Raw sockets need root, and are left out without."""

    def __init__(
        self, notes: Path, addresses: Iterable[str], *, tcp: Iterable[int], udp: Iterable[int]
    ) -> None:
        self._notes = notes
        self._sockets = contextlib.ExitStack()
        self._selector = self._sockets.enter_context(selectors.DefaultSelector())
        ports = (tuple(tcp), tuple(udp))
        try:
            for address in addresses:
                for one in _open_sockets(address, *ports):
                    self._watch(one)
        except OSError:
            self.close()
            raise
        notes.touch()

    def close(self) -> None:
        """Close every socket."""
        self._sockets.close()

    def step(self, timeout_s: float | None = None) -> None:
        """Take what has arrived, or wait for it so long."""
        for key, _ in self._selector.select(timeout_s):
            one = key.fileobj
            assert isinstance(one, socket.socket)  # noqa: S101 - what was registered
            if key.data == "listening":
                with contextlib.suppress(OSError):
                    self._watch(one.accept()[0])
            else:
                self._read(one)

    def _read(self, one: socket.socket) -> None:
        """Note the tokens in what came; forget a connection that has ended."""
        try:
            data = one.recv(65536)
        except OSError:
            data = b""
        if not data and one.type == socket.SOCK_STREAM:
            self._selector.unregister(one)
            one.close()
            return
        tokens = {*find_tokens(data)}
        if tokens:
            with self._notes.open("a", encoding="ascii") as file:
                file.writelines(f"{token}\n" for token in sorted(tokens))

    def _watch(self, one: socket.socket) -> None:
        one.setblocking(False)
        listening = one.type == socket.SOCK_STREAM and bool(
            one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        )
        self._sockets.enter_context(contextlib.closing(one))
        self._selector.register(one, selectors.EVENT_READ, "listening" if listening else "reading")


def find_tokens(data: bytes) -> Iterator[str]:
    """Yield the tokens in some bytes: in plain, or as the first label of a DNS name."""
    for match in TOKEN.finditer(data):
        yield match[0].decode("ascii").removeprefix("wayseal-canary-")
    for match in _DNS_TOKEN.finditer(data):
        yield match[1].decode("ascii")


def read_tokens(notes: Path) -> frozenset[str]:
    """Return the tokens that a listener has noted."""
    return frozenset(notes.read_text(encoding="ascii").split())


def _open_sockets(address: str, tcp: Iterable[int], udp: Iterable[int]) -> Iterator[socket.socket]:
    """Yield every socket of one address: streams, datagrams, and raw ones where this process may."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for port in tcp:
        yield socket.create_server((address, port), family=family)
    for port in udp:
        one = socket.socket(family, socket.SOCK_DGRAM)
        one.bind((address, port))
        yield one
    protocols = RAW_PROTOCOLS if family == socket.AF_INET else (socket.IPPROTO_ICMPV6,)
    for protocol in protocols:
        with contextlib.suppress(PermissionError):
            raw = socket.socket(family, socket.SOCK_RAW, protocol)
            raw.bind((address, 0))
            yield raw
