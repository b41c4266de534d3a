"""Who is at the console: sign-in with the console's code, sessions in memory, and what each session has open right now.

Owns no rule about records. A session forgets what it has opened when it ends; nothing of it is ever written.
"""

import hmac
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Request

from wayseal.model.border import PlainImage
from wayseal.model.clock import Clock
from wayseal.model.custody import Release
from wayseal.model.errors import QuotaExceeded, Refused
from wayseal.station.badge import OFFICER
from wayseal.station.shift import Shift

COOKIE = "wayseal_session"
SHIFT = timedelta(hours=10)
_TRIES = 5
_PAUSE = timedelta(seconds=60)
_LINES = 60
_SHOWN = 12


class SignedOut(Exception):  # noqa: N818 - a state, not an error
    """Nobody is signed in at this browser."""


@dataclass(slots=True)
class Opened:
    """What an officer has just opened: the picture and a reference picture of each traveller to compare, each until it is shown once."""

    release: Release
    picture: bytes | None = field(repr=False)
    references: list[PlainImage | None] = field(repr=False)


@dataclass(slots=True)
class Session:
    """One person at one browser: the answers on the screen and the pictures about to be shown, in memory only.

    `officer` is a staff id, of whatever role; `lanes` are the lanes of the shift, None for all; `waiting` holds releases that wait for a second person's approval.
    """

    officer: str
    ends: datetime
    lanes: frozenset[str] | None = None
    role: str = OFFICER
    shifts: list[Shift] = field(default_factory=list)
    lines: OrderedDict[str, dict[str, Any]] = field(default_factory=OrderedDict, repr=False)
    opened: dict[tuple[str, str], Opened] = field(default_factory=dict, repr=False)
    hidden: set[str] = field(default_factory=set, repr=False)
    waiting: dict[tuple[str, str], Release] = field(default_factory=dict, repr=False)
    shown: OrderedDict[str, Opened] = field(default_factory=OrderedDict, repr=False)

    def show(self, opened: Opened) -> None:
        """Hold a picture until the browser has fetched it; one that a later page has overtaken is dropped."""
        self.shown[opened.release.id] = opened
        while len(self.shown) > _SHOWN:
            self.shown.popitem(last=False)

    def remember(self, line: dict[str, Any]) -> None:
        """Keep an opened answer for as long as it is among the newest on this screen."""
        self.lines[line["encounter"]] = line
        self.lines.move_to_end(line["encounter"])
        while len(self.lines) > _LINES:
            self.lines.popitem(last=False)


class Sessions:
    """The console's sessions. `code` is what the terminal shows; wrong ones are rationed."""

    def __init__(self, code: str, clock: Clock) -> None:
        self._code = code
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[str, Session] = {}
        self._wrong: list[datetime] = []

    def sign_in(
        self, officer: str, code: str, lanes: frozenset[str] | None = None, *, role: str = OFFICER
    ) -> str:
        """Return a new session's token, for these lanes or for all. Raises `Refused` for a wrong code, `QuotaExceeded` after five within a minute."""
        now = self._clock()
        with self._lock:
            self._wrong = [when for when in self._wrong if now - when < _PAUSE]
            if len(self._wrong) >= _TRIES:
                raise QuotaExceeded(
                    "too many wrong codes", hint="Wait a minute, then read the code in the terminal again."
                )
            if not hmac.compare_digest(code.strip().encode(), self._code.encode()):
                self._wrong.append(now)
                raise Refused(
                    "that is not this console's code",
                    hint="It stands in the terminal where the console runs.",
                )
            self._open = {name: one for name, one in self._open.items() if one.ends > now}
            token = secrets.token_urlsafe(32)
            self._open[token] = Session(officer, now + SHIFT, lanes, role)
        return token

    def find(self, token: str | None) -> Session | None:
        """Return a session that has not ended, or None."""
        with self._lock:
            session = self._open.get(token or "")
            if session is None or session.ends <= self._clock():
                self._open.pop(token or "", None)
                return None
            return session

    def sign_out(self, token: str | None) -> Session | None:
        """End a session, forget what it had open, and return it."""
        with self._lock:
            return self._open.pop(token or "", None)


def current_session(request: Request) -> Session:
    """Return the session of a request. Raises `SignedOut` without one."""
    sessions: Sessions = request.app.state.sessions
    session = sessions.find(request.cookies.get(COOKIE))
    if session is None:
        raise SignedOut
    return session


SignedIn = Annotated[Session, Depends(current_session)]
