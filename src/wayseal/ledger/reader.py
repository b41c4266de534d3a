"""Read a ledger and prove what it holds: what auditors, checks and proofs need, without any way to append.

Owns look-ups and proofs over the ledger's file. It must never write.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from wayseal.ledger import proof
from wayseal.ledger.checkpoint import read_checkpoint
from wayseal.ledger.entry import COLUMNS, decode_entry
from wayseal.ledger.history import iterate_cosigned, read_beside, read_latest
from wayseal.ledger.note import VerifierKey, parse_note
from wayseal.ledger.offline import OfflineProof
from wayseal.ledger.span import SpanProof, prove_span
from wayseal.ledger.tables import Tables, as_bytes
from wayseal.model.errors import Invalid, LedgerBroken, NotFound

FILE_NAME = "ledger.sqlite"
_PAGE = 1000


class LedgerReader:
    """A ledger to read. Share one object between threads; others may append to the same folder meanwhile."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._tables = Tables(folder / FILE_NAME)
        self.origin = str(self._one("SELECT value FROM meta WHERE key = 'origin'", what="origin"))

    def close(self) -> None:
        """Close the file."""
        self._tables.close()

    def latest_checkpoint(self, *, cosigned: bool = False) -> str | None:
        """Return the newest signed checkpoint as a note, or the newest with a cosignature; None before the first.

        Raises `LedgerBroken` when a larger one was shown before: the copy beside the file says so.
        """
        beside = read_beside(self.folder)  # before the file: it is written after it
        with self._tables.snapshot() as connection:
            newest, asked = read_latest(connection), read_latest(connection, cosigned=cosigned)
        shown = 0 if beside is None else read_checkpoint(beside).size
        held = 0 if newest is None else read_checkpoint(newest).size
        if held < shown:
            raise LedgerBroken("the ledger is shorter than a checkpoint it signed", size=held, signed=shown)
        return asked

    def latest_cosigned_by(self, keys: Sequence[VerifierKey]) -> str | None:
        """Return the newest kept checkpoint that one of `keys` cosigned, None when there is none."""
        wanted = {(key.name, key.key_id) for key in keys}
        with self._tables.snapshot() as connection:
            for note in iterate_cosigned(connection):
                if any((line.name, line.key_id) in wanted for line in parse_note(note).signatures):
                    return note
        return None

    @property
    def size(self) -> int:
        """The number of entries on disk."""
        return int(self._tables.query("SELECT coalesce(max(number) + 1, 0) FROM entries")[0][0])

    def raw(self, index: int) -> bytes:
        """Return the canonical bytes of entry `index`. Raises `NotFound`."""
        rows = self._tables.query("SELECT data FROM entries WHERE number = ?", (index,))
        if not rows:
            raise NotFound(
                f"the ledger has no entry {index}", hint=f"It has {self.size} entries, counted from 0."
            )
        return as_bytes(rows[0][0])

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
                yield number, decode_entry(as_bytes(data))

    def raw_entries(self, start: int, end: int) -> list[bytes]:
        """Return the canonical bytes of entries [start, end). Raises `LedgerBroken` when one of them is missing."""
        sql = "SELECT data FROM entries WHERE number >= ? AND number < ? ORDER BY number"
        rows = self._tables.query(sql, (start, end))
        if len(rows) != end - start:
            raise LedgerBroken("the ledger file lacks an entry", start=start, end=end)
        return [as_bytes(data) for (data,) in rows]

    def hashes(self, level: int, start: int, count: int) -> list[bytes]:
        """Return the hashes of nodes (level, start) to (level, start + count - 1). Raises `LedgerBroken` when one is missing."""
        sql = "SELECT hash FROM nodes WHERE level = ? AND number >= ? AND number < ? ORDER BY number"
        rows = self._tables.query(sql, (level, start, start + count))
        if len(rows) != count:
            raise LedgerBroken("the ledger file lacks a node of its tree", level=level, start=start)
        return [as_bytes(value) for (value,) in rows]

    def prove(self, index: int) -> OfflineProof:
        """Return the self-contained proof of entry `index`: under the newest cosigned checkpoint that covers it, else the newest.

        Raises `NotFound` when there is no such entry, or no signed checkpoint covers it yet.
        """
        self.raw(index)
        for note in (self.latest_checkpoint(cosigned=True), self.latest_checkpoint()):
            size = 0 if note is None else read_checkpoint(note).size
            if note is not None and index < size:
                return OfflineProof(index, tuple(self.inclusion(index, size)), note)
        raise NotFound(
            f"no signed checkpoint covers entry {index} yet", hint="Sign or publish one, then prove it."
        )

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

    def prove_span(self, begin: int, end: int, size: int | None = None) -> SpanProof:
        """Return the proof that entries [begin, end) are what the tree of `size` entries covers there."""
        return prove_span(begin, end, self._check_size(size), self._node)

    def _check_size(self, size: int | None) -> int:
        now = self.size
        if size is None:
            return now
        if not 0 <= size <= now:
            raise Invalid(f"the ledger has {now} entries, not {size}")
        return size

    def _node(self, level: int, number: int) -> bytes:
        return as_bytes(
            self._one("SELECT hash FROM nodes WHERE level = ? AND number = ?", level, number, what="node")
        )

    def _one(self, sql: str, *values: Any, what: str) -> Any:
        rows = self._tables.query(sql, values)
        if not rows:
            raise LedgerBroken(f"the ledger file lacks a {what}")
        return rows[0][0]
