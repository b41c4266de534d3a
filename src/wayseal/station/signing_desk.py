"""What the pages of second persons do: what waits for somebody, the ballot for their authenticator, their signature, their no.

Owns the way from an authenticator's answer to `flow.countersign`, which verifies it. The console signs for nobody, and what a
signature is worth the keyroom decides.
"""

from dataclasses import dataclass
from typing import Any

from wayseal.export.approval import Approval, Subject, decline_paper, encode_approval
from wayseal.export.credential import ask_assertion, find_credential, read_proof
from wayseal.flow.consent import Ballot
from wayseal.flow.countersign import (
    check_decliner,
    check_signer,
    countersign,
    decline_signed,
    find_matter,
    show_decline,
    show_matter,
)
from wayseal.flow.partners import find_enrolled
from wayseal.flow.policy import Principal, describe_picture
from wayseal.flow.waiting import Waiting
from wayseal.model.clock import to_text
from wayseal.model.custody import Purpose
from wayseal.model.disclosure import ApproverKey, CredentialForm
from wayseal.model.errors import NotFound, WaysealError
from wayseal.seal.suite import sha256
from wayseal.station.appointing import open_appointments
from wayseal.station.approver_desk import ApproverDesk
from wayseal.station.exports import list_described
from wayseal.station.petitions import settle_signed
from wayseal.station.signing import list_matters, look_at, name_signer, why_not


@dataclass(frozen=True, slots=True)
class Page:
    """One release or grant as its page shows it: where it stands, the very bytes, and what refuses this person's signature."""

    waiting: Waiting
    ballot: Ballot
    refusal: WaysealError | None

    @property
    def sha256(self) -> str:
        """Digest of the bytes, in hex."""
        return sha256(self.ballot.manifest).hex()


class SigningDesk:
    """Second persons at the console, signed in as the approvers of exports are."""

    def __init__(self, approvers: ApproverDesk) -> None:
        self.approvers = approvers
        self.site = approvers.site

    def list_waiting(self, approver: str, about: Subject) -> list[Waiting]:
        """Return the releases or grants that this person's signature could help, newest first."""
        desk = self.approvers.desk
        who = name_signer(desk, approver)
        found = list_matters(self.site, desk, about)
        return [one for one in found if why_not(desk, one.matter, who) is None]

    def list_exports(self, approver: str) -> list[dict[str, Any]]:
        """Return the exports that wait for an approval that this person could give."""
        desk = self.approvers.desk
        who = name_signer(desk, approver)
        if not self._may_approve_exports(who):
            return []
        return [
            row
            for row in list_described(desk)
            if row["state"] == "requested"
            and row["requester"] != who.id
            and who.organisation not in {one["organisation"] for one in row["approvals"]}
        ]

    def _may_approve_exports(self, who: Principal) -> bool:
        """Say whether the rules let somebody approve the export of a face."""
        desk = self.approvers.desk
        face = describe_picture("0" * 26, "none", desk.now())
        return desk.policy.ask(who, "approve_export", face, Purpose.EXPORT, desk.now()).allowed

    def look(self, approver: str, about: Subject, matter_id: str) -> Page:
        """Return what a page shows of a release or a grant. Raises `NoIntent` for one that there is not."""
        desk = self.approvers.desk
        waiting = look_at(self.site, desk, about, matter_id)
        refusal = why_not(desk, waiting.matter, name_signer(desk, approver))
        return Page(waiting, show_matter(desk, waiting.matter), refusal)

    def ask(self, approver: str, about: Subject, matter_id: str) -> dict[str, Any]:
        """Return the options whose challenge is SHA-256(entry | checkpoint), and that checkpoint. Raises what refuses the signature."""
        desk = self.approvers.desk
        matter = find_matter(desk, about, matter_id)
        check_signer(desk, matter, name_signer(desk, approver))
        ballot = show_matter(desk, matter)
        known = self.approvers.list_authenticators(approver)
        return {"checkpoint": ballot.checkpoint, "publicKey": ask_assertion(desk.party, ballot.digest, known)}

    def sign(
        self, approver: str, about: Subject, matter_id: str, checkpoint: str, answer: dict[str, Any]
    ) -> int:
        """Take an authenticator's assertion as this person's signature; return the ledger index. Raises as `countersign`."""
        desk = self.approvers.desk
        matter = find_matter(desk, about, matter_id)
        key = find_credential(answer, self.approvers.list_authenticators(approver))
        approval = Approval(
            export=matter.id, approver=approver, manifest_sha256=sha256(desk.ledger.raw(matter.index)).hex(),
            checkpoint=checkpoint, form=CredentialForm.WEBAUTHN, key=key.id, proof=read_proof(answer), about=about,
        )  # fmt: skip
        index = countersign(desk, matter, encode_approval(approval))[1]
        settle_signed(self.site, desk, matter)
        return index

    def ask_decline(self, approver: str, about: Subject, matter_id: str, *, reason: str) -> dict[str, Any]:
        """Return the options whose challenge is SHA-256(no | checkpoint), and that checkpoint. Raises what refuses this person's no."""
        desk = self.approvers.desk
        matter = find_matter(desk, about, matter_id)
        check_decliner(desk, matter, name_signer(desk, approver))
        ballot = show_decline(desk, matter, reason)
        known = self.approvers.list_authenticators(approver)
        return {"checkpoint": ballot.checkpoint, "publicKey": ask_assertion(desk.party, ballot.digest, known)}

    def decline(
        self, approver: str, about: Subject, matter_id: str, checkpoint: str, answer: dict[str, Any], *, reason: str
    ) -> int:  # fmt: skip
        """Take an authenticator's assertion as this person's no, for good; return the ledger index. Raises as `decline_signed`."""
        desk = self.approvers.desk
        matter = find_matter(desk, about, matter_id)
        key = find_credential(answer, self.approvers.list_authenticators(approver))
        paper = decline_paper(about, desk.ledger.raw(matter.index), reason)
        approval = Approval(
            export=matter.id, approver=approver, manifest_sha256=sha256(paper).hex(), checkpoint=checkpoint,
            form=CredentialForm.WEBAUTHN, key=key.id, proof=read_proof(answer), about=Subject.DECLINE,
        )  # fmt: skip
        return decline_signed(desk, matter, encode_approval(approval), reason=reason)[1]

    def list_credentials(self, approver: str) -> list[dict[str, Any]]:
        """Return somebody's credentials, oldest first, and whether today's officials have appointed each."""
        waiting = open_appointments(self.site).list_waiting(approver)
        return [
            {
                "key": key.id, "form": key.form.value, "enrolled_at": to_text(key.enrolled_at),
                "appointed": key.id not in waiting,
            }
            for key in self._keys(approver)
        ]  # fmt: skip

    def draft(self, approver: str, key_id: str) -> bytes:
        """Return the unsigned appointment of one of somebody's credentials, for the officials. Raises `NotFound`."""
        keys = [key.id for key in self._keys(approver)]
        if key_id not in keys:
            raise NotFound("you have no such credential", hint="Choose from the list.")
        return open_appointments(self.site).draft(approver)[keys.index(key_id)]

    def _keys(self, approver: str) -> list[ApproverKey]:
        """Return every credential of an approver, oldest first."""
        return find_enrolled(self.site.store, approver)
