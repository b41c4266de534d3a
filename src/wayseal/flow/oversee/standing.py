"""Whether organisations and people may do anything here at all, computed anew from the register at each question.

A suspended organisation takes everybody under it along. Nobody comes back without fresh assessments and two approvals.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from wayseal.flow.oversee.desk import Act, Desk, act, view
from wayseal.flow.oversee.schedule import latest_full
from wayseal.flow.petition import REINSTATEMENT, petition_entry
from wayseal.model.clock import to_text
from wayseal.model.errors import Invalid, Refused
from wayseal.model.ids import new_ulid
from wayseal.model.oversight import Person, Standing, Tier, Vendor
from wayseal.store.oversight import equipment as equipment_rows
from wayseal.store.oversight import vendors as vendor_rows

SERVICES = frozenset(("matcher", "system", "keyroom"))
"""Roles of processes; everybody else is a person."""


@dataclass(frozen=True, slots=True)
class PersonStanding:
    """What policy is told of somebody: their organisation, the role they may act in, and whether access is closed, and why."""

    organisation: str
    role: str
    suspended: bool
    training_valid: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class StandingChange:
    """A change of standing as the ledger has it: the organisations it reached, and the first entry's index."""

    organisation: str
    standing: Standing
    reached: tuple[str, ...]
    ledger_index: int


def standing_of(desk: Desk, person: str, role: str, now: datetime) -> PersonStanding:
    """Return what somebody may be taken for at `now`.

    Whoever is registered acts in the role that the register has, whatever role they name; somebody of a vendor as `vendor`.
    A staff id that nobody registered is the agency's, with its training taken as valid on an evaluation site, or until the
    first person is registered.
    """
    with view(desk) as rows:
        known = vendor_rows.find_person(rows, person)  # also when somebody says that they are a process
        if known is None:
            strict = role not in SERVICES and not desk.open_everywhere and bool(vendor_rows.list_people(rows))
            reason = "not-registered" if strict else None
            return PersonStanding(
                desk.agency, role, suspended=False, training_valid=not strict, reason=reason
            )
        return _judge_person(desk, rows, known, now)


def _judge_person(desk: Desk, rows: Connection, person: Person, now: datetime) -> PersonStanding:
    """Return a registered person's standing; the first reason that closes access is named."""
    vendor = vendor_rows.get_vendor(rows, person.organisation)
    acting = {Tier.AGENCY: person.role, Tier.ASSESSOR: "assessor"}.get(vendor.tier, "vendor")
    reason = None
    if is_suspended(rows, vendor):
        reason = "organisation-suspended"
    elif person.left_at is not None and person.left_at <= now:
        reason = "left"
    elif vendor.tier is not Tier.AGENCY and not has_contract(rows, vendor.id, desk.site, now):
        reason = "no-contract"
    trained = person.training_until is not None and now < person.training_until
    return PersonStanding(
        vendor.id, acting, suspended=reason is not None, training_valid=trained,
        reason=reason or (None if trained else "training-expired"),
    )  # fmt: skip


def chain_of(rows: Connection, vendor: Vendor) -> list[Vendor]:
    """Return an organisation and those it works under, itself first."""
    chain = [vendor]
    while chain[-1].under is not None and len(chain) < 16:
        chain.append(vendor_rows.get_vendor(rows, chain[-1].under))
    return chain


def is_suspended(rows: Connection, vendor: Vendor) -> bool:
    """Say whether an organisation, or one it works under, is suspended."""
    return any(one.standing is Standing.SUSPENDED for one in chain_of(rows, vendor))


def has_contract(rows: Connection, organisation: str, site: str, now: datetime) -> bool:
    """Say whether an organisation has a contract in force at a site."""
    found = vendor_rows.list_contracts(rows, organisation=organisation)
    return any(one.site == site and one.starts <= now < one.ends for one in found)


def suspend_vendor(desk: Desk, organisation: str, *, reason: str, actor: str) -> StandingChange:
    """Suspend an organisation and everybody under it. The entries count from the moment they are on the ledger.

    Each organisation that was reached comes back by an act of its own. Raises `Invalid` when it is suspended already, `Refused` for the agency itself.
    """
    with act(desk, actor=actor) as doing:
        vendor = vendor_rows.get_vendor(doing.rows, organisation)
        if vendor.tier is Tier.AGENCY:
            raise Refused("the agency cannot suspend itself", hint="Suspend the organisation concerned.")
        if vendor.standing is Standing.SUSPENDED:
            raise Invalid("this organisation is suspended already", organisation=organisation)
        reached = [vendor.id, *_below(doing.rows, vendor.id)]
        head = {"type": "org-status", "status": "suspended", "actor": actor, "time": to_text(doing.now)}
        first = {**head, "object": vendor.id, "reason": reason}
        rest = [{**head, "object": one, "reason": "prime-suspended"} for one in reached[1:]]
        indices = doing.log([first, *rest])
        return StandingChange(vendor.id, Standing.SUSPENDED, tuple(reached), indices[0])


def _below(rows: Connection, organisation: str) -> list[str]:
    """Return the organisations in good standing under one, at any depth, nearest first."""
    everybody = vendor_rows.list_vendors(rows)
    found, edge = [], [organisation]
    while edge:
        edge = [one.id for one in everybody if one.under in edge and one.id not in found]
        found += edge
    active = {one.id for one in everybody if one.standing is Standing.ACTIVE}
    return [one for one in found if one in active]


def reinstate_vendor(
    desk: Desk, organisation: str, *, approvers: Sequence[str], actor: str
) -> StandingChange:
    """Take an organisation back.

    Raises `Refused` unless every device of its own passed a full assessment that was drawn after the suspension, and two
    people of two other organisations approve.
    """
    with act(desk, actor=actor) as doing:
        vendor, assessment = _check_return(doing, organisation, approvers)
        entry = {
            "type": "org-status", "object": vendor.id, "status": "reinstated", "actor": actor,
            "time": to_text(doing.now), "approvers": list(approvers), "assessment": assessment,
        }  # fmt: skip
        (index,) = doing.log([entry])
        return StandingChange(vendor.id, Standing.ACTIVE, (vendor.id,), index)


def ask_reinstatement(
    desk: Desk, organisation: str, *, approvers: Sequence[str], actor: str
) -> tuple[str, int]:
    """Put the petition on the ledger that an organisation comes back, for both approvers to sign; return its id and index.

    Raises as `reinstate_vendor`. Nobody is back before the keyroom has seen both signatures (`Opener.settle`).
    """
    with act(desk, actor=actor) as doing:
        vendor, assessment = _check_return(doing, organisation, approvers)
        petition = new_ulid(doing.now)
        facts = {"subject": vendor.id, "suspension": vendor.standing_index, "assessment": assessment}
        entry = petition_entry(
            REINSTATEMENT, petition, actor=actor, approvers=approvers, now=doing.now, facts=facts
        )
        (index,) = doing.log([entry])
        return petition, index


def _check_return(doing: Act, organisation: str, approvers: Sequence[str]) -> tuple[Vendor, str]:
    """Return a suspended organisation and the assessment by which it may come back. Raises `Refused`, or `Invalid` for one in good standing."""
    vendor = vendor_rows.get_vendor(doing.rows, organisation)
    if vendor.standing is not Standing.SUSPENDED:
        raise Invalid("this organisation is not suspended", organisation=organisation)
    _check_approvers(doing, vendor, approvers)
    return vendor, _fresh_assessment(doing, vendor)


def _check_approvers(doing: Act, vendor: Vendor, approvers: Sequence[str]) -> None:
    """Raise `Refused` unless two registered people of two organisations outside the vendor's chain approve, both in good standing."""
    kin = {one.id for one in chain_of(doing.rows, vendor)} | set(_below(doing.rows, vendor.id))
    organisations = set()
    for name in approvers:
        person = vendor_rows.find_person(doing.rows, name)
        if person is None or person.organisation in kin:
            raise Refused(
                "an approver must be registered, and of another organisation than the one that wants to come back",
                hint="wayseal vendor person add ID --organisation ORG --role ROLE", approver=name,
            )  # fmt: skip
        standing = _judge_person(doing.desk, doing.rows, person, doing.now)
        if standing.reason is not None:
            raise Refused("an approver has no access", approver=name, reason=standing.reason)
        organisations.add(person.organisation)
    if len(set(approvers)) < 2 or len(organisations) < 2:
        raise Refused(
            "two people of two organisations must approve", hint="Give --approver twice.", given=len(set(approvers))
        )  # fmt: skip


def _fresh_assessment(doing: Act, vendor: Vendor) -> str:
    """Return the newest full assessment since the suspension. Raises `Refused` when a device of the vendor's has none that passed."""
    devices = equipment_rows.list_equipment(doing.rows, organisation=vendor.id)
    if not devices or vendor.standing_at is None:
        raise Refused(
            "there is nothing that was assessed after the suspension",
            hint="Enrol the equipment it works with, and assess it: wayseal equipment assess ID --full",
        )
    found = []
    for device in devices:
        last = latest_full(doing.rows, device.id)
        if last is None or not last.passed or last.drawn_at <= vendor.standing_at:
            raise Refused(
                "a device has passed no full assessment since the suspension",
                hint=f"wayseal equipment assess {device.id}", equipment=device.id,
            )  # fmt: skip
        found.append(last)
    return max(found, key=lambda one: one.drawn_at).id
