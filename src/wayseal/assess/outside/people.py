"""p27 and p29: the assessment is fresh and not the vendor's own; every vendor account belongs to somebody on the contract roster.

Compares lists that the caller read from the register and the identity provider. People appear by staff id only.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from wayseal.assess.catalogue import Cadence, load_catalogue
from wayseal.assess.outside.view import HistoryPlan, OutsideView, RosterPlan, untold
from wayseal.assess.probe import Seen, judge, probe
from wayseal.model.oversight import AssessmentKind, Person, Tier

LEAVER_GRACE = timedelta(hours=24)
EXPORT_AGE = timedelta(hours=24)
SKEW = timedelta(minutes=5)


@probe("p27", where="outside")
def probe_history(view: OutsideView) -> Seen:
    """Judge the assessments themselves: who makes this one, how old the last full one is, and whether each probe is fresh."""
    plan = view.history
    if plan is None:
        return untold("the earlier assessments")
    now = view.clock()
    full = max(
        (one.finished_at for one in plan.assessments if one.kind is not AssessmentKind.DAILY), default=None
    )
    facts = {
        "assessments": len(plan.assessments),
        "assessor": plan.assessor,
        "vendor": view.equipment.organisation,
        "last_full": None if full is None else full.isoformat(),
        "full_now": plan.full_now,
    }
    faults = [*_judge_assessors(view, plan), *_judge_age(plan, full, now)]
    return judge(faults, "the assessment is fresh and was not made by the vendor", **facts)


def _judge_assessors(view: OutsideView, plan: HistoryPlan) -> Iterator[str]:
    """Yield that the vendor assessed itself, now or in the assessment that counts as the last full one."""
    own = {view.equipment.organisation, *plan.related}
    if plan.assessor in own:
        yield "the assessor is the vendor or works with it"
    full = [one for one in plan.assessments if one.kind is not AssessmentKind.DAILY]
    newest = max(full, key=lambda one: one.finished_at, default=None)
    if not plan.full_now and newest is not None and newest.assessor in own:
        yield "the last full assessment was made by the vendor or one who works with it"


def _judge_age(plan: HistoryPlan, full: datetime | None, now: datetime) -> Iterator[str]:
    """Yield what is too old, or from the future."""
    if any(one.finished_at - now > SKEW for one in plan.assessments):
        yield "an assessment is dated in the future"
    if plan.full_now:
        return
    if full is None or now - full > timedelta(days=plan.full_days):
        yield f"no full assessment within {plan.full_days} days"
        return
    newest: dict[str, datetime] = {}
    for assessment in plan.assessments:
        for seen in assessment.observations:
            newest[seen.probe] = max(newest.get(seen.probe, seen.observed_at), seen.observed_at)
    limit = timedelta(days=plan.full_days)
    fulls = [spec.id for spec in load_catalogue() if spec.cadence is Cadence.FULL]
    stale = [one for one in fulls if one not in newest or now - newest[one] > limit]
    if stale:
        yield f"{', '.join(stale[:5])} did not run within {plan.full_days} days"


@probe("p29", where="outside")
def probe_roster(view: OutsideView) -> Seen:
    """Compare the identity provider's accounts of vendors with the people and contracts of the register."""
    plan = view.roster
    if plan is None:
        return untold("the identity provider's accounts and the contract roster")
    now = view.clock()
    vendors = {name for name, one in plan.organisations.items() if one.tier is not Tier.AGENCY}
    people, agency = {person.id: person for person in plan.people}, _agency(plan)
    accounts = [
        one
        for one in plan.accounts
        if one.enabled and not {one.organisation, *_of(people.get(one.person))} <= agency
    ]
    faults = []
    age = now - plan.exported_at
    if age > EXPORT_AGE or age < -SKEW:
        faults.append("the identity provider's export is not of the last 24 hours")
    faults += [
        f"{name} has {count} accounts"
        for name, count in Counter(a.person for a in accounts).items()
        if count > 1
    ]
    for account in accounts:
        person = people.get(account.person)
        faults += [
            f"{account.person}: {fault}" for fault in _judge_account(plan, account.organisation, person, now)
        ]
    facts = {
        "exported_at": plan.exported_at.isoformat(),
        "accounts": sorted(one.person for one in accounts),
        "organisations": sorted(vendors),
    }
    return judge(faults, f"the {len(accounts)} vendor accounts belong to people on the roster", **facts)


def _of(person: Person | None) -> tuple[str, ...]:
    """Return the organisation that the register knows somebody to be of: an account may claim another."""
    return () if person is None else (person.organisation,)


def _agency(plan: RosterPlan) -> set[str]:
    """Return the organisations that are the agency's own."""
    return {name for name, one in plan.organisations.items() if one.tier is Tier.AGENCY}


def _judge_account(
    plan: RosterPlan, organisation: str, person: Person | None, now: datetime
) -> Iterator[str]:
    """Yield why an enabled account should not be."""
    if person is None:
        yield "is on no roster"
        return
    if person.organisation != organisation:
        yield f"is of {person.organisation}, not of {organisation}"
    if person.left_at is not None and now - person.left_at > LEAVER_GRACE:
        yield "left more than 24 hours ago"
    in_force = any(
        one.organisation == person.organisation and one.starts <= now < one.ends for one in plan.contracts
    )
    if not in_force:
        yield "works under no contract in force"
