"""Forgetting, joined up: for each epoch whose time has come, say so on the ledger, destroy the key, tidy up, say it is done.

The order is the promise: `erase` on the ledger, then the key, then segments and rows, then `erase-done`. A process may die
at any boundary; the next run finds the entry without its `erase-done` and finishes the work. Nothing here opens a record.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from wayseal.ledger.log import Ledger
from wayseal.model.clock import Clock, to_text
from wayseal.model.custody import RecordStatus
from wayseal.model.errors import Erased, WaysealError
from wayseal.model.ids import EpochId, epoch_span
from wayseal.retention.schedule import Plan, Schedule
from wayseal.retention.steady import ClockWatch
from wayseal.retention.sweep import list_epochs, sweep_epoch
from wayseal.seal.erase import destroy_epoch
from wayseal.seal.keys.vault import EpochBook
from wayseal.store.centre import CentreStore
from wayseal.store.engine import read
from wayseal.store.holds import list_holds
from wayseal.store.records import count_held, list_epoch_records

Step = Literal["planned", "logged", "destroyed", "swept", "done"]
OnStep = Callable[[Step, EpochId], None]
Forget = Callable[[EpochId], object]


def _ignore(_step: Step, _epoch: EpochId) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Eraser:
    """What erasing needs. `also` forgets an epoch elsewhere on this site (lane outboxes, caches); each may be repeated.

    `on_step` is called when a boundary has been reached; drills stop the process there.
    """

    ledger: Ledger
    vault: EpochBook
    store: CentreStore
    schedule: Schedule
    clock: Clock
    actor: str = "system:sweep"
    also: Sequence[Forget] = ()
    on_step: OnStep = _ignore

    def schedule_now(self) -> Schedule:
        """Return the schedule with the ends of all holds that were ever placed."""
        with read(self.store.engine) as connection:
            return self.schedule.with_holds(list_holds(connection))

    def count_held(self) -> int:
        """Return how many records are under a hold."""
        with read(self.store.engine) as connection:
            return count_held(connection)


@dataclass(frozen=True, slots=True)
class Erasure:
    """One epoch that is gone: how many records died with it, the ledger entries, and how late it was."""

    epoch: EpochId
    records: int
    intent: int
    done: int
    overshoot: timedelta


def plan_erasure(eraser: Eraser, *, as_of: datetime | None = None) -> Plan:
    """Return what is due now, or would be at `as_of`. Changes nothing.

    Hours that are not over are left alone while they are empty, so that pretending to be later disarms no lane.
    """
    now = eraser.clock()
    epochs = list_epochs(eraser.store, (key.epoch for key in eraser.vault.epoch_keys()))
    begun = {epoch: count for epoch, count in epochs.items() if count or _is_over(epoch, now)}
    return eraser.schedule_now().plan(as_of or now, begun)


def _is_over(epoch: EpochId, now: datetime) -> bool:
    """Say whether an epoch's hour is over."""
    return epoch_span(epoch)[2] <= now


def erase_due(eraser: Eraser, *, as_of: datetime | None = None) -> list[Erasure]:
    """Finish what an earlier run began, then erase every epoch whose time has come, oldest first.

    When it returns, none of those epochs can be opened by anybody, from any copy. An epoch that cannot be finished (the
    keeper or a lane does not answer) stops no other: the first such error is raised at the end, and the next call goes on.
    """
    now = as_of or eraser.clock()
    finished: list[Erasure] = []
    failed: list[WaysealError] = []
    begun = dict(find_unfinished(eraser.ledger))
    fresh = [due.epoch for due in plan_erasure(eraser, as_of=as_of).due if due.epoch not in begun]
    for epoch in (*begun, *fresh):
        try:
            if epoch not in begun:
                eraser.on_step("planned", epoch)
            intent = begun[epoch] if epoch in begun else _log_intent(eraser, epoch)
            finished.append(_finish_epoch(eraser, epoch, intent, now))
        except WaysealError as error:
            failed.append(error)
    if failed:
        raise failed[0]
    return finished


def erase_epoch(eraser: Eraser, epoch: EpochId, *, reason: str) -> Erasure:
    """Erase one epoch before its time: for a lifted hold or a court's order. `reason` is a code for the ledger.

    Deleting needs no authority that keeping would need; the caller has shown the user what dies.
    """
    eraser.on_step("planned", epoch)
    begun = dict(find_unfinished(eraser.ledger))
    intent = begun[epoch] if epoch in begun else _log_intent(eraser, epoch, reason=reason)
    return _finish_epoch(eraser, epoch, intent, eraser.clock())


def log_clock_step(ledger: Ledger, watch: ClockWatch, clock: Clock) -> timedelta:
    """Return by how much the clock was set since the last sweep, and put an alarm on the ledger when it was.

    The sweep goes on: what is then erased early or late is explained there.
    """
    now = clock()
    step = watch.measure_step(now)
    if step:
        entry = {
            "type": "alarm",
            "time": to_text(now),
            "actor": "system:sweep",
            "alarm": "clock-step",
            "severity": "high",
        }
        reason = "set-forward" if step > timedelta(0) else "set-back"
        ledger.append([{**entry, "reason": reason, "count": int(abs(step).total_seconds())}])
    return step


def find_unfinished(ledger: Ledger) -> Iterator[tuple[EpochId, int]]:
    """Yield (epoch, ledger index) of each erasure that was begun and not reported done, oldest first."""
    done = {ledger.entry(index).get("intent") for index in ledger.find(type="erase-done")}
    for index in ledger.find(type="erase"):
        if index not in done:
            yield EpochId(ledger.entry(index)["object"]), index


def _log_intent(eraser: Eraser, epoch: EpochId, *, reason: str = "expired") -> int:
    """Write the `erase` entry, with a commitment to the list of records that will die, and return its index."""
    with read(eraser.store.engine) as connection:
        living = [r for r in list_epoch_records(connection, epoch) if r.status is not RecordStatus.ERASED]
    entry = {
        "type": "erase",
        "time": to_text(eraser.clock()),
        "actor": eraser.actor,
        "object": epoch,
        "epoch": epoch,
        "record_class": epoch_span(epoch)[0],
        "count": len(living),
        "records_sha256": commit_list([record.object_id for record in living]),
        "reason": reason,
    }
    (index,) = eraser.ledger.append([entry])
    eraser.on_step("logged", epoch)
    return index


def _finish_epoch(eraser: Eraser, epoch: EpochId, intent: int, now: datetime) -> Erasure:
    """Do, or do again, everything that follows the `erase` entry."""
    destroyed_at = _destroy_key(eraser, epoch)
    eraser.on_step("destroyed", epoch)
    sweep_epoch(eraser.store, epoch, has_key=eraser.vault.has, when=destroyed_at, ledger_index=intent)
    for forget in eraser.also:
        forget(epoch)
    eraser.on_step("swept", epoch)
    count = int(eraser.ledger.entry(intent).get("count", 0))
    overshoot = max(timedelta(0), now - _expiry(eraser, epoch))
    entry = {
        "type": "erase-done",
        "time": to_text(eraser.clock()),
        "actor": eraser.actor,
        "object": epoch,
        "epoch": epoch,
        "intent": intent,
        "count": count,
        "overshoot_s": int(overshoot.total_seconds()),
    }
    (done,) = eraser.ledger.append([entry])
    eraser.on_step("done", epoch)
    return Erasure(epoch, records=count, intent=intent, done=done, overshoot=overshoot)


def _destroy_key(eraser: Eraser, epoch: EpochId) -> datetime:
    """Destroy the key and return when; an epoch that never had a key here counts as dead already."""
    try:
        return destroy_epoch(eraser.vault, epoch).destroyed_at
    except Erased:
        return eraser.clock()


def _expiry(eraser: Eraser, epoch: EpochId) -> datetime:
    """Return when the epoch should have died; for an early erasure that is now, so that it is never late."""
    return min(eraser.schedule_now().expires_at(epoch), eraser.clock())


def commit_list(object_ids: Sequence[str]) -> str:
    """Return SHA-256 (hex) over the sorted ids, one a line: whoever keeps the list can show later what died."""
    return hashlib.sha256("".join(f"{one}\n" for one in sorted(object_ids)).encode()).hexdigest()
