"""What a sealed record says of itself to somebody who holds no key. Reads bytes, verifies signatures, opens nothing."""

import base64
import binascii
from collections.abc import Collection
from typing import Any, Final

from wayseal.model.clock import to_text
from wayseal.model.custody import SealedRecord
from wayseal.model.errors import Invalid, SealBroken
from wayseal.seal.envelope import encode_wraps, parse_record, read_envelope, verify_record
from wayseal.seal.padding import LARGEST
from wayseal.seal.rewrap import RewrapBlock, verify_block
from wayseal.seal.suite import SUITE_NAMES, sha256

LARGEST_RECORD: Final = LARGEST + 64 * 1024
_PUBLIC_SIZE: Final = 32


def read_public(data: bytes) -> bytes:
    """Return the raw Ed25519 key (32 bytes) that a key file holds, raw, in hex or in base64. Raises `Invalid`."""
    if len(data) == _PUBLIC_SIZE:
        return data
    text = data.strip()
    for decode in (binascii.unhexlify, lambda value: base64.b64decode(value, validate=True)):
        try:
            public = decode(text)
        except ValueError:
            continue
        if len(public) == _PUBLIC_SIZE:
            return bytes(public)
    raise Invalid("not an Ed25519 public key", hint="Give 32 raw bytes, 64 hexadecimal digits or base64.")


def describe_record(
    data: bytes, *, device_public: bytes | None = None, keyroom_publics: Collection[bytes] = ()
) -> dict[str, Any]:
    """Return a record's header, suite, sizes and wraps; `signature_valid` is None when the device's key is not given.

    Raises `SealBroken` for bytes that are no sealed record. A wrong signature is an answer here, not an error.
    """
    if len(data) > LARGEST_RECORD:
        raise SealBroken("sealed record: longer than any sealed record can be")
    record, envelope = parse_record(data), read_envelope(data)
    header = record.header
    return {
        "header": {
            "object_id": header.object_id,
            "lane": header.lane,
            "device": header.device,
            "epoch": header.epoch,
            "record_class": header.record_class,
            "kind": header.kind.value,
            "padded_size": header.padded_size,
            "previous": header.previous,
            "sealed_at": to_text(header.sealed_at),
        },
        "suite": {"id": envelope.suite, "name": SUITE_NAMES[envelope.suite]},
        "sizes": {
            "total": len(data),
            "header": len(envelope.header_bytes),
            "wraps": len(encode_wraps(envelope.wraps)),
            "body": len(envelope.ciphertext),
            "rewraps": len(data) - len(envelope.original),
        },
        "sha256": record.sha256,
        "original_sha256": envelope.original_sha256,
        "epoch": record.epoch,
        "record_class": record.record_class,
        "wraps": [{"epoch": header.epoch, "key_id": wrap.key_id.hex()} for wrap in envelope.wraps],
        "rewraps": [_describe_rewrap(block, keyroom_publics) for block in envelope.rewraps],
        "signature_valid": None if device_public is None else _is_signed(record, device_public),
    }


def _is_signed(record: SealedRecord, device_public: bytes) -> bool:
    try:
        verify_record(record, device_public)
    except SealBroken:
        return False
    return True


def _describe_rewrap(block: RewrapBlock, keyroom_publics: Collection[bytes]) -> dict[str, Any]:
    """Return what a re-wrap says; its signature is judged only by the key that it names."""
    rewrap = block.rewrap
    valid: bool | None = None
    if any(sha256(public).hex() == rewrap.keyroom for public in keyroom_publics):
        try:
            verify_block(block, keyroom_publics)
            valid = True
        except Invalid:
            valid = False
    return {
        "epoch": rewrap.epoch,
        "record_class": rewrap.record_class,
        "reason": rewrap.reason,
        "rewrapped_at": to_text(rewrap.rewrapped_at),
        "keyroom": rewrap.keyroom,
        "key_id": block.key_id.hex(),
        "signature_valid": valid,
    }
