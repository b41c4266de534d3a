"""Session grants, witnesses first and a second person: what a keyroom with pinned witnesses lets through, and what it does not."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from lineparts import PASSPHRASE, Line, MovableClock, make_vehicle
from witnessparts import Bench, make_bench

from wayseal.export.approval import Subject, decode_approval, encode_approval, sign_approval
from wayseal.flow.countersign import countersign_release, show_release
from wayseal.flow.partners import add_approver, enrol_own_key, find_enrolled, revoke_approver
from wayseal.flow.policy import Principal
from wayseal.model.border import Seat
from wayseal.model.clock import to_text
from wayseal.model.custody import Kind, Purpose, Release
from wayseal.model.errors import NoIntent, Refused, Unapproved, Unwitnessed
from wayseal.model.ids import RecordId, new_ulid
from wayseal.seal.envelope import parse_record
from wayseal.seal.keys import PassphraseCost, SigningIdentity
from wayseal.seal.keys.appointment import draft_appointment, sign_appointment
from wayseal.station.exports import open_disclosure, open_partners
from wayseal.station.portal import open_portal
from wayseal.station.shift import begin_shift, end_shift
from wayseal.station.site import init_site, open_site
from wayseal.store import records as record_rows
from wayseal.store.approvers import put_appointment
from wayseal.store.centre import read_record
from wayseal.store.engine import read, write

PRIMARY = Purpose.PRIMARY_INSPECTION
GRANTED = "pictures-are-opened-under-a-grant"


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

    def approver(self, role: str, organisation: str = "agency") -> Principal:
        """Return somebody new whom the officials have appointed, with a key of their own."""
        who = self.person(role, organisation)
        partners = open_partners(self.line.site, "privacy-1")
        add_approver(partners, who.id, organisation=organisation, role=role)
        enrol_own_key(partners, who.id, _signer(who.id).public)
        return who

    def sign(self, who: Principal, release: Release) -> bytes:
        """Return what an approver signs for a release."""
        ballot = show_release(open_disclosure(self.line.site), release)
        return encode_approval(
            sign_approval(
                release.id, who.id, manifest=ballot.manifest, checkpoint=ballot.checkpoint, signer=_signer(who.id),
                about=Subject.RELEASE,
            )
        )  # fmt: skip

    def approve(self, who: Principal, *releases: Release) -> None:
        """Let an approver sign releases, and hand in what they signed."""
        for release in releases:
            countersign_release(open_disclosure(self.line.site), release, self.sign(who, release))


def _signer(name: str) -> SigningIdentity:
    """Return an approver's key."""
    return SigningIdentity(name, hashlib.sha256(name.encode()).digest())


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Post]:
    """The site, with two of its three witnesses running as processes."""
    folder = tmp_path_factory.mktemp("post")
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
            yield Post(line, bench, faces)


def test_nothing_without_a_grant(post: Post) -> None:
    """An officer without a grant opens no picture; the refusal names the rule and says its text."""
    with pytest.raises(Unapproved) as refusal:
        post.open(post.person(), "in1")
    assert refusal.value.facts["rule"] == GRANTED
    assert "!context.granted" in str(refusal.value.facts["text"])


def test_grant_opens_its_lane(post: Post) -> None:
    """Under a witnessed grant the pictures of its lane open at once, no witness asked again; another lane's do not."""
    who = post.person()
    shift = begin_shift(post.line.site, who, {"in1"})
    assert shift.witnessed
    entry = post.line.site.ledger.entry(shift.ledger_index)
    assert (entry["actor"], entry["lanes"], entry["expires"]) == (who.id, ["in1"], to_text(shift.ends))
    asked = post.line.site.ledger.latest_checkpoint(cosigned=True)
    assert len(post.open(who, "in1")) == 1
    assert post.line.site.ledger.latest_checkpoint(cosigned=True) == asked
    with pytest.raises(Unapproved):
        post.open(who, "in2")
    with pytest.raises(Unapproved):
        post.open(post.person(), "in1")


def test_grant_is_for_its_purpose_and_shift(post: Post) -> None:
    """A grant ends with the shift and with the sign-out, holds for one purpose, and is never longer than a shift may be."""
    site, clock = post.line.site, post.line.clock
    who = post.person()
    shift = begin_shift(site, who, {"in1"}, hours=1)
    with pytest.raises(Refused):
        site.opener.read_now(who, [post.faces["in1"]], Purpose.SECONDARY_INSPECTION)
    clock.move(timedelta(hours=1))
    with pytest.raises(Unapproved):
        post.open(who, "in1")
    shift = begin_shift(site, who, {"in1"}, hours=100)
    assert shift.ends - clock.now <= timedelta(hours=10)
    assert post.open(who, "in1")
    end_shift(site, who, shift)
    with pytest.raises(Unapproved):
        post.open(who, "in1")
    now, long = clock(), clock.now + timedelta(days=30)
    entry = {
        "type": "grant", "object": new_ulid(now), "actor": who.id, "org": "agency", "lanes": ["in1"], "limit": 10**6,
        "purpose": PRIMARY.value, "time": to_text(now), "expires": to_text(long),
    }  # fmt: skip
    site.ledger.append([entry])
    site.opener.teach(witnessed=True)
    with pytest.raises(Unapproved):
        post.open(who, "in1")


def test_grant_that_no_witness_saw(post: Post) -> None:
    """A grant under the log's own signature alone counts for nothing until the witnesses' quorum has cosigned it."""
    site, who = post.line.site, post.person()
    post.bench.stop("privacy")
    with pytest.raises(Refused, match="too few witnesses"):
        begin_shift(site, who, {"in1"})
    with pytest.raises(Refused, match="too few witnesses"):
        post.open(who, "in1")
    post.bench.serve(site, "university")
    assert begin_shift(site, who, {"in1"}).witnessed
    assert post.open(who, "in1")


def test_out_of_lane_with_a_second_person(post: Post) -> None:
    """Another lane's picture opens when the witnesses have seen the intent and somebody of another role has approved it."""
    site, who = post.line.site, post.person()
    begin_shift(site, who, {"in1"})
    release = post.ask(who, "in2")
    with pytest.raises(Unapproved) as refusal:
        site.opener.open(who, [release])
    assert refusal.value.facts["release"] == release.id
    with pytest.raises(Refused, match="of their own"):
        site.opener.approve(who, release)
    post.approve(post.approver("officer"), release)  # another officer: the same role
    with pytest.raises(Unapproved):
        site.opener.open(who, [release])
    post.approve(post.approver("supervisor"), release)
    assert len(site.opener.open(who, [release])) == 1
    with pytest.raises(NoIntent):
        site.opener.open(who, [release])


def test_approval_is_for_one_release(post: Post) -> None:
    """An approval holds for its release only, for minutes only, and only from a role that may approve in an organisation in force."""
    site, clock, who = post.line.site, post.line.clock, post.person()
    begin_shift(site, who, {"in1"})
    first, other = post.ask(who, "in2"), post.ask(who, "in2")
    post.approve(post.approver("supervisor"), first)
    with pytest.raises(Unapproved):
        site.opener.open(who, [other])
    with pytest.raises(Refused, match="may not approve"):
        post.approve(post.approver("matcher"), other)
    site.opener.approve(post.person("vendor", "maintainer"), other)
    with pytest.raises(Unapproved):
        site.opener.open(who, [other])
    clock.move(timedelta(minutes=3))
    with pytest.raises(NoIntent, match="too old"):
        site.opener.open(who, [first])
    waiting = post.ask(who, "in2")
    clock.move(timedelta(minutes=50))
    post.approve(post.approver("privacy_officer"), waiting)
    assert site.opener.open(who, [waiting])


def test_names_are_not_taken_at_their_word(post: Post) -> None:
    """An approval that nobody signed, or that is said to be of somebody who signed another release, opens nothing."""
    site, who, boss = post.line.site, post.person(), post.approver("supervisor")
    begin_shift(site, who, {"in1"})
    release, other = post.ask(who, "in2"), post.ask(who, "in2")
    with pytest.raises(Refused, match="signature only"):
        open_portal(site, boss.id, "supervisor").approve_release(release)
    site.opener.approve(boss, release)
    with pytest.raises(Unapproved):
        site.opener.open(who, [release])
    raw, desk = post.sign(boss, release), open_disclosure(site)
    for bad, why in (
        (raw, "another release"),
        (
            encode_approval(replace(decode_approval(raw, Subject.RELEASE), export=other.id)),
            "another manifest",
        ),
    ):
        with pytest.raises(Refused, match=why):
            countersign_release(desk, other, bad)
    site.opener.approve(boss, other, {"approval_sha256": hashlib.sha256(raw).hexdigest()})
    with pytest.raises(Unapproved):
        site.opener.open(who, [other])
    partners = replace(open_partners(site, "privacy-1"), appoint=None)
    add_approver(partners, "boss-unknown", organisation="agency", role="supervisor")
    enrol_own_key(partners, "boss-unknown", _signer("boss-unknown").public)
    with pytest.raises(Unapproved, match="not appointed"):
        countersign_release(desk, release, post.sign(replace(boss, id="boss-unknown"), release))
    countersign_release(desk, release, raw)
    revoke_approver(open_partners(site, "privacy-1"), boss.id)
    with pytest.raises(Unapproved):
        site.opener.open(who, [release])
    post.approve(post.approver("supervisor"), release)
    assert len(site.opener.open(who, [release])) == 1


def test_made_up_second_person(post: Post) -> None:
    """A second person whom the centre made up, with rows, entries and an appointment by nobody's officials, opens nothing and hinders nothing."""
    site, who = post.line.site, post.person()
    begin_shift(site, who, {"in1"})
    partners = replace(open_partners(site, "privacy-1"), appoint=None)
    person, _ = add_approver(partners, "mallory", organisation="agency", role="supervisor")
    enrol_own_key(partners, "mallory", _signer("mallory").public)
    (key,) = find_enrolled(site.store, "mallory")
    draft = draft_appointment(site.ledger.origin, person, key, site.clock())
    document = sign_appointment(draft, SigningIdentity("official", b"o" * 32))
    with write(site.store.engine) as connection:
        put_appointment(connection, key.id, document)
    entry = {"type": "approver", "object": "mallory", "action": "appointed", "org": "agency"}
    site.ledger.append([entry | {"appointment_sha256": hashlib.sha256(document).hexdigest()}])
    boss = Principal("mallory", "supervisor", "agency")
    away, own = post.ask(who, "in2"), post.ask(who, "in1")
    post.approve(boss, away, own)
    with pytest.raises(Unapproved):
        site.opener.open(who, [away])
    assert len(site.opener.open(who, [own])) == 1
    honest = post.approver("supervisor")
    post.approve(honest, away)
    assert len(site.opener.open(who, [away])) == 1


def test_bulk_is_witnessed_and_approved(post: Post) -> None:
    """More pictures than usual, in one request or in an hour, need both; one by one under a grant they do not."""
    site, who = post.line.site, post.person()
    begin_shift(site, who, {"in1"})
    releases = site.opener.request(who, [post.faces["in1"]] * 5, PRIMARY)
    with pytest.raises(Unapproved) as refusal:
        site.opener.open(who, releases)
    assert refusal.value.facts["rule"] == "unusual-openings-need-a-second-person"
    boss = post.approver("supervisor")
    post.approve(boss, *releases[:-1])
    with pytest.raises(Unapproved):
        site.opener.open(who, releases)
    post.approve(boss, releases[-1])
    assert len(site.opener.open(who, releases)) == 5
    for _ in range(3):
        post.open(who, "in1")
    with pytest.raises(Unapproved):
        post.open(who, "in1")
    post.line.clock.move(timedelta(hours=1, minutes=1))
    assert post.open(who, "in1")


def test_bulk_without_witnesses(post: Post) -> None:
    """An approved bulk release opens nothing while the witnesses cannot be reached: the gate wants their word first."""
    site, who = post.line.site, post.person()
    begin_shift(site, who, {"in1"})
    releases = site.opener.request(who, [post.faces["in1"]] * 5, PRIMARY)
    post.approve(post.approver("supervisor"), *releases)
    running = list(post.bench.running)
    post.bench.stop(*running)
    with pytest.raises(Refused, match="too few witnesses"):
        site.opener.open(who, releases)
    sealed = [parse_record(read_record(site.store, one.record)) for one in releases]
    with pytest.raises(Unwitnessed):
        site.opener.keys.unwrap(who, site.opener._prove(sealed, releases))
    assert post.open(who, "in1")
    post.bench.serve(site, *running)
    assert len(site.opener.open(who, releases)) == 5


def test_after_hours(post: Post) -> None:
    """When the site is closed by its own clock a picture needs witnesses and a second person, grant or no grant."""
    site, clock, who = post.line.site, post.line.clock, post.person()
    late = clock.now.replace(hour=22, minute=5)
    record = post.faces["in1"]
    clock.move(late - clock.now - timedelta(minutes=30))
    answered = post.line.drive(post.line.lane("in1"), make_vehicle(clock, {Seat.DRIVER: 1}))
    assert answered.occupants[0].record is not None
    post.faces["in1"] = answered.occupants[0].record
    begin_shift(site, who, {"in1"})
    assert post.open(who, "in1")
    clock.move(timedelta(minutes=40))
    release = post.ask(who)
    with pytest.raises(Unapproved):
        site.opener.open(who, [release])
    post.approve(post.approver("privacy_officer"), release)
    assert site.opener.open(who, [release])
    post.faces["in1"] = record


def test_grant_has_a_limit(post: Post) -> None:
    """A grant covers so many pictures; after them its lane is as any other."""
    site, who = post.line.site, post.person()
    clock = post.line.clock
    clock.move(timedelta(hours=9))
    answered = post.line.drive(post.line.lane("in1"), make_vehicle(clock, {Seat.DRIVER: 1}))
    assert answered.occupants[0].record is not None
    post.faces["in1"] = answered.occupants[0].record
    now = clock()
    entry = {
        "type": "grant", "object": new_ulid(now), "actor": who.id, "org": "agency", "lanes": ["in1"], "limit": 2,
        "purpose": PRIMARY.value, "time": to_text(now), "expires": to_text(now + timedelta(hours=1)),
    }  # fmt: skip
    site.ledger.append([entry])
    site.opener.teach(witnessed=True)
    assert post.open(who, "in1", "in1")
    with pytest.raises(Unapproved):
        post.open(who, "in1")
