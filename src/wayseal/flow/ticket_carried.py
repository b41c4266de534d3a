"""Tickets where the camera is: a lane's computer judges a token by the site's public key, and its word is carried to the ledger.

Owns what a lane may permit while its centre does not answer, and how the centre takes the entries in: it judges each again by the
ledger and the register, since a lane knows of no revocation and no suspension. Nothing here holds the key that tickets are made with.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from biscuit_auth import Biscuit, PublicKey

from wayseal.flow.ticket import (
    SKEW,
    Ticket,
    authorise,
    explain_refusal,
    name_verb,
    parse_token,
    read_ticket,
    refuse_ticket,
    token_digest,
)
from wayseal.flow.ticket_office import TicketOffice
from wayseal.ledger.entry import check_entry
from wayseal.model.clock import Clock, from_text, to_text
from wayseal.model.errors import Refused
from wayseal.model.ids import check_staff, new_ulid

OVERRUN: Final = "ticket-not-permitted"
"""The alarm of a use that a lane permitted and that the centre would have refused."""
SET_BACK: Final = "clock-set-back"
"""The reason of a refusal at a lane whose clock is behind what it knows."""
_FIELDS: Final = frozenset(
    ("type", "object", "action", "actor", "time", "verb", "work_order", "org", "token_sha256", "reason")
)

Put = Callable[[Sequence[Mapping[str, Any]]], object]


@dataclass(frozen=True, slots=True)
class LaneTickets:
    """What a lane judges tickets with: the site's public key, its own name and clock. `put` keeps entries for the centre, durably.

    `latest` is a time that the lane knows to be over: with a clock that is behind it no ticket is judged, for it may have ended.
    """

    public: PublicKey
    lane: str
    clock: Clock
    put: Put
    latest: datetime | None = None

    def use(self, text: str, *, verb: str, technician: str) -> Ticket:
        """Return the ticket when its token permits `verb` here to `technician` now; its entry is kept before this returns.

        Checks signatures, lane, technician, verb and time, as narrowed by its holders. Whether it was revoked, and the
        technician's standing, only the centre knows. Raises `Refused` otherwise, the attempt kept as an entry too.
        """
        check_staff(technician)
        try:
            token = parse_token(self.public, text)
            ticket = read_ticket(token)
        except Refused as error:
            self._keep(
                "refused", new_ulid(self.clock()), technician, verb, {"reason": str(error.facts["reason"])}
            )
            raise
        digest = {"token_sha256": token_digest(token)}
        if (reason := self._find_reason(token, ticket, verb, technician)) is not None:
            self._keep("refused", ticket.id, technician, verb, {**digest, "reason": reason})
            raise refuse_ticket(reason)
        self._keep(
            "used", ticket.id, technician, verb, {**digest, "work_order": ticket.work_order, "org": ticket.organisation}
        )  # fmt: skip
        return ticket

    def _find_reason(self, token: Biscuit, ticket: Ticket, verb: str, technician: str) -> str | None:
        """Return why a token with good signatures does not permit this, or None."""
        now = self.clock()
        if self.latest is not None and now + SKEW < self.latest:
            return SET_BACK
        try:
            authorise(token, verb=verb, lane=self.lane, technician=technician, now=now)
        except Refused:
            return explain_refusal(ticket, verb=verb, lane=self.lane, technician=technician, now=now)
        return None

    def _keep(self, action: str, ticket: str, actor: str, verb: str, fields: Mapping[str, str]) -> None:
        """Keep one act for the centre's ledger."""
        head = {
            "type": "ticket",
            "object": ticket,
            "action": action,
            "actor": actor,
            "time": to_text(self.clock()),
        }
        self.put([{**head, **name_verb(verb), **fields}])


def take_carried(office: TicketOffice, lane: str, entries: Sequence[Mapping[str, Any]]) -> int:
    """Put what a lane's computer did under tickets on the ledger, at the centre; return how many entries were new.

    Each gets the centre's time and keeps the lane's own as `seen`. A use that the centre would have refused keeps the reason, and
    raises an alarm. Raises `Refused` or `Invalid` for anything else than a use or a refusal of a ticket; then nothing is taken.
    """
    now = office.clock()
    whole = [_date_entry(entry, lane, now) for entry in entries]
    taken = []
    for entry in whole:
        if _is_known(office, entry):
            continue
        reason = _judge_use(office, entry, now) if entry["action"] == "used" else None
        if reason is None:
            taken.append(entry)
            continue
        alarm = {
            "type": "alarm", "alarm": OVERRUN, "object": lane, "lane": lane, "severity": "high", "time": to_text(now)
        }  # fmt: skip
        taken += [{**entry, "reason": reason}, alarm]
    if taken:
        office.ledger.append(taken)
    return sum(entry["type"] == "ticket" for entry in taken)


def _date_entry(entry: Mapping[str, Any], lane: str, now: datetime) -> dict[str, Any]:
    """Return a lane's entry as the ledger takes it."""
    if (
        entry.get("type") != "ticket"
        or entry.get("action") not in ("used", "refused")
        or set(entry) - _FIELDS
    ):
        raise Refused("a lane may only tell of tickets that were used there", lane=lane)
    whole = {**entry, "lane": lane, "seen": entry.get("time"), "time": to_text(now)}
    if entry["action"] == "used" and ("reason" in entry or not {"verb", "token_sha256"} <= set(entry)):
        raise Refused("a use of a ticket without its verb and token", lane=lane)
    check_entry(whole)
    return whole


def _is_known(office: TicketOffice, entry: Mapping[str, Any]) -> bool:
    """Say whether the ledger has an entry already: a lane that got no answer tells it again."""
    same = ("action", "actor", "lane", "seen", "verb")
    known = (
        office.ledger.entry(index) for index in office.ledger.find(type="ticket", object=entry["object"])
    )
    return any(all(one.get(name) == entry.get(name) for name in same) for one in known)


def _judge_use(office: TicketOffice, entry: Mapping[str, Any], now: datetime) -> str | None:
    """Return why the centre would have refused a use, or None. A revocation counts from now on back; when the use was is the lane's word."""
    ticket, lane, technician = (str(entry[name]) for name in ("object", "lane", "actor"))
    issued = office.list_entries(ticket, "issued")
    if [one["token_sha256"] for one in issued] != [entry["token_sha256"]]:
        return "not-issued-here"
    (first,) = issued
    seen = min(from_text(entry["seen"]), now)
    reasons = (
        (bool(office.list_entries(ticket, "revoked")), "revoked"), (first["lane"] != lane, "other-lane"),
        (first["technician"] != technician, "other-technician"), (entry["verb"] not in first["verbs"], "verb-not-in-ticket"),
        (seen >= from_text(first["expires"]), "expired"), (seen + SKEW < from_text(first["time"]), "not-yet"),
    )  # fmt: skip
    found = next((code for holds, code in reasons if holds), None)
    return found or office.judge_standing(technician, str(first["org"]))
