"""Keep named records past their class, and let them go again: the ledger first, then keys, bytes and rows.

A hold has keys of its own, so that its records die together with it and with nothing else. Re-wrapping needs a
release; the caller brings the function that does it, and nothing here opens a record.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from wayseal.flow.erase import Eraser, Erasure, erase_epoch
from wayseal.flow.petition import LIFT, petition_entry
from wayseal.model.clock import to_text
from wayseal.model.custody import Hold, RecordStatus
from wayseal.model.errors import Erased, Invalid, Refused
from wayseal.model.ids import EpochId, RecordId, epoch_id, epoch_span, new_ulid
from wayseal.retention.hold import check_approvers, check_reason, check_records, check_until
from wayseal.retention.schedule import hold_class, is_hold
from wayseal.seal.envelope import parse_record, read_envelope
from wayseal.store import holds as hold_rows
from wayseal.store.centre import move_record, read_record
from wayseal.store.engine import read, write
from wayseal.store.records import find_known, get_record, set_held

Keep = Callable[[RecordId, EpochId, str], object]
"""Re-wrap one record to an epoch for a reason code: logs it, and moves the record (`store.centre.move_record`)."""


def place_hold(
    site: Eraser,
    records: Sequence[RecordId],
    *,
    reason: str,
    approvers: Sequence[str],
    until: datetime,
    keep: Keep,
    finish: bool = True,
) -> Hold:
    """Keep the records until the end of the hour of `until`, and return the hold.

    Without `finish` it only stands on the ledger, for both approvers to sign (`flow.countersign`); `finish_hold` keeps the records.

    Raises `Refused` without two different approvers, `NotFound` or `Erased` for a record that is not there any more,
    `Invalid` when the class keeps a record longer than the hold would.
    """
    now = site.clock()
    hold = Hold(
        id=new_ulid(now),
        records=check_records(records),
        reason=check_reason(reason),
        approvers=check_approvers(approvers),
        placed_at=now,
        until=check_until(until, now),
    )
    _check_worthwhile(site, hold)
    entry = {
        "type": "hold",
        "time": to_text(now),
        "actor": hold.approvers[0],
        "object": hold.id,
        "records": list(hold.records),
        "approvers": list(hold.approvers),
        "reason": hold.reason,
        "until": to_text(hold.until),
        "record_class": hold_class(hold.id),
    }
    (index,) = site.ledger.append([entry])
    with write(site.store.engine) as connection:
        hold_rows.add_hold(connection, hold, ledger_index=index)
    if finish:
        finish_hold(site, hold.id, keep=keep)
    return hold


def finish_hold(site: Eraser, hold_id: str, *, keep: Keep) -> int:
    """Re-wrap those of a hold's records that are not under it yet, and return how many. For the first run, and after a crash."""
    with read(site.store.engine) as connection:
        hold = hold_rows.get_hold(connection, hold_id)
        known = find_known(connection, hold.records)
    schedule = site.schedule_now()
    waiting = [r for r in known.values() if schedule.expires_at(r.epoch) < hold.until]
    epoch = epoch_id(hold_class(hold.id), site.clock())
    if waiting:
        site.vault.create_epoch(epoch)
    for record in waiting:
        keep(record.object_id, epoch, hold.reason)
    with write(site.store.engine) as connection:
        set_held(connection, hold.records, held=True)
    return len(waiting)


def lift_hold(site: Eraser, hold_id: str, *, reason: str, approvers: Sequence[str]) -> list[Erasure]:
    """End a hold before its time. Its records go back to whatever else still keeps them; the others die now.

    Returns the erasures of the hold's own keys.

    Raises `Refused` without two different approvers, `NotFound` when no such hold is in force.
    """
    now, hold = site.clock(), _find_running(site, hold_id)
    agreed = check_approvers(approvers)
    entry = {
        "type": "lift",
        "time": to_text(now),
        "actor": agreed[0],
        "object": hold.id,
        "records": list(hold.records),
        "approvers": list(agreed),
        "reason": check_reason(reason),
    }
    site.ledger.append([entry])
    return finish_lift(site, hold.id)


def ask_lift(
    site: Eraser, hold_id: str, *, reason: str, approvers: Sequence[str], actor: str
) -> tuple[str, int]:
    """Put the petition on the ledger that a hold ends early, for both approvers to sign; return its id and index. Raises as `lift_hold`.

    The hold goes on until the keyroom has seen both signatures (`Opener.settle`).
    """
    now, hold = site.clock(), _find_running(site, hold_id)
    petition = new_ulid(now)
    facts = {"hold": hold.id, "reason": check_reason(reason)}
    entry = petition_entry(
        LIFT, petition, actor=actor, approvers=check_approvers(approvers), now=now, facts=facts
    )
    (index,) = site.ledger.append([entry])
    return petition, index


def finish_lift(site: Eraser, hold_id: str) -> list[Erasure]:
    """Send a lifted hold's records back to whatever else keeps them, end its own keys, and return their erasures. May be called again after a crash.

    Raises `Refused` unless the ledger says that it was lifted.
    """
    with read(site.store.engine) as connection:
        hold = hold_rows.get_hold(connection, hold_id)
    if not site.ledger.find(type="lift", object=hold.id):
        raise Refused("the ledger does not say that this hold was lifted", hold=hold.id)
    for record in hold.records:
        _send_back(site, record, hold_class(hold.id))
    if hold.lifted_at is None:
        with write(site.store.engine) as connection:
            hold_rows.lift_hold(connection, hold.id, when=site.clock())
    epochs = [key.epoch for key in site.vault.epoch_keys() if key.record_class == hold_class(hold.id)]
    return [erase_epoch(site, epoch, reason="hold-lifted") for epoch in epochs]


def _find_running(site: Eraser, hold_id: str) -> Hold:
    """Return a hold in force. Raises `NotFound`, or `Invalid` for one that has ended."""
    with read(site.store.engine) as connection:
        hold = hold_rows.get_hold(connection, hold_id)
    if hold.lifted_at is not None or hold.until <= site.clock():
        raise Invalid("the hold has ended already", hint="Its records die with the next sweep.")
    return hold


def _check_worthwhile(site: Eraser, hold: Hold) -> None:
    """Raise unless every record is there, can still be opened, and would die before the hold ends."""
    schedule = site.schedule_now()
    with read(site.store.engine) as connection:
        for object_id in hold.records:
            record = get_record(connection, object_id)
            if record.status is RecordStatus.ERASED or not site.vault.has(record.epoch):
                raise Erased("it is too late to hold this record", record=object_id)
            if record.status is RecordStatus.LIVE and schedule.expires_at(record.epoch) >= hold.until:
                raise Invalid(
                    "the record lives longer than the hold would",
                    hint="No hold is needed before its class runs out.",
                    record=object_id,
                )


def _send_back(site: Eraser, object_id: RecordId, lifted: str) -> None:
    """Return one record to the longest-lived other epoch that it is wrapped to, if any is alive."""
    with read(site.store.engine) as connection:
        row = get_record(connection, object_id)
    if row.record_class != lifted or row.status is RecordStatus.ERASED:
        return
    record = parse_record(read_record(site.store, object_id))
    envelope = read_envelope(record.data)
    wrapped_to = {envelope.header.epoch, *(block.rewrap.epoch for block in envelope.rewraps)}
    alive = [one for one in wrapped_to if epoch_span(one)[0] != lifted and site.vault.has(one)]
    if not alive:
        return
    target = max(alive, key=site.schedule_now().expires_at)
    move_record(site.store, record, target)
    with write(site.store.engine) as connection:
        set_held(connection, [object_id], held=is_hold(target))
