"""What whoever is on duty must know now: what was plugged in, alarms, silences, lanes that disarmed, refused tickets.

Read from the ledger alone, newest first. It names codes and devices; the screens own the words.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from wayseal.ledger.reader import LedgerReader
from wayseal.model.clock import from_text, to_text

LOOK_BACK: Final = timedelta(hours=24)
FRESH: Final = timedelta(hours=1)
MOST: Final = 200
_CODES: Final = {
    "usb-event": "action", "alarm": "alarm", "egress-watch": "action", "canary-hit": "type", "incident": "reason",
    "lane-status": "status", "org-status": "status", "ticket": "reason",
}  # fmt: skip
"""The types that concern duty, and the field of each that says what happened."""
_QUIET: Final = {
    "usb-event": {"remove"}, "egress-watch": {"beat"}, "lane-status": {"armed"}, "org-status": {"active"},
}  # fmt: skip
_ENDS: Final = {
    ("incident", "closed"), ("lane-status", "armed"), ("org-status", "reinstated"), ("egress-watch", "started"),
}  # fmt: skip
"""What ends an earlier note about the same thing."""
_BOARD: Final = (
    "lane-status", "incident", "finding", "attest", "notice", "sign-off", "return", "org-status", "register", "export-release",
    "export-receipt",
)  # fmt: skip
"""The types that change what stands on the board."""


@dataclass(frozen=True, slots=True)
class DutyNote:
    """One thing to know: the ledger entry that says it, its type and code, and what it is about."""

    index: int
    time: datetime
    kind: str
    code: str
    subject: str
    port: str | None = None
    ids: str | None = None
    count: int | None = None
    over: bool = False
    """A later entry ended it: the incident was closed, the lane armed, the organisation reinstated, the watch begun again."""


def list_duty(ledger: LedgerReader, now: datetime) -> list[DutyNote]:
    """Return what happened in the last 24 hours, newest first; at most 200."""
    since = to_text(now - LOOK_BACK)
    found = sorted((index for kind in _CODES for index in ledger.find(type=kind, since=since)), reverse=True)
    return list(islice(_list_notes(ledger, found), MOST))


def _list_notes(ledger: LedgerReader, newest_first: Iterable[int]) -> Iterator[DutyNote]:
    """Yield the notes of entries; one whose end came later says so."""
    ended: set[tuple[str, str]] = set()
    for index in newest_first:
        entry = ledger.entry(index)
        about = (entry["type"], str(entry.get("object", "")))
        note = _note(index, entry)
        if note is not None:
            yield replace(note, over=about in ended and note.code != "beat")  # lost events stay lost
        if (entry["type"], entry.get("status", entry.get("action"))) in _ENDS:
            ended.add(about)


def has_news(ledger: LedgerReader, first: int, now: datetime) -> bool:
    """Return whether an entry from the index `first` on, of the last hour, concerns duty. Reads those entries only."""
    since = to_text(now - FRESH)
    fresh = (index for kind in _CODES for index in ledger.find(type=kind, since=since) if index >= first)
    return any(_note(index, ledger.entry(index)) is not None for index in fresh)


def has_changed(ledger: LedgerReader, first: int, now: datetime) -> bool:
    """Return whether an entry from the index `first` on, of the last hour, changes what stands on the board."""
    since = to_text(now - FRESH)
    return any(index >= first for kind in _BOARD for index in ledger.find(type=kind, since=since))


def _note(index: int, entry: dict[str, Any]) -> DutyNote | None:
    """Return what an entry tells whoever is on duty, or None when it is routine."""
    kind = entry["type"]
    if kind == "ticket" and entry["action"] != "refused":
        return None
    if kind == "incident" and entry.get("status", "open") != "open":
        return None  # how it goes on stands on the board
    code = str(entry.get(_CODES[kind], kind))
    if code in _QUIET.get(kind, ()) and not (kind == "egress-watch" and entry.get("missed")):
        return None
    ids = (
        f"{entry['vendor_id']}:{entry['product_id']}"
        if "vendor_id" in entry and "product_id" in entry
        else None
    )
    subject = str(
        entry.get("lane") or entry.get("device") or entry.get("object") or entry.get("actor") or "site"
    )
    subject = (
        str(entry["object"]) if kind in ("usb-event", "egress-watch", "org-status", "incident") else subject
    )
    return DutyNote(
        index, from_text(entry["time"]), kind, code, subject, entry.get("port"), ids, entry.get("missed") or entry.get("count")
    )  # fmt: skip
