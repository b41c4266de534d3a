"""Approvers at the console: signed in by their authenticator, apart from officers, and allowed to see exports only.

Owns their sessions and the challenges that wait for an answer, in memory. It gives no officer's right: an approver's session
opens no picture and no encounter.
"""

import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from wayseal.export.approval import Approval, encode_approval
from wayseal.export.credential import (
    ask_assertion,
    ask_enrolment,
    find_credential,
    read_proof,
    verify_enrolment,
    verify_sign_in,
)
from wayseal.export.manifest import digest_manifest
from wayseal.flow.consent import Ballot, give_approval, show_ballot
from wayseal.flow.disclose import Disclosure
from wayseal.flow.partners import enrol_key, find_enrolled, use_code
from wayseal.model.clock import Clock
from wayseal.model.disclosure import ApproverKey, CredentialForm
from wayseal.model.errors import QuotaExceeded, Refused
from wayseal.model.ids import check_name
from wayseal.station.exports import open_disclosure, open_partners
from wayseal.store.approvers import set_sign_count
from wayseal.store.engine import write

if TYPE_CHECKING:
    from wayseal.station.site import Site

STAY = timedelta(minutes=30)
_ANSWER = timedelta(minutes=5)
_MOST = 500


@dataclass(frozen=True, slots=True)
class _Open:
    """Something that ends: a session (whose), or a challenge (for whom)."""

    approver: str
    ends: datetime
    challenge: bytes = b""


class ApproverSessions:
    """Who of the approvers is signed in, and which challenges wait. Threads may share it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[str, _Open] = {}

    def begin(self, approver: str) -> str:
        """Return a new session's token."""
        return self._keep(_Open(approver, self._clock() + STAY))

    def find(self, token: str | None) -> str | None:
        """Return whose session it is, or None when there is none or it has ended."""
        with self._lock:
            found = self._open.get(token or "")
        if found is None or found.challenge or found.ends <= self._clock():
            return None
        return found.approver

    def end(self, token: str | None) -> None:
        """End a session."""
        with self._lock:
            self._open.pop(token or "", None)

    def challenge(self, approver: str) -> tuple[str, bytes]:
        """Return a fresh challenge and the ticket with which it is answered, once and within five minutes."""
        made = secrets.token_bytes(32)
        return self._keep(_Open(approver, self._clock() + _ANSWER, made)), made

    def answer(self, ticket: str, approver: str) -> bytes:
        """Use a challenge up and return it. Raises `Refused` when it is not this approver's, used or too old."""
        with self._lock:
            found = self._open.pop(ticket, None)
        if found is None or not found.challenge or found.approver != approver or found.ends <= self._clock():
            raise Refused("that took too long, or was answered already", hint="Begin again.")
        return found.challenge

    def _keep(self, one: _Open) -> str:
        token, now = secrets.token_urlsafe(32), self._clock()
        with self._lock:
            self._open = {name: kept for name, kept in self._open.items() if kept.ends > now}
            if len(self._open) >= _MOST:
                raise QuotaExceeded("too many people are at this door", hint="Wait five minutes.")
            self._open[token] = one
        return token


class ApproverDesk:
    """What the approvers' pages do: enrol, sign in, approve. Each answer of an authenticator is verified here or below."""

    def __init__(self, site: "Site") -> None:
        self.site = site
        self.sessions = ApproverSessions(site.clock)

    @cached_property
    def desk(self) -> Disclosure:
        """The site's exports; opened when the first approver comes."""
        return open_disclosure(self.site)

    def ask_enrolment(self, approver: str) -> dict[str, Any]:
        """Return the options for a new credential, with the ticket to send back."""
        ticket, challenge = self.sessions.challenge(check_name(approver, what="staff id"))
        name = self.site.settings.site
        known = find_enrolled(self.site.store, approver)
        return {
            "ticket": ticket,
            "publicKey": ask_enrolment(self.desk.party, name, approver, challenge, known),
        }

    def enrol(self, approver: str, code: str, ticket: str, answer: dict[str, Any]) -> int:
        """Enrol a credential with the code that the privacy office gave; return the ledger index. Raises `Refused`."""
        challenge = self.sessions.answer(ticket, approver)
        partners = open_partners(self.site, approver, "export_approver")
        key = verify_enrolment(self.desk.party, approver, challenge, answer, partners.now)
        use_code(partners, approver, code)
        return enrol_key(partners, approver, key)

    def ask_sign_in(self, approver: str) -> dict[str, Any]:
        """Return the options for a sign-in, with the ticket to send back. Raises `Refused` for who has no authenticator."""
        known = self._keys(check_name(approver, what="staff id"))
        ticket, challenge = self.sessions.challenge(approver)
        return {"ticket": ticket, "publicKey": ask_assertion(self.desk.party, challenge, known)}

    def sign_in(self, approver: str, ticket: str, answer: dict[str, Any]) -> str:
        """Return a session's token for whoever holds an enrolled credential. Raises `Refused`."""
        challenge = self.sessions.answer(ticket, approver)
        key, count = verify_sign_in(self.desk.party, challenge, answer, self._keys(approver))
        with write(self.site.store.engine) as connection:
            set_sign_count(connection, key.id, count)
        return self.sessions.begin(approver)

    def ask_approval(self, approver: str, export: str) -> dict[str, Any]:
        """Return the options whose challenge is SHA-256(manifest | checkpoint), and that checkpoint."""
        ballot: Ballot = show_ballot(self.desk, export, approver)
        options = ask_assertion(self.desk.party, ballot.digest, self._keys(approver))
        return {"checkpoint": ballot.checkpoint, "publicKey": options}

    def approve(self, approver: str, export: str, checkpoint: str, answer: dict[str, Any]) -> int:
        """Take an approver's assertion as their approval; return the ledger index. Raises as `give_approval`."""
        key = find_credential(answer, self._keys(approver))
        ballot = show_ballot(self.desk, export, approver)
        approval = Approval(
            export=ballot.export, approver=approver, manifest_sha256=digest_manifest(ballot.manifest), checkpoint=checkpoint,
            form=CredentialForm.WEBAUTHN, key=key.id, proof=read_proof(answer),
        )  # fmt: skip
        return give_approval(self.desk, encode_approval(approval)).ledger_index

    def _keys(self, approver: str) -> list[ApproverKey]:
        """Return an approver's authenticators. Raises `Refused` when they have none."""
        known = [key for key in find_enrolled(self.site.store, approver) if key.credential]
        if not known:
            raise Refused(
                "no authenticator is enrolled for that staff id",
                hint="Enrol one with the code of the privacy office.",
            )
        return known
