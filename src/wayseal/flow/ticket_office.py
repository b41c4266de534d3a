"""Where tickets are issued, used and revoked: every act and every refusal is on the ledger before anything is done.

A token alone is never enough: its issue must be on the ledger, its revocation must not be, and the technician's standing is asked
for anew at each use. So a suspended organisation's tickets are dead at once, and a stolen root key makes none that works.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from biscuit_auth import Biscuit, KeyPair

from wayseal.flow.ticket import (
    LONGEST,
    Ticket,
    Verb,
    authorise,
    check_ticket,
    choose_verbs,
    explain_refusal,
    mint_token,
    name_verb,
    parse_token,
    read_ticket,
    refuse_ticket,
    token_digest,
)
from wayseal.ledger.log import Ledger
from wayseal.model.clock import Clock, from_text, to_text
from wayseal.model.errors import Invalid, NotFound, Refused
from wayseal.model.ids import check_name, check_staff, check_ulid, new_ulid


class TechnicianStanding(Protocol):
    """What the register says of somebody: `flow.oversee.standing.PersonStanding` is one."""

    @property
    def organisation(self) -> str:
        """Whose they are."""

    @property
    def suspended(self) -> bool:
        """Whether their access is closed."""

    @property
    def training_valid(self) -> bool:
        """Whether their training is in force."""


@dataclass(frozen=True, slots=True)
class TicketState:
    """A ticket as the ledger has it. `state` is live, expired or revoked."""

    id: str
    work_order: str
    lane: str
    technician: str
    organisation: str
    verbs: tuple[str, ...]
    issued_at: datetime
    expires_at: datetime
    state: str
    used: int
    refused: int


@dataclass(frozen=True, slots=True)
class TicketOffice:
    """The office of one site. `standing` asks the register about a technician; `check_issuer` refuses who may not issue or revoke."""

    ledger: Ledger
    root: KeyPair
    standing: Callable[[str], TechnicianStanding]
    clock: Clock
    check_issuer: Callable[[str], None]

    def issue(
        self,
        *,
        work_order: str,
        lane: str,
        technician: str,
        verbs: Sequence[str],
        life: timedelta = LONGEST,
        actor: str,
    ) -> tuple[Ticket, str]:
        """Issue a ticket and return it with its token, which is shown once and kept nowhere.

        Raises `Refused` for a technician without standing, for oneself, for somebody of a vendor who issues, or for verbs that
        would show travellers, `Invalid` for a life over 4 h.
        """
        self.check_issuer(actor)
        if actor == technician:
            raise Refused("nobody issues a ticket to themselves", hint="Ask a colleague.", actor=actor)
        check_staff(technician)
        now = from_text(to_text(self.clock())[:19] + "Z")  # tokens count whole seconds
        who = self.standing(technician)
        self._check_standing(who)
        ticket = check_ticket(
            Ticket(
                new_ulid(self.clock()), work_order, lane, technician, who.organisation, choose_verbs(verbs), now, now + life
            )
        )  # fmt: skip
        token = mint_token(self.root, ticket)
        self._log(
            ticket.id, "issued", actor, lane=lane, org=who.organisation, work_order=work_order,
            verbs=[verb.value for verb in ticket.verbs], expires=to_text(ticket.expires_at),
            token_sha256=token_digest(parse_token(self.root.public_key, token)), technician=technician,
        )  # fmt: skip
        return ticket, token

    def use(self, text: str, *, verb: str, lane: str, technician: str) -> Ticket:
        """Return the ticket when it permits `verb` at `lane` to `technician` now; the use is on the ledger then.

        Raises `Refused` otherwise, with the attempt and its reason on the ledger. The checks: (1) the token's signatures; (2) it
        was issued here, as the ledger says, and not revoked; (3) lane, technician, verb and time, as narrowed by its holders;
        (4) the technician's standing now.
        """
        try:
            token = parse_token(self.root.public_key, text)
            ticket = read_ticket(token)
        except Refused as error:
            code = str(error.facts.get("reason", "malformed"))
            self._log(
                new_ulid(self.clock()), "refused", technician, lane=lane, reason=code, **name_verb(verb)
            )
            raise
        reason = self._find_reason(token, ticket, verb, lane, technician)
        if reason is not None:
            self._log(ticket.id, "refused", technician, lane=lane, reason=reason, **name_verb(verb))
            raise refuse_ticket(reason)
        self._log(
            ticket.id, "used", technician, lane=lane, verb=verb, work_order=ticket.work_order, org=ticket.organisation
        )  # fmt: skip
        return ticket

    def _find_reason(
        self, token: Biscuit, ticket: Ticket, verb: str, lane: str, technician: str
    ) -> str | None:
        """Return why a token with good signatures is refused, or None."""
        issued = self.list_entries(ticket.id, "issued")
        if [one["token_sha256"] for one in issued] != [token_digest(token)]:
            return "not-issued-here"
        if self.list_entries(ticket.id, "revoked"):
            return "revoked"
        now = self.clock()
        try:
            authorise(token, verb=verb, lane=lane, technician=technician, now=now)
        except Refused:
            return explain_refusal(ticket, verb=verb, lane=lane, technician=technician, now=now)
        if verb not in set(Verb):
            return "unknown-verb"
        return self.judge_standing(technician, ticket.organisation)

    def judge_standing(self, technician: str, organisation: str) -> str | None:
        """Return why a technician of an organisation may not work now, or None."""
        try:
            who = self.standing(technician)
            self._check_standing(who)
        except Refused as error:
            return str(error.facts["reason"])
        return None if who.organisation == organisation else "other-organisation"

    def _check_standing(self, who: TechnicianStanding) -> None:
        """Raise `Refused` for somebody whose access is closed."""
        if who.suspended:
            raise Refused("the technician's access is closed", reason="suspended")
        if not who.training_valid:
            raise Refused("the technician's training has run out", reason="training-expired")

    def revoke(self, ticket: str, *, reason: str, actor: str) -> None:
        """End a ticket and everything derived from it, at once. Raises `NotFound`, or `Invalid` when it has ended already."""
        self.check_issuer(actor)
        if not self.list_entries(check_ulid(ticket), "issued"):
            raise NotFound("no such ticket", hint="wayseal ticket list", ticket=ticket)
        if self.list_entries(ticket, "revoked"):
            raise Invalid("the ticket is revoked already", ticket=ticket)
        self._log(ticket, "revoked", actor, reason=check_name(reason, what="reason code"))

    def list_tickets(self) -> list[TicketState]:
        """Return every ticket, newest first, from the ledger alone."""
        groups: dict[str, list[dict[str, Any]]] = {}
        for index in self.ledger.find(type="ticket"):
            entry = self.ledger.entry(index)
            groups.setdefault(entry["object"], []).append(entry)
        issued = [found for found in groups.values() if found[0]["action"] == "issued"]
        return [self._describe(found) for found in reversed(issued)]

    def _describe(self, entries: list[dict[str, Any]]) -> TicketState:
        """Return one ticket's state from its entries, of which the first is its issue."""
        first, actions = entries[0], [entry["action"] for entry in entries]
        expires = from_text(first["expires"])
        state = "revoked" if "revoked" in actions else "expired" if self.clock() >= expires else "live"
        return TicketState(
            first["object"], first["work_order"], first["lane"], first["technician"], first["org"], tuple(first["verbs"]),
            from_text(first["time"]), expires, state, actions.count("used"), actions.count("refused"),
        )  # fmt: skip

    def list_entries(self, ticket: str, action: str) -> list[dict[str, Any]]:
        """Return a ticket's entries of one action."""
        found = [self.ledger.entry(index) for index in self.ledger.find(type="ticket", object=ticket)]
        return [entry for entry in found if entry["action"] == action]

    def _log(self, ticket: str, action: str, actor: str, **fields: object) -> None:
        """Put one act on the ledger."""
        self.ledger.append([
            {"type": "ticket", "object": ticket, "action": action, "actor": actor, "time": to_text(self.clock()), **fields}
        ])  # fmt: skip
