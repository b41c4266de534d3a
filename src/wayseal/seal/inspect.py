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
_OTHERS: Final = (
    (0, b"\x89PNG\r\n\x1a\n", "a PNG picture"), (0, b"\xff\xd8\xff", "a JPEG picture"), (0, b"GIF8", "a GIF picture"),
    (8, b"WEBP", "a WebP picture"), (0, b"II*\0", "a TIFF picture"), (0, b"MM\0*", "a TIFF picture"), (4, b"ftyp", "a video"),
    (0, b"\x1aE\xdf\xa3", "a video"), (0, b"%PDF-", "a PDF"), (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"age-encryption.org/v1", "an age file"), (0, b"WAYSEALX", "a bundle of an export"),
)  # fmt: skip
"""Where other files have their marks, and what they are."""


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

    Raises `SealBroken` for bytes that are not exactly one sealed record, `Invalid` for a file that plainly is another thing. A
    wrong signature is an answer here, not an error.
    """
    if (other := _name_other(data)) is not None:
        raise Invalid(
            f"this is no sealed record: it is {other}",
            hint="Name a sealed record. If this lay where only sealed records belong, tell the security officer.",
        )
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


def _name_other(data: bytes) -> str | None:
    """Return what a file plainly is instead of a sealed record, or None for what may be one, whole or damaged."""
    if not data:
        return "an empty file"
    return next((what for at, mark, what in _OTHERS if data.startswith(mark, at)), None)


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
