"""The sealed record's format: bytes to values and back, and its signature. `docs/spec/sealed-record.md` is the norm.

Owns the layout and every limit. Parsing is strict: one record has exactly one encoding. Holds no key that opens
anything and never decrypts. Errors name the record where its header could still be read, and nothing else of it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wayseal.model.clock import to_text
from wayseal.model.custody import Kind, SealedRecord, SealHeader
from wayseal.model.errors import Invalid, SealBroken
from wayseal.model.ids import EpochId, RecordId, check_ulid, epoch_span
from wayseal.seal.padding import FLOOR, LARGEST, bucket_size
from wayseal.seal.rewrap import RewrapBlock, read_blocks
from wayseal.seal.strict import ByteReader, decode_canonical, decode_time, is_name
from wayseal.seal.suite import (
    KEY_ID_SIZE,
    NONCE_SIZE,
    SIGNATURE_SIZE,
    SUITE_1,
    TAG_SIZE,
    WRAPPED_SIZE,
    sha256,
)

MAGIC: Final = b"WAYSEAL1"
INFO: Final = b"wayseal-record/v1"
HEADER_LIMIT: Final = 4096
WRAP_LIMIT: Final = 8
NO_PREVIOUS: Final = "0" * 64
_HEX = re.compile(r"[0-9a-f]{64}")
_FIELDS = frozenset(
    ("device", "epoch", "kind", "lane", "object_id", "padded_size", "previous", "record_class", "sealed_at")
)


@dataclass(frozen=True, slots=True)
class Wrap:
    """A data key sealed to one public key: which key (16 bytes), and the HPKE message (1,168 bytes)."""

    key_id: bytes
    sealed_key: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """A sealed record taken apart. `original` is the device's part, which ends where re-wraps begin."""

    header: SealHeader
    header_bytes: bytes
    suite: int
    wraps: tuple[Wrap, ...]
    nonce: bytes
    ciphertext: memoryview
    signature: bytes
    original: memoryview
    rewraps: tuple[RewrapBlock, ...]

    @property
    def aad(self) -> bytes:
        """SHA-256 of the header: what the body's encryption and every wrap are bound to."""
        return sha256(self.header_bytes)

    @property
    def original_sha256(self) -> str:
        """SHA-256 (hex) of the device's part: what re-wraps name. Computed anew each time."""
        return sha256(self.original).hex()


def encode_header(header: SealHeader) -> bytes:
    """Return the header as RFC 8785 JSON. Raises `Invalid` when it breaks a rule that parsing would refuse."""
    fields = {
        "device": header.device,
        "epoch": header.epoch,
        "kind": header.kind.value,
        "lane": header.lane,
        "object_id": header.object_id,
        "padded_size": header.padded_size,
        "previous": header.previous,
        "record_class": header.record_class,
        "sealed_at": to_text(header.sealed_at),
    }
    _check_header(fields)
    # ASCII texts and one small number in alphabetical order: json's own form of those is RFC 8785's, and is made in C.
    return json.dumps(fields, separators=(",", ":")).encode("ascii")


def decode_header(raw: bytes) -> SealHeader:
    """Return the header that `raw` encodes. Raises `Invalid` for anything but the canonical form of a sound header.

    A record may only name the epoch in which it was sealed: no device can lengthen a life by naming a later hour.
    """
    return _check_header(decode_canonical(raw, _FIELDS))


def _check_header(fields: Mapping[str, Any]) -> SealHeader:
    """Return the header that the fields of its JSON say. Raises `Invalid` when they break a rule."""
    texts = {name: value for name, value in fields.items() if name != "padded_size"}
    size = fields["padded_size"]
    if type(size) is not int or not FLOOR <= size <= LARGEST or bucket_size(size - 1) != size:
        raise Invalid("the padded size is not a bucket")
    if not all(isinstance(value, str) for value in texts.values()):
        raise Invalid("a header field has the wrong type")
    record_class, start, end = epoch_span(EpochId(texts["epoch"]))
    sealed_at = decode_time(texts["sealed_at"])
    if record_class != texts["record_class"] or not start <= sealed_at < end:
        raise Invalid("epoch, record class and sealing time do not belong together")
    if texts["kind"] not in set(Kind) or not is_name(texts["lane"]):
        raise Invalid("the kind or the name of the lane is malformed")
    if not _HEX.fullmatch(texts["device"]) or not _HEX.fullmatch(texts["previous"]):
        raise Invalid("a digest in the header is not 64 hexadecimal digits")
    return SealHeader(
        object_id=RecordId(check_ulid(texts["object_id"])),
        lane=texts["lane"],
        device=texts["device"],
        epoch=EpochId(texts["epoch"]),
        record_class=record_class,
        kind=Kind(texts["kind"]),
        padded_size=size,
        previous=texts["previous"],
        sealed_at=sealed_at,
    )


def encode_wraps(wraps: tuple[Wrap, ...]) -> bytes:
    """Return the count and the wraps as they stand in a record."""
    return bytes((len(wraps),)) + b"".join(wrap.key_id + wrap.sealed_key for wrap in wraps)


def signed_bytes(header_bytes: bytes, wraps: bytes, nonce: bytes, ciphertext: bytes | memoryview) -> bytes:
    """Return what the device signs: suite, header, SHA-256(nonce and ciphertext), SHA-256(wraps)."""
    size = len(header_bytes).to_bytes(2, "big")
    prefix = b"".join((INFO, b"/signature", bytes((SUITE_1,)), size, header_bytes))
    return prefix + sha256(nonce, ciphertext) + sha256(wraps)


def read_envelope(data: bytes) -> Envelope:
    """Return a record's parts. Raises `SealBroken`, naming the record if its header can be read.

    Nothing is verified: the caller calls `verify_record` before it believes anything.
    """
    reader = ByteReader(data)
    header: SealHeader | None = None
    try:
        suite, header_bytes = _read_start(reader)
        header = decode_header(header_bytes)
        return _read_rest(data, reader, suite, header, header_bytes)
    except Invalid as error:
        raise broken(str(error), header) from None


def _read_start(reader: ByteReader) -> tuple[int, bytes]:
    """Return the suite and the header's bytes."""
    if reader.take(min(len(MAGIC), reader.left), "magic") != MAGIC:
        raise Invalid("not a sealed record")
    suite = reader.number(1, "suite")
    if suite != SUITE_1:
        raise Invalid(f"unknown suite {suite}")
    size = reader.number(2, "header length")
    if size > HEADER_LIMIT:
        raise Invalid("the header is longer than 4 KiB")
    return suite, reader.take(size, "header")


def _read_rest(
    data: bytes, reader: ByteReader, suite: int, header: SealHeader, header_bytes: bytes
) -> Envelope:
    """Return the envelope whose header has just been read."""
    count = reader.number(1, "wraps")
    if not 1 <= count <= WRAP_LIMIT:
        raise Invalid(f"{count} wraps; a record has 1 to {WRAP_LIMIT}")
    wraps = tuple(
        Wrap(reader.take(KEY_ID_SIZE, "wraps"), reader.take(WRAPPED_SIZE, "wraps")) for _ in range(count)
    )
    if len({wrap.key_id for wrap in wraps}) != count:
        raise Invalid("two wraps for one key")
    nonce = reader.take(NONCE_SIZE, "nonce")
    ciphertext = reader.view(header.padded_size + TAG_SIZE, "body")
    signature = reader.take(SIGNATURE_SIZE, "signature")
    original = memoryview(data)[: reader.position]
    rewraps: tuple[RewrapBlock, ...] = ()
    if reader.left:
        rewraps = read_blocks(reader, header.object_id, sha256(original).hex())
    return Envelope(header, header_bytes, suite, wraps, nonce, ciphertext, signature, original, rewraps)


def parse_record(data: bytes) -> SealedRecord:
    """Return a sealed record from its bytes. Raises `SealBroken` for anything that is not exactly one sealed record.

    The signature is not checked here; see `verify_record`.
    """
    envelope = read_envelope(data)
    kept_in = envelope.rewraps[-1].rewrap.epoch if envelope.rewraps else None
    return SealedRecord(header=envelope.header, data=bytes(data), kept_in=kept_in)


def verify_record(record: SealedRecord, device_public: bytes) -> Envelope:
    """Check that the device with this raw Ed25519 key sealed the record, and return its parts. Raises `SealBroken`.

    Checks: bytes parse and say what `record` says; the header names this device; header, wraps, nonce and body are as
    signed. The caller checks that the device was allowed to seal (roster), and re-wraps with `rewrap.verify_block`.
    """
    envelope = read_envelope(record.data)
    header = envelope.header
    if header != record.header:
        raise broken("the bytes belong to another record", record.header)
    if header.device != sha256(device_public).hex():
        raise broken("sealed by another device", header)
    message = signed_bytes(
        envelope.header_bytes, encode_wraps(envelope.wraps), envelope.nonce, envelope.ciphertext
    )
    try:
        Ed25519PublicKey.from_public_bytes(device_public).verify(envelope.signature, message)
    except (InvalidSignature, ValueError):
        raise broken("the device's signature does not verify", header) from None
    return envelope


def broken(reason: str, header: SealHeader | None) -> SealBroken:
    """Return the error for a record that is not as it was sealed, named by its header's id where there is one."""
    if header is None:
        return SealBroken(f"sealed record: {reason}")
    return SealBroken(
        f"sealed record {header.object_id}: {reason}", record=header.object_id, epoch=header.epoch
    )
