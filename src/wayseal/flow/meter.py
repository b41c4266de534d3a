"""How much one person may open: a token bucket that stops them, and a drift sum (CUSUM) that tells on them earlier.

The keyroom's own memory, in its own file; numbers and staff ids only. It outlives the process; a power cut may give back the
draws of the last moments, never a spent intent (`flow.spent`). A thief who has somebody's place can take what
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

SLACK = 1.35
ALARM_AT = 80.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meter (
  principal TEXT, pool TEXT, tokens REAL NOT NULL, drift REAL NOT NULL, at REAL NOT NULL, PRIMARY KEY (principal, pool)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS minutes (
  principal TEXT, minute INTEGER, pictures INTEGER NOT NULL, PRIMARY KEY (principal, minute)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS used (session TEXT PRIMARY KEY, pictures INTEGER NOT NULL) WITHOUT ROWID;
"""
PICTURES = "pictures"
HOUR = 3600
_ASIDE = 3600.0
"""Seconds that a time may lie before the last one seen and still count as late, not as a clock that was set."""


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


@dataclass(frozen=True, slots=True)
class Draw:
    """What came of asking. `short` is the (account, pool) that did not suffice: then nothing was drawn; None when all was.

    `suspicious` are the pools whose drift has just passed the alarm, of whatever was asked for, drawn or not.
    """

    suspicious: tuple[str, ...] = ()
    short: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class _State:
    """One account's pool as of `at` (POSIX seconds): the newest time seen, however late a request came."""

    tokens: float
    drift: float
    at: float


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
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def draw(
        self,
        principal: str,
        kinds: Iterable[Kind],
        now: datetime,
        *,
        shared: Sequence[Shared] = (),
        sessions: Sequence[str] = (),
    ) -> Draw:
        """Draw one opening for each kind, all or none.

        The draw is on the person's account and on the shared ones, of which there are at most two. `sessions` names the session that each picture is counted
        to, where it has one. The drift counts what was asked for, also where an allowance does not suffice. Time that runs
        backwards refills nothing, and requests that were overtaken refill nothing twice.
        """
        wanted = Counter(pool_of(kind) for kind in kinds)
        if not wanted:
            return Draw()
        accounts = [Shared(principal, 1.0), *shared]
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                states = self._read(accounts, list(wanted), now)
                short = [key for key, state in states.items() if state.tokens < wanted[key[1]]]
                suspicious = self._write(states, Counter() if short else wanted, wanted)
                if not short:
                    self._count(principal, wanted[PICTURES], sessions, now)
                self._database.execute("COMMIT")
            finally:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
        return Draw(tuple(suspicious), (short[0][0].name, short[0][1]) if short else None)

    def count_recent(self, principal: str, now: datetime) -> int:
        """Return how many pictures somebody drew in the hour before `now`, counted in whole minutes."""
        with self._lock:
            row = self._database.execute(
                "SELECT coalesce(sum(pictures), 0) FROM minutes WHERE principal = ? AND minute > ?",
                (principal, _minute(now) - 60),
            ).fetchone()
        return int(row[0])

    def count_session(self, session: str) -> int:
        """Return how many pictures were drawn under a session."""
        with self._lock:
            row = self._database.execute("SELECT pictures FROM used WHERE session = ?", (session,)).fetchone()
        return 0 if row is None else int(row[0])

    def _count(self, principal: str, pictures: int, sessions: Sequence[str], now: datetime) -> None:
        """Note pictures that were drawn, and forget what is older than an hour whenever a minute begins."""
        minute = _minute(now)
        if pictures:
            known = self._database.execute(
                "UPDATE minutes SET pictures = pictures + ? WHERE principal = ? AND minute = ?",
                (pictures, principal, minute),
            )
            if not known.rowcount:
                self._database.execute(
                    "DELETE FROM minutes WHERE principal = ? AND minute <= ?", (principal, minute - 60)
                )
                self._database.execute("INSERT INTO minutes VALUES (?, ?, ?)", (principal, minute, pictures))
        for session, count in Counter(sessions).items():
            self._database.execute(
                "INSERT INTO used VALUES (?, ?) ON CONFLICT (session) DO UPDATE SET pictures = pictures + excluded.pictures",
                (session, count),
            )

    def _read(
        self, accounts: Sequence[Shared], pools: Sequence[str], now: datetime
    ) -> dict[tuple[Shared, str], _State]:
        """Return each account's pools as of now."""
        rows = self._database.execute(
            "SELECT principal, pool, tokens, drift, at FROM meter WHERE principal IN (?, ?, ?) AND pool IN (?, ?, ?)",
            (*_fill([one.name for one in accounts]), *_fill(pools)),
        ).fetchall()
        held = {(row[0], row[1]): row[2:] for row in rows}
        return {
            (one, name): self._refill(one, name, held.get((one.name, name)), now)
            for one in accounts
            for name in pools
        }

    def _refill(
        self, account: Shared, name: str, row: tuple[float, float, float] | None, now: datetime
    ) -> _State:
        """Return a pool after the time since it was written, `row` being (tokens, drift, at)."""
        pool, factor, at = self._pools[name], account.factor, now.timestamp()
        if row is None:
            return _State(factor * pool.burst, 0.0, at)
        hours = max(0.0, at - row[2]) / HOUR
        drift = max(0.0, row[1] - hours * SLACK * factor * pool.usual)
        tokens = min(factor * pool.burst, row[0] + hours * factor * pool.per_hour)
        return _State(tokens, drift, row[2] if at < row[2] <= at + _ASIDE else at)

    def _write(
        self,
        states: dict[tuple[Shared, str], _State],
        taken: Counter[str],
        asked: Counter[str],
    ) -> list[str]:
        """Store the allowances after a draw, and return the pools whose drift passed the alarm: theirs starts anew."""
        rows, suspicious = [], []
        for (account, name), state in states.items():
            drift = state.drift + asked[name]
            if drift > ALARM_AT + account.factor * self._pools[name].burst:
                suspicious.append(name)
                drift = 0.0
            rows.append((account.name, name, state.tokens - taken[name], drift, state.at))
        self._database.executemany("INSERT OR REPLACE INTO meter VALUES (?, ?, ?, ?, ?)", rows)
        return suspicious


def _minute(now: datetime) -> int:
    """Return the number of a minute."""
    return int(now.timestamp() // 60)


def _fill(values: Sequence[str]) -> list[str]:
    """Return three values: the last again where there are fewer."""
    return [*values, *[values[-1]] * (3 - len(values))]
