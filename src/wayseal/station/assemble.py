"""A working lane on one host, put together from settings: networks, lane, gallery, matcher.

Owns no rule; the place where the lane's half (which cannot read back) and the centre's half meet.
"""

from wayseal.flow.canary import Decoys
from wayseal.flow.identify import LiveSearch
from wayseal.flow.marking import mark_at_lane
from wayseal.match.search import SearchPolicy
from wayseal.model.border import Direction
from wayseal.model.errors import Invalid
from wayseal.station.lane import LaneStation
from wayseal.station.matcher import open_matcher
from wayseal.station.onehost import OneHost, OnEncounter
from wayseal.station.optics import lane_optics
from wayseal.station.site import Site
from wayseal.vision.capture import LaneCapture
from wayseal.vision.networks import load_networks


def open_one_host(
    site: Site,
    lane: str,
    *,
    gallery: str | None,
    direction: Direction | None,
    on_encounter: OnEncounter,
) -> OneHost:
    """Return a lane and its centre, ready to run. Raises `Invalid` when no gallery is named, `NotFound`, `NotArmed`."""
    settings = site.settings.lane(lane)
    name = gallery or settings.gallery
    if name is None:
        raise Invalid(
            "no gallery is named for this lane", hint="Use --gallery NAME or set it in wayseal.toml."
        )
    way = direction or settings.direction
    searcher = LiveSearch(site.gallery(name), search_policy(site.settings.match.fpir))
    host = site.open_lane(lane)
    station = LaneStation(
        host,
        LaneCapture(
            load_networks(model=site.settings.match.model, second=site.settings.match.second_model),
            lane_optics(settings),
        ),
        direction=way,
        keys=site.roster_keys(host),
        deliver=lambda encounter, records: site.receive(encounter, records, direction=way),
        clock=site.clock,
        decoys=Decoys(one_in=site.settings.keyroom.canary_one_in),
        mark=mark_at_lane(site.marker.lane_key(lane)),
    )
    return OneHost(station, open_matcher(site, searcher), on_encounter)


def search_policy(fpir: float) -> SearchPolicy:
    """Return the search policy that holds a false positive identification rate."""
    return SearchPolicy(fpir=fpir, possible_fpir=max(0.05, fpir))
