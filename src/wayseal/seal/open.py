"""The hazardous room: the only code that turns a sealed record back into what it shows. Only `flow.release` imports it.

Owns no decision. The caller has logged the intent, checked the inclusion proof, policy and quota before it comes here,
and knows which device sealed the record. Everything fails closed: `SealBroken` or `Erased`, and nothing was opened.

Keys are zeroed after use where Python lets us: seeds and data keys are kept in buffers that are overwritten. What
cannot be promised: the key objects of the cryptography library are freed, not overwritten; the interpreter and the
operating system may have copied or paged a buffer; and the plaintext belongs to the caller, who cannot zero a `bytes`.
Swap and piped core dumps therefore have to be off on this machine, which the equipment probes check; to a file no command dumps.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

from wayseal.model.clock import from_text, to_text
from wayseal.model.custody import EpochKey, SealedRecord
from wayseal.model.errors import Invalid, NotFound
from wayseal.model.ids import EpochId
from wayseal.seal.device import DeviceSigner
from wayseal.seal.envelope import INFO, Envelope, broken, read_envelope, verify_record
from wayseal.seal.keys.vault import EpochVault, erased, seed_context
from wayseal.seal.padding import unpad_body
from wayseal.seal.rewrap import (
    BLOCK_LIMIT,
    Rewrap,
    RewrapBlock,
    decode_rewrap,
    encode_rewrap,
    signed_bytes,
    verify_block,
    wrap_info,
)
from wayseal.seal.suite import DATA_KEY_SIZE, HPKE, expand_seed, key_id, sha256, wrap_key


@dataclass(frozen=True, slots=True)
class _Wrapped:
    """One place in a record where its data key lies: the epoch that opens it, and what the wrap is bound to."""

    epoch: EpochId
    key_id: bytes
    sealed_key: bytes
    info: bytes


def unwrap_data_key(
    record: SealedRecord,
    vault: EpochVault,
    *,
    device_public: bytes,
    keyroom_publics: Collection[bytes] = (),
) -> bytearray:
    """Return the record's data key (32 bytes) in a buffer that the caller zeroes.

    1. The device's signature over header, wraps and body verifies under `device_public` (raw Ed25519).
    2. Each re-wrap's signature verifies under one of `keyroom_publics`.
    3. The newest wrap whose epoch key is alive is opened, under exactly the context it was made in.

    Raises `SealBroken` when a check fails and `Erased` when no epoch key that opens the record is alive. The caller
    must have checked that the device was on the roster when it sealed.
    """
    envelope = verify_record(record, device_public)
    verify_rewraps(envelope, keyroom_publics)
    for wrapped in _list_wraps(envelope):
        if vault.has(wrapped.epoch):
            try:
                return _unwrap(wrapped, vault)
            except (InvalidTag, Invalid, ValueError):
                raise broken("its key does not open", envelope.header) from None
            except NotFound:
                continue  # destroyed between the question and the answer
    raise erased(record.epoch)


def verify_rewraps(envelope: Envelope, keyroom_publics: Collection[bytes]) -> None:
    """Check every re-wrap's signature under one of the keyrooms' keys. Raises `SealBroken` otherwise."""
    for block in envelope.rewraps:
        try:
            verify_block(block, keyroom_publics)
        except Invalid as error:
            raise broken(str(error), envelope.header) from None


def open_body(record: SealedRecord, data_key: bytes | bytearray) -> bytes:
    """Return the plaintext of a record whose key `unwrap_data_key` gave. The plaintext stays in the caller's memory.

    Raises `SealBroken` when the key is not this record's, or header, body or padding are not as they were sealed.
    """
    envelope = read_envelope(record.data)
    padded = bytearray(envelope.header.padded_size)
    try:
        AESGCM(data_key).decrypt_into(envelope.nonce, envelope.ciphertext, envelope.aad, padded)
        body = unpad_body(padded)
    except (InvalidTag, ValueError):
        raise broken("its body does not open", envelope.header) from None
    finally:
        padded[:] = bytes(len(padded))
    if body is None:
        raise broken("its padding is not as it is made", envelope.header)
    return body


def rewrap_record(
    record: SealedRecord,
    vault: EpochVault,
    to_key: EpochKey,
    *,
    reason: str,
    rewrapped_at: datetime,
    signer: DeviceSigner,
    device_public: bytes,
    keyroom_publics: Collection[bytes] = (),
) -> SealedRecord:
    """Return the record with one more block, by which `to_key`'s epoch opens it too. The original bytes stay.

    `reason` is a code such as `decision.refer`; `signer` is the keyroom's identity. The keeper lengthens only by this;
    the caller has logged the decision. Raises as `unwrap_data_key`, and `Invalid` when the record has 8 blocks already.
    """
    envelope = read_envelope(record.data)
    if len(envelope.rewraps) >= BLOCK_LIMIT:
        raise Invalid(f"the record {record.header.object_id} was re-wrapped {BLOCK_LIMIT} times already")
    previous = sha256(envelope.rewraps[-1].data).hex() if envelope.rewraps else "0" * 64
    header_bytes = encode_rewrap(
        Rewrap(
            object_id=record.header.object_id,
            original=envelope.original_sha256,
            previous=previous,
            epoch=to_key.epoch,
            record_class=to_key.record_class,
            reason=reason,
            rewrapped_at=from_text(to_text(rewrapped_at)),
            keyroom=sha256(signer.public).hex(),
        )
    )
    with borrow_data_key(
        record, vault, device_public=device_public, keyroom_publics=keyroom_publics
    ) as data_key:
        block = _make_block(header_bytes, to_key.public, data_key, signer)
    data = record.data + block
    return SealedRecord(header=record.header, data=data, kept_in=to_key.epoch)


@contextmanager
def borrow_data_key(
    record: SealedRecord,
    vault: EpochVault,
    *,
    device_public: bytes,
    keyroom_publics: Collection[bytes] = (),
) -> Iterator[bytearray]:
    """Give the record's data key for the length of a block and zero it afterwards. Raises as `unwrap_data_key`."""
    data_key = unwrap_data_key(record, vault, device_public=device_public, keyroom_publics=keyroom_publics)
    try:
        yield data_key
    finally:
        data_key[:] = bytes(len(data_key))


def _make_block(header_bytes: bytes, public: bytes, data_key: bytearray, signer: DeviceSigner) -> bytes:
    """Return a signed re-wrap block's bytes."""
    identifier = key_id(public)
    sealed_key = wrap_key(public, data_key, wrap_info(header_bytes))
    block = RewrapBlock(
        rewrap=decode_rewrap(header_bytes),
        header_bytes=header_bytes,
        key_id=identifier,
        sealed_key=sealed_key,
        signature=signer.sign(signed_bytes(header_bytes, identifier, sealed_key)),
    )
    return block.data


def _list_wraps(envelope: Envelope) -> Iterator[_Wrapped]:
    """Give every place where the data key lies, the newest re-wrap first and the device's own wraps last."""
    for block in reversed(envelope.rewraps):
        yield _Wrapped(block.rewrap.epoch, block.key_id, block.sealed_key, block.info)
    info = INFO + envelope.aad
    for wrap in envelope.wraps:
        yield _Wrapped(envelope.header.epoch, wrap.key_id, wrap.sealed_key, info)


def _unwrap(wrapped: _Wrapped, vault: EpochVault) -> bytearray:
    """Return the data key from one wrap. Raises `NotFound` when it is for another key of the epoch, or that is gone."""
    public, wrapped_seed = vault.read_pair(wrapped.epoch)
    if key_id(public) != wrapped.key_id:
        raise NotFound("sealed to another key of that epoch")
    seed = vault.keeper.unwrap(wrapped.epoch, wrapped_seed, seed_context(wrapped.epoch, public))
    try:
        private = MLKEM768X25519PrivateKey(*expand_seed(seed))
    finally:
        seed[:] = bytes(len(seed))
    data_key = bytearray(HPKE.decrypt(wrapped.sealed_key, private, wrapped.info))
    if len(data_key) != DATA_KEY_SIZE:
        raise Invalid("not a data key")
    return data_key
