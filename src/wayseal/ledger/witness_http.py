"""The witness on the network: the standard library's HTTP server with strict limits, and nothing but the protocol.

Owns sockets and limits; every decision is `ledger.witness`'s. It must never log a request's content or a client's address.
"""

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from wayseal.ledger.witness import MAX_REQUEST, Answer, Witness

REQUEST_TIMEOUT_S = 10.0
CONNECTION_LIMIT_S = 60.0
MAX_CONNECTIONS = 32


class _Handler(BaseHTTPRequestHandler):
    """One connection; `server.witness` answers."""

    protocol_version = "HTTP/1.1"
    server_version = "wayseal-witness"
    sys_version = ""
    timeout = REQUEST_TIMEOUT_S
    server: "WitnessServer"
    routes: ClassVar[dict[str, str]] = {"/add-checkpoint": "add_checkpoint", "/add-evidence": "add_evidence"}

    def do_POST(self) -> None:
        """Answer add-checkpoint, and add-evidence."""
        route = self.routes.get(self.path)
        length = self.headers.get("Content-Length", "")
        if route is None:
            self._send(Answer(404), close=True)
        elif "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            self._send(Answer(411, "send a Content-Length\n"), close=True)
        elif len(length) > 9 or int(length) > MAX_REQUEST:
            self._send(Answer(413, "too long\n"), close=True)
        else:
            body = self.rfile.read(int(length))
            if len(body) != int(length):
                self.close_connection = True
                return
            answer: Answer = getattr(self.server.witness, route)(body)
            self._send(answer)

    def do_GET(self) -> None:
        """Answer `/<sha256 of origin>/checkpoint` for monitors, and `/healthz`."""
        if self.path == "/healthz":
            self._send(self.server.check_health())
            return
        parts = self.path.split("/")
        known = len(parts) == 3 and parts[2] == "checkpoint"
        self._send(self.server.witness.latest(parts[1]) if known else Answer(404))

    def _send(self, answer: Answer, *, close: bool = False) -> None:
        body = answer.text.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.media_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        if close:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Log nothing: a witness has no business keeping who asked."""


class WitnessServer(ThreadingHTTPServer):
    """Serves one witness: at most 32 connections at a time, 10 seconds of silence and a minute in all for each."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], witness: Witness) -> None:
        self.witness = witness
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def check_health(self) -> Answer:
        """Answer 200 when the witness would sign, 503 when it knows that it must not."""
        return self.witness.check_health()

    def process_request_thread(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        """Serve one connection when there is a free slot; close it at once when there is none."""
        if not self._slots.acquire(blocking=False):
            self.shutdown_request(request)
            return
        end = threading.Timer(CONNECTION_LIMIT_S, self.shutdown_request, args=(request,))
        end.daemon = True
        end.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            end.cancel()
            self._slots.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Drop a connection that broke off; it has changed nothing."""
