"""People with keys of their own who sign releases and session grants, appointed by the home's first official."""

import hashlib

from wayseal.export.approval import Subject, encode_approval, sign_approval
from wayseal.flow.countersign import countersign, find_matter, show_matter
from wayseal.flow.partners import add_approver, enrol_own_key
from wayseal.seal.keys import SigningIdentity
from wayseal.station.exports import open_disclosure, open_partners
from wayseal.station.shift import Shift
from wayseal.station.site import Site


def find_signer(name: str) -> SigningIdentity:
    """Return somebody's key."""
    return SigningIdentity(name, hashlib.sha256(name.encode()).digest())


def add_signer(site: Site, name: str, role: str, organisation: str = "agency") -> str:
    """Register somebody with a key of their own, appointed where this process has the keyroom, and return the name."""
    partners = open_partners(site, "privacy-1")
    add_approver(partners, name, organisation=organisation, role=role)
    enrol_own_key(partners, name, find_signer(name).public)
    return name


def sign_matter(site: Site, name: str, about: Subject, matter_id: str) -> bytes:
    """Return what somebody signs for a release or a grant as it stands."""
    desk = open_disclosure(site)
    ballot = show_matter(desk, find_matter(desk, about, matter_id))
    approval = sign_approval(
        ballot.export, name, manifest=ballot.manifest, checkpoint=ballot.checkpoint, signer=find_signer(name), about=about
    )  # fmt: skip
    return encode_approval(approval)


def hand_in(site: Site, name: str, about: Subject, matter_id: str) -> int:
    """Let somebody sign a release or a grant and hand it in; return the ledger index."""
    desk, raw = open_disclosure(site), sign_matter(site, name, about, matter_id)
    return countersign(desk, find_matter(desk, about, matter_id), raw)[1]


def sign_shift(site: Site, name: str, shift: Shift) -> Shift:
    """Let somebody sign a shift's grant, and return the shift."""
    hand_in(site, name, Subject.GRANT, shift.id)
    return shift
