"""Sockets for probes: every wait has an end, every answer a limit, and what came of it is a word.

Owns no judgement. It must never keep what a device sent beyond the first bytes, and never wait longer than it was told to,
however slowly the other side drips.
"""

import contextlib
import hashlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from time import monotonic

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

MOST = 16 * 1024
"""Bytes of one answer that are read."""


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    """A host (name or address) and a TCP or UDP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class State(StrEnum):
    """What came of talking to an endpoint."""

    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    FILTERED = "filtered"
    """No answer to the connection attempt before the time was up."""
    ALERTED = "alerted"
    """TLS was refused: an alert, or the end of the connection in its handshake."""
    CLOSED = "closed"
    """Connected, then ended without a byte."""
    SILENT = "silent"
    """Connected, then nothing until the time was up."""
    ANSWERED = "answered"


NEVER_CONNECTED = frozenset((State.REFUSED, State.UNREACHABLE, State.FILTERED))


@dataclass(frozen=True, slots=True)
class Session:
    """A TLS session's facts: its version, the certificate that was shown, and the digests (SHA-256, hex) of it and of its key."""

    version: str
    certificate_sha256: str
    key_sha256: str
    certificate: bytes = field(repr=False)

    def is_pinned(self, pin: str) -> bool:
        """Say whether a pin names this certificate, or its public key (SubjectPublicKeyInfo), which outlives renewals."""
        return pin in {self.certificate_sha256, self.key_sha256}


@dataclass(frozen=True, slots=True)
class Exchange:
    """How a talk ended, what was answered (at most `MOST` bytes), and the TLS session where there was one."""

    state: State
    data: bytes = field(default=b"", repr=False)
    session: Session | None = None

    @property
    def status_line(self) -> str:
        """The first line of the answer as printable ASCII, at most 60 characters: a protocol and a code."""
        line = self.data.split(b"\r\n", 1)[0].split(b"\n", 1)[0][:60]
        return "".join(chr(octet) if 32 <= octet < 127 else "?" for octet in line)


class Deadline:
    """An end of waiting that many steps share."""

    def __init__(self, seconds: float) -> None:
        self._end = monotonic() + seconds

    def left(self) -> float:
        """Return the seconds left. Raises `TimeoutError` when there are none."""
        left = self._end - monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class NoAnswer(Exception):  # noqa: N818 - what happened; callers turn it into a state
    """A connection or its TLS handshake did not come about."""

    def __init__(self, state: State) -> None:
        super().__init__(state.value)
        self.state = state


@dataclass(frozen=True, slots=True)
class Call:
    """An open connection, its TLS session where there is one, and when it must be over."""

    connection: socket.socket = field(repr=False)
    session: Session | None
    deadline: Deadline

    def ask(self, data: bytes, *, until: bytes = b"") -> Exchange:
        """Say `data` and return what was answered up to `until`, the end, or the limit; without `until` one read suffices."""
        heard = b""
        try:
            self.connection.settimeout(self.deadline.left())
            if data:
                self.connection.sendall(data)
            for part in _read_parts(self.connection, self.deadline):
                heard = (heard + part)[:MOST]
                if not until or until in heard or len(heard) == MOST:
                    break
            end = State.CLOSED
        except TimeoutError:
            end = State.SILENT
        except OSError:
            end = State.CLOSED if self.session is None else State.ALERTED
        return Exchange(State.ANSWERED if heard else end, heard, self.session)


@contextlib.contextmanager
def dial(endpoint: Endpoint, *, limit_s: float, tls: ssl.SSLContext | None = None) -> Iterator[Call]:
    """Yield an open connection. With `tls`, the handshake comes first; its certificate is told, not judged. Raises `NoAnswer`."""
    deadline = Deadline(limit_s)
    try:
        connection = socket.create_connection((endpoint.host, endpoint.port), timeout=deadline.left())
    except OSError as error:
        raise NoAnswer(name_failure(error)) from None
    with contextlib.closing(connection):
        if tls is None:
            yield Call(connection, None, deadline)
            return
        with contextlib.closing(_secure(connection, endpoint, tls, deadline)) as secured:
            yield Call(secured, _read_session(secured), deadline)


def _secure(
    connection: socket.socket, endpoint: Endpoint, tls: ssl.SSLContext, deadline: Deadline
) -> ssl.SSLSocket:
    """Return the connection after a TLS handshake. Raises `NoAnswer`."""
    try:
        connection.settimeout(deadline.left())
        return tls.wrap_socket(connection, server_hostname=endpoint.host)
    except TimeoutError:
        raise NoAnswer(State.SILENT) from None
    except (OSError, ValueError):
        raise NoAnswer(State.ALERTED) from None


def exchange(
    endpoint: Endpoint, data: bytes, *, limit_s: float, tls: ssl.SSLContext | None = None, until: bytes = b""
) -> Exchange:
    """Dial, ask once and hang up. Never raises for a bad peer."""
    try:
        with dial(endpoint, limit_s=limit_s, tls=tls) as call:
            return call.ask(data, until=until)
    except NoAnswer as error:
        return Exchange(error.state)


def knock(endpoint: Endpoint, *, limit_s: float) -> State:
    """Connect, hang up, and return what came of it: `ANSWERED` for an open port, whoever listens there."""
    try:
        with dial(endpoint, limit_s=limit_s):
            return State.ANSWERED
    except NoAnswer as error:
        return error.state


def name_failure(error: OSError) -> State:
    """Return what a failed connection attempt means."""
    if isinstance(error, ConnectionRefusedError):
        return State.REFUSED
    return State.FILTERED if isinstance(error, TimeoutError) else State.UNREACHABLE


def _read_parts(connection: socket.socket, deadline: Deadline) -> Iterator[bytes]:
    """Yield what arrives until the other side ends. Raises `TimeoutError` when the deadline comes first."""
    while True:
        connection.settimeout(deadline.left())
        part = connection.recv(4096)
        if not part:
            return
        yield part


def _read_session(secured: ssl.SSLSocket) -> Session:
    """Return the facts of an open session."""
    shown = secured.getpeercert(binary_form=True) or b""
    try:
        key = x509.load_der_x509_certificate(shown).public_key()
        spelt = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        key_sha256 = hashlib.sha256(spelt).hexdigest()
    except (ValueError, UnsupportedAlgorithm):
        key_sha256 = "unreadable"
    return Session(secured.version() or "none", hashlib.sha256(shown).hexdigest(), key_sha256, shown)


def modern_tls(*, certificate: tuple[str, str] | None = None) -> ssl.SSLContext:
    """Return a client's settings for TLS 1.3 and nothing below; the certificate is pinned by its digest, so no chain is checked.

    `certificate` is a (certificate file, key file) to show.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    if certificate is not None:
        context.load_cert_chain(*certificate)
    return context


def any_tls() -> ssl.SSLContext:
    """Return a client's settings for every version of TLS: to try a login, whatever else is wrong."""
    context = old_tls()
    context.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED
    return context


def old_tls() -> ssl.SSLContext:
    """Return a client's settings for TLS 1.0 to 1.2 only, with every cipher: what a careful server must refuse."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with contextlib.suppress(ValueError):
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def is_current(certificate: bytes, now: datetime) -> bool:
    """Say whether a DER certificate is one, and is within its time of validity."""
    try:
        read = x509.load_der_x509_certificate(certificate)
    except ValueError:
        return False
    return read.not_valid_before_utc <= now <= read.not_valid_after_utc
