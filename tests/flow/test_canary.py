"""A thief inside, with an officer's place and a list of every record: canaries tell on them, the meter stops them."""

import random

import pytest
from lineparts import Line, MovableClock, make_vehicle

from wayseal.flow.canary import hatch_canary
from wayseal.flow.identify import identify_encounter
from wayseal.flow.policy import Principal
from wayseal.model.border import Outcome, Seat
from wayseal.model.custody import Kind, Purpose
from wayseal.model.errors import QuotaExceeded, Refused
from wayseal.model.ids import RecordId
from wayseal.station.lane import LaneStation
from wayseal.station.matcher import open_matcher
from wayseal.station.site import Site
from wayseal.store import records as record_rows
from wayseal.store.engine import read


@pytest.fixture
def nervous(line: Line, clock: MovableClock) -> Line:
    """A site whose lane lays a canary beside about every fourth face; ten vehicles have passed."""
    host = line.site.open_lane("lane1")
    line.hosts["lane1"] = host
    template = line.lane()
    lane = LaneStation(
        host, template._capture, direction=template._direction, keys=line.site.roster_keys(host),
        deliver=template._deliver, clock=clock, hatch=lambda like: hatch_canary(like, one_in=3),
    )  # fmt: skip
    work = open_matcher(line.site, line.searcher).work
    for _ in range(12):
        sealed = lane.keep(make_vehicle(clock, {Seat.DRIVER: 1}))
        lane.send_pending()
        answered = identify_encounter(work, sealed.encounter)
        assert [person.outcome for person in answered.occupants] == [Outcome.MATCH]
    return line


def open_each(site: Site, who: Principal, faces: list[RecordId]) -> None:
    """Open records one after another."""
    for face in faces:
        site.opener.read_now(who, [face], Purpose.PRIMARY_INSPECTION)


def test_thief_meets_a_canary(nervous: Line, clock: MovableClock) -> None:
    """Opening the store's faces at random hits a canary soon; the ledger and an alarm know who it was."""
    site = nervous.site
    with read(site.store.engine) as connection:
        day = record_rows.iterate_day_records(connection, clock().date())
        faces = [row.object_id for row in day if row.kind is Kind.FACE]
    random.Random(3).shuffle(faces)
    thief = site.principal("officer-7", "officer")
    with pytest.raises(Refused, match="not for reading"):
        open_each(site, thief, faces)
    assert len(site.ledger.find(type="open-done", actor="officer-7")) < len(faces)
    (hit,) = site.ledger.find(type="canary-hit")
    assert site.ledger.entry(hit)["actor"] == "officer-7"
    assert site.ledger.find(type="alarm", actor="officer-7")


def test_thief_runs_dry(line: Line, clock: MovableClock) -> None:
    """Even without canaries the allowance ends, and the ledger says at whom."""
    answered = line.drive(line.lane(), make_vehicle(clock, {Seat.DRIVER: 1}))
    face = answered.occupants[0].record
    assert face is not None
    thief = line.site.principal("officer-7", "officer")
    burst = int(line.site.settings.keyroom.pictures_burst)
    for _ in range(burst // 20):
        line.site.opener.read_now(thief, [face] * 20, Purpose.PRIMARY_INSPECTION)
    with pytest.raises(QuotaExceeded):
        line.site.opener.read_now(thief, [face] * 20, Purpose.PRIMARY_INSPECTION)
    alarms = [line.site.ledger.entry(index)["alarm"] for index in line.site.ledger.find(type="alarm")]
    assert "quota" in alarms
