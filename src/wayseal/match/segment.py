"""Segment files: batches of templates, each sealed, one after the other. The bytes on disk of a gallery.

`magic | frame*`, a frame being `length (4, little-endian) | nonce (12) | AES-256-GCM(batch)`; the segment's id and the
frame's number are authenticated, so frames cannot be moved. A segment's key is in the gallery's sealed manifest only.
A batch is `rows, dimension, size of names (4 each) | names (JSON) | whose (4 a row) | float32 vectors`. Traveller ids are
personal data and are inside. Plaintext exists in memory alone.
"""

import json
import os
import secrets
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from numpy.typing import NDArray

from wayseal.model.errors import SealBroken

MAGIC = b"wayseal-gallery-segment/v1\n"
SUFFIX = ".segment"
ROWS = 16384
"""The most templates in one frame."""

_LENGTH = struct.Struct("<I")
_HEAD = struct.Struct("<III")
_NONCE = 12
_LARGEST = 256 << 20


@dataclass(frozen=True, slots=True)
class Batch:
    """Templates with their travellers: `vectors[i]`, (rows, dimension), is of `travellers[i]`."""

    travellers: list[str] = field(repr=False)
    vectors: NDArray[np.float32] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment as the manifest knows it. `frames` is None while more may be appended."""

    id: str
    key: bytes = field(repr=False)
    frames: int | None

    def path(self, folder: Path) -> Path:
        """Return where its file is."""
        return folder / f"{self.id}{SUFFIX}"


def new_segment(*, frames: int | None = None) -> Segment:
    """Return a segment with a fresh id and key. Its file does not exist yet."""
    return Segment(secrets.token_hex(16), AESGCM.generate_key(256), frames)


def seal_frames(segment: Segment, batches: Sequence[Batch], *, first: int) -> bytes:
    """Return batches as the frames `first`, `first` + 1, ... of a segment."""
    cipher = AESGCM(segment.key)
    parts = []
    for number, batch in enumerate(batches, first):
        nonce = os.urandom(_NONCE)
        sealed = cipher.encrypt(nonce, _pack(batch), _context(segment, number))
        parts += [_LENGTH.pack(_NONCE + len(sealed)), nonce, sealed]
    return b"".join(parts)


def read_frames(
    segment: Segment, folder: Path, *, first: int = 0, offset: int = 0
) -> Iterator[tuple[Batch, int]]:
    """Yield (batch, offset after it) from a segment's file, beginning with frame `first` at `offset` (0: the start).

    In an open segment an unfinished last frame, which a crash left and nobody was promised, ends the reading. Raises
    `SealBroken` for anything else that is not as it was written, and for a file that is missing.
    """
    try:
        with segment.path(folder).open("rb") as file:
            data = memoryview(_read_all(file.fileno(), offset))
    except FileNotFoundError:
        raise SealBroken("a gallery segment is missing", segment=segment.id) from None
    place = 0
    if offset == 0:
        if bytes(data[: len(MAGIC)]) != MAGIC:
            raise SealBroken("a gallery segment does not begin as one", segment=segment.id)
        place = len(MAGIC)
    number, cipher = first, AESGCM(segment.key)
    while place < len(data):
        batch, place = _read_one(segment, cipher, data, place, number)
        if batch is None:
            break
        yield batch, offset + place
        number += 1
    if segment.frames is not None and number != segment.frames:
        raise SealBroken("a gallery segment has lost frames", segment=segment.id)


def read_ahead(segment: Segment, folder: Path) -> None:
    """Ask the kernel to fetch a segment's file while others are being opened. Only advice; a missing file is for `read_frames`."""
    try:
        descriptor = os.open(segment.path(folder), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_WILLNEED)
    finally:
        os.close(descriptor)


def split_batch(batch: Batch) -> list[Batch]:
    """Return a batch as batches of at most `ROWS` templates."""
    return [
        Batch(batch.travellers[start : start + ROWS], batch.vectors[start : start + ROWS])
        for start in range(0, len(batch.travellers), ROWS)
    ]


def _read_one(
    segment: Segment, cipher: AESGCM, data: memoryview, place: int, number: int
) -> tuple[Batch | None, int]:
    """Return (batch, place after it), or (None, place) for an open segment's unfinished tail."""
    start = place + _LENGTH.size
    size = _LENGTH.unpack(data[place:start])[0] if start <= len(data) else _LARGEST + 1
    end = start + size
    if size > _LARGEST or end > len(data):
        if segment.frames is None:
            return None, place
        raise SealBroken("a gallery segment is cut short", segment=segment.id)
    nonce, sealed = data[start : start + _NONCE], data[start + _NONCE : end]
    try:
        plain = cipher.decrypt(nonce, sealed, _context(segment, number))
    except (InvalidTag, ValueError):
        if segment.frames is None and end == len(data):
            return None, place
        raise SealBroken("a gallery segment was altered", segment=segment.id, frame=number) from None
    return _unpack(plain), end


def _read_all(descriptor: int, offset: int) -> bytes:
    """Return a file's bytes from `offset` on."""
    size = os.fstat(descriptor).st_size - offset
    os.lseek(descriptor, offset, os.SEEK_SET)
    parts = []
    while size > 0 and (part := os.read(descriptor, size)):
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _context(segment: Segment, number: int) -> bytes:
    """Return what is authenticated beside a frame."""
    return f"wayseal-gallery-frame/v1|{segment.id}|{number}".encode()


def _pack(batch: Batch) -> bytes:
    """Return a batch as bytes."""
    names = list(dict.fromkeys(batch.travellers))
    number = {name: place for place, name in enumerate(names)}
    whose = np.fromiter((number[name] for name in batch.travellers), dtype="<u4", count=len(batch.travellers))
    table = json.dumps(names, ensure_ascii=False, separators=(",", ":")).encode()
    vectors = np.ascontiguousarray(batch.vectors, dtype="<f4")
    head = _HEAD.pack(len(vectors), vectors.shape[1], len(table))
    return b"".join([head, table, whose.tobytes(), vectors.tobytes()])


def _unpack(plain: bytes) -> Batch:
    """Return the batch in bytes that authenticated, so they are as `_pack` made them."""
    rows, dimension, size = _HEAD.unpack_from(plain)
    place = _HEAD.size + size
    names = json.loads(plain[_HEAD.size : place])
    vectors = np.frombuffer(plain, dtype="<f4", count=rows * dimension, offset=place + 4 * rows)
    if len(names) < rows:  # else each has one row, and they are in the rows' order
        whose = np.frombuffer(plain, dtype="<u4", count=rows, offset=place)
        names = [names[number] for number in whose.tolist()]
    return Batch(names, vectors.reshape(rows, dimension))
