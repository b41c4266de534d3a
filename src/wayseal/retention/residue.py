"""Search files, databases, logs, swap and devices for plaintext that must not be there.

Owns the walk and the fast first pass; `carve`, `vectors` and `needles` decide. Reads only, follows no symbolic link, and
reports where and what kind, never the bytes. What is compressed or encrypted by somebody else stays invisible to it.
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from wayseal.model.errors import NotFound
from wayseal.retention.carve import SIGNATURES, WINDOW, Signature
from wayseal.retention.needles import Needles
from wayseal.retention.vectors import find_vectors

CHUNK = 8 * 2**20
MOST_FINDINGS = 1000
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Finding:
    """Plaintext, or what looks like it: the file, the byte offset in it and the kind. Never the bytes."""

    path: str
    offset: int
    kind: str


@dataclass(frozen=True, slots=True)
class Residue:
    """The answer of one scan. `unreadable` could not be looked at; a scan with such paths has not shown that they are clean."""

    scanned_bytes: int
    findings: tuple[Finding, ...]
    unreadable: tuple[str, ...]


def scan(
    paths: Iterable[Path], needles: Needles | None = None, *, progress: Progress = lambda _bytes: None
) -> Residue:
    """Return what was found in files, folders and devices, in path order, up to 1,000 findings.

    `progress` is told the bytes of each chunk. Every file below a folder is read raw, so database pages, write-ahead logs,
    journals and core dumps need no special treatment.
    """
    carver = _Carver(needles or Needles())
    scanned, findings, unreadable = 0, list[Finding](), list[str]()
    for path in _list_files(paths):
        try:
            with path.open("rb", buffering=0) as file:
                for size, found in carver.carve_file(file, path):
                    scanned += size
                    findings += found
                    progress(size)
        except OSError:
            unreadable.append(str(path))
        if len(findings) >= MOST_FINDINGS:
            break
    return Residue(scanned, tuple(findings[:MOST_FINDINGS]), tuple(unreadable))


def carve_stream(file: BinaryIO) -> Iterator[tuple[int, str]]:
    """Yield (byte offset, kind) of what looks like plaintext in an open file, from where it stands; no needles of a site."""
    for _, findings in _plain_carver().carve_file(file, Path()):
        for finding in findings:
            yield finding.offset, finding.kind


@cache
def _plain_carver() -> "_Carver":
    return _Carver(Needles())


def system_places() -> list[Path]:
    """Return where this machine may hold pages of our memory outside the home: swap, core dumps, the temporary folder."""
    places = [Path(os.environ.get("TMPDIR", "/tmp"))]  # noqa: S108 - the folder is read, not used
    try:
        swaps = Path("/proc/swaps").read_text(encoding="ascii").splitlines()[1:]
        places += [Path(line.split()[0]) for line in swaps if line.strip()]
        pattern = Path("/proc/sys/kernel/core_pattern").read_text(encoding="ascii").strip()
        if pattern.startswith("/"):
            places.append(Path(pattern).parent)
    except OSError:
        pass
    places += [Path("/var/lib/systemd/coredump"), Path("/var/crash")]
    return [place for place in dict.fromkeys(places) if place.exists()]


def list_places(paths: Iterable[Path], *, system: bool) -> list[Path]:
    """Return the paths, with the system's places after them when asked for. Raises `NotFound` for a path that is not there."""
    chosen = list(paths)
    for path in chosen:
        if not path.exists():
            raise NotFound(
                "there is nothing to search at that path", hint="Check --path or --home.", path=str(path)
            )
    return chosen + (system_places() if system else [])


def _list_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield regular files and block devices at and below the paths, each once, in name order."""
    seen: set[tuple[int, int]] = set()
    for path in paths:
        found = [path]
        if path.is_dir():
            found = sorted(Path(folder) / name for folder, _, names in os.walk(path) for name in names)
        for file in found:
            try:
                status = file.lstat() if file != path else file.stat()
            except OSError:
                continue
            usable = stat.S_ISREG(status.st_mode) or stat.S_ISBLK(status.st_mode)
            if usable and (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                yield file


class _Carver:
    """The first pass: pairs of bytes through a table, then four bytes, then the signature's own check."""

    def __init__(self, needles: Needles) -> None:
        self._needles = needles
        self._pairs = np.zeros(65536, bool)
        self._long: dict[int, list[Signature]] = {}
        self._short: dict[int, list[Signature]] = {}
        for signature in (*SIGNATURES, *(_sign_needle(kind, data) for kind, data in needles.exact)):
            self._pairs[int.from_bytes(signature.mark[:2], "little")] = True
            whole = len(signature.mark) >= 4
            table, key = (self._long, signature.mark[:4]) if whole else (self._short, signature.mark[:2])
            table.setdefault(int.from_bytes(key, "little"), []).append(signature)
        self._quads = np.array(sorted(self._long), np.uint32)
        self._loose = np.zeros(65536, bool)
        self._loose[list(self._short)] = True

    def carve_file(self, file: BinaryIO, path: Path) -> Iterator[tuple[int, list[Finding]]]:
        """Yield (bytes, findings) for each chunk of an open file; a finding belongs to the chunk in which it starts."""
        start, tail = 0, b""
        while True:
            fresh = _read_full(file, CHUNK + WINDOW - len(tail))
            data = tail + fresh
            last = len(data) < CHUNK + WINDOW
            core = len(data) if last else CHUNK
            if core == 0:
                return
            places = sorted(set(self._carve(data, core)))
            yield core, [Finding(str(path), start + at, kind) for at, kind in places]
            if last:
                return
            start, tail = start + core, data[core:]

    def _carve(self, data: bytes, core: int) -> Iterator[tuple[int, str]]:
        """Yield (offset, kind) of everything that starts in the first `core` bytes."""
        for at in self._candidates(data):
            for signature in self._matches(data, at):
                begins = at - signature.before
                if 0 <= begins < core and signature.check(data, at):
                    yield begins, signature.kind
        for at in find_vectors(data):
            if at < core:
                yield at, "template"
        for at in self._needles.find_texts(data):
            if at < core:
                yield at, "plate"

    def _candidates(self, data: bytes) -> list[int]:
        """Return positions where the first two bytes of some mark stand, and all four if it has four."""
        if len(data) < 4:
            return []
        found = [2 * np.flatnonzero(self._pairs[_as_pairs(data, odd)]) + odd for odd in (0, 1)]
        places = np.concatenate(found)
        places = places[places <= len(data) - 4]
        bytes_ = np.frombuffer(data, np.uint8)
        quads = sum(bytes_[places + n].astype(np.uint32) << np.uint32(8 * n) for n in range(4))
        hits = np.isin(quads, self._quads) | self._loose[np.asarray(quads) & 0xFFFF]
        return sorted(int(place) for place in places[hits])

    def _matches(self, data: bytes, at: int) -> Iterator[Signature]:
        """Yield the signatures whose whole mark stands at a position."""
        key = int.from_bytes(data[at : at + 4], "little")
        for signature in (*self._long.get(key, ()), *self._short.get(key & 0xFFFF, ())):
            if data.startswith(signature.mark, at):
                yield signature


def _as_pairs(data: bytes, odd: int) -> NDArray[np.uint16]:
    """Return neighbouring bytes as little-endian pairs, starting at byte 0 or 1, without a copy."""
    return np.frombuffer(data, "<u2", (len(data) - odd) // 2, odd)


def _sign_needle(kind: str, data: bytes) -> Signature:
    """Return the signature of exact bytes, anchored where they vary most (runs of zeros are everywhere)."""
    anchor = max(range(len(data) - 3), key=lambda n: (len(set(data[n : n + 4]) - {0}), -n))

    def check(chunk: bytes, at: int) -> bool:
        return at >= anchor and chunk.startswith(data, at - anchor)

    return Signature(data[anchor : anchor + 4], kind, check, before=anchor)


def _read_full(file: BinaryIO, size: int) -> bytes:
    """Return `size` bytes, or fewer only at the end of the file."""
    parts: list[bytes] = []
    while size > 0:
        part = file.read(size)
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
