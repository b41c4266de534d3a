"""The desk of oversight: every act is an entry of the ledger first, and the rows follow from the entries.

Owns the order (look, append, apply) and nothing else. A crash between entry and row is mended by the next look.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine

from wayseal.flow.oversee.apply import APPLIED, apply_entry
from wayseal.flow.petition import SIGNED, drop_false_seal
from wayseal.ledger.log import Ledger
from wayseal.model.clock import Clock
from wayseal.model.errors import Integrity, Refused
from wayseal.store.engine import read, write
from wayseal.store.oversight import assessments as assessment_rows
from wayseal.store.oversight import vendors as vendor_rows
from wayseal.store.oversight.rows import list_rows, lock_size, open_scratch, read_size, write_size


@dataclass(frozen=True, slots=True)
class Rules:
    """How often, how soon and how strictly. `enforce` is `auto`, `on` or `off` (see `fitness`)."""

    enforce: str = "auto"
    full: timedelta = timedelta(days=90)
    daily: timedelta = timedelta(hours=24)
    window: timedelta = timedelta(hours=1)
    grace: timedelta = timedelta(0)
    sign_off: timedelta = timedelta(days=365)
    return_within: timedelta = timedelta(days=30)
    ahead: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Desk:
    """What oversight works with. `agency` operates `site`; `engine` is the centre's database. `open_everywhere`: an evaluation site.

    `keyroom` is the raw Ed25519 key under which the keyroom's seals are believed; without it none is.
    """

    ledger: Ledger
    engine: Engine
    rules: Rules
    site: str
    agency: str
    clock: Clock
    open_everywhere: bool = False
    keyroom: bytes | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """One act under way: the rows as they are now, and the pen. `now` is the one time that the whole act bears."""

    desk: Desk
    rows: Connection
    now: datetime

    def log(self, entries: Sequence[Mapping[str, Any]]) -> list[int]:
        """Append entries, let the rows follow, and return the indices."""
        indices = self.desk.ledger.append(entries)
        _follow(self.desk, self.rows)
        return indices


@contextmanager
def act(desk: Desk, *, actor: str | None = None, also: Collection[str] = ()) -> Iterator[Act]:
    """Give an act that nobody else's can interleave with. An error leaves the rows as the ledger has them.

    Raises `Refused` when `actor` is registered with another organisation than the agency, or than one of `also`, or has left.
    """
    with write(desk.engine) as connection:
        _follow(desk, connection)
        doing = Act(desk, connection, desk.clock())
        if vendor_rows.find_vendor(connection, desk.agency) is None:
            doing.log(
                [
                    {
                        "type": "register", "register": "organisation", "action": "added", "object": desk.agency,
                        "tier": "agency",
                    }
                ]
            )  # fmt: skip
        if actor is not None:
            check_actor(doing, actor, also)
        yield doing


def check_actor(doing: Act, actor: str, also: Collection[str] = ()) -> None:
    """Raise `Refused` for somebody registered with another organisation than the agency, or than one of `also`, or who has left."""
    person = vendor_rows.find_person(doing.rows, actor)
    if person is not None and person.left_at is not None and person.left_at <= doing.now:
        raise Refused("whoever has left keeps no register", actor=actor)
    if person is not None and person.organisation not in (doing.desk.agency, *also):
        raise Refused(
            "the register is the agency's to keep", hint="Ask somebody of the agency.", actor=actor,
            organisation=person.organisation,
        )  # fmt: skip


@contextmanager
def view(desk: Desk) -> Iterator[Connection]:
    """Give the rows to read, after they have caught up with the ledger."""
    with read(desk.engine) as connection:
        behind = bool(_unseen(desk.ledger, read_size(connection)))
    if behind:
        with write(desk.engine) as connection:
            _follow(desk, connection)
    with read(desk.engine) as connection:
        yield connection


def verify_rows(desk: Desk) -> int:
    """Return how many rows of the register the ledger accounts for. Raises `Integrity` naming a table that says anything else."""
    scratch = open_scratch()
    with scratch.begin() as fresh:
        for index in _unseen(desk.ledger, 0):
            _apply(desk, fresh, index)
        wanted = list_rows(fresh)
    scratch.dispose()
    with view(desk) as connection:
        there = list_rows(connection)
        seen = assessment_rows.list_results(connection)
    for table, rows in wanted.items():
        if there[table] != rows:
            raise _altered(table)
    told = [desk.ledger.entry(index) for index in desk.ledger.find(type="probe-result")]
    logged = {
        (one.get("assessment"), one["probe"]): (one["result"], one.get("evidence_sha256")) for one in told
    }
    if any(logged.get(key) != result for key, result in seen.items()):
        raise _altered("observations")
    return sum(len(rows) for rows in wanted.values()) + len(seen)


def _altered(table: str) -> Integrity:
    return Integrity(
        "the register's rows say something else than the ledger",
        hint="Restore the database's last backup; the ledger brings it up to date.",
        table=table,
    )


def _follow(desk: Desk, connection: Connection) -> None:
    """Apply the entries that the rows do not know of, in their order."""
    unseen = _unseen(desk.ledger, lock_size(connection))
    for index in unseen:
        _apply(desk, connection, index)
    if unseen:
        write_size(connection, unseen[-1] + 1)


def _apply(desk: Desk, connection: Connection, index: int) -> None:
    """Apply an entry, but for a reinstatement that the keyroom has not sealed where only the keyroom reinstates."""
    entry = desk.ledger.entry(index)
    if entry["type"] == "org-status" and entry["status"] == "reinstated":
        sealed = desk.keyroom is not None and "keyroom_seal" in drop_false_seal(entry, desk.keyroom)
        since = desk.ledger.find(type="config", object=SIGNED)
        if not sealed and since and since[0] < index:
            return
    apply_entry(connection, index, entry)


def _unseen(ledger: Ledger, size: int) -> list[int]:
    """Return the indices from `size` on of the entries that concern oversight."""
    return sorted(index for kind in APPLIED for index in ledger.find(type=kind) if index >= size)
