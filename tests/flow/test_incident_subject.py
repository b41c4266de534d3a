"""Whom an incident is about: nothing that happens to lane, device, person or rule afterwards makes it smaller."""

from datetime import datetime, timedelta

import pytest
from lineparts import Line, MovableClock, make_vehicle
from overseeparts import BOSS, add_subcontractor, assess, enrol_host, give_duties

from wayseal.flow.oversee.register import add_person, add_vendor, note_change, retire_equipment
from wayseal.flow.scope import Scope
from wayseal.model.border import Seat
from wayseal.model.errors import Invalid, NotArmed
from wayseal.model.ids import new_ulid
from wayseal.model.oversight import SubjectKind, Tier
from wayseal.station.incidents import scope_subject
from wayseal.station.overseer import suspend

HOUR = timedelta(hours=1)


@pytest.fixture
def story(line: Line, clock: MovableClock) -> Line:
    """A subcontractor's lane computer photographs a vehicle, and then fails a probe for plaintext on its disk."""
    desk = line.site.oversight
    add_subcontractor(desk)
    enrol_host(desk)
    give_duties(desk)
    assess(desk)
    line.drive(line.lane(), make_vehicle(clock, {Seat.DRIVER: 1}))
    clock.move(timedelta(minutes=1))
    assess(desk, failing={"p05"})
    return line


def scope(line: Line, kind: SubjectKind, subject: str, since: datetime | None = None) -> Scope:
    """What the last hours concern."""
    now = line.site.clock()
    found, _ = scope_subject(line.site, kind, subject, since=since or now - 12 * HOUR, until=now + HOUR)
    return found


def test_a_suspended_lane_stays_in_scope(story: Line, clock: MovableClock) -> None:
    """Suspended, off the roster, given another key and retired: the lane computer's pictures are still counted, by every name it had."""
    names = (SubjectKind.DEVICE, "host-1"), (SubjectKind.DEVICE, "lane1"), (SubjectKind.ORGANISATION, "sub")
    before = [scope(story, *name).records for name in names]
    assert all(len(one) == 2 for one in before)
    suspend(story.site, "sub", reason="copied-pictures", actor=BOSS)
    clock.move(HOUR)
    with pytest.raises(NotArmed):
        story.lane()
    story.lane("lane2")
    roster = story.site.keyroom.read_roster()
    assert roster is not None
    assert "lane1" not in roster.devices
    note_change(story.site.oversight, "host-1", actor=BOSS, lane="lane2", key="ab" * 32)
    retire_equipment(story.site.oversight, "host-1", actor=BOSS)
    assert [scope(story, *name).records for name in names] == before
    assert scope(story, SubjectKind.ORGANISATION, "sub").question.places.keys() >= {"lane1"}
    with pytest.raises(Invalid):
        scope(story, SubjectKind.DEVICE, "lane9")


def test_a_prime_answers_for_those_below(story: Line) -> None:
    """A prime's scope has its subcontractors' devices and doings, at any depth, each with its tier; a stranger's chain is not in it."""
    desk, site = story.site.oversight, story.site
    add_vendor(desk, "below", tier=Tier.SUBCONTRACTOR, under="sub", actor=BOSS)
    add_vendor(desk, "other", tier=Tier.PRIME, under=None, actor=BOSS)
    found = scope(story, SubjectKind.ORGANISATION, "prime")
    assert found.records == scope(story, SubjectKind.ORGANISATION, "sub").records
    assert {name: (tie.tier, tie.under) for name, tie in found.question.organisations.items()} == {
        "prime": ("prime", None), "sub": ("subcontractor", "prime"), "below": ("subcontractor", "sub"),
    }  # fmt: skip
    assert scope(story, SubjectKind.ORGANISATION, "below").images == 0
    assert scope(story, SubjectKind.ORGANISATION, "other").images == 0
    record, release = found.records[0], new_ulid(site.clock())
    doing = {"object": record, "actor": "tech:9", "org": "below", "purpose": "matching", "release": release}
    (intent,) = site.ledger.append([{"type": "open-intent", **doing}])
    site.ledger.append([{"type": "open-done", **doing, "intent": intent, "outcome": "opened"}])
    found = scope(story, SubjectKind.ORGANISATION, "prime")
    assert (found.opened, found.opened_by) == ((record,), {"below": 1})
    assert scope(story, SubjectKind.ORGANISATION, "other").opened == ()
    told = suspend(site, "prime", reason="copied-pictures", actor=BOSS)
    assert told["reached"] == ["prime", "sub", "below"]
    assert told["tiers"] == {"prime": "prime", "sub": "subcontractor", "below": "subcontractor"}


def test_a_vendors_people_reach_nothing(story: Line) -> None:
    """Policy lets a vendor's people open nothing in any role; an officer could have opened everything."""
    known = story.site.clock() - HOUR / 120
    assert scope(story, SubjectKind.PRINCIPAL, "tech:1", since=known).images == 0
    assert scope(story, SubjectKind.PRINCIPAL, "chief:1", since=known).images == 2


def test_a_past_role_counts(story: Line, clock: MovableClock) -> None:
    """Somebody who was registered only later may have named any role before; somebody known all along had theirs."""
    clock.move(HOUR)
    add_person(
        story.site.oversight, "clerk:1", organisation="agency", role="clerk", training_until=None, actor=BOSS
    )
    assert scope(story, SubjectKind.PRINCIPAL, "clerk:1").images == 2
    clock.move(HOUR)
    assert scope(story, SubjectKind.PRINCIPAL, "clerk:1", since=clock() - HOUR / 2).images == 0


def test_rules_tightened_afterwards_hide_nothing(story: Line) -> None:
    """Where other rules than today's were in force, nobody can tell what they allowed: everything counts as reachable, and it says so."""
    add_vendor(story.site.oversight, "late", tier=Tier.PRIME, under=None, actor=BOSS)
    assert scope(story, SubjectKind.ORGANISATION, "late").images == 0
    story.site.ledger.append([{"type": "config", "object": "site-rules", "config_sha256": "ef" * 32}])
    found = scope(story, SubjectKind.ORGANISATION, "late")
    assert (found.images, found.question.rules_known) == (2, False)
