"""The re-wrap block: the only way to keep a sealed record longer than the class it was sealed to. Format and signature.

A block follows the original record, whose bytes stay as the device signed them. The keyroom signs which record, which
longer class and epoch, why and when; the new wrap is bound to all of that. Making a block needs the data key and so
happens in `seal.open`; nothing here opens anything.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wayseal.model.clock import to_text
from wayseal.model.errors import Invalid
from wayseal.model.ids import EpochId, RecordId, check_ulid, epoch_span
from wayseal.seal.strict import ByteReader, decode_canonical, decode_time, encode_canonical
from wayseal.seal.suite import KEY_ID_SIZE, SIGNATURE_SIZE, WRAPPED_SIZE, sha256

MAGIC: Final = b"KEEP"
INFO: Final = b"wayseal-rewrap/v1"
HEADER_LIMIT: Final = 1024
BLOCK_LIMIT: Final = 8
_HEX = re.compile(r"[0-9a-f]{64}")
_REASON = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
_FIELDS = frozenset(
    ("epoch", "keyroom", "object_id", "original", "previous", "reason", "record_class", "rewrapped_at")
)


@dataclass(frozen=True, slots=True)
class Rewrap:
    """One decision to keep a record longer, as its block says it.

    `original` is the SHA-256 (hex) of the record as the device made it; `previous` that of the block before this one,
    or 64 zeros; `keyroom` that of the signer's Ed25519 public key. `reason` is a code, never free text.
    """

    object_id: RecordId
    original: str
    previous: str
    epoch: EpochId
    record_class: str
    reason: str
    rewrapped_at: datetime
    keyroom: str


@dataclass(frozen=True, slots=True)
class RewrapBlock:
    """A re-wrap with its bytes: canonical header, the key it is sealed to, the sealed data key, the signature."""

    rewrap: Rewrap
    header_bytes: bytes
    key_id: bytes
    sealed_key: bytes
    signature: bytes

    @property
    def info(self) -> bytes:
        """What the new wrap is bound to: every field of the header."""
        return wrap_info(self.header_bytes)

    @property
    def data(self) -> bytes:
        """The block's bytes, as they follow the record."""
        size = len(self.header_bytes).to_bytes(2, "big")
        return b"".join((MAGIC, size, self.header_bytes, self.key_id, self.sealed_key, self.signature))


def wrap_info(header_bytes: bytes) -> bytes:
    """Return the HPKE `info` of a block's wrap."""
    return INFO + sha256(header_bytes)


def signed_bytes(header_bytes: bytes, key_id: bytes, sealed_key: bytes) -> bytes:
    """Return what the keyroom signs."""
    return b"".join((INFO, b"/signature", sha256(header_bytes), sha256(key_id, sealed_key)))


def encode_rewrap(rewrap: Rewrap) -> bytes:
    """Return the block header as RFC 8785 JSON. Raises `Invalid` when it breaks a rule that parsing would refuse."""
    raw = encode_canonical(
        {
            "epoch": rewrap.epoch,
            "keyroom": rewrap.keyroom,
            "object_id": rewrap.object_id,
            "original": rewrap.original,
            "previous": rewrap.previous,
            "reason": rewrap.reason,
            "record_class": rewrap.record_class,
            "rewrapped_at": to_text(rewrap.rewrapped_at),
        }
    )
    decode_rewrap(raw)
    return raw


def decode_rewrap(raw: bytes) -> Rewrap:
    """Return the re-wrap that `raw` encodes. Raises `Invalid` for anything but the canonical form of a sound one."""
    fields = decode_canonical(raw, _FIELDS)
    if not all(isinstance(value, str) for value in fields.values()):
        raise Invalid("a field of the re-wrap has the wrong type")
    record_class, start, end = epoch_span(EpochId(fields["epoch"]))
    rewrapped_at = decode_time(fields["rewrapped_at"])
    if record_class != fields["record_class"] or not start <= rewrapped_at < end:
        raise Invalid("epoch, record class and time of the re-wrap do not belong together")
    digests = (fields["original"], fields["previous"], fields["keyroom"])
    if not all(_HEX.fullmatch(digest) for digest in digests) or not _REASON.fullmatch(fields["reason"]):
        raise Invalid("a digest or the reason code of the re-wrap is malformed")
    return Rewrap(
        object_id=RecordId(check_ulid(fields["object_id"])),
        original=fields["original"],
        previous=fields["previous"],
        epoch=EpochId(fields["epoch"]),
        record_class=record_class,
        reason=fields["reason"],
        rewrapped_at=rewrapped_at,
        keyroom=fields["keyroom"],
    )


def read_blocks(reader: ByteReader, object_id: RecordId, original: str) -> tuple[RewrapBlock, ...]:
    """Return the blocks that fill the rest of a record. Raises `Invalid` unless they form one chain about this record."""
    blocks: list[RewrapBlock] = []
    previous = "0" * 64
    while reader.left:
        if len(blocks) == BLOCK_LIMIT:
            raise Invalid(f"more than {BLOCK_LIMIT} re-wraps")
        block = _read_block(reader)
        if (block.rewrap.object_id, block.rewrap.original, block.rewrap.previous) != (
            object_id,
            original,
            previous,
        ):
            raise Invalid("a re-wrap belongs to another record or place")
        previous = sha256(block.data).hex()
        blocks.append(block)
    return tuple(blocks)


def _read_block(reader: ByteReader) -> RewrapBlock:
    """Return the next block. Raises `Invalid` when there is none or it is malformed."""
    if reader.take(min(len(MAGIC), reader.left), "re-wrap") != MAGIC:
        raise Invalid("bytes after the end of the record")
    size = reader.number(2, "re-wrap")
    if size > HEADER_LIMIT:
        raise Invalid("the header of a re-wrap is too long")
    header_bytes = reader.take(size, "re-wrap's header")
    return RewrapBlock(
        rewrap=decode_rewrap(header_bytes),
        header_bytes=header_bytes,
        key_id=reader.take(KEY_ID_SIZE, "re-wrap's key id"),
        sealed_key=reader.take(WRAPPED_SIZE, "re-wrap's key"),
        signature=reader.take(SIGNATURE_SIZE, "re-wrap's signature"),
    )


def verify_block(block: RewrapBlock, keyroom_publics: Collection[bytes]) -> None:
    """Check a block's signature under the one of these Ed25519 keys that it names. Raises `Invalid` otherwise."""
    by_digest = {sha256(public).hex(): public for public in keyroom_publics}
    public = by_digest.get(block.rewrap.keyroom)
    if public is None:
        raise Invalid("a re-wrap is signed by a keyroom that is not known here")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(
            block.signature, signed_bytes(block.header_bytes, block.key_id, block.sealed_key)
        )
    except (InvalidSignature, ValueError):
        raise Invalid("the signature of a re-wrap does not verify") from None
