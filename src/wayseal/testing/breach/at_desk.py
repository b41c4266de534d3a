"""Asking instead of taking: the vendor's people at the port's own doors, and pictures kept past their date.

Owns the acts that need no break-in. A technician has the name that the register knows, whatever role is claimed.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from wayseal.flow.disclose import Wanted, request_export
from wayseal.flow.erase import erase_due, plan_erasure
from wayseal.flow.oversee.register import NewContract, add_contract, add_person, add_vendor
from wayseal.flow.oversee.standing import SERVICES
from wayseal.flow.partners import add_recipient
from wayseal.flow.policy import Principal
from wayseal.flow.ticket import IMAGE_VERBS, choose_verbs
from wayseal.model.custody import Kind, Purpose
from wayseal.model.errors import Erased, Invalid, NotFound, Refused
from wayseal.model.ids import RecordId, epoch_id
from wayseal.model.oversight import Tier
from wayseal.retention.needles import Needles
from wayseal.retention.residue import scan
from wayseal.station.exports import open_disclosure, open_partners
from wayseal.testing.breach.export import open_box
from wayseal.testing.breach.stage import Stage
from wayseal.testing.breach.story import Found, Outcome

BOSS, TECHNICIAN, VENDOR, PRIME = "chief-1", "tech-1", "sub", "prime"
_ROLES = ("officer", "supervisor", "privacy_officer", "matcher", "tracer", "exporter", "vendor")


def register_vendor(stage: Stage) -> None:
    """Enter the prime, its subcontractor and the technician in the register, unless they are there."""
    desk, now = stage.site.oversight, stage.site.clock()
    if desk.ledger.find(type="register", object=VENDOR):
        return
    add_vendor(desk, PRIME, tier=Tier.PRIME, under=None, actor=BOSS)
    add_vendor(desk, VENDOR, tier=Tier.SUBCONTRACTOR, under=PRIME, actor=BOSS)
    for vendor in (PRIME, VENDOR):
        terms = NewContract(
            vendor, ("metrics",), stage.site.settings.site, now, now + timedelta(days=365), "ab" * 32
        )
        add_contract(desk, f"{vendor}-1", terms, actor=BOSS)
    add_person(
        desk,
        TECHNICIAN,
        organisation=VENDOR,
        role="officer",
        training_until=now + timedelta(days=365),
        actor=BOSS,
    )


def ask_for_pictures(stage: Stage) -> Found:
    """Ask for pictures "to improve the algorithm": every role, every purpose, every verb, and an export to the vendor."""
    register_vendor(stage)
    attempts, got, rules = 0, list[str](), set[str]()
    for verb, attempt in _list_attempts(stage):
        attempts += 1
        try:
            attempt()
        except Refused as error:
            rules.add(str(error.facts.get("rule", type(error).__name__)))
            continue
        except (NotFound, Invalid):
            continue
        got.append(verb)
    evidence = {"attempts": attempts, "got": got, "rules": sorted(rules)}
    return Found.judge(Outcome.BLOCKED, {"something-was-given": bool(got)}, evidence)


def _list_attempts(stage: Stage) -> list[tuple[str, Callable[[], object]]]:
    """Return what the technician asks for, by name."""
    site, face = stage.site, stage.sealed[-1]
    keep = epoch_id("non_citizen", site.clock())
    attempts: list[tuple[str, Callable[[], object]]] = [("receive", partial(_receive, stage, face))]
    attempts += [(f"ticket/{verb}", partial(choose_verbs, [verb])) for verb in sorted(IMAGE_VERBS)]
    for role in _ROLES:
        who, read_now = site.principal(TECHNICIAN, role), site.opener.read_now
        attempts += [(f"open/{why.value}", partial(read_now, who, [face], why)) for why in Purpose]
        attempts.append(("keep", partial(site.opener.keep, who, face, keep, reason="decision.refer")))
        attempts.append(("export", partial(_ask_export, stage, face, "county-court", who)))
        if role not in SERVICES:  # nobody signs in as a process
            attempts.append(("draw", partial(site.opener.keys.draw, who, [Kind.FACE])))
    return attempts


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
    """Keep plates past their date: sweep, then ask for them with the highest authority, and look for what is left."""
    site = stage.site
    erased = erase_due(site.eraser)
    plan = plan_erasure(site.eraser)
    opened = 0
    for plate in stage.old:
        try:
            site.opener.read_now(
                site.principal("privacy-1", "privacy_officer"), [plate], Purpose.INCIDENT_RESPONSE
            )
        except (Erased, NotFound):
            continue
        opened += 1
    found = scan([site.home / "store"], Needles(texts=tuple(stage.plates)))
    evidence = {
        "plates_past_their_date": len(stage.old), "opened": opened, "epochs_destroyed": [one.epoch for one in erased],
        "records_erased": sum(one.records for one in erased), "still_due": len(plan.due), "residue": len(found.findings),
        "ledger_index": erased[0].intent if erased else None,
    }  # fmt: skip
    faults = {
        "plates-opened": bool(opened),
        "residue": bool(found.findings),
        "not-erased": not erased and not site.ledger.find(type="erase-done"),
    }
    return Found.judge(Outcome.USELESS, faults, evidence)
