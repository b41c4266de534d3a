"""Whether this site's lanes get their next epoch key: the register's answer, told on the ledger and carried to the roster.

Owns no rule: `flow.oversee.fitness` judges. Nobody is refused silently: each change of a lane's state is a ledger entry.
"""

import re
from typing import TYPE_CHECKING

from wayseal.flow.oversee.desk import view
from wayseal.flow.oversee.fitness import judge_lane, tell_lane
from wayseal.model.errors import NotArmed
from wayseal.model.oversight import Fitness
from wayseal.station.centre import CENTRE
from wayseal.station.lane import LaneHost
from wayseal.store.oversight import duties as duty_rows
from wayseal.store.oversight import equipment as equipment_rows

if TYPE_CHECKING:
    from wayseal.station.site import Site

ADVICE = {
    "organisation-suspended": "wayseal vendor show ID says since when; wayseal vendor reinstate ID.",
    "no-contract": "wayseal vendor contract add",
    "no-equipment": "wayseal equipment enrol --lane LANE",
    "never-assessed": "wayseal equipment assess ID",
    "assessment-failed": "wayseal equipment findings ID says what to mend; then wayseal equipment assess ID.",
    "assessment-overdue": "wayseal equipment assess ID",
    "changed-since-assessment": "wayseal equipment assess ID",
    "daily-probes-failed": "wayseal equipment findings ID says what to mend; then wayseal equipment assess ID --daily.",
    "daily-probes-overdue": "wayseal equipment assess ID --daily",
    "assessment-unfinished": "wayseal equipment assess ID",
    "poam-overdue": "wayseal equipment findings says what should have been mended.",
    "no-notice": "wayseal notice register LANE --text FILE",
    "no-sign-off": "wayseal equipment sign-off --duty operations, and --duty it by somebody else.",
}
"""What to do next about each reason; `advise` names the lane and the device in it."""


def advise(reason: str, *, lane: str, device: str | None = None, organisation: str | None = None) -> str:
    """Return what to do next about a reason, with the lane, and the device or organisation, that it is about: `ID` where it is not known."""
    whose = organisation if reason == "organisation-suspended" else device
    return re.sub(r"\bID\b", whose or "ID", ADVICE.get(reason, "").replace("LANE", lane))


def judge_and_tell(site: "Site", lane: str) -> Fitness:
    """Return whether a lane may have the next epoch key now; a change is on the ledger when this returns."""
    fitness = judge_lane(site.oversight, lane, site.clock())
    tell_lane(site.oversight, fitness)
    return fitness


def unfit_code(site: "Site", lane: str) -> str | None:
    """Return the worst reason why a lane gets no next epoch key, or None when it does."""
    fitness = judge_and_tell(site, lane)
    return None if fitness.fit else fitness.reasons[0]


def list_unfit(site: "Site") -> dict[str, Fitness]:
    """Return the lanes that get no next epoch key now, of those that equipment or an earlier state makes known."""
    with view(site.oversight) as rows:
        known = {one.lane for one in equipment_rows.list_equipment(rows) if one.lane is not None}
        known |= set(duty_rows.list_lane_states(rows))
    judged = {lane: judge_and_tell(site, lane) for lane in sorted(known)}
    return {lane: fitness for lane, fitness in judged.items() if not fitness.fit}


def explain_refusal(fitness: Fitness) -> NotArmed:
    """Return what a lane that gets no key is told: every reason, and what to do about the worst."""
    return NotArmed(
        f"lane {fitness.lane} is disarmed: {fitness.reasons[0].replace('-', ' ')}",
        hint=advise(fitness.reasons[0], lane=fitness.lane),
        lane=fitness.lane,
        code=fitness.reasons[0],
        reasons=", ".join(fitness.reasons),
    )


def publish_for(site: "Site", host: LaneHost) -> bytes:
    """Return a fresh roster for a lane of this host. Raises `NotArmed` with the reasons for one that may have none.

    A refused lane is taken off the roster too, so that the centre takes nothing more from it.
    """
    unfit = list_unfit(site)
    refusal = unfit.get(host.lane)
    if refusal is None and not (fitness := judge_and_tell(site, host.lane)).fit:
        unfit[host.lane] = refusal = fitness
    devices = {CENTRE: site.keys.identity.public}
    if refusal is None:
        devices[host.lane] = host.identity.public
    current = site.keyroom.read_roster()
    if refusal is None or (current is not None and host.lane in current.devices):
        data = site.keyroom.publish_roster(site.ledger, devices=devices, refused=sorted(unfit))
    if refusal is not None:
        raise explain_refusal(refusal)
    host.accept_charters(site.charters.after(host.charter.version))
    return data


def introduce_centre(site: "Site") -> None:
    """Put the centre on the roster where no lane has done so yet: nothing opens that a stranger sealed."""
    roster = site.keyroom.read_roster()
    if roster is None or CENTRE not in roster.devices:
        devices = {CENTRE: site.keys.identity.public}
        site.keyroom.publish_roster(site.ledger, devices=devices, refused=sorted(list_unfit(site)))
