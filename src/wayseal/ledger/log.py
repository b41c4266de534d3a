"""The ledger: append entries durably, read them back, and prove what it holds.

Owns the order of entries and the tree above them. It must never change or drop an entry, never acknowledge one that is not
on disk, and never go on from a state that contradicts what it signed.
"""

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wayseal.ledger import proof
from wayseal.ledger.entry import decode_entry, encode_entry, list_references
from wayseal.ledger.tables import Tables, create_tables
from wayseal.model.clock import Clock, to_text, utc_now
from wayseal.model.errors import Invalid, LedgerBroken, NotFound

FILE_NAME = "ledger.sqlite"
COLUMNS = ("type", "time", "actor", "org", "device", "lane")
"""Fields that are copied out of an entry so that it can be found; `verify` compares them with the entry."""
_PAGE = 1000


@dataclass(slots=True)
class _Batch:
    """What one caller wants appended, and what became of it."""

    entries: list[dict[str, Any]]
    data: list[bytes]
    numbers: list[int] = field(default_factory=list)
    done: bool = False
    error: BaseException | None = None


class Ledger:
    """One append-only log in one folder. Share one object between threads; other processes may open the same folder.

    `clock` dates entries that come without a time.
    """

    def __init__(self, folder: Path, *, clock: Clock = utc_now) -> None:
        self.folder = folder
        self._clock = clock
        self._tables = Tables(folder / FILE_NAME)
        self._queue: list[_Batch] = []
        self._queueing, self._committing = threading.Lock(), threading.Lock()
        self._tree: proof.CompactRange | None = None
        self._known = 0  # the largest size seen: a file that shrinks below it was rolled back
        self.origin = str(self._one("SELECT value FROM meta WHERE key = 'origin'", what="origin"))

    @classmethod
    def create(cls, folder: Path, *, origin: str, clock: Clock = utc_now) -> "Ledger":
        """Make an empty ledger in `folder`. `origin` is its name for ever, such as `port.example/wayseal`."""
        if not origin or any(character.isspace() or character == "+" for character in origin):
            raise Invalid(
                "a ledger's origin has no spaces and no plus",
                hint="Use a host and a path: port.example/wayseal.",
            )
        create_tables(folder / FILE_NAME)
        tables = Tables(folder / FILE_NAME)
        with tables.write() as connection:
            connection.executemany("INSERT INTO meta VALUES (?, ?)", [("format", "1"), ("origin", origin)])
        tables.close()
        return cls(folder, clock=clock)

    def close(self) -> None:
        """Close the file."""
        self._tables.close()

    # --- appending

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
                    batch.numbers = [
                        _insert_entry(connection, tree, entry, data)
                        for entry, data in zip(batch.entries, batch.data, strict=True)
                    ]
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
        if self._tree is not None and self._tree.size == size:
            return proof.CompactRange(size, self._tree.peaks)
        peaks = [_read_node(connection, level, number) for level, number in proof.list_nodes(0, size)]
        return proof.CompactRange(size, peaks)

    # --- reading

    @property
    def size(self) -> int:
        """The number of entries on disk."""
        return self._read_size()

    def _read_size(self) -> int:
        return int(self._tables.query("SELECT coalesce(max(number) + 1, 0) FROM entries")[0][0])

    def raw(self, index: int) -> bytes:
        """Return the canonical bytes of entry `index`. Raises `NotFound`."""
        rows = self._tables.query("SELECT data FROM entries WHERE number = ?", (index,))
        if not rows:
            raise NotFound(
                f"the ledger has no entry {index}", hint=f"It has {self.size} entries, counted from 0."
            )
        return bytes(rows[0][0])

    def entry(self, index: int) -> dict[str, Any]:
        """Return entry `index` as a mapping. Raises `NotFound`, or `LedgerBroken` when its bytes are no entry."""
        return decode_entry(self.raw(index))

    def entries(self, start: int = 0, end: int | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield (index, entry) from `start` up to `end` or, without one, to the size when the reading began."""
        end = self.size if end is None else end
        for first in range(start, end, _PAGE):
            rows = self._tables.query(
                "SELECT number, data FROM entries WHERE number >= ? AND number < ? ORDER BY number",
                (first, min(first + _PAGE, end)),
            )
            for number, data in rows:
                yield number, decode_entry(bytes(data))

    def find(self, **wanted: str) -> list[int]:
        """Return the indices, ascending, of the entries that match all of `wanted`.

        `object` matches any identifier the entry refers to (record, release, encounter, epoch, session, ...); `type`,
        `actor`, `org`, `device` and `lane` match that field; `since` (included) and `until` (excluded) compare times
        as RFC 3339 with milliseconds.
        """
        clauses, values = ["1"], []
        tests = {name: f"{name} = ?" for name in COLUMNS if name != "time"}
        tests |= {
            "since": "time >= ?", "until": "time < ?",
            "object": "number IN (SELECT number FROM refs WHERE ref = ?)",
        }  # fmt: skip
        for name, value in wanted.items():
            if name not in tests:
                raise Invalid(
                    f"the ledger cannot be searched by {name!r}",
                    hint=f"Use one of {', '.join(sorted(tests))}.",
                )
            clauses.append(tests[name])
            values.append(value)
        sql = f"SELECT number FROM entries WHERE {' AND '.join(clauses)} ORDER BY number"  # noqa: S608 - fixed clauses only
        return [int(number) for (number,) in self._tables.query(sql, tuple(values))]

    def root(self, size: int | None = None) -> bytes:
        """Return the root hash of the first `size` entries; of all of them without a size."""
        return proof.compute_root(self._check_size(size), self._node)

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """Return the proof that entry `index` is in the tree of the first `size` entries."""
        return proof.prove_inclusion(index, self._check_size(size), self._node)

    def consistency(self, first: int, second: int | None = None) -> list[bytes]:
        """Return the proof that the tree of `second` entries begins with the tree of `first`."""
        return proof.prove_consistency(first, self._check_size(second), self._node)

    def _check_size(self, size: int | None) -> int:
        now = self.size
        if size is None:
            return now
        if not 0 <= size <= now:
            raise Invalid(f"the ledger has {now} entries, not {size}")
        return size

    def _node(self, level: int, number: int) -> bytes:
        return bytes(
            self._one("SELECT hash FROM nodes WHERE level = ? AND number = ?", level, number, what="node")
        )

    def _one(self, sql: str, *values: Any, what: str) -> Any:
        rows = self._tables.query(sql, values)
        if not rows:
            raise LedgerBroken(f"the ledger file lacks a {what}")
        return rows[0][0]


def _read_size(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(number) + 1, 0) FROM entries").fetchone()[0])


def _read_node(connection: sqlite3.Connection, level: int, number: int) -> bytes:
    row = connection.execute(
        "SELECT hash FROM nodes WHERE level = ? AND number = ?", (level, number)
    ).fetchone()
    if row is None:
        raise LedgerBroken("the ledger file lacks a node of its tree", level=level, number=number)
    return bytes(row[0])


def _insert_entry(
    connection: sqlite3.Connection, tree: proof.CompactRange, entry: Mapping[str, Any], data: bytes
) -> int:
    """Insert one entry with its references and the nodes it completes; return its index."""
    number = tree.size
    connection.execute(
        "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (number, *(entry.get(name) for name in COLUMNS), data),
    )
    connection.executemany(
        "INSERT INTO refs VALUES (?, ?)", [(ref, number) for ref in list_references(entry)]
    )
    connection.executemany("INSERT INTO nodes VALUES (?, ?, ?)", tree.append(proof.hash_leaf(data)))
    return number
