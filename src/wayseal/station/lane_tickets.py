"""Tickets at a lane's own computer: asked at the centre while it answers, judged here by the site's public key while it does not.

Owns `HOME/tickets`: that public key, and what was done under tickets and is not on the ledger yet. Knows no key that makes tickets,
and no traveller.
"""

import shutil
from contextlib import suppress
from typing import Any, Final

from wayseal.flow.egress import EntryQueue
from wayseal.flow.ticket import Verb, load_public
from wayseal.flow.ticket_carried import LaneTickets
from wayseal.model.errors import Integrity, Invalid, Unavailable, WaysealError
from wayseal.seal.keys.durable import make_folder, write_file
from wayseal.station.carrier_link import CarrierLink
from wayseal.station.lane_home import LaneHome
from wayseal.station.ticket_camera import CAMERA_VERBS, Chart, measure_verb

FOLDER: Final = "tickets"
_QUEUE: Final = "queue.jsonl"
_ROOT: Final = "root.hex"
_MOST: Final = 200


def use_ticket(
    home: LaneHome, link: CarrierLink, token: str, *, verb: str, technician: str, source: str | None, chart: Chart
) -> dict[str, Any]:  # fmt: skip
    """Do one thing that a ticket permits at this lane, and return its numbers; the use is on the ledger first, or kept for it.

    `on_ledger` says which. Raises `Refused`, or `Unavailable` where the centre does not answer and this lane has never heard its key,
    or the numbers are the centre's.
    """
    try:
        ticket, figures = link.use_ticket(token, verb, technician)
        on_ledger = True
        with suppress(WaysealError):  # what waited from before, and the key for when the line is down
            carry_tickets(home, link)
    except Unavailable:
        ticket, figures, on_ledger = _use_alone(home, token, verb=verb, technician=technician), {}, False
    answer = {"ticket": ticket, "verb": verb, "lane": home.facts.lane, "on_ledger": on_ledger, **figures}
    if verb == Verb.HEALTH:
        return {**answer, **_read_health(home)}
    return {
        **answer,
        **(measure_verb(Verb(verb), source, chart, home.clock) if Verb(verb) in CAMERA_VERBS else {}),
    }


def _use_alone(home: LaneHome, token: str, *, verb: str, technician: str) -> str:
    """Return the id of a ticket that permits a verb, judged here; its entry waits for the centre."""
    if verb == Verb.METRICS:
        raise Unavailable(
            "the centre does not answer, and these counts are the centre's", hint="Try again when it does."
        )
    office = LaneTickets(
        load_public(_read_root(home)), home.facts.lane, home.clock, _queue(home).put, home.time.latest()
    )
    home.time.note()
    return office.use(token, verb=verb, technician=technician).id


def carry_tickets(home: LaneHome, link: CarrierLink) -> int:
    """Bring what was done here under tickets to the centre's ledger, learn its ticket key, and return how many entries went."""
    queue = _queue(home)
    waiting = queue.peek()[:_MOST]
    if not waiting and (home.home / FOLDER / _ROOT).exists():
        return 0
    root = link.report_tickets(waiting)
    load_public(root)
    if not (home.home / FOLDER / _ROOT).exists() or _read_root(home) != root:
        make_folder(home.home / FOLDER)
        write_file(home.home / FOLDER / _ROOT, root.hex().encode())
    if waiting:
        queue.drop(waiting)
    return len(waiting)


def _read_health(home: LaneHome) -> dict[str, Any]:
    """Return how this computer stands."""
    counts = home.host.outbox.counts()
    return {
        "outbox_waiting": counts["queued"] + counts["sent"],
        "lane_disk_free_bytes": shutil.disk_usage(home.home).free,
    }


def _queue(home: LaneHome) -> EntryQueue:
    return EntryQueue(home.home / FOLDER / _QUEUE)


def _read_root(home: LaneHome) -> bytes:
    """Return the public half of the site's ticket key. Raises `Unavailable` before the centre has told it."""
    try:
        return bytes.fromhex((home.home / FOLDER / _ROOT).read_text(encoding="ascii"))
    except FileNotFoundError:
        raise Unavailable(
            "the centre does not answer, and this lane has not heard its ticket key yet",
            hint="Let the lane reach its centre once: wayseal lane send.",
        ) from None
    except (ValueError, Invalid):
        raise Integrity("the site's ticket key in this home is damaged") from None
