"""The centre on the network: HTTPS with certificates on both sides, strict limits, and the desk's eight verbs.

Owns sockets, deadlines and limits; every decision is `carrier_desk`'s. It never logs a request's content or an address, and
answers nobody who has shown no certificate of the site's own authority.
"""

import json
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from OpenSSL import SSL

from wayseal.model.clock import Clock
from wayseal.model.errors import Invalid, NotFound, Unavailable, WaysealError
from wayseal.model.problem import encode_error
from wayseal.seal.keys import KeyKeeper
from wayseal.station.carrier_ca import Badge, SiteAuthority, load_tls_key, needs_renewal, read_badge
from wayseal.station.carrier_desk import CentreDesk
from wayseal.station.carrier_tls import Negotiated, TlsStream, make_context
from wayseal.station.carrier_wire import BODY_LIMITS

HANDSHAKE_S = 20.0
IDLE_S = 90.0
REQUEST_S = 120.0
CONNECTIONS = 256
CONNECTIONS_A_LANE = 4
_PATH = "/v1/"


class TlsFace:
    """How the centre shows itself: its TLS key and a certificate that is renewed before it runs out."""

    def __init__(self, authority: SiteAuthority, key: Ed25519PrivateKey, device: str, clock: Clock) -> None:
        self._authority = authority
        self._key = key
        self._device = device
        self._clock = clock
        self._lock = threading.Lock()
        self._certificate: x509.Certificate | None = None

    @classmethod
    def open(
        cls, authority: SiteAuthority, keeper: KeyKeeper, folder: Path, device: str, clock: Clock
    ) -> "TlsFace":
        """Return the face of the centre whose keys are in `folder`."""
        return cls(authority, load_tls_key(keeper, folder, "centre"), device, clock)

    def context(self) -> SSL.Context:
        """Return the TLS context for one connection."""
        now = self._clock()
        with self._lock:
            if self._certificate is None or needs_renewal(self._certificate, now):
                self._certificate = self._authority.issue(
                    "centre", "centre", self._key.public_key(), self._device
                )
            shown = self._certificate
        return make_context(
            server=True, key=self._key, certificate=shown, authority=self._authority.certificate, now=now
        )


class _Handler(BaseHTTPRequestHandler):
    """One connection; `server.desk` answers."""

    protocol_version = "HTTP/1.1"
    server_version = "wayseal-centre"
    sys_version = ""
    server: "CentreServer"
    connection: Any

    def handle_one_request(self) -> None:
        """Answer one request, or end a connection that stays silent."""
        self.connection.allow(IDLE_S)
        super().handle_one_request()

    def do_POST(self) -> None:
        """Answer one verb."""
        self.connection.allow(REQUEST_S)
        try:
            verb, body = self._read_request()
            self._send(200, "application/json", self.server.answer(verb, self.connection, body))
        except WaysealError as error:
            self.server.desk.counts.refused += 1
            self._send_problem(error)
        except OSError:
            raise
        except Exception as error:
            self._send_problem(Unavailable(f"the centre failed inside: {type(error).__name__}"))
            raise

    def do_GET(self) -> None:
        """Answer `health` to whoever asks with GET."""
        self.do_POST()

    def _read_request(self) -> tuple[str, bytes]:
        """Return verb and body. Raises `NotFound` or `Invalid`; after that nothing more is read from the connection."""
        self.close_connection = True
        verb = self.path.removeprefix(_PATH)
        if (
            verb not in BODY_LIMITS
            or not self.path.startswith(_PATH)
            or (self.command == "GET") != (verb == "health")
        ):
            raise NotFound("the centre has no such verb")
        lengths = self.headers.get_all("Content-Length", ["0"] if verb == "health" else [])
        if "Transfer-Encoding" in self.headers or len(lengths) != 1:
            raise Invalid("a request without one Content-Length")
        text = lengths[0]
        if not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) > BODY_LIMITS[verb]:
            raise Invalid("a request that is too long", hint="Send one vehicle at a time.")
        body = self.rfile.read(int(text))
        if len(body) != int(text):
            raise Invalid("a request that breaks off")
        self.close_connection = self.headers.get("Connection", "").lower() == "close"
        return verb, body

    def _send_problem(self, error: WaysealError) -> None:
        """Send an error as a problem document (RFC 9457)."""
        value = encode_error(error)
        problem = {
            "type": f"urn:wayseal:problem:{value['kind']}",
            "title": value["message"],
            "status": error.http_status,
            "detail": value["hint"],
            "error": value,
        }
        body = json.dumps(problem, separators=(",", ":")).encode()
        self._send(error.http_status, "application/problem+json", body)

    def _send(self, status: int, media_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return a Date by the centre's own clock: lanes go by it."""
        return super().date_time_string(
            self.server.desk.site.clock().timestamp() if timestamp is None else timestamp
        )

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Log nothing: which lane sends when is on the ledger."""


class CentreServer(ThreadingHTTPServer):
    """Serves one desk. At most 256 connections, four of them a lane's; each wait has an end, however slow the other side is."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self,
        address: tuple[str, int],
        desk: CentreDesk,
        face: TlsFace,
        site: str,
        warn: Callable[[str], None],
    ) -> None:
        """Listen. `warn` says a line to the operator and never waits."""
        self.desk = desk
        self._warn = warn
        self._face = face
        self._site = site
        self._slots = threading.BoundedSemaphore(CONNECTIONS)
        self._lanes: Counter[str] = Counter()
        self._counting = threading.Condition()
        self._raw: set[socket.socket] = set()
        self.negotiated: Negotiated | None = None
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def answer(self, verb: str, stream: TlsStream, body: bytes) -> bytes:
        """Return the desk's answer to whom the connection's certificate names."""
        certificate = stream.peer
        return self.desk.answer(verb, read_badge(certificate, site=self._site), certificate, body)

    def process_request_thread(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: Any
    ) -> None:
        """Shake hands and serve one connection, when there is a free place for it and its lane."""
        if not isinstance(request, socket.socket) or not self._slots.acquire(blocking=False):
            self.shutdown_request(request)
            return
        with self._counting:
            self._raw.add(request)
        try:
            self._serve(request, client_address)
        except (OSError, WaysealError):
            pass  # it broke off or was not let in; it has changed nothing
        except Exception:  # noqa: BLE001 - one connection must not end the others
            self.handle_error(request, client_address)
        finally:
            self.shutdown_request(request)
            self._slots.release()
            with self._counting:
                self._raw.discard(request)
                self._counting.notify_all()

    def server_close(self) -> None:
        """Take no connection any more, break off those that are open, and wait until what they asked for is done or undone."""
        super().server_close()
        with self._counting:
            for raw in self._raw:
                with suppress(OSError):
                    raw.shutdown(socket.SHUT_RDWR)
            self._counting.wait_for(lambda: not self._raw, timeout=REQUEST_S)

    def _serve(self, request: socket.socket, client_address: Any) -> None:
        """Serve one connection from its handshake to its end."""
        stream = TlsStream(request, self._face.context(), server=True, within_s=HANDSHAKE_S)
        badge: Badge = read_badge(stream.peer, site=self._site)
        self.negotiated = stream.negotiated
        with self._counting:
            if self._lanes[badge.name] >= CONNECTIONS_A_LANE:
                stream.close()
                return
            self._lanes[badge.name] += 1
        try:
            self.finish_request(stream, client_address)  # type: ignore[arg-type]  # as a socket, for what http.server needs
        finally:
            with self._counting:
                self._lanes[badge.name] -= 1
            stream.close()

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - the standard library's signature
        """Say which kind of error ended a connection, and nothing of what was in it."""
        kind = sys.exc_info()[0]
        if kind is not None and not issubclass(kind, OSError):
            self._warn(f"a connection ended with {kind.__name__}")
