"""What each entry of the ledger means for the rows of oversight: the one place where they are written.

Pure following: nothing is checked here, because what is on the ledger has happened. Applying an entry twice does no harm.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from wayseal.model.clock import from_text
from wayseal.model.oversight import (
    AssessmentKind,
    Contract,
    Duty,
    Equipment,
    EquipmentKind,
    Finding,
    LaneState,
    Medium,
    Notice,
    Person,
    PoamItem,
    ReturnCertificate,
    SignOff,
    Standing,
    Tier,
    Vendor,
)
from wayseal.store.oversight import assessments as assessment_rows
from wayseal.store.oversight import duties as duty_rows
from wayseal.store.oversight import equipment as equipment_rows
from wayseal.store.oversight import vendors as vendor_rows

Entry = Mapping[str, Any]


def apply_entry(connection: Connection, index: int, entry: Entry) -> None:
    """Let the rows follow one entry. Entries of other types change nothing."""
    known = _APPLY.get(entry["type"])
    if known is not None:
        known(connection, index, entry)


def _time(entry: Entry, field: str = "time") -> datetime:
    return from_text(entry[field])


def _maybe(entry: Entry, field: str) -> datetime | None:
    return from_text(entry[field]) if field in entry else None


def _organisation(connection: Connection, index: int, entry: Entry) -> None:
    when = _time(entry)
    if vendor_rows.find_vendor(connection, entry["object"]) is None:
        vendor_rows.put_vendor(
            connection,
            Vendor(entry["object"], Tier(entry["tier"]), entry.get("under"), when, standing_at=when, standing_index=index),
        )  # fmt: skip


def _contract(connection: Connection, _index: int, entry: Entry) -> None:
    if entry["action"] == "ended":
        known = vendor_rows.get_contract(connection, entry["object"])
        vendor_rows.put_contract(connection, replace(known, ends=min(known.ends, _time(entry))))
        return
    contract = Contract(
        id=entry["object"], organisation=entry["org"], site=entry["site"], permitted_data=tuple(entry.get("permitted", ())),
        place=entry["place"], starts=_time(entry, "starts"), ends=_time(entry, "until"),
        clauses_sha256=entry["clauses_sha256"],
    )  # fmt: skip
    vendor_rows.put_contract(connection, contract)


def _person(connection: Connection, _index: int, entry: Entry) -> None:
    known = vendor_rows.find_person(connection, entry["object"])
    left = _time(entry) if entry["action"] == "ended" else None
    if known is not None:
        until = _maybe(entry, "until") or known.training_until
        left = left or (None if entry["action"] == "added" else known.left_at)
        known = replace(known, training_until=until, left_at=left)
    else:
        known = Person(entry["object"], entry["org"], entry["role"], _maybe(entry, "until"), left)
    vendor_rows.put_person(connection, replace(known, organisation=entry["org"], role=entry["role"]))


def _equipment(connection: Connection, _index: int, entry: Entry) -> None:
    known, when = equipment_rows.find_equipment(connection, entry["object"]), _time(entry)
    if known is None:
        known = Equipment(
            id=entry["object"], kind=EquipmentKind(entry["equipment_kind"]), model=entry["model"], serial=entry["serial"],
            organisation=entry["org"], site=entry["site"], lane=entry.get("lane"), device_sha256=entry.get("device"),
            enrolled_at=when, changed_at=when,
        )  # fmt: skip
    elif entry["action"] == "ended":
        known = replace(known, retired_at=when)
    else:
        known = replace(
            known, changed_at=when, retired_at=None, model=entry.get("model", known.model),
            organisation=entry.get("org", known.organisation), site=entry.get("site", known.site),
            lane=entry.get("lane", known.lane), device_sha256=entry.get("device", known.device_sha256),
        )  # fmt: skip
    equipment_rows.put_equipment(connection, known)


def _medium(connection: Connection, _index: int, entry: Entry) -> None:
    if entry["action"] == "ended":
        known = equipment_rows.get_medium(connection, entry["object"])
        equipment_rows.put_medium(connection, replace(known, removed_at=_time(entry)))
        return
    medium = Medium(
        id=entry["object"], serial=entry["serial"], vendor_id=entry["vendor_id"], product_id=entry["product_id"],
        via_port=entry["port"], work_order=entry["work_order"], registered_at=_time(entry), until=_time(entry, "until"),
        descriptors_sha256=entry.get("descriptors_sha256"),
    )  # fmt: skip
    equipment_rows.put_medium(connection, medium)


def _register(connection: Connection, index: int, entry: Entry) -> None:
    known = _REGISTERS.get(entry["register"])
    if known is not None:
        known(connection, index, entry)


def _standing(connection: Connection, index: int, entry: Entry) -> None:
    """Follow a suspension or a reinstatement, which may name the suspension that it ends; a mere `active` lifts no suspension."""
    known = vendor_rows.find_vendor(connection, entry["object"])
    if known is None or entry["status"] == "active":
        return
    if (
        entry["status"] == "reinstated"
        and entry.get("suspension", known.standing_index) != known.standing_index
    ):
        return
    standing = Standing.SUSPENDED if entry["status"] == "suspended" else Standing.ACTIVE
    changed = replace(known, standing=standing, standing_at=_time(entry), standing_index=index)
    vendor_rows.put_vendor(connection, changed)


def _drawn(connection: Connection, _index: int, entry: Entry) -> None:
    drawn = assessment_rows.DrawnAssessment(
        id=entry["object"], equipment=entry["device"], kind=AssessmentKind(entry["cycle"]), assessor=entry["assessor"],
        nonce=entry["nonce"], drawn_at=_time(entry),
    )  # fmt: skip
    assessment_rows.put_drawn(connection, drawn)


def _attest(connection: Connection, _index: int, entry: Entry) -> None:
    if "assessment" not in entry:
        return
    drawn = assessment_rows.get_drawn(connection, entry["assessment"])
    done = replace(
        drawn, started_at=_time(entry, "starts"), finished_at=_time(entry, "until"),
        passed=entry["result"] == "pass",
    )  # fmt: skip
    assessment_rows.put_drawn(connection, done)


def _finding(connection: Connection, _index: int, entry: Entry) -> None:
    when = _time(entry)
    if entry["action"] == "closed":
        closed_by = entry.get("assessment") or entry.get("actor")
        assessment_rows.close_finding(connection, entry["object"], when=when, closed_by=closed_by)
        return
    finding = Finding(entry["object"], entry["subject"], entry["probe"], "", when, entry.get("assessment"))
    assessment_rows.put_finding(connection, finding)
    item = PoamItem(entry["item"], finding.id, entry["owner"], _time(entry, "until"))
    assessment_rows.put_item(connection, item)


def _notice(connection: Connection, _index: int, entry: Entry) -> None:
    notice = Notice(
        entry["object"], entry["lane"], entry["text_sha256"], _time(entry, "starts"), _time(entry, "until")
    )
    duty_rows.put_notice(connection, notice)


def _sign_off(connection: Connection, _index: int, entry: Entry) -> None:
    signed = SignOff(
        id=entry["object"], site=entry["site"], duty=Duty(entry["duty"]), principal=entry["actor"], signed_at=_time(entry),
        until=_time(entry, "until"),
    )  # fmt: skip
    duty_rows.put_sign_off(connection, signed)


def _returned(connection: Connection, _index: int, entry: Entry) -> None:
    certificate = ReturnCertificate(
        id=entry["object"], contract=entry["contract"], returned=entry["returned"], destroyed=entry["destroyed"],
        signed_by=entry["actor"], signed_at=_time(entry),
    )  # fmt: skip
    vendor_rows.put_return(connection, certificate)


def _lane_status(connection: Connection, _index: int, entry: Entry) -> None:
    armed = entry["status"] == "armed"
    state = LaneState(entry["object"], armed, entry.get("reason"), _time(entry))
    duty_rows.put_lane_state(connection, state)


_Apply = Callable[[Connection, int, Entry], None]
_REGISTERS: dict[str, _Apply] = {
    "organisation": _organisation, "contract": _contract, "person": _person, "equipment": _equipment, "medium": _medium,
}  # fmt: skip
_APPLY: dict[str, _Apply] = {
    "register": _register, "org-status": _standing, "assessment": _drawn, "attest": _attest, "finding": _finding,
    "notice": _notice, "sign-off": _sign_off, "return": _returned, "lane-status": _lane_status,
}  # fmt: skip
APPLIED = tuple(_APPLY)
"""The types of entries that the rows follow."""
