"""What the drills need of this home beside its doors: the lane's own keeper where its folder is here, and a way to try exports."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from wayseal.assess.outside.view import HistoryPlan
from wayseal.flow.drill.ledger import read_kept
from wayseal.model.oversight import Equipment
from wayseal.seal.keys import EpochVault
from wayseal.station.trial import make_trial

if TYPE_CHECKING:
    from wayseal.station.site import Site


def drill_parts(site: "Site", device: Equipment, history: HistoryPlan) -> dict[str, Any]:
    """Return the parts of a `SiteView` that this home can give: `export_trial`, `earlier`, and the lane's keeper for its own device.

    A lane whose folder is elsewhere gives no keeper: its assessor opens it there. `earlier` is the checkpoint in the newest
    recorded assessment, empty before the first.
    """
    parts: dict[str, Any] = {"export_trial": make_trial(site), "earlier": read_kept(history.assessments)}
    if device.lane is not None and (site.home / "lanes" / device.lane).is_dir():
        host = site.open_lane(device.lane)
        parts["lane_vault"] = EpochVault(host.keeper, _epochs(site, device.lane), site.clock)
        parts["lane_device"] = host.identity.public
    return parts


def _epochs(site: "Site", lane: str) -> Path:
    """Return the folder of epoch keys on a lane; an empty one elsewhere where it has none, as it should."""
    found = sorted(file for file in (site.home / "lanes" / lane).rglob("epochs") if file.is_dir())
    return found[0] if found else site.home / "oversight" / "no-epochs"
