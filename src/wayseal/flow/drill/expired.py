"""p24: what has expired does not open, nothing lives longer than its class, and every erasure was finished."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from wayseal.assess.probe import Seen, judge, probe
from wayseal.flow.drill.view import Doors, SiteView, no_doors
from wayseal.flow.erase import find_unfinished, plan_erasure
from wayseal.model.clock import from_text
from wayseal.model.custody import Purpose, RecordStatus
from wayseal.model.errors import Erased, WaysealError
from wayseal.model.ids import EpochId, RecordId
from wayseal.retention.schedule import LATE_AFTER
from wayseal.store.centre import read_record
from wayseal.store.engine import read
from wayseal.store.records import list_epoch_records

SAMPLE = 100
FULL_TRIES = 3
"""Expired records of the sample that are also asked of the keyroom, each with an intent on the ledger."""


@probe("p24", where="outside")
def drill_expired(view: SiteView) -> Seen:
    """Try a sample of expired records, and look for what should have expired and has not."""
    doors = view.doors
    if doors is None:
        return no_doors()
    erased = _erased_epochs(doors)
    sample = _sample_expired(doors, erased)
    opened = [record for record in sample if not _is_gone(doors, record)]
    opened += [record for record in sample[:FULL_TRIES] if not _is_refused(doors, record)]
    plan = plan_erasure(doors.eraser)
    late = list(_list_unfinished(doors))
    living = sorted({key.epoch for key in doors.eraser.vault.epoch_keys()} & set(erased))
    faults = [f"{len(opened)} expired records still open"] if opened else []
    faults += [f"{len(living)} erased hours still have a key ({', '.join(living[:3])})"] if living else []
    faults += (
        [f"{plan.overdue_records} records of {len(plan.overdue)} hours are overdue"] if plan.overdue else []
    )
    faults += [f"{len(plan.unknown)} hours are of no known class"] if plan.unknown else []
    faults += [f"{len(late)} erasures were begun and not finished"] if late else []
    facts = {
        "sampled": len(sample),
        "opened": len(opened),
        "erased_hours": len(erased),
        "live_records": plan.live_records,
        "overdue": [due.epoch for due in plan.overdue],
        "unknown": list(plan.unknown),
        "unfinished": late,
    }
    return judge(faults, f"{len(sample)} expired records do not open, and nothing is overdue", **facts)


def _erased_epochs(doors: Doors) -> list[EpochId]:
    """Return the hours that the ledger says were erased, newest first."""
    found = doors.ledger.find(type="erase-done")
    return list(dict.fromkeys(EpochId(doors.ledger.entry(index)["object"]) for index in reversed(found)))


def _sample_expired(doors: Doors, erased: Sequence[EpochId]) -> list[RecordId]:
    """Return up to 100 records that died, of as many different hours as there are."""
    groups = []
    with read(doors.opener.store.engine) as connection:
        for epoch in erased[:SAMPLE]:
            rows = list_epoch_records(connection, epoch)
            groups.append([row.object_id for row in rows if row.status is RecordStatus.ERASED])
    rounds = max((len(group) for group in groups), default=0)
    sample = [group[step] for step in range(min(rounds, SAMPLE)) for group in groups if step < len(group)]
    return sample[:SAMPLE]


def _is_gone(doors: Doors, record: RecordId) -> bool:
    """Say whether a record's sealed bytes are gone from the store."""
    try:
        read_record(doors.opener.store, record)
    except Erased:
        return True
    except WaysealError:
        return False
    return False


def _is_refused(doors: Doors, record: RecordId) -> bool:
    """Say whether a release of an expired record ends with `Erased`."""
    try:
        doors.opener.read_now(doors.officer(), [record], Purpose.RESTORE_DRILL)
    except Erased:
        return True
    except WaysealError:
        return False
    return False


def _list_unfinished(doors: Doors) -> Iterator[str]:
    """Yield each hour whose erasure was begun more than ten minutes ago and is not done."""
    now = doors.eraser.clock()
    for epoch, index in find_unfinished(doors.ledger):
        if now - from_text(doors.ledger.entry(index)["time"]) > max(LATE_AFTER, timedelta(minutes=10)):
            yield epoch
