"""Checkpoints: a tree's size and root, signed by the log and cosigned by witnesses (C2SP tlog-checkpoint, tlog-cosignature).

Owns the signed messages and the verification of signatures over them. It must never sign what its caller has not checked for
consistency: that is `Ledger.sign_checkpoint` for the log, and `ledger.witness` for a witness.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from wayseal.ledger.note import (
    KeyKind,
    Note,
    NoteSignature,
    VerifierKey,
    check_key_name,
    decode_base64,
    decode_decimal,
    parse_note,
)
from wayseal.ledger.proof import EMPTY_ROOT, HASH_SIZE
from wayseal.model.clock import Clock
from wayseal.model.errors import Invalid, LedgerBroken

_TIMESTAMP = 8
_MAX_TIMESTAMP = 2**63 - 1
_SUBTREE_LABEL = b"subtree/v1\n\x00"


class Signer(Protocol):
    """A signing identity: Ed25519 always, ML-DSA-44 beside it where there is one. Its secret never leaves it."""

    @property
    def public(self) -> bytes:
        """The Ed25519 public key, 32 bytes."""

    @property
    def mldsa_public(self) -> bytes | None:
        """The ML-DSA-44 public key, 1,312 bytes; None when the identity has none."""

    def sign(self, data: bytes, /) -> bytes:
        """Return the Ed25519 signature over `data`, 64 bytes."""

    def mldsa_sign(self, data: bytes, /) -> bytes:
        """Return the ML-DSA-44 signature over `data` with an empty context, 2,420 bytes."""


class SeedSigner:
    """A signing identity from two 32-byte seeds in memory: for witnesses, which have no key keeper, and for tests."""

    def __init__(self, ed25519_seed: bytes, mldsa_seed: bytes | None = None) -> None:
        self._ed25519 = Ed25519PrivateKey.from_private_bytes(ed25519_seed)
        self._mldsa = MLDSA44PrivateKey.from_seed_bytes(mldsa_seed) if mldsa_seed is not None else None
        self.public = self._ed25519.public_key().public_bytes_raw()
        self.mldsa_public = self._mldsa.public_key().public_bytes_raw() if self._mldsa is not None else None

    def sign(self, data: bytes, /) -> bytes:
        """Return the Ed25519 signature over `data`."""
        return self._ed25519.sign(data)

    def mldsa_sign(self, data: bytes, /) -> bytes:
        """Return the ML-DSA-44 signature over `data`. Raises `Invalid` when there is no such key."""
        if self._mldsa is None:
            raise Invalid("this signer has no ML-DSA-44 key")
        return self._mldsa.sign(data)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself: its name, how many entries it has, and the root over them. `str()` is the note's text."""

    origin: str
    size: int
    root: bytes

    def __str__(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class GoodSignature:
    """A signature that verified: whose, and for a cosignature when (POSIX seconds; the signer's word)."""

    key: VerifierKey
    timestamp: int | None


def parse_checkpoint(text: str) -> Checkpoint:
    """Return the checkpoint a note's text spells. Raises `Invalid` for anything but the three lines; no extensions."""
    lines = text.split("\n")
    if len(lines) != 4 or lines[3]:
        raise Invalid("a checkpoint has three lines: origin, size, root")
    root = decode_base64(lines[2], "the root hash")
    if len(root) != HASH_SIZE:
        raise Invalid("a root hash has 32 bytes")
    size = decode_decimal(lines[1], "the tree size")
    if size == 0 and root != EMPTY_ROOT:
        raise Invalid("an empty tree with another root than an empty tree's")
    return Checkpoint(check_key_name(lines[0]), size, root)


def read_checkpoint(note: str | bytes) -> Checkpoint:
    """Return the checkpoint that a signed note carries, without looking at its signatures. Raises `Invalid`."""
    return parse_checkpoint(parse_note(note).text)


def log_keys(origin: str, signer: Signer) -> tuple[VerifierKey, ...]:
    """Return the keys that verify what `signer` signs as the log `origin`: Ed25519 and, where it has one, ML-DSA-44."""
    keys = [VerifierKey(origin, KeyKind.ED25519, signer.public)]
    if signer.mldsa_public is not None:
        keys.append(VerifierKey(origin, KeyKind.MLDSA44_COSIGNATURE, signer.mldsa_public))
    return tuple(keys)


def witness_keys(name: str, signer: Signer) -> tuple[VerifierKey, ...]:
    """Return the keys that verify what `signer` cosigns as the witness `name`."""
    keys = [VerifierKey(name, KeyKind.ED25519_COSIGNATURE, signer.public)]
    if signer.mldsa_public is not None:
        keys.append(VerifierKey(name, KeyKind.MLDSA44_COSIGNATURE, signer.mldsa_public))
    return tuple(keys)


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer, *, clock: Clock) -> str:
    """Return the checkpoint as a note signed by its log with every key it has. Consistency is the caller's duty."""
    keys = log_keys(checkpoint.origin, signer)
    return str(Note(str(checkpoint), _sign_with(keys, checkpoint, signer, clock)))


def cosign_checkpoint(
    checkpoint: Checkpoint, name: str, signer: Signer, *, clock: Clock
) -> tuple[NoteSignature, ...]:
    """Return the witness `name`'s cosignatures with every key it has. Consistency is the caller's duty."""
    return _sign_with(witness_keys(name, signer), checkpoint, signer, clock)


def _sign_with(
    keys: Sequence[VerifierKey], checkpoint: Checkpoint, signer: Signer, clock: Clock
) -> tuple[NoteSignature, ...]:
    timestamp = int(clock().timestamp())
    lines = []
    for key in keys:
        sign = signer.mldsa_sign if key.kind is KeyKind.MLDSA44_COSIGNATURE else signer.sign
        signature = sign(_signed_message(key, str(checkpoint), timestamp))
        prefix = b"" if key.kind is KeyKind.ED25519 else timestamp.to_bytes(_TIMESTAMP, "big")
        lines.append(NoteSignature(key.name, key.key_id, prefix + signature))
    return tuple(lines)


def _signed_message(key: VerifierKey, text: str, timestamp: int) -> bytes:
    """Return the bytes that a key of this kind signs for a note's text."""
    if key.kind is KeyKind.ED25519:
        return text.encode()
    if key.kind is KeyKind.ED25519_COSIGNATURE:
        return f"cosignature/v1\ntime {timestamp}\n{text}".encode()
    checkpoint = parse_checkpoint(text)
    name, origin = key.name.encode(), checkpoint.origin.encode()
    return b"".join([
        _SUBTREE_LABEL, bytes([len(name)]), name, timestamp.to_bytes(8, "big"), bytes([len(origin)]), origin,
        (0).to_bytes(8, "big"), checkpoint.size.to_bytes(8, "big"), checkpoint.root,
    ])  # fmt: skip


def verify_signatures(note: Note, keys: Sequence[VerifierKey]) -> list[GoodSignature]:
    """Return the good signatures of known keys on a note, one a key. Lines of unknown keys are ignored.

    Raises `LedgerBroken` when a known key's signature fails. An empty answer means: nobody known signed.
    """
    known = {(key.name, key.key_id): key for key in keys}
    good: dict[VerifierKey, GoodSignature] = {}
    for line in note.signatures:
        key = known.get((line.name, line.key_id))
        if key is not None:
            good.setdefault(key, _verify_signature(key, note.text, line.signature))
    return list(good.values())


def _verify_signature(key: VerifierKey, text: str, signature: bytes) -> GoodSignature:
    timestamp = None
    if key.kind is not KeyKind.ED25519:
        timestamp, signature = int.from_bytes(signature[:_TIMESTAMP], "big"), signature[_TIMESTAMP:]
        if timestamp > _MAX_TIMESTAMP:
            raise LedgerBroken("a cosignature from an impossible time", key=key.name)
    try:
        message = _signed_message(key, text, timestamp or 0)
        if key.kind is KeyKind.MLDSA44_COSIGNATURE:
            MLDSA44PublicKey.from_public_bytes(key.public).verify(signature, message)
        else:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
    except (InvalidSignature, ValueError, Invalid):
        raise LedgerBroken("a signature does not verify", key=key.name, type=int(key.kind)) from None
    return GoodSignature(key, timestamp)


def verify_checkpoint(
    note: str | bytes, keys: Sequence[VerifierKey]
) -> tuple[Checkpoint, list[GoodSignature]]:
    """Return the checkpoint and the good signatures on it of `keys`: the log's (those named after the origin) and witnesses'.

    Every key of the log that is given must have signed, so that dropping the post-quantum line is noticed. Raises
    `Invalid` for a malformed note and `LedgerBroken` when a needed signature is missing or a known one is wrong.
    """
    parsed = parse_note(note)
    checkpoint = parse_checkpoint(parsed.text)
    good = verify_signatures(parsed, keys)
    signed = {signature.key for signature in good}
    needed = [key for key in keys if key.name == checkpoint.origin]
    if not needed or any(key not in signed for key in needed):
        raise LedgerBroken(
            "the checkpoint is not signed by its log", origin=checkpoint.origin, size=checkpoint.size
        )
    return checkpoint, good
