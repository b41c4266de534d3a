"""Sealing: what a lane does with a picture it keeps. Holds a signing key and public epoch keys, nothing that opens.

The plaintext body comes in as bytes, is encrypted and forgotten; nothing here writes it anywhere.
"""

import os
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wayseal.model.clock import from_text, to_text
from wayseal.model.custody import EpochKey, Kind, SealedRecord, SealHeader
from wayseal.model.errors import Invalid, NotArmed
from wayseal.model.ids import RecordId
from wayseal.seal.envelope import (
    INFO,
    MAGIC,
    NO_PREVIOUS,
    WRAP_LIMIT,
    Wrap,
    encode_header,
    encode_wraps,
    signed_bytes,
)
from wayseal.seal.padding import pad_into, padded_size
from wayseal.seal.suite import DATA_KEY_SIZE, NONCE_SIZE, SUITE_1, TAG_SIZE, key_id, sha256, wrap_key

_KEPT = 4 << 20  # bytes of a padded body up to which a thread keeps the memory


class DeviceSigner(Protocol):
    """What signs for a device: a raw Ed25519 public key, and signatures under it (`keys.SigningIdentity` is one)."""

    @property
    def public(self) -> bytes:
        """The raw public key, 32 bytes."""

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte Ed25519 signature of `message`."""


def seal_body(
    body: bytes,
    *,
    object_id: RecordId,
    lane: str,
    kind: Kind,
    epoch_keys: Sequence[EpochKey],
    sealed_at: datetime,
    signer: DeviceSigner,
    previous: str = NO_PREVIOUS,
) -> SealedRecord:
    """Return `body` sealed to every key of one epoch (one per keeper replica) and signed by the device.

    `previous` is the SHA-256 (hex) of the device's record before this one. Raises `NotArmed` without an epoch key, and
    `Invalid` when the keys are of different epochs, `sealed_at` is outside their hour, or the body is over 64 MiB - 1.
    """
    if not epoch_keys:
        raise NotArmed("no epoch key to seal to")
    epochs = {key.epoch for key in epoch_keys}
    if len(epochs) != 1 or len(epoch_keys) > WRAP_LIMIT:
        raise Invalid(
            "a record is sealed to keys of one epoch", hint=f"Pass 1 to {WRAP_LIMIT} keys of one epoch."
        )
    size = padded_size(len(body))
    header = SealHeader(
        object_id=object_id,
        lane=lane,
        device=sha256(signer.public).hex(),
        epoch=epoch_keys[0].epoch,
        record_class=epoch_keys[0].record_class,
        kind=kind,
        padded_size=size,
        previous=previous,
        sealed_at=from_text(to_text(sealed_at)),
    )
    header_bytes = encode_header(header)
    data = _encrypt_and_sign(body, size, header_bytes, [key.public for key in epoch_keys], signer)
    return SealedRecord(header=header, data=data)


def _encrypt_and_sign(
    body: bytes, padded_to: int, header_bytes: bytes, publics: Sequence[bytes], signer: DeviceSigner
) -> bytes:
    """Return the record's bytes: a fresh data key encrypts the body, is wrapped to each public key, and is dropped."""
    aad = sha256(header_bytes)
    data_key = bytearray(os.urandom(DATA_KEY_SIZE))
    nonce = os.urandom(NONCE_SIZE)
    padded, ciphertext = _ROOM.take(padded_to)
    try:
        pad_into(padded, body)
        AESGCM(data_key).encrypt_into(nonce, padded, aad, ciphertext)
        wraps = encode_wraps(
            tuple(Wrap(key_id(public), wrap_key(public, data_key, INFO + aad)) for public in publics)
        )
    finally:
        data_key[:] = bytes(DATA_KEY_SIZE)
        padded[:] = ciphertext[:padded_to]  # no plaintext stays behind, and no memory is taken to remove it
    signature = signer.sign(signed_bytes(header_bytes, wraps, nonce, ciphertext))
    size = len(header_bytes).to_bytes(2, "big")
    return b"".join((MAGIC, bytes((SUITE_1,)), size, header_bytes, wraps, nonce, ciphertext, signature))


class _Workroom(threading.local):
    """Memory that a thread seals in again and again: to take fresh memory for a picture costs more than to encrypt it."""

    def __init__(self) -> None:
        self._padded, self._sealed = bytearray(), bytearray()

    def take(self, size: int) -> tuple[memoryview, memoryview]:
        """Return room for a padded body and for its ciphertext. What is in it is overwritten; large rooms are not kept."""
        if size > _KEPT:
            return memoryview(bytearray(size)), memoryview(bytearray(size + TAG_SIZE))
        if len(self._padded) < size:
            self._padded, self._sealed = bytearray(size), bytearray(size + TAG_SIZE)
        return memoryview(self._padded)[:size], memoryview(self._sealed)[: size + TAG_SIZE]


_ROOM = _Workroom()


class SealChain:
    """A lane's seal: each record names the SHA-256 of the one before it, so that a missing record shows.

    Thread-safe. `head` survives a restart when the lane passes the newest outbox record's digest as `previous`.
    """

    def __init__(self, signer: DeviceSigner, lane: str, *, previous: str = NO_PREVIOUS) -> None:
        self._signer = signer
        self._lane = lane
        self._head = previous
        self._lock = threading.Lock()

    @property
    def head(self) -> str:
        """SHA-256 (hex) of the newest record of this device; 64 zeros before its first."""
        return self._head

    def seal(
        self,
        body: bytes,
        *,
        object_id: RecordId,
        kind: Kind,
        epoch_keys: Sequence[EpochKey],
        sealed_at: datetime,
    ) -> SealedRecord:
        """Return `body` sealed as the chain's next record. On an error the chain stays where it was."""
        with self._lock:
            record = seal_body(
                body,
                object_id=object_id,
                lane=self._lane,
                kind=kind,
                epoch_keys=epoch_keys,
                sealed_at=sealed_at,
                signer=self._signer,
                previous=self._head,
            )
            self._head = record.sha256
        return record
