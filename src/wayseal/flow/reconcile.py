"""Conservation of images: what the ledger says was captured is live, erased or exported, per lane and day (R-55).

Counts copies that are really there, not rows that say so. Finds stray, overdue and lost copies on this host; a copy that
somebody carried away it cannot see. Never opens a record.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from wayseal.flow.copies import Copies, count_copies
from wayseal.flow.erase import find_unfinished
from wayseal.ledger.log import Ledger
from wayseal.ledger.shapes import MAX_LIST
from wayseal.model.clock import Clock, to_text
from wayseal.model.custody import Kind, RecordStatus
from wayseal.model.ids import EpochId, RecordId, new_ulid
from wayseal.retention.schedule import Schedule
from wayseal.store.centre import CentreStore
from wayseal.store.engine import read
from wayseal.store.records import StoredRecord, find_known, iterate_day_records

_IMAGES = frozenset((Kind.FACE.value, Kind.PLATE.value, Kind.SCENE.value))


@dataclass(slots=True)
class LaneBalance:
    """One lane's day. `captured - live - erased - exported` is the drift; `missing` and `extra` name what makes it up."""

    captured: int = 0
    images: int = 0
    live: int = 0
    erased: int = 0
    exported: int = 0
    missing: list[RecordId] = field(default_factory=list)
    extra: list[RecordId] = field(default_factory=list)

    @property
    def drift(self) -> int:
        """Captured records that are nowhere (positive), or copies that nobody captured (negative)."""
        return self.captured - self.live - self.erased - self.exported

    @property
    def is_balanced(self) -> bool:
        """Whether nothing is missing and nothing is left over; one of each does not cancel out."""
        return not self.missing and not self.extra and self.drift == 0


@dataclass(frozen=True, slots=True)
class Books:
    """Where the counts come from. `home` is searched for stray copies; `outboxes` are the lanes' folders of this host."""

    ledger: Ledger
    store: CentreStore
    schedule: Schedule
    home: Path
    outboxes: tuple[Path, ...] = ()


def reconcile_day(books: Books, day: date) -> dict[str, LaneBalance]:
    """Return each lane's balance for the records sealed on a UTC day, in lane order.

    Reads every byte of the day's records: a damaged copy does not count as live.
    """
    captured = _list_captured(books, day)
    with read(books.store.engine) as connection:
        rows = {row.object_id: row for row in iterate_day_records(connection, day)}
        rows |= find_known(connection, [one for one in captured if one not in rows])
    captured |= _find_captures(books.ledger, [one for one in rows if one not in captured])
    digests = dict.fromkeys(captured, "") | {object_id: row.sha256 for object_id, row in rows.items()}
    copies = count_copies(books.store.blobs, digests, home=books.home, outboxes=books.outboxes)
    testimony = _Testimony(books.ledger)
    balances: dict[str, LaneBalance] = {}
    for capture in sorted(captured.values()):
        balance = balances.setdefault(capture.lane, LaneBalance())
        balance.captured += 1
        balance.images += capture.kind in _IMAGES
        row = rows.get(capture.object_id)
        _place(balance, capture.object_id, testimony.trace(capture, row, copies[capture.object_id]))
    for object_id, row in sorted(rows.items()):
        if object_id not in captured:
            balance = balances.setdefault(row.lane, LaneBalance())
            balance.extra.append(object_id)
            balance.live += max(1, copies[object_id].here)
    return dict(sorted(balances.items()))


def open_drift_incidents(
    ledger: Ledger, day: date, balances: Mapping[str, LaneBalance], clock: Clock
) -> list[int]:
    """Open an incident on the ledger for each lane that does not balance; return their indices.

    Nothing is appended while the same records of the lane and day are on an incident already.
    """
    known = {
        (entry.get("lane"), entry["reason"], tuple(entry.get("records", ())))
        for entry in map(ledger.entry, ledger.find(type="incident"))
    }
    entries = []
    for lane, balance in balances.items():
        records = sorted({*balance.missing, *balance.extra})[:MAX_LIST]
        count = len(balance.missing) + len(balance.extra)
        reason = f"drift-{day.isoformat()}"
        if not balance.is_balanced and (lane, reason, tuple(records)) not in known:
            now = clock()
            entry = {"type": "incident", "time": to_text(now), "object": new_ulid(now), "lane": lane}
            entry |= {"actor": "system:reconcile", "reason": reason, "status": "open"}
            entries.append({**entry, "count": count, "records": records})
    return ledger.append(entries) if entries else []


@dataclass(frozen=True, slots=True, order=True)
class _Capture:
    """One capture as the ledger has it."""

    object_id: RecordId
    lane: str
    kind: str
    epoch: EpochId


def _read_capture(entry: Mapping[str, Any]) -> _Capture:
    return _Capture(RecordId(entry["object"]), entry["lane"], entry["kind"], EpochId(entry["epoch"]))


def _list_captured(books: Books, day: date) -> dict[RecordId, _Capture]:
    """Return the captures of a day in the classes of the schedule, hour by hour, without reading the whole ledger."""
    found: dict[RecordId, _Capture] = {}
    for name in books.schedule.classes:
        for hour in range(24):
            epoch = f"{name}/{day.isoformat()}T{hour:02d}Z"
            for index in books.ledger.find(type="capture", object=epoch):
                capture = _read_capture(books.ledger.entry(index))
                found[capture.object_id] = capture
    return found


def _find_captures(ledger: Ledger, object_ids: Iterable[RecordId]) -> dict[RecordId, _Capture]:
    """Return the captures of single objects, where the ledger has them: of classes that the schedule no longer knows."""
    found: dict[RecordId, _Capture] = {}
    for object_id in object_ids:
        for index in ledger.find(type="capture", object=object_id)[:1]:
            found[object_id] = _read_capture(ledger.entry(index))
    return found


@dataclass(frozen=True, slots=True)
class _Traces:
    """What is known of one captured object: its copies, and its state."""

    copies: int
    erased: bool
    lost: bool
    exported: bool


class _Testimony:
    """What the ledger says became of records, read once for a whole day."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._erasing = {epoch for epoch, _ in find_unfinished(ledger)}
        self._erased: dict[int, str] = {i: ledger.entry(i)["object"] for i in ledger.find(type="erase")}
        released = (ledger.entry(index)["records"] for index in ledger.find(type="export-release"))
        self._exported = {record for records in released for record in records}

    def trace(self, capture: _Capture, row: StoredRecord | None, copies: Copies) -> _Traces:
        """Return what ledger, row and disk say of an object. While its epoch is being erased, its bytes may be there or not."""
        in_flight = row is not None and row.epoch in self._erasing and self._may_be_in(capture, row)
        erased = row is not None and (in_flight or self._is_erased(capture, row))
        return _Traces(
            copies=0 if in_flight else copies.here + (copies.at_lane if erased else 0),
            erased=erased,
            lost=not erased and (row is None or copies.here == 0),
            exported=capture.object_id in self._exported,
        )

    def _is_erased(self, capture: _Capture, row: StoredRecord) -> bool:
        """Say whether a row that claims to be erased names the ledger entry that erased its epoch."""
        named = self._erased.get(-1 if row.erase_ledger_index is None else row.erase_ledger_index)
        claimed = row.status is RecordStatus.ERASED and named == row.epoch
        return claimed and self._may_be_in(capture, row)

    def _may_be_in(self, capture: _Capture, row: StoredRecord) -> bool:
        """Say whether the ledger knows why a record is in its row's epoch: captured in it, or moved there."""
        if row.epoch == capture.epoch:
            return True
        moves = self._ledger.find(type="reclass", object=capture.object_id)
        done = [
            self._ledger.entry(index)
            for index in self._ledger.find(type="open-done", object=capture.object_id)
        ]
        refused = {entry.get("intent") for entry in done if entry.get("outcome") == "refused"}
        return any(
            index not in refused and self._ledger.entry(index).get("to_epoch") == row.epoch for index in moves
        )


def _place(balance: LaneBalance, object_id: RecordId, traces: _Traces) -> None:
    """Put one captured object where it belongs; what belongs nowhere is missing, what is there too often is extra."""
    if traces.lost:
        balance.missing.append(object_id)
        balance.live += traces.copies
        return
    surplus = traces.copies - (0 if traces.erased else 1)
    if traces.exported:
        balance.exported += 1
    elif traces.erased:
        balance.erased += 1
    else:
        balance.live += 1
    balance.live += surplus
    balance.extra += [object_id] * surplus
