"""A whole line without a camera: a clock that tests can move, made-up vehicles, a searcher, a lane and a register."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import Connection

from wayseal.flow.identify import Identification, identify_encounter
from wayseal.flow.review import Register
from wayseal.model.border import (
    Band,
    Candidate,
    Direction,
    Encounter,
    Occupant,
    Outcome,
    PlainImage,
    Plate,
    Quality,
    SearchAnswer,
    Seat,
    Shot,
    Template,
    VehiclePass,
)
from wayseal.station.lane import LaneHost, LaneStation
from wayseal.station.site import Site

PASSPHRASE = b"correct horse battery staple"
MODEL = "ab" * 32


class MovableClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, start: datetime) -> None:
        self.now = start

    def __call__(self) -> datetime:
        """Return the pretended time, a millisecond later at each call, as real clocks go on."""
        self.now += timedelta(milliseconds=1)
        return self.now

    def move(self, step: timedelta) -> None:
        """Let time pass, or turn it back."""
        self.now += step


def make_template(seed: int) -> Template:
    """A unit vector that stands for a person."""
    vector = np.random.default_rng(seed).normal(size=128).astype(np.float32)
    return Template(vector / np.linalg.norm(vector), MODEL, 13.0)


def make_picture(seed: int) -> PlainImage:
    """Bytes with a JPEG's beginning and end, so that a residue scan would know them."""
    noise = np.random.default_rng(seed).integers(0, 256, 6000, dtype=np.uint8).tobytes()
    return PlainImage(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + noise + b"\xff\xd9", 120, 160)


def make_vehicle(
    clock: MovableClock, people: dict[Seat, int | None], *, plate: str | None = "6NM162", number: int = 1
) -> VehiclePass:
    """A vehicle with people by seat; None is somebody seen and not captured."""
    now = clock()
    occupants = []
    for seat, person in people.items():
        if person is None:
            occupants.append(Occupant(seat=seat, best=None, picture=None, template=None, reasons=("hidden",)))
            continue
        template = make_template(person)
        shot = Shot(
            frame=7, time=now, box=(10.0, 20.0, 60.0, 80.0), landmarks=np.zeros((5, 2), np.float32), detector_score=0.9,
            inter_eye_px=41.0, quality=Quality(77, {"sharpness": 61.0}), template=template,
        )  # fmt: skip
        occupants.append(
            Occupant(seat=seat, best=shot, picture=make_picture(person), template=template, shots=5)
        )
    read = None
    if plate is not None:
        read = Plate(text=plate, region="wv", reads=3, confidence=0.97, frame=9, picture=make_picture(999))
    return VehiclePass(
        number=number, entered=now - timedelta(seconds=2), left=now, speed_mph=20.4, plate=read,
        occupants=tuple(occupants), occupants_seen=len(occupants), frames=30,
    )  # fmt: skip


class KnownFaces:
    """A searcher that knows travellers by the exact template of a seed."""

    def __init__(self, known: dict[str, int]) -> None:
        self._known = {name: make_template(seed).vector for name, seed in known.items()}
        self.expected: list[tuple[str, ...]] = []

    def search(self, templates: Sequence[Template], expected: Collection[str] = ()) -> list[SearchAnswer]:
        """Return the traveller whose template this is, and remember whom the plate announced."""
        self.expected.append(tuple(expected))
        return [self._answer(template) for template in templates]

    def facts(self) -> SearchAnswer:
        """Return an answer about nobody."""
        return SearchAnswer(
            Outcome.NO_MATCH, (), 0.4, 0.003, "port", len(self._known), MODEL, len(self._known), 0, exact=True
        )

    def _answer(self, template: Template) -> SearchAnswer:
        empty = self.facts()
        for name, vector in self._known.items():
            score = float(vector @ template.vector)
            if score > 0.9:
                candidates = (Candidate(name, score, Band.STRONG),)
                return SearchAnswer(
                    Outcome.MATCH, candidates, 0.4, 0.003, "port", len(self._known), MODEL, 2, 0, exact=True
                )
        return empty


class NoCamera:
    """A capture that never sees anything: tests hand vehicles to the lane themselves."""

    def feed(self, _frame: object) -> list[VehiclePass]:
        """Return no vehicle."""
        return []

    def finish(self) -> list[VehiclePass]:
        """Return no vehicle."""
        return []


@dataclass
class Line:
    """A lane, a matcher and a register on one site."""

    site: Site
    clock: MovableClock
    searcher: KnownFaces = field(default_factory=lambda: KnownFaces({"traveller-1": 1, "traveller-2": 2}))
    hosts: dict[str, LaneHost] = field(default_factory=dict)
    expect: Callable[[str | None], Collection[str]] = lambda _: ()
    expect_alike: Callable[[str | None], Collection[str]] = lambda _: ()
    watch: Callable[[Connection, Encounter], object] = lambda _connection, _encounter: None

    def lane(self, name: str = "lane1", direction: Direction = Direction.ENTRY) -> LaneStation:
        """Return a lane that delivers to this site."""
        if name not in self.hosts:
            self.hosts[name] = self.site.open_lane(name)
        host = self.hosts[name]
        return LaneStation(
            host, NoCamera(), direction=direction, keys=self.site.roster_keys(host), clock=self.clock,
            deliver=lambda encounter, records: self.site.receive(encounter, records, direction=direction),
        )  # fmt: skip

    @property
    def work(self) -> Identification:
        """Return the matcher's parts."""
        return Identification(
            opener=self.site.opener, archive=self.site.archive, searcher=self.searcher,
            matcher=self.site.principal("matcher", "matcher"),
            record_class=self.site.settings.retention.default_class, expect=self.expect,
            expect_alike=self.expect_alike,
            watch=self.watch,
        )  # fmt: skip

    @property
    def register(self) -> Register:
        """Return the crossings' parts."""
        return Register(
            archive=self.site.archive, opener=self.site.opener, policy=self.site.policy,
            index=self.site.keys.index, record_class=self.site.settings.retention.crossing_class, clock=self.clock,
        )  # fmt: skip

    def drive(self, lane: LaneStation, seen: VehiclePass) -> Encounter:
        """Let one vehicle go the whole line up to its answer."""
        sealed = lane.keep(seen)
        assert lane.send_pending() == [sealed.encounter]
        return identify_encounter(self.work, sealed.encounter)
