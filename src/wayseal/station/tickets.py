"""Tickets at one site: the office with its key and the register, and the numbers that each verb answers with.

Owns which numbers a verb gives. None of them is about a person: they are counts, times and measures of whole pictures.
"""

import shutil
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from wayseal.assess.egress_policy import allow_line
from wayseal.flow.oversee.desk import act, view
from wayseal.flow.oversee.register import add_medium
from wayseal.flow.oversee.standing import PersonStanding, standing_of
from wayseal.flow.ticket import Verb, load_root
from wayseal.flow.ticket_office import TicketOffice
from wayseal.model.clock import to_text
from wayseal.model.errors import Refused
from wayseal.model.oversight import Medium
from wayseal.seal.keys.secret import load_secret
from wayseal.station.site import Site
from wayseal.station.ticket_camera import Chart, measure_verb
from wayseal.store.oversight.equipment import list_media

LOOK_BACK: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class UsbIdentity:
    """What a USB device says of itself, and the port it may be in."""

    serial: str
    vendor_id: str
    product_id: str
    port: str
    descriptors_sha256: str
    """USBGuard's hash of the device, in hex."""


_COUNTED: Final = ("occupants_seen", "captured", "matched")


def open_office(site: Site) -> TicketOffice:
    """Return the site's ticket office; its key lies under the centre's keeper and is made when it is first needed."""
    keys = site.keys
    secret = load_secret(
        keys.keeper, site.home / "centre" / "identities", purpose="ticket", name="root", size=32
    )
    try:
        root = load_root(secret)
    finally:
        secret[:] = bytes(len(secret))

    def ask(person: str) -> PersonStanding:
        return standing_of(site.oversight, person, "vendor", site.clock())

    def check(actor: str) -> None:
        with act(site.oversight, actor=actor):
            return

    return TicketOffice(site.ledger, root, ask, site.clock, check)


def answer_verb(site: Site, verb: Verb, lane: str, *, source: str | None, chart: Chart) -> dict[str, Any]:
    """Return what a verb that was permitted answers. The caller has had the use put on the ledger first.

    `source` is the camera that focus and exposure look at; `chart` gives brightness planes of a rendered scene of nobody.
    """
    if verb is Verb.HEALTH:
        return read_health(site, lane)
    if verb is Verb.METRICS:
        return read_metrics(site, lane)
    return measure_verb(verb, source, chart, site.clock)


def read_health(site: Site, lane: str) -> dict[str, Any]:
    """Return whether a lane works: when it last delivered, what it delivered in 24 hours, alarms about it, free disk."""
    since = to_text(site.clock() - LOOK_BACK)
    captures = site.ledger.find(type="capture", lane=lane, since=since)
    alarms = site.ledger.find(type="alarm", lane=lane, since=since)
    return {
        "last_capture": site.ledger.entry(captures[-1])["time"] if captures else None,
        "records_24h": len(captures),
        "alarms_24h": len(alarms),
        "disk_free_bytes": shutil.disk_usage(site.home).free,
    }


def read_metrics(site: Site, lane: str) -> dict[str, Any]:
    """Return a lane's counts of the last 24 hours."""
    found = [
        site.ledger.entry(index)
        for index in site.ledger.find(type="match", lane=lane, since=to_text(site.clock() - LOOK_BACK))
    ]
    return {"vehicles": len(found), **{name: sum(entry.get(name, 0) for entry in found) for name in _COUNTED}}


def admit_medium(site: Site, ticket: str, medium: str, usb: UsbIdentity, *, actor: str) -> Medium:
    """Register a removable medium of the agency's for a live ticket's work order, until the ticket ends.

    Raises `Refused` without a live ticket, `Invalid` for a serial, id or port that no USB device has.
    """
    known = {one.id: one for one in open_office(site).list_tickets()}.get(ticket)
    if known is None or known.state != "live":
        raise Refused(
            "a medium is let in for a live ticket only", hint="wayseal ticket issue, then name the ticket."
        )
    wanted = Medium(
        medium, usb.serial, usb.vendor_id, usb.product_id, usb.port, known.work_order, site.clock(), known.expires_at,
        descriptors_sha256=usb.descriptors_sha256,
    )  # fmt: skip
    allow_line(wanted)
    return add_medium(site.oversight, wanted, actor=actor)


def list_admitted(site: Site) -> list[Medium]:
    """Return the media that may be let in now: registered, not ended, and their work order has a live ticket."""
    orders = {one.work_order for one in open_office(site).list_tickets() if one.state == "live"}
    with view(site.oversight) as rows:
        return [one for one in list_media(rows, active_at=site.clock()) if one.work_order in orders]
