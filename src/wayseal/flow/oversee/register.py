"""Who is in the register: organisations under one another, their contracts, their people, and the equipment they answer for.

Each act is one entry of the ledger. A staff id belongs to one organisation for ever, and a serial number to one device.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from wayseal.flow.oversee.desk import Act, Desk, act
from wayseal.flow.oversee.standing import is_suspended
from wayseal.model.clock import to_text
from wayseal.model.errors import Invalid, NotFound, Refused
from wayseal.model.ids import check_name, check_staff
from wayseal.model.oversight import Contract, Equipment, EquipmentKind, Medium, Person, Tier, Vendor
from wayseal.store.oversight import equipment as equipment_rows
from wayseal.store.oversight import vendors as vendor_rows

_DIGEST = re.compile(r"[0-9a-f]{64}")
_SERIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+-]{0,63}")


@dataclass(frozen=True, slots=True)
class NewContract:
    """What a contract says when it is registered; `clauses_sha256` is the digest of its signed text."""

    organisation: str
    permitted_data: Sequence[str]
    place: str
    starts: datetime
    ends: datetime
    clauses_sha256: str


@dataclass(frozen=True, slots=True)
class NewEquipment:
    """What is known of a device when it is enrolled. `device_sha256` is the digest of a lane host's sealing key, once it has one."""

    kind: EquipmentKind
    model: str
    serial: str
    organisation: str
    lane: str | None = None
    device_sha256: str | None = None


def add_vendor(desk: Desk, vendor: str, *, tier: Tier, under: str | None, actor: str) -> Vendor:
    """Register an organisation. A subcontractor needs the organisation that it works under; nobody else has one.

    Raises `Invalid` when it is there already or the chain makes no sense, `Refused` under a suspended one.
    """
    check_name(vendor, what="organisation id")
    if (tier is Tier.SUBCONTRACTOR) != (under is not None):
        raise Invalid("a subcontractor works under somebody, and nobody else does", hint="Use --under PRIME.")
    with act(desk, actor=actor) as doing:
        if vendor_rows.find_vendor(doing.rows, vendor) is not None:
            raise Invalid(
                "this organisation is registered already",
                hint=f"Look at it: wayseal vendor show {vendor}",
                organisation=vendor,
            )
        if under is not None:
            above = vendor_rows.get_vendor(doing.rows, under)
            if above.tier not in (Tier.PRIME, Tier.SUBCONTRACTOR):
                raise Invalid("only primes and subcontractors have subcontractors", organisation=under)
            if is_suspended(doing.rows, above):
                raise Refused("a suspended organisation takes nobody on", organisation=under)
        if tier is Tier.AGENCY:
            raise Invalid("there is one agency, and it is registered by itself", organisation=desk.agency)
        entry = {"object": vendor, "tier": tier.value, **({} if under is None else {"under": under})}
        status = {"type": "org-status", "object": vendor, "status": "active", "actor": actor}
        doing.log([_entry(doing, "organisation", "added", actor, entry), _dated(doing, status)])
        return vendor_rows.get_vendor(doing.rows, vendor)


def add_contract(desk: Desk, contract: str, new: NewContract, *, actor: str) -> Contract:
    """Register a contract at this site. Raises `Invalid` for one that ends before it begins or is there already."""
    check_name(contract, what="contract id")
    _check_digest(new.clauses_sha256)
    if new.starts >= new.ends:
        raise Invalid("a contract that ends before it begins", contract=contract)
    with act(desk, actor=actor) as doing:
        vendor_rows.get_vendor(doing.rows, new.organisation)
        if any(one.id == contract for one in vendor_rows.list_contracts(doing.rows)):
            raise Invalid(
                "this contract is registered already",
                hint="Look at it: wayseal vendor contract list; a new contract has an id of its own.",
                contract=contract,
            )
        fields = {
            "object": contract, "org": new.organisation, "site": desk.site,
            "place": check_name(new.place, what="place"), "starts": to_text(new.starts), "until": to_text(new.ends),
            "clauses_sha256": new.clauses_sha256,
        }  # fmt: skip
        permitted = sorted({check_name(kind, what="kind of data") for kind in new.permitted_data})
        more = {"permitted": permitted} if permitted else {}
        doing.log([_entry(doing, "contract", "added", actor, {**fields, **more})])
        return vendor_rows.get_contract(doing.rows, contract)


def end_contract(desk: Desk, contract: str, *, actor: str) -> Contract:
    """End a contract now: access closes by itself, and what was handed over must be returned or destroyed."""
    with act(desk, actor=actor) as doing:
        known = vendor_rows.get_contract(doing.rows, contract)
        if known.ends <= doing.now:
            raise Invalid("the contract has ended already", contract=contract)
        doing.log(
            [_entry(doing, "contract", "ended", actor, {"object": contract, "org": known.organisation})]
        )
        return vendor_rows.get_contract(doing.rows, contract)


def add_person(
    desk: Desk, person: str, *, organisation: str, role: str, training_until: datetime | None, actor: str
) -> Person:
    """Register somebody by staff id. Without a training date they have no access yet.

    Raises `Refused` when the id belongs to another organisation: whoever was suspended with one does not come back with another.
    """
    check_staff(person)
    check_name(role, what="role")
    with act(desk, actor=actor) as doing:
        vendor_rows.get_vendor(doing.rows, organisation)
        known = vendor_rows.find_person(doing.rows, person)
        if known is not None and known.organisation != organisation:
            raise Refused(
                "this staff id belongs to another organisation", hint="An id stays with its organisation for ever.",
                person=person, organisation=known.organisation,
            )  # fmt: skip
        if known is not None and known.left_at is None:
            raise Invalid(
                "this person is registered already",
                hint="New training: wayseal vendor training; who left: wayseal vendor person leave.",
                person=person,
            )
        return _write_person(doing, Person(person, organisation, role, training_until), "added", actor)


def renew_training(desk: Desk, person: str, *, until: datetime, actor: str) -> Person:
    """Record that somebody's privacy training is valid until a date."""
    with act(desk, actor=actor) as doing:
        known = _get_person(doing, person)
        fresh = Person(known.id, known.organisation, known.role, until, known.left_at)
        return _write_person(doing, fresh, "changed", actor)


def end_person(desk: Desk, person: str, *, actor: str) -> Person:
    """Record that somebody has left: their access ends now."""
    with act(desk, actor=actor) as doing:
        known = _get_person(doing, person)
        return _write_person(doing, Person(known.id, known.organisation, known.role, None), "ended", actor)


def enrol_equipment(desk: Desk, device: str, new: NewEquipment, *, actor: str) -> Equipment:
    """Enrol a device at this site, or take a retired one back under its own id.

    Raises `Refused` when another device has the serial number, `Invalid` when this one is enrolled already.
    """
    check_name(device, what="equipment id")
    check_name(new.model, what="model")
    if not _SERIAL.fullmatch(new.serial):
        raise Invalid("not a serial number", hint="Letters, digits and . _ : / + -; at most 64.")
    if new.device_sha256 is not None:
        _check_digest(new.device_sha256)
    with act(desk, actor=actor) as doing:
        vendor_rows.get_vendor(doing.rows, new.organisation)
        _check_enrolment(doing, device, new)
        fields = {
            "object": device, "org": new.organisation, "equipment_kind": new.kind.value, "model": new.model,
            "serial": new.serial, "site": desk.site,
        }  # fmt: skip
        if new.lane is not None:
            fields["lane"] = check_name(new.lane, what="lane id")
        if new.device_sha256 is not None:
            fields["device"] = new.device_sha256
        doing.log([_entry(doing, "equipment", "added", actor, fields)])
        return equipment_rows.get_equipment(doing.rows, device)


def _check_enrolment(doing: Act, device: str, new: NewEquipment) -> None:
    """Raise unless id and serial number are free, or are of this very device, which was retired and gets round nobody's suspension."""
    same = equipment_rows.find_serial(doing.rows, new.serial)
    if same is not None and same.id != device:
        raise Refused(
            "two devices with one serial number", hint="One of them lies: look at both.", equipment=device, other=same.id
        )  # fmt: skip
    known = equipment_rows.find_equipment(doing.rows, device)
    if known is None:
        return
    if known.serial != new.serial:
        raise Refused("this id belongs to a device with another serial number", equipment=device)
    if known.retired_at is None:
        raise Invalid(
            "this equipment is enrolled already",
            hint="Another model or lane: wayseal equipment changed; or wayseal equipment retire it first.",
            equipment=device,
        )
    if known.organisation != new.organisation and is_suspended(
        doing.rows, vendor_rows.get_vendor(doing.rows, known.organisation)
    ):
        raise Refused(
            "a suspended organisation's device does not come back under another name",
            hint="Reinstate the organisation first: wayseal vendor reinstate ID.", equipment=device,
        )  # fmt: skip


def note_change(
    desk: Desk, device: str, *, actor: str, model: str | None = None, lane: str | None = None, key: str | None = None
) -> Equipment:  # fmt: skip
    """Record that a device was changed: it must be assessed again before its lane gets another key. `key`: its sealing key's digest."""
    with act(desk, actor=actor) as doing:
        known = equipment_rows.get_equipment(doing.rows, device)
        if known.retired_at is not None:
            raise Invalid("this equipment is retired", equipment=device)
        fields = {"object": device, "org": known.organisation}
        if model is not None:
            fields["model"] = check_name(model, what="model")
        if lane is not None:
            fields["lane"] = check_name(lane, what="lane id")
        if key is not None:
            fields["device"] = _check_digest(key)
        doing.log([_entry(doing, "equipment", "changed", actor, fields)])
        return equipment_rows.get_equipment(doing.rows, device)


def retire_equipment(desk: Desk, device: str, *, actor: str) -> Equipment:
    """Take a device out of service. Its assessments and findings stay on the ledger."""
    with act(desk, actor=actor) as doing:
        known = equipment_rows.get_equipment(doing.rows, device)
        if known.retired_at is not None:
            raise Invalid("this equipment is retired already", equipment=device)
        fields = {"object": device, "org": known.organisation}
        doing.log([_entry(doing, "equipment", "ended", actor, fields)])
        return equipment_rows.get_equipment(doing.rows, device)


def add_component(desk: Desk, model: str, body: bytes, *, actor: str) -> str:
    """Keep a model's component definition, and its digest on the ledger. Returns the SHA-256."""
    check_name(model, what="model")
    with act(desk, actor=actor) as doing:
        digest = equipment_rows.put_component(doing.rows, model, body, when=doing.now)
        fields = {"object": model, "component_sha256": digest}
        doing.log([_entry(doing, "component", "added", actor, fields)])
        return digest


def add_medium(desk: Desk, medium: Medium, *, actor: str) -> Medium:
    """Register a removable medium of the agency's for one port and one work order. Raises `Invalid` for one that ends before now."""
    check_name(medium.id, what="medium id")
    with act(desk, actor=actor) as doing:
        if medium.until <= doing.now:
            raise Invalid("the registration would have ended already", medium=medium.id)
        fields = {
            "object": medium.id, "serial": medium.serial, "vendor_id": medium.vendor_id, "product_id": medium.product_id,
            "port": medium.via_port, "work_order": medium.work_order, "until": to_text(medium.until),
        }  # fmt: skip
        if medium.descriptors_sha256 is not None:
            fields["descriptors_sha256"] = medium.descriptors_sha256
        doing.log([_entry(doing, "medium", "added", actor, fields)])
        return equipment_rows.get_medium(doing.rows, medium.id)


def end_medium(desk: Desk, medium: str, *, actor: str) -> Medium:
    """Take a removable medium off the register before its time."""
    with act(desk, actor=actor) as doing:
        equipment_rows.get_medium(doing.rows, medium)
        doing.log([_entry(doing, "medium", "ended", actor, {"object": medium})])
        return equipment_rows.get_medium(doing.rows, medium)


def _entry(
    doing: Act, register: str, action: str, actor: str, fields: Mapping[str, object]
) -> dict[str, object]:
    """Return one entry of the register, dated with its act."""
    head = {"type": "register", "register": register, "action": action, "actor": actor}
    return _dated(doing, {**head, **fields})


def _dated(doing: Act, entry: Mapping[str, object]) -> dict[str, object]:
    return {**entry, "time": to_text(doing.now)}


def _write_person(doing: Act, person: Person, action: str, actor: str) -> Person:
    """Log what somebody's access depends on, and return them as they are registered now."""
    fields: dict[str, object] = {"object": person.id, "org": person.organisation, "role": person.role}
    if person.training_until is not None:
        fields["until"] = to_text(person.training_until)
    doing.log([_entry(doing, "person", action, actor, fields)])
    return _get_person(doing, person.id)


def _get_person(doing: Act, person: str) -> Person:
    known = vendor_rows.find_person(doing.rows, person)
    if known is None:
        raise NotFound(
            "nobody is registered under this staff id", hint="wayseal vendor show ID", person=person
        )
    return known


def _check_digest(text: str) -> str:
    if not _DIGEST.fullmatch(text):
        raise Invalid("not a SHA-256", hint="64 hexadecimal digits, lower case: sha256sum FILE")
    return text
