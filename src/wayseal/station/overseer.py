"""The desk of oversight of one site, put together from its settings, and what its answers mean for people and lanes.

Owns no rule: `flow.oversee` judges.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from wayseal.flow.oversee.describe import list_lane_rows
from wayseal.flow.oversee.desk import Desk, Rules
from wayseal.flow.oversee.standing import (
    StandingChange,
    ask_reinstatement,
    reinstate_vendor,
    standing_of,
    suspend_vendor,
)
from wayseal.flow.policy import Principal
from wayseal.model.clock import to_text
from wayseal.model.oversight import Standing
from wayseal.station.arming import list_unfit
from wayseal.station.incident_subject import list_chain
from wayseal.station.keyroom_trust import read_pin
from wayseal.station.settings_oversight import OversightSettings
from wayseal.station.signing import must_settle

if TYPE_CHECKING:
    from wayseal.station.site import Site


def read_rules(settings: OversightSettings) -> Rules:
    """Return the rules that settings choose."""
    return Rules(
        enforce=settings.enforce,
        full=timedelta(days=settings.full_days),
        daily=timedelta(hours=settings.daily_hours),
        window=timedelta(minutes=settings.window_minutes),
        grace=timedelta(hours=settings.grace_hours),
        sign_off=timedelta(days=settings.sign_off_days),
        return_within=timedelta(days=settings.return_days),
        ahead=timedelta(days=settings.ahead_days),
    )


def open_desk(site: "Site") -> Desk:
    """Return a site's desk of oversight."""
    return Desk(
        ledger=site.ledger,
        engine=site.store.engine,
        rules=read_rules(site.settings.oversight),
        site=site.settings.site,
        agency=site.settings.organisation,
        clock=site.clock,
        open_everywhere=site.facts.evaluation,
        keyroom=read_pin(site.home / "centre").identity,
    )


def name_principal(site: "Site", name: str, role: str) -> Principal:
    """Return somebody as policy may take them, from the register. The caller has authenticated them."""
    known = standing_of(site.oversight, name, role, site.clock())
    return Principal(
        id=name,
        role=known.role,
        organisation=known.organisation,
        suspended=known.suspended,
        training_valid=known.training_valid,
    )


def suspend(site: "Site", vendor: str, *, reason: str, actor: str) -> dict[str, Any]:
    """Suspend an organisation, and let the gate know before this returns."""
    change = suspend_vendor(site.oversight, vendor, reason=reason, actor=actor)
    return _tell_change(site, change)


def reinstate(site: "Site", vendor: str, *, approvers: Sequence[str], actor: str) -> dict[str, Any]:
    """Take an organisation back, and let the gate know. Raises `Refused` without fresh assessments and two approvals.

    Where people's word counts with their signature only, it is asked for, and comes back when both have signed (`station.petitions`).
    """
    if must_settle(site):
        petition, index = ask_reinstatement(site.oversight, vendor, approvers=approvers, actor=actor)
        return {
            "vendor": vendor, "standing": "suspended", "reinstatement": petition, "signed": False, "approvers": list(approvers),
            "ledger_index": index,
        }  # fmt: skip
    change = reinstate_vendor(site.oversight, vendor, approvers=approvers, actor=actor)
    return _tell_change(site, change)


def tell_return(site: "Site", vendor: str, index: int) -> dict[str, Any]:
    """Return how an organisation stands that entry `index` has reinstated."""
    return _tell_change(site, StandingChange(vendor, Standing.ACTIVE, (vendor,), index))


def _tell_change(site: "Site", change: StandingChange) -> dict[str, Any]:
    """Teach the gate, tell the lanes that a change of standing reaches, and return it as scripts read it."""
    learned = site.opener.teach()
    unfit = list_unfit(site)
    chain = {name: tie.tier for name, tie in list_chain(site.ledger, change.organisation).items()}
    return {
        "vendor": change.organisation, "standing": change.standing.value, "reached": list(change.reached),
        "tiers": {name: chain[name] for name in change.reached if name in chain},
        "ledger_index": change.ledger_index, "gate_has_read": learned.read, "disarmed_lanes": sorted(unfit),
    }  # fmt: skip


def list_lanes(site: "Site") -> list[dict[str, Any]]:
    """Return every lane that is known, with its fitness, whether people opted out there, and what it sealed in the last day.

    `faces` counts pictures, templates and scenes: in a lane of people who opted out it is 0, or something is wrong.
    """
    rows = {row["lane"]: row for row in list_lane_rows(site.oversight)}
    unknown = [name for name in sorted(site.settings.lanes) if name not in rows]
    for lane in unknown:
        rows[lane] = {
            "lane": lane, "fit": True, "enforced": False, "reasons": [], "told": None, "since": None
        }  # fmt: skip
    since = to_text(site.clock() - timedelta(days=1))
    for lane, row in rows.items():
        kinds = [
            site.ledger.entry(index)["kind"]
            for index in site.ledger.find(type="capture", lane=lane, since=since)
        ]
        row["opted_out"] = not site.settings.lane(lane).faces
        row["sealed"] = len(kinds)
        row["faces"] = sum(kind in ("face", "template", "scene") for kind in kinds)
    return [rows[lane] for lane in sorted(rows)]
