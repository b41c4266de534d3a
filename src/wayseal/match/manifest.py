"""A gallery's sealed manifest: its model, its segments and their keys; replaced whole or not at all.

The manifest is all that the key keeper's key seals, so changing that key is changing one small file.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from wayseal.match.segment import Segment
from wayseal.model.errors import Integrity, StoreFull

MANIFEST = "manifest.sealed"
FORMAT = "wayseal-gallery/v1"


class TemplateCipher(Protocol):
    """Seals small secrets under a key that the key keeper holds. Whoever opens a gallery passes one in."""

    def seal(self, data: bytes, context: bytes) -> bytes:
        """Return `data` sealed so that it opens with the same `context` only."""

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Return what was sealed. Raises `SealBroken` for other bytes, another key or another context."""


def write_manifest(
    folder: Path, name: str, facts: tuple[str, int], segments: Sequence[Segment], cipher: TemplateCipher
) -> None:
    """Replace a gallery's manifest: two syncs, whole or not at all. `facts` are the model's SHA-256 and dimension."""
    entries = [{"id": one.id, "key": one.key.hex(), "frames": one.frames} for one in segments]
    body = {"format": FORMAT, "model_sha256": facts[0], "dimension": facts[1], "segments": entries}
    sealed = cipher.seal(json.dumps(body, separators=(",", ":")).encode(), _context(name))
    part = folder / f"{MANIFEST}.part"
    write_file(part, sealed)
    part.replace(folder / MANIFEST)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_manifest(folder: Path, name: str, cipher: TemplateCipher) -> tuple[tuple[str, int], list[Segment]]:
    """Return ((model SHA-256, dimension), segments). Raises what the cipher raises, and `Integrity` for another format."""
    body = json.loads(cipher.open((folder / MANIFEST).read_bytes(), _context(name)))
    if body["format"] != FORMAT:
        raise Integrity("a gallery of another version", hint="Open it with the version that made it.")
    segments = [Segment(one["id"], bytes.fromhex(one["key"]), one["frames"]) for one in body["segments"]]
    return (body["model_sha256"], body["dimension"]), segments


def _context(name: str) -> bytes:
    """Return what binds a manifest to its gallery."""
    return f"wayseal-gallery-manifest/v1|{name}".encode()


def stamp_file(path: Path) -> tuple[int, int, int]:
    """Return what changes when a file is replaced."""
    facts = path.stat()
    return facts.st_ino, facts.st_mtime_ns, facts.st_size


def write_file(path: Path, data: bytes) -> None:
    """Write a new file and make its bytes durable (its name is durable with the next manifest)."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        write_all(descriptor, data)
        os.fdatasync(descriptor)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise StoreFull(f"the gallery could not be written: {error.strerror}") from None
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of `data`."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
