"""Countersigning: a second person signs the very entry that they approve, with the credential that they sign exports with.

A matter is a release, a session grant, a hold or a petition, as the ledger has it. Owns what is put before somebody (the entry, byte for byte, under a
checkpoint) and the order: signature verified, rows, ledger, gate. The gate verifies it again, and by the officials' appointment;
nothing here decides what an approval is worth.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from wayseal.export.approval import (
    Approval,
    Subject,
    decline_paper,
    decode_approval,
    encode_approval,
    verify_approval,
)
from wayseal.flow.consent import Ballot, check_checkpoint, find_approver
from wayseal.flow.disclose import Disclosure
from wayseal.flow.grant import approval_entry, decline_entry, signature_entry
from wayseal.flow.papers import get_appointment
from wayseal.flow.petition import TYPES
from wayseal.flow.policy import Principal, describe_picture
from wayseal.ledger.checkpoint import read_checkpoint
from wayseal.model.clock import from_text
from wayseal.model.custody import Purpose, RecordStatus, Release, SealHeader
from wayseal.model.disclosure import ApproverKey
from wayseal.model.errors import Erased, NoIntent, Refused, Unavailable
from wayseal.model.ids import RecordId, check_name, check_ulid
from wayseal.store import approvers as rows
from wayseal.store.engine import read, write
from wayseal.store.records import get_record

_NONE = "0" * 64
PETITIONS = frozenset((Subject.REINSTATEMENT, Subject.LIFT))
_TYPES = {Subject.RELEASE: "open-intent", Subject.GRANT: "grant", Subject.HOLD: "hold"} | {
    about: TYPES[about.value] for about in PETITIONS
}
_SIGNERS = 2
"""People who sign a hold."""


@dataclass(frozen=True, slots=True)
class Matter:
    """A release, a session grant, a hold or a petition that somebody may sign: its id, and its entry with its place on the ledger."""

    about: Subject
    id: str
    index: int
    entry: Mapping[str, Any]

    @property
    def asker(self) -> str:
        """Who wants to open, or begins the shift."""
        return str(self.entry["actor"])

    @property
    def purpose(self) -> Purpose:
        """What for; a hold is for keeping."""
        return Purpose(self.entry.get("purpose", Purpose.RECLASSIFICATION))


def find_matter(desk: Disclosure, about: Subject, matter_id: str) -> Matter:
    """Return what it is about by its id. Raises `NoIntent` for one that the ledger does not have."""
    wanted = check_ulid(matter_id.upper())
    for index in desk.ledger.find(type=_TYPES[about], object=wanted):
        entry = desk.ledger.entry(index)
        if wanted == entry.get("release" if about is Subject.RELEASE else "object"):
            return Matter(about, wanted, index, entry)
    raise NoIntent(f"there is no {about} of that number on the ledger")


def show_matter(desk: Disclosure, matter: Matter) -> Ballot:
    """Return what somebody signs for a release or a grant, under a fresh checkpoint."""
    checkpoint = str(read_checkpoint(desk.ledger.sign_checkpoint(desk.log_signer)))
    return Ballot(matter.id, desk.ledger.raw(matter.index), checkpoint, matter.about)


def show_release(desk: Disclosure, release: Release) -> Ballot:
    """Return what a second person signs for a release, under a fresh checkpoint."""
    return show_matter(desk, find_matter(desk, Subject.RELEASE, release.id))


def countersign_release(desk: Disclosure, release: Release, raw: bytes) -> tuple[Principal, int]:
    """Take what a second person signed for a release; see `countersign`."""
    return countersign(desk, find_matter(desk, Subject.RELEASE, release.id), raw)


def countersign(desk: Disclosure, matter: Matter, raw: bytes) -> tuple[Principal, int]:
    """Take what somebody signed for a release or a grant; return them and the ledger index of their approval.

    Raises `Unapproved` for somebody whom the officials have not appointed, `Refused` for another matter or credential, whoever may
    not sign it (`check_signer`), one that was declined, or a checkpoint from before the request; `Integrity` for a signature that
    does not hold.
    """
    approval = decode_approval(raw, matter.about)
    if approval.export != matter.id:
        raise Refused(f"the approval is for another {matter.about}", **{matter.about.value: matter.id})
    now = desk.now()
    key, who = find_approver(desk, approval, now)
    get_appointment(desk.store, key.id, who.id)
    check_signer(desk, matter, who)
    proof = _keep_signature(
        desk, matter, approval, key, desk.ledger.raw(matter.index), hint="Show it again and sign it."
    )
    if matter.about is Subject.RELEASE:
        entry = approval_entry(who, matter.id, matter.index, now) | proof
    else:
        entry = signature_entry(who, matter.about.value, matter.id, matter.index, proof=proof, now=now)
    (index,) = desk.ledger.append([entry])
    _tell_gate(desk, witnessed=matter.about is not Subject.RELEASE)
    return who, index


def show_decline(desk: Disclosure, matter: Matter, reason: str) -> Ballot:
    """Return what somebody signs who declines a matter for that reason, a code, under a fresh checkpoint."""
    return decline_ballot(show_matter(desk, matter), reason)


def decline_ballot(shown: Ballot, reason: str) -> Ballot:
    """Return the ballot of a no, for whoever was shown a matter."""
    paper = decline_paper(shown.about, shown.manifest, check_name(reason, what="reason code"))
    return Ballot(shown.export, paper, shown.checkpoint, Subject.DECLINE)


def decline_signed(desk: Disclosure, matter: Matter, raw: bytes, *, reason: str) -> tuple[Principal, int]:
    """Take somebody's signed no, for good; return them and the ledger index. Raises as `countersign`, but needs no appointment.

    It counts from its entry on, whoever verifies the signature: hiding a no must not help.
    """
    approval = decode_approval(raw, Subject.DECLINE)
    if approval.export != matter.id:
        raise Refused(f"the no is for another {matter.about}", **{matter.about.value: matter.id})
    key, who = find_approver(desk, approval, desk.now())
    check_decliner(desk, matter, who)
    paper = decline_paper(matter.about, desk.ledger.raw(matter.index), check_name(reason, what="reason code"))
    proof = _keep_signature(desk, matter, approval, key, paper, hint="Show it again and decline it.")
    return who, _log_decline(desk, matter, who, reason, proof)


def decline(desk: Disclosure, matter: Matter, approver: str, *, reason: str) -> int:
    """Let somebody who might have signed refuse for good by their name, and return the ledger index. `reason` is a code for the ledger.

    What others signed for it counts no more. Raises as `countersign` for whoever may not sign it. The caller knows that names count here.
    """
    check_name(reason, what="reason code")
    with read(desk.store.engine) as connection:
        person = rows.get_approver(connection, approver)
    who = desk.principal(person.id, person.role, person.organisation)
    if person.revoked_at is not None or who.suspended or not who.training_valid:
        raise Refused("this approver's word counts no more", approver=who.id)
    check_decliner(desk, matter, who)
    return _log_decline(desk, matter, who, reason, {})


def check_decliner(desk: Disclosure, matter: Matter, who: Principal) -> None:
    """Raise as `check_signer`, and `Refused` for a hold that both have signed."""
    check_signer(desk, matter, who)
    if matter.about is Subject.HOLD and len(list_signers(desk, matter)) >= _SIGNERS:
        raise Refused("both have signed this hold", hint="Lift it: wayseal retention lift.", hold=matter.id)


def _log_decline(
    desk: Disclosure, matter: Matter, who: Principal, reason: str, proof: Mapping[str, Any]
) -> int:
    """Write that somebody declined, and let the gate know."""
    entry = decline_entry(who, matter.about.value, matter.id, matter.index, reason=reason, now=desk.now())
    (index,) = desk.ledger.append([entry | dict(proof)])
    with suppress(Unavailable):
        desk.opener.teach()
    return index


def _keep_signature(
    desk: Disclosure, matter: Matter, approval: Approval, key: ApproverKey, paper: bytes, *, hint: str
) -> dict[str, Any]:
    """Verify what somebody signed over `paper` after the matter was asked, keep it, and return the fields that tell of it in an entry.

    Raises as `check_checkpoint`, whose hint is given, and `verify_approval`.
    """
    facts = {matter.about.value: matter.id}
    size = check_checkpoint(desk, approval.checkpoint, after=matter.index, hint=hint, **facts)
    count = verify_approval(approval, paper, key, desk.party, count=key.sign_count)
    raw = encode_approval(approval)
    with write(desk.store.engine) as connection:
        rows.put_release_approval(connection, matter.id, approval.approver, key=key.id, approval=raw)
        rows.set_sign_count(connection, key.id, count)
    return {
        "approval_sha256": hashlib.sha256(raw).hexdigest(),
        "key_sha256": key.id,
        "checkpoint_size": size,
    }


def check_signer(desk: Disclosure, matter: Matter, who: Principal) -> None:
    """Raise `Refused` unless `who` may sign: a colleague whom the rules let approve, a grant's own officer, whom a hold or a petition names.

    Also for what was declined, or is over.
    """
    facts = {matter.about.value: matter.id}
    if desk.ledger.find(type=f"{matter.about}-decline", object=matter.id):
        raise Refused(f"the {matter.about} was declined", hint="Whoever needs it asks anew.", **facts)
    if matter.about is Subject.GRANT:
        _check_running(desk, matter)
        if (who.id, who.organisation) == (matter.asker, matter.entry.get("org")):
            return
    if matter.about is Subject.HOLD or matter.about in PETITIONS:
        _check_named(desk, matter, who)
    elif who.id == matter.asker:
        raise Refused(
            f"nobody approves a {matter.about} of their own", hint="Ask a colleague of another role.", **facts
        )
    if matter.about is Subject.REINSTATEMENT:
        return  # whom the petition names was checked against the register; the keyroom checks it again
    desk.policy.verify(who, "approve", _describe_record(desk, matter), matter.purpose, desk.now())


def _check_running(desk: Disclosure, matter: Matter) -> None:
    """Raise `Refused` for a grant whose time is over or whose officer has signed out."""
    if from_text(matter.entry["expires"]) <= desk.now() or desk.ledger.find(
        type="grant-end", object=matter.id
    ):
        raise Refused("the shift is over", hint="Its officer signs in anew.", grant=matter.id)


def _check_named(desk: Disclosure, matter: Matter, who: Principal) -> None:
    """Raise `Refused` for somebody whom a hold or a petition does not name, and for one that has ended, was lifted or was carried out."""
    facts = {matter.about.value: matter.id}
    if who.id not in matter.entry["approvers"]:
        raise Refused(f"the {matter.about} names two others", hint="They sign it.", **facts)
    ends = from_text(matter.entry["until" if matter.about is Subject.HOLD else "expires"])
    if matter.about is Subject.HOLD:
        over = bool(desk.ledger.find(type="lift", object=matter.id))
    else:
        over = find_settled(desk, matter) is not None
    if over or ends <= desk.now():
        raise Refused(f"the {matter.about} has ended", **facts)


def find_settled(desk: Disclosure, matter: Matter) -> int | None:
    """Return the index of the entry that carried a petition out, or None."""
    lifts = matter.about is Subject.LIFT
    kind, subject = ("lift", "hold") if lifts else ("org-status", "subject")
    found = desk.ledger.find(type=kind, object=matter.entry[subject])
    for index in found:
        entry = desk.ledger.entry(index)
        if entry.get("intent") == matter.index and "keyroom_seal" in entry:
            return index
    return None


def list_signers(desk: Disclosure, matter: Matter) -> set[str]:
    """Return whose signatures the ledger tells of."""
    found = desk.ledger.find(type=f"{matter.about}-approve", object=matter.id)
    return {desk.ledger.entry(index)["actor"] for index in found}


def _describe_record(desk: Disclosure, matter: Matter) -> SealHeader:
    """Return what the rules must know of a release's record, or a hold's first; else, of a face such as a grant's first lane will take."""
    if matter.about is Subject.GRANT or matter.about in PETITIONS:
        return describe_picture(matter.id, next(iter(matter.entry.get("lanes", ())), "none"), desk.now())
    with read(desk.store.engine) as connection:
        wanted = matter.entry["records"][0] if matter.about is Subject.HOLD else matter.entry["object"]
        row = get_record(connection, RecordId(wanted))
    if row.status is RecordStatus.ERASED:
        raise Erased("the record was erased", record=row.object_id)
    return SealHeader(
        row.object_id, row.lane, row.device, row.epoch, row.record_class, row.kind, row.padded_size, _NONE, row.sealed_at
    )  # fmt: skip


def _tell_gate(desk: Disclosure, *, witnessed: bool) -> None:
    """Let the gate know at once; `witnessed`: under the witnesses' word, where they answer. Else it counts when they have seen it."""
    if witnessed and desk.opener.publish is not None:
        with suppress(Refused, Unavailable):
            desk.opener.teach(witnessed=True)
            return
    desk.opener.teach()
