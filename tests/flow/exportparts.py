"""A site with pictures to give away: recipients with keys of their own, approvers of several organisations, and their signatures."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
from lineparts import PASSPHRASE, Line, make_vehicle

from wayseal.export.approval import encode_approval, sign_approval
from wayseal.flow.consent import give_approval, show_ballot
from wayseal.flow.disclose import Disclosure, Wanted, request_export
from wayseal.flow.parcel import RecipientBox
from wayseal.flow.partners import add_approver, add_recipient, enrol_own_key
from wayseal.flow.policy import Principal
from wayseal.model.border import PlainImage, Seat
from wayseal.model.disclosure import Export, GivenApproval
from wayseal.model.ids import RecordId
from wayseal.seal.keys import SigningIdentity
from wayseal.station.appointing import appoint_as_founder
from wayseal.station.exports import open_disclosure, open_partners
from wayseal.station.keyroom_client import KeyroomClient
from wayseal.station.site import Site


def paint_picture(seed: int) -> PlainImage:
    """A small real JPEG: a disc on a noisy ground, nobody's face."""
    noise = np.random.default_rng(seed).integers(40, 90, (160, 128, 3), dtype=np.uint8)
    cv2.circle(noise, (64, 70), 40, (150, 160, 170), -1)
    done, data = cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_QUALITY, 95])
    assert done
    return PlainImage(data.tobytes(), 128, 160)


@dataclass
class Office:
    """The people around a site's exports. `records` are the faces that were captured."""

    line: Line
    desk: Disclosure
    folder: Path
    records: list[RecordId] = field(default_factory=list)
    signers: dict[str, SigningIdentity] = field(default_factory=dict)
    boxes: dict[str, RecipientBox] = field(default_factory=dict)

    @property
    def site(self) -> Site:
        """The site itself."""
        return self.line.site

    @property
    def requester(self) -> Principal:
        """A privacy officer of the operating organisation."""
        return self.site.principal("privacy-1", "privacy_officer")

    def capture(self, vehicles: int) -> None:
        """Let vehicles with two people pass, and remember the records of their faces."""
        for number in range(vehicles):
            seen = make_vehicle(
                self.line.clock, {Seat.DRIVER: 1, Seat.FRONT_PASSENGER: 77}, plate=None, number=number
            )
            people = [replace(one, picture=paint_picture(number)) for one in seen.occupants]
            answer = self.line.drive(self.line.lane(), replace(seen, occupants=tuple(people)))
            self.records += [one.record for one in answer.occupants if one.record is not None]

    def add_recipient(self, name: str = "county-court", organisation: str = "court") -> RecipientBox:
        """Register a recipient with a Wayseal key of their own."""
        box = RecipientBox.create(name, self.folder / name, PASSPHRASE)
        card = box.card(organisation)
        partners = open_partners(self.site, "privacy-1")
        add_recipient(
            partners, card.name, organisation=organisation, form=card.form, key=card.key, receipt_key=card.receipt_key
        )  # fmt: skip
        self.boxes[name] = box
        return box

    def add_approver(self, name: str, organisation: str, *, role: str = "export_approver") -> SigningIdentity:
        """Register an approver who signs with a key of their own."""
        signer = SigningIdentity(name, hashlib.sha256(name.encode()).digest())
        add_approver(open_partners(self.site, "privacy-1"), name, organisation=organisation, role=role)
        enrol_own_key(open_partners(self.site, "privacy-1"), name, signer.public)
        if isinstance(self.site.keyroom, KeyroomClient):
            appoint_as_founder(self.site, PASSPHRASE, name)
        self.signers[name] = signer
        return signer

    def ask(
        self, records: Sequence[str], recipient: str = "county-court", *, hold: str | None = None
    ) -> Export:
        """Request an export of records."""
        wanted = Wanted(
            records=records, recipient=recipient, purpose="court-order", legal_basis="court-order",
            expires_at=self.line.clock() + timedelta(days=30), hold=hold,
        )  # fmt: skip
        return request_export(self.desk, self.requester, wanted)

    def sign(self, export: Export, approver: str, *, as_name: str | None = None) -> bytes:
        """Return an approver's signed file for an export as it stands."""
        ballot = show_ballot(self.desk, export.id)
        approval = sign_approval(
            export.id, as_name or approver, manifest=ballot.manifest, checkpoint=ballot.checkpoint,
            signer=self.signers[approver],
        )  # fmt: skip
        return encode_approval(approval)

    def approve(self, export: Export, *approvers: str) -> list[GivenApproval]:
        """Let approvers sign, and hand their files in."""
        return [give_approval(self.desk, self.sign(export, name)) for name in approvers]


def open_office(line: Line, folder: Path, *, vehicles: int = 1) -> Office:
    """Return a site with a recipient, four approvers of four organisations, and one more of the first."""
    office = Office(line, open_disclosure(line.site), folder)
    office.capture(vehicles)
    office.add_recipient()
    for name, organisation in (
        ("kim", "privacy-office"), ("lee", "inspector-general"), ("sam", "counsel"), ("pat", "privacy-office"),
    ):  # fmt: skip
        office.add_approver(name, organisation)
    return office
