"""p01 and p04, from outside: what is plugged in is refused and on the ledger within a second, and the watch of the ports is alive.

Reads the ledger only. Somebody (or the kernel, told to say so) plugged a device in at a known moment.
"""

from datetime import datetime, timedelta
from typing import Any

from wayseal.assess.probe import Seen, broken, judge, probe
from wayseal.flow.drill.view import Doors, SiteView, no_doors
from wayseal.flow.egress import Silence, list_silences
from wayseal.model.clock import from_text, to_text

WITHIN = timedelta(seconds=1)
DRILL_AGE = timedelta(days=90)
LOOK_BACK = timedelta(hours=24)
SKEW = timedelta(seconds=1)


@probe("p01", where="outside")
def drill_insertion(view: SiteView) -> Seen:
    """Find the insertion drill on the ledger: within a second, refused, and nothing allowed meanwhile."""
    doors = view.doors
    if doors is None:
        return no_doors()
    if view.inserted_at is None:
        return broken("there was no insertion drill: plug a test device in and note the time")
    age = view.clock() - view.inserted_at
    if age > DRILL_AGE or age < -SKEW:
        return broken(f"the last insertion drill is {age.days} days old, over {DRILL_AGE.days}")
    found = _list_events(doors, view.equipment.id, view.inserted_at - SKEW, view.inserted_at + 10 * WITHIN)
    waits = [from_text(one["time"]) - view.inserted_at for one in found if one["action"] != "remove"]
    facts = {
        "inserted_at": to_text(view.inserted_at),
        "events": [_show(one) for one in found],
        "wait_ms": None if not waits else round(min(waits) / timedelta(milliseconds=1)),
    }
    faults = []
    if not waits:
        faults.append("the insertion is not on the ledger")
    elif min(waits) > WITHIN:
        faults.append(f"the insertion came on the ledger after {min(waits).total_seconds():.1f} s")
    if any(one["action"] == "allowed" for one in found):
        faults.append("the device was let in")
    elif waits and not any(one["action"] == "refused" for one in found):
        faults.append("the device came, and nothing says that it was refused")
    return judge(faults, "the insertion was refused and on the ledger within a second", **facts)


def _list_events(doors: Doors, device: str, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """Return a host's device events between two moments, oldest first."""
    span = {"since": to_text(since), "until": to_text(until)}
    found = doors.ledger.find(type="usb-event", **span)
    entries = [doors.ledger.entry(index) for index in found]
    return [one for one in entries if one["object"] == device]


def _show(entry: dict[str, Any]) -> dict[str, Any]:
    """Return an event as evidence."""
    names = ("time", "action", "vendor_id", "product_id", "interface", "port")
    return {name: entry[name] for name in names if name in entry}


@probe("p04", where="outside")
def drill_watch(view: SiteView) -> Seen:
    """Judge whether the host's port watch spoke to the ledger just now, and was never silent in the last 24 hours."""
    doors = view.doors
    if doors is None:
        return no_doors()
    now, device = view.clock(), view.equipment.id
    beats = [
        entry
        for index in doors.ledger.find(type="egress-watch", since=to_text(now - LOOK_BACK))
        if (entry := doors.ledger.entry(index))["object"] == device
    ]
    silences = [one for one in list_silences(doors.ledger, device, now) if _is_recent(one, now)]
    facts = {
        "beats": len(beats),
        "newest": beats[-1]["time"] if beats else None,
        "silences": [{"since": to_text(one.since), "reason": one.reason} for one in silences],
    }
    faults = [] if beats else ["no sign of this host's port watch reached the ledger in 24 hours"]
    faults += [f"the watch was silent from {to_text(one.since)} ({one.reason})" for one in silences[:3]]
    return judge(faults, f"{len(beats)} signs of the port watch in 24 hours, without a silence", **facts)


def _is_recent(silence: Silence, now: datetime) -> bool:
    """Say whether a silence reaches into the last 24 hours."""
    return silence.until is None or silence.until > now - LOOK_BACK
