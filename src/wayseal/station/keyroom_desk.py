"""What a client may ask of the keyroom, one function an operation; there are no others.

Owns the rules of the door: who speaks for whom, and that an epoch dies only after the ledger says so. What may be opened is
the gate's to decide. No private half and no secret of the keyroom is in any answer.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from wayseal.flow.petition import TYPES
from wayseal.flow.policy import Principal
from wayseal.flow.release import Gate
from wayseal.ledger.log import Ledger
from wayseal.model.clock import Clock, to_text
from wayseal.model.custody import Kind
from wayseal.model.errors import Invalid, NotArmed, Refused
from wayseal.model.ids import EpochId, RecordId, check_name, check_ulid, epoch_span
from wayseal.seal.erase import destroy_epoch
from wayseal.station.keyroom import Keyroom
from wayseal.station.keyroom_trust import Client
from wayseal.station.keyroom_wire import Message, decode_batch, join_records

Answer = tuple[Mapping[str, Any], bytes | bytearray]
_PRINCIPAL = {"id": str, "role": str, "organisation": str, "suspended": bool, "training_valid": bool}


@dataclass(frozen=True, slots=True)
class Desk:
    """An open keyroom with its gate and the ledger it reads and tells. One request is answered at a time."""

    keyroom: Keyroom
    gate: Gate
    ledger: Ledger
    clock: Clock
    lock: threading.Lock

    def answer(self, client: Client, message: Message) -> Answer:
        """Do what an authenticated client asks and return (facts, bytes). Raises a `WaysealError` and then has done nothing."""
        operation, values = message.head["op"], message.head["args"]
        known = _OPERATIONS.get(operation) if isinstance(operation, str) else None
        if known is None:
            raise Invalid("the keyroom has no such operation")
        shape, act = known
        _check_shape(values, shape)
        with self.lock:
            return act(self, client, values, message.body)


def _check_shape(values: Any, shape: Mapping[str, type]) -> None:
    """Raise `Invalid` unless a JSON object has exactly these names and types."""
    if not isinstance(values, dict) or values.keys() != shape.keys():
        raise Invalid("a request to the keyroom with a field too many or too few")
    if not all(type(values[name]) is kind for name, kind in shape.items()):
        raise Invalid("a request to the keyroom with a value of the wrong type")


def _read_principal(fields: Any) -> Principal:
    """Return the person that a client speaks for; the gate says whether it may."""
    _check_shape(fields, _PRINCIPAL)
    return Principal(**fields)


def _seen_size(desk: Desk, _client: Client, _values: dict[str, Any], _body: memoryview) -> Answer:
    return {"size": desk.gate.seen_size()}, b""


def _unwrap(desk: Desk, client: Client, values: dict[str, Any], body: memoryview) -> Answer:
    who = _read_principal(values["principal"])
    keys = desk.gate.unwrap(who, decode_batch(body), caller=client)
    joined = bytearray()
    for key in keys:
        joined += key
        key[:] = bytes(len(key))
    return {"count": len(keys)}, joined


def _rewrap(desk: Desk, client: Client, values: dict[str, Any], body: memoryview) -> Answer:
    who = _read_principal(values["principal"])
    to_epoch = EpochId(values["to_epoch"])
    epoch_span(to_epoch)
    check_name(values["reason"], what="reason")
    kept = desk.gate.rewrap(
        who, decode_batch(body), to_epoch=to_epoch, reason=values["reason"], caller=client
    )
    return {"count": len(kept)}, join_records([record.data for record in kept])


def _learn(desk: Desk, _client: Client, _values: dict[str, Any], body: memoryview) -> Answer:
    """Read the ledger up to a checkpoint; what comes after it as requests is not looked at."""
    known = desk.gate.learn(decode_batch(body))
    return {"read": known.read, "witnessed": known.witnessed, "pinned": known.pinned}, b""


def _settle(desk: Desk, _client: Client, values: dict[str, Any], body: memoryview) -> Answer:
    """Carry out a petition that two people have signed, if the gate finds it so."""
    if values["about"] not in TYPES:
        raise Invalid("a petition about something that nobody asks for")
    index = desk.gate.settle(values["about"], check_ulid(values["petition"]), decode_batch(body))
    return {"ledger_index": index}, b""


def _draw(desk: Desk, client: Client, values: dict[str, Any], _body: memoryview) -> Answer:
    """Draw on somebody's allowance for pictures that are not in the keyroom's care."""
    try:
        kinds = [Kind(kind) for kind in values["kinds"]]
    except ValueError:
        raise Invalid("a kind of record that there is not") from None
    desk.gate.draw(_read_principal(values["principal"]), kinds, caller=client)
    return {}, b""


def _keys_for(desk: Desk, _client: Client, values: dict[str, Any], _body: memoryview) -> Answer:
    """Give an epoch's public half, made now if need be: of this hour, or of one beside it when a clock is a little off."""
    epoch = EpochId(values["epoch"])
    start = epoch_span(epoch)[1]
    if abs(start - desk.clock().replace(minute=0, second=0, microsecond=0)) > timedelta(hours=1):
        raise NotArmed(
            "that is not the hour it is at the keyroom", hint="Set the clocks of both machines.", epoch=epoch
        )
    return {}, desk.keyroom.vault.create_epoch(epoch).public


def _publish_roster(desk: Desk, _client: Client, values: dict[str, Any], _body: memoryview) -> Answer:
    devices = {check_name(name): _read_hex(public) for name, public in values["devices"].items()}
    if not all(isinstance(name, str) for name in values["refused"]):
        raise Invalid("a lane that is no name")
    refused = frozenset(check_name(name, what="lane id") for name in values["refused"])
    return {}, desk.keyroom.publish_roster(desk.ledger, devices=devices, refused=refused)


def _read_hex(text: Any) -> bytes:
    """Return a raw Ed25519 key from its hexadecimal digits. Raises `Invalid`."""
    try:
        public = bytes.fromhex(text)
    except (ValueError, TypeError):
        public = b""
    if len(public) != 32:
        raise Invalid("not an Ed25519 public key")
    return public


def _read_roster(desk: Desk, _client: Client, _values: dict[str, Any], _body: memoryview) -> Answer:
    data = desk.keyroom.roster_bytes()
    return {"there": data is not None}, data or b""


def _epochs(desk: Desk, _client: Client, values: dict[str, Any], _body: memoryview) -> Answer:
    """Give the live epochs' public halves, of all or of the one that is named, in the order of their names."""
    vault, wanted = desk.keyroom.vault, EpochId(values["only"])
    if wanted:
        epoch_span(wanted)
        keys = [vault.public_key(wanted)] if vault.has(wanted) else []
    else:
        keys = list(vault.epoch_keys())
    return {"keeper": vault.keeper.describe()}, join_records(
        [part for key in keys for part in (key.epoch.encode(), key.public)]
    )


def _destroy(desk: Desk, _client: Client, values: dict[str, Any], _body: memoryview) -> Answer:
    epoch = EpochId(values["epoch"])
    epoch_span(epoch)
    if not desk.ledger.find(type="erase", object=epoch):
        raise Refused(
            "the ledger does not say that this epoch is to be erased",
            hint="wayseal retention run writes the entry first.",
            epoch=epoch,
        )
    desk.gate.verify_end(epoch)
    receipt = destroy_epoch(desk.keyroom.vault, epoch)
    return {
        "public_sha256": receipt.public_sha256, "destroyed_at": to_text(receipt.destroyed_at),
        "keeper": receipt.keeper,
    }, b""  # fmt: skip


def _note_canary(desk: Desk, _client: Client, values: dict[str, Any], _body: memoryview) -> Answer:
    desk.keyroom.canaries.add(RecordId(check_ulid(values["record"])))
    return {}, b""


_Operation = Callable[[Desk, Client, dict[str, Any], memoryview], Answer]
_OPERATIONS: dict[str, tuple[dict[str, type], _Operation]] = {
    "seen_size": ({}, _seen_size),
    "unwrap": ({"principal": dict}, _unwrap),
    "rewrap": ({"principal": dict, "to_epoch": str, "reason": str}, _rewrap),
    "learn": ({}, _learn),
    "settle": ({"about": str, "petition": str}, _settle),
    "draw": ({"principal": dict, "kinds": list}, _draw),
    "keys_for": ({"epoch": str}, _keys_for),
    "publish_roster": ({"devices": dict, "refused": list}, _publish_roster),
    "read_roster": ({}, _read_roster),
    "epochs": ({"only": str}, _epochs),
    "destroy": ({"epoch": str}, _destroy),
    "note_canary": ({"record": str}, _note_canary),
}
