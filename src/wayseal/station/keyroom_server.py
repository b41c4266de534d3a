"""The keyroom as a process of its own: a local socket, a proof of identity, then requests one after another.

Owns `HOME/keyroom/keyroom.sock` and the connections to it. It obeys nobody who has not signed its challenge, and says
nothing but errors that `model.errors` defines. What may be asked is in `keyroom_desk`.
"""

import os
import secrets
import socket
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wayseal.flow.policy import Policy
from wayseal.ledger.log import Ledger
from wayseal.model.clock import Clock
from wayseal.model.errors import Invalid, Refused, Unavailable, WaysealError
from wayseal.model.problem import encode_error
from wayseal.station.keyroom import Keyroom
from wayseal.station.keyroom_desk import Desk
from wayseal.station.keyroom_door import SOCKET, check_peer, client_proof, reach_socket, server_proof
from wayseal.station.keyroom_trust import (
    TRUST,
    Client,
    Trust,
    decode_trust,
    list_roles,
    read_trust,
    rules_entry,
    trust_entry,
    write_trust,
)
from wayseal.station.keyroom_wire import (
    FRAME_LIMIT,
    HELLO_LIMIT,
    PROTOCOL,
    Message,
    decode_message,
    encode_message,
    read_frame,
    send_frame,
)
from wayseal.station.settings import SiteSettings

CLIENTS = 64
"""Connections at once; one more is closed at once, which its client takes for a keyroom that does not answer."""
HELLO_S = 5.0
FRAME_S = 30.0


class KeyroomServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """A keyroom that listens. `serve_forever` until `shutdown`, then `server_close`; a killed one leaves nothing to repair."""

    daemon_threads = True
    request_queue_size = CLIENTS

    def __init__(self, folder: Path, desk: Desk, trust: Trust) -> None:
        """Listen. The caller holds the folder's lock alone, so that a socket found here is a dead one's."""
        self.desk = desk
        self.trust = trust
        self._folder = folder
        self._free = threading.BoundedSemaphore(CLIENTS)
        (folder / SOCKET).unlink(missing_ok=True)
        with reach_socket(folder) as address:
            super().__init__(address, _Conversation, bind_and_activate=False)
            before = os.umask(0o177)
            try:
                self.server_bind()
            finally:
                os.umask(before)
            self.server_activate()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a conversation, or refuse one too many."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Hold a conversation and free its place."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - socketserver's signature
        """Say on stderr which kind of error ended a conversation, and nothing of what was in it."""
        kind = sys.exc_info()[0]
        if kind is not None and not issubclass(kind, OSError):
            sys.stderr.write(f"keyroom: a conversation ended with {kind.__name__}\n")

    def server_close(self) -> None:
        """Let the request in hand finish, take no other, and remove the socket."""
        self.desk.lock.acquire()  # never released: threads that still wait die with the process
        super().server_close()
        (self._folder / SOCKET).unlink(missing_ok=True)


class _Conversation(socketserver.BaseRequestHandler):
    """One connection from its first byte to its last."""

    server: KeyroomServer
    request: socket.socket

    def handle(self) -> None:
        """Let the other side prove who it is, then answer it until it goes. One error before the proof ends it."""
        try:
            check_peer(self.request)
            client = self._greet()
        except WaysealError as error:
            self._send_error(error)
            return
        while True:
            try:
                payload = read_frame(self.request, limit=FRAME_LIMIT, within_s=FRAME_S, patient=True)
            except Invalid as error:  # where the next frame begins is unknown now
                self._send_error(error)
                return
            if payload is None:
                return
            self._answer(client, payload)

    def _greet(self) -> Client:
        """Return the client on the other side, after both have proved who they are. Raises `Refused` or `Invalid`."""
        challenge = secrets.token_bytes(32)
        self._send({"protocol": PROTOCOL, "challenge": challenge.hex()})
        payload = read_frame(self.request, limit=HELLO_LIMIT, within_s=HELLO_S)
        if payload is None:
            raise Invalid("nobody said who they are")
        fields = _read_hello(decode_message(payload, ("client", "nonce", "signature")))
        keyroom = self.server.desk.keyroom.identity
        client = self.server.trust.clients.get(fields[0])
        if client is None or not _is_signed(
            client, fields[2], client_proof(challenge, fields[1], keyroom.public)
        ):
            raise Refused(
                "the keyroom does not know this client", hint="Only the home's own centre may ask it."
            )
        self._send({"signature": keyroom.sign(server_proof(challenge, fields[1])).hex()})
        return client

    def _answer(self, client: Client, payload: bytearray) -> None:
        """Answer one request, with an error when there is one. A key that was sent does not stay in memory."""
        try:
            facts, body = self.server.desk.answer(client, decode_message(payload, ("op", "args")))
            message = encode_message({"answer": dict(facts), "error": None}, body)
        except WaysealError as error:
            self._send_error(error)
            return
        except Exception as error:
            self._send_error(Unavailable(f"the keyroom failed inside: {type(error).__name__}"))
            raise
        try:
            self.request.settimeout(FRAME_S)
            send_frame(self.request, message)
        finally:
            message[:] = bytes(len(message))
            if isinstance(body, bytearray):
                body[:] = bytes(len(body))

    def _send(self, answer: dict[str, Any]) -> None:
        self.request.settimeout(FRAME_S)
        send_frame(self.request, encode_message({"answer": answer, "error": None}))

    def _send_error(self, error: WaysealError) -> None:
        self.request.settimeout(FRAME_S)
        send_frame(self.request, encode_message({"answer": None, "error": encode_error(error)}))


def _is_signed(client: Client, signature: bytes, message: bytes) -> bool:
    """Say whether a client signed a message."""
    try:
        Ed25519PublicKey.from_public_bytes(client.public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _read_hello(message: Message) -> tuple[str, bytes, bytes]:
    """Return (client, nonce, signature). Raises `Invalid`."""
    match message.head:
        case {"client": str(name), "nonce": str(nonce), "signature": str(signature)}:
            try:
                found = name, bytes.fromhex(nonce), bytes.fromhex(signature)
            except ValueError:
                raise Invalid("a greeting that is not hexadecimal") from None
            if len(found[1]) == 32 and len(message.body) == 0:
                return found
    raise Invalid("not a greeting")


def renew_trust(
    home: Path, passphrase: bytes, settings: SiteSettings, clock: Clock, *, witnesses: str | None = None
) -> Trust:
    """Put the site's rules in force, let every client speak for the roles that they name, and return the new trust.

    `witnesses` is the text of a new witness policy; None keeps what is pinned. The ledger knows first. Raises `Unavailable`
    while the keyroom is open elsewhere, `KeeperLocked` for a wrong passphrase, `Invalid` for rules or a policy that cannot be.
    """
    folder = home / "keyroom"
    keyroom = Keyroom.open(folder, passphrase, settings, clock, alone=True)
    ledger = Ledger(home / "ledger", clock=clock)
    try:
        trust = decode_trust(
            (folder / TRUST).read_bytes()
        )  # not the ledger's word: an interrupted renewal is mended so
        text = (home / "policy" / "site.cedar").read_text(encoding="utf-8")
        Policy(text, zone=settings.time_zone)
        roles = list_roles(text)
        for client in trust.clients.values():
            trust = trust.admit(replace(client, roles=roles))
        trust = trust if witnesses is None else trust.pin(witnesses)
        ledger.append([trust_entry(trust), rules_entry(text)])
        write_trust(folder, trust)
    finally:
        ledger.close()
        keyroom.close()
    return trust


@contextmanager
def open_server(
    home: Path, passphrase: bytes, settings: SiteSettings, clock: Clock
) -> Iterator[KeyroomServer]:
    """Give a listening keyroom for a home, and close it afterwards.

    Raises `Unavailable` while somebody else has the keyroom open, `KeeperLocked`, `NotFound`, or `Integrity` when the list of
    clients is not the one on the ledger.
    """
    folder = home / "keyroom"
    ledger = Ledger(home / "ledger", clock=clock)
    try:
        trust = read_trust(folder, ledger)
        policy = Policy((home / "policy" / "site.cedar").read_text(encoding="utf-8"), zone=settings.time_zone)
        keyroom = Keyroom.open(folder, passphrase, settings, clock, alone=True)
        try:
            desk = Desk(keyroom, keyroom.open_gate(ledger, trust, policy), ledger, clock, threading.Lock())
            with KeyroomServer(folder, desk, trust) as server:
                yield server
        finally:
            keyroom.close()
    finally:
        ledger.close()
