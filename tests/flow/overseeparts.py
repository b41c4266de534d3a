"""A desk of oversight on a real ledger and a real database, with a vendor, its contract, people and a lane computer."""

import hashlib
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from lineparts import MovableClock

from wayseal.assess.catalogue import load_catalogue
from wayseal.flow.oversee.assessments import Outcome, choose_probes, draw_assessment, record_assessment
from wayseal.flow.oversee.desk import Desk, Rules
from wayseal.flow.oversee.duties import add_notice, sign_off
from wayseal.flow.oversee.register import (
    NewContract,
    NewEquipment,
    add_contract,
    add_person,
    add_vendor,
    enrol_equipment,
)
from wayseal.ledger.log import Ledger
from wayseal.model.oversight import AssessmentKind, Duty, EquipmentKind, Observation, Result, Tier
from wayseal.store.engine import open_engine
from wayseal.store.migrate import migrate

BOSS = "officer:chief"
DAY = timedelta(days=1)


def open_test_desk(folder: Path, url: str, clock: MovableClock, rules: Rules | None = None) -> Desk:
    """A desk of a site `port` of the agency `agency`."""
    engine = open_engine(url)
    migrate(engine)
    ledger = Ledger.create(folder / "ledger", origin="test.example/oversight", clock=clock)
    return Desk(ledger, engine, rules or Rules(), "port", "agency", clock)


def add_subcontractor(desk: Desk) -> None:
    """A prime, its subcontractor with a contract of a year, an assessor, and people of each with a year of training."""
    now = desk.clock()
    add_vendor(desk, "prime", tier=Tier.PRIME, under=None, actor=BOSS)
    add_vendor(desk, "sub", tier=Tier.SUBCONTRACTOR, under="prime", actor=BOSS)
    add_vendor(desk, "lab", tier=Tier.ASSESSOR, under=None, actor=BOSS)
    for vendor in ("prime", "sub", "lab"):
        contract = NewContract(vendor, ("metrics",), "port", now, now + 365 * DAY, "ab" * 32)
        add_contract(desk, f"{vendor}-1", contract, actor=BOSS)
    for person, vendor in (
        ("tech:1", "sub"),
        ("chief:1", "agency"),
        ("privacy:1", "agency"),
        ("lab:1", "lab"),
    ):
        add_person(
            desk, person, organisation=vendor, role="officer", training_until=now + 365 * DAY, actor=BOSS
        )


def enrol_host(
    desk: Desk, device: str = "host-1", *, lane: str | None = "lane1", serial: str = "SN-1"
) -> None:
    """Enrol a lane computer of the subcontractor's."""
    new = NewEquipment(EquipmentKind.LANE_HOST, "edge-7", serial, "sub", lane)
    enrol_equipment(desk, device, new, actor=BOSS)


def give_duties(desk: Desk, lane: str = "lane1") -> None:
    """A notice for a year, and both sign-offs."""
    now = desk.clock()
    add_notice(desk, lane, text_sha256="cd" * 32, starts=now, ends=now + 365 * DAY, actor=BOSS)
    sign_off(desk, Duty.OPERATIONS, principal="ops:1")
    sign_off(desk, Duty.IT, principal="it:1")


def answer_probes(
    when: datetime,
    kind: AssessmentKind = AssessmentKind.FULL,
    *,
    failing: Collection[str] = (),
    result: Result = Result.FAIL,
) -> list[Observation]:
    """What honest probes would say: all pass, but those named."""
    evidence = b'{"looked":true}'
    return [
        Observation(
            spec.id, spec.control, spec.version, result if spec.id in failing else Result.PASS, "as seen", when, evidence,
            hashlib.sha256(evidence).hexdigest(),
        )
        for spec in choose_probes(load_catalogue(), kind)
    ]  # fmt: skip


def assess(
    desk: Desk,
    device: str = "host-1",
    kind: AssessmentKind = AssessmentKind.FULL,
    *,
    failing: Collection[str] = (),
    assessor: str = "lab",
) -> Outcome:
    """Draw and record one assessment."""
    drawn = draw_assessment(desk, device, kind, assessor=assessor, actor="lab:1")
    seen = answer_probes(desk.clock(), kind, failing=failing)
    return record_assessment(desk, drawn, seen, nonce=drawn.nonce, catalogue=load_catalogue(), actor="lab:1")


def with_rules(desk: Desk, **changes: object) -> Desk:
    """The same desk under other rules."""
    return replace(desk, rules=replace(desk.rules, **changes))  # type: ignore[arg-type]
