"""The port's own oversight in a drill: the organisations in its register, the lane's computer, and the assessments of it.

Owns what is registered and by whom. Assessments are drawn and recorded as any other; their probes are answered by the drill, since
no lane computer stands here: what real probes find is `wayseal equipment assess`.
"""

import hashlib
from collections.abc import Collection
from datetime import timedelta

from wayseal.assess.catalogue import load_catalogue
from wayseal.flow.oversee.assessments import choose_probes, draw_assessment, record_assessment
from wayseal.flow.oversee.duties import add_notice, sign_off
from wayseal.flow.oversee.register import (
    NewContract,
    NewEquipment,
    add_contract,
    add_person,
    add_vendor,
    enrol_equipment,
)
from wayseal.model.oversight import AssessmentKind, Duty, EquipmentKind, Observation, Result, Tier
from wayseal.testing.breach.scale import LANE
from wayseal.testing.breach.stage import Stage

BOSS, SECOND, TECHNICIAN, INSPECTOR = "chief-1", "chief-2", "tech-1", "auditor-1"
VENDOR, PRIME, ASSESSOR, HOST = "sub", "prime", "auditor", "lane1-host"
YEAR = timedelta(days=365)
_EVIDENCE = b'{"drill":true}'


def register_vendor(stage: Stage) -> None:
    """Enter the prime, its subcontractor and the technician in the register, unless they are there."""
    desk, now = stage.site.oversight, stage.site.clock()
    if desk.ledger.find(type="register", object=VENDOR):
        return
    add_vendor(desk, PRIME, tier=Tier.PRIME, under=None, actor=BOSS)
    add_vendor(desk, VENDOR, tier=Tier.SUBCONTRACTOR, under=PRIME, actor=BOSS)
    for vendor in (PRIME, VENDOR):
        _sign_contract(stage, vendor)
    add_person(desk, TECHNICIAN, organisation=VENDOR, role="officer", training_until=now + YEAR, actor=BOSS)


def register_lane(stage: Stage) -> None:
    """Let the lane's computer be the subcontractor's and fit: noticed, signed off by two, assessed by another body."""
    desk, now = stage.site.oversight, stage.site.clock()
    if desk.ledger.find(type="register", object=HOST):
        return
    register_approvers(stage)
    enrol_equipment(
        desk,
        HOST,
        NewEquipment(EquipmentKind.LANE_HOST, "lane-computer-2", "sn-0001", VENDOR, LANE),
        actor=BOSS,
    )
    add_notice(desk, LANE, text_sha256="cd" * 32, starts=now, ends=now + YEAR, actor=BOSS)
    sign_off(desk, Duty.OPERATIONS, principal=BOSS)
    sign_off(desk, Duty.IT, principal=SECOND)
    assess_lane(stage)


def register_approvers(stage: Stage) -> None:
    """Register two people of the agency and one of an assessor, so that approvals fail for no other reason."""
    desk, agency = stage.site.oversight, stage.site.settings.organisation
    if desk.ledger.find(type="register", object=INSPECTOR):
        return
    add_vendor(desk, ASSESSOR, tier=Tier.ASSESSOR, under=None, actor=BOSS)
    _sign_contract(stage, ASSESSOR)
    until = stage.site.clock() + YEAR
    for person, organisation in ((BOSS, agency), (SECOND, agency), (INSPECTOR, ASSESSOR)):
        add_person(
            desk,
            person,
            organisation=organisation,
            role="officer",
            training_until=until,
            actor="system:drill",
        )


def assess_lane(stage: Stage, *, failing: Collection[str] = ()) -> bool:
    """Draw and record a full assessment of the lane's computer in which the named probes fail; return whether it passed."""
    desk, catalogue = stage.site.oversight, load_catalogue()
    drawn = draw_assessment(desk, HOST, AssessmentKind.FULL, assessor=ASSESSOR, actor=INSPECTOR)
    digest = hashlib.sha256(_EVIDENCE).hexdigest()
    seen = [
        Observation(
            spec.id, spec.control, spec.version, Result.FAIL if spec.id in failing else Result.PASS, "as the drill says",
            desk.clock(), _EVIDENCE, digest,
        )
        for spec in choose_probes(catalogue, AssessmentKind.FULL)
    ]  # fmt: skip
    done = record_assessment(desk, drawn, seen, nonce=drawn.nonce, catalogue=catalogue, actor=INSPECTOR)
    return bool(done.assessment.passed)


def _sign_contract(stage: Stage, organisation: str) -> None:
    """Enter a contract of a year for numbers, not for pictures."""
    site = stage.site
    terms = NewContract(
        organisation, ("metrics",), site.settings.site, site.clock(), site.clock() + YEAR, "ab" * 32
    )
    add_contract(site.oversight, f"{organisation}-c1", terms, actor=BOSS)
