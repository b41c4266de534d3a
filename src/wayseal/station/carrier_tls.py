"""TLS 1.3 with certificates on both sides, over one socket: what the carrier's client and server stand on.

Owns handshake, deadlines and what was negotiated. It comes from pyOpenSSL, whose OpenSSL is the one that `cryptography`
brings: so the hybrid group X25519MLKEM768 does not depend on the system's library, and no private key has to be written
to a file to be loaded. Who the certificate of the other side belongs to is `carrier_ca`'s to say, and the caller must ask.
"""

import io
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from OpenSSL import SSL, crypto

_CHUNK = 1 << 16
_LINGER_S = 1.0
_LINGER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What both sides agreed on: protocol, cipher, and the group of the key exchange."""

    protocol: str
    cipher: str
    group: str


def make_context(
    *,
    server: bool,
    key: Ed25519PrivateKey,
    certificate: x509.Certificate,
    authority: x509.Certificate,
    now: datetime,
) -> SSL.Context:
    """Return a context that speaks TLS 1.3 only, shows this certificate, and wants one of the same authority from the other side.

    Certificates are judged as of `now`, so that a context is for one connection. Sessions are not resumed: each connection
    shows its certificate anew. Groups are OpenSSL's defaults, the hybrid one first.
    """
    context = SSL.Context(SSL.TLS_SERVER_METHOD if server else SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_TICKET)
    context.use_certificate(certificate)
    context.use_privatekey(key)
    store = context.get_cert_store()
    if store is None:
        raise RuntimeError("OpenSSL gave no certificate store")
    store.add_cert(crypto.X509.from_cryptography(authority))
    store.set_time(now.astimezone(UTC))
    context.set_verify(
        SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda _c, _x, _e, _d, good: bool(good)
    )
    context.set_verify_depth(1)
    return context


class CertificateRejected(ConnectionError):  # noqa: N818 - as the model's errors are named
    """One side did not accept the other's certificate. `code` says why: `certificate-expired` or `certificate-unknown`."""

    def __init__(self, code: str) -> None:
        super().__init__("a certificate was not accepted")
        self.code = code


class TlsStream:
    """A connection after its handshake, as `http.server` and `http.client` expect a socket to be.

    Every wait ends at the deadline that `allow` sets, however slowly the other side sends. Raises `OSError` (`TimeoutError`)
    for a connection that broke or is too slow.
    """

    def __init__(self, raw: socket.socket, context: SSL.Context, *, server: bool, within_s: float) -> None:
        """Shake hands. Raises `OSError`, also when a certificate was not accepted."""
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._raw = raw
        self._readers, self._closing = 0, False
        self._tls = SSL.Connection(context, None)
        self._tls.set_accept_state() if server else self._tls.set_connect_state()
        self.allow(within_s)
        try:
            while not self._shake():
                self._fill()
        except SSL.Error as error:
            self._close()
            raise _explain(error) from None

    def allow(self, seconds: float) -> None:
        """Let everything from now on take so many seconds together."""
        self._deadline = time.monotonic() + seconds

    @property
    def peer(self) -> x509.Certificate:
        """The other side's certificate, which the authority signed and which is within its time."""
        found = self._tls.get_peer_certificate(as_cryptography=True)
        if found is None:
            raise ConnectionError("the other side showed no certificate")
        return found

    @property
    def negotiated(self) -> Negotiated:
        """What was agreed on."""
        return Negotiated(
            self._tls.get_protocol_version_name(),
            self._tls.get_cipher_name() or "unknown",
            self._tls.get_group_name() or "unknown",
        )

    def recv(self, size: int) -> bytes:
        """Return up to `size` bytes; none when the other side closed in good order."""
        while True:
            try:
                return self._tls.recv(size)
            except SSL.WantReadError:
                self._drain()
                self._fill()
            except SSL.ZeroReturnError:
                return b""
            except SSL.Error as error:
                raise _explain(error) from None

    def sendall(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of it."""
        view = memoryview(data)
        try:
            while view:
                view = view[self._tls.send(view[:_CHUNK]) :]
                self._drain()
        except SSL.Error as error:
            raise _explain(error) from None

    def makefile(self, mode: str = "rb", buffering: int = -1) -> io.BufferedReader:
        """Return a buffered reader of what comes in."""
        if mode != "rb":
            raise ValueError(mode)
        self._readers += 1
        return io.BufferedReader(_Incoming(self), _CHUNK if buffering < 0 else max(buffering, 1))

    def settimeout(self, _seconds: float | None) -> None:
        """Do nothing: deadlines are set by `allow`, as one for a whole request."""

    def close(self) -> None:
        """Say goodbye, let the other side read what was said last, and close the socket; with the last reader, as sockets do."""
        self._closing = True
        if self._readers == 0:
            self._close()

    def release(self) -> None:
        """Count one reader less."""
        self._readers -= 1
        if self._closing and self._readers == 0:
            self._close()

    def _close(self) -> None:
        try:
            self.allow(_LINGER_S)
            self._say_goodbye()
            self._raw.shutdown(socket.SHUT_WR)
            left = _LINGER_BYTES
            while left > 0 and (data := self._receive()):
                left -= len(data)
        except (OSError, SSL.Error):
            pass
        self._raw.close()

    def _shake(self) -> bool:
        """Go on with the handshake and say whether it is over."""
        try:
            self._tls.do_handshake()
        except SSL.WantReadError:
            self._drain()
            return False
        self._drain()
        return True

    def _fill(self) -> None:
        """Take in what the network has."""
        data = self._receive()
        if not data:
            raise ConnectionError("the other side went away")
        while data:
            data = data[self._tls.bio_write(data) :]

    def _receive(self) -> bytes:
        """Return bytes as the network has them; none when the other side closed."""
        self._raw.settimeout(self._left())
        return self._raw.recv(_CHUNK)

    def _drain(self) -> None:
        """Hand out what waits to be sent."""
        while True:
            try:
                data = self._tls.bio_read(_CHUNK)
            except SSL.WantReadError:
                return
            self._raw.settimeout(self._left())
            self._raw.sendall(data)

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the other side is too slow")
        return left

    def _say_goodbye(self) -> None:
        """Send what waits, an alert perhaps, and that nothing more comes."""
        self._drain()
        try:
            self._tls.shutdown()
        except SSL.Error:
            return  # the handshake was never done
        self._drain()


def _explain(error: SSL.Error) -> ConnectionError:
    """Return what an error of OpenSSL's means here."""
    reasons = " ".join(str(part) for item in error.args[:1] if isinstance(item, list) for part in item)
    if "certificate expired" in reasons or "certificate has expired" in reasons:
        return CertificateRejected("certificate-expired")
    if "certificate" in reasons or "unknown ca" in reasons:
        return CertificateRejected("certificate-unknown")
    return ConnectionError("the connection broke, or the other side speaks no TLS 1.3")


class _Incoming(io.RawIOBase):
    """A stream's incoming side as Python's buffered reader wants it."""

    def __init__(self, stream: TlsStream) -> None:
        self._stream = stream

    def close(self) -> None:
        """Let the stream close too, if it waits for that."""
        if not self.closed:
            super().close()
            self._stream.release()

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]  # any writable buffer
        """Fill a buffer as far as one read goes."""
        data = self._stream.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)
