"""What lanes and the centre say to each other over HTTPS: bodies, their limits, and nothing that only a picture's reader may know.

Owns the encoding. It reads bytes that an attacker may have written: anything that is not exactly a message raises
`Invalid`, and nothing of it is repeated in an error. It never decides whether a message may be obeyed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from wayseal.model.border import Direction
from wayseal.model.custody import Receipt, SealedRecord
from wayseal.model.errors import Invalid
from wayseal.model.ids import EncounterId, RecordId, check_ulid
from wayseal.seal.envelope import parse_record
from wayseal.seal.keys.quorum import decode_bytes, encode_bytes
from wayseal.seal.strict import ByteReader, decode_canonical, encode_canonical

DELIVERY_FORMAT: Final = "wayseal-delivery/v1"
RECORDS_LIMIT: Final = 64
"""Records of one vehicle."""
ENTRIES_LIMIT: Final = 500
"""Device events in one message."""
HEAD_LIMIT: Final = 1024
BODY_LIMITS: Final[Mapping[str, int]] = {
    "deliver": 64 * 1024 * 1024,
    "roster": 1024,
    "join": 16 * 1024,
    "renew": 0,
    "health": 0,
    "ports": 256 * 1024,
    "ticket": 16 * 1024,
    "tickets": 256 * 1024,
}
"""The verbs, and how many bytes a request for each may have."""
ANSWER_LIMIT: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Delivery:
    """One vehicle's sealed records on their way to the centre."""

    encounter: EncounterId
    direction: Direction
    records: tuple[SealedRecord, ...]


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """A new lane's keys: a certificate request (DER), the raw sealing key, and its signature over both (`join_message`)."""

    request: bytes = field(repr=False)
    sealing: bytes = field(repr=False)
    proof: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class RosterAnswer:
    """The newest roster, and every charter after the one that the lane has, oldest first."""

    charters: tuple[bytes, ...] = field(repr=False)
    roster: bytes = field(repr=False)


def join_message(site: str, lane: str, request: bytes) -> bytes:
    """Return what a joining lane's sealing key signs: that this certificate request is made for it."""
    return b"wayseal-join/v1\x00" + f"{site.lower()}/{lane}\x00".encode() + request


def encode_delivery(delivery: Delivery) -> bytes:
    """Return a delivery's bytes. Raises `Invalid` for more records than one vehicle has."""
    if not 0 < len(delivery.records) <= RECORDS_LIMIT:
        raise Invalid("a delivery is one vehicle's records", hint="Send one vehicle at a time.")
    head = encode_canonical(
        {
            "direction": delivery.direction.value,
            "encounter": delivery.encounter,
            "format": DELIVERY_FORMAT,
            "records": len(delivery.records),
        }
    )
    parts = [len(head).to_bytes(2, "big"), head]
    for record in delivery.records:
        parts += [len(record.data).to_bytes(4, "big"), record.data]
    return b"".join(parts)


def decode_delivery(body: bytes) -> Delivery:
    """Return the delivery that the bytes spell, to the last one. Raises `Invalid` or `SealBroken`; no signature is verified."""
    reader = ByteReader(body)
    size = reader.number(2, "head length")
    if size > HEAD_LIMIT:
        raise Invalid("a delivery's head is too long")
    head = decode_canonical(reader.take(size, "head"), ("direction", "encounter", "format", "records"))
    match head:
        case {"format": str(form), "direction": "entry" | "exit" as way, "encounter": str(encounter)}:
            count = head["records"]
        case _:
            raise Invalid("a delivery's head is malformed")
    if form != DELIVERY_FORMAT or type(count) is not int or not 0 < count <= RECORDS_LIMIT:
        raise Invalid("a delivery of an unknown format or size")
    records = tuple(parse_record(reader.take(reader.number(4, "size"), "record")) for _ in range(count))
    if reader.left:
        raise Invalid("bytes after the last record")
    return Delivery(EncounterId(check_ulid(encounter)), Direction(way), records)


def encode_receipts(receipts: Sequence[Receipt]) -> bytes:
    """Return the centre's receipts as an answer."""
    listed = [
        {
            "ledger_index": one.ledger_index,
            "object_id": one.object_id,
            "sha256": one.sha256,
            "signature": encode_bytes(one.signature),
        }
        for one in receipts
    ]
    return encode_canonical({"receipts": listed})


def decode_receipts(body: bytes) -> tuple[Receipt, ...]:
    """Return the receipts of an answer, believed by nobody yet. Raises `Invalid`."""
    listed = decode_canonical(body, ("receipts",))["receipts"]
    if not isinstance(listed, list) or len(listed) > RECORDS_LIMIT:
        raise Invalid("an answer that holds no receipts")
    return tuple(_decode_receipt(one) for one in listed)


def _decode_receipt(value: Any) -> Receipt:
    match value:
        case {
            "object_id": str(who),
            "sha256": str(digest),
            "signature": str(text),
            "ledger_index": int(index),
        }:
            if len(value) == 4 and not isinstance(index, bool) and index >= 0:
                return Receipt(RecordId(check_ulid(who)), digest, index, decode_bytes(text))
    raise Invalid("a receipt is malformed")


def encode_roster_request(charter: int) -> bytes:
    """Return a request for the roster from a lane that has the charter of this version."""
    return encode_canonical({"charter": charter})


def decode_roster_request(body: bytes) -> int:
    """Return the version of the charter that the asking lane has. Raises `Invalid`."""
    version = decode_canonical(body, ("charter",))["charter"]
    if type(version) is not int or version < 0:
        raise Invalid("not a request for a roster")
    return version


def encode_roster_answer(answer: RosterAnswer) -> bytes:
    """Return the answer's bytes."""
    charters = [encode_bytes(charter) for charter in answer.charters]
    return encode_canonical({"charters": charters, "roster": encode_bytes(answer.roster)})


def decode_roster_answer(body: bytes) -> RosterAnswer:
    """Return the charters and the roster of an answer, believed by nobody yet. Raises `Invalid`."""
    fields = decode_canonical(body, ("charters", "roster"))
    if not isinstance(fields["charters"], list):
        raise Invalid("not an answer with a roster")
    return RosterAnswer(
        tuple(decode_bytes(one) for one in fields["charters"]), decode_bytes(fields["roster"])
    )


def encode_join(request: JoinRequest) -> bytes:
    """Return a join request's bytes."""
    return encode_canonical(
        {
            "proof": encode_bytes(request.proof),
            "request": encode_bytes(request.request),
            "sealing": encode_bytes(request.sealing),
        }
    )


def decode_join(body: bytes) -> JoinRequest:
    """Return the join request that the bytes spell. Raises `Invalid`; nothing is verified."""
    fields = decode_canonical(body, ("proof", "request", "sealing"))
    request = JoinRequest(*(decode_bytes(fields[name]) for name in ("request", "sealing", "proof")))
    if len(request.sealing) != 32 or len(request.proof) != 64:
        raise Invalid("a sealing key or its proof is malformed")
    return request


def encode_certificate(pem: str) -> bytes:
    """Return an answer that holds a certificate."""
    return encode_canonical({"certificate": pem})


def decode_certificate(body: bytes) -> str:
    """Return the PEM text of an answer. Raises `Invalid`."""
    text = decode_canonical(body, ("certificate",))["certificate"]
    if not isinstance(text, str):
        raise Invalid("not an answer with a certificate")
    return text


def encode_entries(entries: Sequence[Mapping[str, Any]]) -> bytes:
    """Return what a host's watch of its ports has to tell, as a message."""
    return encode_canonical({"entries": [dict(entry) for entry in entries]})


def decode_entries(body: bytes) -> list[dict[str, Any]]:
    """Return the entries of such a message, checked by nobody yet. Raises `Invalid`."""
    listed = decode_canonical(body, ("entries",))["entries"]
    if (
        not isinstance(listed, list)
        or len(listed) > ENTRIES_LIMIT
        or not all(isinstance(one, dict) for one in listed)
    ):
        raise Invalid("a message that holds no device events")
    return listed


@dataclass(frozen=True, slots=True)
class TicketRequest:
    """Somebody at a lane who wants to use a ticket: its token, the verb, and who they say they are."""

    token: str = field(repr=False)
    verb: str
    technician: str


def encode_ticket(asked: TicketRequest) -> bytes:
    """Return the message by which a lane asks for one use of a ticket."""
    return encode_canonical({"technician": asked.technician, "token": asked.token, "verb": asked.verb})


def decode_ticket(body: bytes) -> TicketRequest:
    """Return what such a message asks for. Raises `Invalid`."""
    fields = decode_canonical(body, ("technician", "token", "verb"))
    if not all(isinstance(one, str) for one in fields.values()):
        raise Invalid("not a request for a use of a ticket")
    return TicketRequest(fields["token"], fields["verb"], fields["technician"])


def encode_permitted(ticket: str, figures: Mapping[str, Any]) -> bytes:
    """Return the answer to a use that is permitted: the ticket, and the centre's numbers for its verb."""
    return encode_canonical({"figures": dict(figures), "ticket": ticket})


def decode_permitted(body: bytes) -> tuple[str, dict[str, Any]]:
    """Return ticket and numbers of such an answer. Raises `Invalid`."""
    fields = decode_canonical(body, ("figures", "ticket"))
    if not isinstance(fields["ticket"], str) or not isinstance(fields["figures"], dict):
        raise Invalid("not an answer to a use of a ticket")
    return fields["ticket"], fields["figures"]


def encode_ticket_key(root: bytes) -> bytes:
    """Return the answer to a lane that has told of its tickets: the public half of the key that they are made with."""
    return encode_canonical({"root": encode_bytes(root)})


def decode_ticket_key(body: bytes) -> bytes:
    """Return the key of such an answer. Raises `Invalid`."""
    return decode_bytes(decode_canonical(body, ("root",))["root"])


def encode_joined(pem: str, mark: bytes) -> bytes:
    """Return the answer to a join request: the lane's certificate, and the key of its own mark."""
    return encode_canonical({"certificate": pem, "mark": encode_bytes(mark)})


def decode_joined(body: bytes) -> tuple[str, bytes]:
    """Return certificate (PEM) and mark key of an answer. Raises `Invalid`."""
    fields = decode_canonical(body, ("certificate", "mark"))
    if not isinstance(fields["certificate"], str):
        raise Invalid("not an answer with a certificate")
    return fields["certificate"], decode_bytes(fields["mark"])
