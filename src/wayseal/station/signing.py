"""Signing at one site: what waits for somebody, what exactly they would sign in words, and what they gave.

Owns how releases, session grants, holds and petitions are described to people. It signs for nobody, and no rule is its own.
"""

from typing import TYPE_CHECKING, Any

from wayseal.export.approval import Subject
from wayseal.flow.countersign import PETITIONS, Matter, check_signer, find_matter
from wayseal.flow.disclose import Disclosure
from wayseal.flow.petition import SIGNED
from wayseal.flow.policy import Principal
from wayseal.flow.waiting import (
    Waiting,
    list_grants,
    list_holds,
    list_petitions,
    list_releases,
    look_at_grant,
    look_at_hold,
    look_at_petition,
    look_at_release,
)
from wayseal.model.clock import to_text
from wayseal.model.errors import Unapproved, WaysealError
from wayseal.store.approvers import get_approver
from wayseal.store.engine import read

if TYPE_CHECKING:
    from wayseal.station.site import Site


def list_matters(site: "Site", desk: Disclosure, about: Subject) -> list[Waiting]:
    """Return the releases, grants, holds or petitions that still wait or are signed already, newest first."""
    if about in PETITIONS:
        return list_petitions(desk, about)
    if about is Subject.RELEASE:
        return list_releases(desk, site.settings.release.habits())
    return list_grants(desk) if about is Subject.GRANT else list_holds(desk)


def must_sign(site: "Site") -> bool:
    """Say whether people's word counts at this site with their signature only."""
    return site.settings.release.signed_approvals or site.opener.teach().pinned


def check_unsigned(site: "Site") -> None:
    """Raise `Unapproved` where somebody's no counts with their signature only, as their yes does."""
    if must_sign(site):
        raise Unapproved(
            "here a no is signed, as a yes is",
            hint="Sign it at the console under /approvals; or as a file: sign BALLOT --decline REASON, then decline --approval FILE.",
        )


def must_settle(site: "Site") -> bool:
    """Say whether only the keyroom carries out a lift or a reinstatement here: where people's word counts signed only, or ever did."""
    site.opener.teach()  # a keyroom that is opened says so on the ledger by itself
    return bool(site.ledger.find(type="config", object=SIGNED))


def look_at(site: "Site", desk: Disclosure, about: Subject, matter_id: str) -> Waiting:
    """Return where one matter stands. Raises `NoIntent` for one that the ledger does not have."""
    matter = find_matter(desk, about, matter_id)
    if about in PETITIONS:
        return look_at_petition(desk, matter)
    if about is not Subject.RELEASE:
        return look_at_grant(desk, matter) if about is Subject.GRANT else look_at_hold(desk, matter)
    return look_at_release(desk, matter, site.settings.release.habits())


def name_signer(desk: Disclosure, approver: str) -> Principal:
    """Return an approver as they stand now. Raises `NotFound` for nobody."""
    with read(desk.store.engine) as connection:
        person = get_approver(connection, approver)
    return desk.principal(person.id, person.role, person.organisation)


def why_not(desk: Disclosure, matter: Matter, who: Principal) -> WaysealError | None:
    """Return what would refuse somebody's signature, or None when it would be taken."""
    try:
        check_signer(desk, matter, who)
    except WaysealError as error:
        return error
    return None


def describe_waiting(one: Waiting) -> dict[str, Any]:
    """Return a matter as commands and screens show it: what its entry says, and where it stands."""
    entry, about = one.matter.entry, one.matter.about
    common = {
        about.value: one.matter.id,
        "purpose": one.matter.purpose.value,
        "organisation": entry.get("org", ""),
        "ledger_index": one.matter.index,
        "asked_at": entry["time"],
        "until": to_text(one.until),
        "state": one.place.value,
        "signed_by": [
            {"by": given.by, "role": given.role, "at": to_text(given.at), "good_until": to_text(given.good_until)}
            for given in one.signed
        ],
        "declined_by": one.declined_by,
        "reason": one.reason,
        "declined_signed": one.declined_signed,
    }  # fmt: skip
    if about is Subject.GRANT:
        return common | {
            "officer": entry["actor"],
            "lanes": entry.get("lanes", []),
            "limit": entry.get("limit", 0),
        }
    if about in PETITIONS:
        facts = ("subject", "assessment", "suspension", "hold", "reason")
        asked = {
            f"asked_{name}" if name == "reason" else name: entry[name] for name in facts if name in entry
        }
        return common | asked | {"approvers": entry["approvers"], "asked_by": entry["actor"]}
    if about is Subject.HOLD:
        asked = {"hold_reason": entry["reason"], "approvers": entry["approvers"], "records": entry["records"]}
        return common | asked | {"asked_by": entry["actor"]}
    record = one.record
    return common | {
        "record": entry["object"],
        "asked_by": entry["actor"],
        "together": one.together,
        "kind": None if record is None else record.kind.value,
        "lane": None if record is None else record.lane,
        "record_class": None if record is None else record.record_class,
    }
