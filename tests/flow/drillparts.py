"""A site's doors for the drills, and the outside prober's view with them."""

from pathlib import Path
from typing import Any

from wayseal.flow.drill.view import Doors, SiteView
from wayseal.ledger.policy import Policy as WitnessPolicy
from wayseal.model.oversight import Equipment, EquipmentKind
from wayseal.station.site import Site


def open_doors(site: Site, scratch: Path, *, witnesses: WitnessPolicy | None = None, **changes: Any) -> Doors:
    """The doors of an open site."""
    parts: dict[str, Any] = {
        "ledger": site.ledger, "opener": site.opener, "archive": site.archive, "eraser": site.eraser,
        "policy": site.policy, "note_canary": site.keyroom.note_canary, "witnesses": witnesses,
        "agency": site.settings.organisation, "record_class": site.settings.retention.default_class, "scratch": scratch,
    }  # fmt: skip
    return Doors(**{**parts, **changes})


def make_lane_host(site: Site, **changes: Any) -> Equipment:
    """A lane computer of the vendor `opteq` at this site."""
    facts: dict[str, Any] = {
        "id": "lane1-host", "kind": EquipmentKind.LANE_HOST, "model": "lane-computer-2", "serial": "sn-0001",
        "organisation": "opteq", "site": site.settings.site, "lane": "lane1", "device_sha256": None,
        "enrolled_at": site.clock(), "changed_at": site.clock(),
    }  # fmt: skip
    return Equipment(**{**facts, **changes})


def make_view(site: Site, scratch: Path, *, doors: Doors | None = None, **changes: Any) -> SiteView:
    """The outside prober's view of the lane computer, with the site's doors."""
    parts: dict[str, Any] = {
        "equipment": make_lane_host(site), "clock": site.clock, "doors": doors or open_doors(site, scratch),
    }  # fmt: skip
    return SiteView(**{**parts, **changes})
