"""After the breach: telling late, working on, taking the drawings.

Owns the acts of people who go on as if nothing had happened. Coming back and rewriting history have rooms of their own.
"""

import time
from dataclasses import replace
from datetime import timedelta
from functools import partial

from wayseal.flow.admit import SUSPENDED
from wayseal.flow.incident import close_incident, contain_incident, find_incident, note_notice, open_incident
from wayseal.flow.policy import Principal
from wayseal.model.custody import Purpose
from wayseal.model.errors import Refused
from wayseal.model.ids import RecordId
from wayseal.model.oversight import SubjectKind
from wayseal.retention.needles import Needles
from wayseal.retention.residue import scan
from wayseal.station.documents import open_document
from wayseal.station.incidents import list_clocks, scope_known
from wayseal.station.lane_home import open_lane_home
from wayseal.station.overseer import suspend
from wayseal.testing.breach.at_desk import VENDORS
from wayseal.testing.breach.attempts import Answer, ask, ask_as_privacy, ask_record, is_scanner_sound
from wayseal.testing.breach.oversight import (
    BOSS,
    TECHNICIAN,
    VENDOR,
    register_lane,
    register_vendor,
)
from wayseal.testing.breach.scale import LANE
from wayseal.testing.breach.shifts import begin_signed
from wayseal.testing.breach.stage import CONTRACT, SCHEMATIC, Stage
from wayseal.testing.breach.story import Found, Outcome

DAY = timedelta(days=1)
GUEST = "guest-9"
"""Somebody of the vendor's whom nobody has registered."""
SUSPENDED_LANE = "organisation-suspended"
"""Why a lane is told that it has no further keys when its computer's owner is suspended."""


def notify_late(stage: Stage) -> Found:
    """The vendor noticed a day ago and says so today; then somebody tries to close the incident with people untold."""
    site, now = stage.site, stage.site.clock()
    began = time.monotonic()
    incident = open_incident(
        site.ledger, "privacy-1", reason="copied-images", subject_kind=SubjectKind.DEVICE, subject=LANE,
        since=now - DAY, until=now, detected=now - DAY, clock=site.clock,
    )  # fmt: skip
    known, scope, _ = scope_known(site, incident.id)
    seconds = time.monotonic() - began
    duties = list_clocks(site, known, scope)
    late = [one.code for one in duties if one.is_overdue(site.clock())]
    since = [now - one.due for one in duties if one.due is not None and one.code in late]
    told = list_clocks(
        site, note_notice(site.ledger, "privacy-1", incident.id, recipient="agency", clock=site.clock), scope
    )
    still = [one.code for one in told if one.is_overdue(site.clock())]
    contain_incident(site.ledger, "privacy-1", incident.id, clock=site.clock)
    untold = ask(lambda: _close(stage, incident.id))
    waiting = {one.recipient for one in list_clocks(site, known, None) if one.due and one.met_at is None}
    for recipient in sorted(waiting):
        note_notice(site.ledger, "privacy-1", incident.id, recipient=recipient, clock=site.clock)
    told_all = ask(lambda: _close(stage, incident.id))
    faults = {
        "lateness-unseen": not late, "lateness-undone": late != still, "closed-untold": untold.opened,
        "not-refused-but-broken": untold.is_broken, "never-closes": not told_all.opened,
    }  # fmt: skip
    evidence = {
        "late": late, "hours_late": round(max(since, default=timedelta()) / timedelta(hours=1), 1), "closing_refused": untold.refused,
        "told_afterwards": len(waiting), "closes_when_told": told_all.opened, "incident": incident.id,
        "seconds_to_scope": round(seconds, 2), "images": scope.images, "people": scope.people, "lanes": scope.lanes,
        "classes": scope.classes, "proven_opened": len(scope.opened), "reachable": scope.reachable,
        "still_live": scope.still_live,
    }  # fmt: skip
    return Found.judge(Outcome.BLOCKED, faults, evidence)


def _close(stage: Stage, incident: str) -> None:
    """Close an incident as its duties stand."""
    site = stage.site
    duties = list_clocks(site, find_incident(site.ledger, incident), None)
    close_incident(site.ledger, "privacy-1", incident, duties=duties, clock=site.clock)


def work_on(stage: Stage) -> Found:
    """An organisation whose guest works here is suspended; the guest goes on, and so does the lane whose computer is theirs.

    The centre is let to claim that the guest is an officer in good standing: what refuses is the keyroom. It refuses the technician, whom
    the register knows, before any suspension.
    """
    register_vendor(stage)
    site = stage.site
    lying = Principal(GUEST, "officer", VENDOR, suspended=False, training_valid=True)
    register_lane(stage)
    begin_signed(stage, lying, [LANE])
    known = sum(one.opened for one in _open_as(stage, replace(lying, id=TECHNICIAN)))
    before = sum(one.opened for one in _open_as(stage, lying))
    armed = _ask_for_keys(stage)
    began = time.monotonic()
    told = suspend(site, VENDOR, reason="copied-pictures", actor=BOSS)
    gate_s = time.monotonic() - began
    answers = _open_as(stage, lying)
    opened, refusals = sum(one.opened for one in answers), {one.why for one in answers if not one.opened}
    others = ask_as_privacy(stage, stage.sealed[-1])
    told_lane = _ask_for_keys(stage)
    faults = {
        "pictures-opened": bool(opened), "known-technician-opened": bool(known), "never-could": not before, "lane-still-armed": told_lane != SUSPENDED_LANE,
        "lane-never-armed": armed is not None, "refused-for-another-reason": bool(refusals - {SUSPENDED}),
        "door-shut-to-everybody": not others.opened,
    }  # fmt: skip
    evidence = {
        "ledger_index": told["ledger_index"], "reached": told["reached"], "gate_has_read": told["gate_has_read"],
        "seconds_to_the_gate": round(gate_s, 3), "opened_as_technician": known, "opened_before": before, "opened_after": opened,
        "refused_by": sorted(refusals), "others_open": others.opened, "disarmed_lanes": told["disarmed_lanes"],
        "lane_was_told_before": armed, "lane_was_told": told_lane,
    }  # fmt: skip
    return Found.judge(Outcome.BLOCKED, faults, evidence)


def _open_as(stage: Stage, who: Principal) -> list[Answer]:
    """Return what comes of opening the newest picture, for each purpose."""
    return [ask_record(stage.site.opener, who, stage.sealed[-1], purpose) for purpose in Purpose]


def _ask_for_keys(stage: Stage) -> str | None:
    """Ask the centre's process for the next keys with the lane's own certificate; return why there are none, or None."""
    stage.end_lane()
    with open_lane_home(stage.lane_home, stage.secrets["lane"].read_bytes().strip()) as lane:
        try:
            lane.link.fetch_roster(lane.host.charter.version)
        except Refused as error:  # a disarmed lane is refused too
            return str(error.facts.get("code", type(error).__name__))
    return None


def take_drawings(stage: Stage) -> Found:
    """Look for schematics, contracts and configuration on the stolen disk, see what its keys opened, and ask for them as a vendor."""
    disk = stage.stolen["disk"]
    texts = [(f"text-{number}", text[:40]) for number, text in enumerate((SCHEMATIC, CONTRACT))]
    found = [
        one
        for one in scan([disk, stage.home], Needles(exact=tuple(texts))).findings
        if one.kind.startswith("text-")
    ]
    tried = stage.tried["disk"]
    mine = {RecordId(one) for one in stage.documents}
    asked, own = _ask_documents(stage, TECHNICIAN), _ask_documents(stage, "security-1")
    given = sum(one.opened for one in asked)
    refusals = {one.why for one in asked if not one.opened}
    taken = mine & tried.records_seen
    faults = {
        "text-found": bool(found), "documents-opened": bool(mine & tried.opened), "given-to-a-vendor": bool(given),
        "no-documents": not mine, "not-on-the-disk": taken != mine, "refused-for-another-reason": bool(refusals - {VENDORS}),
        "door-shut-to-everybody": not all(one.opened for one in own), "tools-blunt": not is_scanner_sound(stage, texts),
    }  # fmt: skip
    evidence = {
        "documents": len(mine), "on_the_disk": len(taken), "found_in_the_clear": len(found), "opened": len(mine & tried.opened),
        "given": given, "refused_by": sorted(refusals), "their_owner_opens": sum(one.opened for one in own),
        "keys_tried": tried.keys,
    }  # fmt: skip
    return Found.judge(Outcome.USELESS, faults, evidence)


def _ask_documents(stage: Stage, person: str) -> list[Answer]:
    """Return what comes of somebody asking for each document as a security officer."""
    who = stage.site.principal(person, "security_officer")
    return [ask(partial(open_document, stage.site, who, one)) for one in stage.documents]
