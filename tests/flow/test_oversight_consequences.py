"""What oversight leads to on a whole site: no key for an unfit lane, no opening for the suspended, nothing hidden from the ledger."""

from dataclasses import replace
from datetime import timedelta

import pytest
from lineparts import Line, MovableClock, make_vehicle
from overseeparts import BOSS, DAY, add_subcontractor, assess, enrol_host, give_duties

from wayseal.assess.host.facts import HostFacts
from wayseal.flow.duty_board import list_stopped
from wayseal.flow.oversee.describe import list_due, report_activity
from wayseal.flow.oversee.duties import certify_return
from wayseal.flow.oversee.register import end_contract, note_change, renew_training
from wayseal.flow.policy import Principal
from wayseal.model.border import Seat
from wayseal.model.custody import Purpose
from wayseal.model.errors import Integrity, NotArmed, Refused
from wayseal.model.oversight import AssessmentKind
from wayseal.station.arming import list_unfit, unfit_code
from wayseal.station.overseer import list_lanes, reinstate, suspend
from wayseal.station.papers import file_paper, read_facts
from wayseal.station.steady import Overseer
from wayseal.store.engine import write
from wayseal.store.oversight.equipment import put_component

HOUR = timedelta(hours=1)


@pytest.fixture
def armed(line: Line) -> Line:
    """A site whose lane1 is served by the subcontractor's computer, which has passed."""
    desk = line.site.oversight
    add_subcontractor(desk)
    enrol_host(desk)
    give_duties(desk)
    assess(desk)
    return line


def test_suspension_stops_lane_and_people(armed: Line, clock: MovableClock) -> None:
    """When `suspend` returns, the gate refuses the organisation's people whatever a caller claims, and its lane gets no further key."""
    site, lane = armed.site, armed.lane()
    answered = armed.drive(lane, make_vehicle(clock, {Seat.DRIVER: 1}))
    face = answered.occupants[0].record
    assert face is not None
    lying = Principal("tech:1", "officer", "sub", suspended=False)
    told = suspend(site, "prime", reason="late-notice", actor=BOSS)
    assert told["reached"] == ["prime", "sub"]
    assert told["gate_has_read"] > told["ledger_index"]
    assert told["disarmed_lanes"] == ["lane1"]
    with pytest.raises(Refused):
        site.opener.read_now(lying, [face], Purpose.PRIMARY_INSPECTION)
    assert site.principal("tech:1", "officer").suspended
    assert (
        len(site.opener.read_now(site.principal("chief:1", "officer"), [face], Purpose.PRIMARY_INSPECTION))
        == 1
    )
    clock.move(HOUR)
    with pytest.raises(NotArmed) as caught:
        lane.keep(make_vehicle(clock, {Seat.DRIVER: 1}, number=2))
    assert caught.value.facts["code"] == "organisation-suspended"
    assert unfit_code(site, "lane1") == "organisation-suspended"


def test_coming_back(armed: Line, clock: MovableClock) -> None:
    """Taken back with a fresh assessment and two approvals, and not before, an organisation has its lane armed again."""
    site = armed.site
    suspend(site, "sub", reason="copied-pictures", actor=BOSS)
    clock.move(HOUR)
    with pytest.raises(NotArmed):
        armed.lane()
    with pytest.raises(Refused):
        reinstate(site, "sub", approvers=("chief:1", "lab:1"), actor=BOSS)
    assess(site.oversight)
    back = reinstate(site, "sub", approvers=("chief:1", "lab:1"), actor=BOSS)
    assert (back["standing"], back["disarmed_lanes"]) == ("active", [])
    armed.drive(armed.lane(), make_vehicle(clock, {Seat.DRIVER: 1}))
    statuses = [site.ledger.entry(index)["status"] for index in site.ledger.find(type="lane-status")]
    assert statuses == ["disarmed", "armed"]


def test_lane_stops_with_the_hour_though_its_roster_reaches_further(armed: Line, clock: MovableClock) -> None:
    """A roster lists hours ahead for an outage; a lane that may have no further key stops with the hour all the same."""
    lane = armed.lane()
    end_contract(armed.site.oversight, "sub-1", actor=BOSS)
    armed.drive(lane, make_vehicle(clock, {Seat.DRIVER: 1}))
    clock.move(HOUR)
    with pytest.raises(NotArmed) as caught:
        lane.keep(make_vehicle(clock, {Seat.DRIVER: 1}, number=2))
    assert caught.value.facts["reasons"] == "no-contract"


def test_one_lane_falls_and_another_works(armed: Line, clock: MovableClock) -> None:
    """A refused lane takes no other lane's keys away."""
    armed.drive(armed.lane(), make_vehicle(clock, {Seat.DRIVER: 1}))
    assess(armed.site.oversight, failing={"p05"})
    clock.move(HOUR)
    with pytest.raises(NotArmed):
        armed.lane()
    armed.drive(armed.lane("lane2"), make_vehicle(clock, {Seat.DRIVER: 2}, number=2))
    assert set(list_unfit(armed.site)) == {"lane1"}
    (told,) = list_stopped(armed.site.oversight)
    assert (told.subject, told.code, told.more) == ("lane1", "disarmed", ("assessment-failed",))
    assert list_stopped(armed.site.oversight, "lane2") == []


def test_grace_is_for_the_late_only(armed: Line, clock: MovableClock) -> None:
    """Within the grace a lane whose daily probes are late goes on; one that failed a probe, or lost its notice, does not."""
    site = armed.site
    desk = replace(site.oversight, rules=replace(site.oversight.rules, grace=2 * HOUR))
    site.__dict__["oversight"] = desk
    clock.move(DAY + HOUR)
    assert unfit_code(site, "lane1") is None
    clock.move(2 * HOUR)
    assert unfit_code(site, "lane1") == "daily-probes-overdue"
    assess(desk, kind=AssessmentKind.DAILY, failing={"p03"})
    assert unfit_code(site, "lane1") == "daily-probes-failed"
    assess(desk, kind=AssessmentKind.DAILY)
    clock.move(364 * DAY)
    renew_training(desk, "lab:1", until=clock() + 9 * DAY, actor=BOSS)
    assess(desk)
    clock.move(DAY)
    assert unfit_code(site, "lane1") == "no-contract"


def test_station_tells_without_being_asked(armed: Line, clock: MovableClock) -> None:
    """A lane where nobody drives is told too when its probes run out: the station looks by itself."""
    clock.move(DAY + HOUR)
    watch = Overseer(armed.site)
    watch.do_once()
    assert watch.problem is None
    (index,) = armed.site.ledger.find(type="lane-status", lane="lane1")
    assert armed.site.ledger.entry(index)["reason"] == "daily-probes-overdue"
    watch.do_once()
    assert len(armed.site.ledger.find(type="lane-status", lane="lane1")) == 1


def test_what_is_due(armed: Line, clock: MovableClock) -> None:
    """A device owes the daily probes after a day, the whole catalogue after ninety or after a change."""
    desk = armed.site.oversight
    assert list_due(desk) == []
    assert [row["cycle"] for row in list_due(desk, within=DAY)] == ["daily"]
    clock.move(91 * DAY)
    assert [row["cycle"] for row in list_due(desk)] == ["full"]
    assess(desk)
    note_change(desk, "host-1", actor=BOSS)
    assert [row["cycle"] for row in list_due(desk)] == ["change"]


def test_lanes_show_what_was_sealed(armed: Line, clock: MovableClock) -> None:
    """Each lane's row counts what it sealed in the last day, and how much of that were pictures of people."""
    armed.drive(armed.lane(), make_vehicle(clock, {Seat.DRIVER: 1, Seat.FRONT_PASSENGER: 2}))
    (row,) = list_lanes(armed.site)
    assert (row["lane"], row["fit"], row["opted_out"]) == ("lane1", True, False)
    assert row["faces"] >= 4
    assert row["sealed"] >= row["faces"] + 2
    clock.move(2 * DAY)
    assert list_lanes(armed.site)[0]["sealed"] == 0


def test_report_of_an_organisation(armed: Line, clock: MovableClock) -> None:
    """The report holds what its people did and what was done about it, and nothing of anybody else."""
    site = armed.site
    armed.drive(armed.lane(), make_vehicle(clock, {Seat.DRIVER: 1}))
    assess(site.oversight)
    end_contract(site.oversight, "sub-1", actor=BOSS)
    certify_return(site.oversight, "sub-1", returned=0, destroyed=3, actor="tech:1")
    rows = list(report_activity(site.oversight, "sub", clock() - DAY))
    kinds = {row["type"] for row in rows}
    assert {"register", "org-status", "assessment", "attest", "probe-result"} <= kinds
    assert "capture" not in kinds
    assert any(row["actor"] == "tech:1" for row in rows)
    clock.move(3 * DAY)
    assert list(report_activity(site.oversight, "sub", clock() - DAY)) == []


def test_a_paper_swapped_in_the_database_is_found(line: Line) -> None:
    """What a host must show comes from the ledger: another declaration, written into the database with its own digest, is refused."""
    site = line.site
    file_paper(site, "facts.host-1", HostFacts(bios_version="1.2").encode(), actor=BOSS)
    assert read_facts(site, "host-1").bios_version == "1.2"
    file_paper(site, "facts.host-1", HostFacts(bios_version="1.3").encode(), actor=BOSS)
    assert read_facts(site, "host-1").bios_version == "1.3"
    for body in (HostFacts(bios_version="6.6").encode(), HostFacts(bios_version="1.2").encode()):
        with write(site.store.engine) as rows:
            put_component(rows, "facts.host-1", body, when=site.clock())
        with pytest.raises(Integrity):
            read_facts(site, "host-1")
