"""How much one person may open: a token bucket that stops them, and a drift sum (CUSUM) that tells on them earlier.

The keyroom's own durable memory, in its own file; numbers and staff ids only. A thief who has somebody's place can take what
the bucket holds and what flows into it, and no more; somebody who opens steadily more than is usual raises an alarm long
before (CUSTODY 2.10: drift above 1.35 times the usual rate, alarm at 80).
"""

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
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
CREATE TABLE IF NOT EXISTS recent (principal TEXT, at REAL, pictures INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS recent_of ON recent (principal, at);
CREATE TABLE IF NOT EXISTS used (session TEXT PRIMARY KEY, pictures INTEGER NOT NULL) WITHOUT ROWID;
"""
PICTURES = "pictures"
HOUR = 3600


@dataclass(frozen=True, slots=True)
class Shared:
    """An account that many people draw on together: `factor` times what one person may."""

    name: str
    factor: float


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
        return PICTURES
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

    def take(
        self,
        principal: str,
        kinds: Iterable[Kind],
        now: datetime,
        *,
        shared: Sequence[Shared] = (),
        sessions: Sequence[str] = (),
    ) -> list[str]:
        """Draw one opening for each kind, all or none, and return the pools whose drift has just become suspicious.

        The draw is on the person's account and on every shared one. `sessions` names the session that each picture is counted
        to, where it has one. Raises `QuotaExceeded` when an allowance does not suffice; the drift counts what was asked for all
        the same. Time that runs backwards refills nothing.
        """
        wanted = Counter(pool_of(kind) for kind in kinds)
        accounts = [Shared(principal, 1.0), *shared]
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                states = {(one, name): self._read(one, name, now) for one in accounts for name in wanted}
                short = [key for key, state in states.items() if state[0] < wanted[key[1]]]
                suspicious = [
                    key[1] for key, state in states.items()
                    if self._write(key, state, (0 if short else wanted[key[1]], wanted[key[1]]), now)
                ]  # fmt: skip
                if not short:
                    self._count(principal, wanted[PICTURES], sessions, now)
            finally:
                self._database.execute("COMMIT")
        if short:
            account, pool = short[0]
            raise QuotaExceeded(f"the allowance of {pool} is spent", account=account.name, pool=pool)
        return suspicious

    def count_recent(self, principal: str, now: datetime) -> int:
        """Return how many pictures somebody drew in the hour before `now`."""
        with self._lock:
            row = self._database.execute(
                "SELECT coalesce(sum(pictures), 0) FROM recent WHERE principal = ? AND at > ?",
                (principal, now.timestamp() - HOUR),
            ).fetchone()
        return int(row[0])

    def count_session(self, session: str) -> int:
        """Return how many pictures were drawn under a session."""
        with self._lock:
            row = self._database.execute("SELECT pictures FROM used WHERE session = ?", (session,)).fetchone()
        return 0 if row is None else int(row[0])

    def _count(self, principal: str, pictures: int, sessions: Sequence[str], now: datetime) -> None:
        """Note pictures that were drawn, and forget what is older than an hour."""
        at = now.timestamp()
        if pictures:
            self._database.execute(
                "DELETE FROM recent WHERE principal = ? AND at <= ?", (principal, at - HOUR)
            )
            self._database.execute("INSERT INTO recent VALUES (?, ?, ?)", (principal, at, pictures))
        for session, count in Counter(sessions).items():
            self._database.execute(
                "INSERT INTO used VALUES (?, ?) ON CONFLICT (session) DO UPDATE SET pictures = pictures + excluded.pictures",
                (session, count),
            )

    def _read(self, account: Shared, name: str, now: datetime) -> tuple[float, float]:
        """Return (tokens, drift) as of now."""
        pool = self._pools[name]
        row = self._database.execute(
            "SELECT tokens, drift, at FROM meter WHERE principal = ? AND pool = ?", (account.name, name)
        ).fetchone()
        if row is None:
            return account.factor * pool.burst, 0.0
        hours = max(0.0, now.timestamp() - row[2]) / HOUR
        drift = max(0.0, row[1] - hours * SLACK * account.factor * pool.usual)
        return min(account.factor * pool.burst, row[0] + hours * account.factor * pool.per_hour), drift

    def _write(
        self,
        owner: tuple[Shared, str],
        state: tuple[float, float],
        draw: tuple[int, int],
        now: datetime,
    ) -> bool:
        """Store an allowance after a draw of (taken, asked); say whether its drift passed the alarm, and start it anew if so."""
        account, name = owner
        tokens, drift = state[0] - draw[0], state[1] + draw[1]
        suspicious = drift > ALARM_AT + account.factor * self._pools[name].burst
        self._database.execute(
            "INSERT OR REPLACE INTO meter VALUES (?, ?, ?, ?, ?)",
            (account.name, name, tokens, 0.0 if suspicious else drift, now.timestamp()),
        )
        return suspicious
