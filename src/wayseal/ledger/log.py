"""The ledger: append entries durably, read them back, and prove what it holds.

Owns the order of entries and the tree above them. It must never change or drop an entry, never acknowledge one that is not
on disk, and never go on from a state that contradicts what it signed.
"""

import sqlite3
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wayseal.ledger import proof
from wayseal.ledger.checkpoint import Checkpoint, Signer, log_keys, read_checkpoint, verify_signatures
from wayseal.ledger.checkpoint import sign_checkpoint as sign_note
from wayseal.ledger.entry import COLUMNS, encode_entry, list_references
from wayseal.ledger.history import (
    keep_checkpoint,
    merge_signatures,
    read_beside,
    read_latest,
    write_beside,
    write_whole,
)
from wayseal.ledger.note import Note, VerifierKey, check_key_name, parse_note, parse_signatures
from wayseal.ledger.reader import FILE_NAME, LedgerReader
from wayseal.ledger.tables import Tables, as_bytes, create_tables
from wayseal.model.clock import Clock, to_text, utc_now
from wayseal.model.errors import LedgerBroken


@dataclass(slots=True)
class _Batch:
    """What one caller wants appended, and what became of it."""

    entries: list[dict[str, Any]]
    data: list[bytes]
    numbers: list[int] = field(default_factory=list)
    done: bool = False
    error: BaseException | None = None


class Ledger(LedgerReader):
    """One append-only log in one folder. Share one object between threads; other processes may open the same folder.

    `clock` dates entries that come without a time.
    """

    def __init__(self, folder: Path, *, clock: Clock = utc_now) -> None:
        super().__init__(folder)
        self._clock = clock
        self._queue: list[_Batch] = []
        self._queueing, self._committing = threading.Lock(), threading.Lock()
        self._tree: proof.CompactRange | None = None
        self._version = -1
        self._known = 0  # the largest size seen: a file that shrinks below it was rolled back

    @classmethod
    def create(cls, folder: Path, *, origin: str, clock: Clock = utc_now) -> "Ledger":
        """Make an empty ledger in `folder`. `origin` is its name for ever, such as `port.example/wayseal`."""
        check_key_name(origin)
        create_tables(folder / FILE_NAME)
        tables = Tables(folder / FILE_NAME)
        with tables.write() as connection:
            connection.executemany("INSERT INTO meta VALUES (?, ?)", [("format", "1"), ("origin", origin)])
        tables.close()
        return cls(folder, clock=clock)

    def append(self, entries: Sequence[Mapping[str, Any]]) -> list[int]:
        """Append entries in order and return their indices, once they are flushed to disk.

        All of a call's entries get adjacent indices or none is appended. Calls that arrive together share one flush.
        Raises `Invalid` for an entry that may not be logged, `StoreFull`, `Unavailable`, or `LedgerBroken`.
        """
        batch = self._prepare(entries)
        if not batch.entries:
            return []
        with self._queueing:
            self._queue.append(batch)
        with self._committing:
            if not batch.done:
                with self._queueing:
                    batches, self._queue = self._queue, []
                self._commit(batches)
        if batch.error is not None:
            raise batch.error
        return batch.numbers

    def _prepare(self, entries: Sequence[Mapping[str, Any]]) -> _Batch:
        now = to_text(self._clock())
        whole = [{"time": now, **entry} for entry in entries]
        return _Batch(whole, [encode_entry(entry) for entry in whole])

    def _commit(self, batches: list[_Batch]) -> None:
        """Write the batches in one transaction and tell each of them what became of it."""
        try:
            with self._tables.write() as connection:
                tree = self._load_tree(connection)
                for batch in batches:
                    batch.numbers = list(range(tree.size, tree.size + len(batch.data)))
                    _insert_batch(connection, tree, batch)
            self._tree, self._known = tree, tree.size
        except BaseException as error:
            self._tree = None
            for batch in batches:
                batch.error, batch.numbers = error, []
            if not isinstance(error, Exception):
                raise
        finally:
            for batch in batches:
                batch.done = True

    def _load_tree(self, connection: sqlite3.Connection) -> proof.CompactRange:
        """Return the tree's right edge to append to, after making sure that the file still begins with what was signed."""
        size = _read_size(connection)
        if size < self._known:
            raise LedgerBroken("the ledger file is shorter than it was", size=size, was=self._known)
        version = int(
            connection.execute("PRAGMA data_version").fetchone()[0]
        )  # moves when anybody else wrote
        if self._tree is not None and (self._tree.size, self._version) == (size, version):
            return proof.CompactRange(size, self._tree.peaks)
        self._tree, self._version = None, version
        _check_history(connection, self.folder, size)
        peaks = [_read_node(connection, level, number) for level, number in proof.list_nodes(0, size)]
        return proof.CompactRange(size, peaks)

    def write_keys(self, signer: Signer, *, prefix: str = "log") -> list[Path]:
        """Write the log's public verifier keys beside the ledger, one vkey a file, so that verifying needs no secret."""
        return [
            self.add_key(f"{prefix}-{key.algorithm.lower()}", key) for key in log_keys(self.origin, signer)
        ]

    def add_key(self, label: str, key: VerifierKey) -> Path:
        """Write one verifier key (a witness's, say) as `<label>.vkey` beside the ledger."""
        file = self.folder / f"{label}.vkey"
        write_whole(file, f"{key}\n".encode())
        return file

    def sign_checkpoint(self, signer: Signer) -> str:
        """Return a checkpoint over all entries, signed by every key of `signer` and kept on disk before it is returned.

        Returns the kept one, with its cosignatures, when nothing was appended since. Raises `LedgerBroken` rather than
        sign anything that does not extend the last one.
        """
        with self._tables.write() as connection:
            tree = self._load_tree(connection)
            self._tree = tree
            checkpoint = Checkpoint(self.origin, tree.size, tree.root())
            last = read_latest(connection)
            _check_history(connection, self.folder, tree.size)
            if last is not None and read_checkpoint(last) == checkpoint and self._is_signed(last, signer):
                return last
            note = sign_note(checkpoint, signer, clock=self._clock)
            keep_checkpoint(connection, note)
        write_beside(self.folder, note)
        return note

    def _is_signed(self, note: str, signer: Signer) -> bool:
        keys = log_keys(self.origin, signer)
        return len(verify_signatures(parse_note(note), keys)) == len(keys)

    def add_cosignatures(self, note: str, lines: str, keys: Sequence[VerifierKey]) -> str:
        """Keep those signature lines of witnesses that verify under `keys`, and return the checkpoint with them.

        Lines of unknown keys are dropped. Raises `LedgerBroken` when none is good or a known one is wrong.
        """
        checkpoint = read_checkpoint(note)
        answer = Note(str(checkpoint), parse_signatures(lines))
        good = {(signature.key.name, signature.key.key_id) for signature in verify_signatures(answer, keys)}
        known = tuple(line for line in answer.signatures if (line.name, line.key_id) in good)
        if not known:
            raise LedgerBroken("no cosignature of a known witness", size=checkpoint.size)
        with self._tables.write() as connection:
            merged = merge_signatures(connection, checkpoint, known)
        write_beside(self.folder, merged)
        return merged


def _read_size(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(number) + 1, 0) FROM entries").fetchone()[0])


def _check_history(connection: sqlite3.Connection, folder: Path, size: int) -> None:
    """Raise `LedgerBroken` unless the tree of `size` entries extends the newest signed checkpoint, kept inside and beside.

    Call it under the write lock: then no honest checkpoint can be larger than the tree.
    """
    for note in (read_latest(connection), read_beside(folder)):
        if note is None:
            continue
        signed = read_checkpoint(note)
        if signed.size > size:
            raise LedgerBroken(
                "the ledger is shorter than a checkpoint it signed", size=size, signed=signed.size
            )
        if (
            proof.compute_root(signed.size, lambda level, number: _read_node(connection, level, number))
            != signed.root
        ):
            raise LedgerBroken("the ledger contradicts a checkpoint it signed", size=signed.size)


def _read_node(connection: sqlite3.Connection, level: int, number: int) -> bytes:
    row = connection.execute(
        "SELECT hash FROM nodes WHERE level = ? AND number = ?", (level, number)
    ).fetchone()
    if row is None:
        raise LedgerBroken("the ledger file lacks a node of its tree", level=level, number=number)
    return as_bytes(row[0])


def _insert_batch(connection: sqlite3.Connection, tree: proof.CompactRange, batch: _Batch) -> None:
    """Insert a batch's entries with their references and the nodes they complete; `tree` grows with them."""
    rows, refs, nodes = [], [], []
    for entry, data in zip(batch.entries, batch.data, strict=True):
        number = tree.size
        rows.append((number, *map(entry.get, COLUMNS), data))
        refs += [(ref, number) for ref in list_references(entry)]
        nodes += tree.append(proof.hash_leaf(data))
    connection.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    connection.executemany("INSERT INTO refs VALUES (?, ?)", refs)
    connection.executemany("INSERT INTO nodes VALUES (?, ?, ?)", nodes)
