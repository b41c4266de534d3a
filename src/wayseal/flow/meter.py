"""How much one person may open: a token bucket that stops them, and a drift sum (CUSUM) that tells on them earlier.

The keyroom's own durable memory, in its own file; numbers and staff ids only. A thief who has somebody's place can take what
the bucket holds and what flows into it, and no more; somebody who opens steadily more than is usual raises an alarm long
before (CUSTODY 2.10: drift above 1.35 times the usual rate, alarm at 80).
"""

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from wayseal.model.custody import Kind
from wayseal.model.errors import QuotaExceeded

SLACK = 1.35
ALARM_AT = 80.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meter (
  principal TEXT, pool TEXT, tokens REAL NOT NULL, drift REAL NOT NULL, at REAL NOT NULL, PRIMARY KEY (principal, pool)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Pool:
    """One allowance: openings an hour, how many at once after a rest, and what is usual in an hour (for the drift)."""

    name: str
    per_hour: float
    burst: float
    usual: float


def pool_of(kind: Kind) -> str:
    """Return which allowance an opening of this kind draws on: pictures, templates or documents."""
    if kind in {Kind.FACE, Kind.PLATE, Kind.SCENE}:
        return "pictures"
    return "templates" if kind is Kind.TEMPLATE else "documents"


class Meter:
    """The allowances of everybody who opens records, in one file. Threads and processes may share it."""

    def __init__(self, file: Path, pools: Iterable[Pool]) -> None:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._pools = {pool.name: pool for pool in pools}
        self._lock = threading.Lock()
        self._database = sqlite3.connect(file, check_same_thread=False, isolation_level=None, timeout=30)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def take(self, principal: str, kinds: Iterable[Kind], now: datetime) -> list[str]:
        """Draw one opening for each kind, all or none, and return the pools whose drift has just become suspicious.

        Raises `QuotaExceeded` when an allowance does not suffice; the drift counts what was asked for all the same. Time that
        runs backwards refills nothing.
        """
        wanted = Counter(pool_of(kind) for kind in kinds)
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                states = {name: self._read(principal, name, now) for name in wanted}
                short = [name for name, count in wanted.items() if states[name][0] < count]
                suspicious = [
                    name for name, count in wanted.items()
                    if self._write((principal, name), states[name], (0 if short else count, count), now)
                ]  # fmt: skip
            finally:
                self._database.execute("COMMIT")
        if short:
            raise QuotaExceeded(f"the allowance of {short[0]} is spent", principal=principal, pool=short[0])
        return suspicious

    def _read(self, principal: str, name: str, now: datetime) -> tuple[float, float]:
        """Return (tokens, drift) as of now."""
        pool = self._pools[name]
        row = self._database.execute(
            "SELECT tokens, drift, at FROM meter WHERE principal = ? AND pool = ?", (principal, name)
        ).fetchone()
        if row is None:
            return pool.burst, 0.0
        hours = max(0.0, now.timestamp() - row[2]) / 3600
        return min(pool.burst, row[0] + hours * pool.per_hour), max(0.0, row[1] - hours * SLACK * pool.usual)

    def _write(
        self, owner: tuple[str, str], state: tuple[float, float], draw: tuple[int, int], now: datetime
    ) -> bool:
        """Store an allowance after a draw of (taken, asked); say whether its drift passed the alarm, and start it anew if so."""
        tokens, drift = state[0] - draw[0], state[1] + draw[1]
        suspicious = drift > ALARM_AT + self._pools[owner[1]].burst
        self._database.execute(
            "INSERT OR REPLACE INTO meter VALUES (?, ?, ?, ?, ?)",
            (*owner, tokens, 0.0 if suspicious else drift, now.timestamp()),
        )
        return suspicious
