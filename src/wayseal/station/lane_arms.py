"""Whether a lane on its own host may seal now, and to which keys: what the centre said last, and how long that holds.

Owns the lane's roster in memory and `disarmed.json` beside it. A lane that was told that it is disarmed stays so when it
is started again, also while the centre cannot be reached.
"""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from wayseal.model.clock import Clock, from_text, to_text
from wayseal.model.custody import EpochKey
from wayseal.model.errors import Integrity, Invalid, NotArmed, Refused, Unavailable
from wayseal.seal.keys import Roster
from wayseal.seal.keys.durable import write_file
from wayseal.seal.keys.roster import peek_version
from wayseal.station.carrier_wire import RosterAnswer
from wayseal.station.lane import LaneHost

FILE = "disarmed.json"
LOCKED_OUT = frozenset(("lane-unknown", "lane-revoked", "lane-replaced"))
"""What the centre says to a lane that it lets in no more."""


@dataclass(frozen=True, slots=True)
class Disarmed:
    """Why the centre gives this lane no next key, and until when it may use the one of the hour that it has."""

    code: str
    until: datetime


class LaneArms:
    """The keys to seal to. Threads may share it. `fetch` asks the centre for a roster, given the charter's version."""

    def __init__(
        self,
        host: LaneHost,
        folder: Path,
        record_class: str,
        fetch: Callable[[int], RosterAnswer],
        clock: Clock,
    ) -> None:
        self._host = host
        self._file = folder / FILE
        self._class = record_class
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._roster: Roster | None = None
        self.disarmed = self._read_disarmed()

    def current(self) -> Sequence[EpochKey]:
        """Return the keys of this hour. Raises `NotArmed`, with the code, when there is none or the lane is disarmed."""
        now = self._clock()
        if self.disarmed is not None and now >= self.disarmed.until:
            raise NotArmed(
                f"this lane is disarmed: {self.disarmed.code}",
                hint="The centre says what is missing: wayseal equipment list.",
                code=self.disarmed.code,
            )
        with self._lock:
            roster = self._roster or self._host.known_roster()
        if roster is not None:
            try:
                return roster.keys_for(self._class, now)
            except NotArmed:
                if self.disarmed is not None:
                    raise
        try:
            self.refresh()
        except Unavailable:
            raise NotArmed(
                "this lane has no key for this hour, and the centre does not answer",
                hint="Mend the line to the centre; what was sealed before waits in the outbox.",
                code="no-key",
            ) from None
        if self._roster is None:
            raise NotArmed(
                "this lane has no key to seal to", code=self.disarmed.code if self.disarmed else "no-roster"
            )
        return self._roster.keys_for(self._class, now)

    def refresh(self) -> None:
        """Ask the centre for charters and roster, and note whether this lane is armed. Raises `Unavailable`, `Integrity`, `Refused`."""
        try:
            answer = self._fetch(self._host.charter.version)
        except Refused as error:
            self._disarm(error)
            return
        with self._lock:
            self._host.accept_charters(answer.charters)
            known = self._host.known_roster()
            if known is None or peek_version(answer.roster) > known.version:
                known = self._host.accept_roster(answer.roster)
            if known.devices.get(self._host.lane) != self._host.identity.public:
                raise NotArmed(
                    "the roster does not list this lane's device", lane=self._host.lane, code="not-listed"
                )
            self._roster = known
            self.disarmed = None
            self._file.unlink(missing_ok=True)

    def start(self) -> None:
        """Ask the centre once; while it cannot be reached, go on with the keys that are here. Raises `NotArmed` without any."""
        try:
            self.refresh()
        except Unavailable:
            if self._host.known_roster() is None:
                raise
        self.current()

    def _disarm(self, error: Refused) -> None:
        """Note what the centre said. A second answer never gives more time than the first, and a lane that is locked out has none.

        Raises the error when it is about something else.
        """
        code, text = error.facts.get("code"), error.facts.get("disarmed_until")
        if code in LOCKED_OUT:
            until = self._clock()
        elif isinstance(text, str):
            until = from_text(text)
        else:
            raise error
        with self._lock:
            if self.disarmed is not None:
                until = min(until, self.disarmed.until)
            self.disarmed = Disarmed(str(code), until)
            write_file(self._file, json.dumps({"code": code, "until": to_text(until)}).encode())

    def _read_disarmed(self) -> Disarmed | None:
        try:
            value = json.loads(self._file.read_bytes())
            return Disarmed(value["code"], from_text(value["until"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, Invalid):
            raise Integrity("the lane's note of being disarmed is damaged") from None
