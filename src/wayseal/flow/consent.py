"""Consent: put an export before approvers, and take what they signed. Nothing is opened here.

Owns whose signature counts: two people of different organisations, neither the requester, each in good standing, with a
credential that the ledger has known for long enough, over this very manifest and a state of this very ledger.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wayseal.export.approval import (
    Approval,
    Subject,
    decode_approval,
    digest_ballot,
    list_problems,
    verify_approval,
)
from wayseal.export.manifest import decode_manifest
from wayseal.flow.disclose import Disclosure, check_living, find_export, verify_policy
from wayseal.flow.habits import DAY
from wayseal.flow.partners import check_approver
from wayseal.flow.policy import Principal
from wayseal.ledger.checkpoint import parse_checkpoint, read_checkpoint
from wayseal.ledger.entry import decode_entry
from wayseal.model.clock import from_text, to_text
from wayseal.model.custody import SealHeader
from wayseal.model.disclosure import ApproverKey, Export, ExportState, GivenApproval, Manifest
from wayseal.model.errors import Integrity, Invalid, LedgerBroken, NotFound, Refused
from wayseal.model.ids import check_name
from wayseal.store import approvers as people
from wayseal.store import exports as rows
from wayseal.store.engine import read, write
from wayseal.store.locks import own_lock

_BALLOT = "wayseal-{}-ballot/v1"
_PAPERS = {
    Subject.EXPORT: "manifest",
    Subject.RELEASE: "intent",
    Subject.GRANT: "grant",
    Subject.HOLD: "hold",
    Subject.REINSTATEMENT: "reinstatement",
    Subject.LIFT: "lift",
}
"""By which name a ballot's file holds what is signed."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """What is put before an approver: the manifest's bytes, the checkpoint's three lines, and the digest they sign.

    About anything else, `export` is its id and `manifest` its entry as the ledger has it.
    """

    export: str
    manifest: bytes
    checkpoint: str
    about: Subject = Subject.EXPORT

    @property
    def digest(self) -> bytes:
        """SHA-256(manifest | checkpoint), 32 bytes."""
        return digest_ballot(self.manifest, self.checkpoint)


def show_ballot(desk: Disclosure, export_id: str, approver: str | None = None) -> Ballot:
    """Return what an approver signs, under a fresh checkpoint; for a known approver note that they were shown it."""
    export, _ = find_export(desk, export_id)
    checkpoint = str(read_checkpoint(desk.ledger.sign_checkpoint(desk.log_signer)))
    ballot = Ballot(export.id, export.manifest, checkpoint)
    if approver is not None and export.state is ExportState.REQUESTED:
        with write(desk.store.engine) as connection:
            people.get_approver(connection, approver)
            rows.show_ballot(
                connection, ballot.digest.hex(), approver, export=export.id, checkpoint=checkpoint, now=desk.now()
            )  # fmt: skip
    return ballot


def give_approval(desk: Disclosure, raw: bytes) -> GivenApproval:
    """Take an approver's signature, put it on the ledger, and return it.

    Raises `Refused` for another manifest or credential, the requester, somebody or an organisation that has approved
    already, an approver whose standing, training or waiting time does not allow it, and a checkpoint from before the
    request; `Integrity` for a signature that does not hold.
    """
    approval = decode_approval(raw)
    find_export(desk, approval.export)
    with own_lock(desk.lock(approval.export), wait=True):
        export, manifest = find_export(desk, approval.export)
        now = desk.now()
        check_open(desk, export, now)
        key, who = find_approver(desk, approval, now)
        _check_first(desk, export, manifest, who)
        check_checkpoint(desk, approval.checkpoint, after=export.request_index, export=export.id)
        count = verify_approval(approval, export.manifest, key, desk.party, count=key.sign_count)
        headers = check_living(desk, manifest.records, hold=manifest.hold)
        verify_policy(desk, who, "approve_export", headers, now)
        return _log_approval(desk, export, (approval, raw), (who, count), now)


def check_open(desk: Disclosure, export: Export, now: datetime) -> None:
    """Raise `Refused` unless an export still waits for approvals."""
    if export.state is not ExportState.REQUESTED:
        raise Refused(f"the export is {export.state.value} already", export=export.id)
    if now >= min(export.expires_at, export.requested_at + desk.rules.caps.life):
        raise Refused("the request is too old", hint="Ask again: wayseal export create.", export=export.id)


def find_approver(desk: Disclosure, approval: Approval, now: datetime) -> tuple[ApproverKey, Principal]:
    """Return the credential and the person that an approval names, as they stand now.

    Raises `Refused` for somebody unknown or revoked, a credential that is not theirs or too new, a suspended organisation or
    training that has run out.
    """
    with read(desk.store.engine) as connection:
        approver = people.get_approver(connection, approval.approver)
        key = people.find_keys(connection, [approval.key]).get(approval.key)
    if key is None or key.approver != approver.id:
        raise Refused("the approval was given with a credential that is not the approver's")
    check_approver(desk.ledger, approver, key, ready_at=now - desk.rules.approver_wait)
    who = desk.principal(approver.id, approver.role, approver.organisation)
    if who.suspended or not who.training_valid:
        raise Refused(
            "the approver's organisation is suspended or their training has run out",
            hint="Somebody in good standing has to approve.",
            approver=who.id,
        )
    return key, who


def _check_first(desk: Disclosure, export: Export, manifest: Manifest, who: Principal) -> None:
    """Raise `Refused` for the requester, and for a second word of a person or an organisation."""
    with read(desk.store.engine) as connection:
        given = rows.list_approvals(connection, export.id)
    pairs = [(one.approver, one.organisation) for one in given] + [(who.id, who.organisation)]
    problems = list_problems(pairs, requester=manifest.requester, needed=0)
    if problems:
        raise Refused(
            f"this approval does not count: {problems[0]}",
            hint="Approvals come from different organisations, and never from the requester.",
            export=export.id,
        )


def check_checkpoint(
    desk: Disclosure,
    text: str,
    *,
    after: int,
    hint: str = "Open the export again and approve it.",
    **about: str,
) -> int:
    """Return the size of the checkpoint that was signed with what was asked for by entry `after`.

    Raises `Refused` for one from before the request or of another ledger, `LedgerBroken` for one that never was this
    ledger's state; `about` are the errors' facts.
    """
    try:
        checkpoint = parse_checkpoint(text)
    except Invalid:
        raise Refused("the approval was given under no checkpoint") from None
    if checkpoint.origin != desk.ledger.origin or checkpoint.size <= after:
        raise Refused(
            "the approval was given under a checkpoint from before the request, or of another ledger",
            hint=hint,
            **about,
        )
    if checkpoint.size > desk.ledger.size or desk.ledger.root(checkpoint.size) != checkpoint.root:
        raise LedgerBroken("an approval was given under a state that this ledger never had", **about)
    return checkpoint.size


def _log_approval(
    desk: Disclosure, export: Export, given: tuple[Approval, bytes], who: tuple[Principal, int], now: datetime
) -> GivenApproval:
    """Write the `export-approve` entry, then the rows."""
    approval, raw = given
    person, count = who
    entry = {
        "type": "export-approve", "time": to_text(now), "object": export.id, "actor": person.id,
        "org": person.organisation, "manifest_sha256": export.manifest_sha256, "key_sha256": approval.key,
        "approval_sha256": hashlib.sha256(raw).hexdigest(),
        "checkpoint_size": parse_checkpoint(approval.checkpoint).size,
    }  # fmt: skip
    (index,) = desk.ledger.append([entry])
    with write(desk.store.engine) as connection:
        accepted = GivenApproval(
            export=export.id, approver=person.id, organisation=person.organisation, key=approval.key, approval=raw,
            approved_at=now, ledger_index=index, shown_at=rows.find_ballot(connection, export.id, person.id),
        )  # fmt: skip
        rows.add_approval(connection, accepted)
        people.set_sign_count(connection, approval.key, count)
        rows.answer_ballots(connection, export.id, person.id, "approved", now=now)
    return accepted


def decline_export(desk: Disclosure, approver: str, export_id: str, *, reason: str) -> int:
    """Let an approver refuse an export for good, and return the ledger index. `reason` is a code for the ledger.

    Raises `Refused` for one who was revoked or whose organisation is suspended: a no ends an export as surely as two yes release it.
    """
    check_name(reason, what="reason code")
    with own_lock(desk.lock(export_id), wait=True):
        export, _ = find_export(desk, export_id)
        now = desk.now()
        if export.state is not ExportState.REQUESTED:
            raise Refused(f"the export is {export.state.value} already", export=export.id)
        with read(desk.store.engine) as connection:
            who = people.get_approver(connection, approver)
        if who.revoked_at is not None or desk.principal(who.id, who.role, who.organisation).suspended:
            raise Refused("this approver's word counts no more", approver=who.id)
        entry = {
            "type": "export-decline", "time": to_text(now), "object": export.id, "actor": who.id,
            "org": who.organisation, "manifest_sha256": export.manifest_sha256, "reason": reason,
        }  # fmt: skip
        (index,) = desk.ledger.append([entry])
        with write(desk.store.engine) as connection:
            rows.mark_declined(connection, export.id)
            rows.answer_ballots(connection, export.id, who.id, "declined", now=now)
    return index


def count_needed(desk: Disclosure, export: Export, now: datetime) -> int:
    """Return how many approvals an export needs now: two, or three above the caps of a ceremony or of a recipient's day.

    A day counts whatever went to the recipient, to another name of their organisation, or to their key under any name.
    """
    wanted = decode_manifest(export.manifest)
    today = map(desk.ledger.entry, desk.ledger.find(type="export-release", since=to_text(now - DAY)))
    given = sum(len(entry["records"]) for entry in today if _is_same_hand(desk, wanted, entry))
    return desk.rules.caps.count_needed(export.records, given)


def _is_same_hand(desk: Disclosure, wanted: Manifest, released: Mapping[str, Any]) -> bool:
    """Say whether a released export went to the same recipient, organisation or key. Without its row only its entry tells."""
    if released["recipient"] == wanted.recipient:
        return True
    try:
        _, manifest = find_export(desk, released["object"])
    except NotFound:
        return False
    same = manifest.recipient_organisation == wanted.recipient_organisation
    return same or manifest.key_sha256 == wanted.key_sha256


def verify_consent(
    desk: Disclosure, export: Export, manifest: Manifest, headers: Sequence[SealHeader], now: datetime
) -> list[GivenApproval]:
    """Return the approvals that permit an export, each verified again from its bytes as things stand now.

    Raises `Refused` naming what is missing, `Integrity` for an approval that is not the one on the ledger.
    """
    with read(desk.store.engine) as connection:
        given = rows.list_approvals(connection, export.id)
    for one in given:
        entry = desk.ledger.entry(one.ledger_index)
        said = (entry["type"], entry.get("object"), entry.get("approval_sha256"), entry.get("org"))
        if said != ("export-approve", export.id, hashlib.sha256(one.approval).hexdigest(), one.organisation):
            raise Integrity("an approval is not the one on the ledger", export=export.id)
        approval = decode_approval(one.approval)
        key, who = find_approver(desk, approval, from_text(entry["time"]))
        if (who.id, who.organisation) != (one.approver, one.organisation):
            raise Integrity("an approver has changed since they approved", export=export.id)
        check_checkpoint(desk, approval.checkpoint, after=export.request_index, export=export.id)
        verify_approval(approval, export.manifest, key, desk.party)
        verify_policy(desk, who, "approve_export", headers, now)
    pairs = [(one.approver, one.organisation) for one in given]
    needed = count_needed(desk, export, now)
    problems = list_problems(pairs, requester=manifest.requester, needed=needed)
    if problems:
        raise Refused(
            f"the export may not be released: {problems[0]}",
            hint=f"It needs {needed} people of {needed} organisations, none of them the requester.",
            export=export.id,
        )
    return given


def encode_ballot(ballot: Ballot) -> bytes:
    """Return a ballot as a file, for an approver on another machine."""
    fields = {
        "format": _BALLOT.format(ballot.about), _PAPERS[ballot.about]: ballot.manifest.decode(),
        "checkpoint": ballot.checkpoint,
    }  # fmt: skip
    return json.dumps(fields, indent=1).encode() + b"\n"


def decode_ballot(data: bytes, about: Subject = Subject.EXPORT) -> Ballot:
    """Return the ballot that a file holds. Raises `Invalid`. What it says is judged when the approval comes back."""
    try:
        fields = json.loads(data)
        known = fields["format"] == _BALLOT.format(about)
        paper, checkpoint = fields[_PAPERS[about]].encode(), str(fields["checkpoint"])
    except (ValueError, KeyError, TypeError, AttributeError):
        known = False
    if not known:
        raise Invalid("not a ballot", hint=f"Make one: wayseal {about} show ID --out FILE.")
    if about is Subject.EXPORT:
        return Ballot(decode_manifest(paper).export, paper, checkpoint)
    named = "release" if about is Subject.RELEASE else "object"
    return Ballot(str(decode_entry(paper).get(named, "")), paper, checkpoint, about)
