"""What a run of ledger entries says about records: captured, moved, died, opened, exported, and which devices were trusted.

Reads entries and checks them, as one run, against a signed root. Judges nobody: `flow.scope` asks the questions.
"""

import json
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from wayseal.ledger.checkpoint import Checkpoint
from wayseal.ledger.proof import hash_leaf
from wayseal.ledger.reader import LedgerReader
from wayseal.ledger.span import SpanProof, verify_span
from wayseal.model.clock import from_text
from wayseal.model.custody import Kind
from wayseal.model.ids import EpochId, epoch_span, ulid_time
from wayseal.model.oversight import AssessmentKind

IMAGES = frozenset((Kind.FACE.value, Kind.PLATE.value, Kind.SCENE.value))
PAGE = 4096
_TYPES = (
    b'"capture"', b'"open-intent"', b'"open-done"', b'"export-release"', b'"reclass"', b'"erase-done"', b'"attest"',
    b'"recipient"',
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Captured:
    """One captured record. `taken` is when it was sealed."""

    index: int
    kind: str
    lane: str
    device: str
    epoch: str
    encounter: str
    taken: datetime


@dataclass(frozen=True, slots=True)
class Attested:
    """How an assessment of a piece of equipment ended. `full`: it asked the whole catalogue."""

    when: datetime
    equipment: str
    passed: bool
    full: bool


@dataclass(slots=True)
class Facts:
    """What a run of entries says. `intents` are by index; `done` and `exports` are (index, entry) in ledger order."""

    captures: dict[str, Captured] = field(default_factory=dict)
    moves: dict[str, list[str]] = field(default_factory=dict)
    asked: dict[int, str] = field(default_factory=dict)
    """The index of each `reclass` entry to the epoch that it names."""
    died: dict[str, datetime] = field(default_factory=dict)
    intents: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    done: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list)
    exports: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list)
    attests: list[Attested] = field(default_factory=list)
    recipients: dict[str, set[str]] = field(default_factory=dict)
    """The organisations that each recipient of exports was ever registered with."""

    def death(self, record: str) -> datetime | None:
        """Return when the last key of a record died; None while one lives."""
        last = self.died.get(self.captures[record].epoch)
        for epoch in self.moves.get(record, ()):
            moment = self.died.get(epoch)
            if last is None or moment is None:
                return None
            last = max(last, moment)
        return last

    def class_of(self, record: str) -> str:
        """Return the record class that a record was moved to last, or was captured in."""
        moves = self.moves.get(record)
        return (self.captures[record].epoch if moves is None else moves[-1]).partition("/")[0]

    def is_image(self, record: str) -> bool:
        """Say whether a record is a face, plate or scene picture whose capture is among the entries."""
        capture = self.captures.get(record)
        return capture is not None and capture.kind in IMAGES


class Exposure:
    """When the word of equipment could not be trusted: without a full assessment that passed, is not too old, and was followed by no failure."""

    def __init__(self, facts: Facts, good_for: timedelta) -> None:
        self._good_for = good_for
        self._turns: dict[str, list[tuple[datetime, bool, datetime | None]]] = {}
        for one in sorted(facts.attests, key=lambda each: each.when):
            turns = self._turns.setdefault(one.equipment, [])
            passed_at = turns[-1][2] if turns else None  # of the newest full assessment, None when it failed
            if one.full:
                passed_at = one.when if one.passed else None
            turns.append((one.when, one.passed and passed_at is not None, passed_at))

    def covers(self, moment: datetime, equipment: Collection[str]) -> bool:
        """Say whether any of the equipment could not be trusted at a moment; where none is known, nothing could."""
        return not equipment or any(self._covers_one(moment, one) for one in equipment)

    def _covers_one(self, moment: datetime, equipment: str) -> bool:
        """Say whether the newest assessments up to `moment` do not stand, or the next one failed."""
        turns = self._turns.get(equipment, [])
        place = bisect_right(turns, moment, key=lambda turn: turn[0])
        if place == 0:
            return True
        _, good, passed_at = turns[place - 1]
        if not good or passed_at is None or moment >= passed_at + self._good_for:
            return True
        return place < len(turns) and not turns[place][1]


def read_facts(
    ledger: LedgerReader, checkpoint: Checkpoint, begin: int, on_progress: Callable[[int], None]
) -> tuple[Facts, SpanProof]:
    """Return what entries [begin, size) say, after checking that they are what the checkpoint's root covers.

    The caller has verified the checkpoint's signature. Raises `LedgerBroken`.
    """
    span = ledger.prove_span(begin, checkpoint.size, checkpoint.size)
    pages = (
        ledger.raw_entries(first, min(first + PAGE, checkpoint.size))
        for first in range(begin, checkpoint.size, PAGE)
    )
    return gather_facts(pages, span, checkpoint.root, on_progress), span


def gather_facts(
    pages: Iterable[Sequence[bytes]],
    span: SpanProof,
    root: bytes,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Facts:
    """Return what the entries of a span say, after checking that they are what `root` covers. Raises `LedgerBroken`."""
    facts = Facts()
    leaves: list[bytes] = []
    for page in pages:
        for index, data in enumerate(page, span.begin + len(leaves)):
            leaves.append(hash_leaf(data))
            if any(name in data for name in _TYPES):
                _note_entry(facts, index, json.loads(data))
        on_progress(len(page))
    verify_span(leaves, span, root)
    return facts


def _when_taken(entry: Mapping[str, Any]) -> datetime:
    """Return when a record was sealed: its entry's time or, when that came later than its hour, its id's, within the hour.

    An id alone does not tell: after a clock was set back, a process goes on from its newest one.
    """
    start, end = _hour(entry["epoch"])
    logged = datetime.fromisoformat(entry["time"])  # the ledger took no other form
    return logged if start <= logged < end else min(max(ulid_time(entry["object"]), start), end)


@lru_cache(maxsize=4096)
def _hour(epoch: str) -> tuple[datetime, datetime]:
    return epoch_span(EpochId(epoch))[1:]


def _note_entry(facts: Facts, index: int, entry: Mapping[str, Any]) -> None:
    """Add one entry to the facts; other types than those of a scope are passed over."""
    kind = entry["type"]
    if kind == "capture":
        facts.captures[entry["object"]] = Captured(
            index, entry["kind"], entry["lane"], entry.get("device", ""), entry["epoch"], entry.get("encounter", ""),
            _when_taken(entry),
        )  # fmt: skip
    elif kind == "reclass" and "to_epoch" in entry:
        facts.moves.setdefault(entry["object"], []).append(entry["to_epoch"])
        facts.asked[index] = entry["to_epoch"]
    elif kind == "erase-done":
        facts.died[entry["object"]] = from_text(entry["time"])
    elif kind == "open-intent":
        facts.intents[index] = entry
    elif kind == "open-done":
        facts.done.append((index, entry))
        if entry.get("outcome") == "refused":
            _undo_move(facts, entry)
    elif kind == "export-release":
        facts.exports.append((index, entry))
    elif kind == "attest":
        full = entry.get("cycle") != AssessmentKind.DAILY.value
        facts.attests.append(
            Attested(from_text(entry["time"]), entry["object"], entry["result"] == "pass", full)
        )
    elif kind == "recipient" and "org" in entry:
        facts.recipients.setdefault(entry["object"], set()).add(entry["org"])


def _undo_move(facts: Facts, entry: Mapping[str, Any]) -> None:
    """Forget a move that the keyroom refused: the record stayed where it was."""
    epoch, moves = facts.asked.get(entry.get("intent", -1)), facts.moves.get(entry["object"], [])
    if epoch in moves:
        moves.remove(epoch)
    if not moves:
        facts.moves.pop(entry["object"], None)
