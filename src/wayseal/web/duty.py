"""The duty screen: what was plugged in, alarms and silences, as they come, and the newest on every other page.

Owns the page's words. It reads the ledger and nothing else, and opens nothing.
"""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse

from wayseal.flow.duty import DutyNote, has_news, list_duty
from wayseal.ledger.reader import LedgerReader
from wayseal.model.clock import Clock, to_text
from wayseal.web.session import SignedIn

_WORDS = {
    ("usb-event", "refused"): "USB device refused", ("usb-event", "allowed"): "USB device let in",
    ("usb-event", "add"): "Device plugged in", ("egress-watch", "started"): "Port watch began",
    ("egress-watch", "stopped"): "Port watch was stopped", ("egress-watch", "beat"): "Device events were lost",
    ("lane-status", "disarmed"): "Lane disarmed", ("org-status", "suspended"): "Organisation suspended",
    ("org-status", "reinstated"): "Organisation reinstated", ("canary-hit", "canary-hit"): "A canary record was opened",
    ("alarm", "egress-guard-drift"): "Removable media policy was changed",
}  # fmt: skip
_KINDS = {"alarm": "Alarm", "incident": "Incident", "ticket": "Maintenance ticket refused"}
_URGENT = {
    ("usb-event", "add"), ("usb-event", "refused"), ("usb-event", "allowed"), ("egress-watch", "stopped"),
    ("lane-status", "disarmed"),
}  # fmt: skip


class DutyWatch:
    """Tells whether there is something new, and reads no more of the ledger than what it grew by."""

    def __init__(self, ledger: LedgerReader, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._size = ledger.size

    def look(self) -> bool:
        """Return whether something came since the last look, or since this was made."""
        before, self._size = self._size, self._ledger.size
        return self._size > before and has_news(self._ledger, before, self._clock())


def show_note(note: DutyNote, zone: ZoneInfo) -> dict[str, Any]:
    """Return a note as the templates want it: a word for its code, its time here and in UTC, and whether it is urgent."""
    code = note.code.replace("-", " ")
    word = _WORDS.get((note.kind, note.code)) or f"{_KINDS.get(note.kind, note.kind)}: {code}"
    more = [
        f"port {note.port}" if note.port else "",
        note.ids or "",
        f"count {note.count}" if note.count else "",
    ]
    return {
        "index": note.index,
        "word": word,
        "subject": note.subject,
        "more": ", ".join(part for part in more if part),
        "urgent": note.kind in ("alarm", "incident", "canary-hit") or (note.kind, note.code) in _URGENT,
        "time_utc": to_text(note.time),
        "time_local": f"{note.time.astimezone(zone):%H:%M:%S %d %b}",
    }


def add_duty_routes(
    app: FastAPI,
    page: Callable[..., Response],
    *,
    ledger: LedgerReader,
    clock: Clock,
    zone: ZoneInfo,
) -> None:
    """Add `/duty`, the screen, and `/duty/notes`, its list, for whoever is signed in. `page` renders a template."""

    def notes() -> list[dict[str, Any]]:
        return [show_note(note, zone) for note in list_duty(ledger, clock())]

    @app.get("/duty", response_class=HTMLResponse)
    def duty(request: Request, session: SignedIn) -> Response:
        return page(request, "duty.html", session, notes=notes())

    @app.get("/duty/notes", response_class=HTMLResponse)
    def duty_notes(request: Request, session: SignedIn) -> Response:
        return page(request, "duty_notes.html", session, notes=notes())
