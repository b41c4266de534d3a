"""After the breach: telling late, working on, coming back, editing history, restoring what was erased, taking the drawings.

Owns the acts of people who want it not to have happened. Whoever edits the ledger has the centre's disk and its signing key.
"""

import shutil
import sqlite3
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from wayseal.flow.incident import close_incident, note_notice, open_incident
from wayseal.flow.oversee.duties import add_notice
from wayseal.flow.oversee.register import (
    NewContract,
    NewEquipment,
    add_contract,
    add_person,
    add_vendor,
    enrol_equipment,
)
from wayseal.flow.policy import Principal
from wayseal.ledger.check import read_vkeys, verify_ledger
from wayseal.ledger.checkpoint import log_keys
from wayseal.ledger.log import Ledger
from wayseal.ledger.policy import parse_policy
from wayseal.ledger.publish import publish_checkpoint
from wayseal.ledger.reader import FILE_NAME
from wayseal.model.custody import Purpose
from wayseal.model.errors import Erased, LedgerBroken, Refused, Unavailable, WaysealError
from wayseal.model.ids import RecordId
from wayseal.model.oversight import EquipmentKind, SubjectKind, Tier
from wayseal.retention.needles import Needles
from wayseal.retention.residue import scan
from wayseal.station.documents import open_document
from wayseal.station.incidents import list_clocks, scope_known
from wayseal.station.lane_home import open_lane_home
from wayseal.station.overseer import reinstate, suspend
from wayseal.station.shift import begin_shift
from wayseal.station.witnessing import POLICY
from wayseal.testing.breach.at_desk import BOSS, TECHNICIAN, VENDOR, register_vendor
from wayseal.testing.breach.stage import CONTRACT, LANE, SCHEMATIC, Stage
from wayseal.testing.breach.story import Found, Outcome

DAY = timedelta(days=1)


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
    told = list_clocks(
        site, note_notice(site.ledger, "privacy-1", incident.id, recipient="agency", clock=site.clock), scope
    )
    still = [one.code for one in told if one.is_overdue(site.clock())]
    closed = True
    try:
        close_incident(
            site.ledger, "privacy-1", incident.id, duties=list_clocks(site, known, None), clock=site.clock
        )
    except Refused:
        closed = False
    faults = {"lateness-unseen": not late, "lateness-undone": late != still, "closed-untold": closed}
    evidence = {
        "late": late, "hours_late": 23, "closing_refused": not closed, "incident": incident.id,
        "seconds_to_scope": round(seconds, 2), "images": scope.images, "people": scope.people, "lanes": scope.lanes,
        "classes": scope.classes, "proven_opened": len(scope.opened), "reachable": scope.reachable,
        "still_live": scope.still_live,
    }  # fmt: skip
    return Found.judge(Outcome.BLOCKED, faults, evidence)


def work_on(stage: Stage) -> Found:
    """An organisation whose guest works here is suspended; the guest goes on, and so does the lane whose computer is theirs.

    The centre is let to claim that the guest is an officer in good standing: what refuses is the keyroom.
    """
    register_vendor(stage)
    site = stage.site
    lying = Principal(TECHNICIAN, "officer", VENDOR, suspended=False, training_valid=True)
    if not site.ledger.find(type="register", object="lane1-host"):
        new = NewEquipment(EquipmentKind.LANE_HOST, "lane-computer-2", "sn-0001", VENDOR, LANE)
        enrol_equipment(site.oversight, "lane1-host", new, actor=BOSS)
        starts = site.clock()
        add_notice(
            site.oversight, LANE, text_sha256="cd" * 32, starts=starts, ends=starts + 365 * DAY, actor=BOSS
        )
    begin_shift(site, lying, [LANE])
    before, _ = _open_as(stage, lying)
    began = time.monotonic()
    told = suspend(site, VENDOR, reason="copied-pictures", actor=BOSS)
    gate_s = time.monotonic() - began
    opened, refusals = _open_as(stage, lying)
    told_lane = _ask_for_keys(stage)
    faults = {
        "pictures-opened": bool(opened), "never-could": not before, "lane-still-armed": told_lane != "organisation-suspended",
    }  # fmt: skip
    evidence = {
        "ledger_index": told["ledger_index"], "reached": told["reached"], "gate_has_read": told["gate_has_read"],
        "seconds_to_the_gate": round(gate_s, 3), "opened_before": before, "opened_after": opened, "refused_by": refusals,
        "disarmed_lanes": told["disarmed_lanes"], "lane_was_told": told_lane,
    }  # fmt: skip
    return Found.judge(Outcome.BLOCKED, faults, evidence)


def _open_as(stage: Stage, who: Principal) -> tuple[int, list[str]]:
    """Return how many of the newest pictures somebody opens, for any purpose, and which rules refused the others."""
    opened, rules = 0, set[str]()
    for purpose in Purpose:
        try:
            opened += len(stage.site.opener.read_now(who, [stage.sealed[-1]], purpose))
        except WaysealError as error:
            rules.add(str(error.facts.get("rule", type(error).__name__)))
    return opened, sorted(rules)


def _ask_for_keys(stage: Stage) -> str | None:
    """Ask the centre's process for the next keys with the lane's own certificate; return why there are none, or None."""
    stage.end_lane()
    with open_lane_home(stage.lane_home, stage.secrets["lane"].read_bytes().strip()) as lane:
        try:
            lane.link.fetch_roster(lane.host.charter.version)
        except Refused as error:  # a disarmed lane is refused too
            return str(error.facts.get("code", type(error).__name__))
    return None


def come_back(stage: Stage) -> Found:
    """The suspended organisation wants to come back: without an assessment, and with approvals of its own and of one body."""
    site = stage.site
    attempts = {
        "no-approval": (), "own-people": (TECHNICIAN, "tech-2"), "one-body": (BOSS,), "two-of-one-body": (BOSS, "chief-2"),
        "two-bodies-no-assessment": (BOSS, "auditor-1"),
    }  # fmt: skip
    _register_approvers(stage)
    back, reasons = [], {}
    for name, approvers in attempts.items():
        try:
            reinstate(site, VENDOR, approvers=approvers, actor=BOSS)
        except Refused as error:
            reasons[name] = str(error)
            continue
        back.append(name)
    standing = site.principal(TECHNICIAN, "officer").suspended
    evidence = {
        "attempts": len(attempts),
        "refused": reasons,
        "came_back_by": back,
        "still_suspended": standing,
    }
    return Found.judge(Outcome.BLOCKED, {"came-back": bool(back), "in-good-standing": not standing}, evidence)


def _register_approvers(stage: Stage) -> None:
    """Register two people of the agency and one of an auditor, so that approvals fail for no other reason."""
    desk, now = stage.site.oversight, stage.site.clock()
    if desk.ledger.find(type="register", object="auditor-1"):
        return
    until = now + 365 * DAY
    add_vendor(desk, "auditor", tier=Tier.ASSESSOR, under=None, actor=BOSS)
    add_contract(
        desk,
        "auditor-1c",
        NewContract("auditor", ("metrics",), stage.site.settings.site, now, until, "ab" * 32),
        actor=BOSS,
    )
    for person, organisation in (
        (BOSS, stage.site.settings.organisation),
        ("chief-2", stage.site.settings.organisation),
        ("auditor-1", "auditor"),
    ):
        add_person(
            desk,
            person,
            organisation=organisation,
            role="officer",
            training_until=until,
            actor="system:drill",
        )


def edit_ledger(stage: Stage) -> Found:
    """Somebody with the centre's disk and its signing key drops the traces of the raid and signs the shorter history."""
    site = stage.site
    site.sign_checkpoint()
    if stage.seams.witnessed:
        publish_checkpoint(
            site.ledger, site.keys.log_signer, parse_policy((site.ledger.folder / POLICY).read_bytes())
        )
    kept = site.ledger.latest_checkpoint(cosigned=True) if stage.seams.witnessed else None
    known = [] if kept is None else [kept]
    plain = _edit_row(stage, known)
    forged, size = _forge_history(stage)
    refused = None
    if stage.seams.witnessed:
        try:
            refused = not publish_checkpoint(
                forged, site.keys.log_signer, parse_policy((site.ledger.folder / POLICY).read_bytes())
            ).quorum
        except (Refused, LedgerBroken, Unavailable):
            refused = True
    contradicted = _contradicts(forged, stage, known)
    forged.close()
    evidence = {
        "edited_row_found": plain, "entries_before": site.ledger.size, "entries_after": size,
        "witnesses_refused": refused, "contradicts_a_kept_checkpoint": contradicted, "witnesses": len(stage.bench.urls),
    }  # fmt: skip
    faults = {"edit-unfound": not plain, "rewriting-unfound": not (refused and contradicted)}
    return Found.judge(Outcome.BLOCKED, faults, evidence)


def _edit_row(stage: Stage, known: list[str]) -> bool:
    """Let somebody else have asked for a picture, on a copy of the ledger, and say whether verifying finds it."""
    copy = _copy_ledger(stage, "edited")
    with sqlite3.connect(copy / FILE_NAME) as database:
        database.execute("DROP TRIGGER IF EXISTS entries_no_update")
        number, actor, data = database.execute(
            "SELECT number, actor, data FROM entries WHERE type = 'open-intent' ORDER BY number DESC LIMIT 1"
        ).fetchone()
        other = bytes(data).replace(f'"actor":"{actor}"'.encode(), b'"actor":"somebody-else"')
        database.execute(
            "UPDATE entries SET data = ?, actor = 'somebody-else' WHERE number = ?", (other, number)
        )
    database.close()
    try:
        verify_ledger(copy / FILE_NAME, read_vkeys(copy), known=known)
    except LedgerBroken:
        return True
    return False


def _forge_history(stage: Stage) -> tuple[Ledger, int]:
    """Return a ledger of the same name and key without the raid's traces, every hash rebuilt and signed, and its size."""
    site, folder = stage.site, stage.thief / "forged-ledger"
    shutil.rmtree(folder, ignore_errors=True)
    forged = Ledger.create(folder, origin=site.ledger.origin, clock=site.clock)
    kept = [
        entry
        for _, entry in site.ledger.entries()
        if entry["type"] not in ("alarm", "canary-hit", "open-intent", "open-done", "render")
    ]
    for start in range(0, len(kept), 500):
        forged.append(kept[start : start + 500])
    forged.write_keys(site.keys.log_signer)
    forged.sign_checkpoint(site.keys.log_signer)
    return forged, forged.size


def _contradicts(forged: Ledger, stage: Stage, known: list[str]) -> bool:
    """Say whether whoever kept a cosigned checkpoint finds the forged ledger out. Nobody kept one: nobody does."""
    try:
        verify_ledger(
            forged.folder / FILE_NAME,
            log_keys(stage.site.ledger.origin, stage.site.keys.log_signer),
            known=known,
        )
    except LedgerBroken:
        return True
    return False


def _copy_ledger(stage: Stage, name: str) -> Path:
    copy = stage.thief / name
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    stage.site.ledger.sign_checkpoint(stage.site.keys.log_signer)
    with (
        sqlite3.connect(stage.site.ledger.folder / FILE_NAME) as source,
        sqlite3.connect(copy / FILE_NAME) as target,
    ):
        source.backup(target)
    source.close()
    target.close()
    for file in stage.site.ledger.folder.glob("*.vkey"):
        shutil.copy2(file, copy)
    return copy


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
    given = 0
    for document in stage.documents:
        with suppress(Refused, Erased):
            open_document(stage.site, stage.site.principal(TECHNICIAN, "security_officer"), document)
            given += 1
    faults = {
        "text-found": bool(found), "documents-opened": bool(mine & tried.opened), "given-to-a-vendor": bool(given),
        "no-documents": not mine,
    }  # fmt: skip
    evidence = {
        "documents": len(mine), "found_in_the_clear": len(found), "opened": len(mine & tried.opened), "given": given,
        "keys_tried": tried.keys,
    }  # fmt: skip
    return Found.judge(Outcome.USELESS, faults, evidence)
