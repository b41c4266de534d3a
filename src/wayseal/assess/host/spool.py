"""The lane's spool: what waits there for the centre, file by file. Only sealed records may, beside the queue's own small files."""

import io
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from wayseal.assess.host.view import HostView
from wayseal.model.errors import WaysealError
from wayseal.store.frames import read_payload, walk_frames

READ_LIMIT: Final = 64 * 2**20
"""How many bytes of records and of other files one look reads at most; the nonce chooses which come first."""

KEY_KIND: Final = "key-"
"""How the carver's kinds of keys begin: they are probe 7's matter, and a lane's own signing key is no fault."""


@dataclass(slots=True)
class Spool:
    """What one look at the spool found. Files are named by inode: their names might say whose picture it is."""

    files: int = 0
    records: int = 0
    read_bytes: int = 0
    suites: set[int] = field(default_factory=set)
    unsealed: list[int] = field(default_factory=list)
    """Inodes of files below `segments` that hold something other than whole sealed records."""
    plaintext: list[tuple[int, str]] = field(default_factory=list)
    """Inode and kind of what the carver found."""


def read_spool(view: HostView) -> Spool:
    """Return what is in the spool, as far as the limit lets one look."""
    spool, names = Spool(), view.list_files(view.facts.spool)
    random.Random(view.nonce).shuffle(names)  # noqa: S311 - reproducible by the assessor, no secret
    for name in names:
        spool.files += 1
        if spool.read_bytes > READ_LIMIT:
            continue
        path = view.path(name)
        if name.endswith(".seg"):
            _read_segment(view, path, spool)
        else:
            _read_other(view, path, spool, stray="/segments/" in name)
    return spool


def _read_segment(view: HostView, path: Path, spool: Spool) -> None:
    """Count a segment's sealed records; what is none, and what lies behind the last whole frame, is carved."""
    with path.open("rb") as file:
        sealed, end = True, 0
        for payload, offset in _payloads(file.fileno()):
            end = offset
            if payload is None:
                continue
            spool.read_bytes += len(payload)
            try:
                spool.suites.add(view.read_suite(payload))
                spool.records += 1
            except WaysealError:
                sealed = False
                _carve(view, payload, path, spool)
        tail = os.pread(file.fileno(), READ_LIMIT, end)
        _carve(view, tail, path, spool)
    if not sealed or (end == 0 and tail):
        spool.unsealed.append(path.stat().st_ino)


def _payloads(descriptor: int) -> Iterator[tuple[bytes | None, int]]:
    """Yield each whole frame's payload, None for a void or damaged one, with the offset after the frame."""
    for head, offset in walk_frames(descriptor):
        payload = read_payload(descriptor, head, offset) if head.live else None
        yield payload, offset + head.length


def _read_other(view: HostView, path: Path, spool: Spool, *, stray: bool) -> None:
    """Carve a file that is no segment; below `segments` it has no business at all."""
    if stray:
        spool.unsealed.append(path.stat().st_ino)
    with path.open("rb") as file:
        data = file.read(READ_LIMIT)
    spool.read_bytes += len(data)
    _carve(view, data, path, spool)


def _carve(view: HostView, data: bytes, path: Path, spool: Spool) -> None:
    """Note what the carver finds in some bytes of a file, keys left aside."""
    for _, kind in view.carve(io.BytesIO(data)):
        if not kind.startswith(KEY_KIND):
            spool.plaintext.append((path.stat().st_ino, kind))
