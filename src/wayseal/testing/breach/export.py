"""A drill's honest export: a recipient with a key of their own, approvers of two organisations who sign, and the parcel opened.

Owns the people around one ceremony, as a port has them. Pictures stay in memory; whoever leaks them writes them.
"""

import hashlib
from collections.abc import Sequence
from datetime import timedelta

from wayseal.export.approval import encode_approval, sign_approval
from wayseal.flow.consent import give_approval, show_ballot
from wayseal.flow.disclose import Disclosure, Wanted, request_export
from wayseal.flow.handover import release_export
from wayseal.flow.parcel import RecipientBox
from wayseal.flow.partners import add_approver, add_recipient, enrol_own_key
from wayseal.model.errors import WaysealError
from wayseal.model.ids import RecordId
from wayseal.seal.keys import SigningIdentity
from wayseal.station.appointing import appoint_as_founder, open_appointments
from wayseal.station.exports import open_disclosure, open_partners
from wayseal.testing.breach.stage import Stage

RECIPIENTS = (("county-court", "court"), ("state-police", "police"))
APPROVERS = (("kim", "privacy-office"), ("lee", "inspector-general"))
REQUESTER = "privacy-1"


def open_box(stage: Stage, name: str) -> RecipientBox:
    """Return a recipient's own keys, made in a folder of theirs."""
    folder, secret = stage.folder / "recipients" / name, stage.secrets["centre"].read_bytes()
    if folder.exists():
        return RecipientBox.open(name, folder, secret)
    folder.parent.mkdir(parents=True, exist_ok=True)
    return RecipientBox.create(name, folder, secret)


def export_pictures(stage: Stage, records: Sequence[RecordId], recipient: str) -> list[bytes]:
    """Give records to a recipient by a whole ceremony and return the pictures that they get. Raises as the ceremony."""
    desk = open_disclosure(stage.site)
    box = register_recipient(stage, recipient)
    who = stage.site.principal(REQUESTER, "privacy_officer")
    wanted = Wanted(
        records=list(records), recipient=recipient, purpose="court-order", legal_basis="court-order",
        expires_at=stage.site.clock() + timedelta(days=30),
    )  # fmt: skip
    asked = request_export(desk, who, wanted)
    for approver, _ in APPROVERS:
        give_approval(desk, _sign(desk, asked.id, approver))
    done = release_export(desk, who, asked.id)
    _, items = box.open_bundle(done.file.read_bytes(), sender=stage.site.keys.identity.public)
    return [item.data for item in items]


def register_recipient(stage: Stage, recipient: str) -> RecipientBox:
    """Register a recipient and the approvers unless they are, and return the recipient's keys."""
    box = open_box(stage, recipient)
    if stage.site.ledger.find(type="recipient", object=recipient):
        return box
    card = box.card(dict(RECIPIENTS)[recipient])
    partners = open_partners(stage.site, REQUESTER)
    add_recipient(
        partners, card.name, organisation=dict(RECIPIENTS)[recipient], form=card.form, key=card.key,
        receipt_key=card.receipt_key,
    )  # fmt: skip
    for approver, organisation in APPROVERS:
        try:
            add_approver(partners, approver, organisation=organisation, role="export_approver")
        except WaysealError:
            continue  # registered for an earlier ceremony
        enrol_own_key(open_partners(stage.site, REQUESTER), approver, _signer(approver).public)
        if open_appointments(stage.site).list_waiting(approver):
            appoint_as_founder(stage.site, stage.secrets["keyroom"].read_bytes().strip(), approver)
    return box


def _sign(desk: Disclosure, export: str, approver: str) -> bytes:
    """Return an approver's signed file for an export as it stands."""
    ballot = show_ballot(desk, export)
    approval = sign_approval(
        export, approver, manifest=ballot.manifest, checkpoint=ballot.checkpoint, signer=_signer(approver)
    )
    return encode_approval(approval)


def _signer(approver: str) -> SigningIdentity:
    """Return an approver's key of the drill's: made from the name, since only the drill's own site believes it."""
    return SigningIdentity(approver, hashlib.sha256(f"drill {approver}".encode()).digest())
