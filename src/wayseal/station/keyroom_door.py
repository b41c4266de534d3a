"""The keyroom's door: where its socket is, who may stand at it, and what either side signs to prove who it is.

Owns no connection and no key. A proof is worth nothing on another connection: the challenge is random each time.
"""

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wayseal.model.errors import Refused

SOCKET = "keyroom.sock"
_CLIENT = b"wayseal-keyroom/1/client\n"
_SERVER = b"wayseal-keyroom/1/server\n"


def client_proof(challenge: bytes, nonce: bytes, keyroom_public: bytes) -> bytes:
    """Return what a client signs: the server's challenge, its own nonce, and the keyroom it means."""
    return _CLIENT + challenge + nonce + keyroom_public


def server_proof(challenge: bytes, nonce: bytes) -> bytes:
    """Return what the keyroom signs, so that a client knows it from somebody who sits on its socket."""
    return _SERVER + challenge + nonce


@contextmanager
def reach_socket(folder: Path) -> Iterator[str]:
    """Give a short path to the socket in a folder: a socket's address holds about 100 characters, a home's path any number."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET}"
    finally:
        os.close(descriptor)


def check_peer(connection: socket.socket) -> None:
    """Raise `Refused` unless the other end belongs to this process's user or to root."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", raw)
    if user not in {os.geteuid(), 0}:
        raise Refused("another user is at the keyroom's socket", hint="Run both as the same user.")
