"""A port whose keyroom has pinned witnesses: two lanes, people with fresh staff ids, and a supervisor who signs shifts."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lineparts import PASSPHRASE, Line, MovableClock, make_vehicle
from signingparts import add_signer, hand_in, sign_matter, sign_shift
from witnessparts import Bench, make_bench

from wayseal.export.approval import Subject
from wayseal.flow.countersign import countersign_release
from wayseal.flow.policy import Principal
from wayseal.model.border import Seat
from wayseal.model.clock import to_text
from wayseal.model.custody import Kind, Purpose, Release
from wayseal.model.ids import RecordId, new_ulid
from wayseal.seal.keys import PassphraseCost
from wayseal.station.exports import open_disclosure
from wayseal.station.shift import Shift, begin_shift
from wayseal.station.site import init_site, open_site
from wayseal.store import records as record_rows
from wayseal.store.engine import read

PRIMARY = Purpose.PRIMARY_INSPECTION
CHIEF = "supervisor-of-the-day"


@dataclass
class Post:
    """A site whose keyroom wants witnesses, two lanes with a vehicle each, and people with fresh staff ids."""

    line: Line
    bench: Bench
    faces: dict[str, RecordId]
    people: list[int] = field(default_factory=list)

    def person(self, role: str = "officer", organisation: str = "agency") -> Principal:
        """Return somebody new."""
        self.people.append(len(self.people))
        return Principal(f"{role.replace('_', '-')}-{len(self.people)}", role, organisation)

    def open(self, who: Principal, *lanes: str) -> list[bytes]:
        """Let somebody open a face of each of these lanes in one request."""
        return self.line.site.opener.read_now(who, [self.faces[lane] for lane in lanes], PRIMARY)

    def ask(self, who: Principal, lane: str = "in1") -> Release:
        """Return a release that somebody has requested."""
        return self.line.site.opener.request(who, [self.faces[lane]], PRIMARY)[0]

    def begin(self, who: Principal, lanes: set[str], *, hours: float | None = None) -> Shift:
        """Begin somebody's shift, and let the supervisor of the day sign it."""
        return sign_shift(self.line.site, CHIEF, begin_shift(self.line.site, who, lanes, hours=hours))

    def write_grant(self, who: Principal, *, limit: int, life: timedelta) -> None:
        """Write a grant as whoever has the centre writes one, and have it signed and witnessed."""
        now, grant_id = self.line.clock(), new_ulid(self.line.clock.now)
        entry = {
            "type": "grant", "object": grant_id, "actor": who.id, "org": "agency", "lanes": ["in1"], "limit": limit,
            "purpose": PRIMARY.value, "time": to_text(now), "expires": to_text(now + life),
        }  # fmt: skip
        self.line.site.ledger.append([entry])
        hand_in(self.line.site, CHIEF, Subject.GRANT, grant_id)

    def approver(self, role: str, organisation: str = "agency") -> Principal:
        """Return somebody new whom the officials have appointed, with a key of their own."""
        who = self.person(role, organisation)
        add_signer(self.line.site, who.id, role, organisation)
        return who

    def sign(self, who: Principal, release: Release) -> bytes:
        """Return what an approver signs for a release."""
        return sign_matter(self.line.site, who.id, Subject.RELEASE, release.id)

    def approve(self, who: Principal, *releases: Release) -> None:
        """Let an approver sign releases, and hand in what they signed."""
        for release in releases:
            countersign_release(open_disclosure(self.line.site), release, self.sign(who, release))


@contextmanager
def open_post(folder: Path) -> Iterator[Post]:
    """Give the site, with two of its three witnesses running as processes."""
    clock = MovableClock(datetime(2026, 11, 22, 9, 15, tzinfo=UTC))
    with pytest.MonkeyPatch.context() as patch, make_bench(folder) as bench:
        patch.setattr(PassphraseCost.__init__, "__defaults__", (64, 1, 4))
        patch.setenv("WAYSEAL_RELEASE__BULK_BATCH", "4")
        patch.setenv("WAYSEAL_RELEASE__BULK_PER_HOUR", "8")
        patch.setenv("WAYSEAL_RELEASE__OPENS", "6")
        patch.setenv("WAYSEAL_RELEASE__CLOSES", "22")
        init_site(folder / "home", PASSPHRASE, evaluation=True, witnesses=bench.policy(), clock=clock)
        with open_site(folder / "home", PASSPHRASE, clock=clock) as site:
            bench.serve(site, "audit", "privacy")
            line, faces = Line(site, clock), {}
            for lane in ("in1", "in2"):
                answered = line.drive(line.lane(lane), make_vehicle(clock, {Seat.DRIVER: 1}))
                with read(site.store.engine) as connection:
                    rows = record_rows.list_encounter_records(connection, answered.id)
                faces[lane] = next(row.object_id for row in rows if row.kind is Kind.FACE)
            add_signer(site, CHIEF, "supervisor")
            yield Post(line, bench, faces)
