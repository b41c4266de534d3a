"""A thief inside, with an officer's place and a list of every record: canaries tell on them, the meter stops them."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import cv2
import numpy as np
import pytest
from lineparts import Line, MovableClock, NoCamera, make_vehicle

from wayseal.flow.canary import Decoys
from wayseal.flow.policy import Principal
from wayseal.flow.review import list_crossings
from wayseal.model.border import Direction, Encounter, Frame, Outcome, PlainImage, Seat, VehiclePass
from wayseal.model.custody import Kind, Purpose
from wayseal.model.errors import NotFound, QuotaExceeded, Refused
from wayseal.model.ids import RecordId
from wayseal.seal.suite import sha256
from wayseal.station.lane import LaneStation
from wayseal.station.matcher import open_matcher
from wayseal.station.onehost import OneHost
from wayseal.station.portal import open_portal
from wayseal.station.site import Site
from wayseal.store import crossings as crossing_rows
from wayseal.store import encounters as encounter_rows
from wayseal.store import records as record_rows
from wayseal.store.encounters import StoredEncounter
from wayseal.store.engine import read


def paint_noise(seed: int) -> PlainImage:
    """A real JPEG, which takes a mark and a hash."""
    pixels = np.random.default_rng(seed).integers(0, 256, (160, 128, 3), dtype=np.uint8)
    done, data = cv2.imencode(".jpg", cv2.GaussianBlur(pixels, (9, 9), 3))
    assert done
    return PlainImage(data.tobytes(), 128, 160)


class Traffic(NoCamera):
    """A capture that sees a vehicle every ten seconds."""

    def __init__(self) -> None:
        self.frames = 0

    def feed(self, frame: object) -> list[VehiclePass]:
        """Return a vehicle with each tenth frame; frames are a second apart."""
        assert isinstance(frame, Frame)
        self.frames += 1
        if self.frames % 10 != 1:
            return []
        seen = make_vehicle(MovableClock(frame.time), {Seat.DRIVER: 1, Seat.FRONT_PASSENGER: 77})
        people = tuple(replace(one, picture=paint_noise(self.frames)) for one in seen.occupants)
        assert seen.plate is not None
        plate = replace(seen.plate, picture=paint_noise(self.frames))
        return [replace(seen, left=frame.time, occupants=people, plate=plate)]


def make_frames(clock: MovableClock, count: int) -> Iterator[Frame]:
    """Give frames without content, a second apart."""
    plane = np.zeros((2, 2), np.uint8)
    for index in range(count):
        clock.move(timedelta(seconds=1))
        yield Frame(index, clock.now, float(index), plane, lambda: np.zeros((2, 2, 3), np.uint8))


@dataclass
class Nervous:
    """A site whose lane lets about every second vehicle be followed by one that never was, and what was reported."""

    line: Line
    reported: list[Encounter]

    @property
    def site(self) -> Site:
        """The site."""
        return self.line.site


@pytest.fixture
def nervous(line: Line, clock: MovableClock) -> Nervous:
    """Sixteen vehicles have passed."""
    host = line.site.open_lane("lane1")
    line.hosts["lane1"] = host
    lane = LaneStation(
        host, Traffic(), direction=Direction.ENTRY, keys=line.site.roster_keys(host), clock=clock,
        deliver=lambda encounter, records: line.site.receive(encounter, records, direction=Direction.ENTRY),
        decoys=Decoys(one_in=2, rng=random.Random(5)),
    )  # fmt: skip
    made = Nervous(line, [])
    OneHost(lane, open_matcher(line.site, line.searcher), made.reported.append).run(make_frames(clock, 160))
    return made


def list_all(site: Site) -> list[StoredEncounter]:
    """Return every encounter's row."""
    with read(site.store.engine) as connection:
        return encounter_rows.list_encounters(connection, limit=1000)


def split(nervous: Nervous) -> tuple[list[StoredEncounter], list[StoredEncounter]]:
    """Return the rows of vehicles, and of those that never were."""
    real = {one.id for one in nervous.reported}
    rows = list_all(nervous.site)
    return [row for row in rows if row.id in real], [row for row in rows if row.id not in real]


def describe(site: Site, row: StoredEncounter) -> dict[str, object]:
    """Return all that rows and ledger say of an encounter without a key, but for what is one's own: ids, digests, times."""
    own = {
        "object",
        "encounter",
        "time",
        "sealed_sha256",
        "size",
        "release",
        "intent",
        "matched",
        "epoch",
        "device",
    }
    with read(site.store.engine) as connection:
        records = record_rows.list_encounter_records(connection, row.id)
        crossings = crossing_rows.list_crossings(connection, encounter=row.id)
    entries = []
    for record in records:
        entries += [site.ledger.entry(index) for index in site.ledger.find(object=record.object_id)]
    entries += [site.ledger.entry(index) for index in site.ledger.find(type="match", object=row.id)]
    return {
        "row": (
            row.lane,
            row.direction,
            row.occupants_seen,
            row.document is not None,
            row.record_class,
            row.status,
        ),
        "kinds": sorted((record.kind.value, record.device, record.status.value) for record in records),
        "crossings": sorted((one.seat.value, one.decided, one.record_class) for one in crossings),
        "entries": sorted(
            json.dumps({name: value for name, value in entry.items() if name not in own}, sort_keys=True)
            + "".join(sorted(entry))
            for entry in entries
        ),
    }


def test_canaries_look_like_vehicles(nervous: Nervous) -> None:
    """Rows and ledger say of a canary's encounter nothing but what they say of vehicles': the same rows, kinds and entries."""
    vehicles, canaries = split(nervous)
    assert len(vehicles) == 16
    assert len(canaries) >= 3
    pattern = describe(nervous.site, next(row for row in vehicles))
    for row in (*vehicles, *canaries):
        assert describe(nervous.site, row) == pattern


def test_canaries_have_sizes_and_times_of_vehicles(nervous: Nervous) -> None:
    """A canary's sealed records have the vehicles' sizes, and it passes at a time of its own, not right behind a vehicle."""
    vehicles, canaries = split(nervous)

    def sizes(rows: list[StoredEncounter]) -> dict[tuple[str, bool], set[int]]:
        """Padded sizes by kind, and whether the lane made it."""
        lane, found = nervous.line.hosts["lane1"].identity.public, {}
        with read(nervous.site.store.engine) as connection:
            for row in rows:
                for record in record_rows.list_encounter_records(connection, row.id):
                    key = record.kind.value, record.device == sha256(lane).hex()
                    found.setdefault(key, set()).add(record.padded_size)
        return found

    real, made = sizes(vehicles), sizes(canaries)
    assert made[("template", True)] == real[("template", True)]
    assert made[("document", True)] <= real[("document", True)]
    for key, seen in made.items():
        assert min(real[key]) / 1.3 <= min(seen) <= max(seen) <= 1.3 * max(real[key]), key
    times = sorted(row.time for row in vehicles)
    for row in canaries:
        before = [time for time in times if time <= row.time]
        assert row.time - before[-1] >= timedelta(seconds=1.5)


def test_nobody_is_shown_a_canary(nervous: Nervous) -> None:
    """Reports, lists, crossings and the encounter's own page leave canaries out; every vehicle is there."""
    vehicles, canaries = split(nervous)
    portal = open_portal(nervous.site, "officer-7", "officer")
    shown = portal.lines(portal.rows())
    assert {line["encounter"] for line in shown} == {row.id for row in vehicles}
    with pytest.raises(NotFound):
        portal.line(canaries[0])
    listed = list_crossings(portal.register, portal.who)
    assert {one.encounter for one in listed} == {row.id for row in vehicles}
    assert all(one.occupants[0].outcome is Outcome.MATCH for one in nervous.reported)


def test_every_picture_of_a_canary_is_one(nervous: Nervous) -> None:
    """Each face and plate of each canary is refused, and told: none is overwritten by another."""
    _, canaries = split(nervous)
    thief = nervous.site.principal("officer-7", "officer")
    tried = 0
    for row in canaries:
        with read(nervous.site.store.engine) as connection:
            records = record_rows.list_encounter_records(connection, row.id)
        for record in records:
            if record.kind in {Kind.FACE, Kind.PLATE}:
                tried += 1
                with pytest.raises(Refused, match="not for reading"):
                    nervous.site.opener.read_now(thief, [record.object_id], Purpose.PRIMARY_INSPECTION)
    assert tried == 3 * len(canaries)
    assert len(nervous.site.ledger.find(type="canary-hit")) == tried


def open_each(site: Site, who: Principal, faces: list[RecordId]) -> None:
    """Open records one after another."""
    for face in faces:
        site.opener.read_now(who, [face], Purpose.PRIMARY_INSPECTION)


def test_thief_meets_a_canary(nervous: Nervous, clock: MovableClock) -> None:
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
