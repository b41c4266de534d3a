"""The ledger as a page shows it: the newest entries or what a search finds, and who signed how far.

Reads; appends and signs nothing. It believes no signature: a page on this site is no proof, so it hands over what proves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from wayseal.ledger.checkpoint import Checkpoint, read_checkpoint
from wayseal.ledger.note import parse_note
from wayseal.ledger.reader import LedgerReader

PAGE: Final = 50
_HEAD: Final = ("type", "time", "actor", "org", "device", "lane", "object")


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """Entries, newest first; where the next page begins (None: there is none), and how many were found."""

    rows: tuple[dict[str, Any], ...]
    before: int | None
    found: int


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed checkpoint: its note, what it says, and the names of the keys on it."""

    note: str
    checkpoint: Checkpoint
    names: tuple[str, ...]


def read_page(ledger: LedgerReader, wanted: Mapping[str, str], before: int | None = None) -> LedgerPage:
    """Return up to 50 entries below the index `before`, newest first, that match `wanted` (see `LedgerReader.find`)."""
    if wanted:
        every = ledger.find(**wanted)
        found = [index for index in every if before is None or index < before]
        indices = found[-PAGE:][::-1]
        more, total = len(found) > PAGE, len(every)
    else:
        total = ledger.size
        top = total if before is None else min(before, total)
        indices = list(range(top - 1, max(top - PAGE, 0) - 1, -1))
        more = top > PAGE
    rows = tuple(show_entry(ledger, index) for index in indices)
    return LedgerPage(rows, indices[-1] if more else None, total)


def show_entry(ledger: LedgerReader, index: int) -> dict[str, Any]:
    """Return an entry with its index; `rest` has the fields that are particular to its type. Raises `NotFound`."""
    entry = ledger.entry(index)
    return {
        "index": index, **{name: entry.get(name) for name in _HEAD},
        "rest": {name: value for name, value in sorted(entry.items()) if name not in _HEAD},
    }  # fmt: skip


def read_signed(ledger: LedgerReader, *, cosigned: bool = False) -> Signed | None:
    """Return the newest signed checkpoint, or the newest with a cosignature; None before the first."""
    note = ledger.latest_checkpoint(cosigned=cosigned)
    if note is None:
        return None
    names = tuple(line.name for line in parse_note(note).signatures)
    return Signed(note, read_checkpoint(note), names)
