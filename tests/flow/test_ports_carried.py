"""What a lane's host sees at its ports reaches the centre's ledger over the lane's own line, and nothing else does."""

from datetime import timedelta
from pathlib import Path

import pytest
from carrierparts import Centre
from lineparts import MovableClock
from overseeparts import BOSS

from wayseal.assess.egress_watch import DeviceEvent
from wayseal.flow.duty import list_duty
from wayseal.flow.egress import EntryQueue, Watch, event_entry, list_silences, take_entries
from wayseal.flow.egress_duty import WATCH_GAP, settle_silences
from wayseal.flow.oversee.describe import list_finding_rows
from wayseal.flow.oversee.register import NewEquipment, enrol_equipment
from wayseal.model.clock import to_text
from wayseal.model.errors import Invalid, Refused
from wayseal.model.oversight import EquipmentKind
from wayseal.station.lane_home import LaneHome
from wayseal.station.ports import QUEUE, forward_queue
from wayseal.station.remote_lane import send_waiting
from wayseal.station.site import Site

STICK = DeviceEvent("refused", "usb", "1-2", "0781", "5567", None)


def test_event_reaches_centre(centre: Centre, lane: LaneHome, clock: MovableClock) -> None:
    """An event that waited at a lane is on the centre's ledger and duty screen, dated by the centre; the queue is empty then."""
    ledger = centre.site.ledger
    EntryQueue(lane.home / QUEUE).put([event_entry("lane1", STICK, clock())])
    clock.move(timedelta(hours=30))
    send_waiting(lane, lane.link, within_s=10)
    (index,) = ledger.find(type="usb-event")
    entry = ledger.entry(index)
    assert (entry["lane"], entry["object"], entry["port"]) == ("lane1", "lane1", "1-2")
    assert entry["seen"] < to_text(clock() - timedelta(hours=29))
    assert [note.code for note in list_duty(ledger, clock()) if note.kind == "usb-event"] == ["refused"]
    assert EntryQueue(lane.home / QUEUE).peek() == []


def test_equipment_of_lane(centre: Centre, lane: LaneHome, clock: MovableClock) -> None:
    """A host may tell under its equipment id once that is enrolled for the lane, and under no other's."""
    lane.link.report_ports([event_entry("lane1", STICK, clock())])
    with pytest.raises(Refused):
        lane.link.report_ports([event_entry("host-1", STICK, clock())])
    new = NewEquipment(EquipmentKind.LANE_HOST, "edge-7", "SN-1", centre.site.settings.organisation, "lane1")
    enrol_equipment(centre.site.oversight, "host-1", new, actor=BOSS)
    lane.link.report_ports([event_entry("host-1", STICK, clock())])
    assert len(centre.site.ledger.find(type="usb-event")) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"type": "org-status", "status": "active"}, {"type": "erase"}, {"object": "centre"}, {"lane": 7}, {"port": "a b"},
        {"note": "text"}, {"action": "pardoned"}, {"time": "yesterday"},
    ],
)  # fmt: skip
def test_lane_lies(centre: Centre, lane: LaneHome, clock: MovableClock, change: dict[str, object]) -> None:
    """A lane can put nothing on the ledger but its own ports' events, whatever it sends; all of a message or nothing is taken."""
    good = event_entry("lane1", STICK, clock())
    size = centre.site.ledger.size
    if change == {"lane": 7}:
        lane.link.report_ports([{**good, **change}])
        assert centre.site.ledger.entry(centre.site.ledger.size - 1)["lane"] == "lane1"
        return
    with pytest.raises((Refused, Invalid)):
        lane.link.report_ports([good, {**good, **change}])
    assert centre.site.ledger.size == size


def test_line_down(centre: Centre, lane: LaneHome, clock: MovableClock) -> None:
    """What the centre did not take waits; a second try does not double what it took."""
    queue = EntryQueue(lane.home / QUEUE)
    queue.put([event_entry("lane1", STICK, clock()), event_entry("other", STICK, clock())])
    with pytest.raises(Refused):
        forward_queue(lane.home, lane.link.report_ports)
    assert len(queue.peek()) == 2
    assert forward_queue(lane.home, lane.link.report_ports, most=1) == 1
    assert len(queue.peek()) == 1
    assert len(centre.site.ledger.find(type="usb-event")) == 1


def test_drift_reaches_centre(centre: Centre, lane: LaneHome, clock: MovableClock) -> None:
    """That somebody changed a host's policy is carried like an insertion, and holds up none that follows; another alarm is refused."""
    drift = {
        "type": "alarm",
        "alarm": "egress-guard-drift",
        "object": "lane1",
        "severity": "high",
        "count": 1,
    }
    drift["time"] = to_text(clock())
    EntryQueue(lane.home / QUEUE).put([drift, event_entry("lane1", STICK, clock())])
    assert forward_queue(lane.home, lane.link.report_ports) == 2
    (index,) = centre.site.ledger.find(type="alarm")
    assert (centre.site.ledger.entry(index)["alarm"], centre.site.ledger.entry(index)["lane"]) == (
        "egress-guard-drift",
        "lane1",
    )
    assert len(centre.site.ledger.find(type="usb-event")) == 1
    with pytest.raises(Refused):
        lane.link.report_ports([{**drift, "alarm": "canary"}])


class Silent:
    """A source in which nothing happens."""

    missed = 0
    last = 0

    def receive(self, timeout: float) -> list[DeviceEvent]:
        """Return nothing."""
        del timeout
        return []


@pytest.mark.parametrize("lie", [{"time": "2099-01-01T00:00:00.000Z"}, {"pace_s": 10**9}])
def test_a_host_cannot_excuse_its_silence(site: Site, clock: MovableClock, lie: dict[str, object]) -> None:
    """A beat that a host dates in the future, or a pace that it names for years, covers no silence."""
    beat = {
        "type": "egress-watch", "object": "host-1", "action": "beat", "events": 0, "missed": 0, "pace_s": 300,
        "time": to_text(clock()),
    }  # fmt: skip
    take_entries(site.ledger.append, "lane1", {"host-1"}, [{**beat, **lie}], clock())
    assert list_silences(site.ledger, "host-1", clock()) == []
    clock.move(timedelta(hours=3))
    (silence,) = list_silences(site.ledger, "host-1", clock())
    assert (silence.reason, silence.until) == ("no-beat", None)


def test_backfill_is_judged_by_the_centre(site: Site, clock: MovableClock) -> None:
    """Beats that a host brings hours later cover the time by its own clock only: for the centre it was a silence, with an end."""
    beat = {
        "type": "egress-watch", "object": "host-1", "action": "beat", "events": 0, "missed": 0, "pace_s": 300,
    }  # fmt: skip

    def bring(*ages: int) -> None:
        dated = [{**beat, "time": to_text(clock() - timedelta(minutes=age))} for age in ages]
        take_entries(site.ledger.append, "lane1", {"host-1"}, dated, clock())

    bring(0)
    clock.move(timedelta(minutes=9))
    bring(4)
    assert list_silences(site.ledger, "host-1", clock()) == []
    heard = clock()
    clock.move(timedelta(hours=3))
    bring(*range(184, 0, -5))
    (silence,) = list_silences(site.ledger, "host-1", clock())
    assert silence.reason == "told-late"
    assert silence.until is not None
    assert max(abs(silence.since - heard), abs(silence.until - clock())) < timedelta(seconds=1)
    clock.move(timedelta(minutes=5))
    bring(0)
    assert len(list_silences(site.ledger, "host-1", clock())) == 1
    assert len(settle_silences(site.oversight, "host-1")) == 1


def test_silence_is_a_finding(site: Site, clock: MovableClock, tmp_path: Path) -> None:
    """A watch that says nothing for twice its pace becomes a finding; when it has kept its pace for a day the finding closes."""
    watch = Watch(
        "host-1", Silent(), site.ledger.append, clock, tmp_path / "state.json", pace=timedelta(minutes=5)
    )
    watch.start()
    for _ in range(3):
        clock.move(timedelta(minutes=5))
        watch.step(0)
    assert list_silences(site.ledger, "host-1", clock()) == []
    assert settle_silences(site.oversight, "host-1") == ()
    clock.move(timedelta(minutes=11))
    (silence,) = list_silences(site.ledger, "host-1", clock())
    assert (silence.reason, silence.until) == ("no-beat", None)
    (finding,) = settle_silences(site.oversight, "host-1")
    assert settle_silences(site.oversight, "host-1") == ()
    (row,) = list_finding_rows(site.oversight, subject="host-1")
    assert (row["finding"], row["probe"], row["owner"]) == (finding, WATCH_GAP, site.settings.organisation)
    for _ in range(300):
        watch.step(0)
        clock.move(timedelta(minutes=5))
    assert settle_silences(site.oversight, "host-1") == (finding,)
    assert list_finding_rows(site.oversight, subject="host-1") == []
