"""Tiles: the ledger as files that anyone can serve, copy and verify with other people's tools (C2SP tlog-tiles).

Owns the layout, the export and the verification of an exported folder. Full tiles never change; it must never prune.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from wayseal.ledger import proof
from wayseal.ledger.check import (
    POLICY_FILE,
    Verification,
    compare_checkpoints,
    judge_signatures,
    read_notes,
    read_vkeys,
)
from wayseal.ledger.checkpoint import Checkpoint, read_checkpoint
from wayseal.ledger.entry import MAX_ENTRY, decode_entry
from wayseal.ledger.history import CHECKPOINT_FILE, read_beside, write_whole
from wayseal.ledger.note import VerifierKey
from wayseal.ledger.reader import LedgerReader
from wayseal.ledger.tables import explain_disk
from wayseal.model.errors import LedgerBroken, NotFound

WIDTH = 256
_BITS = 8  # 2**8 hashes a tile


class Tile(NamedTuple):
    """One tile of a tree: its level (-1 for a bundle of entries), its number, and how many hashes or entries it has."""

    level: int
    number: int
    width: int

    def path(self) -> str:
        """Return where the tile lies below the prefix: `tile/0/x001/x234/067`, with `.p/W` when it is partial."""
        digits = f"{self.number:03d}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        parts = [digits[start : start + 3] for start in range(0, len(digits), 3)]
        name = "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])
        partial = f".p/{self.width}" if self.width < WIDTH else ""
        return f"tile/{'entries' if self.level < 0 else self.level}/{name}{partial}"


def list_tiles(size: int, since: int = 0) -> Iterator[Tile]:
    """Yield the tiles of a tree of `size` leaves that a tree of `since` leaves has not, full or partial, bundles first."""
    for level in (-1, *range(8)):
        scale = max(level, 0) * _BITS
        hashes, held = size >> scale, since >> scale
        if hashes == 0:
            return
        for number in range(held // WIDTH, -(-hashes // WIDTH)):
            width = min(WIDTH, hashes - number * WIDTH)
            if number * WIDTH + width > held:
                yield Tile(level, number, width)


def export_tiles(ledger: LedgerReader, folder: Path, *, cosigned: bool = False) -> Checkpoint:
    """Write the ledger up to its newest signed (or cosigned) checkpoint, with its verifier keys, and return the checkpoint.

    A folder that holds an earlier export is extended; full tiles in it are left alone. The checkpoint is written last.
    Raises `NotFound` when nothing was signed yet, `LedgerBroken` when the folder holds another history.
    """
    note = ledger.latest_checkpoint(cosigned=cosigned)
    if note is None:
        raise NotFound(
            "the ledger has no signed checkpoint yet", hint="Sign or publish one first, then export."
        )
    checkpoint = read_checkpoint(note)
    with explain_disk("the export"):
        since = _check_earlier(ledger, folder, checkpoint)
        for tile in list_tiles(checkpoint.size, since):
            _write_tile(folder, tile, _read_tile(ledger, tile))
        for file in (*sorted(ledger.folder.glob("*.vkey")), *ledger.folder.glob(POLICY_FILE)):
            write_whole(folder / file.name, file.read_bytes())
        write_whole(folder / CHECKPOINT_FILE, note.encode())
    return checkpoint


def _check_earlier(ledger: LedgerReader, folder: Path, checkpoint: Checkpoint) -> int:
    """Return how many entries the folder holds already. Raises `LedgerBroken` when they are not the ledger's first."""
    folder.mkdir(parents=True, exist_ok=True)
    held = read_beside(folder)
    if held is None:
        return 0
    earlier = read_checkpoint(held)
    if (
        earlier.origin != checkpoint.origin
        or earlier.size > checkpoint.size
        or ledger.root(earlier.size) != earlier.root
    ):
        raise LedgerBroken(
            "the folder holds an export of another history", size=earlier.size, origin=earlier.origin
        )
    return earlier.size


def _read_tile(ledger: LedgerReader, tile: Tile) -> bytes:
    first = tile.number * WIDTH
    if tile.level >= 0:
        return b"".join(ledger.hashes(tile.level * _BITS, first, tile.width))
    return b"".join(
        len(data).to_bytes(2, "big") + data for data in ledger.raw_entries(first, first + tile.width)
    )


def _write_tile(folder: Path, tile: Tile, data: bytes) -> None:
    file = folder / tile.path()
    if file.exists():
        if file.read_bytes() != data:
            raise LedgerBroken("a tile in the folder differs from the ledger", tile=tile.path())
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, data)
    if tile.width == WIDTH:  # the full tile has all that its partial forerunners had, so they may go
        shutil.rmtree(file.with_name(f"{file.name}.p"), ignore_errors=True)


def verify_export(
    folder: Path,
    keys: Sequence[VerifierKey] = (),
    *,
    known: Sequence[str] = (),
    progress: Callable[[int], None] = lambda steps: None,  # noqa: ARG005 - the callback's signature
) -> Verification:
    """Verify an exported folder from its raw entries and return what holds. Needs no home, no database and no secret.

    Without `keys` those in the folder are used, which proves only that they fit each other: whoever made the folder could
    have made its keys. Raises `LedgerBroken` with the failing `index` or `tile`, `NotFound` when there is no checkpoint.
    """
    note = read_beside(folder)
    if note is None:
        raise NotFound("no checkpoint in the folder", hint="Name the folder that ledger export wrote.")
    trusted = tuple(keys) or read_vkeys(folder)
    notes = [note, *known]
    checkpoints = read_notes(notes, read_checkpoint(note).origin)
    size = checkpoints[0].size
    roots = _recompute(folder, size, {checkpoint.size: None for checkpoint in checkpoints}, progress)
    compare_checkpoints(checkpoints, size, roots)
    return judge_signatures(notes, trusted, size, checkpoints[0].root)


def _recompute(
    folder: Path, size: int, roots: dict[int, bytes | None], progress: Callable[[int], None]
) -> dict[int, bytes | None]:
    """Rebuild the tree from the bundles, compare every tile with it, and return its roots at the sizes asked for."""
    tree = proof.CompactRange()
    rows: dict[int, bytearray] = {}
    for tile in list_tiles(size):
        data = _load(folder, tile)
        if tile.level >= 0:
            _compare_tile(tile, data, rows[tile.level])
            continue
        for entry in split_bundle(data, tile):
            if tree.size in roots:
                roots[tree.size] = tree.root()
            _check_form(entry, tree.size)
            for level, _, value in tree.append(proof.hash_leaf(entry)):
                if level % _BITS == 0:
                    rows.setdefault(level // _BITS, bytearray()).extend(value)
        progress(tile.width)
    roots[size] = tree.root()
    return roots


def _compare_tile(tile: Tile, data: bytes, row: bytearray) -> None:
    """Raise `LedgerBroken`, naming the first entry it concerns, unless the tile is its part of the level's hashes."""
    start = tile.number * WIDTH * proof.HASH_SIZE
    expected = row[start : start + tile.width * proof.HASH_SIZE]
    if data != expected:
        same = (
            next(place for place, byte in enumerate(expected) if data[place : place + 1] != bytes([byte]))
            // 32
        )
        index = (tile.number * WIDTH + same) << (tile.level * _BITS)
        raise LedgerBroken("a tile does not fit the entries below it", tile=tile.path(), index=index)


def _check_form(entry: bytes, index: int) -> None:
    try:
        decode_entry(entry)
    except LedgerBroken as error:
        raise LedgerBroken(str(error), index=index) from None


def _load(folder: Path, tile: Tile) -> bytes:
    """Return a tile's bytes; a partial one may have been replaced by the full one since."""
    index = (tile.number * WIDTH) << (max(tile.level, 0) * _BITS)
    for width in (tile.width, WIDTH):
        file = folder / Tile(tile.level, tile.number, width).path()
        if not file.is_file():
            continue
        size = file.stat().st_size
        if size > WIDTH * (MAX_ENTRY + 2) or (tile.level >= 0 and size != width * proof.HASH_SIZE):
            raise LedgerBroken("a tile has the wrong size", tile=tile.path(), index=index)
        data = file.read_bytes()
        return data if tile.level < 0 else data[: tile.width * proof.HASH_SIZE]
    raise LedgerBroken("a tile is missing", tile=tile.path(), index=index)


def split_bundle(data: bytes, tile: Tile) -> Iterator[bytes]:
    """Yield the first `tile.width` entries of a bundle. Raises `LedgerBroken` when it is cut short or has bytes to spare."""
    place, count = 0, 0
    while place < len(data) and count < WIDTH:
        length = int.from_bytes(data[place : place + 2], "big")
        entry = data[place + 2 : place + 2 + length]
        if place + 2 > len(data) or len(entry) != length:
            break
        if count < tile.width:
            yield entry
        place, count = place + 2 + length, count + 1
    if place != len(data) or count < tile.width:
        raise LedgerBroken(
            "a bundle of entries is cut short or has too much",
            tile=tile.path(),
            index=tile.number * WIDTH + count,
        )
