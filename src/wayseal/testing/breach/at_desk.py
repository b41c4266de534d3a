"""Asking instead of taking: the vendor's people at the port's own doors, and pictures kept past their date.

Owns the acts that need no break-in. A technician has the name that the register knows, whatever role is claimed.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from wayseal.flow.disclose import Wanted, request_export
from wayseal.flow.erase import erase_due, plan_erasure
from wayseal.flow.oversee.standing import SERVICES
from wayseal.flow.partners import add_recipient
from wayseal.flow.policy import Principal
from wayseal.flow.ticket import IMAGE_VERBS, choose_verbs
from wayseal.model.custody import Kind, Purpose
from wayseal.model.errors import Erased
from wayseal.model.ids import RecordId, epoch_id
from wayseal.retention.needles import Needles
from wayseal.retention.residue import scan
from wayseal.station.exports import open_disclosure, open_partners
from wayseal.store.engine import read
from wayseal.store.records import get_record
from wayseal.testing.breach.attempts import ask, ask_as_privacy, is_scanner_sound
from wayseal.testing.breach.export import open_box, register_recipient
from wayseal.testing.breach.oversight import TECHNICIAN, VENDOR, register_vendor
from wayseal.testing.breach.stage import Stage
from wayseal.testing.breach.story import Found, Outcome

COURT = "county-court"
VENDORS = "vendors-never-see-records"
ROLES = "this client may not speak for that role"
SHUT = {
    "ticket": {"no ticket lets anybody look at travellers"}, "receive": {"nothing is given to a vendor"},
    "draw": {ROLES, VENDORS}, "open": {ROLES, VENDORS}, "keep": {ROLES, VENDORS}, "export": {VENDORS},
}  # fmt: skip
"""By door, what refuses a vendor's people there, as a rule or in words; anything else says nothing about vendors."""
_ROLES = ("officer", "supervisor", "privacy_officer", "matcher", "tracer", "exporter", "vendor")


def ask_for_pictures(stage: Stage) -> Found:
    """Ask for pictures "to improve the algorithm": every role, every purpose, every verb, and an export to the vendor.

    Beside it each door is tried by somebody who may: one that opens for nobody refuses nobody.
    """
    register_vendor(stage)
    register_recipient(stage, COURT)
    told = {name: ask(attempt) for name, attempt in _list_attempts(stage)}
    controls = {name: ask(attempt) for name, attempt in _list_controls(stage)}
    got = sorted({name.partition("@")[0] for name, answer in told.items() if answer.opened})
    doors = {name: answer.why for name, answer in controls.items() if not answer.opened}
    broken = sorted({answer.why for answer in told.values() if answer.is_broken})
    others = [
        name
        for name, answer in told.items()
        if answer.refused and answer.why not in SHUT[name.partition("@")[0].partition("/")[0]]
    ]
    evidence = {
        "attempts": len(told), "got": got, "rules": sorted({answer.why for answer in told.values() if answer.refused}),
        "doors_that_open": sorted(set(controls) - set(doors)), "doors_shut": doors, "broken": broken, "otherwise": others,
    }  # fmt: skip
    faults = {
        "something-was-given": bool(got), "doors-shut-to-everybody": bool(doors),
        "not-refused-but-broken": bool(broken), "refused-for-another-reason": bool(others),
    }  # fmt: skip
    return Found.judge(Outcome.BLOCKED, faults, evidence)


def _list_attempts(stage: Stage) -> list[tuple[str, Callable[[], object]]]:
    """Return what the technician asks for, by name."""
    site, face = stage.site, stage.sealed[-1]
    keep = epoch_id("non_citizen", site.clock())
    attempts: list[tuple[str, Callable[[], object]]] = [("receive", partial(_receive, stage, face))]
    attempts += [(f"ticket/{verb}", partial(choose_verbs, [verb])) for verb in sorted(IMAGE_VERBS)]
    for role in _ROLES:
        who, read_now = site.principal(TECHNICIAN, role), site.opener.read_now
        attempts += [(f"open/{why.value}@{role}", partial(read_now, who, [face], why)) for why in Purpose]
        attempts.append((f"keep@{role}", partial(site.opener.keep, who, face, keep, reason="decision.refer")))
        attempts.append((f"export@{role}", partial(_ask_export, stage, face, COURT, who)))
        if role not in SERVICES:  # nobody signs in as a process
            attempts.append((f"draw@{role}", partial(site.opener.keys.draw, who, [Kind.FACE])))
    return attempts


def _list_controls(stage: Stage) -> list[tuple[str, Callable[[], object]]]:
    """Return the same doors with somebody before them who may pass, by name."""
    site, face = stage.site, stage.sealed[-1]
    privacy, officer = (
        site.principal("privacy-1", "privacy_officer"),
        site.principal("officer-1", "officer"),
    )
    keep = epoch_id("non_citizen", site.clock())
    return [
        ("ticket", partial(choose_verbs, ["metrics"])),
        ("open", partial(site.opener.read_now, privacy, [face], Purpose.INCIDENT_RESPONSE)),
        ("keep", partial(site.opener.keep, officer, _find_unkept(stage), keep, reason="decision.refer")),
        ("export", partial(_ask_export, stage, face, COURT, privacy)),
        ("draw", partial(site.opener.keys.draw, officer, [Kind.FACE])),
    ]


def _find_unkept(stage: Stage) -> RecordId:
    """Return a picture that nobody has kept for longer yet."""
    default = stage.site.settings.retention.default_class
    with read(stage.site.store.engine) as connection:
        return next(one for one in stage.sealed[1:] if get_record(connection, one).record_class == default)


def _ask_export(stage: Stage, face: RecordId, recipient: str, who: Principal) -> object:
    wanted = Wanted(
        records=[face], recipient=recipient, purpose="court-order", legal_basis="court-order",
        expires_at=stage.site.clock() + timedelta(days=30),
    )  # fmt: skip
    return request_export(open_disclosure(stage.site), who, wanted)


def _receive(stage: Stage, face: RecordId) -> object:
    """Let the vendor be registered as a recipient, and an officer of the agency ask for an export to it."""
    card = open_box(stage, "algorithm-team").card(VENDOR)
    add_recipient(
        open_partners(stage.site, "privacy-1"), card.name, organisation=VENDOR, form=card.form, key=card.key,
        receipt_key=card.receipt_key,
    )  # fmt: skip
    return _ask_export(stage, face, card.name, stage.site.principal("privacy-1", "privacy_officer"))


def keep_past_date(stage: Stage) -> Found:
    """Keep plates past their date: sweep, then ask for them with the highest authority, and look for what is left.

    A plate of today, asked for by the same person for the same purpose, opens: what refuses is the date.
    """
    site = stage.site
    erased = erase_due(site.eraser)
    plan = plan_erasure(site.eraser)
    answers = [ask_as_privacy(stage, plate, purpose=Purpose.INCIDENT_RESPONSE) for plate in stage.old]
    opened = sum(one.opened for one in answers)
    today = ask_as_privacy(stage, stage.sealed[-1], purpose=Purpose.INCIDENT_RESPONSE)
    found = scan([site.home / "store"], Needles(texts=tuple(stage.plates)))
    evidence = {
        "plates_past_their_date": len(stage.old), "opened": opened, "answers": sorted({one.why for one in answers}),
        "todays_opens": today.opened, "epochs_destroyed": [one.epoch for one in erased],
        "records_erased": sum(one.records for one in erased), "still_due": len(plan.due), "residue": len(found.findings),
        "ledger_index": erased[0].intent if erased else None,
    }  # fmt: skip
    faults = {
        "plates-opened": bool(opened), "nothing-past-its-date": not stage.old, "residue": bool(found.findings),
        "refused-for-another-reason": {one.why for one in answers if not one.opened} - {Erased.__name__} != set(),
        "todays-do-not-open": not today.opened, "tools-blunt": not is_scanner_sound(stage),
        "not-erased": not erased and not site.ledger.find(type="erase-done"),
    }  # fmt: skip
    return Found.judge(Outcome.USELESS, faults, evidence)
