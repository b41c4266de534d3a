"""A lane's line to its centre: eight verbs over HTTPS, and every failure as one of `model.errors`.

Owns one connection, which is made when it is needed and kept. A request that got no answer raises `Unavailable`; all verbs
may be repeated, so the caller tries again later. It holds no key but the lane's own for TLS.
"""

import http.client
import json
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wayseal.model.border import Direction
from wayseal.model.clock import Clock
from wayseal.model.custody import Receipt, SealedRecord
from wayseal.model.errors import Invalid, Refused, Unavailable, WaysealError
from wayseal.model.ids import EncounterId
from wayseal.model.problem import decode_error
from wayseal.station.carrier_ca import read_badge
from wayseal.station.carrier_tls import CertificateRejected, Negotiated, TlsStream, make_context
from wayseal.station.carrier_wire import (
    ANSWER_LIMIT,
    Delivery,
    JoinRequest,
    RosterAnswer,
    TicketRequest,
    decode_certificate,
    decode_joined,
    decode_permitted,
    decode_receipts,
    decode_roster_answer,
    decode_ticket_key,
    encode_delivery,
    encode_entries,
    encode_join,
    encode_roster_request,
    encode_ticket,
)

CONNECT_S = 20.0
ANSWER_S = 60.0
WHO = "the centre"


@dataclass(frozen=True, slots=True)
class Ends:
    """The two ends of a line: the centre's address and authority, and the site; what this side shows, and its key."""

    host: str
    port: int
    site: str
    authority: x509.Certificate
    certificate: x509.Certificate
    key: Ed25519PrivateKey


class CarrierLink:
    """One line. Threads may share it; they take turns."""

    def __init__(
        self,
        ends: Ends,
        clock: Clock,
        *,
        answer_s: float = ANSWER_S,
        hear_date: Callable[[str | None], None] = lambda _: None,
    ) -> None:
        """Open nothing yet. `hear_date` is told the Date of each answer of the centre's."""
        self._ends = ends
        self._hear_date = hear_date
        self._clock = clock
        self._answer_s = answer_s
        self._turn = threading.Lock()
        self._open: _Connection | None = None
        self.negotiated: Negotiated | None = None

    def deliver(
        self, encounter: EncounterId, records: Sequence[SealedRecord], direction: Direction
    ) -> tuple[Receipt, ...]:
        """Carry one vehicle's records and bring the receipts back. The caller verifies them before anything is released."""
        return decode_receipts(
            self._ask("deliver", encode_delivery(Delivery(encounter, direction, tuple(records))))
        )

    def fetch_roster(self, charter: int) -> RosterAnswer:
        """Return the newest roster, and the charters after the one of this version. Raises `NotArmed` when disarmed."""
        return decode_roster_answer(self._ask("roster", encode_roster_request(charter)))

    def join(self, request: JoinRequest) -> tuple[str, bytes]:
        """Return the certificate (PEM) and the mark key of a lane that joins."""
        return decode_joined(self._ask("join", encode_join(request)))

    def renew(self) -> str:
        """Return a fresh certificate (PEM) for this lane's keys."""
        return decode_certificate(self._ask("renew", b""))

    def report_ports(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Bring what this host's watch of its ports has seen to the centre's ledger."""
        self._ask("ports", encode_entries(entries))

    def use_ticket(self, token: str, verb: str, technician: str) -> tuple[str, dict[str, Any]]:
        """Return ticket and the centre's numbers once a use is on the ledger. Raises `Refused` for what is not permitted."""
        return decode_permitted(self._ask("ticket", encode_ticket(TicketRequest(token, verb, technician))))

    def report_tickets(self, entries: Sequence[Mapping[str, Any]]) -> bytes:
        """Bring what was done here under tickets to the centre's ledger; return the public half of the site's ticket key."""
        return decode_ticket_key(self._ask("tickets", encode_entries(entries)))

    def read_health(self) -> dict[str, int]:
        """Return the centre's figures."""
        figures = json.loads(self._ask("health", b"", method="GET"))
        return {str(name): int(value) for name, value in figures.items()}

    def show(self, certificate: x509.Certificate) -> None:
        """Show this certificate from the next connection on."""
        with self._turn:
            ends = self._ends
            self._ends = Ends(ends.host, ends.port, ends.site, ends.authority, certificate, ends.key)
            self._drop()

    def close(self) -> None:
        """Close the connection."""
        with self._turn:
            self._drop()

    def _ask(self, verb: str, body: bytes, *, method: str = "POST") -> bytes:
        """Return the answer's body. Raises what the centre raised, or `Unavailable`.

        A kept connection that the centre has closed meanwhile is made anew, once: every verb may be repeated.
        """
        with self._turn:
            fresh = self._open is None
            try:
                return self._ask_once(verb, body, method)
            except (OSError, http.client.HTTPException) as error:
                self._drop()
                if fresh:
                    raise _failure(error) from None
            try:
                return self._ask_once(verb, body, method)
            except (OSError, http.client.HTTPException) as error:
                self._drop()
                raise _failure(error) from None

    def _ask_once(self, verb: str, body: bytes, method: str) -> bytes:
        """Send one request and return the answer's body."""
        connection = self._open = self._open or self._connect()
        connection.stream.allow(self._answer_s)
        connection.request(method, f"/v1/{verb}", body=body or None, headers=_HEADERS if body else _EMPTY)
        answer = connection.getresponse()
        self._hear_date(answer.headers.get("Date"))
        data = answer.read(ANSWER_LIMIT + 1)
        if len(data) > ANSWER_LIMIT:
            raise http.client.HTTPException("an answer that is too long")
        if answer.will_close:
            self._drop()
        if answer.status != 200:
            raise _read_problem(data)
        return data

    def _connect(self) -> "_Connection":
        """Return a connection to the centre, and to nobody else. Raises `OSError`, or `Refused` for another end than the centre."""
        ends = self._ends
        context = make_context(
            server=False,
            key=ends.key,
            certificate=ends.certificate,
            authority=ends.authority,
            now=self._clock(),
        )
        raw = socket.create_connection((ends.host, ends.port), timeout=CONNECT_S)
        try:
            stream = TlsStream(raw, context, server=False, within_s=CONNECT_S)
            _check_centre(stream, ends.site)
        except CertificateRejected:
            raw.close()
            raise _stranger() from None
        except BaseException:
            raw.close()
            raise
        self.negotiated = stream.negotiated
        return _Connection(ends.host, ends.port, stream)

    def _drop(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None


class _Connection(http.client.HTTPConnection):
    """The standard library's client on a stream that is open already."""

    def __init__(self, host: str, port: int, stream: TlsStream) -> None:
        super().__init__(host, port)
        self.stream = stream
        self.sock = stream
        self.auto_open = 0


_HEADERS = {"Content-Type": "application/octet-stream"}
_EMPTY = {"Content-Length": "0"}


def _read_problem(data: bytes) -> WaysealError:
    """Return the error of a problem document."""
    try:
        problem = json.loads(data)
        return decode_error(problem["error"], who=WHO)
    except (ValueError, KeyError, TypeError, RecursionError):
        return Unavailable("what answers at the centre's address speaks another language")


def _check_centre(stream: TlsStream, site: str) -> None:
    """Raise `Refused` unless the site's centre is at the other end."""
    if read_badge(stream.peer, site=site).role != "centre":
        raise _stranger()


def _stranger() -> Refused:
    return Refused(
        "what answers at the centre's address is not this site's centre",
        hint="Check the address; nothing was sent.",
        code="not-the-centre",
    )


def _failure(error: Exception) -> WaysealError:
    """Return what a broken request means."""
    if isinstance(error, CertificateRejected):
        return Refused(
            "the centre does not accept this lane's certificate",
            hint="Enrol the lane again: wayseal lane enrol at the centre, then wayseal lane join.",
            code=error.code,
        )
    return Unavailable(
        "the centre does not answer",
        hint="What is sealed stays in the outbox and goes when the centre is back.",
    )


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port of `https://HOST:PORT` or `HOST:PORT`. Raises `Invalid`."""
    host, colon, port = text.removeprefix("https://").rstrip("/").rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535 or "/" in host:
        raise Invalid("not an address", hint="Write it as https://HOST:PORT.")
    return host.removeprefix("[").removesuffix("]"), int(port)
