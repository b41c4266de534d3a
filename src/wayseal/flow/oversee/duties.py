"""Duties that are not probes: public notices, joint sign-off, and what must be returned or destroyed when a contract ends.

What is overdue is computed; `open_overdue` turns it into findings, and an act that meets the duty closes them.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from wayseal.flow.oversee.assessments import finding_entry
from wayseal.flow.oversee.desk import Act, Desk, act, check_actor, view
from wayseal.model.clock import to_text
from wayseal.model.errors import Invalid, Refused
from wayseal.model.ids import check_name, new_ulid
from wayseal.model.oversight import Contract, Duty, Finding, Notice, ReturnCertificate, SignOff
from wayseal.store.oversight import assessments as assessment_rows
from wayseal.store.oversight import duties as duty_rows
from wayseal.store.oversight import vendors as vendor_rows

RETURN_OVERDUE = "return-or-destroy-overdue"
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Attention:
    """Something that ends or falls due: what, whose, when, and whether that is past."""

    what: str
    subject: str
    due: datetime
    overdue: bool


def add_notice(
    desk: Desk, lane: str, *, text_sha256: str, starts: datetime, ends: datetime, actor: str
) -> Notice:
    """Register a lane's public notice by the digest of its text. Raises `Invalid` when it would end before it begins."""
    check_name(lane, what="lane id")
    if not _DIGEST.fullmatch(text_sha256):
        raise Invalid("not a SHA-256", hint="64 hexadecimal digits, lower case: sha256sum FILE")
    if starts >= ends:
        raise Invalid("a notice that ends before it begins", lane=lane)
    with act(desk, actor=actor) as doing:
        entry = {
            "type": "notice", "object": new_ulid(doing.now), "lane": lane, "text_sha256": text_sha256,
            "starts": to_text(starts), "until": to_text(ends), "actor": actor, "time": to_text(doing.now),
        }  # fmt: skip
        doing.log([entry])
        return next(one for one in duty_rows.list_notices(doing.rows, lane=lane) if one.id == entry["object"])


def sign_off(desk: Desk, duty: Duty, *, principal: str) -> SignOff:
    """Sign this site off for operations or for IT. Raises `Refused` when the same person already signed for the other."""
    with act(desk, actor=principal) as doing:
        standing = [
            one for one in duty_rows.list_sign_offs(doing.rows, site=desk.site) if doing.now < one.until
        ]
        if any(one.principal == principal and one.duty is not duty for one in standing):
            raise Refused(
                "the same person signed for the other side",
                hint="Operations and IT sign off jointly: two people.",
            )
        entry = {
            "type": "sign-off", "object": new_ulid(doing.now), "site": desk.site, "duty": duty.value, "actor": principal,
            "until": to_text(doing.now + desk.rules.sign_off), "time": to_text(doing.now),
        }  # fmt: skip
        doing.log([entry])
        return next(
            one for one in duty_rows.list_sign_offs(doing.rows, site=desk.site) if one.id == entry["object"]
        )


def certify_return(
    desk: Desk, contract: str, *, returned: int, destroyed: int, actor: str
) -> ReturnCertificate:
    """Record an organisation's certificate of what it returned and destroyed, and close the finding that waited for it.

    Both counts may be zero: that says that it held nothing. Raises `Invalid` before the contract has ended.
    """
    if returned < 0 or destroyed < 0:
        raise Invalid("counts cannot be negative")
    with act(desk) as doing:
        known = vendor_rows.get_contract(doing.rows, contract)
        check_actor(doing, actor, (known.organisation,))
        if known.ends > doing.now:
            raise Invalid(
                "the contract has not ended", hint="wayseal vendor contract end ID", contract=contract
            )
        entry = {
            "type": "return", "object": new_ulid(doing.now), "contract": contract, "returned": returned,
            "destroyed": destroyed, "actor": actor, "org": known.organisation, "time": to_text(doing.now),
        }  # fmt: skip
        waiting = _waiting_for(doing, contract)
        closing = [
            {
                "type": "finding", "object": one.id, "action": "closed", "subject": one.subject, "probe": one.probe,
                "actor": actor, "time": to_text(doing.now),
            }
            for one in waiting
        ]  # fmt: skip
        doing.log([entry, *closing])
        return vendor_rows.list_returns(doing.rows, contract=contract)[-1]


def _waiting_for(doing: Act, contract: str) -> list[Finding]:
    """Return the open findings of a contract whose certificate is overdue."""
    found = assessment_rows.list_findings(doing.rows, subject=contract, open_only=True)
    return [one for one in found if one.probe == RETURN_OVERDUE]


def open_overdue(desk: Desk) -> list[str]:
    """Open a finding for each ended contract without a certificate in time, and return the ids of those that are new."""
    with act(desk) as doing:
        entries = [
            {
                **finding_entry(
                    doing, one.id, RETURN_OVERDUE, owner=one.organisation, due=one.ends + desk.rules.return_within
                ),
                "time": to_text(doing.now),
            }
            for one in _late_contracts(doing)
            if not _waiting_for(doing, one.id)
        ]  # fmt: skip
        if entries:
            doing.log(entries)
        return [str(one["object"]) for one in entries]


def _late_contracts(doing: Act) -> list[Contract]:
    """Return contracts that ended longer ago than a return may take, and have no certificate."""
    within = doing.desk.rules.return_within
    return [
        one
        for one in vendor_rows.list_contracts(doing.rows)
        if one.ends + within <= doing.now and not vendor_rows.list_returns(doing.rows, contract=one.id)
    ]


def list_attention(desk: Desk) -> list[Attention]:
    """Return everything but assessments that is overdue or ends within the days that the rules look ahead, soonest first."""
    now = desk.clock()
    soon = now + desk.rules.ahead
    found: list[tuple[str, str, datetime]] = []
    with view(desk) as rows:
        contracts = vendor_rows.list_contracts(rows)
        found += [("contract ends", one.id, one.ends) for one in contracts if one.ends > now]
        found += [
            ("return certificate", one.id, one.ends + desk.rules.return_within)
            for one in contracts
            if one.ends <= now and not vendor_rows.list_returns(rows, contract=one.id)
        ]
        found += [
            ("training", one.id, one.training_until)
            for one in vendor_rows.list_people(rows)
            if one.left_at is None and one.training_until is not None
        ]
        notices = {one.lane: one for one in duty_rows.list_notices(rows)}
        found += [("notice", lane, one.ends) for lane, one in notices.items()]
        offs = {one.duty: one for one in duty_rows.list_sign_offs(rows, site=desk.site)}
        found += [(f"sign-off of {duty.value}", desk.site, one.until) for duty, one in offs.items()]
        found += [("POA&M item", one.id, one.due) for one in assessment_rows.list_items(rows, open_only=True)]
    return [
        Attention(what, subject, due, due <= now)
        for what, subject, due in sorted(found, key=lambda one: one[2])
        if due < soon
    ]
