"""Rows of the register as JSON values for commands, screens and reports; and what an organisation's people did, from the ledger."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from wayseal.assess.catalogue import advise_result, load_catalogue
from wayseal.flow.oversee.desk import Desk, view
from wayseal.flow.oversee.fitness import judge_lane
from wayseal.flow.oversee.schedule import Coverage, cover, plan_one
from wayseal.flow.oversee.standing import chain_of, has_contract, is_suspended
from wayseal.model.clock import to_text
from wayseal.model.errors import NotFound
from wayseal.model.oversight import (
    Assessment,
    Contract,
    Equipment,
    Finding,
    Notice,
    Person,
    PoamItem,
    Result,
    Tier,
    Vendor,
)
from wayseal.store.oversight import assessments as assessment_rows
from wayseal.store.oversight import duties as duty_rows
from wayseal.store.oversight import equipment as equipment_rows
from wayseal.store.oversight import vendors as vendor_rows

Row = dict[str, Any]


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else to_text(moment)


def vendor_row(desk: Desk, rows: Connection, vendor: Vendor, now: datetime) -> Row:
    """Return an organisation with its standing, its figures, and the reasons for which it has no access."""
    devices = equipment_rows.list_equipment(rows, organisation=vendor.id)
    figure = cover([plan_one(rows, one, desk.rules, now) for one in devices], desk.rules, now)
    findings = _findings_of(rows, vendor, devices)
    contract = vendor.tier is Tier.AGENCY or has_contract(rows, vendor.id, desk.site, now)
    reasons = [
        *(["suspended"] if is_suspended(rows, vendor) else []), *([] if contract else ["no-contract"]),
        *(["assessment-due"] if figure.due else []), *(["open-findings"] if findings else []),
    ]  # fmt: skip
    return {
        "vendor": vendor.id, "tier": vendor.tier.value, "under": vendor.under,
        "chain": [one.id for one in chain_of(rows, vendor)], "standing": vendor.standing.value,
        "since": _text(vendor.standing_at), "ledger_index": vendor.standing_index, "reasons": reasons,
        "people": len(vendor_rows.list_people(rows, organisation=vendor.id)), "equipment": figure.total,
        "assessed": figure.assessed, "due": figure.due, "findings": len(findings),
        "registered": to_text(vendor.registered_at),
    }  # fmt: skip


def _findings_of(rows: Connection, vendor: Vendor, devices: Sequence[Equipment]) -> list[Finding]:
    """Return the open findings on an organisation: its devices, its contracts, itself."""
    mine = {vendor.id, *(one.id for one in devices)}
    mine |= {one.id for one in vendor_rows.list_contracts(rows, organisation=vendor.id)}
    return [one for one in assessment_rows.list_findings(rows, open_only=True) if one.subject in mine]


def list_vendor_rows(desk: Desk, *, since: datetime | None = None) -> list[Row]:
    """Return every organisation, those registered from a time on where given."""
    now = desk.clock()
    with view(desk) as rows:
        return [
            vendor_row(desk, rows, one, now)
            for one in vendor_rows.list_vendors(rows)
            if since is None or one.registered_at >= since
        ]


def show_vendor(desk: Desk, vendor: str) -> Row:
    """Return an organisation with its contracts, people, equipment and open findings. Raises `NotFound`."""
    now = desk.clock()
    with view(desk) as rows:
        known = vendor_rows.get_vendor(rows, vendor)
        devices = equipment_rows.list_equipment(rows, organisation=vendor)
        everybody = vendor_rows.list_vendors(rows)
        contracts = vendor_rows.list_contracts(rows, organisation=vendor)
        return vendor_row(desk, rows, known, now) | {
            "below": [one.id for one in everybody if one.under == vendor],
            "contracts": [contract_row(rows, one, now) for one in contracts],
            "staff": [person_row(one, now) for one in vendor_rows.list_people(rows, organisation=vendor)],
            "devices": [equipment_row(desk, rows, one, now) for one in devices],
            "open_findings": [finding_row(one) for one in _findings_of(rows, known, devices)],
        }


def contract_row(rows: Connection, contract: Contract, now: datetime) -> Row:
    """Return a contract with what was returned and destroyed at its end."""
    returns = vendor_rows.list_returns(rows, contract=contract.id)
    state = "ended" if contract.ends <= now else ("in force" if contract.starts <= now else "to come")
    return {
        "contract": contract.id, "organisation": contract.organisation, "site": contract.site,
        "permitted": list(contract.permitted_data), "place": contract.place, "starts": to_text(contract.starts),
        "ends": to_text(contract.ends), "state": state, "clauses_sha256": contract.clauses_sha256,
        "returned": sum(one.returned for one in returns) if returns else None,
        "destroyed": sum(one.destroyed for one in returns) if returns else None,
    }  # fmt: skip


def person_row(person: Person, now: datetime) -> Row:
    """Return somebody by staff id."""
    trained = person.training_until is not None and now < person.training_until
    return {
        "person": person.id, "organisation": person.organisation, "role": person.role,
        "training_until": _text(person.training_until), "training_valid": trained, "left": _text(person.left_at),
    }  # fmt: skip


def equipment_row(desk: Desk, rows: Connection, device: Equipment, now: datetime) -> Row:
    """Return a device with what is due."""
    due = plan_one(rows, device, desk.rules, now)
    return {
        "equipment": device.id, "kind": device.kind.value, "model": device.model, "serial": device.serial,
        "organisation": device.organisation, "site": device.site, "lane": device.lane, "device": device.device_sha256,
        "passing": due.passing, "full_due": to_text(due.full), "daily_due": to_text(due.daily),
        "overdue": device.retired_at is None and min(due.full, due.daily) <= now,
        "findings": len(assessment_rows.list_findings(rows, subject=device.id, open_only=True)),
        "enrolled": to_text(device.enrolled_at), "changed": to_text(device.changed_at),
        "retired": _text(device.retired_at),
    }  # fmt: skip


def list_equipment_rows(desk: Desk, *, since: datetime | None = None, retired: bool = False) -> list[Row]:
    """Return every device, those enrolled from a time on where given."""
    now = desk.clock()
    with view(desk) as rows:
        return [
            equipment_row(desk, rows, one, now)
            for one in equipment_rows.list_equipment(rows, retired=retired)
            if since is None or one.enrolled_at >= since
        ]


def list_due(desk: Desk, *, within: timedelta = timedelta(0)) -> list[Row]:
    """Return what is due now, or within a time from now: each device with the larger of the two runs that it owes, soonest first.

    A device that was changed, or never assessed, owes the whole catalogue.
    """
    until = desk.clock() + within
    with view(desk) as rows:
        devices = equipment_rows.list_equipment(rows)
        plans = [(one, plan_one(rows, one, desk.rules, until - within)) for one in devices]
    found = []
    for device, due in plans:
        if min(due.full, due.daily) > until:
            continue
        fresh = due.full == device.changed_at and device.changed_at != device.enrolled_at
        cycle = ("change" if fresh else "full") if due.full <= until else "daily"
        when = due.full if due.full <= until else due.daily
        found.append(
            {
                "equipment": device.id, "cycle": cycle, "due": to_text(when), "serial": device.serial,
                "organisation": device.organisation, "lane": device.lane,
            }
        )  # fmt: skip
    return sorted(found, key=lambda row: str(row["due"]))


def show_equipment(desk: Desk, device: str) -> Row:
    """Return a device with its newest assessments and findings. Raises `NotFound`."""
    now = desk.clock()
    with view(desk) as rows:
        known = equipment_rows.get_equipment(rows, device)
        done = assessment_rows.list_drawn(rows, equipment=device, limit=20)
        return equipment_row(desk, rows, known, now) | {
            "assessments": [
                {
                    "assessment": one.id, "cycle": one.kind.value, "assessor": one.assessor, "drawn": to_text(one.drawn_at),
                    "finished": _text(one.finished_at), "passed": one.passed,
                }
                for one in done
            ],
            "history": [finding_row(one) for one in assessment_rows.list_findings(rows, subject=device)],
        }  # fmt: skip


def finding_row(finding: Finding) -> Row:
    """Return a finding."""
    return {
        "finding": finding.id, "subject": finding.subject, "probe": finding.probe, "reason": finding.reason,
        "opened": to_text(finding.opened_at), "closed": _text(finding.closed_at), "closed_by": finding.closed_by,
    }  # fmt: skip


def list_finding_rows(
    desk: Desk, *, subject: str | None = None, open_only: bool = True, since: datetime | None = None
) -> list[Row]:
    """Return findings with the plan of action of each: owner and date, and what a technician does about it."""
    now = desk.clock()
    with view(desk) as rows:
        items = {one.finding: one for one in assessment_rows.list_items(rows)}
        found = assessment_rows.list_findings(rows, subject=subject, open_only=open_only, since=since)
        results = assessment_rows.list_results(rows, of={one.assessment for one in found if one.assessment})
    specs = {spec.id: spec for spec in load_catalogue()}

    def advise(finding: Finding) -> str | None:
        result, _ = results.get((finding.assessment or "", finding.probe), (Result.FAIL.value, ""))
        return advise_result(specs[finding.probe], Result(result)) if finding.probe in specs else None

    return [finding_row(one) | _item_fields(items.get(one.id), now) | {"do": advise(one)} for one in found]


def _item_fields(item: PoamItem | None, now: datetime) -> Row:
    """Return what a plan of action adds to a finding's row."""
    if item is None:
        return {"poam": None, "owner": None, "due": None, "overdue": False}
    overdue = item.closed_at is None and item.due <= now
    return {"poam": item.id, "owner": item.owner, "due": to_text(item.due), "overdue": overdue}


def assessment_row(assessment: Assessment) -> Row:
    """Return an assessment as scripts read it: counts, and each probe with its result and the digest of its evidence."""
    counts = {result.value: sum(one.result is result for one in assessment.observations) for result in Result}
    probes = [
        {
            "id": one.probe, "control": one.control, "result": one.result.value, "reason": one.reason,
            "evidence_sha256": one.evidence_sha256,
        }
        for one in assessment.observations
    ]  # fmt: skip
    head = {"equipment": assessment.equipment, "assessment": assessment.id, "cycle": assessment.kind.value}
    return {**head, "passed": assessment.passed, **counts, "probes": probes}


def show_evidence(desk: Desk, assessment: str, probe: str) -> Row:
    """Return what one probe of an assessment saw, evidence included. Raises `NotFound`, or `Integrity` for altered evidence."""
    with view(desk) as rows:
        seen = {one.probe: one for one in assessment_rows.list_observations(rows, assessment)}
    if probe not in seen:
        raise NotFound("there is no such observation", hint="wayseal equipment show ID lists assessments.")
    one = seen[probe]
    try:
        evidence = json.loads(one.evidence)
    except ValueError:
        evidence = one.evidence.hex()
    return {
        "assessment": assessment, "id": one.probe, "control": one.control, "version": one.version,
        "result": one.result.value, "reason": one.reason, "observed": to_text(one.observed_at),
        "evidence_sha256": one.evidence_sha256, "evidence": evidence,
    }  # fmt: skip


def notice_row(notice: Notice, now: datetime) -> Row:
    """Return a lane's public notice."""
    return {
        "notice": notice.id, "lane": notice.lane, "text_sha256": notice.text_sha256, "starts": to_text(notice.starts),
        "ends": to_text(notice.ends), "in_force": notice.starts <= now < notice.ends,
    }  # fmt: skip


def coverage_row(name: str, figure: Coverage) -> Row:
    """Return a coverage figure under a name."""
    return {
        "of": name, "assessed": figure.assessed, "due": figure.due, "total": figure.total, "passing": figure.passing,
        "attention": list(figure.attention),
    }  # fmt: skip


def list_coverage(desk: Desk) -> list[Row]:
    """Return the live coverage of the site, and of each organisation with equipment."""
    now = desk.clock()
    with view(desk) as rows:
        devices = equipment_rows.list_equipment(rows)
        plans = {one.id: plan_one(rows, one, desk.rules, now) for one in devices}
    figures = [coverage_row(desk.site, cover(list(plans.values()), desk.rules, now))]
    for vendor in sorted({one.organisation for one in devices}):
        mine = [plans[one.id] for one in devices if one.organisation == vendor]
        figures.append(coverage_row(vendor, cover(mine, desk.rules, now)))
    return figures


def list_lane_rows(desk: Desk) -> list[Row]:
    """Return each lane that equipment, a notice or an earlier state makes known: fit or not, why, and what it was last told."""
    now = desk.clock()
    with view(desk) as rows:
        states = duty_rows.list_lane_states(rows)
        known = {one.lane for one in equipment_rows.list_equipment(rows) if one.lane is not None}
        known |= {one.lane for one in duty_rows.list_notices(rows)} | set(states)
    found = []
    for lane in sorted(known):
        fitness, state = judge_lane(desk, lane, now), states.get(lane)
        told = None if state is None else ("armed" if state.armed else "disarmed")
        found.append(
            {
                "lane": lane, "fit": fitness.fit, "enforced": fitness.enforced, "reasons": list(fitness.reasons),
                "told": told, "since": None if state is None else to_text(state.since),
            }
        )  # fmt: skip
    return found


def report_activity(desk: Desk, vendor: str, since: datetime) -> Iterator[Row]:
    """Yield every entry since a time that somebody of an organisation made, or that is about it or its equipment, in order.

    Raises `NotFound` for an unknown organisation.
    """
    with view(desk) as rows:
        vendor_rows.get_vendor(rows, vendor)
        staff = [one.id for one in vendor_rows.list_people(rows, organisation=vendor)]
        devices = equipment_rows.list_equipment(rows, organisation=vendor, retired=True)
    keys = [one.id for one in devices] + [one.device_sha256 for one in devices if one.device_sha256]
    found: dict[int, str] = {}
    when = to_text(since)
    for key in keys:
        found |= dict.fromkeys(desk.ledger.find(device=key, since=when), "its equipment")
        found |= dict.fromkeys(desk.ledger.find(object=key, since=when), "its equipment")
    found |= dict.fromkeys(desk.ledger.find(object=vendor, since=when), "about it")
    found |= dict.fromkeys(desk.ledger.find(org=vendor, since=when), "its own")
    for person in staff:
        found |= dict.fromkeys(desk.ledger.find(actor=person, since=when), "its people")
    for index in sorted(found):
        entry = desk.ledger.entry(index)
        yield {
            "index": index, "time": entry["time"], "why": found[index], "type": entry["type"],
            "actor": entry.get("actor"), "object": entry.get("object"), "purpose": entry.get("purpose"),
        }  # fmt: skip
