"""Approvers at the console: signed in by their authenticator, apart from officers, and allowed to see exports only.

Owns their sessions, in memory. It gives no officer's right: an approver's session
opens no picture and no encounter.
"""

import base64
import hmac
import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
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
from wayseal.model.errors import Refused
from wayseal.model.ids import check_staff
from wayseal.station.exports import open_disclosure, open_partners
from wayseal.store.approvers import set_sign_count
from wayseal.store.engine import write

if TYPE_CHECKING:
    from wayseal.station.site import Site

STAY = timedelta(minutes=30)
SESSIONS = 8
"""Of one approver at once; the oldest ends for another."""
_ANSWER = timedelta(minutes=5)
_STAMP, _MAC = 8, 32
_NONCE = 32


class Errand(StrEnum):
    """For what a challenge was asked; it is worth nothing for the other."""

    ENROL = "enrol"
    SIGN_IN = "sign-in"


@dataclass(frozen=True, slots=True)
class _Open:
    """A session: whose, and until when."""

    approver: str
    ends: datetime


class ApproverSessions:
    """Who of the approvers is signed in. Threads may share it.

    A challenge is kept nowhere: its ticket carries it under this process's seal, so that whoever asks for many takes nobody's
    place. What is remembered (sessions, tickets that were used) is only of people who hold an enrolled credential.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._secret = secrets.token_bytes(32)
        self._open: dict[str, _Open] = {}
        self._used: dict[bytes, datetime] = {}

    def begin(self, approver: str) -> str:
        """Return a new session's token. The caller has seen that the approver holds their credential."""
        token, now = secrets.token_urlsafe(32), self._clock()
        with self._lock:
            self._open = {name: kept for name, kept in self._open.items() if kept.ends > now}
            mine = [name for name, kept in self._open.items() if kept.approver == approver]
            for name in mine[: -SESSIONS + 1]:
                del self._open[name]
            self._open[token] = _Open(approver, now + STAY)
        return token

    def find(self, token: str | None) -> str | None:
        """Return whose session it is, or None when there is none or it has ended."""
        with self._lock:
            found = self._open.get(token or "")
        return None if found is None or found.ends <= self._clock() else found.approver

    def end(self, token: str | None) -> None:
        """End a session."""
        with self._lock:
            self._open.pop(token or "", None)

    def challenge(self, approver: str, errand: Errand) -> tuple[str, bytes]:
        """Return the ticket of a fresh challenge, and the challenge. It is answered within five minutes, and once."""
        ends = int((self._clock() + _ANSWER).timestamp() * 1000).to_bytes(_STAMP, "big")
        made = secrets.token_bytes(_NONCE)
        sealed = ends + made + self._seal(approver, errand, ends + made)
        return base64.urlsafe_b64encode(sealed).decode(), made

    def read(self, ticket: str, approver: str, errand: Errand) -> bytes:
        """Return a ticket's challenge. Raises `Refused` when it is not this approver's and errand's, used or too old."""
        try:
            sealed = base64.urlsafe_b64decode(ticket)
        except ValueError:
            sealed = b""
        body, mac = sealed[:-_MAC], sealed[-_MAC:]
        good = hmac.compare_digest(mac, self._seal(approver, errand, body))
        late = int.from_bytes(body[:_STAMP], "big") <= self._clock().timestamp() * 1000
        with self._lock:
            used = body[_STAMP:] in self._used
        if not good or late or used:
            raise Refused("that took too long, or was answered already", hint="Begin again.")
        return body[_STAMP:]

    def use(self, challenge: bytes) -> None:
        """Use a challenge up whose answer holds. Raises `Refused` when another was quicker."""
        now = self._clock()
        with self._lock:
            self._used = {made: ends for made, ends in self._used.items() if ends > now}
            if challenge in self._used:
                raise Refused("that was answered already", hint="Begin again.")
            self._used[challenge] = now + _ANSWER

    def _seal(self, approver: str, errand: Errand, body: bytes) -> bytes:
        """Return the code by which this process knows a ticket of its own."""
        return hmac.digest(self._secret, f"{errand} {approver}\n".encode() + body, "sha256")


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
        ticket, challenge = self.sessions.challenge(check_staff(approver), Errand.ENROL)
        name = self.site.settings.site
        known = find_enrolled(self.site.store, approver)
        return {
            "ticket": ticket,
            "publicKey": ask_enrolment(self.desk.party, name, approver, challenge, known),
        }

    def enrol(self, approver: str, code: str, ticket: str, answer: dict[str, Any]) -> int:
        """Enrol a credential with the code that the privacy office gave; return the ledger index. Raises `Refused`."""
        challenge = self.sessions.read(ticket, approver, Errand.ENROL)
        partners = open_partners(self.site, approver, "export_approver")
        key = verify_enrolment(self.desk.party, approver, challenge, answer, partners.now)
        use_code(partners, approver, code)
        self.sessions.use(challenge)
        return enrol_key(partners, approver, key)

    def ask_sign_in(self, approver: str) -> dict[str, Any]:
        """Return the options for a sign-in, with the ticket to send back. Raises `Refused` for who has no authenticator."""
        known = self.list_authenticators(check_staff(approver))
        ticket, challenge = self.sessions.challenge(approver, Errand.SIGN_IN)
        return {"ticket": ticket, "publicKey": ask_assertion(self.desk.party, challenge, known)}

    def sign_in(self, approver: str, ticket: str, answer: dict[str, Any]) -> str:
        """Return a session's token for whoever holds an enrolled credential. Raises `Refused`."""
        challenge = self.sessions.read(ticket, approver, Errand.SIGN_IN)
        key, count = verify_sign_in(self.desk.party, challenge, answer, self.list_authenticators(approver))
        self.sessions.use(challenge)
        with write(self.site.store.engine) as connection:
            set_sign_count(connection, key.id, count)
        return self.sessions.begin(approver)

    def ask_approval(self, approver: str, export: str) -> dict[str, Any]:
        """Return the options whose challenge is SHA-256(manifest | checkpoint), and that checkpoint."""
        ballot: Ballot = show_ballot(self.desk, export, approver)
        options = ask_assertion(self.desk.party, ballot.digest, self.list_authenticators(approver))
        return {"checkpoint": ballot.checkpoint, "publicKey": options}

    def approve(self, approver: str, export: str, checkpoint: str, answer: dict[str, Any]) -> int:
        """Take an approver's assertion as their approval; return the ledger index. Raises as `give_approval`."""
        key = find_credential(answer, self.list_authenticators(approver))
        ballot = show_ballot(self.desk, export, approver)
        approval = Approval(
            export=ballot.export, approver=approver, manifest_sha256=digest_manifest(ballot.manifest), checkpoint=checkpoint,
            form=CredentialForm.WEBAUTHN, key=key.id, proof=read_proof(answer),
        )  # fmt: skip
        return give_approval(self.desk, encode_approval(approval)).ledger_index

    def list_authenticators(self, approver: str) -> list[ApproverKey]:
        """Return an approver's authenticators. Raises `Refused` when they have none."""
        known = [key for key in find_enrolled(self.site.store, approver) if key.credential]
        if not known:
            raise Refused(
                "no authenticator is enrolled for that staff id",
                hint="Enrol one with the code of the privacy office.",
            )
        return known
