"""What the keyroom and its clients say to each other: length-prefixed frames of a small JSON head and raw bytes.

Owns the encoding and its limits. It reads bytes that an attacker may have written: everything is bounded before it is
kept, and anything that is not exactly a message raises `Invalid`. It never decides whether a message may be obeyed.
"""

import hashlib
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wayseal.export.approval import Subject
from wayseal.flow.request import Paper, Proven, UnwrapBatch, UnwrapRequest, Word
from wayseal.model import problem
from wayseal.model.errors import Invalid, WaysealError
from wayseal.seal.envelope import parse_record
from wayseal.seal.strict import ByteReader, decode_canonical, encode_canonical

PROTOCOL = "wayseal-keyroom/2"
FRAME_LIMIT = 80 * 1024 * 1024
"""Bytes of one frame: the largest sealed record with its proofs fits."""
HELLO_LIMIT = 4096
"""Bytes of a frame from somebody who has not proved who they are."""
HEAD_LIMIT = 256 * 1024
BATCH_LIMIT = 4096
"""Records in one message."""
PAPER_LIMIT = 128 * 1024
"""Bytes of one paper or of what one person signed: a manifest of 1,000 records fits."""
WORD_LIMIT = 16
"""People who signed one paper."""
PATH_LIMIT = 64
HASH = hashlib.sha256().digest_size


@dataclass(frozen=True, slots=True)
class Message:
    """One message: a small JSON object and bytes whose meaning the object's operation gives."""

    head: dict[str, Any]
    body: memoryview


def encode_message(head: Mapping[str, Any], body: bytes | bytearray = b"") -> bytearray:
    """Return the payload of a frame, in a buffer that the caller may zero. Raises `Invalid` beyond the limits."""
    encoded = encode_canonical(head)
    if len(encoded) > HEAD_LIMIT or len(encoded) + len(body) + 4 > FRAME_LIMIT:
        raise Invalid("too much for one message to the keyroom", hint="Ask for fewer records at once.")
    payload = bytearray(len(encoded).to_bytes(4, "big"))
    payload += encoded
    payload += body
    return payload


def decode_message(payload: bytes | bytearray, names: Sequence[str]) -> Message:
    """Return the message in a frame's payload, whose head has exactly these names. Raises `Invalid`."""
    view = memoryview(payload)
    reader = ByteReader(view)
    size = reader.number(4, "head length")
    if size > HEAD_LIMIT:
        raise Invalid("a message head that is too long")
    head = decode_canonical(reader.take(size, "head"), names)
    return Message(head, view[reader.position :])


def decode_error(value: Any) -> WaysealError:
    """Return the error that a head's value spells; `Unavailable` for one that this program does not know."""
    return problem.decode_error(value, who="the keyroom")


def encode_batch(batch: UnwrapBatch) -> bytearray:
    """Return a batch as bytes. Raises `Invalid` for what no honest opener would send."""
    out = bytearray()
    try:
        note = batch.checkpoint.encode()
        out += len(note).to_bytes(4, "big") + note
        out += batch.since.to_bytes(8, "big") + _encode_path(batch.consistency)
        out += len(batch.requests).to_bytes(2, "big")
        for request in batch.requests:
            intent = request.intent
            out += len(request.record.data).to_bytes(4, "big") + request.record.data
            out += len(intent.entry).to_bytes(4, "big") + intent.entry
            out += intent.index.to_bytes(8, "big") + _encode_path(intent.path)
        out += len(batch.papers).to_bytes(2, "big")
        for paper in batch.papers:
            parts = [part for word in paper.words for part in (word.approval, word.appointment)]
            out += len(paper.words).to_bytes(1, "big")
            out += join_records([paper.about.value.encode(), paper.text, *parts])
    except (OverflowError, UnicodeError):
        raise Invalid("a number or text that no request to the keyroom can have") from None
    return out


def decode_batch(body: memoryview) -> UnwrapBatch:
    """Return the batch that the bytes spell, to the last one. Raises `Invalid` or `SealBroken`; nothing is verified."""
    reader = ByteReader(body)
    try:
        checkpoint = reader.take(reader.number(4, "checkpoint"), "checkpoint").decode()
    except UnicodeError:
        raise Invalid("a checkpoint that is not UTF-8") from None
    since = reader.number(8, "size")
    consistency = _decode_path(reader)
    count = _read_count(reader, 2, BATCH_LIMIT)
    requests = tuple(_decode_request(reader) for _ in range(count))
    papers = tuple(_decode_paper(reader) for _ in range(_read_count(reader, 2, BATCH_LIMIT)))
    if reader.left:
        raise Invalid("bytes after the last paper")
    return UnwrapBatch(checkpoint, since, consistency, requests, papers)


def _read_count(reader: ByteReader, size: int, most: int) -> int:
    """Return the next number. Raises `Invalid` over `most`."""
    count = reader.number(size, "count")
    if count > most:
        raise Invalid("too much in one message to the keyroom")
    return count


def _decode_paper(reader: ByteReader) -> Paper:
    """Return a paper with what people signed. Nothing of it is looked into here."""
    words = _read_count(reader, 1, WORD_LIMIT)

    def take() -> bytes:
        return reader.take(_read_count(reader, 4, PAPER_LIMIT), "paper")

    try:
        about = Subject(take().decode("ascii"))
    except ValueError:
        raise Invalid("a paper about something that nobody approves") from None
    return Paper(about, take(), tuple(Word(take(), take()) for _ in range(words)))


def _decode_request(reader: ByteReader) -> UnwrapRequest:
    record = parse_record(reader.take(reader.number(4, "record"), "record"))
    entry = reader.take(reader.number(4, "entry"), "entry")
    index = reader.number(8, "index")
    return UnwrapRequest(record, Proven(entry, index, _decode_path(reader)))


def _encode_path(path: Sequence[bytes]) -> bytes:
    if len(path) > 2 * PATH_LIMIT or any(len(node) != HASH for node in path):
        raise Invalid("a proof that no ledger makes")
    return len(path).to_bytes(1, "big") + b"".join(path)


def _decode_path(reader: ByteReader) -> tuple[bytes, ...]:
    count = reader.number(1, "proof")
    if count > 2 * PATH_LIMIT:
        raise Invalid("a proof that no ledger makes")
    return tuple(reader.take(HASH, "proof") for _ in range(count))


def split_records(body: memoryview) -> list[bytes]:
    """Return the length-prefixed byte strings in a body. Raises `Invalid`."""
    reader = ByteReader(body)
    found = []
    while reader.left:
        found.append(reader.take(reader.number(4, "record"), "record"))
    return found


def join_records(records: Sequence[bytes]) -> bytearray:
    """Return byte strings with their lengths before them."""
    return bytearray(b"".join(len(record).to_bytes(4, "big") + record for record in records))


def send_frame(connection: socket.socket, payload: bytes | bytearray) -> None:
    """Send one frame whole. Raises `OSError`."""
    connection.sendall(len(payload).to_bytes(4, "big"))
    connection.sendall(payload)


def read_frame(
    connection: socket.socket, *, limit: int, within_s: float, patient: bool = False
) -> bytearray | None:
    """Return the next frame's payload, or None when the other side has gone between two frames.

    The frame must arrive within `within_s` seconds; when `patient`, that time begins with its first byte. Raises `Invalid`
    for a frame over `limit` or one that breaks off, `OSError` (`TimeoutError`) for a broken or silent connection.
    """
    connection.settimeout(None if patient else within_s)
    first = connection.recv(1)
    if not first:
        return None
    deadline = time.monotonic() + within_s
    size = int.from_bytes(first + _read_exactly(connection, 3, deadline), "big")
    if not 0 < size <= limit:
        raise Invalid("a frame that is empty or too long")
    return _read_exactly(connection, size, deadline)


def _read_exactly(connection: socket.socket, size: int, deadline: float) -> bytearray:
    """Return that many bytes; the buffer grows with what arrives, never with what was announced."""
    data = bytearray()
    while len(data) < size:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("a frame that took too long")
        connection.settimeout(left)
        chunk = connection.recv(min(size - len(data), 1 << 18))
        if not chunk:
            raise Invalid("a frame that breaks off")
        data += chunk
    return data
