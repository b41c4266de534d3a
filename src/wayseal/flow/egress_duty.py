"""What a silence of a port watch leads to: a finding with an owner and a date, closed when the watch has kept its pace again."""

from datetime import timedelta
from typing import Final

from wayseal.flow.egress import list_silences
from wayseal.flow.oversee.assessments import finding_entry
from wayseal.flow.oversee.desk import Desk, act, view
from wayseal.model.clock import to_text
from wayseal.store.oversight import assessments as assessment_rows
from wayseal.store.oversight.equipment import list_equipment

WATCH_GAP: Final = "egress-watch-gap"
LOOK_BACK: Final = timedelta(hours=24)
LOOKED_AT: Final = 1000
"""Entries of one watch that are looked at: at the usual pace three days."""
MEND_WITHIN: Final = timedelta(days=7)


def settle_ports(desk: Desk) -> None:
    """Settle the silences of every device in use that was ever watched."""
    with view(desk) as rows:
        devices = [one.id for one in list_equipment(rows)]
    for device in devices:
        if desk.ledger.find(type="egress-watch", object=device):
            settle_silences(desk, device)


def settle_silences(desk: Desk, device: str) -> tuple[str, ...]:
    """Open a finding for a host whose watch was silent in the last 24 hours, or close it when it was not.

    Returns the ids of what was opened or closed. A host that never had a watch has no silence: probe 4 is about that.
    """
    with act(desk) as doing:
        recent = [
            one
            for one in list_silences(desk.ledger, device, doing.now, newest=LOOKED_AT)
            if one.until is None or one.until > doing.now - LOOK_BACK
        ]
        found = assessment_rows.list_findings(doing.rows, subject=device, open_only=True)
        waiting = [one for one in found if one.probe == WATCH_GAP]
        if recent and not waiting:
            entry = finding_entry(doing, device, WATCH_GAP, owner=desk.agency, due=doing.now + MEND_WITHIN)
            doing.log([{**entry, "time": to_text(doing.now)}])
            return (str(entry["object"]),)
        if waiting and not recent:
            doing.log([
                {
                    "type": "finding", "object": one.id, "action": "closed", "subject": device, "probe": WATCH_GAP,
                    "time": to_text(doing.now),
                }
                for one in waiting
            ])  # fmt: skip
            return tuple(one.id for one in waiting)
    return ()
