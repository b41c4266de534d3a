"""The shifts of a drill: officers begin them, and the port's supervisor signs whatever the centre shows.

The worst supervisor there is, so that the other controls are drilled and not this one. Their key is in the drill's own memory: it
lies at no computer of the port.
"""

from collections.abc import Sequence

from wayseal.export.approval import Subject, encode_approval, sign_approval
from wayseal.flow.countersign import countersign, find_matter, show_matter
from wayseal.flow.partners import add_approver, enrol_own_key
from wayseal.flow.policy import Principal
from wayseal.station.appointing import appoint_as_founder
from wayseal.station.exports import open_disclosure, open_partners
from wayseal.station.shift import begin_shift
from wayseal.testing.breach.stage import Stage

SUPERVISOR = "supervisor-1"


def begin_signed(stage: Stage, who: Principal, lanes: Sequence[str]) -> None:
    """Begin somebody's shift and have it signed; the first time the supervisor is registered and appointed."""
    shift = begin_shift(stage.site, who, lanes)
    if not stage.site.ledger.find(type="approver", object=SUPERVISOR):
        _appoint(stage)
    desk = open_disclosure(stage.site)
    ballot = show_matter(desk, find_matter(desk, Subject.GRANT, shift.id))
    approval = sign_approval(
        shift.id, SUPERVISOR, manifest=ballot.manifest, checkpoint=ballot.checkpoint, signer=stage.supervisor,
        about=Subject.GRANT,
    )  # fmt: skip
    countersign(desk, find_matter(desk, Subject.GRANT, shift.id), encode_approval(approval))


def _appoint(stage: Stage) -> None:
    """Register the supervisor, and let the home's first official appoint them by the keyroom's passphrase."""
    partners = open_partners(stage.site, "privacy-1")
    add_approver(partners, SUPERVISOR, organisation=stage.site.settings.organisation, role="supervisor")
    enrol_own_key(partners, SUPERVISOR, stage.supervisor.public)
    appoint_as_founder(stage.site, stage.secrets["keyroom"].read_bytes(), SUPERVISOR)
