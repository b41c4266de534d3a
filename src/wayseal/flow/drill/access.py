"""p19 and p26: a vendor's account tries every verb on pictures; a burst of openings meets canaries. Both must be refused and told.

The vendor's attempts go through the same opener and the same gate as an officer's. What they are tried on is noise under the seal.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from wayseal.assess.probe import Seen, broken, judge, probe
from wayseal.flow.drill.records import keep_noise
from wayseal.flow.drill.view import ACTOR, Doors, SiteView, no_doors
from wayseal.flow.policy import Principal
from wayseal.model.clock import from_text
from wayseal.model.custody import Kind, Purpose, SealedRecord
from wayseal.model.errors import Refused, WaysealError
from wayseal.model.ids import epoch_id

ALARM_WITHIN = timedelta(seconds=60)
BURST = 3
VENDOR = "system:drill-vendor"
PAPER_VERBS = ("decide", "hold", "approve", "export", "approve_export")
"""Verbs that are judged by the policy alone, before any key is asked for."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: its verb, what came of it, and how many ledger entries name it."""

    verb: str
    outcome: str
    entries: int


@probe("p19", where="outside")
def drill_vendor(view: SiteView) -> Seen:
    """Let an account of the vendor's organisation try to open, list, keep, decide, hold and export. All must be refused and logged."""
    doors = view.doors
    if doors is None:
        return no_doors()
    vendor = Principal(VENDOR, "vendor", _vendor_of(view, doors))
    attempts = [*_try_openings(doors, vendor), *_try_papers(doors, vendor)]
    faults = [f"{one.verb}: {one.outcome}" for one in attempts if one.outcome != "refused"]
    faults += [f"{one.verb} left no trace" for one in attempts if one.entries == 0]
    facts = [{"verb": one.verb, "outcome": one.outcome, "entries": one.entries} for one in attempts]
    good = f"{len(attempts)} attempts of a vendor's account were refused, each with its trace"
    return judge(faults, good, attempts=facts, organisation=vendor.organisation)


def _vendor_of(view: SiteView, doors: Doors) -> str:
    """Return the device's organisation; a name of its own where the agency owns the device."""
    organisation = view.equipment.organisation
    return "drill-vendor" if organisation == doors.agency else organisation


def _try_openings(doors: Doors, who: Principal) -> Iterator[Attempt]:
    """Yield each opening: a face for every purpose, every other kind as an officer would, and a re-wrap."""
    records = {kind: keep_noise(doors, kind, doors.record_class)[0] for kind in Kind}
    for purpose in Purpose:
        yield _try(doors, records[Kind.FACE], f"open face for {purpose.value}", _opening(doors, who, purpose))
    for kind in set(Kind) - {Kind.FACE}:
        yield _try(
            doors, records[kind], f"open {kind.value}", _opening(doors, who, Purpose.PRIMARY_INSPECTION)
        )

    def keep(record: SealedRecord) -> object:
        longer = epoch_id(doors.record_class, doors.opener.clock())
        return doors.opener.keep(who, record.header.object_id, longer, reason="drill")

    yield _try(doors, records[Kind.FACE], "keep face", keep)


def _opening(doors: Doors, who: Principal, purpose: Purpose) -> Callable[[SealedRecord], object]:
    return lambda record: doors.opener.read_now(who, [record.header.object_id], purpose)


def _try(doors: Doors, record: SealedRecord, verb: str, act: Callable[[SealedRecord], object]) -> Attempt:
    """Do one thing and say what came of it; the ledger must have grown by an entry that names the record and this account."""
    before = doors.ledger.size
    outcome = _name_outcome(lambda: act(record))
    found = doors.ledger.find(actor=VENDOR, object=record.header.object_id)
    return Attempt(verb, outcome, sum(index >= before for index in found))


def _name_outcome(act: Callable[[], object]) -> str:
    """Return `refused`, `allowed`, or the type of another error."""
    try:
        act()
    except Refused:
        return "refused"
    except WaysealError as error:
        return f"ended with {type(error).__name__}"
    return "allowed"


def _try_papers(doors: Doors, who: Principal) -> Iterator[Attempt]:
    """Yield each verb that the policy judges alone; its trace is the drill's own entry, since nobody asks a key for it."""
    record, _ = keep_noise(doors, Kind.FACE, doors.record_class)
    now = doors.opener.clock()
    for verb in PAPER_VERBS:
        ruling = doors.policy.ask(who, verb, record.header, Purpose.EXPORT, now)
        yield Attempt(verb, "allowed" if ruling.allowed else "refused", 1)


@probe("p26", where="outside")
def drill_canaries(view: SiteView) -> Seen:
    """Lay canaries, open them in a burst, and look for an alarm on the ledger within a minute of its time."""
    doors = view.doors
    if doors is None:
        return no_doors()
    before, started = doors.ledger.size, doors.opener.clock()
    outcomes = [_meet_canary(doors) for _ in range(BURST)]
    entries = [doors.ledger.entry(index) for index in doors.ledger.find(actor=ACTOR) if index >= before]
    hits = [one for one in entries if one["type"] == "canary-hit"]
    alarms = [one for one in entries if one["type"] == "alarm" and one["alarm"] == "canary"]
    late = [one for one in alarms if from_text(one["time"]) - started > ALARM_WITHIN]
    facts = {"outcomes": outcomes, "hits": len(hits), "alarms": len(alarms), "late": len(late)}
    if any(outcome.startswith("ended") for outcome in outcomes):
        return broken(f"the burst could not be tried: {outcomes[0]}", **facts)
    faults = ["a canary was opened"] if "allowed" in outcomes else []
    if len(hits) < BURST:
        faults.append(f"{BURST - len(hits)} of {BURST} canaries were not told of")
    if not alarms or late:
        faults.append("no alarm within 60 seconds")
    return judge(faults, f"{BURST} canaries were refused, each with an alarm within 60 seconds", **facts)


def _meet_canary(doors: Doors) -> str:
    """Lay one canary and open it as the drill's officer; return what came of it."""
    record, _ = keep_noise(doors, Kind.DOCUMENT, doors.record_class)
    doors.note_canary(record.header.object_id)
    opening = _opening(doors, doors.officer(), Purpose.RESTORE_DRILL)
    return _name_outcome(lambda: opening(record))
