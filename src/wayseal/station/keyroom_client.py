"""The keyroom as its clients see it: the same doings as `station.keyroom.Keyroom`, through the socket.

Owns one connection. It never sends a request twice: when the keyroom goes silent in the middle of one, nobody here knows
whether it was done, and the caller is told so. It holds no opening key, and data keys only on their way to the opener.
"""

import secrets
import socket
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wayseal.flow.policy import Principal
from wayseal.flow.request import Learned, UnwrapBatch
from wayseal.ledger.log import Ledger
from wayseal.model.clock import Clock, from_text
from wayseal.model.custody import EpochKey, Kind, SealedRecord
from wayseal.model.errors import Integrity, Invalid, Unavailable
from wayseal.model.ids import EpochId, RecordId, epoch_id
from wayseal.seal.device import DeviceSigner
from wayseal.seal.envelope import parse_record
from wayseal.seal.keys import Roster, parse_roster
from wayseal.seal.keys.vault import Tombstone
from wayseal.seal.suite import DATA_KEY_SIZE
from wayseal.station.keyroom_door import check_peer, client_proof, reach_socket, server_proof
from wayseal.station.keyroom_trust import KeyroomPin
from wayseal.station.keyroom_wire import (
    FRAME_LIMIT,
    HELLO_LIMIT,
    PROTOCOL,
    Message,
    decode_error,
    decode_message,
    encode_batch,
    encode_message,
    read_frame,
    send_frame,
    split_records,
)

_NO_EPOCH = "none/2000-01-01T00Z"
ANSWER_S = 60.0
"""How long a client waits for an answer."""


@dataclass(frozen=True, slots=True)
class PublicIdentity:
    """A name's public key, where the private half is elsewhere."""

    name: str
    public: bytes


@dataclass(frozen=True, slots=True)
class KeeperLine:
    """A keeper that is elsewhere, as far as it can be told."""

    line: str

    def describe(self) -> str:
        """Return what holds the keys and what its destruction is worth."""
        return self.line


class KeyroomLink:
    """One authenticated connection, made when it is needed. Threads may share it; they take turns."""

    def __init__(self, folder: Path, name: str, signer: DeviceSigner, pin: KeyroomPin) -> None:
        self._folder = folder
        self._name = name
        self._signer = signer
        self._pin = pin
        self._turn = threading.Lock()
        self._connection: socket.socket | None = None

    def ask(
        self, operation: str, args: Mapping[str, Any] | None = None, body: bytes | bytearray = b""
    ) -> Message:
        """Return the keyroom's answer; its body is the caller's to zero.

        Raises what the keyroom raised. Raises `Unavailable` when it is silent: then the request may or may not have been
        done, and it is not sent again.
        """
        payload = encode_message({"op": operation, "args": dict(args or {})}, body)
        with self._turn:
            try:
                if self._connection is not None and _is_gone(self._connection):
                    self._drop()  # it was restarted meanwhile; nothing of this request was sent yet
                self._connection = self._connection or self._connect()
                self._connection.settimeout(ANSWER_S)
                send_frame(self._connection, payload)
                answer = _receive(self._connection, FRAME_LIMIT)
            except OSError:
                self._drop()
                raise _silent() from None
        return _open_answer(answer)

    def connect(self) -> None:
        """Make the connection now. Raises `Unavailable`, `Refused` for a client it does not know, `Integrity` for a stranger."""
        with self._turn:
            try:
                self._connection = self._connection or self._connect()
            except OSError:
                raise _silent() from None

    def close(self) -> None:
        """Close the connection."""
        with self._turn:
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> socket.socket:
        """Return a connection on which both sides have proved who they are."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(ANSWER_S)
            with reach_socket(self._folder) as address:
                connection.connect(address)
            check_peer(connection)
            self._greet(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _greet(self, connection: socket.socket) -> None:
        """Sign the keyroom's challenge, and check that it can sign ours. Raises `Refused` or `Integrity`."""
        match _open_answer(_receive(connection, HELLO_LIMIT)).head["answer"]:
            case {"protocol": str(protocol), "challenge": str(text)} if protocol == PROTOCOL:
                challenge = _from_hex(text)
            case _:
                raise Integrity("something at the keyroom's socket speaks another language")
        nonce = secrets.token_bytes(32)
        proof = self._signer.sign(client_proof(challenge, nonce, self._pin.identity))
        hello = {"client": self._name, "nonce": nonce.hex(), "signature": proof.hex()}
        send_frame(connection, encode_message(hello))
        answer = _open_answer(_receive(connection, HELLO_LIMIT)).head["answer"]
        signature = _from_hex(str(answer.get("signature", "")))
        try:
            Ed25519PublicKey.from_public_bytes(self._pin.identity).verify(
                signature, server_proof(challenge, nonce)
            )
        except InvalidSignature:
            raise Integrity("what answers at the keyroom's socket is not this home's keyroom") from None


class KeyroomClient:
    """A keyroom in another process, with the doings of `station.keyroom.Keyroom` that a site needs."""

    def __init__(self, link: KeyroomLink, pin: KeyroomPin, clock: Clock) -> None:
        self._link = link
        self._clock = clock
        self.official = PublicIdentity("roster", pin.official)
        self.identity = PublicIdentity("keyroom", pin.identity)
        self.vault = RemoteVault(link)

    def close(self) -> None:
        """Close the connection."""
        self._link.close()

    def seen_size(self) -> int:
        """Return the size of the newest checkpoint that the gate has accepted."""
        return int(self._link.ask("seen_size").head["answer"]["size"])

    def learn(self, news: UnwrapBatch) -> Learned:
        """Let the keyroom read the ledger up to a checkpoint; raises as `flow.release.Gate.learn`."""
        answer = self._link.ask("learn", {}, encode_batch(news)).head["answer"]
        return Learned(int(answer["read"]), int(answer["witnessed"]), bool(answer["pinned"]))

    def settle(self, about: str, petition_id: str, news: UnwrapBatch) -> int:
        """Let the keyroom carry out a petition; raises as `flow.release.Gate.settle`."""
        args = {"about": about, "petition": petition_id}
        return int(self._link.ask("settle", args, encode_batch(news)).head["answer"]["ledger_index"])

    def draw(self, principal: Principal, kinds: Sequence[Kind]) -> None:
        """Draw on somebody's allowance; raises as `flow.release.Gate.draw`."""
        named = [kind.value for kind in kinds]
        self._link.ask("draw", {"principal": asdict(principal), "kinds": named})

    def unwrap(self, principal: Principal, batch: UnwrapBatch) -> list[bytearray]:
        """Return one data key for each request, which the caller zeroes. All or none; raises as `flow.release.Gate.unwrap`."""
        body = self._link.ask("unwrap", {"principal": asdict(principal)}, encode_batch(batch)).body
        if len(body) != DATA_KEY_SIZE * len(batch.requests):
            raise Unavailable("the keyroom answered with another number of keys")
        keys = [bytearray(body[at : at + DATA_KEY_SIZE]) for at in range(0, len(body), DATA_KEY_SIZE)]
        body[:] = bytes(len(body))
        return keys

    def rewrap(
        self, principal: Principal, batch: UnwrapBatch, *, to_epoch: EpochId, reason: str
    ) -> list[SealedRecord]:
        """Return each record wrapped to one more epoch. All or none; raises as `flow.release.Gate.rewrap`."""
        args = {"principal": asdict(principal), "to_epoch": to_epoch, "reason": reason}
        answer = self._link.ask("rewrap", args, encode_batch(batch))
        return [parse_record(data) for data in split_records(answer.body)]

    def keys_for(self, record_class: str) -> tuple[EpochKey, ...]:
        """Return the key of a class's current hour, made now if need be."""
        return (self.vault.create_epoch(epoch_id(record_class, self._clock())),)

    def publish_roster(
        self,
        ledger: Ledger,  # noqa: ARG002 - as `Keyroom`
        *,
        devices: Mapping[str, bytes],
        refused: Collection[str] = (),
    ) -> bytes:
        """Let the keyroom sign a fresh roster; see `station.keyroom.Keyroom.publish_roster`. It logs to its own home's ledger."""
        named = {name: public.hex() for name, public in devices.items()}
        args = {"devices": named, "refused": sorted(refused)}
        return bytes(self._link.ask("publish_roster", args).body)

    def read_roster(self) -> Roster | None:
        """Return the newest roster, or None before the first. Raises `Integrity` when the keyroom's official did not sign it."""
        answer = self._link.ask("read_roster")
        if not answer.head["answer"]["there"]:
            return None
        return parse_roster(bytes(answer.body), [self.official.public])

    def note_canary(self, record: RecordId) -> None:
        """Tell the keyroom of a canary that a lane has laid. Repeating it does nothing."""
        self._link.ask("note_canary", {"record": record})


class RemoteVault:
    """The keyroom's epochs from outside: public halves, and their end. A `seal.keys.vault.EpochBook`."""

    def __init__(self, link: KeyroomLink) -> None:
        self._link = link

    @property
    def keeper(self) -> KeeperLine:
        """What holds the keys, in one line."""
        return KeeperLine(str(self._link.ask("epochs", {"only": _NO_EPOCH}).head["answer"]["keeper"]))

    def epoch_keys(self) -> tuple[EpochKey, ...]:
        """Return the public halves of the live epochs, in the order of their names."""
        return self._list("")

    def has(self, epoch: EpochId) -> bool:
        """Return whether records of this epoch can still be opened."""
        return bool(self._list(epoch))

    def create_epoch(self, epoch: EpochId) -> EpochKey:
        """Return the epoch's public key, made now unless it exists. Raises `Erased`, and `NotArmed` for a distant hour."""
        return EpochKey(epoch, bytes(self._link.ask("keys_for", {"epoch": epoch}).body))

    def destroy(self, epoch: EpochId) -> Tombstone:
        """Let an epoch die whose `erase` entry is on the ledger. Raises `Refused` without one, `Erased` for an unknown epoch."""
        answer = self._link.ask("destroy", {"epoch": epoch}).head["answer"]
        return Tombstone(epoch, str(answer["public_sha256"]), from_text(answer["destroyed_at"]))

    def renew_wraps(self) -> int:
        """Raise `Unavailable`: new replicas are made where the keeper is, while nothing else uses it."""
        raise Unavailable(
            "the keyroom runs in a process of its own",
            hint="Stop it, run wayseal keys renew, start it again.",
        )

    def _list(self, only: str) -> tuple[EpochKey, ...]:
        parts = split_records(self._link.ask("epochs", {"only": only}).body)
        return tuple(
            EpochKey(EpochId(name.decode()), public)
            for name, public in zip(parts[::2], parts[1::2], strict=True)
        )


def _is_gone(connection: socket.socket) -> bool:
    """Say whether the other side has closed a connection on which nothing is awaited."""
    connection.settimeout(0)
    try:
        return not connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False


def _receive(connection: socket.socket, limit: int) -> bytearray:
    """Return the next frame. Raises `OSError` for a keyroom that is silent, gone, or breaks off."""
    try:
        payload = read_frame(connection, limit=limit, within_s=ANSWER_S)
    except Invalid as error:
        raise ConnectionError(str(error)) from None
    if payload is None:
        raise ConnectionError("the keyroom has gone")
    return payload


def _open_answer(payload: bytearray) -> Message:
    """Return an answer that is not an error, and raise one that is."""
    message = decode_message(payload, ("answer", "error"))
    if message.head["error"] is not None or not isinstance(message.head["answer"], dict):
        raise decode_error(message.head["error"])
    return message


def _from_hex(text: str) -> bytes:
    """Return the bytes of hexadecimal digits. Raises `Integrity`."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Integrity("something at the keyroom's socket speaks another language") from None


def _silent() -> Unavailable:
    """Return the error for a keyroom that does not answer."""
    return Unavailable(
        "the keyroom does not answer",
        hint="Start it: wayseal keyroom run. If it shall not run on its own any more, remove keyroom.sock from its folder.",
    )
