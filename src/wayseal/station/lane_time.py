"""The latest time that a lane knows to be over, so that a clock that was set back makes no ended ticket good again.

Owns `HOME/lane/time.signed`, under the lane's own signature. The centre's word (the Date of its answers, inside TLS) counts in both
directions; the lane's own clock only forward. Whoever is root here can remove the file or put an older one back: then the
time of the newest roster counts, which the keyroom signed.
"""

import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wayseal.flow.ticket import SKEW
from wayseal.model.clock import Clock, from_text, to_text
from wayseal.model.errors import Integrity, Invalid, StoreFull, Unavailable
from wayseal.seal.keys.durable import write_file
from wayseal.station.lane import LaneHost

FILE: Final = "time.signed"
_LABEL: Final = b"wayseal-lane-time/v1\x00"
_SIGNATURE: Final = 64
_STEP: Final = timedelta(minutes=1)
"""How far time goes on before it is written down again."""


class LaneTime:
    """What one lane knows of the time. Threads and processes may share the file."""

    def __init__(self, host: LaneHost, folder: Path, clock: Clock) -> None:
        self._host = host
        self._file = folder / FILE
        self._clock = clock
        self._lock = threading.Lock()

    def latest(self) -> datetime | None:
        """Return the latest time known to be over, or None on a lane that has heard nothing. Raises `Integrity` for an altered file."""
        roster = self._host.known_roster()
        known = [self._read(), None if roster is None else roster.issued_at]
        return max((one for one in known if one is not None), default=None)

    def note(self) -> None:
        """Note that it is now what this computer's clock says, unless it is known to be later."""
        now = self._clock()
        with (
            self._lock,
            suppress(Integrity),
        ):  # an altered note stays for `latest` to tell, until the centre is heard
            known = self._read()
            if known is None or now >= known + _STEP:
                self._write(now)

    def hear(self, date: str | None) -> None:
        """Note the centre's time, as its answers' Date says. It also ends what a clock that was ahead had noted."""
        try:
            said = parsedate_to_datetime(date or "").astimezone(UTC)
        except ValueError:
            return
        with self._lock:
            try:
                known = self._read()
            except Integrity:
                known = None
            if known is None or said >= known + _STEP or known > said + SKEW:
                self._write(said)

    def _read(self) -> datetime | None:
        try:
            data = self._file.read_bytes()
        except FileNotFoundError:
            return None
        try:
            public = Ed25519PublicKey.from_public_bytes(self._host.identity.public)
            public.verify(data[:_SIGNATURE], _LABEL + data[_SIGNATURE:])
            return from_text(data[_SIGNATURE:].decode("ascii"))
        except (InvalidSignature, ValueError, Invalid):
            raise Integrity("this lane's note of the time was altered") from None

    def _write(self, moment: datetime) -> None:
        text = to_text(moment).encode()
        with suppress(StoreFull, Unavailable):  # a full disk must not hold up pictures
            write_file(self._file, self._host.identity.sign(_LABEL + text) + text)
