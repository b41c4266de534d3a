"""Countersigning: a second person signs the very intent that they approve, with the credential that they sign exports with.

Owns what is put before them (the intent's entry, byte for byte, under a checkpoint) and the order: signature verified, rows, ledger,
gate. The gate verifies it again, and by the officials' appointment; nothing here decides what an approval is worth.
"""

import hashlib

from wayseal.export.approval import Subject, decode_approval, verify_approval
from wayseal.flow.consent import Ballot, check_checkpoint, find_approver
from wayseal.flow.disclose import Disclosure
from wayseal.flow.papers import get_appointment
from wayseal.flow.policy import Principal
from wayseal.ledger.checkpoint import read_checkpoint
from wayseal.model.custody import Release
from wayseal.model.errors import Refused
from wayseal.seal.envelope import parse_record
from wayseal.store import approvers as rows
from wayseal.store.centre import read_record
from wayseal.store.engine import write


def show_release(desk: Disclosure, release: Release) -> Ballot:
    """Return what a second person signs for a release, under a fresh checkpoint."""
    checkpoint = str(read_checkpoint(desk.ledger.sign_checkpoint(desk.log_signer)))
    return Ballot(release.id, desk.ledger.raw(release.ledger_index), checkpoint, Subject.RELEASE)


def countersign_release(desk: Disclosure, release: Release, raw: bytes) -> tuple[Principal, int]:
    """Take what a second person signed for a release; return them and the ledger index of their approval.

    Raises `Unapproved` for somebody whom the officials have not appointed, `Refused` for another release or credential, the requester, somebody whose standing or role does not allow it, or a
    checkpoint from before the request; `Integrity` for a signature that does not hold.
    """
    approval = decode_approval(raw, Subject.RELEASE)
    if approval.export != release.id:
        raise Refused("the approval is for another release", release=release.id)
    now = desk.now()
    key, who = find_approver(desk, approval, now)
    get_appointment(desk.store, key.id, who.id)
    size = check_checkpoint(
        desk, approval.checkpoint, after=release.ledger_index, hint="Show the release again and sign it.", release=release.id
    )  # fmt: skip
    intent = desk.ledger.raw(release.ledger_index)
    count = verify_approval(approval, intent, key, desk.party, count=key.sign_count)
    header = parse_record(read_record(desk.store, release.record)).header
    desk.policy.verify(who, "approve", header, release.purpose, now)
    proof = {
        "approval_sha256": hashlib.sha256(raw).hexdigest(), "key_sha256": key.id, "checkpoint_size": size
    }  # fmt: skip
    with write(desk.store.engine) as connection:
        rows.put_release_approval(connection, release.id, who.id, key=key.id, approval=raw)
        rows.set_sign_count(connection, key.id, count)
    return who, desk.opener.approve(who, release, proof)
