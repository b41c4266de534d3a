"""The signatures of a reinstatement in a drill: each approver has a key of their own, in the drill's memory, and the home's first official appoints it.

Whoever is named signs: the drill asks what a petition is worth that lacks something, not whether somebody would refuse.
"""

import secrets
from collections.abc import Sequence

from wayseal.export.approval import Subject, encode_approval, sign_approval
from wayseal.flow.countersign import countersign, find_matter, show_matter
from wayseal.flow.partners import add_approver, enrol_own_key
from wayseal.seal.keys import SigningIdentity
from wayseal.station.appointing import appoint_as_founder
from wayseal.station.exports import open_disclosure, open_partners
from wayseal.station.petitions import finish_petition
from wayseal.testing.breach.oversight import ASSESSOR, INSPECTOR, TECHNICIAN, VENDOR
from wayseal.testing.breach.stage import Stage


def sign_return(stage: Stage, petition: str, approvers: Sequence[str]) -> None:
    """Let people sign a petition that the vendor comes back, and carry it out. Raises what refuses a signature or the petition."""
    desk = open_disclosure(stage.site)
    matter = find_matter(desk, Subject.REINSTATEMENT, petition)
    for name in approvers:
        ballot, signer = show_matter(desk, matter), _find_signer(stage, name)
        approval = sign_approval(
            petition, name, manifest=ballot.manifest, checkpoint=ballot.checkpoint, signer=signer, about=Subject.REINSTATEMENT
        )  # fmt: skip
        countersign(desk, matter, encode_approval(approval))
    finish_petition(stage.site, desk, Subject.REINSTATEMENT, petition)


def _find_signer(stage: Stage, name: str) -> SigningIdentity:
    """Return somebody's key; the first time they are registered as an approver and appointed."""
    if name not in stage.signers:
        organisation = {INSPECTOR: ASSESSOR, TECHNICIAN: VENDOR}.get(name, stage.site.settings.organisation)
        signer = SigningIdentity("approver", secrets.token_bytes(32))
        partners = open_partners(stage.site, "privacy-1")
        add_approver(
            partners, name, organisation=organisation, role="assessor" if name == INSPECTOR else "officer"
        )
        enrol_own_key(partners, name, signer.public)
        appoint_as_founder(stage.site, stage.secrets["keyroom"].read_bytes(), name)
        stage.signers[name] = signer
    return stage.signers[name]
