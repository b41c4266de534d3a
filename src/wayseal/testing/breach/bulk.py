"""Vehicles in bulk, sealed by the lane's own code on a lane of the site's own host: for hours gone by, and for large drills.

Few pictures are painted and each is sealed again and again under a key of its own: what is counted and attacked are sealed
records, and those are all different.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta

from wayseal.flow.encounter import SealedPass
from wayseal.flow.marking import mark_at_lane
from wayseal.model.border import Direction, VehiclePass
from wayseal.model.clock import Clock
from wayseal.model.ids import RecordId
from wayseal.station.lane import LaneStation
from wayseal.station.site import Site
from wayseal.testing.breach.cast import Cast, Parade

_PAINTED = 12
_BATCH = 2000


def fill_lane(
    site: Site,
    lane: str,
    vehicles: int,
    occupants: int,
    clock: Clock,
    *,
    tell: Callable[[str], None] = lambda _: None,
) -> list[RecordId]:
    """Let vehicles pass a lane of this host and be delivered; return the records of their plates."""
    host = site.open_lane(lane)
    cast = Cast(sum(map(ord, lane)), occupants)
    station = LaneStation(
        host, Parade(cast), direction=Direction.ENTRY, keys=site.roster_keys(host), clock=clock,
        deliver=lambda encounter, records: site.receive(encounter, records, direction=Direction.ENTRY),
        mark=_remember(mark_at_lane(site.marker.lane_key(lane))) if vehicles > _PAINTED else mark_at_lane(site.marker.lane_key(lane)),
    )  # fmt: skip
    plates = []
    for number, seen in enumerate(_pass_by(cast, vehicles, clock)):
        sealed = station.keep(seen)
        plates += _plate_of(sealed)
        if number % _BATCH == _BATCH - 1:
            station.send_pending()
            tell(f"{number + 1:,} of {vehicles:,} vehicles")
    station.send_pending()
    return plates


def _pass_by(cast: Cast, vehicles: int, clock: Clock) -> Iterator[VehiclePass]:
    """Yield so many vehicles, painted anew for as long as that is quick."""
    painted = [
        cast.vehicle(number, clock() - timedelta(seconds=1)) for number in range(min(vehicles, _PAINTED))
    ]
    for number in range(vehicles):
        yield painted[number % len(painted)]


def _remember(mark: Callable[[bytes, RecordId], bytes]) -> Callable[[bytes, RecordId], bytes]:
    """Return a mark that marks each picture once: the mark of a lane in bulk is not what a drill is about."""
    done: dict[int, bytes] = {}

    def marked(data: bytes, record: RecordId) -> bytes:
        known = hash(data)
        if known not in done:
            done[known] = mark(data, record)
        return done[known]

    return marked


def _plate_of(sealed: SealedPass) -> list[RecordId]:
    return [sealed.names["plate"]] if "plate" in sealed.names else []
