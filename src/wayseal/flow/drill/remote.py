"""p20: nobody gets in from outside without a live ticket, no ticket lives over four hours, and none was used beyond what it says.

Joins the open ports of the device with the tickets on the ledger. A ticket's verbs show no traveller: the list is closed.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from wayseal.assess.outside.inbound import look_inbound
from wayseal.assess.probe import Seen, encode_evidence, judge, probe
from wayseal.flow.drill.view import Doors, SiteView, no_doors
from wayseal.flow.ticket import LONGEST, SKEW, Verb
from wayseal.model.clock import from_text, to_text
from wayseal.model.oversight import Result

LOOK_BACK = timedelta(days=90)
_VERBS = frozenset(verb.value for verb in Verb)


@probe("p20", where="outside")
def drill_remote(view: SiteView) -> Seen:
    """Judge the device's open ports by the tickets that live now, and every ticket of the last 90 days by its own words."""
    doors = view.doors
    if doors is None:
        return no_doors()
    groups = _read_tickets(view, doors)
    live = [ticket for ticket in groups.values() if _is_live(view, ticket)]
    faults = [fault for ticket in groups.values() for fault in _judge_ticket(ticket)]
    ports = look_inbound(view, ticket_lives=bool(live))
    facts = {"tickets": len(groups), "live": len(live), "ports": json.loads(ports.evidence)}
    if ports.result is Result.FAIL:
        faults.append(ports.reason)
    if ports.result is Result.ERROR and not faults:
        return Seen(Result.ERROR, ports.reason, encode_evidence(facts))
    return judge(faults, "no way in without a live ticket, and no ticket used beyond its words", **facts)


def _read_tickets(view: SiteView, doors: Doors) -> dict[str, list[dict[str, Any]]]:
    """Return the entries of each ticket of this device's lane in the last 90 days, oldest first."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for index in doors.ledger.find(type="ticket", since=to_text(view.clock() - LOOK_BACK)):
        entry = doors.ledger.entry(index)
        if view.equipment.lane is None or entry.get("lane", view.equipment.lane) == view.equipment.lane:
            groups.setdefault(entry["object"], []).append(entry)
    return groups


def _is_live(view: SiteView, ticket: list[dict[str, Any]]) -> bool:
    """Say whether a ticket was issued, has not ended and was not revoked."""
    issued = [one for one in ticket if one["action"] == "issued"]
    ended = any(one["action"] == "revoked" for one in ticket)
    return bool(issued) and not ended and view.clock() < from_text(issued[0]["expires"])


def _judge_ticket(ticket: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what a ticket should not have been or done. Refused attempts are the rule at work."""
    name = ticket[0]["object"]
    issued = [one for one in ticket if one["action"] == "issued"]
    uses = [one for one in ticket if one["action"] == "used"]
    if not issued:
        if uses:
            yield f"ticket {name} was used and never issued"
        return
    start, end = from_text(issued[0]["time"]), from_text(issued[0]["expires"])
    if end - start > LONGEST + SKEW:
        yield f"ticket {name} lives {(end - start).total_seconds() / 3600:.1f} hours, over 4"
    verbs = set(issued[0].get("verbs", ()))
    if not verbs <= _VERBS:
        yield f"ticket {name} permits {', '.join(sorted(verbs - _VERBS))}"
    revoked = [from_text(one["time"]) for one in ticket if one["action"] == "revoked"]
    for use in uses:
        at = from_text(use["time"])
        if at > end or any(at > moment for moment in revoked):
            yield f"ticket {name} was used after its end"
        if use.get("verb") not in verbs:
            yield f"ticket {name} was used for what it does not permit"
