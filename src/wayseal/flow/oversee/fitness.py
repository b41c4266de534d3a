"""Whether a lane may have the next epoch key, and why not: computed from the register at each question.

Enforcement is `auto` unless the settings say otherwise: it begins for a lane by itself once equipment is enrolled for it,
and taking the equipment away does not end it.
Nothing here hands out or withholds a key; the keyroom's roster follows the answer.
"""

from datetime import datetime

from sqlalchemy import Connection

from wayseal.flow.oversee.desk import Desk, act, view
from wayseal.flow.oversee.schedule import LOOK_BACK, latest_full, plan_one
from wayseal.flow.oversee.standing import has_contract, is_suspended
from wayseal.model.clock import to_text
from wayseal.model.oversight import Duty, Equipment, Fitness, LaneState, Tier
from wayseal.store.oversight import assessments as assessment_rows
from wayseal.store.oversight import duties as duty_rows
from wayseal.store.oversight import equipment as equipment_rows
from wayseal.store.oversight import vendors as vendor_rows

ORDER = (
    "organisation-suspended", "no-contract", "no-equipment", "never-assessed", "assessment-failed", "assessment-overdue",
    "changed-since-assessment", "daily-probes-failed", "daily-probes-overdue", "assessment-unfinished", "poam-overdue",
    "no-notice", "no-sign-off",
)  # fmt: skip
"""Every reason for which a lane gets no key, worst first."""


LATE = frozenset(("assessment-overdue", "daily-probes-overdue", "no-sign-off", "poam-overdue"))
"""Reasons that come with time alone: with these, and no others, a lane goes on for the grace of the rules."""


def judge_lane(desk: Desk, lane: str, now: datetime) -> Fitness:
    """Return whether a lane may have the next epoch key at `now`, and every reason that speaks against it.

    Within the grace of the rules a lane that is merely late is fit, and its reasons are told all the same.
    """
    with view(desk) as rows:
        enforced, told = _list_reasons(desk, rows, lane, now)
        grace = desk.rules.grace
        late = grace and told and LATE.issuperset(told)
        spared = late and not _list_reasons(desk, rows, lane, now - grace)[1]
    return Fitness(lane, fit=not (enforced and told and not spared), reasons=told, enforced=enforced)


def _list_reasons(desk: Desk, rows: Connection, lane: str, now: datetime) -> tuple[bool, tuple[str, ...]]:
    """Return whether anything is enforced for a lane, and every reason against it at `now`."""
    devices = equipment_rows.list_equipment(rows, lane=lane, site=desk.site)
    begun = bool(equipment_rows.list_equipment(rows, lane=lane, site=desk.site, retired=True))
    begun = begun or lane in duty_rows.list_lane_states(rows)
    enforced = desk.rules.enforce == "on" or (desk.rules.enforce == "auto" and begun)
    reasons = set() if devices else {"no-equipment"}
    for device in devices:
        reasons |= _judge_device(desk, rows, device, now)
    if not any(one.starts <= now < one.ends for one in duty_rows.list_notices(rows, lane=lane)):
        reasons.add("no-notice")
    if not is_signed_off(rows, desk.site, now):
        reasons.add("no-sign-off")
    return enforced, tuple(one for one in ORDER if one in reasons)


def _judge_device(desk: Desk, rows: Connection, device: Equipment, now: datetime) -> set[str]:
    """Return the reasons that one device gives."""
    vendor = vendor_rows.get_vendor(rows, device.organisation)
    reasons = set()
    if is_suspended(rows, vendor):
        reasons.add("organisation-suspended")
    if vendor.tier is not Tier.AGENCY and not has_contract(rows, vendor.id, desk.site, now):
        reasons.add("no-contract")
    overdue = [one.finding for one in assessment_rows.list_items(rows, open_only=True) if one.due <= now]
    mine = {device.id, device.organisation}
    findings = assessment_rows.list_findings(rows, open_only=True) if overdue else []
    if any(one.id in overdue and one.subject in mine for one in findings):
        reasons.add("poam-overdue")
    return reasons | _judge_runs(desk, rows, device, now)


def _judge_runs(desk: Desk, rows: Connection, device: Equipment, now: datetime) -> set[str]:
    """Return the reasons that a device's assessments give."""
    full = latest_full(rows, device.id)
    if full is None or full.finished_at is None:
        return {"never-assessed"}
    done = assessment_rows.list_drawn(rows, equipment=device.id, limit=LOOK_BACK)
    due = plan_one(rows, device, desk.rules, now)
    recorded = [one for one in done if one.finished_at is not None]
    newest = max(recorded, key=lambda one: one.finished_at or one.drawn_at)
    left = [
        one for one in done if one.finished_at is None and now > one.drawn_at + desk.rules.window > newest.drawn_at
    ]  # fmt: skip
    facts = {
        "assessment-failed": not full.passed,
        "changed-since-assessment": full.drawn_at < device.changed_at,
        "assessment-overdue": due.full <= now and full.drawn_at >= device.changed_at,
        "daily-probes-failed": full.passed is True and not newest.passed,
        "daily-probes-overdue": due.daily <= now,
        "assessment-unfinished": any(one.drawn_at > newest.drawn_at for one in left),
    }
    return {name for name, holds in facts.items() if holds}


def is_signed_off(rows: Connection, site: str, now: datetime) -> bool:
    """Say whether operations and IT have both signed a site off, two different people, and both sign-offs stand."""
    standing = [one for one in duty_rows.list_sign_offs(rows, site=site) if one.signed_at <= now < one.until]
    by = {duty: {one.principal for one in standing if one.duty is duty} for duty in Duty}
    return any(ops != it for ops in by[Duty.OPERATIONS] for it in by[Duty.IT])


def tell_lane(desk: Desk, fitness: Fitness) -> LaneState | None:
    """Put a lane's arming or disarming on the ledger when it changed, and return its state; None while nothing is enforced there.

    A lane that was armed without enforcement is not told; its first entry comes with enforcement.
    """
    with view(desk) as rows:
        last = duty_rows.list_lane_states(rows).get(fitness.lane)
    if (last is None and not fitness.enforced) or _is_told(last, fitness):
        return last
    with act(desk) as doing:
        last = duty_rows.list_lane_states(doing.rows).get(fitness.lane)
        if not _is_told(last, fitness):
            status = {"status": "armed" if fitness.fit else "disarmed", "time": to_text(doing.now)}
            entry = {"type": "lane-status", "object": fitness.lane, "lane": fitness.lane, **status}
            doing.log([entry if fitness.fit else {**entry, "reason": fitness.reasons[0]}])
        return duty_rows.list_lane_states(doing.rows)[fitness.lane]


def _is_told(last: LaneState | None, fitness: Fitness) -> bool:
    """Say whether a lane's last state is what its fitness says now."""
    reason = None if fitness.fit else fitness.reasons[0]
    return last is not None and (last.armed, last.reason) == (fitness.fit, reason)
