"""p27 and p29: assessments that are stale or the vendor's own, accounts of strangers and leavers."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from netparts import NOW, make_equipment

from wayseal.assess.catalogue import load_catalogue
from wayseal.assess.outside.people import probe_history, probe_roster
from wayseal.assess.outside.view import Account, HistoryPlan, OutsideView, RosterPlan
from wayseal.assess.probe import Seen
from wayseal.model.oversight import (
    Assessment,
    AssessmentKind,
    Contract,
    Observation,
    Person,
    Result,
    Tier,
    Vendor,
)

DAY = timedelta(days=1)


def make_assessment(
    age: timedelta, kind: AssessmentKind = AssessmentKind.FULL, assessor: str = "lab"
) -> Assessment:
    """A passed assessment of the whole catalogue, so long ago."""
    at = NOW - age
    seen = tuple(
        Observation(spec.id, spec.control, "1", Result.PASS, "fine", at, b"{}", "00" * 32)
        for spec in load_catalogue()
    )
    return Assessment(
        "01KB3Z6V8N4Q0T2Y5RWXEJ7MCH", "lane1-host", kind, assessor, "00" * 32, at, at, seen, passed=True
    )


def look_back(*assessments: Assessment, **changes: Any) -> Seen:
    """Run p27 during a daily assessment by the lab."""
    plan = replace(HistoryPlan(assessments, "lab", full_now=False), **changes)
    return probe_history(OutsideView(equipment=make_equipment(), clock=lambda: NOW, history=plan))


def test_fresh_history() -> None:
    """A full assessment of 89 days ago by somebody else passes, and so does one that is being made."""
    assert (
        look_back(make_assessment(89 * DAY), make_assessment(DAY, AssessmentKind.DAILY)).result is Result.PASS
    )
    assert look_back(full_now=True).result is Result.PASS


def test_stale_history() -> None:
    """No full assessment, or one of 91 days ago, fails."""
    for history in ((), (make_assessment(91 * DAY),), (make_assessment(DAY, AssessmentKind.DAILY),)):
        seen = look_back(*history)
        assert (seen.result, seen.reason) == (Result.FAIL, "no full assessment within 90 days")


def test_probe_left_out() -> None:
    """A full assessment that left a probe of the full cycle out is not a full one."""
    whole = make_assessment(DAY)
    left_out = replace(whole, observations=tuple(one for one in whole.observations if one.probe != "p30"))
    assert look_back(left_out).reason == "p30 did not run within 90 days"


@pytest.mark.parametrize("assessor", ["opteq", "its-prime"])
def test_own_assessor(assessor: str) -> None:
    """A vendor, or its prime, that assesses now or made the last full assessment, fails."""
    related = ("its-prime",)
    assert "works with it" in look_back(make_assessment(DAY), assessor=assessor, related=related).reason
    seen = look_back(make_assessment(DAY, assessor=assessor), related=related)
    assert (seen.result, "the last full assessment was made by the vendor" in seen.reason) == (
        Result.FAIL,
        True,
    )


def test_future_history() -> None:
    """An assessment dated an hour ahead is a clock that is wrong or a lie."""
    assert "in the future" in look_back(make_assessment(-timedelta(hours=1))).reason


VENDORS = {
    "agency": Vendor("agency", Tier.AGENCY, None, NOW),
    "opteq": Vendor("opteq", Tier.SUBCONTRACTOR, "its-prime", NOW),
}
ROSTER = RosterPlan(
    organisations=VENDORS,
    contracts=(Contract("c-1", "opteq", "port", (), "us", NOW - DAY, NOW + DAY, "cd" * 32),),
    people=(Person("tech-1", "opteq", "vendor", None), Person("tech-2", "opteq", "vendor", None)),
    accounts=(Account("tech-1", "opteq", enabled=True), Account("officer-1", "agency", enabled=True)),
    exported_at=NOW - timedelta(hours=2),
)  # fmt: skip


def look_at(plan: RosterPlan | None) -> Seen:
    """Run p29."""
    return probe_roster(OutsideView(equipment=make_equipment(), clock=lambda: NOW, roster=plan))


def test_roster_agrees() -> None:
    """Accounts of people on the roster pass; the agency's own are not asked about, and disabled ones do not count."""
    assert look_at(ROSTER).result is Result.PASS
    disabled = (*ROSTER.accounts, Account("nobody", "opteq", enabled=False))
    assert look_at(replace(ROSTER, accounts=disabled)).result is Result.PASS


def leaver(hours: int) -> RosterPlan:
    """The roster after one of its people left."""
    gone = replace(ROSTER.people[0], left_at=NOW - timedelta(hours=hours))
    return replace(ROSTER, people=(gone, ROSTER.people[1]))


def test_leavers() -> None:
    """A leaver's account may live for a day and no longer."""
    assert look_at(leaver(23)).result is Result.PASS
    assert look_at(leaver(25)).reason == "tech-1: left more than 24 hours ago"


@pytest.mark.parametrize(
    ("accounts", "reason"),
    [
        ((Account("tech-9", "opteq", enabled=True),), "tech-9: is on no roster"),
        ((Account("tech-9", "unheard-of", enabled=True),), "tech-9: is on no roster"),
        ((Account("tech-1", "other", enabled=True),), "tech-1: is of opteq, not of other"),
        ((Account("tech-1", "agency", enabled=True),), "tech-1: is of opteq, not of agency"),
        ((Account("tech-1", "opteq", enabled=True),) * 2, "tech-1 has 2 accounts"),
    ],
)
def test_strange_accounts(accounts: tuple[Account, ...], reason: str) -> None:
    """An account of nobody on the roster, of another organisation, or doubled fails and is named by staff id."""
    seen = look_at(replace(ROSTER, accounts=accounts))
    assert (seen.result, seen.reason) == (Result.FAIL, reason)


def test_contract_ended() -> None:
    """Accounts live no longer than the contract."""
    ended = replace(ROSTER, contracts=(replace(ROSTER.contracts[0], ends=NOW),))
    assert look_at(ended).reason == "tech-1: works under no contract in force"


def test_old_export() -> None:
    """An export of the day before yesterday, or of tomorrow, shows nothing about now; no export is an error."""
    for moment in (NOW - 2 * DAY, NOW + DAY):
        assert "not of the last 24 hours" in look_at(replace(ROSTER, exported_at=moment)).reason
    assert look_at(None).result is Result.ERROR
