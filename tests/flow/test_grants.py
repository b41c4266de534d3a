"""Session grants, witnesses first and a second person: what a keyroom with pinned witnesses lets through, and what it does not."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from lineparts import make_vehicle
from postparts import PRIMARY, Post, open_post
from signingparts import find_signer

from wayseal.export.approval import Subject, decode_approval, encode_approval
from wayseal.flow.countersign import countersign_release
from wayseal.flow.partners import add_approver, enrol_own_key, find_enrolled, revoke_approver
from wayseal.flow.policy import Principal
from wayseal.model.border import Seat
from wayseal.model.clock import to_text
from wayseal.model.custody import Purpose
from wayseal.model.errors import NoIntent, Refused, Unapproved, Unwitnessed
from wayseal.seal.envelope import parse_record
from wayseal.seal.keys import SigningIdentity
from wayseal.seal.keys.appointment import draft_appointment, sign_appointment
from wayseal.station.exports import open_disclosure, open_partners
from wayseal.station.portal import open_portal
from wayseal.station.shift import begin_shift, end_shift
from wayseal.store.approvers import put_appointment
from wayseal.store.centre import read_record
from wayseal.store.engine import write

GRANTED = "pictures-are-opened-under-a-grant"


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Post]:
    """The site, with two of its three witnesses running as processes."""
    with open_post(tmp_path_factory.mktemp("post")) as made:
        yield made


def test_nothing_without_a_grant(post: Post) -> None:
    """An officer without a grant opens no picture; the refusal names the rule and says its text."""
    with pytest.raises(Unapproved) as refusal:
        post.open(post.person(), "in1")
    assert refusal.value.facts["rule"] == GRANTED
    assert "!context.granted" in str(refusal.value.facts["text"])


def test_grant_opens_its_lane(post: Post) -> None:
    """Under a witnessed grant the pictures of its lane open at once, no witness asked again; another lane's do not."""
    who = post.person()
    shift = post.begin(who, {"in1"})
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
    shift = post.begin(who, {"in1"}, hours=1)
    with pytest.raises(Refused):
        site.opener.read_now(who, [post.faces["in1"]], Purpose.SECONDARY_INSPECTION)
    clock.move(timedelta(hours=1))
    with pytest.raises(Unapproved):
        post.open(who, "in1")
    shift = post.begin(who, {"in1"}, hours=100)
    assert shift.ends - clock.now <= timedelta(hours=10)
    assert post.open(who, "in1")
    end_shift(site, who, shift)
    with pytest.raises(Unapproved):
        post.open(who, "in1")
    post.write_grant(who, limit=10**6, life=timedelta(days=30))
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
    assert post.begin(who, {"in1"}).witnessed
    assert post.open(who, "in1")


def test_out_of_lane_with_a_second_person(post: Post) -> None:
    """Another lane's picture opens when the witnesses have seen the intent and somebody of another role has approved it."""
    site, who = post.line.site, post.person()
    post.begin(who, {"in1"})
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
    post.begin(who, {"in1"})
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
    post.begin(who, {"in1"})
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
    enrol_own_key(partners, "boss-unknown", find_signer("boss-unknown").public)
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
    post.begin(who, {"in1"})
    partners = replace(open_partners(site, "privacy-1"), appoint=None)
    person, _ = add_approver(partners, "mallory", organisation="agency", role="supervisor")
    enrol_own_key(partners, "mallory", find_signer("mallory").public)
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
    post.begin(who, {"in1"})
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
    post.begin(who, {"in1"})
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
    post.begin(who, {"in1"})
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
    who, clock = post.person(), post.line.clock
    clock.move(timedelta(hours=9))
    answered = post.line.drive(post.line.lane("in1"), make_vehicle(clock, {Seat.DRIVER: 1}))
    assert answered.occupants[0].record is not None
    post.faces["in1"] = answered.occupants[0].record
    post.write_grant(who, limit=2, life=timedelta(hours=1))
    assert post.open(who, "in1", "in1")
    with pytest.raises(Unapproved):
        post.open(who, "in1")
