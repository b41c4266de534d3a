"""The duty screen: what stands now and what happened in the last day, as it comes; and the newest on every other page.

Owns how codes become lines. It reads ledger and register, and opens nothing.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse

from wayseal.flow.duty import DutyNote, has_changed, has_news, list_duty
from wayseal.flow.duty_board import Item, Weight, list_stopped
from wayseal.ledger.reader import LedgerReader
from wayseal.model.clock import Clock, to_text
from wayseal.station.arming import advise
from wayseal.station.duty import read_board
from wayseal.station.site import Site
from wayseal.web import words
from wayseal.web.session import SignedIn

_URGENT = {
    ("usb-event", "add"), ("usb-event", "refused"), ("usb-event", "allowed"), ("egress-watch", "stopped"),
    ("lane-status", "disarmed"),
}  # fmt: skip
_SHAPES = {Weight.NOW: "▲", Weight.SOON: "◆", Weight.FINE: "●"}
_PAGES = {"clock": "/incidents/{incident}", "incident": "/incidents/{incident}"}


class DutyWatch:
    """Tells whether there is something new, and reads no more of the ledger than what it grew by."""

    def __init__(self, ledger: LedgerReader, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._size = ledger.size

    def look(self) -> tuple[str, ...]:
        """Return which events came since the last look, or since this was made: `duty` (a note), `board` (what stands)."""
        before, self._size = self._size, self._ledger.size
        if self._size == before:
            return ()
        now = self._clock()
        tests = (("duty", has_news), ("board", has_changed))
        return tuple(name for name, test in tests if test(self._ledger, before, now))


def show_note(note: DutyNote, zone: ZoneInfo) -> dict[str, Any]:
    """Return a note as the templates want it: words for its code, its time here and in UTC, whether it is urgent, what to do."""
    more = [
        f"port {note.port}" if note.port else "",
        note.ids or "",
        f"count {note.count}" if note.count else "",
    ]
    return {
        "index": note.index,
        "word": words.name_note(note.kind, note.code),
        "subject": note.subject,
        "more": ", ".join(part for part in more if part),
        "do": words.OVER if note.over else words.advise_note(note.kind, note.code, note.subject),
        "urgent": not note.over
        and (note.kind in ("alarm", "incident", "canary-hit") or (note.kind, note.code) in _URGENT),
        "time_utc": to_text(note.time),
        "time_local": f"{note.time.astimezone(zone):%H:%M:%S %d %b}",
    }


def show_item(item: Item, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """Return one thing that stands as the templates want it: shape, word, reasons, its clock, what to do, and its page."""
    more = ", ".join(item.more)
    word = words.ITEMS.get((item.kind, item.code)) or words.KINDS[item.kind]
    reasons = [words.REASONS[one] for one in item.more if one in words.REASONS]
    if item.kind == "clock":
        reasons = [item.code.replace("-", " "), f"tell: {more}"]
        reasons += [f"only if {item.people:,} people or more are concerned"] if item.people else []
    elif item.kind == "incident":
        reasons = [more.replace("-", " ")]
    elif item.kind == "finding":
        reasons = [item.code.replace("-", " ")]
    return {
        "kind": item.kind, "weight": item.weight.name.lower(), "shape": _SHAPES[item.weight], "word": word,
        "subject": item.subject, "reasons": reasons, "page": _PAGES.get(item.kind),
        "do": _advise(item),
        "since": None if item.since is None else f"{item.since.astimezone(zone):%H:%M %d %b %Z}",
        "due_utc": None if item.due is None else to_text(item.due),
        "due": None if item.due is None else say_due(item.due, now),
        "overdue": item.due is not None and item.due <= now,
    }  # fmt: skip


def show_stopped(site: Site, zone: ZoneInfo) -> list[dict[str, Any]]:
    """Return the lanes that were told to stop, for the officers' pages: since when, every reason, and what to do."""
    now = site.clock()
    return [
        {
            **show_item(item, now, zone),
            "since_utc": None if item.since is None else to_text(item.since),
            "steps": [(words.REASONS[one], _advise_reason(one, item)) for one in item.more],
        }
        for item in list_stopped(site.oversight)
    ]


def _advise(item: Item) -> str:
    """Return what to do next about one thing that stands; of a lane, about its worst reason."""
    text = words.NEXT.get((item.kind, item.code)) or words.NEXT_KINDS[item.kind]
    if item.kind == "lane":
        worst = next(iter(item.more), "")
        text = text.replace("{advice}", _advise_reason(worst, item))
    return text.replace("{subject}", item.subject).replace("{more}", ", ".join(item.more))


def _advise_reason(reason: str, item: Item) -> str:
    """Return what to do about one of a lane's reasons."""
    return advise(reason, lane=item.subject, device=item.device, organisation=item.organisation)


def say_due(due: datetime, now: datetime) -> str:
    """Return how long there is, or how long ago it was: the script on the page says it in the same words, each second."""
    left = due - now
    return f"overdue by {_say_span(-left)}" if left <= timedelta(0) else f"due in {_say_span(left)}"


def _say_span(span: timedelta) -> str:
    """Return a span in its two largest units."""
    seconds = int(span.total_seconds())
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds % 60} s"


def add_duty_routes(app: FastAPI, page: Callable[..., Response], site: Site, zone: ZoneInfo) -> None:
    """Add `/duty`, the screen, and its two lists, `/duty/board` and `/duty/notes`. `page` renders a template."""

    def notes() -> list[dict[str, Any]]:
        return [show_note(note, zone) for note in list_duty(site.ledger, site.clock())]

    def board() -> dict[str, Any]:
        found = read_board(site)
        items = [show_item(item, found.now, zone) for item in found.items]
        return {
            "urgent": [one for one in items if one["weight"] == "now"],
            "soon": [one for one in items if one["weight"] == "soon"],
            "fine": [one for one in items if one["weight"] == "fine"],
            "figures": found.figures,
            "left_off": found.left_off,
            "now_utc": to_text(found.now),
        }

    @app.get("/duty", response_class=HTMLResponse)
    def duty(request: Request, session: SignedIn) -> Response:
        return page(request, "duty.html", session, notes=notes(), board=board())

    @app.get("/duty/board", response_class=HTMLResponse)
    def duty_board(request: Request, session: SignedIn) -> Response:
        return page(request, "duty_board.html", session, board=board())

    @app.get("/duty/notes", response_class=HTMLResponse)
    def duty_notes(request: Request, session: SignedIn) -> Response:
        return page(request, "duty_notes.html", session, notes=notes())
